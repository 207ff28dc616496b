"""Several processes are one run: the same losses, and it goes on.

They talk by gloo, on the CPU, and are started by torchrun as anybody
would. Their end is waited for; nothing is measured.
"""

import json
import signal
import sys

import psutil
import pytest
import torch
from safetensors.torch import load_file

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not torch.distributed.is_gloo_available(), reason="needs gloo"
    ),
]


@pytest.fixture
def run(begin, finish, arrays, tmp_path, small):
    """Run `fit` in so many processes to its end; give its folder."""

    def go(name, *more, processes=0):
        folder = tmp_path / name
        given = "fit", arrays, "--out", folder, *small, *more
        said = finish(begin(*given, processes=processes))
        assert f"the best weights are in {folder}" in said
        return folder

    return go


@pytest.fixture
def check_alike(logged):
    """Two runs have the same losses and accuracies, and weights."""

    def check(first, second, tolerance=1e-5):
        rows = zip(logged(first), logged(second), strict=True)
        for one, other in rows:
            assert one["step"] == other["step"]
            assert one["loss"] == pytest.approx(other["loss"], abs=1e-5)
            assert one.get("accuracy") == other.get("accuracy")
        first, second = (
            load_file(folder / "last.safetensors")
            for folder in (first, second)
        )
        assert first.keys() == second.keys()
        for name in first:
            torch.testing.assert_close(
                first[name], second[name], atol=tolerance, rtol=1e-3
            )

    return check


def summary_of(folder):
    summary = json.loads((folder / "summary.json").read_text())
    del summary["seconds"]
    return summary


@pytest.mark.parametrize(
    ("processes", "more"),
    [
        (2, ()),
        (3, ("--accumulate", 2)),
        (2, ("--accumulate", 3, "--mixup", 0.3)),
        (2, ("--shard",)),
        (2, ("--shard", "--accumulate", 3)),
    ],
)
def test_several_processes_are_one_at_the_same_batch(
    processes, more, run, check_alike
):
    """39 pictures in batches of 8: the last has 7, and three are odd."""
    mixed = ("--mixup", 0.3) if "--mixup" in more else ()
    one = run("one", *mixed)
    several = run("several", *more, processes=processes)
    # AdamW takes even steps where a gradient is nothing but rounding.
    check_alike(one, several, tolerance=2e-4)
    assert summary_of(one) == summary_of(several)


def test_a_process_without_a_picture_takes_part(run, check_alike):
    """Batches of 19: the last of 39 has one, and three processes."""
    one = run("one", "--batch-size", 19)
    check_alike(one, run("three", "--batch-size", 19, processes=3), 2e-4)


def workers_of(launcher):
    """The processes that torchrun has started, as they are counted."""
    found = {}
    for child in psutil.Process(launcher.pid).children():
        environment = child.environ()
        if "RANK" in environment:
            found[int(environment["RANK"])] = child
    return found


def until(process, word):
    """Read what it says up to a line; the process goes on."""
    for line in process.stdout:
        if word in line:
            return
    pytest.fail(process.stderr.read())


@pytest.fixture
def kill(begin, arrays, tmp_path, small):
    """Kill one of two processes in the middle of a run."""

    def go(name, rank, *more):
        folder = tmp_path / name
        given = "fit", arrays, "--out", folder, *small, *more
        process = begin(*given, processes=2)
        until(process, "epoch 3 of")
        workers_of(process)[rank].kill()
        _, complained = process.communicate()
        assert process.returncode != 0
        return folder, complained

    return go


