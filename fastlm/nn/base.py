"""What all recurrent modules share: torch's constructor, parameters, validation, layers and directions."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from fastlm import ops
from fastlm.nn.dropout import draw_seed
from fastlm.nn.stream import Streaming, stream_names


class RecurrentModule(Streaming):
    """Layers and directions of one cell, with the arguments, parameters and results of ``torch.nn.RNNBase``.

    A subclass names its cell (one of :func:`fastlm.ops.rnn.cells`); everything else follows from the cell's traits.
    """

    cell: str
    name: ClassVar[str]
    """The name of the module in messages, as torch has it."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check_arguments(input_size, hidden_size, num_layers, bias, batch_first, dropout)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self._stream_names = stream_names(num_layers, bidirectional, bias)
        traits = ops.rnn.cell_traits(self.cell)
        gate_size = traits.gates * hidden_size
        for layer in range(num_layers):
            layer_input = input_size if layer == 0 else hidden_size * self._directions
            shapes = {
                "weight_ih": (gate_size, layer_input),
                "weight_hh": (gate_size,) if traits.diagonal else (gate_size, hidden_size),
                "bias_ih": (gate_size,),
                "bias_hh": (gate_size,),
            }
            for direction in range(self._directions):
                for kind in self._kinds:
                    parameter = nn.Parameter(torch.empty(shapes[kind], device=device, dtype=dtype))
                    self.register_parameter(_parameter_name(kind, layer, direction), parameter)
        self.reset_parameters()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _dtype(self) -> torch.dtype:
        """What input and states must have."""
        return self.weight_ih_l0.dtype  # type: ignore[return-value]

    @property
    def _kinds(self) -> tuple[str, ...]:
        return ("weight_ih", "weight_hh", "bias_ih", "bias_hh") if self.bias else ("weight_ih", "weight_hh")

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters of each layer and direction, as in torch."""
        return [
            [getattr(self, _parameter_name(kind, layer, direction)) for kind in self._kinds]
            for layer in range(self.num_layers)
            for direction in range(self._directions)
        ]

    def _weights(self, kind: str, layer: int) -> list[Tensor]:
        """One kind of parameter of a layer, for each direction; empty if there is no such kind."""
        names = [_parameter_name(kind, layer, direction) for direction in range(self._directions)]
        return [getattr(self, name) for name in names] if kind in self._kinds else []

    def reset_parameters(self) -> None:
        """Draws every parameter from uniform(-1/sqrt(hidden_size), 1/sqrt(hidden_size)), as torch does."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Does nothing: the kernels take parameters as they lie."""

    def extra_repr(self) -> str:
        """Arguments that differ from their defaults, as torch prints them."""
        defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        changed = [f"{key}={getattr(self, key)}" for key, value in defaults.items() if getattr(self, key) != value]
        return ", ".join([str(self.input_size), str(self.hidden_size), *changed])

    def _run(self, input: Any, hx: list[Tensor] | None) -> tuple[Any, list[Tensor]]:
        """The module's forward for a list of states; the subclass gives it the signature of its cell."""
        if isinstance(input, PackedSequence):
            data, batch_sizes, sorted_indices, unsorted_indices = input
            self._check_input(data, 2)
            hx = self._check_hidden(hx, int(batch_sizes[0]))
            if hx is not None and sorted_indices is not None:
                hx = [state.index_select(1, sorted_indices) for state in hx]
            output, hn = self._layers(data, hx, batch_sizes)
            if unsorted_indices is not None:
                hn = [state.index_select(1, unsorted_indices) for state in hn]
            return PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices), hn

        if input.dim() not in (2, 3):
            tensor = " tensor" if self.name == "RNN" else ""  # torch's words
            raise ValueError(f"{self.name}: Expected input to be 2D or 3D, got {input.dim()}D{tensor} instead")
        batched = input.dim() == 3
        if any(state.dim() != input.dim() for state in hx or []):
            raise RuntimeError(_wrong_rank(input.dim(), [state.dim() for state in hx or []]))
        if not batched:
            input, hx = input.unsqueeze(1), hx and [state.unsqueeze(1) for state in hx]
        elif self.batch_first:
            input = input.transpose(0, 1)
        self._check_input(input, 3)
        if input.shape[0] == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")  # whatever the cell, as torch
        output, hn = self._layers(input, self._check_hidden(hx, input.shape[1]), None)
        if not batched:
            return output.squeeze(1), [state.squeeze(1) for state in hn]
        return output.transpose(0, 1) if self.batch_first else output, hn

    def _layers(self, x: Tensor, hx: list[Tensor] | None, batch_sizes: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        finals: list[list[Tensor]] = []
        D = self._directions  # noqa: N806
        for layer in range(self.num_layers):
            states = [state[layer * D : (layer + 1) * D] for state in hx or []]
            w_ih, w_hh = self._weights("weight_ih", layer), self._weights("weight_hh", layer)
            b_ih, b_hh = self._weights("bias_ih", layer), self._weights("bias_hh", layer)
            x, hn = ops.rnn_layer(x, states, w_ih, w_hh, b_ih, b_hh, batch_sizes, self.cell)
            finals.append(hn)
            if self.training and self.dropout > 0 and layer + 1 < self.num_layers:
                x = ops.dropout(x, draw_seed(x), self.dropout)
        if self.num_layers == 1:
            return x, finals[0]
        return x, [torch.cat(state) for state in zip(*finals, strict=True)]

    def _check_input(self, input: Tensor, dims: int) -> None:
        weight = self.weight_ih_l0
        if input.dtype != self._dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({self._dtype}). "
                f"Convert input: input.to({self._dtype}), or convert model: model.to({input.dtype})"
            )
        if input.device != weight.device:
            raise RuntimeError(
                f"Input and parameter tensors are not at the same device, found input tensor at {input.device} and"
                f" parameter tensor at {weight.device}"
            )
        if input.dim() != dims:
            raise RuntimeError(f"input must have {dims} dimensions, got {input.dim()}")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}"
            )

    def _check_hidden(self, hx: list[Tensor] | None, batch: int) -> list[Tensor] | None:
        expected = (self.num_layers * self._directions, batch, self.hidden_size)
        for index, state in enumerate(hx or []):
            if tuple(state.shape) != expected:
                hidden = f"hidden[{index}]" if len(hx or []) > 1 else "hidden"
                raise RuntimeError(f"Expected {hidden} size {expected}, got {list(state.shape)}")
            weight = self.weight_ih_l0
            if state.dtype != self._dtype:
                raise RuntimeError(f"hx must have the dtype of the weights. Expected {self._dtype}, got {state.dtype}")
            if state.device != weight.device:
                raise RuntimeError(
                    "Input and hidden tensors are not at the same device, found input tensor at"
                    f" {weight.device} and hidden tensor at {state.device}"
                )
        return hx


