"""A time limit for code that somebody else wrote.

What counts is the processor's time that the code takes: on a slow machine,
or beside other work, a right answer is not stopped for what it has waited.
Code that waits and computes nothing is stopped too, later.

In the main thread of Linux and macOS, where Jupyter runs its cells, a
signal stops the code, even while it sleeps. In another thread, and on
Windows, a second thread has Python raise an exception in the first; this
takes effect at the next line of Python. Neither can stop a single call
that does not come back from C, nor a loop that catches every exception
and goes on. And outside Linux a thread's work is not known to another: the
clock on the wall counts in its place.
"""

import ctypes
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Seconds until code that caught the exception is stopped again.
AGAIN = 1.0
PATIENCE = 3  # so many seconds of waiting count as one of work
SOON = 0.01  # seconds; no clock is finer everywhere


class TimeIsUpError(BaseException):
    """Raised in code that takes too long; `except Exception` misses it."""


class Stopwatch:
    """Tells what has been spent since it was made, in seconds of work.

    `work` is a clock of the work alone; without one it is that of the
    thread that asks.
    """

    def __init__(
        self, work: Callable[[], float] = time.thread_time
    ) -> None:
        self.work = work
        self.began = work(), time.monotonic()

    def spent(self) -> float:
        """Give the time of work, or of waiting, whichever counts more."""
        work, wall = self.began
        waited = time.monotonic() - wall
        return max(self.work() - work, waited / PATIENCE)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeIsUpError in the block when it works for longer."""
    main = threading.current_thread() is threading.main_thread()
    by_signal = main and hasattr(signal, "setitimer")
    with (_by_signal if by_signal else _by_thread)(seconds):
        yield


def _work_of_this_thread() -> Callable[[], float]:
    """Give the clock of this thread's work, to be read by any thread."""
    try:
        clock = time.pthread_getcpuclockid(threading.get_ident())
    except (AttributeError, OSError):
        return time.monotonic
    return lambda: time.clock_gettime(clock)


@contextmanager
def _by_signal(seconds: float) -> Iterator[None]:
    watch = Stopwatch()

    def ring(number: int, frame: object) -> None:
        left = seconds - watch.spent()
        if left <= 0:
            raise TimeIsUpError
        signal.setitimer(signal.ITIMER_REAL, max(SOON, left), AGAIN)

    start = time.monotonic()
    handler = signal.signal(signal.SIGALRM, ring)
    waiting, interval = signal.setitimer(
        signal.ITIMER_REAL, seconds, AGAIN
    )
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if waiting:  # somebody else's alarm, from before
            left = max(waiting - (time.monotonic() - start), 1e-3)
            signal.setitimer(signal.ITIMER_REAL, left, interval)


@contextmanager
def _by_thread(seconds: float) -> Iterator[None]:
    done = threading.Event()
    thread = ctypes.c_ulong(threading.get_ident())
    stopwatch = Stopwatch(_work_of_this_thread())
    stop = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def watch() -> None:
        wait = seconds
        while not done.wait(wait):
            left = seconds - stopwatch.spent()
            if left <= 0:
                stop(thread, ctypes.py_object(TimeIsUpError))
            wait = max(SOON, left) if left > 0 else AGAIN

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        stop(thread, None)
