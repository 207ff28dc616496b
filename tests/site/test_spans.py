"""Code has no more elements than it has colours, and all its words."""

import re
from html import unescape

import pytest
from built_site import NOTEBOOKS, SITE, html
from extensions import extension
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from pygments.styles import get_style_by_name

STYLES = "a11y-high-contrast-light", "a11y-high-contrast-dark"
CODE = """
@cached
def both(x: "any", /) -> int:
    return f"{x.shape[-1] + 1:>4} <b>"  # what it says
"""
ELEMENT = re.compile(r'<span class="(\w+)">')
RULE = re.compile(r"\.highlight \.(\w+) \{ color: (\S+)")
GROUND = re.compile(r"\.highlight \{ background: \S+; color: (\S+) \}")


def plain(written):
    return unescape(re.sub("<[^>]+>", "", written))


@pytest.mark.parametrize("name", STYLES)
def test_what_is_no_element_looks_like_its_surroundings(name):
    style = get_style_by_name(name)
    theirs, ours = (
        highlight(CODE, PythonLexer(), formatter(style=style))
        for formatter in (HtmlFormatter, extension("spans").FewElements)
    )
    sheet = HtmlFormatter(style=style).get_style_defs(".highlight")
    colours = dict(RULE.findall(sheet))
    (ground,) = GROUND.findall(sheet)
    assert plain(ours) == plain(theirs)
    assert "{x.shape[-1] + 1" in plain(ours)
    wanted = [c for c in ELEMENT.findall(theirs) if colours[c] != ground]
    assert ELEMENT.findall(ours) == wanted
    assert 0 < len(wanted) < len(ELEMENT.findall(theirs))


def test_both_themes_leave_the_same_words_without_a_colour():
    found = []
    for name in STYLES:
        formatter = extension("spans").FewElements(style=name)
        found.append(highlight(CODE, PythonLexer(), formatter))
    assert found[0] == found[1]


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_code_on_a_page_has_elements_for_colours_alone(page):
    written = html(page).read_text(encoding="utf-8")
    blocks = re.findall(r'<div class="highlight">.*?</pre>', written, re.S)
    assert blocks
    sheet = (SITE / "_static" / "pygments.css").read_text(encoding="utf-8")
    rules = set(re.findall(r"html\[.*?\] \.highlight \.(\w+) \{", sheet))
    used = set(ELEMENT.findall("".join(blocks)))
    assert used <= rules
    assert not used & {"n", "p", "w", "nn"}  # the colour of all around
