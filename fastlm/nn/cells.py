"""The cells as modules of one time step, for programs that walk through the sequence themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from fastlm import ops

__all__ = ["GRUCell", "IndRNNCell", "LSTMCell", "RNNCell"]


class RecurrentCell(nn.Module):
    """One step of one cell, with the arguments, parameters and errors of ``torch.nn.RNNCellBase``.

    A subclass names its cell (one of :func:`fastlm.ops.rnn.cells`); everything else follows from the cell's traits.
    """

    cell: str
    name: ClassVar[str]
    """The name of the module in messages, as torch has it."""

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        traits = ops.rnn.cell_traits(self.cell)
        gate_size = traits.gates * hidden_size
        shapes = {
            "weight_ih": (gate_size, input_size),
            "weight_hh": (gate_size,) if traits.diagonal else (gate_size, hidden_size),
            "bias_ih": (gate_size,) if bias else None,
            "bias_hh": (gate_size,) if bias else None,
        }
        for name, shape in shapes.items():
            parameter = None if shape is None else nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
            self.register_parameter(name, parameter)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws every parameter from uniform(-1/sqrt(hidden_size), 1/sqrt(hidden_size)), as torch does."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        """Sizes, and ``bias`` if it is not True, as torch prints them."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias is True else f", bias={self.bias}")

    def _step(self, input: Tensor, hx: Sequence[Tensor] | None) -> list[Tensor]:
        """The states after one step; the subclass has looked at the dimensions."""
        batched = input.dim() == 2
        states = hx or ()
        if not batched:
            input, states = input.unsqueeze(0), [state.unsqueeze(0) for state in states]
        self._check(input, states)
        b_ih, b_hh = ([] if bias is None else [bias] for bias in (self.bias_ih, self.bias_hh))
        before = [state.unsqueeze(0) for state in states]
        output, hn = ops.rnn_layer(
            input.unsqueeze(0), before, [self.weight_ih], [self.weight_hh], b_ih, b_hh, None, self.cell
        )
        after = [output.squeeze(0), *(state.squeeze(0) for state in hn[1:])]  # output is hn[0]
        return after if batched else [state.squeeze(0) for state in after]

    def _check_dimensions(self, tensor: Tensor, what: str) -> None:
        if tensor.dim() not in (1, 2):
            raise ValueError(f"{self.name}: Expected {what} to be 1D or 2D, got {tensor.dim()}D instead")

    def _check(self, input: Tensor, hx: Sequence[Tensor]) -> None:
        batch, inputs = input.shape
        if inputs != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {inputs} expected {self.input_size}")
        for index, state in enumerate(hx):
            if state.shape[0] != batch:
                raise RuntimeError(f"Input batch size {batch} doesn't match hidden{index} batch size {state.shape[0]}")
            if state.shape[1] != self.hidden_size:
                raise RuntimeError(
                    f"hidden{index} has inconsistent hidden_size: got {state.shape[1]}, expected {self.hidden_size}"
                )
        weight = self.weight_ih
        if any(tensor.dtype != weight.dtype or tensor.device != weight.device for tensor in (input, *hx)):
            nn.functional.linear(input, weight, self.bias_ih)  # torch names the dtypes or devices in its error
            for state in hx:
                nn.functional.linear(state, self.weight_hh, self.bias_hh)


