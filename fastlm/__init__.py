"""Fast recurrent and n-gram language models for PyTorch, each result checked against a slow reference.

Each part is loaded when it is first asked for, so that the n-gram models start without torch. The operators of
``torch.ops.fastlm`` are there after ``import fastlm.ops``.

>>> import torch, fastlm
>>> rnn = fastlm.RNN(10, 20)  # instead of torch.nn.RNN
>>> output, h_n = rnn(torch.randn(5, 3, 10))
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AdaptiveLogSoftmax",
    "CheckError",
    "Dropout",
    "GRUCell",
    "IndRNN",
    "IndRNNCell",
    "LSTMCell",
    "RNNCell",
    "checked",
    "dropout",
    "linear_cross_entropy",
    "lm",
    "ngram",
    "nn",
    "ops",
    "optim",
    "quantize_",
    "reference",
    "replace_",
    "status",
]

if TYPE_CHECKING:
    from fastlm import lm, ngram, nn, ops, optim, reference
    from fastlm._checked import CheckError, checked
    from fastlm._library import status
    from fastlm.nn.adaptive_softmax import AdaptiveLogSoftmax
    from fastlm.nn.cells import GRUCell, IndRNNCell, LSTMCell, RNNCell
    from fastlm.nn.dropout import Dropout, dropout
    from fastlm.nn.quantize import quantize_
    from fastlm.nn.replace import replace_
    from fastlm.nn.rnn import GRU, LSTM, RNN, IndRNN
    from fastlm.ops.linear_cross_entropy import linear_cross_entropy
else:  # hidden from type checkers, which would take it to have every name
    _parts = ("lm", "ngram", "nn", "ops", "optim", "reference")
    _homes = {  # of all others: nn
        "CheckError": "_checked",
        "checked": "_checked",
        "linear_cross_entropy": "ops",
        "status": "_library",
    }

    def __getattr__(name):
        """Loads a public name when it is first asked for; then it is here as any other."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f"{__name__}.{name if name in _parts else _homes.get(name, 'nn')}")
        return globals().setdefault(name, module if name in _parts else getattr(module, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
