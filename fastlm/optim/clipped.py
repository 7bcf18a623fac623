"""SGD, Adam and AdamW that clip the norm of the gradients on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from fastlm import ops

__all__ = ["SGD", "Adam", "AdamW"]


class _Clipping(torch.optim.Optimizer):
    """What the optimisers share: the norm, and whether the operators can do the step."""

    max_norm: float | None = None
    """Longest gradient, over all parameters; a longer one is scaled down to it. None: as it comes."""
    norm: Tensor | None = None
    """Of the last step's gradient, before clipping; None where ``max_norm`` is None."""

    def _set_max_norm(self, max_norm: float | None) -> None:
        if max_norm is not None and not max_norm >= 0:
            raise ValueError(f"Invalid max_norm value: {max_norm}")
        self.max_norm = max_norm

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """One step. ``norm`` is that of the gradients before clipping; the gradients themselves stay as they are.

        Args:
            closure: computes the gradients anew and returns the loss.

        Returns:
            What ``closure`` returns, or None.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        groups = [(group, [p for p in group["params"] if p.grad is not None]) for group in self.param_groups]
        every = [p for _, params in groups for p in params]
        if not all(self._can_step(group, params) for group, params in groups):
            if self.max_norm is not None:
                self.norm = torch.nn.utils.clip_grad_norm_(every, self.max_norm)
            super().step()
            return loss
        gradients = {p: _compact(p.grad) for p in every}
        scale = 1.0
        if self.max_norm is not None and every:
            norm = ops.optimizer.gradient_norm([g.values() if g.is_sparse else g for g in gradients.values()])
            self.norm = torch.tensor(norm, dtype=every[0].dtype)
            coefficient = self.max_norm / (norm + 1e-6)
            scale = 1.0 if coefficient > 1 else coefficient  # NaN stays
        for group, params in groups:
            if params:
                grads = [gradients[p] for p in params]
                self._group_step(group, params, grads, -scale if group["maximize"] else scale)
        return loss

    def _can_step(self, group: dict[str, Any], params: list[Tensor]) -> bool:
        plain = not (group["differentiable"] or isinstance(group["lr"], Tensor))
        return plain and all(_is_plain(p, self._takes_rows(group)) for p in params)

    def _takes_rows(self, group: dict[str, Any]) -> bool:
        return False

    def _group_step(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], scale: float) -> None:
        raise NotImplementedError


def _is_plain(p: Tensor, takes_rows: bool) -> bool:
    """Whether the operators take the parameter; takes_rows: with a sparse embedding's gradient, of some rows, too."""
    grad = p.grad
    assert grad is not None
    rows = takes_rows and grad.is_sparse and grad.sparse_dim() == 1
    return (
        p.is_cpu and p.dtype in (torch.float32, torch.float64) and p.is_contiguous() and grad.dtype == p.dtype
        and (rows or grad.layout is torch.strided) and type(grad) is Tensor
    )  # fmt: skip


def _compact(grad: Tensor | None) -> Tensor:
    """As the operators take it; of some rows: each row once."""
    assert grad is not None
    return grad.coalesce() if grad.is_sparse else grad.contiguous()