def _parameter_name(kind: str, layer: int, direction: int) -> str:
    return f"{kind}_l{layer}{'_reverse' if direction else ''}"


def _wrong_rank(rank: int, ranks: list[int]) -> str:
    """What torch says of initial states that are batched where the input is not, or the other way round."""
    kind = "batched 3-D" if rank == 3 else "unbatched 2-D"
    if len(ranks) == 1:
        return f"For {kind} input, hx should also be {rank}-D but got {ranks[0]}-D tensor"
    found = ", ".join(f"{r}-D" for r in ranks)
    return f"For {kind} input, hx and cx should also be {rank}-D but got ({found}) tensors"


def _check_arguments(
    input_size: Any, hidden_size: Any, num_layers: Any, bias: Any, batch_first: Any, dropout: Any
) -> None:
    """Raises what ``torch.nn.RNNBase`` raises."""
    if not isinstance(dropout, numbers.Number) or isinstance(dropout, bool) or not 0 <= dropout <= 1:  # type: ignore[operator]
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
        )
    for key, value in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(value, bool):
            raise TypeError(f"{key} should be of type bool, got: {type(value).__name__}")
    for key, value in (("input_size", input_size), ("hidden_size", hidden_size)):
        if not isinstance(value, int):
            raise TypeError(f"{key} should be of type int, got: {type(value).__name__}")
    for key, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
        if value <= 0:
            raise ValueError(f"{key} must be greater than zero")
    if dropout > 0 and num_layers == 1:  # type: ignore[operator]
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers"
            f" greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=4,
        )
