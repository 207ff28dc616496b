"""A name of the hub, from a server on this machine and from the cache."""

import hashlib
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub import constants

from vitlib.pretrained import load

FILES = Path(__file__).parent / "pretrained_files"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PATHS = re.compile(r"/([\w-]+/[\w.-]+)/resolve/([\w.-]+)/(.+)")
NAME = "someone/tiny-vit"


class Hub(BaseHTTPRequestHandler):
    """What huggingface_hub asks of a hub: HEAD and GET of a file."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(with_content=False)

    def do_GET(self):
        self.answer(with_content=True)

    def answer(self, with_content):
        server = self.server
        found = PATHS.fullmatch(self.path)
        content = server.files.get((found[1], found[3])) if found else None
        start = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(start[1]) if start else 0
        server.asked.append((self.command, found and found[3], start))
        if content is None:
            known = found and any(r == found[1] for r, _ in server.files)
            missing = "EntryNotFound" if known else "RepoNotFound"
            self.send_response(404)
            self.send_header("X-Error-Code", missing)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header(
            "ETag", f'"{hashlib.sha256(content).hexdigest()}"'
        )
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if not with_content:
            return
        part = content[start:]
        if server.breaks and found[3].startswith("model"):
            server.breaks -= 1
            part = part[: len(part) // 2]
            self.close_connection = True
        self.wfile.write(part)
        self.wfile.flush()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A server with the files of one model, and an empty cache."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    folder = FILES / "transformers_vit"
    server.files = {
        (NAME, path.name): path.read_bytes() for path in folder.iterdir()
    }
    server.asked, server.breaks = [], 0
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        endpoint + "/{repo_id}/resolve/{revision}/{filename}",
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    huggingface_hub.close_session()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
    huggingface_hub.close_session()


@pytest.fixture
def go_offline(monkeypatch):
    """Call it: from then on the client asks nobody."""

    def go():
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        huggingface_hub.close_session()

    return go


def assert_it_is_the_file(loaded):
    local = load(FILES / "transformers_vit")
    assert loaded[1:] == local[1:]
    for ours, theirs in zip(
        loaded.model.parameters(), local.model.parameters(), strict=True
    ):
        assert torch.equal(ours, theirs)


def got(hub):
    return [n for verb, n, _ in hub.asked if verb == "GET" and n]


def test_a_name_of_the_hub_is_fetched_once(hub):
    assert_it_is_the_file(load(NAME))
    files = [
        "config.json",
        "preprocessor_config.json",
        "model.safetensors",
    ]
    assert got(hub) == files
    hub.asked.clear()
    assert_it_is_the_file(load(NAME))
    assert got(hub) == []


def test_what_is_in_the_cache_needs_no_hub(hub, go_offline):
    load(NAME)
    hub.asked.clear()
    go_offline()
    assert_it_is_the_file(load(NAME))
    assert hub.asked == []


def test_a_revision_may_be_named(hub):
    assert_it_is_the_file(load(f"{NAME}@{COMMIT}"))
    assert_it_is_the_file(load(f"{NAME}@{COMMIT}"))
    assert len(got(hub)) == 3


def test_a_download_that_breaks_off_goes_on_where_it_was(hub, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1024)
    hub.breaks = 1
    assert_it_is_the_file(load(NAME))
    weights = "GET", "model.safetensors"
    starts = [start for *what, start in hub.asked if (*what,) == weights]
    half = len(hub.files[NAME, "model.safetensors"]) // 2
    assert starts == [0, half - half % 1024]


@pytest.mark.long
def test_another_hub_may_be_named_in_the_environment(hub, tmp_path):
    """The client reads HF_ENDPOINT once, when it is imported."""
    told = {
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "HF_HUB_CACHE": str(tmp_path / "another"),
    }
    code = f"from vitlib.pretrained import load; load({NAME!r})"
    subprocess.run(
        [sys.executable, "-c", code], env=os.environ | told, check=True
    )
    assert got(hub)[-1] == "model.safetensors"


def test_weights_in_several_files_are_told_to_be_made_one(hub, refuses):
    content = hub.files.pop((NAME, "model.safetensors"))
    hub.files[NAME, "model.safetensors.index.json"] = b"{}"
    hub.files[NAME, "model-00001-of-00001.safetensors"] = content
    refuses(lambda: load(NAME), NAME, "several files", "max_shard_size")


def test_offline_what_is_not_in_the_cache_is_named(
    hub, refuses, go_offline
):
    go_offline()
    refuses(lambda: load(NAME), NAME, "cache")
    assert hub.asked == []


def test_a_name_that_the_hub_does_not_know_is_named(hub, refuses):
    refuses(lambda: load("someone/else"), "someone/else", "hub")
    del hub.files[NAME, "model.safetensors"]
    refuses(lambda: load(NAME), NAME, "model.safetensors")


def test_without_a_network_the_hub_is_named(hub, refuses, monkeypatch):

    monkeypatch.setattr("time.sleep", lambda seconds: None)  # it retries
    nowhere = "http://127.0.0.1:9/{repo_id}/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", nowhere)
    refuses(lambda: load(NAME), NAME, "hub")


def test_older_files_of_torch_are_taken_where_there_is_nothing_else(
    hub, tmp_path
):
    folder = tmp_path / "bin"
    folder.mkdir()
    state = load(NAME).model
    from safetensors.torch import load as read

    torch.save(
        read(hub.files.pop((NAME, "model.safetensors"))), folder / "x"
    )
    hub.files["someone/old", "pytorch_model.bin"] = (
        folder / "x"
    ).read_bytes()
    for name in ("config.json", "preprocessor_config.json"):
        hub.files["someone/old", name] = hub.files[NAME, name]
    again = load("someone/old").model
    assert torch.equal(again.head.weight, state.head.weight)
    assert got(hub)[-1] == "pytorch_model.bin"
