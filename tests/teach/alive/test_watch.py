"""A run shows itself to a reader, and never to a test or a build."""

import re
import sys
from types import SimpleNamespace

import pytest
import torch

from vitlib.teach.alive import watch as shown
from vitlib.training import Progress, fit


def steps(count, total=None):
    return [
        Progress(
            step=i,
            steps=total or count,
            epoch=1 + (i > 2),
            loss=2.0 / i,
            learning_rate=1e-3,
            gradient_norm=1.0,
            accuracy=0.876 if i == 2 else None,
        )
        for i in range(1, count + 1)
    ]


class Screen:
    """What stands in for a notebook's output."""

    def __init__(self):
        self.pictures = []

    def update(self, html):
        self.pictures.append(html.data)


@pytest.fixture
def screen(monkeypatch):
    made = Screen()
    monkeypatch.setattr(shown, "display", lambda *args, **more: made)
    monkeypatch.setattr(shown, "is_watched", lambda: True)
    return made


def test_all_steps_come_back_and_nothing_is_shown(monkeypatch, capsys):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.setattr(shown, "display", None)
    run = steps(5)
    assert shown.watch(iter(run)) == run
    assert capsys.readouterr() == ("", "")


def test_a_real_run_can_be_watched(screen):
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
    images, labels = torch.rand(10, 1, 2, 2), torch.arange(10) % 3
    history = shown.watch(
        fit(
            model,
            images,
            labels,
            validation=(images, labels),
            epochs=2,
            batch_size=5,
        )
    )
    assert [p.step for p in history] == [1, 2, 3, 4]
    assert "step 4 of 4, epoch 2:" in screen.pictures[-1]
    assert "of validation right" in screen.pictures[-1]


def test_the_first_picture_comes_at_once_the_last_one_always(screen):
    shown.watch(iter(steps(6)))
    assert "step 1 of 6" in screen.pictures[0]
    assert "step 6 of 6" in screen.pictures[-1]
    assert len(screen.pictures) == 2


def test_pictures_come_no_faster_than_they_are_seen(screen, monkeypatch):
    clock = SimpleNamespace(monotonic=lambda: clock.now, now=0.0)
    monkeypatch.setattr(shown, "time", clock)

    def slowly():
        for step in steps(10):
            clock.now += shown.PAUSE / 3
            yield step

    shown.watch(slowly())
    assert 3 <= len(screen.pictures) <= 5


def test_the_picture_says_where_the_run_is():
    html = shown.picture(steps(3, total=9))
    assert "step 3 of 9, epoch 2: loss" in html
    assert "87.6% of validation right" in html
    assert "validation" not in shown.picture(steps(1))
    points = re.search(r'points="([^"]*)"', html)[1].split()
    across = [float(point.split(",")[0]) for point in points]
    assert across == pytest.approx(
        [shown.WIDTH * i / 9 for i in (1, 2, 3)], 1e-3
    )
    heights = [float(point.split(",")[1]) for point in points]
    assert heights == sorted(heights)
    assert heights[0] == 0


@pytest.mark.parametrize(
    ("shell", "name", "module", "watched"),
    [
        (None, "", "", False),
        (None, "lab", "", False),
        ({}, "", "", False),
        ({}, "lab", "", True),
        ({}, "", "google.colab", True),
        ({"__vsc_ipynb_file__": "a.ipynb"}, "", "", True),
    ],
)
def test_who_watches_is_known_by_name(
    monkeypatch, shell, name, module, watched
):
    found = None if shell is None else SimpleNamespace(user_ns=shell)
    monkeypatch.setattr(shown, "get_ipython", lambda: found)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    if name:
        monkeypatch.setenv("JPY_SESSION_NAME", name)
    if module:
        monkeypatch.setitem(sys.modules, module, None)
    assert shown.is_watched() is watched


def test_smoothing_begins_at_the_first_loss_and_follows():
    assert shown.smooth([3.0]) == pytest.approx([3.0])
    assert shown.smooth([1.0] * 20) == pytest.approx([1.0] * 20)
    weights = [0.1 * 0.9**i for i in range(3)]
    losses = [5.0, 1.0, 2.0]
    total = sum(w * x for w, x in zip(weights, losses[::-1], strict=True))
    expected = total / sum(weights)
    assert shown.smooth(losses)[-1] == pytest.approx(expected)
