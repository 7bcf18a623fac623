"""What all recurrent modules share: torch's constructor, parameters, validation, layers and directions."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any, ClassVar, Unpack

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from fastlm import ops
from fastlm.nn.dropout import draw_seed
from fastlm.nn.options import RecurrentOptions, complete, describe
from fastlm.nn.stream import Streaming


class RecurrentModule(Streaming):
    """Layers and directions of one cell, with the arguments, parameters and results of ``torch.nn.RNNBase``.

    A subclass names its cell (one of :func:`fastlm.ops.rnn.cells`); everything else follows from the cell's traits.
    """

    cell: str
    name: ClassVar[str]
    """The name of the module in messages, as torch has it."""

    layer_norm: bool
    recurrent_dropout: float
    input_dropout: float
    weight_dropout: float
    zoneout: tuple[float, float]
    """Of h, and of c."""
    bptt_clip: float | None

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
        *,
        proj_size: int = 0,
        **options: Unpack[RecurrentOptions],
    ) -> None:
        super().__init__()
        traits = ops.rnn.cell_traits(self.cell)
        if proj_size and not traits.output_apart:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        _check_arguments(input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        for name, value in complete(options, traits.states).items():
            setattr(self, name, value)
        if self.layer_norm and traits.diagonal:
            raise ValueError(f"layer_norm is for cells with a recurrent matrix, which {self.name} has not")
        kinds = {  # in torch's order, and then what torch has not
            "weight_ih": True,
            "weight_hh": True,
            "bias_ih": bias,
            "bias_hh": bias,
            "weight_hr": proj_size > 0,
            "gain_ih": self.layer_norm,
            "gain_hh": self.layer_norm,
            "gain_c": self.layer_norm and traits.output_apart,
            "bias_c": self.layer_norm and traits.output_apart and bias,
        }
        self._kinds = tuple(kind for kind, there in kinds.items() if there)
        self._names = [
            {
                kind: [_parameter_name(kind, layer, direction) for direction in range(self._directions)]
                for kind in self._kinds
            }
            for layer in range(num_layers)
        ]
        self._stream_names = tuple(
            tuple(name for layer in self._names for name in layer.get(kind, ()))
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        gate_size = traits.gates * hidden_size
        for layer in range(num_layers):
            layer_input = input_size if layer == 0 else self._output_size * self._directions
            shapes = {
                "weight_ih": (gate_size, layer_input),
                "weight_hh": (gate_size,) if traits.diagonal else (gate_size, self._output_size),
                "bias_ih": (gate_size,),
                "bias_hh": (gate_size,),
                "weight_hr": (proj_size, hidden_size),
                "gain_ih": (gate_size,),
                "gain_hh": (gate_size,),
                "gain_c": (hidden_size,),
                "bias_c": (hidden_size,),
            }
            for direction in range(self._directions):
                for kind, names in self._names[layer].items():
                    parameter = nn.Parameter(torch.empty(shapes[kind], device=device, dtype=dtype))
                    self.register_parameter(names[direction], parameter)
        self.reset_parameters()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _output_size(self) -> int:
        return self.proj_size or self.hidden_size

    @property
    def _dtype(self) -> torch.dtype:
        """What input and states must have."""
        return self.weight_ih_l0.dtype  # type: ignore[return-value]

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters of each layer and direction, as in torch."""
        return [
            [getattr(self, names[direction]) for names in layer.values()]
            for layer in self._names
            for direction in range(self._directions)
        ]

    def _weights(self, kind: str, layer: int) -> list[Tensor]:
        """One kind of parameter of a layer, for each direction; empty if there is no such kind."""
        return self._held(self._names[layer].get(kind, ()))

    def reset_parameters(self) -> None:
        """Draws every parameter from uniform(-1/sqrt(hidden_size), 1/sqrt(hidden_size)), as torch does.

        A layer norm starts with gains of 1 and no shift.
        """
        bound = 1 / math.sqrt(self.hidden_size)
        for name, weight in self.named_parameters():
            if name.startswith("gain"):
                nn.init.ones_(weight)
            elif name.startswith("bias_c"):
                nn.init.zeros_(weight)
            else:
                nn.init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Does nothing: the kernels take parameters as they lie."""

    def extra_repr(self) -> str:
        """Arguments that differ from their defaults, as torch prints them."""
        defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        changed = [f"{key}={getattr(self, key)}" for key, value in defaults.items() if getattr(self, key) != value]
        sizes = [str(self.input_size), str(self.hidden_size), *[f"proj_size={self.proj_size}"] * (self.proj_size > 0)]
        return ", ".join([*sizes, *changed, *describe(self)])

    def _run(
        self, input: Any, hx: list[Tensor] | None, all_states: bool = False
    ) -> tuple[Any, list[Tensor], list[list[Any]]]:
        """The module's forward for a list of states; the subclass gives it the signature of its cell.

        Returns the output, the final states and, if asked for, of every layer the states of all steps, in the form of
        the output.
        """
        if isinstance(input, PackedSequence):
            data, batch_sizes, sorted_indices, unsorted_indices = input
            self._check_input(data, 2)
            hx = self._check_hidden(hx, int(batch_sizes[0]))
            if hx is not None and sorted_indices is not None:
                hx = [state.index_select(1, sorted_indices) for state in hx]
            output, hn, steps = self._layers(data, hx, batch_sizes, all_states)
            if unsorted_indices is not None:
                hn = [state.index_select(1, unsorted_indices) for state in hn]

            def like_input(x: Tensor) -> Any:
                return PackedSequence(x, batch_sizes, sorted_indices, unsorted_indices)

            return like_input(output), hn, [[like_input(state) for state in layer] for layer in steps]

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
        output, hn, steps = self._layers(input, self._check_hidden(hx, input.shape[1]), None, all_states)
        if not batched:
            hn = [state.squeeze(1) for state in hn]
            output, steps = output.squeeze(1), [[state.squeeze(1) for state in layer] for layer in steps]
        elif self.batch_first:
            output, steps = output.transpose(0, 1), [[state.transpose(0, 1) for state in layer] for layer in steps]
        return output, hn, steps

    def _layers(
        self, x: Tensor, hx: list[Tensor] | None, batch_sizes: Tensor | None, all_states: bool
    ) -> tuple[Tensor, list[Tensor], list[list[Tensor]]]:
        if batch_sizes is None and not all_states and self._is_one_step(x, hx or []):
            return *ops.rnn_stream(x, hx or [], *self._stream_tensors(), self.cell), []
        finals: list[list[Tensor]] = []
        steps: list[list[Tensor]] = []
        D = self._directions  # noqa: N806
        for layer in range(self.num_layers):
            states = [state[layer * D : (layer + 1) * D] for state in hx or []]
            w_ih, w_hh = self._weights("weight_ih", layer), self._weights("weight_hh", layer)
            b_ih, b_hh = self._weights("bias_ih", layer), self._weights("bias_hh", layer)
            extra: dict[str, Any] = {}
            if not self._plain:
                x, w_hh, extra = self._with_options(layer, x, w_hh, batch_sizes)
            x, hn, *rest = ops.rnn_layer(
                x, states, w_ih, w_hh, b_ih, b_hh, batch_sizes, self.cell, all_states=all_states, **extra
            )
            finals.append(hn)
            if all_states:
                steps.append([x, *rest[0]])
            if self.training and self.dropout > 0 and layer + 1 < self.num_layers:
                x = ops.dropout(x, draw_seed(x), self.dropout)
        if self.num_layers == 1:
            return x, finals[0], steps
        return x, [torch.cat(state) for state in zip(*finals, strict=True)], steps

    def _with_options(
        self, layer: int, x: Tensor, w_hh: list[Tensor], batch_sizes: Tensor | None
    ) -> tuple[Tensor, list[Tensor], dict[str, Any]]:
        """The layer's input and recurrent weights as the options leave them, and the operator's further arguments."""
        training = self.training
        batch = x.shape[1] if batch_sizes is None else int(batch_sizes[0])

        def kept(p: float, *shape: int) -> Tensor:
            return ops.dropout(x.new_ones(shape), draw_seed(x), p)

        if training and (p := self.input_dropout) > 0:
            mask = kept(p, batch, x.shape[-1])
            x = x * (mask if batch_sizes is None else torch.cat([mask[:n] for n in batch_sizes.tolist()]))
        if training and (p := self.weight_dropout) > 0:
            w_hh = [ops.dropout(weight, draw_seed(weight), p) for weight in w_hh]
        extra: dict[str, Any] = {"w_hr": self._weights("weight_hr", layer), "bptt_clip": self.bptt_clip}
        if self.layer_norm:
            lists = [self._weights(kind, layer) for kind in ("gain_ih", "gain_hh", "gain_c", "bias_c")]
            if lists[2] and not lists[3]:
                lists[3] = [torch.zeros_like(gain) for gain in lists[2]]
            extra["gains"] = [torch.cat(gains) for gains in zip(*filter(None, lists), strict=True)]
        if training and (p := self.recurrent_dropout) > 0:
            extra["h_mask"] = kept(p, self._directions, batch, self._output_size)
        if any(self.zoneout):
            extra["zoneout_h"], extra["zoneout_c"] = self.zoneout
            extra["zoneout_seed"] = draw_seed(x) if training else None
        return x, w_hh, extra

    @property
    def _plain(self) -> bool:
        """Whether there is no option, as in torch."""
        drops = self.recurrent_dropout or self.input_dropout or self.weight_dropout or any(self.zoneout)
        return not (self.proj_size or self.layer_norm or self.bptt_clip or drops)

    def _check_input(self, input: Tensor, dims: int) -> None:
        weight = self.weight_ih_l0
        if input.dtype != self._dtype and not torch._C._is_any_autocast_enabled():
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
        for index, state in enumerate(hx or []):
            size = self._output_size if index == 0 else self.hidden_size
            expected = (self.num_layers * self._directions, batch, size)
            if tuple(state.shape) != expected:
                hidden = f"hidden[{index}]" if len(hx or []) > 1 else "hidden"
                raise RuntimeError(f"Expected {hidden} size {expected}, got {list(state.shape)}")
            weight = self.weight_ih_l0
            if state.dtype != self._dtype and not torch._C._is_any_autocast_enabled():
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
    input_size: Any, hidden_size: Any, num_layers: Any, bias: Any, batch_first: Any, dropout: Any, proj_size: Any
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
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")
    if dropout > 0 and num_layers == 1:  # type: ignore[operator]
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers"
            f" greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=4,
        )
