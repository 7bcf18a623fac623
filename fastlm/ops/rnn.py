"""``fastlm::rnn_layer``: one recurrent layer over whole sequences, one or both directions, any compiled cell."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

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
    output_apart: bool
    """The output is a function of another state: it can be projected, and a layer norm can come in between."""

    def saved_width(self, hidden: int, projected: bool, normed: bool, mixed: bool) -> int:
        """Numbers that forward keeps for each row: the slots, and what the options need (csrc/core/rnn/options.h)."""
        normal = (2 * self.gates + self.output_apart) * hidden + 2 + self.output_apart
        return (self.slots + projected + mixed) * hidden + normed * normal

    def gain_count(self, hidden: int) -> int:
        """Numbers of ``gains``."""
        return 2 * (self.gates + self.output_apart) * hidden


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
    gates, states, slots, diagonal, output_apart = torch.ops.fastlm.cell_traits(cell)
    return CellTraits(gates, states, slots, bool(diagonal), bool(output_apart))


class _Options(NamedTuple):
    """Arguments of the operators that are no lists of parameters, and have no gradient."""

    batch_sizes: Tensor | None
    cell: str
    h_mask: Tensor | None
    zoneout_seed: Tensor | None
    zoneout_h: float
    zoneout_c: float
    bptt_clip: float | None
    tf32: bool

    def arguments(self, lists: Sequence[Any]) -> tuple[Any, ...]:
        """The middle of the operators' arguments, from hx to tf32."""
        return *lists[:5], *self[:2], *lists[5:], *self[2:]


def rnn_layer(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Sequence[Tensor],
    w_hh: Sequence[Tensor],
    b_ih: Sequence[Tensor],
    b_hh: Sequence[Tensor],
    batch_sizes: Tensor | None,
    cell: str,
    *,
    w_hr: Sequence[Tensor] = (),
    gains: Sequence[Tensor] = (),
    h_mask: Tensor | None = None,
    zoneout_seed: Tensor | None = None,
    zoneout_h: float = 0.0,
    zoneout_c: float = 0.0,
    bptt_clip: float | None = None,
    all_states: bool = False,
) -> tuple[Any, ...]:
    """One recurrent layer over whole sequences.

    Below, T is the number of steps, B the batch, I the input size, H the hidden size, P the size of h (H, or that of a
    projection), G the gates of the cell, D the directions (1 or 2: the length of ``w_ih``). All tensors have one dtype:
    float32, float64, float16 or bfloat16; the 16-bit ones are computed in float32. On a GPU the products of float32 are
    rounded to TF32 if ``torch.backends.cuda.matmul.fp32_precision`` is ``"tf32"``.

    Args:
        input: [T, B, I], or the [N, I] data of a PackedSequence.
        hx: the initial states, [D, B, P] and for a second state [D, B, H]; empty: zeros.
        w_ih: for each direction [G * H, I].
        w_hh: for each direction [G * H, P], or [G * H] for a cell with a diagonal recurrence.
        b_ih: for each direction [G * H]; empty: no biases.
        b_hh: as ``b_ih``.
        batch_sizes: of the PackedSequence, [T] int64 on the CPU, or None.
        cell: one of :func:`cells`.
        w_hr: for each direction [P, H], a projection of the cell's output (Sak et al. 2014); empty: none.
        gains: layer norm (Ba et al. 2016): ``W x`` and ``U h`` are normalised over all gates, multiplied with their
            gains, and the biases are added; an LSTM normalises c on its way to h, too. For each direction the gains
            one behind the other, [G * H] for ``W x``, [G * H] for ``U h``, and for an LSTM [H] and a shift [H] for c;
            empty: no layer norm.
        h_mask: [D, B, P], factors of h on its way to U, the same at all steps (recurrent dropout, Gal & Ghahramani
            2016); no gradient. None: ones.
        zoneout_seed: int64, where zoneout (Krueger et al. 2017) draws from the units that keep their state; None: each
            unit keeps a share, as in evaluation.
        zoneout_h: probability that a unit of h keeps its value for a step.
        zoneout_c: the same of the second state.
        bptt_clip: backward keeps the gradient of every pre-activation in [-bptt_clip, bptt_clip], at every step
            (Graves 2013); None: it leaves them.
        all_states: also return the second state of every step.

    Returns:
        The hidden states of every step, [T, B, D * P] or [N, D * P], and the final states as ``hx``; with
        ``all_states`` also a list of the other states of every step, [T, B, D * H] or [N, D * H] each.

    Raises:
        RuntimeError: a shape, dtype or device does not fit, T is 0, there is no such cell, or an option is not for it.

    Example:
        >>> w_ih, w_hh = torch.ones(1, 2), torch.zeros(1, 1)
        >>> output, (h_n,) = rnn_layer(torch.ones(3, 1, 2), [], [w_ih], [w_hh], [], [], None, "rnn_relu")
        >>> output.flatten(), h_n
        (tensor([2., 2., 2.]), tensor([[[2.]]]))
    """
    lists = (hx, w_ih, w_hh, b_ih, b_hh, w_hr, gains)
    tf32 = input.is_cuda and torch.backends.cuda.matmul.fp32_precision == "tf32"
    options = _Options(batch_sizes, cell, h_mask, zoneout_seed, zoneout_h, zoneout_c, bptt_clip, tf32)
    if torch._C._is_any_autocast_enabled() and torch.is_autocast_enabled(input.device.type):
        dtype = torch.get_autocast_dtype(input.device.type)
        input, lists, options = tree_map(lambda leaf: _cast(leaf, dtype), (input, lists, options))
    for_backward = torch.is_grad_enabled() and (
        input.requires_grad or any(tensor.requires_grad for tensors in lists for tensor in tensors)
    )
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        output, hn, states, _ = _forward_op(input, *options.arguments(lists), all_states, for_backward)
    elif for_backward:
        lengths = [len(tensors) for tensors in lists]
        flat = [tensor for tensors in lists for tensor in tensors]
        output, *rest = _Layer.apply(lengths, options, all_states, input, *flat)
        count = cell_traits(cell).states
        hn, states = rest[:count], rest[count:]
    else:
        with torch._C._AutoDispatchBelowAutograd():
            output, hn, states, _ = _forward_op(input, *options.arguments(lists), all_states, False)
    return (output, hn, states) if all_states else (output, hn)


