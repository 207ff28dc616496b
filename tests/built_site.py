"""The built site: its pages, and what a browser complains about."""

import functools
import json
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"
PAGES = sorted(
    f"book/{path.stem}"
    for kind in ("*.ipynb", "*.md")
    for path in (ROOT / "book").glob(kind)
)
MADE = ["genindex", "search", "_modules/index", "_modules/vitlib/vit"]
NOTEBOOKS = [p for p in PAGES if (ROOT / f"{p}.ipynb").exists()]


def of_page(pages):
    """Run a test for each page; those of one page run in one process."""
    return pytest.mark.parametrize("page", pages)


def figures_of(page):
    """Name the live figures that the page's notebook holds."""
    path = ROOT / f"{page}.ipynb"
    if not path.exists():
        return []
    return [
        output["metadata"]["vitlib"]["live"]["figure"]
        for cell in json.loads(path.read_text())["cells"]
        for output in cell.get("outputs", [])
        if "live" in output.get("metadata", {}).get("vitlib", {})
    ]


def html(page: str) -> Path:
    return SITE / f"{page}.html"


class Quiet(SimpleHTTPRequestHandler):
    """Serve a site and say nothing."""

    def log_message(self, *args):
        pass


@contextmanager
def serve(folder: Path):
    """Serve a folder; give its address."""
    handler = functools.partial(Quiet, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def watch(tab, home: str) -> list[str]:
    """Collect what the browser complains about, and whom it asks."""
    complaints = []

    def asked(request):
        if not request.url.startswith((home, "data:", "blob:")):
            complaints.append(f"asked outside: {request.url}")

    def answered(response):
        if response.status >= 400:
            complaints.append(f"{response.status}: {response.url}")

    def failed(request):
        if request.failure != "net::ERR_ABORTED":  # the page was left
            complaints.append(f"failed: {request.url} {request.failure}")

    def said(message):
        if message.type in ("error", "warning"):
            complaints.append(f"console: {message.text}")

    tab.on("request", asked)
    tab.on("response", answered)
    tab.on("requestfailed", failed)
    tab.on("console", said)
    tab.on("pageerror", lambda e: complaints.append(f"error: {e}"))
    return complaints
