"""What recurrent layers do besides foretelling words: encode, classify and tag sentences of different lengths."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from fastlm.lm.config import Configured
from fastlm.lm.contract import State
from fastlm.lm.initial import init_
from fastlm.lm.layers import Recurrent, recurrent_layers
from fastlm.nn import Dropout

POOLS = ("last", "max", "mean")


class SentenceEncoder(Configured):
    """A vector for each sentence, whatever is behind its end.

    Args:
        vocab_size: words.
        hidden_size: hidden units of each layer and direction.
        num_layers: recurrent layers.
        cell: as in :class:`fastlm.lm.RecurrentLM`.
        embedding_size: features of the embedding; None: ``hidden_size``.
        bidirectional: a second direction, from the end to the begin.
        pool: ``"last"``: the last state of each direction; ``"max"`` or ``"mean"``: of all outputs, feature by feature.
        dropout: on the embedding and between the layers.
        recurrent: as in :class:`fastlm.lm.RecurrentLM`.

    Source: Conneau et al. (2017), "Supervised learning of universal sentence representations".

    Example:
        >>> encoder = SentenceEncoder(100, 8, pool="max")
        >>> encoder(torch.zeros(5, 3, dtype=torch.int64), lengths=torch.tensor([5, 2, 1])).shape
        torch.Size([3, 16])
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int = 200,
        num_layers: int = 1,
        *,
        cell: str = "lstm",
        embedding_size: int | None = None,
        bidirectional: bool = True,
        pool: str = "last",
        dropout: float = 0.0,
        recurrent: Recurrent = "fastlm",
    ) -> None:
        super().__init__()
        if pool not in POOLS:
            raise ValueError(f"pool must be one of {', '.join(POOLS)}, got {pool!r}")
        features = embedding_size or hidden_size
        self.pool = pool
        self.directions = 1 + bidirectional
        self.output_size = self.directions * hidden_size
        self.embedding = nn.Embedding(vocab_size, features)
        self.drop = Dropout(dropout)
        self.rnn = recurrent_layers(
            cell,
            features,
            hidden_size,
            num_layers,
            dropout=dropout,
            recurrent=recurrent,
            bidirectional=bidirectional,
        )
        init_(self)

    def outputs(self, input: Tensor | PackedSequence, lengths: Tensor | None = None) -> tuple[PackedSequence, State]:
        """The last layer's output at every step of every sentence, and the final states.

        Args:
            input: [T, B] int64, padded with anything, or a PackedSequence of words.
            lengths: [B], words of each sentence, at least 1; None: T.
        """
        packed = _packed(input, lengths)
        return self.rnn(packed._replace(data=self.drop(self.embedding(packed.data))))

    def forward(self, input: Tensor | PackedSequence, lengths: Tensor | None = None) -> Tensor:
        """Vectors [B, directions * hidden_size]. Arguments as for :meth:`outputs`."""
        packed, final = self.outputs(input, lengths)
        if self.pool == "last":
            h_n = final if isinstance(final, Tensor) else final[0]
            return torch.cat(list(h_n[-self.directions :]), -1)
        padding = -torch.inf if self.pool == "max" else 0.0
        output, n = pad_packed_sequence(packed, padding_value=padding)
        return output.amax(0) if self.pool == "max" else output.sum(0) / n.to(output).unsqueeze(1)


class SentenceClassifier(Configured):
    """One of K classes for each sentence: a :class:`SentenceEncoder`, and a linear layer on its vector.

    Args:
        vocab_size: words.
        classes: K.
        hidden_size: as in the encoder, as all of the rest.
        dropout: also on the vector.
        **options: of the encoder: ``num_layers``, ``cell``, ``pool`` ...

    Example:
        >>> model = SentenceClassifier(100, classes=2, hidden_size=8, pool="mean")
        >>> model(torch.zeros(5, 3, dtype=torch.int64)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self, vocab_size: int, classes: int, hidden_size: int = 200, *, dropout: float = 0.0, **options: Any
    ) -> None:
        super().__init__()
        if classes < 2:
            raise ValueError(f"expected at least 2 classes, got {classes}")
        self.encoder = SentenceEncoder(vocab_size, hidden_size, dropout=dropout, **options)
        self.drop = Dropout(dropout)
        self.decoder = nn.Linear(self.encoder.output_size, classes)

    def forward(self, input: Tensor | PackedSequence, lengths: Tensor | None = None) -> Tensor:
        """Scores [B, K]. Arguments as for :meth:`SentenceEncoder.outputs`."""
        return self.decoder(self.drop(self.encoder(input, lengths)))

    def loss(self, input: Tensor | PackedSequence, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Mean cross-entropy of the classes ``target`` [B], in nats."""
        return cross_entropy(self(input, lengths), target)


class SequenceTagger(Configured):
    """One of K tags for each word, seen from both sides.

    Args:
        vocab_size: words.
        tags: K.
        hidden_size: as in :class:`SentenceEncoder`, as all of the rest.
        dropout: also on the output.
        **options: of the encoder: ``num_layers``, ``cell``, ``bidirectional`` ...

    Source: Graves & Schmidhuber (2005), "Framewise phoneme classification with bidirectional LSTM".

    Example:
        >>> model = SequenceTagger(100, tags=4, hidden_size=8)
        >>> model(torch.zeros(5, 3, dtype=torch.int64), lengths=torch.tensor([5, 2, 1])).shape
        torch.Size([5, 3, 4])
    """

    def __init__(
        self, vocab_size: int, tags: int, hidden_size: int = 200, *, dropout: float = 0.0, **options: Any
    ) -> None:
        super().__init__()
        if tags < 1:
            raise ValueError(f"expected at least 1 tag, got {tags}")
        self.encoder = SentenceEncoder(vocab_size, hidden_size, dropout=dropout, **options)
        self.drop = Dropout(dropout)
        self.decoder = nn.Linear(self.encoder.output_size, tags)

    def forward(self, input: Tensor | PackedSequence, lengths: Tensor | None = None) -> Tensor:
        """Scores [T, B, K]; behind a sentence's end, 0. Arguments as for :meth:`SentenceEncoder.outputs`."""
        packed, _ = self.encoder.outputs(input, lengths)
        scores = packed._replace(data=self.decoder(self.drop(packed.data)))
        return pad_packed_sequence(scores, total_length=len(input) if isinstance(input, Tensor) else None)[0]

    def loss(self, input: Tensor | PackedSequence, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Mean cross-entropy of the tags ``target`` [T, B], in nats; those that are -100 do not count."""
        return cross_entropy(self(input, lengths).flatten(0, 1), target.flatten())


def _packed(input: Tensor | PackedSequence, lengths: Tensor | None) -> PackedSequence:
    if isinstance(input, PackedSequence):
        return input
    if lengths is None:
        lengths = torch.full((input.shape[1],), len(input))
    return pack_padded_sequence(input, lengths.cpu(), enforce_sorted=False)