def _cast(leaf: Any, dtype: torch.dtype) -> Any:
    """What autocast does to an argument."""
    if isinstance(leaf, Tensor) and leaf.is_floating_point() and leaf.dtype != torch.float64:
        return leaf.to(dtype)
    return leaf


@torch.library.register_fake("fastlm::rnn_layer")
def _fake_forward(  # type: ignore[no-untyped-def]
    input, hx, w_ih, w_hh, b_ih, b_hh, batch_sizes, cell, w_hr, gains, *others
):
    _, zoneout_seed, zoneout_h, _, _, _, all_states, for_backward = others
    traits = cell_traits(cell)
    directions, hidden = len(w_ih), w_ih[0].shape[0] // traits.gates
    outputs = w_hr[0].shape[0] if w_hr else hidden
    if batch_sizes is None:
        batch = input.shape[1]
    else:
        batch = hx[0].shape[1] if hx else torch.library.get_ctx().new_dynamic_size()
    hn = [input.new_empty(directions, batch, outputs if s == 0 else hidden) for s in range(traits.states)]
    leading, rows = input.shape[:-1], math.prod(input.shape[:-1])
    states = [input.new_empty(*leading, directions * hidden) for _ in range(traits.states - 1)] if all_states else []
    mixed = zoneout_h > 0 and zoneout_seed is None
    width = traits.saved_width(hidden, bool(w_hr), bool(gains), mixed) if for_backward else 0
    saved = input.new_empty(directions, rows, width, dtype=_computed(input.dtype))
    return input.new_empty(*leading, directions * outputs), hn, states, saved


