"""Where a training run stands, and what the schedule makes of the end of an epoch."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastlm.lm.recipe import Recipe


@dataclass
class Progress:
    """All numbers of a run that a checkpoint has to know; those of JSON."""

    lr: float
    epoch: int = 0
    """Epochs done."""
    chunk: int = 0
    """Chunks of this epoch done."""
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    nats: float = 0.0
    """Of this epoch: sum over its tokens so far."""
    epoch_tokens: int = 0
    losses: list[float] = field(default_factory=list)
    """After each epoch: of the validation text, without one of training."""
    best: float | None = None
    """The lowest of them."""
    stalled: int = 0
    """Epochs since."""
    finished: bool = False
    log_bytes: int = 0

    def end_epoch(self, loss: float, recipe: Recipe) -> bool:
        """Goes on to the next epoch: learning rate, stopping. Returns whether the loss is the best so far.

        >>> progress = Progress(lr=1.0)
        >>> recipe = Recipe(lr=1.0, decay_from=1, epochs=3)
        >>> [(progress.end_epoch(loss, recipe), progress.lr, progress.finished) for loss in (5.0, 4.0, 4.5)]
        [(True, 0.5, False), (True, 0.25, False), (False, 0.125, True)]
        """
        improved = self.best is None or loss < self.best
        if improved:
            self.best = loss
        self.stalled = 0 if improved else self.stalled + 1
        self.losses.append(loss)
        self.epoch += 1
        self.chunk, self.nats, self.epoch_tokens = 0, 0.0, 0
        if (recipe.decay_from is not None and self.epoch >= recipe.decay_from) or (
            recipe.decay_on_stall and not improved
        ):
            self.lr *= recipe.decay
        self.finished = self.epoch >= recipe.epochs or (recipe.patience is not None and self.stalled >= recipe.patience)
        return improved
