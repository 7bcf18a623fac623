"""What a trainer asks of the processes that it is one of."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn


class Processes(Protocol):
    """Processes that train one model together; :class:`fastlm.distributed.Processes` are those of ``torchrun``."""

    rank: int
    world: int

    def join(self, model: nn.Module) -> nn.Module:
        """The model, or around it what averages its gradients."""

    def any(self, flags: list[bool]) -> list[bool]:
        """Of each flag, whether it is set in any process; with none, only waits for the others."""

    def total(self, numbers: list[float]) -> list[float]:
        """Sums over the processes."""

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """The tensors of all processes, which are of one shape; at rank 0, elsewhere nothing."""


class Alone:
    """The only process."""

    rank, world = 0, 1

    def join(self, model: nn.Module) -> nn.Module:
        """The model."""
        return model

    def any(self, flags: list[bool]) -> list[bool]:
        """The flags."""
        return flags

    def total(self, numbers: list[float]) -> list[float]:
        """The numbers."""
        return numbers

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """The tensor."""
        return [tensor]
