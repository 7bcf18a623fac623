"""Language models on fastlm's layers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from fastlm.nn import RNN, Dropout


class RecurrentLM(nn.Module):
    """Recurrent language model: embedding, recurrent layers, softmax over the next word.

    Args:
        vocab_size: words V.
        hidden_size: size H of the embedding and of the hidden state.
        num_layers: recurrent layers.
        dropout: on the embedding, between the layers and on the output.
        tied: the output layer uses the embedding's weights (Press & Wolf 2017).
        recurrent: makes the recurrent layers from (H, H, num_layers, dropout=...): a class with the signature of
            :class:`fastlm.RNN`, as ``torch.nn.RNN`` is.

    Source: Mikolov et al. (2010), "Recurrent neural network based language model".

    Example:
        >>> model = RecurrentLM(vocab_size=100, hidden_size=8)
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
        recurrent: Callable[..., nn.Module] = RNN,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, hidden_size)
        between = dropout if num_layers > 1 else 0.0
        self.rnn = recurrent(hidden_size, hidden_size, num_layers, dropout=between)
        self.drop = Dropout(dropout)
        self.decoder = nn.Linear(hidden_size, vocab_size)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)
        if tied:
            self.decoder.weight = self.embedding.weight

    def forward(self, input: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Scores of the next word at every step, and the state to go on from.

        Args:
            input: [T, B] int64.
            state: what an earlier call returned; None: zeros.

        Returns:
            Logits [T, B, V], and the state.
        """
        output, state = self.rnn(self.drop(self.embedding(input)), state)
        return self.decoder(self.drop(output)), state

    @torch.no_grad()
    def start_from_unigrams(self, ids: Tensor) -> None:
        """Sets the output bias to the log frequencies of a text: the best there is while all weights are zero."""
        counts = torch.bincount(ids.flatten(), minlength=self.decoder.out_features) + 1.0
        self.decoder.bias.copy_(counts.log() - counts.sum().log())
