"""Modules with torch's signatures, on fastlm's operators."""

from fastlm.nn.adaptive_softmax import AdaptiveLogSoftmax
from fastlm.nn.cells import *  # noqa: F403
from fastlm.nn.cells import __all__ as _cells
from fastlm.nn.dropout import Dropout, dropout
from fastlm.nn.quantize import quantize_
from fastlm.nn.replace import replace_
from fastlm.nn.rnn import *  # noqa: F403
from fastlm.nn.rnn import __all__ as _recurrent

__all__ = ["AdaptiveLogSoftmax", "Dropout", "dropout", "quantize_", "replace_", *_cells, *_recurrent]
