"""Averaged SGD with a non-monotone trigger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from fastlm.optim.clipped import SGD

__all__ = ["NTASGD"]


class NTASGD(SGD):
    """SGD that averages its parameters once the validation loss has stopped falling.

    Args:
        params: parameters, or groups of them.
        lr: learning rate.
        args: as :class:`fastlm.optim.SGD` has them.
        n: how many of the last losses are left out when a new one is compared with the best.
        options: as :class:`fastlm.optim.SGD` has them, with ``max_norm``.

    Raises:
        ValueError: an option is out of its range.

    Source: Merity, Keskar & Socher (2018); Polyak & Juditsky (1992) for averaging.

    Example:
        >>> x = torch.nn.Parameter(torch.tensor([4.0]))
        >>> optimizer = NTASGD([x], lr=1.0, n=1)
        >>> [optimizer.observe(loss) for loss in (3.0, 2.0, 2.5, 2.6)]
        [False, False, False, True]
        >>> for gradient in (1.0, 1.0):
        ...     x.grad = torch.tensor([gradient])
        ...     optimizer.step()
        >>> with optimizer.averages():
        ...     print(x.item())
        2.5
        >>> x.item()
        2.0
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, *args: Any, n: int = 5, **options: Any) -> None:
        if n < 0:
            raise ValueError(f"Invalid n value: {n}")
        super().__init__(params, lr, *args, **options)
        for group in self.param_groups:  # what is in a group is in the state_dict
            group.update(n=n, losses=[], averaging=False)

    @property
    def averaging(self) -> bool:
        """Whether the trigger was pulled."""
        return bool(self.param_groups[0]["averaging"])

    def observe(self, loss: float) -> bool:
        """Takes note of a validation loss, to be called at equal distances, such as after each epoch.

        Returns:
            Whether averaging has begun, now or before.
        """
        group = self.param_groups[0]
        losses, n = group["losses"], group["n"]
        if len(losses) > n and loss > min(losses[: len(losses) - n]):
            for each in self.param_groups:
                each["averaging"] = True
        losses.append(float(loss))
        return self.averaging

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step of :class:`fastlm.optim.SGD`; the averages follow, once averaging has begun."""
        loss = super().step(closure)
        if self.averaging:
            for p in self._parameters():
                state = self.state[p]
                state["averaged"] = state.get("averaged", 0) + 1
                if "average" in state:
                    state["average"].lerp_(p, 1 / state["averaged"])
                else:
                    state["average"] = p.detach().clone()
        return loss

    @contextmanager
    def averages(self) -> Iterator[None]:
        """Within it the parameters are their averages, for evaluation; nothing changes where there are none yet."""
        averaged = [p for p in self._parameters() if "average" in self.state.get(p, {})]
        current = [p.detach().clone() for p in averaged]
        with torch.no_grad():
            for p in averaged:
                p.copy_(self.state[p]["average"])
        try:
            yield
        finally:
            with torch.no_grad():
                for p, value in zip(averaged, current, strict=True):
                    p.copy_(value)

    def _parameters(self) -> Iterator[torch.Tensor]:
        return (p for group in self.param_groups for p in group["params"])
