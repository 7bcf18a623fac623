"""What every language model can do: one contract for training, evaluation and generation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fastlm.lm.config import Configured
from fastlm.lm.output import AdaptiveSoftmax, Softmax

_AT_ONCE = 1 << 22

State = Any
"""A tensor, or a tuple of states. In all its tensors the batch is dimension 1."""


class LanguageModel(Configured):
    """Scores of the next word at every step, and the state to go on from.

    A subclass has ``features``, and ``decoder``, the output layer. Below, T is the number of steps, B the batch, V the
    words, H the features that the output layer reads.
    """

    decoder: Softmax | AdaptiveSoftmax

    def features(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """What the output layer reads at every step.

        Args:
            input: [T, B] int64, words.
            state: what an earlier call returned; None: the begin of a text.

        Returns:
            [T, B, H], and the state behind the last step.
        """
        raise NotImplementedError

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores [..., V] of all words, of features [..., H]."""
        return self.decoder(hidden)

    def forward(self, input: Tensor, state: State = None, target: Tensor | None = None) -> Any:
        """Scores of the next word at every step.

        Args:
            input: [T, B] int64.
            state: what an earlier call returned; None: the begin of a text.
            target: gives :meth:`objective` instead, for wrappers that see nothing but ``forward``, as
                ``DistributedDataParallel`` does.

        Returns:
            Logits [T, B, V], and the state.
        """
        if target is not None:
            return self.objective(input, target, state)
        hidden, state = self.features(input, state)
        return self.logits(hidden), state

    def loss(self, input: Tensor, target: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Mean cross-entropy over the targets, in nats; those that are -100 do not count.

        Args:
            input: [T, B] int64.
            target: [T, B] int64, the words that follow.
            state: what an earlier call returned; None: the begin of a text.

        Returns:
            A number, and the state.
        """
        hidden, state = self.features(input, state)
        return self.loss_of(hidden, target), state

    def loss_of(self, hidden: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
        """The cross-entropy of ``target`` [...] given features [..., H], in nats; the logits need not be stored."""
        return self.decoder.loss(hidden, target, reduction)

    def objective(self, input: Tensor, target: Tensor, state: State = None) -> tuple[Tensor, Tensor, State]:
        """What training minimises: the loss, and penalties if the model has them.

        Returns:
            The objective, the loss alone, and the state.
        """
        loss, state = self.loss(input, target, state)
        return loss, loss, state

    @torch.no_grad()
    def start_from_unigrams(self, ids: Any) -> None:
        """Sets the output bias to the log frequencies of a text: the best there is while all weights are zero.

        Args:
            ids: [N] integers, a tensor or an array, which may be a ``numpy.memmap``: it is read piece by piece.
        """
        counts = torch.ones(self.decoder.words, dtype=torch.float64)
        for first in range(0, len(ids), _AT_ONCE):
            piece = torch.as_tensor(np.asarray(ids[first : first + _AT_ONCE], dtype=np.int64))
            counts += torch.bincount(piece, minlength=len(counts))
        self.decoder.start_from(counts / counts.sum())


def map_state(function: Callable[[Tensor], Tensor], state: State) -> State:
    """The state with a function applied to each of its tensors.

    >>> map_state(lambda x: x[:, :1], (torch.zeros(2, 3), (torch.zeros(1, 3, 4),)))[1][0].shape
    torch.Size([1, 1, 4])
    """
    if state is None:
        return None
    if isinstance(state, Tensor):
        return function(state)
    return tuple(map_state(function, part) for part in state)


def detached(state: State) -> State:
    """The state without its history: gradients stop here."""
    return map_state(Tensor.detach, state)


def check_vocab_size(vocab_size: int) -> None:
    """Refuses a vocabulary in which there is nothing to choose."""
    if vocab_size < 2:
        raise ValueError(f"expected a vocabulary of at least 2 words, got {vocab_size}")
