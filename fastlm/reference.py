"""The slow, obvious PyTorch version of every operator: the specification that the kernels are held to.

Each function has the name and the arguments of its operator in ``torch.ops.fastlm``. Nothing here is fast or clever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map


class Cell(NamedTuple):
    """One step of a recurrent cell: ``step(x_gates, h_gates, states, norm) -> states``. The first is the output h.

    ``norm``: gain and shift of the layer norm between another state and the output; empty: there is none.
    """

    step: Callable[[Tensor, Tensor, list[Tensor], Sequence[Tensor]], list[Tensor]]
    gates: int = 1
    states: int = 1
    diagonal: bool = False
    """Each hidden unit sees only its own past, through one weight a gate."""


def _lstm(x: Tensor, h: Tensor, states: list[Tensor], norm: Sequence[Tensor]) -> list[Tensor]:
    i, f, g, o = (x + h).chunk(4, 1)
    c = torch.sigmoid(f) * states[1] + torch.sigmoid(i) * torch.tanh(g)
    shown = _normalize(c) * norm[0] + norm[1] if norm else c
    return [torch.sigmoid(o) * torch.tanh(shown), c]


def _gru(x: Tensor, h: Tensor, states: list[Tensor], norm: Sequence[Tensor]) -> list[Tensor]:
    (x_r, x_z, x_n), (h_r, h_z, h_n) = x.chunk(3, 1), h.chunk(3, 1)
    z, n = torch.sigmoid(x_z + h_z), torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
    return [(1 - z) * n + z * states[0]]


CELLS = {
    # Elman (1990): h' = f(W x + U h + b)
    "rnn_tanh": Cell(lambda x, h, *_: [torch.tanh(x + h)]),
    "rnn_relu": Cell(lambda x, h, *_: [torch.relu(x + h)]),
    # Hochreiter & Schmidhuber (1997): c' = f c + i g, h' = o tanh(c')
    "lstm": Cell(_lstm, gates=4, states=2),
    # Cho et al. (2014): n = tanh(x_n + r h_n), h' = (1 - z) n + z h
    "gru": Cell(_gru, gates=3),
    # Li et al. (2018): h' = relu(W x + u * h + b), one recurrent weight a unit
    "indrnn": Cell(lambda x, h, *_: [torch.relu(x + h)], diagonal=True),
}


def rnn_layer(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Sequence[Tensor],
    w_hh: Sequence[Tensor],
    b_ih: Sequence[Tensor],
    b_hh: Sequence[Tensor],
    batch_sizes: Tensor | None,
    cell: str,
    w_hr: Sequence[Tensor] = (),
    gains: Sequence[Tensor] = (),
    h_mask: Tensor | None = None,
    zoneout_seed: Tensor | None = None,
    zoneout_h: float = 0.0,
    zoneout_c: float = 0.0,
    bptt_clip: float | None = None,
    tf32: bool = False,
    all_states: bool = False,
    for_backward: bool = False,
) -> tuple[Tensor, list[Tensor], list[Tensor], None]:
    """One recurrent layer, a step at a time. Arguments and results as in :func:`fastlm.ops.rnn_layer`.

    >>> one = torch.ones(1, 1)
    >>> output, (h_n,), *_ = rnn_layer(torch.ones(2, 1, 1), [], [one], [one], [], [], None, "rnn_relu")
    >>> output.flatten()
    tensor([1., 2.])
    """
    stored = input.dtype
    wide = torch.float32 if stored in (torch.float16, torch.bfloat16) else stored
    input, hx, w_ih, w_hh, b_ih, b_hh, w_hr, gains = tree_map(
        lambda tensor: tensor.to(wide), (input, *map(list, (hx, w_ih, w_hh, b_ih, b_hh, w_hr, gains)))
    )
    kind = CELLS[cell]
    sizes = [input.shape[1]] * input.shape[0] if batch_sizes is None else batch_sizes.tolist()
    steps = input.flatten(0, -2).split(sizes)
    by_direction = []  # of each: every step's states, and the final ones
    for d in range(len(w_ih)):
        hidden = w_ih[d].shape[0] // kind.gates
        widths = [w_hr[d].shape[0] if w_hr else hidden, hidden][: kind.states]
        states = [state[d] for state in hx] or [input.new_zeros(sizes[0], width) for width in widths]
        norms: Sequence[Tensor] = ()  # gains of W x and of U h; gain and shift of a state on its way to the output
        if gains:
            size = kind.gates * hidden
            norms = [*gains[d][: 2 * size].split(size), *gains[d][2 * size :].split(hidden)]
        all_steps: list[list[Tensor]] = [states] * len(steps)
        for t in range(len(steps))[:: -1 if d else 1]:
            n = sizes[t]  # only the first n sequences have a step t
            before = [state[:n] for state in states]
            h = before[0] if h_mask is None else before[0] * h_mask[d, :n].to(wide)
            x_gates = steps[t] @ w_ih[d].T
            h_gates = h.repeat(1, kind.gates) * w_hh[d] if kind.diagonal else h @ w_hh[d].T
            if norms:
                x_gates, h_gates = _normalize(x_gates) * norms[0], _normalize(h_gates) * norms[1]
            if b_ih:
                x_gates, h_gates = x_gates + b_ih[d], h_gates + b_hh[d]
            if bptt_clip is not None:
                x_gates, h_gates = (_ClipGradient.apply(gates, bptt_clip) for gates in (x_gates, h_gates))
            after = kind.step(x_gates, h_gates, before, norms[2:])
            if w_hr:
                after = [after[0] @ w_hr[d].T, *after[1:]]
            for s, p in enumerate((zoneout_h, zoneout_c)[: kind.states]):
                if p > 0:
                    kept = zoneout_mask(zoneout_seed, p, d, s, sum(sizes[:t]), after[s])
                    after[s] = kept * before[s] + (1 - kept) * after[s]
            states = [torch.cat([new, old[n:]]) for new, old in zip(after, states, strict=True)]
            all_steps[t] = after
        by_direction.append(([torch.cat(state) for state in zip(*all_steps, strict=True)], states))
    every_step, finals = (list(zip(*part, strict=True)) for part in zip(*by_direction, strict=True))
    output, *rest = (torch.cat(state, 1).unflatten(0, input.shape[:-1]).to(stored) for state in every_step)
    return output, [torch.stack(state).to(stored) for state in finals], rest if all_states else [], None


def _normalize(rows: Tensor) -> Tensor:
    """Layer norm of Ba, Kiros & Hinton (2016), without gain and shift."""
    return torch.nn.functional.layer_norm(rows, rows.shape[-1:])


class _ClipGradient(torch.autograd.Function):
    """The identity, whose gradient is kept within +-limit."""

    @staticmethod
    def forward(ctx, tensor, limit):  # type: ignore[no-untyped-def]
        ctx.limit = limit
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        return grad.clamp(-ctx.limit, ctx.limit), None


def zoneout_mask(seed: Tensor | None, p: float, direction: int, state: int, first_row: int, like: Tensor) -> Tensor:
    """The share of its value before the step that each unit of a state keeps, for rows from ``first_row`` on.

    Krueger et al. (2017). Without a seed it is the expectation, ``p``.

    >>> zoneout_mask(torch.tensor(7), 0.5, 0, 0, 0, torch.empty(1, 6))
    tensor([[0., 0., 1., 1., 1., 0.]])
    """
    if seed is None:
        return torch.full_like(like, p)
    rows, width = like.shape
    row_quads = torch.arange((width + 3) // 4, device=seed.device)
    quads = torch.arange(first_row, first_row + rows, device=seed.device)[:, None] * len(row_quads) + row_quads
    quads = quads.flatten()
    counter = torch.stack(
        [quads & 0xFFFFFFFF, quads >> 32, torch.full_like(quads, 2 * direction + state), torch.zeros_like(quads)], 1
    )
    words = philox4x32(counter, seed).view(rows, -1)[:, :width]
    return (words < p * 2**32).to(like)


def rnn_layer_backward(
    grad_output: Tensor,
    grad_hn: Sequence[Tensor],
    grad_states: Sequence[Tensor],
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Sequence[Tensor],
    w_hh: Sequence[Tensor],
    b_ih: Sequence[Tensor],
    b_hh: Sequence[Tensor],
    batch_sizes: Tensor | None,
    cell: str,
    w_hr: Sequence[Tensor],
    gains: Sequence[Tensor],
    h_mask: Tensor | None,
    zoneout_seed: Tensor | None,
    zoneout_h: float,
    zoneout_c: float,
    bptt_clip: float | None,
    tf32: bool,
    output: Tensor | None,
    saved: Tensor | None,
    wants_input: bool,
    wants_hx: bool,
    create_graph: bool = False,
) -> tuple[Any, ...]:
    """Gradients of :func:`rnn_layer`, by PyTorch's own autograd: of input, hx, w_ih, w_hh, b_ih, b_hh, w_hr, gains."""
    with torch.enable_grad():
        inputs: Any = (input, *map(list, (hx, w_ih, w_hh, b_ih, b_hh, w_hr, gains)))
        if not create_graph:  # with it, they are part of the caller's graph already
            inputs = tree_map(lambda tensor: tensor.detach().requires_grad_(), inputs)
        input, hx, w_ih, w_hh, b_ih, b_hh, w_hr, gains = inputs
        y, hn, states, _ = rnn_layer(
            input, hx, w_ih, w_hh, b_ih, b_hh, batch_sizes, cell, w_hr, gains, h_mask, zoneout_seed, zoneout_h,
            zoneout_c, bptt_clip, all_states=bool(grad_states),
        )  # fmt: skip
        leaves = [input, *(tensor for tensors in inputs[1:] for tensor in tensors)]
        ys, grads = [y, *hn, *states], [grad_output, *grad_hn, *grad_states]
        results = iter(torch.autograd.grad(ys, leaves, grads, create_graph=create_graph))
    d_input = next(results)
    d_hx, *d_weights = ([next(results) for _ in tensors] for tensors in inputs[1:])
    return d_input if wants_input else None, d_hx if wants_hx else [], *d_weights


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
    """Layer by layer of :func:`rnn_layer`, with widened weights. Arguments as in :func:`fastlm.ops.rnn_stream`.

    >>> w, scale = torch.ones(1, 1, dtype=torch.int8), torch.tensor([0.5])
    >>> rnn_stream(torch.ones(1), [], [w], [w], [], [], [scale], [scale], "rnn_relu")
    (tensor([0.5000]), [tensor([[0.5000]])])
    """
    x = input.view(*[1] * (3 - input.dim()), *input.shape)  # [T, B, I]
    states = [state.view(len(w_ih), *x.shape[1:2], -1) for state in hx]
    finals = []
    for layer in range(len(w_ih)):
        w, u = w_ih[layer].float(), w_hh[layer].float()
        w = w * scale_ih[layer][:, None] if scale_ih else w
        u = u * scale_hh[layer][:, None] if scale_hh else u
        before = [state[layer : layer + 1] for state in states]
        x, hn, *_ = rnn_layer(x, before, [w], [u], b_ih[layer : layer + 1], b_hh[layer : layer + 1], None, cell)
        finals.append(hn)
    after = [torch.cat(layers) for layers in zip(*finals, strict=True)]
    shape = (len(w_ih), *input.shape[-2:-1], -1)
    return x.view(*input.shape[:-1], -1), [state.view(shape) for state in after]


