"""How a table of the benchmark is shown, and held against the goals."""

import statistics
from typing import Any, NamedTuple

from measuring import Times, noise, ratio

PRODUCTS, LOW = "products", "products, bf16"  # the floors
SQUARE, CHECKS = "one product", "checks alone"
AGAIN = " again"  # behind the name of the peer that runs twice
FLOORS = PRODUCTS, LOW, SQUARE
OPTIONS = "compiled", "bf16", "compiled, bf16"
SIDE = 2048  # of the square product
OPTION, FLOOR = 0.85, 1.15  # what the options may take, by peer and floor
CHECKING = 0.005  # what the checks may take of a forward pass

Table = dict[str, Any]


class Setting(NamedTuple):
    """What a table measures."""

    size: str
    batch: int
    side: int
    training: bool
    kind: str = "eager"

    def title(self) -> str:
        """Say it in a line."""
        what = "training step" if self.training else "forward"
        kind = "" if self.kind == "eager" else f", {self.kind}"
        images = f"batch {self.batch}, {self.side} pixels"
        return f"{self.size}, {images}, {what}{kind}"


def fastest_peer(times: Times) -> str:
    """Name the peer with the least median, its second run aside."""
    ours = {"vitlib", *OPTIONS, *FLOORS, CHECKS}
    peers = [n for n in times if n not in ours and not n.endswith(AGAIN)]
    return min(peers, key=lambda name: statistics.median(times[name]))


def show(table: Table) -> None:
    """Print a table."""
    times, count = table["times"], len(table["times"]["vitlib"])
    title = f"{table['setting'].title()} ({count} rounds, {table['date']})"
    if table["setting"].kind == "checks":
        print(f"\n{title}\n  {share_of_checks(table):.2%} of the time")
        return
    print(
        f"\n{title}\n"
        f"{'':18}{'ms':>8}{'middle 80 %':>16}{'ratio':>7}{'x floor':>9}"
        f"{'GFLOP/s':>9}{'MB':>17}{'ratio':>7}"
    )
    for name in times:
        print(line_of(name, table), flush=True)


def line_of(name: str, table: Table) -> str:
    """Write the line of one contender."""
    times = table["times"]
    mine = times[name]
    median = statistics.median(mine)
    low, *_, high = statistics.quantiles(mine, n=10, method="inclusive")
    digits = 0 if low > 99 else 1
    spread = f"{low:.{digits}f} to {high:.{digits}f}"
    line = f"{name:18}{median:8.1f}{spread:>16}"
    work = 2 * SIDE**3 if name == SQUARE else table["flops"]
    speed = work / median * 1000
    if name in FLOORS:
        return f"{line}{'':16}{speed / 1e9:9.0f}"
    line += f"{ratio(times, name, fastest_peer(times)):7.3f}"
    floor = LOW if "bf16" in name else PRODUCTS
    line += f"{ratio(times, name, floor):9.2f}{speed / 1e9:9.0f}"
    if name in table.get("held", {}):
        megabytes = [table[part][name] / 1e6 for part in ("held", "peak")]
        line += f"{'{:.1f} + {:.1f}'.format(*megabytes):>17}"
        line += f"{memory_ratio(table, name):7.3f}"
    if table["peak_flops"] and "bf16" in name:
        line += f"  {speed / table['peak_flops']:.1%} of the peak"
    return line


def memory_ratio(table: Table, name: str = "vitlib") -> float:
    """Divide what one holds at most by what the smallest peer holds."""
    most = {n: table["held"][n] + table["peak"][n] for n in table["held"]}
    return most[name] / min(n for at, n in most.items() if at != "vitlib")


def share_of_checks(table: Table) -> float:
    """Say what the checks take of a forward pass."""
    times = table["times"]
    return ratio(times, CHECKS, "vitlib") / table["repeats"]


def tell_goals(tables: list[Table]) -> None:
    """Say of each goal where it is met and where missed."""
    kinds: dict[str, list[Table]] = {}
    for table in tables:
        kinds.setdefault(table["setting"].kind, []).append(table)
    print("\nGoals")
    for table in kinds.get("eager", []):
        tell_time(table)
        tell("memory by the smallest peer", table, memory_ratio(table), 1)
    for table in kinds.get("options", []):
        tell_options(table)
    for table in kinds.get("checks", []):
        share = share_of_checks(table)
        tell("share of the checks", table, share, CHECKING, 4)


def tell_time(table: Table) -> None:
    """As fast as the fastest peer, but for the noise."""
    times = table["times"]
    (twin,) = [name for name in times if name.endswith(AGAIN)]
    allowed = 1 + noise(times, twin.removesuffix(AGAIN), twin)
    found = ratio(times, "vitlib", fastest_peer(times))
    tell("time by the fastest peer", table, found, allowed)


def tell_options(table: Table) -> None:
    """By the fastest peer at Ti/16, by the floor at B/16."""
    times = table["times"]
    if table["setting"].size == "Ti/16":
        options = [name for name in OPTIONS if name in times]
        peer = fastest_peer(times)
        best = min(options, key=lambda name: ratio(times, name, peer))
        found = ratio(times, best, peer)
        tell(f"{best!r} by the fastest peer", table, found, OPTION)
    else:
        found = ratio(times, "compiled", PRODUCTS)
        tell("'compiled' by the floor", table, found, FLOOR)


def tell(
    what: str, table: Table, found: float, allowed: float, digits: int = 3
) -> None:
    """Print one goal; what is rounded away decides nothing."""
    met = round(found, digits) <= round(allowed, digits)
    print(
        f"{'met   ' if met else 'missed'}  {table['setting'].title()}: "
        f"{what} {found:.{digits}f}, allowed {allowed:.{digits}f}"
    )
