"""A run in one process: what it computes, leaves, and goes on from."""

import errno
import json
import multiprocessing
import os
import signal

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch.nn import functional as F

from vitlib.encoder import EncoderBlock
from vitlib.pretrained import load
from vitlib.train import run, store
from vitlib.train.changes import Changes, Prepared
from vitlib.train.command import main
from vitlib.train.pictures import pictures_in
from vitlib.train.shares import Shares
from vitlib.training import evaluate


@pytest.fixture
def fit(arrays, tmp_path, small):
    """Run `fit` with small settings, and give its folder."""

    def go(*more, name="run", data=arrays, code=0):
        folder = tmp_path / name
        given = ["fit", str(data), "--out", str(folder), *small, *more]
        assert main(list(map(str, given))) == code
        return folder

    return go


@pytest.fixture(autouse=True)
def _no_worker_stays():
    """End the workers of a run that failed: they hold what is open."""
    yield
    for worker in multiprocessing.active_children():
        worker.terminate()
        worker.join()


def weights_in(folder):
    return load_file(folder / "last.safetensors")


def check_alike(first, second, **tolerance):
    first, second = weights_in(first), weights_in(second)
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], **tolerance)


def test_its_losses_are_those_of_a_plain_loop(fit, arrays, logged):
    """With torch's own loss, AdamW and clipping, over the same batches."""
    rows = logged(fit())
    learned, _ = pictures_in(arrays).split(0.1)
    torch.manual_seed(0)
    model, preprocess, _ = fresh(learned)
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in model.parameters() if p.ndim == 2]},
            {"params": [model.patch_embed.proj.weight]},
            {
                "params": [
                    p
                    for n, p in model.named_parameters()
                    if p.ndim == 1 or n in ("cls_token", "pos_embed")
                ],
                "weight_decay": 0,
            },
        ],
        weight_decay=0.05,
    )
    prepared = Prepared(learned, preprocess, Changes(crop=0.6))
    shares = Shares(prepared, 8)
    batches = [b for _ in range(2) for b in shares.by_chance(None)]
    assert len(batches) == len(rows) == 10
    for row, (piece,) in zip(rows, batches, strict=True):
        loss = F.cross_entropy(
            model(piece.images), piece.labels, label_smoothing=0.1
        )
        assert row["loss"] == pytest.approx(loss.item(), abs=1e-5)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        assert row["gradient_norm"] == pytest.approx(norm.item(), abs=1e-4)
        for group in optimizer.param_groups:
            group["lr"] = row["learning_rate"]
        optimizer.step()


def fresh(pictures):
    """Make the model as the command does."""
    options = run.Namespace(
        weights=None,
        image_size=None,
        patch_size=4,
        embed_dim=24,
        depth=1,
        num_heads=3,
        size="Ti/16",
        dropout=0.0,
    )
    return run.built(options, pictures)


def test_pieces_of_a_batch_learn_what_the_batch_learns(fit, logged):
    whole, pieces = fit(), fit("--accumulate", 3, name="pieces")
    for one, other in zip(logged(whole), logged(pieces), strict=True):
        assert one["loss"] == pytest.approx(other["loss"], abs=1e-5)
    # AdamW takes even steps where a gradient is nothing but rounding.
    check_alike(whole, pieces, atol=1e-4, rtol=1e-4)


def test_checkpointing_computes_blocks_twice_and_learns_the_same(
    fit, logged, monkeypatch
):
    """With dropout too, whose chance must come again."""
    forward, calls = EncoderBlock.forward, []

    def counted(block, *given):
        calls.append(torch.is_grad_enabled())
        return forward(block, *given)

    monkeypatch.setattr(EncoderBlock, "forward", counted)
    losses, counts = [], []
    for more in ((), ("--checkpointing",)):
        calls.clear()
        options = "--dropout", 0.2, "--epochs", 1, *more
        folder = fit(*options, name=f"run{len(more)}")
        losses.append([row["loss"] for row in logged(folder)])
        counts.append(sum(calls))
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    assert counts[1] == 2 * counts[0] == 2 * len(losses[0])


def test_the_best_weights_are_as_good_as_the_summary_says(fit, arrays):
    folder = fit("--epochs", 6, "--learning-rate", 5e-3)
    summary = json.loads((folder / "summary.json").read_text())
    model, preprocess, classes = load(folder / "best")
    assert classes == ("0", "1", "2")
    _, asked = pictures_in(arrays).split(0.1)
    pixels = torch.stack([preprocess(picture) for picture, _ in asked])
    share = evaluate(model, pixels, torch.tensor(asked.labels))
    assert summary["accuracy"] == pytest.approx(share)
    assert summary["training_pictures"] == 39
    assert summary["pictures"] == len(asked) == 6
    each = summary["classes"]
    guesses = model(pixels).argmax(dim=1).tolist()
    pairs = list(zip(guesses, asked.labels, strict=True))
    for label, name in enumerate(classes):
        right = pairs.count((label, label))
        count = asked.labels.count(label)
        assert each[name]["right"] == right
        assert each[name]["pictures"] == count


