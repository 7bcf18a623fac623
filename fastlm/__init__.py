"""Fast recurrent and n-gram language models for PyTorch, each result checked against a slow reference.

>>> import torch, fastlm
>>> rnn = fastlm.RNN(10, 20)  # instead of torch.nn.RNN
>>> output, h_n = rnn(torch.randn(5, 3, 10))
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from fastlm import nn, ops, reference
from fastlm._checked import CheckError, checked
from fastlm._library import status
from fastlm.nn import *  # noqa: F403
from fastlm.nn import __all__ as _modules

if TYPE_CHECKING:
    from fastlm import lm, ngram

__version__ = "0.1.0"

__all__ = ["CheckError", "checked", "lm", "ngram", "nn", "ops", "reference", "status", *_modules]


def __getattr__(name: str) -> ModuleType:
    """Loads the language models when they are first asked for: the layers need neither."""
    if name in ("lm", "ngram"):
        return import_module(f"fastlm.{name}")
    raise AttributeError(f"module 'fastlm' has no attribute {name!r}")
