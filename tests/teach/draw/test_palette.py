"""One palette: no colour stands anywhere else, and all can be read."""

import re
from pathlib import Path

import pytest

from vitlib.teach.alive import bundle
from vitlib.teach.draw import palette

ROOT = Path(__file__).resolve().parents[3]
PALETTE = ROOT / "vitlib/teach/draw/palette.py"
SOURCES = [
    *(ROOT / "vitlib").rglob("*.py"),
    *(ROOT / "vitlib").rglob("*.js"),
    *(ROOT / "vitlib").rglob("*.css"),
    *(ROOT / "book/_ext").glob("*.py"),
    *(ROOT / "book/_static").glob("*.css"),
]
HEX = r"#(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{6}|[0-9a-fA-F]{3,4})\b"
LITERAL = re.compile(rf"(?<![&\w]){HEX}|\b(?:rgb|hsl)a?\(\s*\d")
USED = re.compile(r"var\(\s*--vit-([\w-]+)")
GIVEN = re.compile(r"--vit-([\w-]+)(?:\"\s*,|:)")
# What stands as text on paper, and the least contrast that WCAG 2.2 asks.
TEXTS = ("ink", "grey", "link", "key-text", "value-text", "cls-text")
TEXTS += ("position-text", "code-word", "code-string", "code-number")
READABLE = 4.5


def luminance(colour):
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4
        for p in parts
    ]
    red, green, blue = linear
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.name)
def test_no_colour_stands_elsewhere(path):
    if path != PALETTE:
        assert not LITERAL.search(path.read_text())


def test_the_palette_itself_is_found():
    """The test above would see a colour."""
    assert len(LITERAL.findall(PALETTE.read_text())) > 50
    assert LITERAL.search("color: rgb(31 35 40 / 14%)")
    assert LITERAL.search('fill="#fff"')
    assert not LITERAL.search("&#8212; `rgb(${r}, ${g})` #exercises")


def test_every_variable_that_is_used_is_given():
    texts = {path.name: path.read_text() for path in SOURCES}
    texts["palette.css"] = palette.sheet("html", "html.dark")
    given = {n for text in texts.values() for n in GIVEN.findall(text)}
    for name, text in texts.items():
        assert set(USED.findall(text)) <= given, name


def test_contrast_is_computed_as_wcag_says():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", TEXTS)
def test_every_text_can_be_read_by_day_and_by_night(name):
    for theme in (palette.LIGHT, palette.LIGHT | palette.DARK):
        if name.endswith("-text") and theme != palette.LIGHT:
            continue  # at night the things themselves are light enough
        for ground in ("paper", "surface"):
            assert contrast(theme[name], theme[ground]) >= READABLE


@pytest.mark.parametrize("name", ["key", "value", "cls", "position"])
def test_at_night_words_take_the_colour_of_the_thing(name):
    assert contrast(palette.DARK[name], palette.DARK["paper"]) >= READABLE


def test_the_sheet_gives_each_colour_by_day_and_by_night():
    day, night = palette.sheet(".day", ".night").split("@media screen")
    for text, colours in ((day, palette.LIGHT), (night, palette.DARK)):
        for name, colour in colours.items():
            assert f"--vit-{name}: {colour};" in text


def test_a_ramp_ends_in_the_colour_of_what_it_shows():
    assert palette.RAMPS["weight"][-1] == palette.LIGHT["weight"]
    assert palette.LIGHT["position"] in palette.RAMPS["position"]
    middle = palette.RAMPS["signed"]
    assert middle[len(middle) // 2] == palette.FIXED["white"]


def test_scripts_and_styles_get_the_same_colours():
    script = bundle.script("palette")
    for stops in palette.RAMPS.values():
        for stop in stops:
            assert stop in script
            assert stop in bundle.styles()


def test_forced_colours_leave_none_of_our_own_but_hues():
    given = palette.FORCED
    hues = {"query", "key", "value", "weight", "cls", "position", "shade"}
    assert set(palette.LIGHT) - set(given) == hues
    for colour in given.values():
        assert re.search("Canvas|LinkText", colour)


def test_forced_colours_go_before_the_theme_that_was_chosen():
    sheet = palette.sheet("html", "html.dark")
    parts = sheet.split("@media (forced-colors: active) and ")
    assert len(parts) == 3
    for part, ink, invert in zip(
        parts[1:], (palette.LIGHT, palette.DARK), "01", strict=True
    ):
        assert "html, html.dark {" in part
        assert f"--vit-query: {ink['query']};" in part
        assert f"--vit-invert: {invert};" in part
        for name, colour in palette.FORCED.items():
            assert f"--vit-{name}: {colour};" in part


@pytest.mark.parametrize("grey", range(0, 256, 5))
def test_black_or_white_can_be_read_on_any_colour(grey):
    text = palette.on((grey / 255,) * 3)
    assert contrast(text, f"#{grey:02x}{grey:02x}{grey:02x}") >= READABLE