def test_the_best_weights_are_those_of_the_best_epoch(fit, monkeypatch):
    """Not of the last, nor of a later one that is as good."""
    answers = iter([2, 6, 6, 3])

    def count(*_):
        right = next(answers)
        return torch.tensor([[right, 6.0], [0, 0], [0, 0]])

    monkeypatch.setattr(run, "count_right", count)
    kept, write = [], run.save
    monkeypatch.setattr(
        run, "save", lambda *given: (kept.append(given), write(*given))
    )
    folder = fit("--epochs", 4)
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["accuracy"] == 1
    assert len(kept) == 2
    best = load_file(folder / "best" / "model.safetensors")
    last = weights_in(folder)["model.head.weight"]
    assert not torch.equal(best["head.weight"], last)


class Stopped(Exception):
    """What a test stops a run by."""


def stopping(monkeypatch, step, do):
    """Do something after a step."""
    note = run.note

    def noted(given, progress, *others):
        note(given, progress, *others)
        if progress.step == step:
            do()

    monkeypatch.setattr(run, "note", noted)


def test_a_run_that_breaks_goes_on_from_its_checkpoint(
    fit, monkeypatch, logged, capsys
):
    """Within an epoch too, to the same weights and the same log."""
    whole = fit("--save-every", 3)

    def breaks():
        raise Stopped

    with monkeypatch.context() as patch:
        stopping(patch, 8, breaks)
        with pytest.raises(Stopped):
            fit("--save-every", 3, name="broken")
    capsys.readouterr()
    again = fit("--save-every", 3, name="broken")
    assert "going on from step 6 of 10" in capsys.readouterr().out
    check_alike(whole, again, atol=0, rtol=0)
    for one, other in zip(logged(whole), logged(again), strict=True):
        del one["pictures_per_second"], other["pictures_per_second"]
        assert one == other


def test_a_run_that_goes_on_remembers_its_best_epoch(fit, monkeypatch):
    answers = iter([6, 2, 3])  # the last one after the break

    def count(*_):
        return torch.tensor([[next(answers), 6.0], [0, 0], [0, 0]])

    def breaks():
        raise Stopped

    monkeypatch.setattr(run, "count_right", count)
    often = "--epochs", 3, "--save-every", 3
    with monkeypatch.context() as patch:
        stopping(patch, 13, breaks)
        with pytest.raises(Stopped):
            fit(*often)
    summary = json.loads((fit(*often) / "summary.json").read_text())
    assert summary["accuracy"] == 1
    assert summary["classes"]["0"]["right"] == 6


@pytest.mark.long
@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_after_the_step_with_a_checkpoint(
    kind, fit, monkeypatch, capsys
):
    whole = fit()
    before = signal.getsignal(kind)
    with monkeypatch.context() as patch:
        stopping(patch, 3, lambda: os.kill(os.getpid(), kind))
        stopped = fit(name="stopped", code=128 + kind)
    assert "that of step 4 is whole" in capsys.readouterr().out
    assert signal.getsignal(kind) is before
    check_alike(whole, fit(name="stopped"), atol=0, rtol=0)
    assert stopped.is_dir()


@pytest.mark.long
def test_a_run_at_its_end_has_nothing_to_do_but_may_get_more_epochs(
    fit, logged, capsys
):
    folder = fit()
    first = capsys.readouterr().out.splitlines()[-4:]
    fit()
    assert capsys.readouterr().out.splitlines()[-4:] == first
    assert len(logged(fit("--epochs", 3))) == 15
    assert len(logged(folder)) == 15
    fit("--epochs", 1, code=1)
    said = capsys.readouterr().err
    assert "15 steps" in said
    assert "1 epochs are 5" in said


def test_a_full_disk_is_named_and_leaves_the_checkpoint_before_it(
    fit, monkeypatch, capsys
):
    write, written = store.save_file, []

    def full(tensors, path, about):
        written.append(path)
        if len(written) < 2:
            return write(tensors, path, about)
        path.write_bytes(b"a piece")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store, "save_file", full)
    folder = fit("--save-every", 2, code=1)
    said = capsys.readouterr().err
    for part in ("step 4", "No space left", "that of step 2 is whole"):
        assert part in said
    assert not (folder / "last.part").exists()
    monkeypatch.undo()
    check_alike(fit(), fit(name="whole"), atol=0, rtol=0)


