"""Fast recurrent and n-gram language models for PyTorch, each result checked against a slow reference.

>>> import torch, fastlm
>>> rnn = fastlm.RNN(10, 20)  # instead of torch.nn.RNN
>>> output, h_n = rnn(torch.randn(5, 3, 10))
"""

from fastlm import nn, ops, reference
from fastlm._checked import CheckError, checked
from fastlm._library import status
from fastlm.nn import *  # noqa: F403
from fastlm.nn import __all__ as _modules

__version__ = "0.1.0"

__all__ = ["CheckError", "checked", "nn", "ops", "reference", "status", *_modules]
