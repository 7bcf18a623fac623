"""Weights in 8 or 16 bits for inference: ``quantize_`` and the modules that it makes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from fastlm import ops
from fastlm.nn.base import RecurrentModule
from fastlm.nn.rnn import GRU, LSTM, RNN, IndRNN
from fastlm.nn.stream import Tensors, asks_for_gradient, unsupported

_TYPES = {"int8": torch.int8, "bfloat16": torch.bfloat16}


def quantize_(model: nn.Module, weights: str | torch.dtype = "int8") -> nn.Module:
    """Stores, in place, the weights of every RNN, LSTM, GRU and IndRNN of fastlm in a model in 8 or 16 bits.

    The modules become inference modules: ``forward`` and ``step`` work, with float32 activations, states and biases.
    The weights are buffers, which no optimiser sees, under the names of the parameters. ``"int8"`` is symmetric with a
    scale for each row, ``round(w / scale)`` and ``scale = max |w| / 127``, in ``weight_ih_l0_scale`` and so on. Other
    modules, subclasses, and the recurrent weights of an IndRNN, which are vectors, stay as they are.

    A step at batch 1 costs the reading of the weights, so it is faster by up to the ratio of their sizes; measured
    figures are in docs/inference.md. A checkpoint of a quantised model loads into a model that was quantised alike.

    Errors against float32, the largest difference over the largest output: LSTM and GRU 0.9 % in int8 and 0.33 % in
    bfloat16, RNN 1.4 % and 0.6 %, IndRNN 0.5 % and 0.2 % (hidden size 256, torch's initial weights, 100 steps of normal
    noise in a batch of 4, the worst of 8 draws). The tests allow twice that. Rows with outliers are worse in int8.

    Args:
        model: any module; it is changed.
        weights: ``"int8"`` or ``"bfloat16"``, or the dtype of that name.

    Returns:
        The model.

    Raises:
        ValueError: ``weights`` is none of these; a module is not float32, is parametrized, has other quantised weights
            already, or has options that are not supported (``proj_size``, layer normalisation, zoneout). Then nothing
            has been changed.

    Example:
        >>> import fastlm
        >>> model = fastlm.quantize_(nn.Sequential(fastlm.LSTM(10, 20)), "int8")
        >>> model
        Sequential(
          (0): QuantizedLSTM(10, 20, weights=int8)
        )
        >>> model[0].weight_hh_l0.dtype, model[0].weight_hh_l0_scale.shape
        (torch.int8, torch.Size([80]))
        >>> output, hx = model[0].step(torch.randn(10))
    """
    name = str(weights).removeprefix("torch.")
    if name not in _TYPES:
        raise ValueError(f"quantize_: expected weights 'int8' or 'bfloat16', got {weights!r}")
    modules = [module for module in model.modules() if isinstance(module, RecurrentModule)]
    chosen = [module for module in modules if _is_to_change(module, name)]
    for module in chosen:
        _quantize(module, name)
    return model


class Quantized(RecurrentModule):
    """A recurrent module with quantised weights, for inference. Made by :func:`quantize_`."""

    weights: str
    """The type that the weights are stored in."""

    def extra_repr(self) -> str:
        """Arguments, as torch prints them, and the type of the weights."""
        return f"{super().extra_repr()}, weights={self.weights}"

    def reset_parameters(self) -> None:
        """Raises RuntimeError: there is nothing to train here."""
        raise RuntimeError(f"{type(self).__name__} is for inference: make a {self.name}, and quantise it when trained")

    @property
    def _dtype(self) -> torch.dtype:
        return torch.float32

    def _stream_tensors(self) -> Tensors:
        held: Any = self._buffers
        w_ih, w_hh, b_ih, b_hh = ([held[name] for name in kind] for kind in self._stream_names)
        scale_ih, scale_hh = (
            [held[f"{name}_scale"] for name in kind if f"{name}_scale" in held] for kind in self._stream_names[:2]
        )
        return w_ih, w_hh, b_ih, b_hh, scale_ih, scale_hh

    def _weights(self, kind: str, layer: int) -> list[Tensor]:
        """In float32: for what only the ordinary operator can do."""
        return [_widened(self._buffers, name) for name in self._names[layer].get(kind, ())]

    def _layers(
        self, x: Tensor, hx: list[Tensor] | None, batch_sizes: Tensor | None, all_states: bool
    ) -> tuple[Tensor, list[Tensor], list[list[Tensor]]]:
        streams = batch_sizes is None and not all_states and x.is_cpu and self._can_stream()
        streams = streams and not asks_for_gradient(x, hx or [])
        if streams and _pays_to_stream(x.shape[0], x.shape[1], self.hidden_size):
            return *self._stream(x, hx or []), []
        return super()._layers(x, hx, batch_sizes, all_states)

    def _stream(self, x: Tensor, hx: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """All layers and directions with the weights as they are stored."""
        tensors = self._stream_tensors()
        if not self.bidirectional:
            return ops.rnn_stream(x, hx, *tensors, self.cell)
        finals = []
        for layer in range(self.num_layers):
            outputs = []
            for index in (2 * layer, 2 * layer + 1):
                part = slice(index, index + 1)
                arguments: Any = [
                    [state[part] for state in hx],
                    *(tensors_of[part] for tensors_of in tensors),
                    self.cell,
                ]
                backwards = index % 2
                output, hn = ops.rnn_stream(x.flip(0) if backwards else x, *arguments)
                outputs.append(output.flip(0) if backwards else output)
                finals.append(hn)
            x = torch.cat(outputs, -1)
        return x, [torch.cat(state) for state in zip(*finals, strict=True)]


class QuantizedRNN(Quantized, RNN):
    """:class:`fastlm.RNN` with quantised weights."""


class QuantizedLSTM(Quantized, LSTM):
    """:class:`fastlm.LSTM` with quantised weights."""


class QuantizedGRU(Quantized, GRU):
    """:class:`fastlm.GRU` with quantised weights."""


class QuantizedIndRNN(Quantized, IndRNN):
    """:class:`fastlm.IndRNN` with quantised input weights."""


_QUANTIZED: dict[type, type[Quantized]] = {
    RNN: QuantizedRNN,
    LSTM: QuantizedLSTM,
    GRU: QuantizedGRU,
    IndRNN: QuantizedIndRNN,
}


def _pays_to_stream(steps: int, batch: int, hidden: int) -> bool:
    """Whether reading narrow weights each step is faster than widening and packing them once a call."""
    return batch == 1 or hidden >= 1024 or 4 * steps * batch <= hidden


def _is_to_change(module: RecurrentModule, weights: str) -> bool:
    def refuse(problem: str) -> None:
        raise ValueError(f"quantize_: {type(module).__name__}({module.extra_repr()}) {problem}")

    if isinstance(module, Quantized):
        if module.weights != weights:
            refuse(f"is quantised already; its float32 weights, which {weights} needs, are gone")
        return False
    if nn.utils.parametrize.is_parametrized(module):
        refuse("is parametrized: call torch.nn.utils.parametrize.remove_parametrizations first")
    if type(module) not in _QUANTIZED:
        return False
    if options := unsupported(module):
        refuse(f"has {', '.join(options)}, which quantised modules do not support")
    for name, parameter in module.named_parameters(recurse=False):
        if parameter.dtype != torch.float32:
            refuse(f"has {name} in {parameter.dtype}: call .float() first")
    return True


def _quantize(module: RecurrentModule, weights: str) -> None:
    parameters = dict(module.named_parameters(recurse=False))
    for name, parameter in parameters.items():
        delattr(module, name)
        value = parameter.detach()
        if value.dim() == 1:  # biases, and the weights of a diagonal recurrence
            module.register_buffer(name, value.clone())
        elif weights == "int8":
            integers, scale = _to_int8(value)
            module.register_buffer(name, integers)
            module.register_buffer(f"{name}_scale", scale)
        else:
            module.register_buffer(name, value.to(_TYPES[weights]))
    module.__class__ = _QUANTIZED[type(module)]
    module.weights = weights  # type: ignore[assignment]


def _to_int8(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Symmetric, with a scale for each row; a row of zeros has the scale 1."""
    scale = matrix.abs().amax(1) / 127
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return (matrix / scale[:, None]).round().clamp(-127, 127).to(torch.int8), scale


def _widened(held: Any, name: str) -> Tensor:
    scale = held.get(f"{name}_scale")
    return held[name].float() if scale is None else held[name] * scale[:, None]