class SGD(_Clipping, torch.optim.SGD):
    """Stochastic gradient descent: a drop-in for ``torch.optim.SGD``, which can clip the gradients.

    Clipping and the update are one operator over all parameters, in two passes over the gradients, on the CPU with
    dense float32 or float64 parameters; elsewhere they are torch's. Of a sparse embedding's gradient only the rows that
    it has are read and changed, as long as there is no momentum and no weight decay. ``clip_grad_norm_`` and
    ``torch.optim.SGD`` one after the other give the same within rounding.

    Args:
        params: parameters, or groups of them.
        lr: learning rate.
        args: as ``torch.optim.SGD`` has them.
        max_norm: longest gradient, over all parameters of all groups; a longer one is scaled down to it. None: no
            clipping. It is no part of ``state_dict``, which is torch's.
        options: as ``torch.optim.SGD`` has them.

    Raises:
        ValueError: an option is out of its range.

    Source: Pascanu, Mikolov & Bengio (2013) for clipping.

    Example:
        >>> x = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
        >>> x.grad = torch.tensor([3.0, 4.0])
        >>> optimizer = SGD([x], lr=1.0, max_norm=1.0)
        >>> optimizer.step()
        >>> x.data, optimizer.norm
        (tensor([2.4000, 3.2000]), tensor(5.))
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, *args: Any, max_norm: float | None = None, **options: Any
    ) -> None:
        super().__init__(params, lr, *args, **options)
        self._set_max_norm(max_norm)

    def _takes_rows(self, group: dict[str, Any]) -> bool:
        return group["momentum"] == 0 == group["weight_decay"]

    def _group_step(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], scale: float) -> None:
        options = {name: group[name] for name in ("lr", "momentum", "weight_decay", "nesterov")}
        if group["momentum"] == 0:
            pairs = list(zip(params, grads, strict=True))
            whole = [pair for pair in pairs if not pair[1].is_sparse]
            ops.optimizer.sgd_step_(
                [p for p, _ in whole], [g for _, g in whole], [], scale=scale, **options | {"nesterov": False}
            )
            for p, grad in pairs:
                if grad.is_sparse:
                    p.index_add_(0, grad.indices()[0], grad.values(), alpha=-scale * group["lr"])
            return
        old, new = [], []
        for p, grad in zip(params, grads, strict=True):
            if self.state[p].get("momentum_buffer") is None:
                self.state[p]["momentum_buffer"] = torch.zeros_like(p)
                new.append((p, grad))
            else:
                old.append((p, grad))
        # the first gradient is taken whole, whatever the dampening
        for part, dampening in ((old, group["dampening"]), (new, 0.0)):
            if part:
                some, their = zip(*part, strict=True)
                buffers = [self.state[p]["momentum_buffer"] for p in some]
                ops.optimizer.sgd_step_(some, their, buffers, scale=scale, dampening=dampening, **options)


class Adam(_Clipping, torch.optim.Adam):
    """Adam: a drop-in for ``torch.optim.Adam``, which can clip the gradients. See :class:`SGD`.

    >>> x = torch.nn.Parameter(torch.tensor([3.0]))
    >>> x.grad = torch.tensor([100.0])
    >>> Adam([x], lr=0.5, max_norm=1.0).step()
    >>> x.data
    tensor([2.5000])
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, *args: Any, max_norm: float | None = None, **options: Any
    ) -> None:
        super().__init__(params, lr, *args, **options)
        self._set_max_norm(max_norm)

    def _can_step(self, group: dict[str, Any], params: list[Tensor]) -> bool:
        plain = not (group["amsgrad"] or group["capturable"] or group["fused"])
        return plain and super()._can_step(group, params)

    def _group_step(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], scale: float) -> None:
        for p in params:
            if not self.state[p]:
                self.state[p].update(
                    step=torch.tensor(0.0), exp_avg=torch.zeros_like(p), exp_avg_sq=torch.zeros_like(p)
                )
        states = [self.state[p] for p in params]
        for state in states:
            state["step"] += 1
        ops.optimizer.adam_step_(
            params,
            grads,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [int(state["step"]) for state in states],
            scale=scale,
            lr=group["lr"],
            betas=group["betas"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"],
        )


class AdamW(Adam):
    """Adam with decoupled weight decay: a drop-in for ``torch.optim.AdamW``. See :class:`SGD`.

    >>> x = torch.nn.Parameter(torch.tensor([2.0]))
    >>> x.grad = torch.tensor([1.0])
    >>> AdamW([x], lr=0.5, weight_decay=0.5).step()
    >>> x.data
    tensor([1.0000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        *args: Any,
        max_norm: float | None = None,
        **options: Any,
    ) -> None:
        options["decoupled_weight_decay"] = True
        super().__init__(params, lr, betas, eps, weight_decay, *args, max_norm=max_norm, **options)
