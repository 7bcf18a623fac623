"""``fastlm::rnn_stream``: all layers of a module over a few steps, with weights in float32, bfloat16 or int8."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fastlm import _library  # noqa: F401  (loads the operators)
from fastlm.ops.rnn import cell_traits

_op = torch.ops.fastlm.rnn_stream.default


def rnn_stream(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Sequence[Tensor],
    w_hh: Sequence[Tensor],
    b_ih: Sequence[Tensor],
    b_hh: Sequence[Tensor],
    scale_ih: Sequence[Tensor],
    scale_hh: Sequence[Tensor],
    cell: str,
) -> tuple[Tensor, list[Tensor]]:
    """All layers of one direction over a few steps of a small batch: inference only, on the CPU only.

    The weights are read as they lie, nothing is prepared: one step costs little more than reading them once. Everything
    else, and all arithmetic, is float32. Below, T is the number of steps, B the batch, I the input size, H the hidden
    size, G the gates of the cell, L the layers (the length of ``w_ih``).

    Args:
        input: [T, B, I], or for one step [B, I], or [I] without a batch.
        hx: the initial states, a [L, B, H] tensor each, without a batch [L, H]; empty: zeros.
        w_ih: for each layer [G * H, I] or [G * H, H], all in float32, bfloat16 or int8.
        w_hh: for each layer [G * H, H] in the type of ``w_ih``; a diagonal recurrence has [G * H] in float32.
        b_ih: for each layer [G * H]; empty: no biases.
        b_hh: as ``b_ih``.
        scale_ih: for each layer of int8 weights [G * H]: row ``i`` stands for ``scale[i] * w[i]``; empty otherwise.
        scale_hh: as ``scale_ih``; empty for a diagonal recurrence.
        cell: one of :func:`fastlm.ops.rnn.cells`.

    Returns:
        The hidden states of the last layer, as ``input`` but H wide, and the final states, each as in ``hx``.

    Raises:
        NotImplementedError: the tensors are not on the CPU.
        RuntimeError: a gradient is asked for (there is none: use :func:`rnn_layer`), or a shape or dtype does not fit.

    Example:
        >>> w_ih, w_hh = torch.tensor([[127, 64]], dtype=torch.int8), torch.zeros(1, 1, dtype=torch.int8)
        >>> one = torch.ones(1)
        >>> rnn_stream(torch.ones(2), [], [w_ih], [w_hh], [], [], [one / 127], [one], "rnn_relu")
        (tensor([1.5039]), [tensor([[1.5039]])])
    """
    if not input.is_cpu:
        raise NotImplementedError(f"rnn_stream: runs on the CPU only, got {input.device}; use rnn_layer there")
    arguments = (input, hx, w_ih, w_hh, b_ih, b_hh, scale_ih, scale_hh, cell)
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return _op(*arguments)
    if torch.is_grad_enabled():
        lists = (hx, w_ih, w_hh, b_ih, b_hh, scale_ih, scale_hh)
        if input.requires_grad or any(tensor.requires_grad for tensors in lists for tensor in tensors):
            raise RuntimeError(_NO_GRADIENT)
    with torch._C._AutoDispatchBelowAutograd():
        return _op(*arguments)


@torch.library.register_fake("fastlm::rnn_stream")
def _fake(input, hx, w_ih, w_hh, b_ih, b_hh, scale_ih, scale_hh, cell):  # type: ignore[no-untyped-def]
    traits = cell_traits(cell)
    hidden = w_ih[0].shape[0] // traits.gates
    batch = input.shape[-2:-1]
    hn = [input.new_empty(len(w_ih), *batch, hidden) for _ in range(traits.states)]
    return input.new_empty(*input.shape[:-1], hidden), hn


_NO_GRADIENT = "rnn_stream has no gradient: call it under torch.no_grad(), or use rnn_layer"


def _refuse(ctx, *_, **__):  # type: ignore[no-untyped-def]
    raise RuntimeError(_NO_GRADIENT)


torch.library.register_autograd("fastlm::rnn_stream", _refuse, setup_context=_refuse)