def test_memory_that_does_not_do_is_said_with_the_way_out(
    fit, monkeypatch, capsys
):
    def full():
        raise torch.OutOfMemoryError("GPU 0 has 80 GiB, all taken")

    stopping(monkeypatch, 1, full)
    fit(code=1)
    said = capsys.readouterr().err
    assert "GPU 0 has 80 GiB" in said
    assert "--accumulate" in said


def test_a_checkpoint_of_another_run_is_refused_by_what_differs(
    fit, capsys
):
    fit()
    fit("--embed-dim", 12, "--seed", 3, code=1)
    said = capsys.readouterr().err
    for part in ("3 of", "embed_dim (24, not 12)", "seed (0, not 3)"):
        assert part in said


def test_a_file_that_is_no_checkpoint_is_refused(fit, capsys):
    folder = fit()
    content = (folder / "last.safetensors").read_bytes()
    (folder / "last.safetensors").write_bytes(content[:1000])
    fit(code=1)
    assert "last.safetensors cannot be read" in capsys.readouterr().err


def test_numbers_that_burst_end_the_run_in_a_line(fit, capsys):
    fit("--learning-rate", 1e30, "--warmup", 0, code=1)
    assert "learning_rate" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.parametrize("share", ["0", "pictures.npz"])
def test_pictures_to_be_asked_about_may_be_none_or_others(
    share, fit, tmp_path, capsys
):
    given = share if share == "0" else tmp_path / share
    folder = fit("--validation", given)
    said = json.loads((folder / "summary.json").read_text())
    assert said["training_pictures"] == 45
    assert said.get("pictures") == (None if share == "0" else 45)
    assert (folder / "best" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("share", "parts"), [(0.1, "2 pictures to"), (0.6, "2 to be asked")]
)
def test_a_share_that_leaves_a_part_empty_is_refused(
    share, parts, fit, tmp_path, capsys
):
    path = tmp_path / "two.npz"
    np.savez(path, images=np.zeros((2, 8, 8), np.uint8), labels=[0, 1])
    fit("--validation", share, data=path, code=1)
    assert parts in capsys.readouterr().err


