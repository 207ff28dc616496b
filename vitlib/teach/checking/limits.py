"""A time limit for code that somebody else wrote.

In the main thread of Linux and macOS, where Jupyter runs its cells, a
signal stops the code, even while it sleeps. In another thread, and on
Windows, a second thread has Python raise an exception in the first; this
takes effect at the next line of Python. Neither can stop a single call
that does not come back from C, nor a loop that catches every exception
and goes on.
"""

import ctypes
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

AGAIN = (
    1.0  # seconds until code that caught the exception is stopped again
)


class TimeIsUpError(BaseException):
    """Raised in code that takes too long; `except Exception` misses it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeIsUpError in the block when it takes longer than this."""
    main = threading.current_thread() is threading.main_thread()
    by_signal = main and hasattr(signal, "setitimer")
    with (_by_signal if by_signal else _by_thread)(seconds):
        yield


@contextmanager
def _by_signal(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: object) -> None:
        raise TimeIsUpError

    start = time.monotonic()
    handler = signal.signal(signal.SIGALRM, stop)
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
    stop = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def watch() -> None:
        wait = seconds
        while not done.wait(wait):
            stop(thread, ctypes.py_object(TimeIsUpError))
            wait = AGAIN

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        stop(thread, None)
