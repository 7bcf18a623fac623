"""One step at a time: a recurrent module on a stream, whose state the caller carries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fastlm import ops

_MOST_ROWS = 32
"""Of a batch: above, packing the weights costs less than it gains."""

Tensors = tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor], list[Tensor], list[Tensor]]


class Streaming(nn.Module):
    """What a recurrent module can do on a stream. Mixed into :class:`fastlm.nn.base.RecurrentModule`."""

    cell: str
    batch_first: bool
    bidirectional: bool
    dropout: float
    recurrent_dropout: float
    input_dropout: float
    weight_dropout: float
    input_size: int
    _stream_names: tuple[tuple[str, ...], ...]

    def step(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        """One time step of all layers, in one operator call; for inference where input comes bit by bit.

        The state has the form that ``forward`` takes and returns, so both can be mixed: ``forward`` over a prompt, then
        ``step`` by ``step``. Where a gradient is asked for (use :func:`torch.no_grad` or :func:`torch.inference_mode`),
        in training with dropout, on a GPU, in float64, and for modules with ``proj_size``, layer normalisation or
        zoneout, it is ``forward`` on a sequence of one step: right, but slower.

        Args:
            input: [B, input_size], or [input_size] without a batch.
            hx: as in ``forward``: [num_layers, B, hidden_size], without a batch [num_layers, hidden_size]; of an LSTM a
                tuple of two; zeros by default.

        Returns:
            The output of the last layer, [B, hidden_size] or [hidden_size], and the state after the step.

        Raises:
            ValueError: the module is bidirectional, or ``input`` has neither one nor two dimensions.
            RuntimeError: a shape or a dtype does not fit.

        Example:
            >>> import fastlm
            >>> lstm, sequence = fastlm.LSTM(10, 20), torch.randn(5, 10)
            >>> with torch.inference_mode():
            ...     whole, _ = lstm(sequence)
            ...     output, hx = lstm.step(sequence[0])
            ...     for x in sequence[1:]:
            ...         output, hx = lstm.step(x, hx)
            >>> torch.allclose(output, whole[-1], atol=1e-6)
            True
        """
        if self.bidirectional:
            raise ValueError("step: a bidirectional module needs the whole sequence; use forward")
        dims = input.dim()
        if dims != 1 and dims != 2:
            raise ValueError(f"step: expected input [batch, features] or [features], got {dims} dimensions")
        states = [] if hx is None else [hx] if isinstance(hx, Tensor) else [*hx]
        short = input.is_cpu and input.dtype is torch.float32 and input.shape[-1] == self.input_size
        if short and self._can_stream():
            tensors = self._stream_tensors()
            if not asks_for_gradient(input, states, *tensors):
                output, states = ops.rnn_stream(input, states, *tensors, self.cell)
                return output, states[0] if len(states) == 1 else tuple(states)
        time = 1 if self.batch_first and dims == 2 else 0
        output, hx = self.forward(input.unsqueeze(time), hx)
        return output.squeeze(time), hx

    def _can_stream(self) -> bool:
        """Whether ``rnn_stream`` computes what this module does in its present mode."""
        drops = self.dropout or self.recurrent_dropout or self.input_dropout or self.weight_dropout
        return not ((self.training and drops) or unsupported(self))

    def _is_one_step(self, x: Tensor, states: list[Tensor]) -> bool:
        """Whether x, [T, B, I], is what :meth:`step` is for, as where a text is generated token by token."""
        streams = x.shape[0] == 1 and x.shape[1] <= _MOST_ROWS and x.is_cpu and x.dtype is torch.float32
        if not streams or self.bidirectional or torch._C._is_any_autocast_enabled() or not self._can_stream():
            return False
        return not asks_for_gradient(x, states, *self._stream_tensors())

    def _stream_tensors(self) -> Tensors:
        """w_ih, w_hh, b_ih, b_hh, scale_ih and scale_hh, for each layer and direction."""
        w_ih, w_hh, b_ih, b_hh = map(self._held, self._stream_names)
        return w_ih, w_hh, b_ih, b_hh, [], []

    def _held(self, names: Sequence[str]) -> list[Tensor]:
        held: Any = self._parameters  # nn.Module's own look-up takes longer; a parametrization is no parameter
        return [held[name] if name in held else getattr(self, name) for name in names]


def unsupported(module: nn.Module) -> list[str]:
    """Options of a recurrent module that neither ``step`` nor ``quantize_`` knows.

    >>> unsupported(nn.LSTM(3, 4, proj_size=2))
    ['proj_size']
    """
    options = module.__dict__  # a missing attribute of an nn.Module is slow to look up
    names = [name for name in ("proj_size", "layer_norm") if options.get(name)]
    return [*names, "zoneout"] if any(options.get("zoneout", ())) else names


def asks_for_gradient(input: Tensor, *lists: list[Tensor]) -> bool:
    """Whether autograd is on and a tensor requires it.

    >>> asks_for_gradient(torch.ones(1), [torch.ones(1, requires_grad=True)])
    True
    """
    if not torch.is_grad_enabled():
        return False
    return input.requires_grad or any(tensor.requires_grad for tensors in lists for tensor in tensors)
