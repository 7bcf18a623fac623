"""A language model of what is said, given something: an encoder conditions a decoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from fastlm.lm.contract import LanguageModel, State, check_vocab_size
from fastlm.lm.encoders import SentenceEncoder
from fastlm.lm.initial import init_
from fastlm.lm.layers import Recurrent, recurrent_layers
from fastlm.lm.output import output_layer
from fastlm.nn import Dropout


class ConditionalLM(LanguageModel):
    """P(text | source): a bidirectional encoder reads the source, its last states start the decoder.

    What the decoder has to know of the source is in the state that :meth:`encode` returns, so the model is used as any
    other language model from there on.

    Args:
        source_size: words of the source's vocabulary.
        vocab_size: words V of the text's vocabulary.
        hidden_size: hidden units of the decoder; the encoder has as many in each direction.
        num_layers: of the encoder and of the decoder.
        cell: as in :class:`fastlm.lm.RecurrentLM`.
        embedding_size: features of both embeddings; None: ``hidden_size``.
        attention: each step of the decoder looks at all of the source.
        dropout: on the embeddings, between layers and on the output.
        cutoffs: for an adaptive softmax, as in :class:`fastlm.lm.RecurrentLM`.
        recurrent: as in :class:`fastlm.lm.RecurrentLM`.

    Source: Sutskever et al. (2014), "Sequence to sequence learning with neural networks"; for attention: Luong et al.
    (2015), "Effective approaches to attention-based neural machine translation", the general form.

    Example:
        >>> model = ConditionalLM(50, 100, 8, attention=True)
        >>> state = model.encode(torch.zeros(7, 2, dtype=torch.int64), lengths=torch.tensor([7, 3]))
        >>> logits, state = model(torch.zeros(5, 2, dtype=torch.int64), state)
        >>> logits.shape
        torch.Size([5, 2, 100])
    """

    def __init__(
        self,
        source_size: int,
        vocab_size: int,
        hidden_size: int = 200,
        num_layers: int = 1,
        *,
        cell: str = "lstm",
        embedding_size: int | None = None,
        attention: bool = False,
        dropout: float = 0.0,
        cutoffs: Sequence[int] | None = None,
        recurrent: Recurrent = "fastlm",
    ) -> None:
        super().__init__()
        check_vocab_size(vocab_size)
        features = embedding_size or hidden_size
        self.encoder = SentenceEncoder(
            source_size,
            hidden_size,
            num_layers,
            cell=cell,
            embedding_size=embedding_size,
            dropout=dropout,
            recurrent=recurrent,
        )
        self.bridge = nn.Linear(self.encoder.output_size, hidden_size)
        self.embedding = nn.Embedding(vocab_size, features)
        self.drop = Dropout(dropout)
        self.rnn = recurrent_layers(cell, features, hidden_size, num_layers, dropout=dropout, recurrent=recurrent)
        self.attention = Attention(hidden_size, self.encoder.output_size) if attention else None
        self.decoder = output_layer(hidden_size, vocab_size, cutoffs)
        init_(self)

    def encode(self, source: Tensor | PackedSequence, lengths: Tensor | None = None) -> State:
        """The state from which a text is foretold.

        Args:
            source: [S, B] int64, or a PackedSequence of words.
            lengths: [B], words of each source; None: S.

        Returns:
            The decoder's first state, then for the attention the encoder's outputs [S, B, 2 * hidden_size] and whether
            there is a word [S, B].
        """
        packed, final = self.encoder.outputs(source, lengths)
        if isinstance(final, Tensor):
            start: State = self._bridged(final)
        else:
            start = (self._bridged(final[0]), self._bridged(final[1]))
        if self.attention is None:
            return (start,)
        memory, n = pad_packed_sequence(packed)
        there = torch.arange(len(memory)).unsqueeze(1) < n
        return start, memory, there.to(memory.device)

    def features(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """The decoder's output at every step. Shapes as in the contract; ``state`` is there from the begin.

        Raises:
            ValueError: there is no state.
        """
        if state is None:
            raise ValueError("ConditionalLM needs a state: state = model.encode(source), then model(input, state)")
        start, *source = state
        output, after = self.rnn(self.drop(self.embedding(input)), start)
        if self.attention is not None:
            output = self.attention(output, *source)
        return self.drop(output), (after, *source)

    def _bridged(self, state: Tensor) -> Tensor:
        """[L * 2, B, H] of two directions, as [L, B, H] of one."""
        layers = state.unflatten(0, (-1, 2)).transpose(1, 2).flatten(2)
        return torch.tanh(self.bridge(layers))


class Attention(nn.Module):
    """Looks at a memory: its mean, weighted by how well each entry fits, beside the query, through a tanh layer.

    Args:
        query_size: features H of the queries and of the result.
        memory_size: features M of the memory.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.score = nn.Linear(query_size, memory_size, bias=False)
        self.output = nn.Linear(query_size + memory_size, query_size)

    def forward(self, query: Tensor, memory: Tensor, there: Tensor) -> Tensor:
        """[T, B, H] of queries [T, B, H], memory [S, B, M] and where it counts [S, B]."""
        scores = torch.einsum("tbm,sbm->bts", self.score(query), memory)
        weights = scores.masked_fill(~there.T.unsqueeze(1), -torch.inf).softmax(-1)
        context = torch.einsum("bts,sbm->tbm", weights, memory)
        return torch.tanh(self.output(torch.cat([query, context], -1)))
