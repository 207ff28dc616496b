"""Write code with no more elements than it has colours.

Pygments puts each name, bracket and space into an element of its own. Most
look like the text around them: two thirds of a chapter's elements of code
that a browser would make, style and lay out for nothing.
"""

from pygments.formatters import HtmlFormatter
from pygments.token import Text
from sphinx.highlighting import PygmentsBridge


class FewElements(HtmlFormatter):
    """HTML in which only what looks different is an element."""

    def format_unencoded(self, tokens, out) -> None:
        """Write (type, text) tokens to a file."""
        look = self.style.style_for_token
        plain = look(Text)
        super().format_unencoded(
            (
                (Text if look(kind) == plain else kind, text)
                for kind, text in tokens
            ),
            out,
        )


def setup(app) -> dict:
    """Give Sphinx the formatter."""
    PygmentsBridge.html_formatter = FewElements
    return {"parallel_read_safe": True, "parallel_write_safe": True}
