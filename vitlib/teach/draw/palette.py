"""The palette: every colour of the book stands here, and nowhere else.

Figures in Python take the colours by name; style sheets and scripts get
what `sheet` and `script` make of them. The same thing has the same
colour in the whole book: queries are blue, keys red, values green,
attention violet, the class token gold, positions cyan.
"""

import json

# The hues of queries, keys, values, class token and positions are Paul
# Tol's "bright" scheme, which colour-blind readers can tell apart.
LIGHT = {
    "ink": "#1f2328",
    "grey": "#59636e",
    "line": "#d0d7de",
    "paper": "#ffffff",
    "surface": "#f6f8fa",
    "link": "#2b5c8a",
    "query": "#4477aa",
    "key": "#ee6677",
    "value": "#228833",
    "weight": "#5b2a86",
    "cls": "#ccbb44",
    "position": "#66ccee",
    "stream": "#afb8c1",
    "key-text": "#c0354a",
    "value-text": "#1c7a2c",
    "cls-text": "#746910",
    "position-text": "#146a86",
    "code-word": "#2b5c8a",
    "code-string": "#1d6b35",
    "code-number": "#7b3a96",
    "shade": "#1f23281c",
}
DARK = {
    "ink": "#e1e5ea",
    "grey": "#9ba5b0",
    "line": "#3a424b",
    "paper": "#15181c",
    "surface": "#1c2025",
    "link": "#8dbbe4",
    "query": "#77aadd",
    "key": "#f48b98",
    "value": "#5bbb6c",
    "weight": "#bd97de",
    "cls": "#d9ca5c",
    "position": "#66ccee",
    "stream": "#5b6671",
    "code-word": "#8dbbe4",
    "code-string": "#9fd3a4",
    "code-number": "#d0aee6",
    "shade": "#e1e5ea26",
}
# Where the reader's few colours are forced upon the page, by a contrast
# theme, these stand for ours; the hues stay, those of day or of night.
FORCED = {
    **dict.fromkeys(("ink", "grey"), "CanvasText"),
    **dict.fromkeys(("paper", "surface"), "Canvas"),
    **dict.fromkeys(
        ("line", "stream"), "color-mix(in srgb, CanvasText 60%, Canvas)"
    ),
    "link": "LinkText",
    **dict.fromkeys([n for n in LIGHT if "-" in n], "CanvasText"),
}
# These stay as they are in the dark: what lies under them does.
FIXED = {
    "black": "#000000",
    "white": "#ffffff",
    "on-tile": "#24292e",
    "on-picture": "#fefefe",
    "cut": "#b9c1ca",
    "deep-violet": "#3a1a58",
    "no-number": "#777777",
}
RAMPS = {
    "signed": ("#2166ac", "#92c5de", "#ffffff", "#f4a582", "#b2182b"),
    "weight": ("#ffffff", "#cdb9dc", "#5b2a86"),
    "position": ("#ffffff", "#66ccee", "#0b5472"),
    "others": ("#ffffff", "#d6dbe0", "#98a1ab"),
}

INK, GREY, LINE, PAPER = (
    LIGHT[name] for name in ("ink", "grey", "line", "paper")
)
QUERY, KEY, VALUE = (LIGHT[name] for name in ("query", "key", "value"))
WEIGHT, CLS, POSITION, STREAM = (
    LIGHT[name] for name in ("weight", "cls", "position", "stream")
)
ON_TILE, ON_PICTURE = FIXED["on-tile"], FIXED["on-picture"]
CUT = FIXED["cut"]  # where a light picture is cut into patches


def variable(name: str) -> str:
    """Write a colour for HTML and SVG: the page's, or else the light one.

    >>> variable("grey")
    'var(--vit-grey, #59636e)'
    """
    return f"var(--vit-{name}, {(LIGHT | FIXED)[name]})"


def luminance(colour: tuple[float, ...]) -> float:
    """Give the relative luminance of a colour of 0 to 1, as WCAG does.

    >>> luminance((1.0, 1.0, 1.0))
    1.0
    """
    red, green, blue = (
        part / 12.92
        if part <= 0.04045
        else ((part + 0.055) / 1.055) ** 2.4
        for part in colour[:3]
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def on(colour: tuple[float, ...]) -> str:
    """Give black or white, which is easier to read on a colour.

    >>> on((0.9, 0.8, 1.0)), on((0.3, 0.1, 0.5))
    ('#000000', '#fefefe')
    """
    black = FIXED["black"]  # neither turns with the page's theme
    light = luminance(colour) + 0.05
    return black if light * light > 1.05 * 0.05 else ON_PICTURE


def sheet(light: str, dark: str) -> str:
    """Write the style sheet that gives these selectors the colours.

    Paper is white, also for who reads in the dark. Forced colours are
    dark or light by themselves, whatever theme was chosen here.
    """
    ramps = {
        f"ramp-{name}": ", ".join(stops) for name, stops in RAMPS.items()
    }
    day = _rule(light, LIGHT | FIXED | ramps | {"invert": "0"})
    night = _rule(dark, DARK | {"invert": "1"})
    themes = ("light", LIGHT, "0"), ("dark", DARK, "1")
    forced = [
        f"@media (forced-colors: active) and"
        f" (prefers-color-scheme: {name}) {{\n"
        + _rule(f"{light}, {dark}", hues | FORCED | {"invert": invert})
        + "}\n"
        for name, hues, invert in themes
    ]
    return "\n".join([day, f"@media screen {{\n{night}}}\n", *forced])


def _rule(selector: str, values: dict[str, str]) -> str:
    lines = "".join(
        f"  --vit-{n}: {value};\n" for n, value in values.items()
    )
    return f"{selector} {{\n{lines}}}\n"


def script() -> str:
    """Write the module palette.js: the ramps, and what stays as it is."""
    shared = {"ramps": RAMPS, "fixed": FIXED}
    return "".join(
        f"export const {name} = {json.dumps(colours)};\n"
        for name, colours in shared.items()
    )
