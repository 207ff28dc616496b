"""What a check gives back: a truth, a message, sometimes a picture."""

import html
import re
from dataclasses import dataclass

from vitlib.teach.draw.palette import variable

LOOKS = {  # the colour of the line beside the message
    "right": variable("value"),
    "wrong": variable("cls"),
    "unwritten": variable("stream"),
}
BOX = (
    '<div class="vit-check" role="status" style="border-left: 3px solid '
    "{colour}; padding: 0.1em 0 0.1em 0.9em; margin: 0.4em 0; "
    'max-width: 44em; line-height: 1.5">{content}</div>'
)
PARAGRAPH = '<p style="margin: 0.35em 0">{}</p>'
PRINTED = (
    '<pre style="margin: 0.35em 0; opacity: 0.75; overflow-x: auto">'
    "{}</pre>"
)


@dataclass(frozen=True, repr=False)
class Result:
    """What was found: true if the answer is right; `str()` says more.

    `kind` is "right", "wrong" or "unwritten". `mistake` is the name of
    what is wrong. `picture` is an SVG, or nothing; `printed` is what the
    answer printed while it was asked.
    """

    kind: str
    message: str
    picture: str = ""
    printed: str = ""
    mistake: str = ""

    def __bool__(self) -> bool:
        return self.kind == "right"

    def __str__(self) -> str:
        if not self.printed:
            return self.message
        return f"{self.message}\n\nYour code printed:\n{self.printed}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Show the message beside a thin line, in the page's colours."""
        parts = [
            PARAGRAPH.format(as_html(paragraph))
            for paragraph in self.message.split("\n\n")
        ]
        parts.append(self.picture)
        if self.printed:
            parts.append(PARAGRAPH.format("Your code printed:"))
            parts.append(PRINTED.format(html.escape(self.printed)))
        return BOX.format(colour=LOOKS[self.kind], content="".join(parts))


def as_html(text: str) -> str:
    """Escape the text; what stands between backticks becomes code.

    >>> as_html("`a < b` is")
    '<code>a &lt; b</code> is'
    """
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))
