"""What a recurrent module may have that torch's has not: the keyword options of its constructor."""

from __future__ import annotations

import math
from typing import Any, TypedDict


class RecurrentOptions(TypedDict, total=False):
    """Keyword arguments of every recurrent module. All are fused into the kernels, forward and backward."""

    layer_norm: bool
    """Layer norm of ``W x`` and of ``U h`` over all gates, and in an LSTM of c on its way to h (Ba et al. 2016)."""
    recurrent_dropout: float
    """Probability of dropout on h on its way to U, one mask for all steps of a sequence (Gal & Ghahramani 2016)."""
    input_dropout: float
    """Probability of dropout on the input of every layer, one mask for all steps of a sequence."""
    weight_dropout: float
    """Probability of dropout on the recurrent weights, one mask a call (Wan et al. 2013; Merity et al. 2018)."""
    zoneout: float | tuple[float, float]
    """Probability that a unit keeps its state for a step; of an LSTM also a pair, for h and c (Krueger et al. 2017). In
    evaluation every unit keeps that share of it."""
    bptt_clip: float | None
    """Backward keeps the gradient of every pre-activation within +-bptt_clip, at every step (Graves 2013)."""


DEFAULTS = RecurrentOptions(
    layer_norm=False, recurrent_dropout=0.0, input_dropout=0.0, weight_dropout=0.0, zoneout=0.0, bptt_clip=None
)


def complete(options: RecurrentOptions, states: int) -> RecurrentOptions:
    """The options with their defaults, checked for a cell with so many states; zoneout as a pair."""
    if unknown := options.keys() - DEFAULTS.keys():
        raise TypeError(f"got an unexpected keyword argument '{min(unknown)}'; options are {', '.join(DEFAULTS)}")
    whole: dict[str, Any] = {**DEFAULTS, **options}
    if not isinstance(whole["layer_norm"], bool):
        raise TypeError(f"layer_norm should be of type bool, got: {type(whole['layer_norm']).__name__}")
    for name in ("recurrent_dropout", "input_dropout", "weight_dropout"):
        whole[name] = _probability(name, whole[name], "an element being zeroed")
    zoneout = whole["zoneout"]
    pair = tuple(zoneout) if isinstance(zoneout, (tuple, list)) else (zoneout, zoneout if states > 1 else 0.0)
    if len(pair) != 2 or (states == 1 and pair[1] != 0):
        wanted = "a number, or a pair for h and c" if states > 1 else "a number, as this cell has no second state"
        raise ValueError(f"zoneout should be {wanted}, but got {zoneout}")
    whole["zoneout"] = tuple(_probability("zoneout", p, "a unit keeping its state") for p in pair)
    clip = whole["bptt_clip"]
    if clip is not None and not (isinstance(clip, (int, float)) and clip > 0 and math.isfinite(clip)):
        raise ValueError(f"bptt_clip should be a number greater than zero, or None, but got {clip}")
    return RecurrentOptions(**whole)  # type: ignore[typeddict-item]


def describe(module: Any) -> list[str]:
    """A module's options that differ from their defaults, as its constructor takes them."""
    shown = {name: getattr(module, name) for name in DEFAULTS}
    h, c = shown["zoneout"]
    shown["zoneout"] = h if c in (0.0, h) else (h, c)
    return [f"{name}={shown[name]}" for name, default in DEFAULTS.items() if shown[name] != default]


def _probability(name: str, p: Any, of: str) -> float:
    if not isinstance(p, (int, float)) or isinstance(p, bool) or not 0 <= p <= 1:
        raise ValueError(f"{name} should be a number in range [0, 1] representing the probability of {of}, but got {p}")
    return float(p)
