"""The operators: typed functions, fake kernels and gradients, one file an operator family."""

from fastlm.ops import optimizer
from fastlm.ops.dropout import dropout
from fastlm.ops.linear_cross_entropy import linear_cross_entropy
from fastlm.ops.rnn import rnn_layer
from fastlm.ops.stream import rnn_stream

__all__ = ["dropout", "linear_cross_entropy", "optimizer", "rnn_layer", "rnn_stream"]
