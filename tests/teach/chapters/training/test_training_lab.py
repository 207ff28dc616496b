"""A run with sliders: pressed without a front end, and in a kernel."""

import asyncio
import io
import json
from base64 import b64decode

import pytest
import torch
from jupyter_client.manager import start_new_kernel
from PIL import Image

from vitlib import ViT
from vitlib.teach import digits as all_digits
from vitlib.teach.alive.watch import smooth
from vitlib.teach.chapters.training import training_lab
from vitlib.teach.chapters.training.training_lab import (
    TrainingLab,
    stored_runs,
)
from vitlib.teach.data.experiments import stored
from vitlib.teach.data.reader import SETTINGS
from vitlib.training import fit

TIMES = 1000  # to ask; a run has 250 steps
WIDGET = "application/vnd.jupyter.widget-view+json"


def few(part):
    images, labels = all_digits(part)
    return images[:256], labels[:256]


@pytest.fixture
def short(monkeypatch):
    """Let a run take eight steps."""
    monkeypatch.setattr(training_lab, "digits", few)


def is_ready(lab):
    states = [c.disabled for c in lab._controls.values()]
    return (
        not (lab.run_button.disabled or any(states))
        and lab.stop_button.disabled
    )


def test_before_a_run_the_stored_ones_are_shown():
    lab = TrainingLab()
    assert is_ready(lab)
    assert lab.runs == []
    assert "at most 25" in lab.status.value
    assert lab.picture.value.count("<polyline") == 3
    for run in stored_runs():
        assert f"{run.accuracy:.1%}" in lab.picture.value
        assert f"{smooth(run.losses)[-1]:.2f}" in lab.picture.value


def test_the_stored_runs_are_those_of_the_search():
    """The same settings and seed, run by another script."""
    rows = stored("learning_rate")["rows"]
    found = 0
    for run in stored_runs():
        assert len(run.losses) == run.steps == 250
        wanted = run.settings["learning_rate"], run.settings["warmup"]
        for row in rows:
            if (row["learning_rate"], row["warmup"]) == wanted:
                assert run.accuracy == row["accuracy"][0]
                found += 1
    assert found == 2


def test_a_press_trains_what_fit_trains(short):
    lab = TrainingLab(learning_rate=3e-3, seed=5, batch_size=32)
    lab.run_button.click()
    torch.manual_seed(5)
    model = ViT(**SETTINGS)
    history = list(
        fit(
            model,
            *few("train"),
            validation=few("validation"),
            epochs=2,
            seed=5,
            learning_rate=3e-3,
            batch_size=32,
        )
    )
    run = lab.runs[0]
    assert run.losses == [progress.loss for progress in history]
    assert run.accuracy == history[-1].accuracy
    assert f"{run.accuracy:.1%} of validation" in lab.status.value
    assert lab.picture.value.count("<polyline") == 4
    assert "<td>0.003</td>" in lab.picture.value
    assert is_ready(lab)


def test_what_is_random_elsewhere_stays_as_it_was(short):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    TrainingLab(seed=1).run_button.click()
    assert torch.equal(torch.rand(3), expected)


def test_runs_stay_to_be_compared(short):
    lab = TrainingLab()
    lab.run_button.click()
    lab._controls["learning_rate"].value = 0.01
    lab._controls["warmup"].value = 0.5
    lab.run_button.click()
    rates = [run.settings["learning_rate"] for run in lab.runs]
    assert rates == [2e-3, 0.01]
    assert lab.runs[1].settings["warmup"] == 0.5
    assert lab.runs[0].losses != lab.runs[1].losses
    assert lab.picture.value.count("<polyline") == 5
    assert lab.picture.value.count('stroke-width="2.2"') == 1


def test_a_run_can_be_stopped_and_another_begun(short):
    lab = TrainingLab()

    async def press():
        lab.run_button.click()
        for _ in range(3):
            await asyncio.sleep(0)
        assert lab.run_button.disabled
        assert lab._controls["seed"].disabled
        assert not lab.stop_button.disabled
        lab.stop_button.click()
        await lab._task
        assert is_ready(lab)
        lab.run_button.click()
        await lab._task

    asyncio.run(press())
    stopped, whole = lab.runs
    assert 0 < len(stopped.losses) < 8
    assert stopped.accuracy is None
    assert len(whole.losses) == 8
    assert whole.losses[: len(stopped.losses)] == stopped.losses


