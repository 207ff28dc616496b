"""What the scripts of this chapter have measured, ready to be shown."""

from dataclasses import dataclass

import numpy as np

from vitlib.teach.data import experiments, sizes

VARIED = {  # as the stored table has it: as the book says it
    "image_size": "tokens",
    "depth": "blocks",
    "embed_dim": "width",
    "batch": "pictures in a batch",
}
MEASURES = {  # the column, and by what it is divided
    "forward ms": ("forward_ms", 1),
    "training ms": ("training_ms", 1),
    "forward MB": ("forward_bytes", 1e6),
    "training MB": ("training_bytes", 1e6),
}


@dataclass(frozen=True)
class Growth:
    """What was measured while one size changed.

    `sizes` are tokens, blocks, widths or pictures; `found` has a row of
    numbers for each name of MEASURES.
    """

    varied: str
    attention: str
    sizes: tuple[int, ...]
    found: dict[str, tuple[float, ...]]

    def exponent(self, measure: str, last: int | None = None) -> float:
        """Fit how steeply it grows; by the `last` sizes, where told."""
        keep = slice(-last if last else None, None)
        x, y = self.sizes[keep], self.found[measure][keep]
        return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def growth(varied: str, attention: str = "fused") -> Growth:
    """Read one curve of the stored table."""
    rows = [
        row
        for row in experiments.table("growth")
        if (row["varied"], row["attention"]) == (varied, attention)
    ]
    if not rows:
        raise ValueError(
            f"nothing was measured for varied={varied!r}, "
            f"attention={attention!r}; varied must be one of "
            f"{', '.join(VARIED)}"
        )
    values = [int(row[varied]) for row in rows]
    if varied == "image_size":
        values = [sizes.count_tokens(side) for side in values]
    order = np.argsort(values)
    found = {
        name: tuple(float(rows[i][column]) / unit for i in order)
        for name, (column, unit) in MEASURES.items()
    }
    return Growth(
        varied, attention, tuple(values[i] for i in order), found
    )


def bought() -> dict:
    """Read what each way to a faster or smaller step buys."""
    return experiments.stored("what_it_buys")
