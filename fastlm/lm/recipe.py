"""How a model is trained, as data: optimiser, schedule, chunks, clipping."""

from __future__ import annotations

import math
from dataclasses import dataclass

OPTIMIZERS = ("sgd", "nt-asgd", "adam", "adamw", "nadam", "adagrad", "rmsprop")


@dataclass(frozen=True)
class Recipe:
    """A training schedule. A loss that "does not fall" is that of the validation text, or of training without one."""

    optimizer: str = "adamw"
    """Torch's ``"sgd"``, ``"adam"``, ``"adamw"``, ``"nadam"``, ``"adagrad"``, ``"rmsprop"``, or ``"nt-asgd"``: SGD,
    and from the epoch on whose validation loss is above the best of those more than ``nonmono`` epochs before, the mean
    of the parameters over all steps since (Merity et al. 2018)."""
    lr: float = 0.003
    weight_decay: float = 0.0
    """L2 regularisation of all parameters; of AdamW, apart from the gradient."""
    momentum: float = 0.0
    """Of SGD."""
    clip: float | None = 1.0
    """Largest norm of the gradient; None: any."""
    sum_steps: bool = False
    """The gradient is of the loss summed over the steps of a chunk, not averaged: what Zaremba et al.'s learning rates
    and clipping are for."""
    batch_size: int = 20
    """Columns that the text is cut into."""
    bptt: int = 35
    """Steps of a chunk."""
    variable_bptt: bool = False
    """Lengths of chunks are drawn: from normal(bptt, 5), one in twenty from normal(bptt / 2, 5), at least 5; the
    learning rate goes with the length (Merity et al. 2018)."""
    epochs: int = 10
    decay: float = 0.5
    """The learning rate's factor when it falls."""
    decay_from: int | None = None
    """It falls at every epoch after this one."""
    decay_on_stall: bool = False
    """It falls after an epoch in which the loss does not fall."""
    patience: int | None = None
    """Stop after so many epochs in which the loss does not fall."""
    nonmono: int = 5
    """Of NT-ASGD."""

    def __post_init__(self) -> None:
        """Refuses what cannot be.

        Raises:
            ValueError: says which value is wrong.
        """
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer must be one of {', '.join(OPTIMIZERS)}, got {self.optimizer!r}")
        for name, least in {
            "batch_size": 1,
            "bptt": 1,
            "epochs": 1,
            "patience": 1,
            "nonmono": 1,
            "decay_from": 0,
        }.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        for name in ("lr", "decay", "clip"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name} must be a number above 0, got {value}")
        for name in ("weight_decay", "momentum"):
            value = getattr(self, name)
            if not (value >= 0 and math.isfinite(value)):
                raise ValueError(f"{name} must be a number of at least 0, got {value}")
