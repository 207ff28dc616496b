"""Published accuracies, one source a row, for the tables and charts."""

from dataclasses import dataclass
from html import escape

from IPython.display import HTML

from vitlib.teach.data import experiments


@dataclass(frozen=True)
class Result:
    """Top-1 accuracy in per cent on the validation set of ImageNet-1k.

    `family` is "ViT", "windows" (attention within windows) or "CNN",
    `millions` the parameters, `data` what the model was trained on before
    ImageNet-1k, or ImageNet-1k alone, `pixels` the side of the image.
    What a source does not say is None.
    """

    name: str
    family: str
    millions: float | None
    data: str
    pixels: int | None
    top1: float
    how: str
    source: str
    url: str


def results(table: str) -> list[Result]:
    """Read a table: "published" or "measured" (timm's, by one script)."""
    lines = experiments.table("results")
    rows = [line for line in lines if line["table"] == table]
    if not rows:
        raise ValueError(
            f"table is {table!r}; it must be 'published' or 'measured'"
        )
    return [_result(row) for row in rows]


def _result(row: dict[str, str]) -> Result:
    return Result(
        name=row["name"],
        family=row["family"],
        millions=float(row["millions"]) if row["millions"] else None,
        data=row["data"],
        pixels=int(row["pixels"]) if row["pixels"] else None,
        top1=float(row["top1"]),
        how=row["how"],
        source=row["source"],
        url=row["url"],
    )


def show_results(rows: list[Result]) -> HTML:
    """Give the rows as a table, each with a link to its source."""
    titles = ("model", "top-1", "parameters", "data", "pixels", "source")
    lines = "\n".join(_line(_texts(row)) for row in rows)
    return HTML(
        '<div class="pst-scrollable-table-container">'
        f'<table class="table"><thead>{_line(titles, "th")}</thead>\n'
        f"<tbody>\n{lines}\n</tbody></table></div>"
    )


def _texts(row: Result) -> tuple[str, ...]:
    return (
        escape(row.name),
        f"{row.top1:.2f}".removesuffix("0") + " %",
        f"{row.millions:,g} M" if row.millions else "",
        escape(row.data),
        f"{row.pixels}" if row.pixels else "",
        f'<a href="{escape(row.url)}">{escape(row.source)}</a>',
    )


def _line(texts: tuple[str, ...], tag: str = "td") -> str:
    """One line of the table; numbers stand to the right."""
    word, number = ' style="white-space: nowrap"', ' class="text-right"'
    looks = (word, number, number, word, number, "")
    cells = zip(texts, looks, strict=True)
    row = "".join(f"<{tag}{look}>{text}</{tag}>" for text, look in cells)
    return f"<tr>{row}</tr>"
