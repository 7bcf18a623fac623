"""Runs the reference beside every operator of a program, and raises where they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from fastlm import reference

# Largest error that rounding explains, relative to the largest element of a result, after some hundred steps.
_TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4, torch.bfloat16: 2e-2, torch.float16: 4e-3}


class CheckError(AssertionError):
    """An operator of fastlm and its reference give different results."""


class checked(TorchDispatchMode):  # noqa: N801  (used as a function: with fastlm.checked(): ...)
    """Compares every call of a fastlm operator, forward and backward, with :mod:`fastlm.reference`.

    It sees the calls themselves, so the program needs no change; it is slow, and under it compiled code runs eagerly.

    Args:
        tolerance: largest error allowed, relative to the largest element of the expected result; by default one that
            rounding explains, for the dtype.

    Raises:
        CheckError: results differ. Names the operator, the shapes and the worst element.

    Example:
        >>> import fastlm
        >>> rnn = fastlm.RNN(3, 4)
        >>> with fastlm.checked():
        ...     output, h_n = rnn(torch.randn(5, 2, 3))
        ...     output.sum().backward()
    """

    def __init__(self, tolerance: float | None = None) -> None:
        super().__init__()
        self._tolerance = tolerance

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.namespace == "fastlm":
            specification = getattr(reference, func._opname, None)
            if specification is not None:
                expected = _in_a_thread(lambda: specification(*args, **(kwargs or {})))
                self._compare(func, args, result, expected)
        return result

    def _compare(self, func: Any, args: Any, result: Any, expected: Any) -> None:
        for index, (got, want) in enumerate(_pairs(result, expected)):
            tolerance = self._tolerance if self._tolerance is not None else _TOLERANCE[want.dtype]
            if got.shape != want.shape:
                problem = f"has shape {list(got.shape)}, expected {list(want.shape)}"
            else:
                problem = _difference(got, want, tolerance)
            if problem:
                inputs = ", ".join(_describe(leaf) for leaf in tree_leaves(args))
                raise CheckError(f"{func} differs from its reference: result {index} {problem}; called with ({inputs})")


def _in_a_thread(work: Callable[[], Any]) -> Any:
    """Runs work in a thread of its own: inside a dispatch mode autograd is off, and the reference needs it."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def _pairs(result: Any, expected: Any) -> Iterator[tuple[Tensor, Tensor]]:
    """Tensors of a result with those expected; the reference has None where there is nothing to compare."""
    if isinstance(expected, Tensor):
        yield result, expected
    elif expected is not None:
        if len(result) != len(expected):
            raise CheckError(f"{len(result)} results, expected {len(expected)}")
        for got, want in zip(result, expected, strict=True):
            yield from _pairs(got, want)


def _difference(got: Tensor, want: Tensor, tolerance: float) -> str:
    if want.numel() == 0:
        return ""
    a, b = got.detach().double(), want.detach().double()
    error = torch.where((a == b) | (a.isnan() & b.isnan()), 0.0, (a - b).abs()).nan_to_num(nan=torch.inf)
    finite = b[b.isfinite()]
    limit = tolerance * max(1e-30, finite.abs().max().item() if finite.numel() else 0.0)
    worst = int(error.argmax())
    if error.flatten()[worst] <= limit:
        return ""
    at = [int(i) for i in torch.unravel_index(torch.tensor(worst), error.shape)]
    return (
        f"of shape {list(got.shape)} is worst at {at}: expected {b.flatten()[worst]:.9g}, got {a.flatten()[worst]:.9g}"
        f" (error {error.flatten()[worst]:.3g}, allowed {limit:.3g})"
    )


def _describe(leaf: Any) -> str:
    return f"{str(leaf.dtype).removeprefix('torch.')}{list(leaf.shape)}" if isinstance(leaf, Tensor) else repr(leaf)
