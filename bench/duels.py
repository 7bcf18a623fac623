"""The results of a run: each duel, and what the duels of a regime say together; as text and as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Duel:
    """fastlm and its peer at one piece of work; less is better."""

    suite: str
    name: str
    regime: str
    """What it is summed up with, such as "LSTM train, T35"."""
    ours: float
    peer: float | None
    """None: there is none on this machine."""
    unit: str = "s"
    """Of ours, peer, limit and plain: seconds, MB of memory, or bytes."""
    limit: float | None = None
    """The least that the machine allows for."""
    plain: float | None = None
    """fastlm's own figure without the option that is measured."""
    work: tuple[float, str] | None = None
    """How much was done in ours, such as (1e6, "words")."""
    facts: dict[str, Any] = field(default_factory=dict)
    """The parameters of the duel, for the heat map."""

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer."""
        return None if self.peer is None else self.peer / self.ours


@dataclass(frozen=True)
class Regime:
    """Duels that are summed up together; means are geometric, shares of the limit in percent."""

    suite: str
    name: str
    ratios: list[float]
    mean: float
    our_share: float | None
    peer_share: float | None
    of_plain: float | None


def geometric_mean(values: Iterable[float]) -> float:
    """The mean of ratios: that of a and 1/a is 1."""
    return math.exp(statistics.fmean(map(math.log, values)))


def regimes(duels: list[Duel]) -> Iterator[Regime]:
    """The regimes with peers, in the order in which they were first met."""
    groups: dict[tuple[str, str], list[Duel]] = {}
    for duel in duels:
        if duel.peer is not None:
            groups.setdefault((duel.suite, duel.regime), []).append(duel)
    for (suite, name), group in groups.items():
        ratios = [duel.ratio for duel in group if duel.ratio is not None]
        limited = [duel for duel in group if duel.limit]
        yield Regime(
            suite,
            name,
            ratios,
            geometric_mean(ratios),
            geometric_mean(percent(duel.limit, duel.ours) for duel in limited) if limited else None,
            geometric_mean(percent(duel.limit, duel.peer) for duel in limited) if limited else None,
            geometric_mean(duel.ours / duel.plain for duel in group) if all(duel.plain for duel in group) else None,
        )


def percent(limit: float | None, value: float | None) -> float:
    """How much of the limit was reached."""
    return 100 * (limit or math.nan) / (value or math.nan)


def table(duels: list[Duel]) -> Iterator[str]:
    """A line for each duel, under the name of its regime, then a line for each regime."""
    yield f"{'':42s} {'fastlm':>11s} {'peer':>11s} {'ratio':>7s}  of the limit: fastlm, peer"
    for suite, regime in dict.fromkeys((duel.suite, duel.regime) for duel in duels):
        yield regime
        for duel in duels:
            if (duel.suite, duel.regime) == (suite, regime):
                yield line(duel)
    yield f"\n{'geometric means':42s} {'ratio':>7s} {'least':>7s} {'most':>7s}  of the limit: fastlm, peer"
    for row in regimes(duels):
        spread = f"{row.mean:6.2f}x {min(row.ratios):6.2f}x {max(row.ratios):6.2f}x"
        yield f"{row.name:42s} {spread} {tail(row.our_share, row.peer_share, row.of_plain)}".rstrip()


def line(duel: Duel) -> str:
    """What a duel says."""
    shares = [percent(duel.limit, value) if duel.limit and value else None for value in (duel.ours, duel.peer)]
    amounts = f"{amount(duel.ours, duel.unit)} {amount(duel.peer, duel.unit)}"
    ratio = f"{duel.ratio:6.2f}x" if duel.ratio else " " * 7
    of_plain = duel.ours / duel.plain if duel.plain else None
    shown = tail(*shares, of_plain)
    if duel.work:
        shown = f"{shown:28s}  {rate(duel.work[0] / duel.ours)} {duel.work[1]}/s"
    return f"  {duel.name:40s} {amounts} {ratio} {shown}".rstrip()


def amount(value: float | None, unit: str) -> str:
    """Eleven characters; times in milliseconds."""
    if value is None:
        return " " * 11
    return f"{1e3 * value:9.3f}ms" if unit == "s" else f"{value:9.1f}{unit}"


def rate(value: float) -> str:
    """Three digits.

    >>> rate(1234567.0), rate(5e8), rate(70)
    ('1.23 M', '500 M', '70')
    """
    for size, name in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{name}"
    return f"{value:.3g}"


def tail(ours: float | None, peer: float | None, of_plain: float | None) -> str:
    """Both shares of the limit, and the multiple of the plain layer, where there are such."""
    shares = f"{ours:20.1f}%" + (f" {peer:5.1f}%" if peer else " " * 7) if ours else " " * 28
    return shares + (f"  {of_plain:5.2f} of plain" if of_plain else "")


def save(path: Path, clock: str, duels: list[Duel], notes: Sequence[str] = ()) -> None:
    """Writes everything as JSON."""
    rows = [dataclasses.asdict(duel) | {"ratio": duel.ratio} for duel in duels]
    path.write_text(json.dumps({"clock": clock, "notes": list(notes), "duels": rows}, indent=2) + "\n")
