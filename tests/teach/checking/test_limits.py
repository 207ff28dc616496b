"""An answer that has no end is stopped; one that waits its turn is not."""

import signal
import threading
import time
from types import SimpleNamespace

import pytest

from vitlib.teach import check
from vitlib.teach.checking import answer as _answer
from vitlib.teach.checking import limits
from vitlib.teach.checking.limits import (
    Stopwatch,
    TimeIsUpError,
    time_limit,
)

LONG = 1000.0  # seconds that nobody waits for


@pytest.fixture
def hurry(monkeypatch):
    monkeypatch.setattr(_answer, "SECONDS", 0.3)
    monkeypatch.setattr(limits, "AGAIN", 0.05)


def endless(*args):
    while True:
        pass


def asleep(*args):
    threading.Event().wait(LONG)


def stubborn(*args):
    while True:
        try:
            while True:
                pass
        except Exception:
            pass


@pytest.mark.parametrize("answer", [endless, asleep, stubborn])
def test_an_endless_loop_is_stopped(hurry, answer):
    result = check.patchify(answer)
    assert "stopped after 0.3 seconds" in str(result)


@pytest.mark.parametrize("answer", [endless, stubborn])
def test_an_endless_loop_is_stopped_in_another_thread(hurry, answer):
    results = []
    thread = threading.Thread(
        target=lambda: results.append(check.patchify(answer)), daemon=True
    )
    thread.start()
    thread.join(LONG)
    assert "stopped after 0.3 seconds" in str(results[0])


def test_a_limit_that_is_kept_leaves_no_trace():
    handler = signal.getsignal(signal.SIGALRM)
    threads = threading.enumerate()
    for run in (limits._by_signal, limits._by_thread):
        with run(LONG):
            pass
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
        assert signal.getsignal(signal.SIGALRM) is handler
        assert threading.enumerate() == threads


def test_someone_elses_alarm_still_rings():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    signal.setitimer(signal.ITIMER_REAL, LONG, 7)
    try:
        with time_limit(5):
            assert signal.getitimer(signal.ITIMER_REAL)[0] <= 5
        left, interval = signal.getitimer(signal.ITIMER_REAL)
        signal.raise_signal(signal.SIGALRM)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert 5 < left <= LONG
    assert interval == pytest.approx(7)
    assert rung


def test_waiting_counts_a_third_of_work(monkeypatch):
    clock = SimpleNamespace(monotonic=lambda: clock.now, now=50.0)
    monkeypatch.setattr(limits, "time", clock)
    worked = 20.0
    watch = Stopwatch(lambda: worked)
    clock.now += 12
    assert watch.spent() == 4
    worked += 5
    assert watch.spent() == 5


def test_work_is_that_of_the_thread_that_is_watched():
    started, go_on = threading.Event(), threading.Event()
    clocks = []

    def wait():
        clocks.append(limits._work_of_this_thread())
        started.set()
        go_on.wait(LONG)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    started.wait(LONG)
    own, other = time.thread_time(), clocks[0]()
    while time.thread_time() < own + 0.1:
        pass
    now = clocks[0]()
    go_on.set()
    waiting.join(LONG)
    assert now - other < 0.05


def test_an_alarm_that_comes_too_early_lets_the_answer_go_on(monkeypatch):
    with time_limit(LONG):
        signal.raise_signal(signal.SIGALRM)
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= LONG
    monkeypatch.setattr(Stopwatch, "spent", lambda self: 2 * LONG)
    with pytest.raises(TimeIsUpError), time_limit(LONG):
        signal.raise_signal(signal.SIGALRM)


def test_another_thread_is_stopped_no_sooner(monkeypatch):
    spent = [0.0, 0.0, 0.0, LONG]
    monkeypatch.setattr(
        Stopwatch, "spent", lambda self: spent.pop(0) if spent else LONG
    )
    with pytest.raises(TimeIsUpError), limits._by_thread(0.001):
        endless()
    assert spent == []
