"""The fixed-window neural language model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fastlm.lm.contract import LanguageModel, State, check_vocab_size
from fastlm.lm.initial import init_
from fastlm.lm.output import output_layer
from fastlm.nn import Dropout


class FixedWindowLM(LanguageModel):
    """The next word from the last few: their embeddings side by side, a tanh layer, softmax.

    Args:
        vocab_size: words V.
        window: words k that are looked at.
        embedding_size: features of each.
        hidden_size: units of the hidden layer.
        direct: the output layer sees the embeddings, too.
        dropout: on the hidden layer.
        cutoffs: for an adaptive softmax, as in :class:`fastlm.lm.RecurrentLM`.
        start: the word that stands before a text, as often as needed; 1 is ``</s>``.
        init_scale: embeddings and matrices start from uniform(-init_scale, init_scale).

    The state is the last k - 1 words, [k - 1, B] int64.

    Raises:
        ValueError: the vocabulary has less than two words, or the window is empty.

    Source: Bengio et al. (2003), "A neural probabilistic language model".

    Example:
        >>> model = FixedWindowLM(vocab_size=100, window=4, embedding_size=8, hidden_size=16)
        >>> logits, state = model(torch.zeros(5, 2, dtype=torch.int64))
        >>> logits.shape, state.shape
        (torch.Size([5, 2, 100]), torch.Size([3, 2]))
    """

    def __init__(
        self,
        vocab_size: int,
        window: int = 4,
        embedding_size: int = 60,
        hidden_size: int = 200,
        *,
        direct: bool = False,
        dropout: float = 0.0,
        cutoffs: Sequence[int] | None = None,
        start: int = 1,
        init_scale: float = 0.1,
    ) -> None:
        super().__init__()
        check_vocab_size(vocab_size)
        if window < 1:
            raise ValueError(f"window must be at least 1, got {window}")
        self.window = window
        self.start = start
        self.direct = direct
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.hidden = nn.Linear(window * embedding_size, hidden_size)
        self.drop = Dropout(dropout)
        self.decoder = output_layer(hidden_size + direct * window * embedding_size, vocab_size, cutoffs)
        init_(self, scale=init_scale)

    def features(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """The hidden layer, and the embeddings behind it if the output layer sees them. Shapes as in the contract."""
        before = self.window - 1
        if state is None:
            state = input.new_full((before, input.shape[1]), self.start)
        words = torch.cat([state, input])
        vectors = self.embedding(words).unfold(0, len(input), 1)  # [k, B, E, T]
        together = vectors.permute(3, 1, 0, 2).flatten(2)
        hidden = self.drop(torch.tanh(self.hidden(together)))
        features = torch.cat([hidden, together], -1) if self.direct else hidden
        return features, words[len(input) :]
