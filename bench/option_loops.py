"""The options of recurrent layers as one writes them in PyTorch, from each paper's equations.

Each program takes a layer with fastlm's parameters, the input [T, B, features] and the option's value, and returns the
output. What torch's own LSTM can do without a loop over time, it does: that is how one would write it, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout, layer_norm, linear

Program = Callable[[Any, Tensor, Any], Tensor]


def unroll(inputs: Tensor, step: Callable[..., tuple[Tensor, ...]], *states: Tensor) -> Tensor:
    """The loop over time: ``step(input, *states)`` returns the next states, of which the first is the output."""
    outputs = []
    for input in inputs.unbind():
        states = step(input, *states)
        outputs.append(states[0])
    return torch.stack(outputs)


def through_w(layer: Any, x: Tensor) -> Tensor:
    """W x + b for the whole sequence, outside of the loop."""
    return linear(x, layer.weight_ih_l0, layer.bias_ih_l0)


def through_u(layer: Any, h: Tensor) -> Tensor:
    """U h + b."""
    return linear(h, layer.weight_hh_l0, layer.bias_hh_l0)


def zeros(layer: Any, x: Tensor) -> Tensor:
    """The state at the start."""
    return x.new_zeros(x.shape[1], layer.hidden_size)


def lstm_c(gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """The output gate and the next cell state of an LSTM."""
    i, f, g, o = gates.chunk(4, 1)
    return o.sigmoid(), f.sigmoid() * c + i.sigmoid() * g.tanh()


def lstm_cell(gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """The next h and c of an LSTM."""
    o, c = lstm_c(gates, c)
    return o * c.tanh(), c


def gru_cell(by_x: Tensor, by_h: Tensor, h: Tensor) -> Tensor:
    """The next h of a GRU."""
    (r_x, z_x, n_x), (r_h, z_h, n_h) = by_x.chunk(3, 1), by_h.chunk(3, 1)
    r, z = (r_x + r_h).sigmoid(), (z_x + z_h).sigmoid()
    n = (n_x + r * n_h).tanh()
    return (1 - z) * n + z * h


def torch_lstm(layer: Any, x: Tensor, *weights: Tensor) -> Tensor:
    """What torch.nn.LSTM computes with these weights."""
    h = x.new_zeros(1, x.shape[1], weights[1].shape[1])
    c = x.new_zeros(1, x.shape[1], layer.hidden_size)
    return torch.lstm(x, (h, c), weights, True, 1, 0.0, layer.training, False, False)[0]


def lstm_recurrent_dropout(layer: Any, x: Tensor, p: float) -> Tensor:
    """Gal & Ghahramani (2016): one mask a sequence on the hidden state that enters U."""
    mask = dropout(torch.ones_like(zeros(layer, x)), p, layer.training)

    def step(by_x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        return lstm_cell(by_x + through_u(layer, h * mask), c)

    return unroll(through_w(layer, x), step, zeros(layer, x), zeros(layer, x))


def gru_recurrent_dropout(layer: Any, x: Tensor, p: float) -> Tensor:
    """The same for a GRU."""
    mask = dropout(torch.ones_like(zeros(layer, x)), p, layer.training)

    def step(by_x: Tensor, h: Tensor) -> tuple[Tensor]:
        return (gru_cell(by_x, through_u(layer, h * mask), h),)

    return unroll(through_w(layer, x), step, zeros(layer, x))


def zone_out(old: Tensor, new: Tensor, p: float, training: bool) -> Tensor:
    """Krueger et al. (2017): each unit keeps its old value with probability p; the expectation outside of training."""
    if training:
        return torch.where(torch.rand_like(new) < p, old, new)
    return p * old + (1 - p) * new


def lstm_zoneout(layer: Any, x: Tensor, p: float) -> Tensor:
    """Zoneout of h and c."""

    def step(by_x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        new_h, new_c = lstm_cell(by_x + through_u(layer, h), c)
        return zone_out(h, new_h, p, layer.training), zone_out(c, new_c, p, layer.training)

    return unroll(through_w(layer, x), step, zeros(layer, x), zeros(layer, x))


def gru_zoneout(layer: Any, x: Tensor, p: float) -> Tensor:
    """Zoneout of h."""

    def step(by_x: Tensor, h: Tensor) -> tuple[Tensor]:
        return (zone_out(h, gru_cell(by_x, through_u(layer, h), h), p, layer.training),)

    return unroll(through_w(layer, x), step, zeros(layer, x))


def lstm_layer_norm(layer: Any, x: Tensor, _: bool) -> Tensor:
    """Ba et al. (2016): W x, U h and c are normalised, each with gains; the biases are the layer's own."""

    def step(by_x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        by_h = linear(h, layer.weight_hh_l0)
        o, c = lstm_c(by_x + layer_norm(by_h, by_h.shape[1:], layer.gain_hh_l0, layer.bias_hh_l0), c)
        return o * layer_norm(c, c.shape[1:], layer.gain_c_l0, layer.bias_c_l0).tanh(), c

    by_x = linear(x, layer.weight_ih_l0)
    normalised = layer_norm(by_x, by_x.shape[2:], layer.gain_ih_l0, layer.bias_ih_l0)
    return unroll(normalised, step, zeros(layer, x), zeros(layer, x))


def lstm_bptt_clip(layer: Any, x: Tensor, most: float) -> Tensor:
    """Graves (2013): the gradient of the pre-activations is clipped at each step."""

    def step(by_x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        gates = by_x + through_u(layer, h)
        if gates.requires_grad:
            gates.register_hook(lambda grad: grad.clamp(-most, most))
        return lstm_cell(gates, c)

    return unroll(through_w(layer, x), step, zeros(layer, x), zeros(layer, x))


def lstm_weight_dropout(layer: Any, x: Tensor, p: float) -> Tensor:
    """Merity et al. (2018): elements of U are dropped, once a sequence, and torch's LSTM does the rest."""
    dropped = dropout(layer.weight_hh_l0, p, layer.training)
    return torch_lstm(layer, x, layer.weight_ih_l0, dropped, layer.bias_ih_l0, layer.bias_hh_l0)


def lstm_input_dropout(layer: Any, x: Tensor, p: float) -> Tensor:
    """Gal & Ghahramani (2016): one mask a sequence on the input, in front of torch's LSTM."""
    mask = dropout(torch.ones_like(x[0]), p, layer.training)
    weights = layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0
    return torch_lstm(layer, x * mask, *weights)


def lstm_proj_size(layer: Any, x: Tensor, _: int) -> Tensor:
    """Sak et al. (2014): h is projected; torch's LSTM has it."""
    weights = layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0, layer.weight_hr_l0
    return torch_lstm(layer, x, *weights)
