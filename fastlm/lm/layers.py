"""Recurrent layers for the models: a cell by name, of fastlm or of torch, in stacks of any sizes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from fastlm.lm.contract import State
from fastlm.lm.dropouts import LockedDropout
from fastlm.nn import GRU, LSTM, RNN, Dropout, IndRNN

Recurrent = str | Callable[..., nn.Module]
"""``"fastlm"``, ``"torch"``, or what makes layers from (inputs, hidden units, layers, dropout=...)."""

_CELLS: dict[str, dict[str, tuple[type[nn.Module], dict[str, Any]]]] = {
    "fastlm": {
        "rnn_tanh": (RNN, {}),
        "rnn_relu": (RNN, {"nonlinearity": "relu"}),
        "lstm": (LSTM, {}),
        "gru": (GRU, {}),
        "indrnn": (IndRNN, {}),
    },
    "torch": {
        "rnn_tanh": (nn.RNN, {}),
        "rnn_relu": (nn.RNN, {"nonlinearity": "relu"}),
        "lstm": (nn.LSTM, {}),
        "gru": (nn.GRU, {}),
    },
}


def recurrent_layers(
    cell: str,
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    *,
    last_size: int | None = None,
    dropout: float = 0.0,
    locked: bool = False,
    recurrent: Recurrent = "fastlm",
    **options: Any,
) -> nn.Module:
    """A stack of recurrent layers: one module if that can be, else a :class:`RecurrentStack`.

    Args:
        cell: ``"rnn_tanh"``, ``"rnn_relu"``, ``"lstm"``, ``"gru"`` or ``"indrnn"``.
        input_size: features of the input.
        hidden_size: hidden units of each layer.
        num_layers: layers.
        last_size: hidden units of the last layer; None: as the others.
        dropout: between the layers.
        locked: that dropout has one mask for all steps.
        recurrent: whose layers: ``"fastlm"``, ``"torch"``, or a class with their signature.
        **options: of fastlm's layers, and ``bidirectional``.

    Raises:
        ValueError: there is no such cell, or torch has no such option.
    """
    make = _maker(cell, recurrent, options)
    last_size = last_size or hidden_size
    if num_layers == 1 or (last_size == hidden_size and not (locked and dropout)):
        between = dropout if num_layers > 1 else 0.0
        return make(input_size, last_size, num_layers, dropout=between)
    sizes = [input_size, *[hidden_size] * (num_layers - 1), last_size]
    layers = [make(size, then, 1) for size, then in pairwise(sizes)]
    return RecurrentStack(layers, dropout, locked)


def _maker(cell: str, recurrent: Recurrent, options: dict[str, Any]) -> Callable[..., nn.Module]:
    if not isinstance(recurrent, str):
        return lambda *sizes, **more: recurrent(*sizes, **options, **more)
    if recurrent not in _CELLS:
        raise ValueError(f"recurrent must be 'fastlm', 'torch' or a class of layers, got {recurrent!r}")
    if cell not in _CELLS[recurrent]:
        raise ValueError(f"cell must be one of {', '.join(_CELLS[recurrent])}, got {cell!r}")
    own = {name: value for name, value in options.items() if name != "bidirectional" and value}
    if recurrent == "torch" and own:
        raise ValueError(f"torch's layers have no {', '.join(own)}; use recurrent='fastlm'")
    made, chosen = _CELLS[recurrent][cell]
    given = options if recurrent == "fastlm" else {"bidirectional": options.get("bidirectional", False)}
    return lambda *sizes, **more: made(*sizes, **chosen, **given, **more)


class RecurrentStack(nn.Module):
    """Recurrent layers one after another, with dropout between them; the state is a tuple of theirs.

    Args:
        layers: each gives ``(output, state)`` for ``(input, state)``.
        dropout: between them.
        locked: one mask for all steps.
    """

    def __init__(self, layers: list[nn.Module], dropout: float = 0.0, locked: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.between = (LockedDropout if locked else Dropout)(dropout)

    def forward(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Output [T, B, H] of the last layer, and the states of all, of input [T, B, E]."""
        states = []
        for index, layer in enumerate(self.layers):
            if index:
                x = self.between(x)
            x, after = layer(x, None if state is None else state[index])
            states.append(after)
        return x, tuple(states)
