"""``fastlm::rnn_layer``: one recurrent layer over whole sequences, one or both directions, any compiled cell."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from fastlm import (
    _library,  # noqa: F401  (loads the operators)
    reference,
)

_forward_op = torch.ops.fastlm.rnn_layer.default
_backward_op = torch.ops.fastlm.rnn_layer_backward.default


class CellTraits(NamedTuple):
    """What the compiled cell says of itself (csrc/core/rnn/cell.h)."""

    gates: int
    states: int
    slots: int
    """Numbers that forward keeps for backward, for each row and hidden unit, besides the output."""
    diagonal: bool
    """The hidden state reaches each gate through one weight a unit, not through a matrix."""


@functools.cache
def cells() -> tuple[str, ...]:
    """Names of the compiled cells.

    >>> "rnn_tanh" in cells()
    True
    """
    return tuple(torch.ops.fastlm.cells())


@functools.cache
def cell_traits(cell: str) -> CellTraits:
    """Traits of a compiled cell.

    >>> cell_traits("rnn_tanh").gates
    1
    """
    gates, states, slots, diagonal = torch.ops.fastlm.cell_traits(cell)
    return CellTraits(gates, states, slots, bool(diagonal))


def rnn_layer(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Sequence[Tensor],
    w_hh: Sequence[Tensor],
    b_ih: Sequence[Tensor],
    b_hh: Sequence[Tensor],
    batch_sizes: Tensor | None,
    cell: str,
) -> tuple[Tensor, list[Tensor]]:
    """One recurrent layer over whole sequences.

    Below, T is the number of steps, B the batch, I the input size, H the hidden size, G the gates of the cell, D the
    directions (1 or 2: the length of ``w_ih``). All tensors are float32, or all float64.

    Args:
        input: [T, B, I], or the [N, I] data of a PackedSequence.
        hx: the initial states, a [D, B, H] tensor each; empty: zeros.
        w_ih: for each direction [G * H, I].
        w_hh: for each direction [G * H, H], or [G * H] for a cell with a diagonal recurrence.
        b_ih: for each direction [G * H]; empty: no biases.
        b_hh: as ``b_ih``.
        batch_sizes: of the PackedSequence, [T] int64 on the CPU, or None.
        cell: one of :func:`cells`.

    Returns:
        The hidden states of every step, [T, B, D * H] or [N, D * H], and the final states, a [D, B, H] tensor each.

    Raises:
        RuntimeError: a shape, dtype or device does not fit, T is 0, or there is no such cell.

    Example:
        >>> w_ih, w_hh = torch.ones(1, 2), torch.zeros(1, 1)
        >>> output, (h_n,) = rnn_layer(torch.ones(3, 1, 2), [], [w_ih], [w_hh], [], [], None, "rnn_relu")
        >>> output.flatten(), h_n
        (tensor([2., 2., 2.]), tensor([[[2.]]]))
    """
    lists = (hx, w_ih, w_hh, b_ih, b_hh)
    flat = [tensor for tensors in lists for tensor in tensors]
    for_backward = torch.is_grad_enabled() and (input.requires_grad or any(tensor.requires_grad for tensor in flat))
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        output, hn, _ = _forward_op(input, *lists, batch_sizes, cell, for_backward)
    elif for_backward:
        output, *hn = _Layer.apply([len(tensors) for tensors in lists], batch_sizes, cell, input, *flat)
    else:
        with torch._C._AutoDispatchBelowAutograd():
            output, hn, _ = _forward_op(input, *lists, batch_sizes, cell, False)
    return output, hn


@torch.library.register_fake("fastlm::rnn_layer")
def _fake_forward(input, hx, w_ih, w_hh, b_ih, b_hh, batch_sizes, cell, for_backward):  # type: ignore[no-untyped-def]
    traits = cell_traits(cell)
    directions, hidden = len(w_ih), w_ih[0].shape[0] // traits.gates
    output = input.new_empty(*input.shape[:-1], directions * hidden)
    if batch_sizes is None:
        batch = input.shape[1]
    else:
        batch = hx[0].shape[1] if hx else torch.library.get_ctx().new_dynamic_size()
    hn = [input.new_empty(directions, batch, hidden) for _ in range(traits.states)]
    rows = math.prod(input.shape[:-1])
    return output, hn, input.new_empty(directions, rows, traits.slots * hidden if for_backward else 0)


@torch.library.register_fake("fastlm::rnn_layer_backward")
def _fake_backward(  # type: ignore[no-untyped-def]
    grad_output, grad_hn, input, hx, w_ih, w_hh, b_ih, b_hh, batch_sizes, cell, output, saved, wants_input, wants_hx
):
    d_hx = [torch.empty_like(grad, memory_format=torch.contiguous_format) for grad in grad_hn] if wants_hx else []
    d_input = torch.empty_like(input, memory_format=torch.contiguous_format) if wants_input else input.new_empty(0)
    return d_input, d_hx, *([w.new_empty(w.shape) for w in ws] for ws in (w_ih, w_hh, b_ih, b_hh))


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    input, *lists, batch_sizes, ctx.cell, _ = inputs
    y, _, saved = output
    ctx.lengths = [len(tensors) for tensors in lists]
    ctx.save_for_backward(input, *(t for tensors in lists for t in tensors), batch_sizes, y, saved)
    ctx.mark_non_differentiable(saved)


def _backward(ctx, grad_output, grad_hn, _):  # type: ignore[no-untyped-def]
    return *_gradients(ctx, grad_output, grad_hn, ctx.needs_input_grad[0], any(ctx.needs_input_grad[1])), *[None] * 3


def _gradients(ctx, grad_output, grad_hn, wants_input, wants_hx):  # type: ignore[no-untyped-def]
    """Gradients of input, hx, w_ih, w_hh, b_ih and b_hh from what the forward pass saved."""
    input, *flat, batch_sizes, output, saved = ctx.saved_tensors
    hx, *weights = _split(flat, ctx.lengths)
    d_input, d_hx, *d_weights = _backward_op(
        grad_output, grad_hn, input, hx, *weights, batch_sizes, ctx.cell, output, saved, wants_input, wants_hx
    )
    return d_input if wants_input else None, d_hx if wants_hx else [None] * len(hx), *d_weights


def _split(flat, lengths):  # type: ignore[no-untyped-def]
    tensors = iter(flat)
    return [[next(tensors) for _ in range(length)] for length in lengths]


class _Layer(torch.autograd.Function):
    """The gradient in eager programs: the handling of lists in torch.library costs more than a short layer."""

    @staticmethod
    def forward(ctx, lengths, batch_sizes, cell, input, *flat):  # type: ignore[no-untyped-def]
        with torch._C._AutoDispatchBelowAutograd():
            output, hn, saved = _forward_op(input, *_split(flat, lengths), batch_sizes, cell, True)
        ctx.lengths, ctx.cell = lengths, cell
        ctx.save_for_backward(input, *flat, batch_sizes, output, saved)
        return output, *hn

    @staticmethod
    def backward(ctx, grad_output, *grad_hn):  # type: ignore[no-untyped-def]
        wants_input, *wants = ctx.needs_input_grad[3:]
        d_input, *lists = _gradients(ctx, grad_output, grad_hn, wants_input, any(wants[: ctx.lengths[0]]))
        return None, None, None, d_input, *(tensor for tensors in lists for tensor in tensors)


torch.library.register_autograd("fastlm::rnn_layer", _backward, setup_context=_setup)


# Double backward: through the reference, which PyTorch can differentiate as often as it likes.


def _setup_backward(ctx, inputs, output):  # type: ignore[no-untyped-def]
    (
        grad_output,
        grad_hn,
        input,
        hx,
        w_ih,
        w_hh,
        b_ih,
        b_hh,
        batch_sizes,
        ctx.cell,
        *_,
        ctx.wants_input,
        ctx.wants_hx,
    ) = inputs
    lists = (grad_hn, hx, w_ih, w_hh, b_ih, b_hh)
    ctx.lengths = [len(tensors) for tensors in lists]
    ctx.save_for_backward(grad_output, input, batch_sizes, *(t for tensors in lists for t in tensors))


def _backward_backward(ctx, *grads):  # type: ignore[no-untyped-def]
    grad_output, input, batch_sizes, *flat = ctx.saved_tensors
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        # A leaf for each role: one tensor may have several, as with tied weights.
        grad_output, input, *flat = (
            t.view_as(t) if t.requires_grad else t.detach().requires_grad_() for t in (grad_output, input, *flat)
        )
        grad_hn, hx, w_ih, w_hh, b_ih, b_hh = _split(flat, ctx.lengths)
        first = reference.rnn_layer_backward(
            grad_output, grad_hn, input, hx, w_ih, w_hh, b_ih, b_hh, batch_sizes, ctx.cell, None, None,
            ctx.wants_input, ctx.wants_hx, create_graph=True,
        )  # fmt: skip
        pairs = zip(_flatten(first), _flatten(grads), strict=True)
        ys, gs = zip(*((y, g) for y, g in pairs if y is not None and g is not None), strict=True)
        leaves = [grad_output, input, *flat]
        second = iter(torch.autograd.grad(ys, leaves, gs, allow_unused=True, create_graph=create_graph))
    d_grad_output, d_input = next(second), next(second)
    d_grad_hn, *d_lists = ([next(second) for _ in range(length)] for length in ctx.lengths)
    return d_grad_output, d_grad_hn, d_input, *d_lists, None, None, None, None, None, None


def _flatten(results):  # type: ignore[no-untyped-def]
    """The tensors of a backward operator's results, with None where a gradient was not wanted."""
    d_input, *lists = results
    return [d_input, *(tensor for tensors in lists for tensor in tensors)]


torch.library.register_autograd("fastlm::rnn_layer_backward", _backward_backward, setup_context=_setup_backward)