def test_a_stopped_run_says_so(short):
    lab = TrainingLab()

    async def press():
        lab.run_button.click()
        await asyncio.sleep(0)
        lab.stop_button.click()
        await lab._task

    asyncio.run(press())
    assert "of 8" in lab.status.value
    assert "Stopped, as you asked." in lab.status.value


def test_no_run_takes_longer_than_it_may(short):
    lab = TrainingLab(seconds=0)
    lab.run_button.click()
    assert len(lab.runs[0].losses) == 1
    assert "0 seconds are over" in lab.status.value
    assert is_ready(lab)


def test_a_loss_that_is_no_number_is_told_calmly(short, monkeypatch):
    def spoil(images, generator):
        return images * torch.nan

    def broken(*args, **settings):
        return fit(*args, **settings, augment=spoil)

    monkeypatch.setattr(training_lab, "fit", broken)
    lab = TrainingLab()
    lab.run_button.click()
    assert "Stopped at epoch 1, step 1" in lab.status.value
    assert "the loss is nan" in lab.status.value
    assert is_ready(lab)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"learning_rate": 5}, "learning_rate is 5; .* 0.0001 to 0.1"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'"),
        ({"warmup": 0.6}, "warmup is 0.6; .* 0 to 0.5"),
        ({"weight_decay": -1}, "weight_decay is -1"),
        ({"batch_size": 48}, "batch_size is 48; choose from 32, 64"),
        ({"seed": -1}, "seed is -1"),
        ({"epochs": 9}, "'epochs' is no setting; there are learning_rate"),
    ],
)
def test_settings_that_the_lab_does_not_offer_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        TrainingLab(**settings)


def test_what_is_typed_stays_within_the_sliders():
    lab = TrainingLab()
    lab._controls["learning_rate"].value = 7
    lab._controls["seed"].value = -3
    assert lab.settings["learning_rate"] == pytest.approx(0.1)
    assert lab.settings["seed"] == 0


def test_without_a_kernel_its_picture_stands_there():
    data, metadata = TrainingLab()._repr_mimebundle_()
    assert WIDGET in data
    assert "live" not in metadata["vitlib"]
    assert metadata["image/png"]["alt"] == data["text/plain"]
    for run in stored_runs():
        assert f"{run.accuracy:.1%} right" in data["text/plain"]
    Image.open(io.BytesIO(b64decode(data["image/png"]))).verify()
    assert len(json.dumps(metadata)) < 100_000


# --- In a kernel, as a front end would press


@pytest.fixture
def kernel():
    manager, client = start_new_kernel(kernel_name="python3")
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def ask(client, code):
    said = []

    def hear(message):
        if message["msg_type"] == "stream":
            said.append(message["content"]["text"])

    reply = client.execute_interactive(code, timeout=120, output_hook=hear)
    assert reply["content"]["status"] == "ok", reply["content"]
    return "".join(said).strip()


def press(client, button):
    comm = ask(client, f"print(lab.{button}.model_id)")
    click = {"method": "custom", "content": {"event": "click"}}
    content = {"comm_id": comm, "data": click}
    client.shell_channel.send(client.session.msg("comm_msg", content))


def wait_until(client, condition):
    """Ask again; the run goes on from step to step in between."""
    for _ in range(TIMES):
        if ask(client, f"print({condition})") == "True":
            return
    pytest.fail(f"never: {condition}")


def test_a_kernel_hears_stop_while_it_trains(kernel):
    ask(
        kernel,
        "import torch\n"
        "from vitlib.teach.chapters.training.training_lab "
        "import TrainingLab\n"
        "torch.set_num_threads(1)\n"
        "lab = TrainingLab()",
    )
    press(kernel, "run_button")
    wait_until(kernel, "len(lab.runs) == 1")
    press(kernel, "stop_button")
    wait_until(kernel, "not lab.run_button.disabled")
    found = ask(
        kernel,
        "print(len(lab.runs[0].losses) < 250,"
        " 'as you asked' in lab.status.value)",
    )
    assert found == "True True"