def philox4x32(counter: Tensor, key: int | Tensor) -> Tensor:
    """Philox4x32-10 of Salmon et al. (2011): [n, 4] counter words to [n, 4] random words, all in int64.

    >>> [hex(word) for word in philox4x32(torch.zeros(1, 4, dtype=torch.int64), 0)[0].tolist()]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    mask = 0xFFFFFFFF
    c0, c1, c2, c3 = counter.unbind(1)
    key_low, key_high = key & mask, (key >> 32) & mask
    for _ in range(10):
        first, second = 0xD2511F53 * c0, 0xCD9E8D57 * c2  # int64 overflow wraps: the 64 bits are right
        c0, c1, c2, c3 = (
            ((second >> 32) & mask) ^ c1 ^ key_low,
            second & mask,
            ((first >> 32) & mask) ^ c3 ^ key_high,
            first & mask,
        )
        key_low, key_high = (key_low + 0x9E3779B9) & mask, (key_high + 0xBB67AE85) & mask
    return torch.stack([c0, c1, c2, c3], 1)


def dropout(input: Tensor, seed: Tensor, p: float) -> Tensor:
    """Arguments and result as in :func:`fastlm.ops.dropout`.

    >>> dropout(torch.ones(6), torch.tensor(7), 0.5)
    tensor([2., 2., 0., 0., 0., 2.])
    """
    if p == 1:
        return input * 0
    quads = torch.arange((input.numel() + 3) // 4)
    counter = torch.stack([quads & 0xFFFFFFFF, quads >> 32, torch.zeros_like(quads), torch.zeros_like(quads)], 1)
    words = philox4x32(counter, int(seed)).flatten()[: input.numel()].view(input.shape).to(input.device)
    scale = torch.where(words < int(p * 2**32), 0.0, 1 / (1 - p))
    wide = torch.promote_types(input.dtype, torch.float32)
    return (input.to(wide) * scale.float().to(wide)).to(input.dtype)


def linear_cross_entropy(
    input: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    reduction: str = "mean",
    wants_input: bool = False,
    wants_weight: bool = False,
    wants_bias: bool = False,
) -> tuple[Tensor | None, ...]:
    """The loss of :func:`fastlm.ops.linear_cross_entropy`, that of each row, and those gradients that are wanted.

    >>> linear_cross_entropy(torch.zeros(1, 2), torch.eye(2), torch.tensor([1]))[0]
    tensor(0.6931)
    """
    options = (ignore_index, label_smoothing, z_loss, reduction)
    wants = [want and reduction != "none" for want in (wants_input, wants_weight, wants_bias)]
    loss = cross_entropy_of_linear(input, weight, target, bias, *options)
    losses = None if reduction == "none" else cross_entropy_of_linear(input, weight, target, bias, *options[:3], "none")
    gradients = linear_cross_entropy_backward(torch.ones_like(loss), input, weight, target, bias, *options, *wants)
    return loss, losses, *gradients


def linear_cross_entropy_backward(
    grad: Tensor,
    input: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None,
    ignore_index: int,
    label_smoothing: float,
    z_loss: float,
    reduction: str,
    wants_input: bool,
    wants_weight: bool,
    wants_bias: bool,
) -> tuple[Tensor | None, ...]:
    """Gradients of :func:`linear_cross_entropy`'s loss, by PyTorch's own autograd; None where one is not wanted."""
    with torch.enable_grad():
        leaves = [None if t is None else t.detach().requires_grad_() for t in (input, weight, bias)]
        x, w, b = leaves
        assert x is not None
        assert w is not None
        loss = cross_entropy_of_linear(x, w, target, b, ignore_index, label_smoothing, z_loss, reduction)
        results = torch.autograd.grad(loss, [leaf for leaf in leaves if leaf is not None], grad)
    gradients = [*results, None][:3]
    return tuple(
        g if want else None for g, want in zip(gradients, (wants_input, wants_weight, wants_bias), strict=True)
    )


def cross_entropy_of_linear(
    input: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None,
    ignore_index: int,
    label_smoothing: float,
    z_loss: float,
    reduction: str,
) -> Tensor:
    """The loss alone of :func:`linear_cross_entropy`, as torch's autograd can differentiate it."""
    wide = torch.promote_types(input.dtype, torch.float32)
    logits = torch.nn.functional.linear(input.to(wide), weight.to(wide), None if bias is None else bias.to(wide))
    loss = torch.nn.functional.cross_entropy(
        logits, target, ignore_index=ignore_index, label_smoothing=label_smoothing, reduction=reduction
    )
    if z_loss:
        squares = torch.where(target == ignore_index, 0.0, torch.logsumexp(logits, 1) ** 2)
        if reduction == "mean":
            loss = loss + z_loss * squares.sum() / (target != ignore_index).sum()
        else:
            loss = loss + z_loss * (squares.sum() if reduction == "sum" else squares)
    return loss.to(input.dtype)