def _computed(dtype: torch.dtype) -> torch.dtype:
    """The dtype in which the kernels compute."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype


@torch.library.register_fake("fastlm::rnn_layer_backward")
def _fake_backward(grad_output, grad_hn, grad_states, input, *rest):  # type: ignore[no-untyped-def]
    _, *first, _, _, w_hr, gains = rest[:9]
    *_, wants_input, wants_hx = rest
    d_hx = [torch.empty_like(grad, memory_format=torch.contiguous_format) for grad in grad_hn] if wants_hx else []
    d_input = torch.empty_like(input, memory_format=torch.contiguous_format) if wants_input else input.new_empty(0)
    return d_input, d_hx, *([w.new_empty(w.shape) for w in ws] for ws in (*first, w_hr, gains))


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    input, *arguments, _, _ = inputs
    first, (batch_sizes, cell, w_hr, gains, *others) = arguments[:5], arguments[5:]
    y, _, _, saved = output
    _save(ctx, input, [*first, w_hr, gains], _Options(batch_sizes, cell, *others), y, saved)
    ctx.mark_non_differentiable(saved)


def _backward(ctx, grad_output, grad_hn, grad_states, _):  # type: ignore[no-untyped-def]
    wants = ctx.needs_input_grad
    d_input, *lists, d_w_hr, d_gains = _gradients(ctx, grad_output, grad_hn, grad_states, wants[0], any(wants[1]))
    return d_input, *lists, None, None, d_w_hr, d_gains, *[None] * 8


def _save(ctx, input, lists, options, output, saved):  # type: ignore[no-untyped-def]
    """Keeps for backward what forward was given and gave. Options hold tensors too: none of them has a gradient."""
    ctx.lengths, ctx.options = [len(tensors) for tensors in lists], options
    ctx.save_for_backward(input, *(tensor for tensors in lists for tensor in tensors), output, saved)


def _gradients(ctx, grad_output, grad_hn, grad_states, wants_input, wants_hx):  # type: ignore[no-untyped-def]
    """Gradients of input and of the lists, from what the forward pass saved."""
    input, *flat, output, saved = ctx.saved_tensors
    lists = _split(flat, ctx.lengths)
    d_input, d_hx, *d_weights = _backward_op(
        grad_output, grad_hn, grad_states, input, *ctx.options.arguments(lists), output, saved, wants_input, wants_hx
    )
    return d_input if wants_input else None, d_hx if wants_hx else [None] * len(lists[0]), *d_weights


def _split(flat, lengths):  # type: ignore[no-untyped-def]
    tensors = iter(flat)
    return [[next(tensors) for _ in range(length)] for length in lengths]


class _Layer(torch.autograd.Function):
    """The gradient in eager programs: the handling of lists in torch.library costs more than a short layer."""

    @staticmethod
    def forward(ctx, lengths, options, all_states, input, *flat):  # type: ignore[no-untyped-def]
        lists = _split(flat, lengths)
        with torch._C._AutoDispatchBelowAutograd():
            output, hn, states, saved = _forward_op(input, *options.arguments(lists), all_states, True)
        _save(ctx, input, lists, options, output, saved)
        ctx.states = len(hn)
        return output, *hn, *states

    @staticmethod
    def backward(ctx, grad_output, *grads):  # type: ignore[no-untyped-def]
        wants_input, *wants = ctx.needs_input_grad[3:]
        with nullcontext() if torch.is_grad_enabled() else torch._C._AutoDispatchBelowAutograd():
            d_input, *lists = _gradients(
                ctx, grad_output, grads[: ctx.states], grads[ctx.states :], wants_input, any(wants[: ctx.lengths[0]])
            )
        return None, None, None, d_input, *(tensor for tensors in lists for tensor in tensors)


torch.library.register_autograd("fastlm::rnn_layer", _backward, setup_context=_setup)


# Double backward: through the reference, which PyTorch can differentiate as often as it likes.


def _setup_backward(ctx, inputs, output):  # type: ignore[no-untyped-def]
    grad_output, grad_hn, grad_states, input, *arguments, _, _, ctx.wants_input, ctx.wants_hx = inputs
    first, (batch_sizes, cell, w_hr, gains, *others) = arguments[:5], arguments[5:]
    ctx.options = _Options(batch_sizes, cell, *others)
    lists = (grad_hn, grad_states, *first, w_hr, gains)
    ctx.lengths = [len(tensors) for tensors in lists]
    ctx.save_for_backward(grad_output, input, *(tensor for tensors in lists for tensor in tensors))


def _backward_backward(ctx, *grads):  # type: ignore[no-untyped-def]
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        # A leaf for each role: one tensor may have several, as with tied weights.
        leaves = [t.view_as(t) if t.requires_grad else t.detach().requires_grad_() for t in ctx.saved_tensors]
        grad_output, input, *flat = leaves
        grad_hn, grad_states, *lists = _split(flat, ctx.lengths)
        backward: Any = reference.rnn_layer_backward
        first = backward(
            grad_output, grad_hn, grad_states, input, *ctx.options.arguments(lists), None, None, ctx.wants_input,
            ctx.wants_hx, create_graph=True,
        )  # fmt: skip
        pairs = zip(_flatten(first), _flatten(grads), strict=True)
        ys, gs = zip(*((y, g) for y, g in pairs if y is not None and g is not None), strict=True)
        second = iter(torch.autograd.grad(ys, leaves, gs, allow_unused=True, create_graph=create_graph))
    d_grad_output, d_input = next(second), next(second)
    d_grad_hn, d_grad_states, *d_lists, d_w_hr, d_gains = ([next(second) for _ in range(n)] for n in ctx.lengths)
    return d_grad_output, d_grad_hn, d_grad_states, d_input, *d_lists, None, None, d_w_hr, d_gains, *[None] * 10


def _flatten(results):  # type: ignore[no-untyped-def]
    """The tensors of a backward operator's results, with None where a gradient was not wanted."""
    d_input, *lists = results
    return [d_input, *(tensor for tensors in lists for tensor in tensors)]


torch.library.register_autograd("fastlm::rnn_layer_backward", _backward_backward, setup_context=_setup_backward)