def test_photos_of_any_mode_and_size_are_learned_from_and_named(
    fit, photos, capsys
):
    folder = fit(
        *("--image-size", 16, "--epochs", 30, "--validation", 0.25),
        *("--learning-rate", 5e-3, "--workers", 0, "--warmup", 0),
        data=photos,
    )
    capsys.readouterr()
    light = photos.parent / "some.png"
    Image.new("RGB", (50, 40), (210, 215, 220)).save(light)
    assert main(["predict", str(folder), str(light), "--top", "1"]) == 0
    assert capsys.readouterr().out.startswith(f"{light}: light ")
    assert main(["score", str(folder), str(photos)]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == ["dark", "light", "all"]
    assert rows[-1].endswith("of 8")


def test_a_photo_that_cannot_be_opened_is_named_and_the_rest_goes_on(
    fit, photos, capsys
):
    folder = fit("--image-size", 16, "--workers", 0, data=photos)
    capsys.readouterr()
    names = [photos / "gone.png", photos / "dark" / "0.png"]
    assert main(["predict", str(folder), *map(str, names)]) == 1
    said = capsys.readouterr()
    assert "gone.png" in said.err
    assert "1 of 2" in said.err
    assert said.out.count("%") == 2


def test_a_broken_photo_that_nobody_looked_for_is_named_by_its_worker(
    fit, photos, capsys
):
    (photos / "dark" / "9.png").write_bytes(b"nothing")
    often = "--image-size", 16, "--workers", 1, "--validation", 0
    fit(*often, "--no-look", data=photos, code=1)
    (said,) = capsys.readouterr().err.splitlines()
    assert "9.png" in said


@pytest.mark.long
def test_weights_of_a_run_are_tuned_to_other_classes(
    fit, arrays, tmp_path
):
    """With a body that is frozen, and a new head that learns."""
    first = fit()
    with np.load(arrays) as found:
        np.savez(
            tmp_path / "two.npz",
            images=found["images"],
            labels=found["labels"] % 2,
        )
    second = fit(
        *("--weights", first / "best", "--body-rate", 0),
        name="tuned",
        data=tmp_path / "two.npz",
    )
    old = load_file(first / "best" / "model.safetensors")
    new = load_file(second / "best" / "model.safetensors")
    changed = [n for n in old if not torch.equal(old[n], new[n])]
    assert new["head.weight"].shape == (2, 24)
    assert new["head.weight"].abs().max() > 0
    assert {n.split(".")[0] for n in changed} <= {"head"}


@pytest.mark.long
def test_the_body_may_learn_at_a_share_of_the_rate(fit, logged):
    slow = fit("--body-rate", 0.01, "--weight-decay", 0)
    fast = fit("--weight-decay", 0, name="fast")
    start = fresh(pictures_of(slow)).model.state_dict()

    def moved(folder, name):
        new = weights_in(folder)[f"model.{name}"]
        return (new - start[name]).abs().mean().item()

    torch.manual_seed(0)
    name = "patch_embed.proj.weight"
    start = fresh(pictures_of(slow)).model.state_dict()
    assert moved(slow, name) < moved(fast, name) / 20
    assert moved(slow, "head.weight") > moved(fast, "head.weight") / 3


def pictures_of(folder):
    return pictures_in(folder.parent / "pictures.npz").split(0.1)[0]


@pytest.mark.long
@pytest.mark.parametrize(
    "more",
    [
        ("--precision", "bf16"),
        ("--optimizer", "muon"),
        ("--mixup", 0.2, "--cutmix", 1),
        ("--dropout", 0.1),
    ],
)
def test_a_run_of_another_kind_goes_on_to_the_same_weights_too(
    more, fit, monkeypatch
):
    whole = fit(*more)
    with monkeypatch.context() as patch:
        stopping(patch, 6, lambda: os.kill(os.getpid(), signal.SIGTERM))
        fit(*more, name="other", code=143)
    check_alike(whole, fit(*more, name="other"), atol=0, rtol=0)


def test_tensorboard_sees_what_the_log_has(fit, logged):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    folder = fit()
    (path,) = (folder / "tensorboard").rglob("events*")
    content, at, seen = path.read_bytes(), 0, {}
    while at < len(content):  # length, checksum, event, checksum
        size = int.from_bytes(content[at : at + 8], "little")
        event = Event.FromString(content[at + 12 : at + 12 + size])
        for value in event.summary.value:
            seen[value.tag, event.step] = value.simple_value
        at += 16 + size
    for row in logged(folder):
        step = row.pop("step")
        for name, number in row.items():
            found = seen[name, step]
            assert found == pytest.approx(number, rel=1e-6)


@pytest.mark.long
def test_a_file_of_options_says_the_same_as_the_command(
    fit, tmp_path, capsys
):
    first = fit("--seed", 5)
    data = str(tmp_path / "pictures.npz")
    config = "--config", str(first / "run.toml")
    out = "--out", str(tmp_path / "again")
    assert main(["fit", data, *config, *out]) == 0
    check_alike(first, tmp_path / "again", atol=0, rtol=0)
    other = "--out", str(tmp_path / "other"), "--epochs", "1"
    assert main(["fit", data, *config, *other]) == 0
    text = (tmp_path / "other" / "run.toml").read_text()
    assert "epochs = 1\n" in text
    assert "seed = 5\n" in text


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("epochs = [1]\n", "epochs is [1]"),
        ("epochs = \n", "is no TOML"),
    ],
)
def test_a_file_of_options_that_is_none_is_refused(
    text, part, tmp_path, capsys
):
    (tmp_path / "some.toml").write_text(text)
    config = "--config", str(tmp_path / "some.toml")
    assert main(["fit", "photos", "--out", "run", *config]) == 1
    assert part in capsys.readouterr().err


def test_an_option_that_there_is_not_is_refused(tmp_path, capsys):
    (tmp_path / "some.toml").write_text("epoch = 1\n")
    config = "--config", str(tmp_path / "some.toml")
    with pytest.raises(SystemExit):
        main(["fit", "photos", "--out", "run", *config])
    assert "--epoch=1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--epochs", "0"),
        ("--workers", "-1"),
        ("--validation", "1.5"),
        ("--size", "X/16"),
        ("--device", "abacus"),
    ],
)
def test_values_that_mean_nothing_are_refused(option, value, capsys):
    with pytest.raises(SystemExit):
        main(["fit", "photos", "--out", "run", option, value])
    assert f"argument {option}" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_device_that_is_not_here_is_named(fit, capsys):
    fit("--device", "cuda", code=1)
    assert "here is only" in capsys.readouterr().err


def test_one_process_cannot_share_a_model(fit, capsys):
    fit("--shard", code=1)
    assert "torchrun --nproc_per_node" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["fit", "score", "predict"])
def test_each_command_tells_its_options(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert "RUN" in said
    assert "None" not in said
