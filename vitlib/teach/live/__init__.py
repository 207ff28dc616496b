"""Live figures: widgets in a notebook, alive on the page without one."""

from vitlib.teach.live.digit_pad import DigitPad

__all__ = ["DigitPad"]
