"""What published models took, as a table with its sources."""

from html import escape

from IPython.display import HTML

from vitlib.teach.chapters.scaling import plan

TITLES = (
    "model",
    "device hours",
    "of",
    "devices",
    "learned from",
    "source",
)
LOOKS = (
    ' style="white-space: nowrap"',
    ' class="text-right"',
    ' style="white-space: nowrap"',
    ' class="text-right"',
    "",
    "",
)


def show_runs() -> HTML:
    """Give the published runs, the longest last on each device."""
    runs = sorted(plan.runs(), key=lambda run: (run.device, run.hours))
    rows = "\n".join(_line(_texts(run)) for run in runs)
    return HTML(
        '<div class="pst-scrollable-table-container">'
        f'<table class="table"><thead>{_line(TITLES, "th")}</thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _texts(run: plan.Run) -> tuple[str, ...]:
    return (
        escape(run.name),
        f"{run.bound} {run.hours:,.0f}".strip(),
        escape(run.device),
        f"{run.devices:,}" if run.devices else "",
        escape(run.how),
        f'<a href="{escape(run.url)}">{escape(run.source)}</a>',
    )


def _line(texts: tuple[str, ...], tag: str = "td") -> str:
    """One line of the table; numbers stand to the right."""
    cells = zip(texts, LOOKS, strict=True)
    row = "".join(f"<{tag}{look}>{text}</{tag}>" for text, look in cells)
    return f"<tr>{row}</tr>"