class _OneState(RecurrentCell):
    """What the cells with the hidden state alone share: the signature of ``forward``."""

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The hidden state after one step. Shapes as in the class."""
        self._check_dimensions(input, "input")
        if hx is None:
            return self._step(input, None)[0]
        self._check_dimensions(hx, "hidden")
        return self._step(input, [hx])[0]


class RNNCell(_OneState):
    """One step of Elman's RNN, ``h' = f(W_ih x + b_ih + W_hh h + b_hh)``: a drop-in for ``torch.nn.RNNCell``.

    The constructor, ``forward``, the results and the ``state_dict`` are those of ``torch.nn.RNNCell``. For a sequence
    that is there as a whole, :class:`fastlm.RNN` is much faster. Below, B is the batch.

    Args:
        input_size: features of the input.
        hidden_size: hidden units.
        bias: whether there are biases.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        device: of the parameters.
        dtype: of the parameters: float32 or float64.

    Shapes:
        ``input`` [B, input_size], or [input_size] unbatched. ``hx`` [B, hidden_size], without B unbatched; zeros by
        default. Returns the next ``hx``.

    Raises:
        ValueError, TypeError, RuntimeError: as ``torch.nn.RNNCell``, in its words.

    Source: Elman (1990), "Finding structure in time".

    Example:
        >>> cell, h = RNNCell(10, 20), None
        >>> for x in torch.randn(6, 3, 10):
        ...     h = cell(x, h)
        >>> h.shape
        torch.Size([3, 20])
        >>> torch.nn.RNNCell(10, 20).load_state_dict(cell.state_dict())
        <All keys matched successfully>
    """

    name = "RNNCell"
    nonlinearity = "tanh"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    @property
    def cell(self) -> str:  # type: ignore[override]
        """The compiled cell."""
        return f"rnn_{self.nonlinearity}"

    def extra_repr(self) -> str:
        """As torch prints it."""
        changed = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + changed

    def _step(self, input: Tensor, hx: Sequence[Tensor] | None) -> list[Tensor]:
        if self.nonlinearity not in ("tanh", "relu"):  # here, not in the constructor: as torch
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return super()._step(input, hx)


class LSTMCell(RecurrentCell):
    """One step of long short-term memory: a drop-in for ``torch.nn.LSTMCell``.

    ``i, f, o = sigmoid(...)``, ``g = tanh(...)`` of ``W_ih x + b_ih + W_hh h + b_hh``; ``c' = f c + i g``,
    ``h' = o tanh(c')``. Arguments, shapes and errors as in :class:`fastlm.RNNCell`, with two states: ``hx`` is
    ``(h, c)``, both [B, hidden_size].

    Source: Hochreiter & Schmidhuber (1997), "Long short-term memory"; Gers et al. (2000) for the forget gate.

    Example:
        >>> cell, states = LSTMCell(10, 20), None
        >>> for x in torch.randn(6, 3, 10):
        ...     states = cell(x, states)
        >>> [state.shape for state in states]
        [torch.Size([3, 20]), torch.Size([3, 20])]
    """

    cell, name = "lstm", "LSTMCell"

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The hidden state and the cell state after one step. Shapes as in the class."""
        self._check_dimensions(input, "input")
        for index, state in enumerate(() if hx is None else hx):
            self._check_dimensions(state, f"hx[{index}]")
        if isinstance(hx, Tensor):
            raise TypeError("lstm_cell(): argument 'hx' (position 2) must be tuple of Tensors, not Tensor")
        if hx is not None and len(hx) != 2:
            raise RuntimeError("lstm_cell expects two hidden states")
        h, c = self._step(input, hx)
        return h, c


class GRUCell(_OneState):
    """One step of the gated recurrent unit: a drop-in for ``torch.nn.GRUCell``.

    ``r, z = sigmoid(...)`` of ``W_ih x + b_ih + W_hh h + b_hh``; ``n = tanh(W_in x + b_in + r (W_hn h + b_hn))``,
    ``h' = (1 - z) n + z h``. Arguments, shapes and errors as in :class:`fastlm.RNNCell`.

    Source: Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder".

    Example:
        >>> cell = GRUCell(10, 20)
        >>> cell(torch.randn(3, 10), torch.zeros(3, 20)).shape
        torch.Size([3, 20])
    """

    cell, name = "gru", "GRUCell"


class IndRNNCell(_OneState):
    """One step of the independently recurrent network, ``h' = relu(W_ih x + b_ih + u * h + b_hh)``, unit by unit.

    ``weight_hh`` is [hidden_size]. Arguments, shapes and errors as in :class:`fastlm.RNNCell`.

    Source: Li et al. (2018), "Independently recurrent neural network (IndRNN): Building a longer and deeper RNN".

    Example:
        >>> cell = IndRNNCell(10, 20)
        >>> cell(torch.randn(3, 10)).shape, cell.weight_hh.shape
        (torch.Size([3, 20]), torch.Size([20]))
    """

    cell, name = "indrnn", "IndRNNCell"