OFTEN = "--epochs", 40, "--save-every", 2


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_is_killed_ends_the_run_and_it_goes_on(
    rank, run, kill, logged, check_alike
):
    """At most the steps since the last checkpoint are lost."""
    folder, complained = kill("killed", rank, *OFTEN)
    other = 1 - rank
    assert (
        f"process {other} of 2: another process of this run has ended"
        in complained
    )
    assert "Signal 9 (SIGKILL)" in complained  # so says torchrun
    before = logged(folder)[-1]["step"]
    with open(folder / "last.safetensors", "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        about = json.loads(file.read(size))["__metadata__"]["vitlib.train"]
    assert before - 2 <= json.loads(about)["step"] <= before
    again = run("killed", *OFTEN, processes=2)
    check_alike(run("whole", *OFTEN, processes=2), again, tolerance=0)


@pytest.mark.parametrize(("first", "second"), [(2, 0), (0, 3), (2, 3)])
def test_a_run_goes_on_with_another_number_of_processes(
    first, second, run, check_alike
):
    run("other", processes=first)
    other = run("other", "--epochs", 4, processes=second)
    run("same")
    check_alike(run("same", "--epochs", 4), other, tolerance=2e-4)


def test_a_sharded_run_goes_on_whole_and_the_other_way(run, check_alike):
    run("other", "--shard", processes=2)
    run("other", "--epochs", 3)
    other = run("other", "--shard", "--epochs", 4, processes=2)
    run("same")
    run("same", "--epochs", 3)
    check_alike(run("same", "--epochs", 4), other, tolerance=2e-4)


def test_a_signal_to_the_launcher_ends_all_with_a_checkpoint(
    begin, arrays, tmp_path, small, run, check_alike
):
    folder = tmp_path / "stopped"
    given = "fit", arrays, "--out", folder, *small, *OFTEN
    process = begin(*given, processes=2)
    until(process, "epoch 3 of")
    process.send_signal(signal.SIGTERM)
    said, complained = process.communicate()
    assert "is whole" in said, complained
    again = run("stopped", *OFTEN, processes=2)
    check_alike(run("whole", *OFTEN, processes=2), again, tolerance=0)


def test_what_is_wrong_with_the_data_is_said_once_by_each(
    begin, photos, tmp_path, small
):
    (photos / "dark" / "9.png").write_bytes(b"nothing")
    given = "fit", photos, "--out", tmp_path / "run", *small
    process = begin(*given, "--image-size", 16, processes=2)
    _, complained = process.communicate()
    assert process.returncode == 1
    for rank in (0, 1):
        assert f"process {rank} of 2: 1 of 9 photos" in complained


def test_accelerate_starts_it_as_well(
    arrays, tmp_path, small, run, check_alike, begin
):
    launcher = (
        *("-m", "accelerate.commands.launch", "--multi_gpu"),
        *("--num_processes", "2", "--num_machines", "1"),
        *("--mixed_precision", "no", "--dynamo_backend", "no"),
    )
    folder = tmp_path / "launched"
    given = "fit", arrays, "--out", folder, *small
    process = begin(*given, launcher=launcher)
    _, complained = process.communicate()
    assert process.returncode == 0, complained
    check_alike(run("one"), folder, tolerance=2e-4)


def test_photos_are_opened_by_workers_of_each_process(
    begin, finish, photos, tmp_path, small, logged
):
    losses = []
    for processes in (0, 2):
        folder = tmp_path / f"run{processes}"
        given = "fit", photos, "--out", folder, *small, "--workers", 1
        more = "--image-size", 16, "--batch-size", 3
        finish(begin(*given, *more, processes=processes))
        losses.append([row["loss"] for row in logged(folder)])
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk")
def test_a_disk_that_is_full_is_named(begin, arrays, tmp_path, small):
    """A disk in memory of 1 MB; not everybody may mount one."""
    import subprocess

    disk = tmp_path / "disk"
    disk.mkdir()
    mount = "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("may not mount a disk")
    try:
        given = "fit", arrays, "--out", disk / "run", *small
        process = begin(*given, "--embed-dim", 96, "--num-heads", 3)
        _, complained = process.communicate()
        assert process.returncode == 1
        assert "checkpoint of step" in complained
        assert "there is none before it" in complained
        assert not list(disk.rglob("*.part"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)
