"""Scores of tokens, perplexity, dynamic evaluation, mixtures with n-gram models, each beside a plain computation."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from fastlm import lm, ngram

VOCABULARY = lm.Vocabulary("abcd")
TEXT = ["a b c", "b c", "", "d unheard-of a", "a b"]


class OfBigrams(nn.Module):
    """An n-gram model of order 2 in the form of a neural one."""

    def __init__(self, model):
        super().__init__()
        place = {word: i for i, word in enumerate(model.table.vocabulary)}
        order = [place[word] for word in VOCABULARY]
        rows = [model.distribution("<s>" if word == "</s>" else word)[order] for word in VOCABULARY]
        self.table = torch.from_numpy(np.log(np.array(rows, np.float64))).float()

    def forward(self, input, state=None):
        return self.table[input], state


@pytest.fixture(scope="module")
def bigrams():
    return ngram.count_sentences(["a b c d", "b c a", "d a b"], 2, vocabulary=list("abcd")).estimate("witten-bell")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    made = lm.RecurrentLM(len(VOCABULARY), 8, cell="gru")
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.7)
    return made


class TestScores:
    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(1, 4), st.integers(1, 9))
    def test_are_those_of_columns_read_at_once(self, model, ids, batch_size, bptt):
        ids = torch.tensor(ids)
        scores = lm.token_scores(model, ids, 1, batch_size=batch_size, bptt=bptt)
        length = -(-len(ids) // min(batch_size, len(ids)))
        for begin in range(0, len(ids), length):
            column = ids[begin : begin + length]
            before = torch.cat([torch.tensor([1 if begin == 0 else int(ids[begin - 1])]), column[:-1]])
            if begin == 0 or batch_size == 1:
                expected = -cross_entropy(model(before.unsqueeze(1))[0][:, 0], column, reduction="none")
                assert scores[begin : begin + length].tolist() == pytest.approx(expected.tolist(), abs=1e-5)
        assert lm.perplexity(model, ids, 1, batch_size=batch_size) == pytest.approx(
            math.exp(-scores.double().mean()), rel=1e-5
        )

    def test_compare_with_an_ngram_model(self, bigrams):
        ours, theirs = lm.evaluate(OfBigrams(bigrams), VOCABULARY, TEXT), bigrams.perplexity_of(TEXT)
        assert (ours.tokens, ours.sentences, ours.unknown) == (theirs.tokens, theirs.sentences, theirs.unknown)
        assert ours.perplexity == pytest.approx(theirs.perplexity, rel=1e-5)
        assert ours.perplexity_known == pytest.approx(theirs.perplexity_known, rel=1e-5)

    def test_bits(self):
        uniform = lm.RecurrentLM(len(VOCABULARY), 4)
        for parameter in uniform.parameters():
            nn.init.zeros_(parameter)
        found = lm.evaluate(uniform, VOCABULARY, ["a b c", "", "dd a"])
        assert found.tokens == 8
        assert found.characters == len("a b c\n\ndd a\n")
        assert found.bits_per_token == pytest.approx(math.log2(6), rel=1e-5)
        assert found.bits_per_character == pytest.approx(8 * math.log2(6) / 12, rel=1e-5)

    def test_of_nothing(self, model):
        for of in (lm.token_scores, lm.dynamic_token_scores):
            with pytest.raises(ValueError, match="at least one token"):
                of(model, torch.zeros(0, dtype=torch.int64), 1)


class TestDynamicEvaluation:
    ids = torch.tensor([2, 3, 4, 5, 1] * 12)

    def test_without_steps_it_is_evaluation(self, model):
        scores = lm.dynamic_token_scores(model, self.ids, 1, learning_rate=0.0)
        assert torch.allclose(scores, lm.token_scores(model, self.ids, 1), atol=1e-5)

    @pytest.mark.parametrize("with_squares", [False, True])
    def test_is_a_step_after_each_segment(self, model, with_squares):
        squares = lm.gradient_squares(model, self.ids, 1, batch_size=3, segment=5) if with_squares else None
        before = copy.deepcopy(model.state_dict())
        rate, decay, epsilon = 0.01 if with_squares else 0.5, 0.1, 1e-2
        scores = lm.dynamic_token_scores(
            model, self.ids, 1, learning_rate=rate, decay=decay, segment=7, squares=squares, epsilon=epsilon
        )
        assert all(value.equal(before[name]) for name, value in model.state_dict().items())
        learner, state, expected = copy.deepcopy(model), None, []
        first = [p.detach().clone() for p in model.parameters()]
        input = torch.cat([torch.tensor([1]), self.ids[:-1]])
        mean = torch.cat([s.sqrt().flatten() for s in squares]).mean() if with_squares else None
        for x, y in zip(input.split(7), self.ids.split(7), strict=True):
            logits, state = learner(x.unsqueeze(1), state)
            losses = cross_entropy(logits[:, 0], y, reduction="none")
            state = state.detach()
            learner.zero_grad()
            losses.mean().backward()
            expected += (-losses).tolist()
            for i, p in enumerate(learner.parameters()):
                size = squares[i].sqrt() if with_squares else 0
                scale = 1 / (size + epsilon) if with_squares else 1
                back = (decay * size / mean).clamp(max=1) if with_squares else decay
                p.data = p.data - rate * scale * p.grad + back * (first[i] - p.data)
        assert scores.tolist() == pytest.approx(expected, abs=1e-4)
        assert scores[30:].mean() > lm.token_scores(model, self.ids, 1)[30:].mean()

    def test_errors(self, model):
        with pytest.raises(ValueError, match="0 <= decay <= 1"):
            lm.dynamic_token_scores(model, self.ids, 1, decay=2.0)
        with pytest.raises(ValueError, match="squares are of another model"):
            lm.dynamic_token_scores(model, self.ids, 1, squares=[torch.ones(1)])
        with pytest.raises(FloatingPointError, match=r"near token .*; lower the learning rate"):
            lm.dynamic_token_scores(model, self.ids, 1, learning_rate=1e38)


class TestInterpolation:
    def test_takes_the_weight_under_which_the_text_is_most_probable(self, bigrams, model):
        both = lm.interpolate(bigrams, model, VOCABULARY, TEXT)

        def perplexity(weight):
            return lm.interpolate(bigrams, model, VOCABULARY, weight=weight).evaluate(TEXT).perplexity

        grid = {weight: perplexity(weight) for weight in (0.0, *np.linspace(0.01, 0.99, 50), 1.0)}
        best = min(grid, key=grid.get)
        assert both.weight == pytest.approx(best, abs=0.03)
        assert both.evaluate(TEXT).perplexity <= grid[best] * (1 + 1e-5)
        assert grid[0.0] == pytest.approx(bigrams.perplexity_of(TEXT).perplexity, rel=1e-5)
        assert grid[1.0] == pytest.approx(lm.evaluate(model, VOCABULARY, TEXT).perplexity, rel=1e-5)

    def test_errors(self, bigrams, model):
        other = lm.Vocabulary("abce")
        with pytest.raises(ValueError, match=r"different vocabularies.* only the n-gram model knows 'd'"):
            lm.interpolate(bigrams, model, other, TEXT)
        with pytest.raises(ValueError, match="either a weight, or heldout"):
            lm.interpolate(bigrams, model, VOCABULARY)
        with pytest.raises(ValueError, match="expected a weight from 0 to 1"):
            lm.interpolate(bigrams, model, VOCABULARY, weight=1.5)
