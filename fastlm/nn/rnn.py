"""The recurrent modules, a small class for each cell."""

from __future__ import annotations

from typing import Any, Unpack

from torch import Tensor

from fastlm.nn.base import RecurrentModule
from fastlm.nn.options import RecurrentOptions

__all__ = ["GRU", "LSTM", "RNN", "IndRNN"]


class _OneState(RecurrentModule):
    """A module whose only state is its output."""

    def forward(self, input: Any, hx: Tensor | None = None, *, all_states: bool = False) -> Any:
        """Runs the layers over the sequences. Shapes as in the class."""
        output, (h_n,), steps = self._run(input, None if hx is None else [hx], all_states)
        return (output, h_n, [h for (h,) in steps]) if all_states else (output, h_n)


class RNN(_OneState):
    """Elman RNN, ``h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)``: a drop-in for ``torch.nn.RNN``.

    The constructor, ``forward``, the results and the ``state_dict`` are those of ``torch.nn.RNN``. The whole sequence
    is one operator a layer. Below, T is the number of steps, B the batch, D the directions (1 or 2).

    Args:
        input_size: features of the input.
        hidden_size: hidden units of each layer and direction.
        num_layers: layers stacked on one another.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        bias: whether there are biases.
        batch_first: input and output are [B, T, features] instead of [T, B, features].
        dropout: probability of dropout on the output of every layer but the last, in training.
        bidirectional: run a second direction from the end to the start.
        device: of the parameters.
        dtype: of the parameters: float32, float64, float16 or bfloat16; the 16-bit types are computed in float32.
        layer_norm: normalise ``W x`` and ``U h`` over all gates, with gains ``gain_ih_l0`` and ``gain_hh_l0``.
        recurrent_dropout: probability of dropout on h on its way to U, one mask for all steps of a sequence.
        input_dropout: the same on the input of every layer.
        weight_dropout: probability of dropout on U itself, one mask a call (DropConnect).
        zoneout: probability that a unit keeps its state for a step; in evaluation each keeps that share of it.
        bptt_clip: backward keeps the gradient of every pre-activation within +-bptt_clip, at every step.

    The options from ``layer_norm`` on are torch's not, are given by name, and are part of the kernels
    (:class:`fastlm.nn.options.RecurrentOptions` has their sources). ``all_states=True`` in a call returns, as a third
    result, the states of every step of every layer, each in the form of ``output``.

    Shapes:
        ``input`` [T, B, input_size], [B, T, input_size] with ``batch_first``, [T, input_size] unbatched, or a
        PackedSequence. ``hx`` [num_layers * D, B, hidden_size], without B unbatched; zeros by default. Returns
        ``output`` with the shape of the input but D * hidden_size features, and ``h_n`` with the shape of ``hx``.

    Raises:
        ValueError, TypeError, RuntimeError: as ``torch.nn.RNN``, in its words.

    Source: Elman (1990), "Finding structure in time".

    Example:
        >>> import torch
        >>> rnn = RNN(10, 20, num_layers=2, bidirectional=True)
        >>> output, h_n = rnn(torch.randn(5, 3, 10))
        >>> output.shape, h_n.shape
        (torch.Size([5, 3, 40]), torch.Size([4, 3, 20]))
        >>> torch.nn.RNN(10, 20, 2, bidirectional=True).load_state_dict(rnn.state_dict())
        <All keys matched successfully>
    """

    name = "RNN"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **options: Unpack[RecurrentOptions],
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype, **options
        )

    @property
    def cell(self) -> str:  # type: ignore[override]
        """The compiled cell."""
        return f"rnn_{self.nonlinearity}"


class LSTM(RecurrentModule):
    """Long short-term memory: a drop-in for ``torch.nn.LSTM``.

    ``i, f, o = sigmoid(...)``, ``g = tanh(...)`` of ``W_ih x_t + b_ih + W_hh h_{t-1} + b_hh``;
    ``c_t = f c_{t-1} + i g``, ``h_t = o tanh(c_t)``. Arguments, shapes and errors as in :class:`fastlm.RNN`, with two
    states: ``hx`` is ``(h_0, c_0)``, both [num_layers * D, B, hidden_size]. With ``proj_size`` the output is projected,
    ``h_t = W_hr (o tanh(c_t))`` (Sak et al. 2014), and h has that size. ``layer_norm`` normalises c on its way to h,
    too, with ``gain_c_l0`` and ``bias_c_l0``. ``zoneout`` is one probability for h and c, or a pair of them.

    Source: Hochreiter & Schmidhuber (1997), "Long short-term memory"; Gers et al. (2000) for the forget gate.

    Example:
        >>> import torch
        >>> lstm = LSTM(10, 20, num_layers=2)
        >>> output, (h_n, c_n) = lstm(torch.randn(5, 3, 10))
        >>> output.shape, c_n.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
        >>> torch.nn.LSTM(10, 20, 2).load_state_dict(lstm.state_dict())
        <All keys matched successfully>
    """

    cell, name = "lstm", "LSTM"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
        **options: Unpack[RecurrentOptions],
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype,
            proj_size=proj_size, **options,
        )  # fmt: skip

    def forward(self, input: Any, hx: tuple[Tensor, Tensor] | None = None, *, all_states: bool = False) -> Any:
        """Runs the layers over the sequences. Shapes as in the class."""
        output, (h_n, c_n), steps = self._run(input, None if hx is None else [*hx], all_states)
        return (output, (h_n, c_n), [(h, c) for h, c in steps]) if all_states else (output, (h_n, c_n))


class GRU(_OneState):
    """Gated recurrent unit: a drop-in for ``torch.nn.GRU``, in torch's form (the reset gate acts behind ``W_hn``).

    ``r, z = sigmoid(...)`` of ``W_ih x_t + b_ih + W_hh h_{t-1} + b_hh``;
    ``n = tanh(W_in x_t + b_in + r (W_hn h_{t-1} + b_hn))``, ``h_t = (1 - z) n + z h_{t-1}``. Arguments, shapes and
    errors as in :class:`fastlm.RNN`.

    Source: Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder".

    Example:
        >>> import torch
        >>> gru = GRU(10, 20, bidirectional=True)
        >>> output, h_n = gru(torch.randn(5, 3, 10))
        >>> output.shape, h_n.shape
        (torch.Size([5, 3, 40]), torch.Size([2, 3, 20]))
        >>> torch.nn.GRU(10, 20, bidirectional=True).load_state_dict(gru.state_dict())
        <All keys matched successfully>
    """

    cell, name = "gru", "GRU"


class IndRNN(_OneState):
    """Independently recurrent network: ``h_t = relu(W_ih x_t + b_ih + u * h_{t-1} + b_hh)``, unit by unit.

    Each hidden unit sees only its own past, through one weight: ``weight_hh_l0`` is [hidden_size]. Arguments, shapes
    and errors as in :class:`fastlm.RNN`.

    Source: Li et al. (2018), "Independently recurrent neural network (IndRNN): Building a longer and deeper RNN".

    Example:
        >>> import torch
        >>> rnn = IndRNN(10, 20, num_layers=2)
        >>> output, h_n = rnn(torch.randn(5, 3, 10))
        >>> output.shape, rnn.weight_hh_l0.shape
        (torch.Size([5, 3, 20]), torch.Size([20]))
    """

    cell, name = "indrnn", "IndRNN"
