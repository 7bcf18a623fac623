"""The recurrent language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from fastlm.lm.contract import LanguageModel, State, check_vocab_size
from fastlm.lm.dropouts import LockedDropout, embed
from fastlm.lm.initial import init_
from fastlm.lm.layers import Recurrent, recurrent_layers
from fastlm.lm.output import output_layer
from fastlm.lm.presets import preset
from fastlm.nn import Dropout


class RecurrentLM(LanguageModel):
    """Recurrent language model: embedding, recurrent layers, softmax over the next word.

    Args:
        vocab_size: words V.
        hidden_size: hidden units of each layer.
        num_layers: recurrent layers.
        dropout: on the embedding, between the layers and on the output, where the three below do not say otherwise.
        tied: the output layer uses the embedding's weights (Press & Wolf 2017); then the last layer has as many units
            as the embedding has features.
        recurrent: whose layers: ``"fastlm"``, ``"torch"``, or a class with the signature of :class:`fastlm.RNN`, as
            ``torch.nn.RNN`` is; with a class, the model has no config and cannot be saved.
        cutoffs: the output layer is an adaptive softmax, whose clusters of rarer words begin at these words; words are
            numbered from the most frequent one on, as :class:`fastlm.lm.Vocabulary` does; None: a softmax over all.
        cell: ``"rnn_tanh"``, ``"rnn_relu"``, ``"lstm"``, ``"gru"`` or ``"indrnn"``.
        embedding_size: features of the embedding; None: ``hidden_size``.
        input_dropout: on the embedding.
        hidden_dropout: between the layers.
        output_dropout: on the output.
        locked: these three have one mask for all steps of a sequence.
        embedding_dropout: of whole words, wherever they occur.
        activation_penalty: training adds this times the mean square of the output.
        slowness_penalty: training adds this times the mean square of the output's change from step to step.
        init: ``"default"``, ``"uniform"`` or ``"xavier"``; see :func:`fastlm.lm.init_`, also for the next three.
        init_scale: half the width of the uniform distributions.
        orthogonal: recurrent matrices start orthogonal.
        forget_bias: where an LSTM's forget gate starts.
        **options: of fastlm's layers: ``recurrent_dropout``, ``weight_dropout``, ``layer_norm``, ``zoneout`` ...

    Raises:
        ValueError: the vocabulary has less than two words, or a name or an option is unknown.

    Source: Mikolov et al. (2010), "Recurrent neural network based language model"; Zaremba et al. (2014), "Recurrent
    neural network regularization"; Merity et al. (2018), "Regularizing and optimizing LSTM language models".

    Example:
        >>> import torch
        >>> model = RecurrentLM(vocab_size=100, hidden_size=8, cell="lstm")
        >>> logits, state = model(torch.zeros(5, 2, dtype=torch.int64))
        >>> logits.shape
        torch.Size([5, 2, 100])
        >>> logits, state = model(torch.zeros(1, 2, dtype=torch.int64), state)
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int = 200,
        num_layers: int = 1,
        dropout: float = 0.0,
        tied: bool = False,
        recurrent: Recurrent = "fastlm",
        *,
        cutoffs: Sequence[int] | None = None,
        cell: str = "rnn_tanh",
        embedding_size: int | None = None,
        input_dropout: float | None = None,
        hidden_dropout: float | None = None,
        output_dropout: float | None = None,
        locked: bool = False,
        embedding_dropout: float = 0.0,
        activation_penalty: float = 0.0,
        slowness_penalty: float = 0.0,
        init: str = "default",
        init_scale: float = 0.1,
        orthogonal: bool = False,
        forget_bias: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        check_vocab_size(vocab_size)
        features = embedding_size or hidden_size
        last = features if tied else hidden_size
        if num_layers == 1 and last != hidden_size:
            raise ValueError(
                f"with tied weights the last layer has as many units as the embedding has features, {features}; "
                f"of one layer hidden_size must be that, too, got {hidden_size}"
            )
        on_input, between, on_output = (
            dropout if p is None else p for p in (input_dropout, hidden_dropout, output_dropout)
        )
        kind = LockedDropout if locked else Dropout
        self.embedding = nn.Embedding(vocab_size, features)
        self.embedding_dropout = embedding_dropout
        self.input_drop = kind(on_input)
        self.rnn = recurrent_layers(
            cell,
            features,
            hidden_size,
            num_layers,
            last_size=last,
            dropout=between,
            locked=locked,
            recurrent=recurrent,
            **options,
        )
        self.output_drop = kind(on_output)
        self.decoder = output_layer(last, vocab_size, cutoffs)
        self.activation_penalty = activation_penalty
        self.slowness_penalty = slowness_penalty
        if tied:
            if cutoffs is not None:
                raise ValueError("an adaptive softmax has no matrix of all words that could be tied to the embedding")
            self.decoder.weight = self.embedding.weight
        init_(self, init, scale=init_scale, orthogonal=orthogonal, forget_bias=forget_bias)

    @classmethod
    def from_preset(cls, name: str, vocab_size: int, **overrides: Any) -> RecurrentLM:
        """A model of the literature.

        Args:
            name: ``"zaremba-small"``, ``"zaremba-medium"``, ``"zaremba-large"``, ``"awd-lstm"`` or ``"mikolov-rnn"``;
                :data:`fastlm.lm.PRESETS` has them, with the schedules that they are trained by.
            vocab_size: words.
            **overrides: arguments of the constructor that are to differ.

        Example:
            >>> RecurrentLM.from_preset("zaremba-small", 100, hidden_size=8).rnn
            LSTM(8, 8, num_layers=2)
        """
        return cls(vocab_size, **{**preset(name).model, **overrides})

    def features(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """The last layer's output at every step, after dropout. Shapes as in the contract."""
        output, state = self._output(input, state)
        return self.output_drop(output), state

    def objective(self, input: Tensor, target: Tensor, state: State = None) -> tuple[Tensor, Tensor, State]:
        """The loss, in training with the penalties."""
        output, state = self._output(input, state)
        hidden = self.output_drop(output)
        objective = loss = self.loss_of(hidden, target)
        if self.training and self.activation_penalty:
            objective = objective + self.activation_penalty * hidden.square().mean()
        if self.training and self.slowness_penalty and len(output) > 1:
            objective = objective + self.slowness_penalty * (output[1:] - output[:-1]).square().mean()
        return objective, loss, state

    def _output(self, input: Tensor, state: State) -> tuple[Tensor, State]:
        p = self.embedding_dropout if self.training else 0.0
        return self.rnn(self.input_drop(embed(self.embedding, input, p)), state)
