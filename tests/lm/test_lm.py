"""Language models: data, training and evaluation, on texts whose answer is known."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import fastlm
from fastlm import lm

CYCLE = "a b c d e"
"""A text in which the next word is certain."""


@pytest.fixture
def vocabulary():
    return lm.Vocabulary.from_sentences([CYCLE])


@pytest.fixture
def trained(vocabulary):
    torch.manual_seed(0)
    model = lm.RecurrentLM(len(vocabulary), hidden_size=16)
    text = lm.columns(vocabulary.encode([CYCLE] * 40), batch_size=4, start=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    steps = list(lm.train(model, *text, optimizer, bptt=10, clip=1.0, epochs=30))
    return model, steps


class TestVocabulary:
    def test_frequency_order_and_size(self):
        vocabulary = lm.Vocabulary.from_sentences(["b b b a a c", "<unk> </s>"], max_size=4)
        assert list(vocabulary) == ["<unk>", "</s>", "b", "a"]
        assert "c" not in vocabulary
        assert vocabulary.restrict("a c b") == "a <unk> b"
        assert vocabulary.encode(["a c", ""]).tolist() == [3, 0, 1, 1]

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: lm.Vocabulary.from_sentences([]), "at least one word"),
            (lambda: lm.Vocabulary.from_sentences(["a"], max_size=2), "max_size must be at least 3"),
            (lambda: lm.Vocabulary(["a", "a"]), "'a' twice"),
        ],
    )
    def test_errors(self, make, message):
        with pytest.raises(ValueError, match=message):
            make()


class TestColumns:
    @given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 9))
    def test_each_token_is_a_target_once_and_follows_its_input(self, length, batch, bptt):
        if length < batch:
            return
        ids = torch.arange(10, 10 + length)
        input, target = lm.columns(ids, batch, start=1)
        assert input.shape == target.shape
        seen = target.T.flatten()
        assert seen[seen >= 0].tolist() == ids.tolist()
        for x, y in zip(input.T.tolist(), target.T.tolist(), strict=True):
            assert x[0] == 1
            assert all(after == before for before, after in zip(y, x[1:], strict=False) if before >= 0)
        pieces = list(lm.chunks(input, target, bptt))
        assert torch.cat([x for x, _ in pieces]).equal(input)
        assert max(len(x) for x, _ in pieces) <= bptt

    def test_errors(self):
        with pytest.raises(ValueError, match="at least batch_size = 4 tokens, got 3"):
            lm.columns(torch.arange(3), 4, 0)
        with pytest.raises(ValueError, match="bptt must be at least 1"):
            list(lm.chunks(torch.zeros(1, 1), torch.zeros(1, 1), 0))


class TestTraining:
    def test_learns_what_is_certain(self, trained, vocabulary):
        model, steps = trained
        assert steps[-1].loss < 0.1 < steps[0].loss
        assert lm.perplexity(model, vocabulary.encode([CYCLE] * 3), start=1) < 1.1

    def test_reports_where_it_stands(self, trained):
        _, steps = trained
        assert [step.number for step in steps] == list(range(1, len(steps) + 1))
        assert steps[-1].epoch == 29
        assert steps[-1].tokens == 30 * 40 * 6
        assert all(step.grad_norm > 0 for step in steps)

    def test_stops_after_its_time(self, vocabulary):
        model = lm.RecurrentLM(len(vocabulary), hidden_size=4)
        text = lm.columns(vocabulary.encode([CYCLE] * 40), batch_size=4, start=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        assert len(list(lm.train(model, *text, optimizer, seconds=0.0))) == 1

    def test_clipping_bounds_the_step(self, vocabulary):
        model = lm.RecurrentLM(len(vocabulary), hidden_size=8)
        before = [p.detach().clone() for p in model.parameters()]
        text = lm.columns(vocabulary.encode([CYCLE] * 4), batch_size=2, start=1)
        next(lm.train(model, *text, torch.optim.SGD(model.parameters(), lr=1.0), clip=1e-3))
        moved = torch.cat([(p - q).flatten() for p, q in zip(model.parameters(), before, strict=True)]).norm()
        assert moved <= 1.001e-3

    def test_a_loss_that_is_not_finite_stops_it(self, vocabulary):
        model = lm.RecurrentLM(len(vocabulary), hidden_size=8)
        with torch.no_grad():
            model.decoder.bias[2] = torch.nan
        text = lm.columns(vocabulary.encode([CYCLE]), batch_size=1, start=1)
        with pytest.raises(FloatingPointError, match="the loss is nan at step 1"):
            list(lm.train(model, *text, torch.optim.SGD(model.parameters(), lr=1.0), epochs=1))

    def test_equals_the_same_model_of_torch(self, vocabulary):
        losses = []
        for recurrent in (fastlm.RNN, nn.RNN):
            torch.manual_seed(3)
            model = lm.RecurrentLM(len(vocabulary), hidden_size=12, num_layers=2, recurrent=recurrent)
            text = lm.columns(vocabulary.encode([CYCLE] * 30), batch_size=3, start=1)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
            losses.append([step.loss for step in lm.train(model, *text, optimizer, bptt=7, epochs=2)])
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)


class TestPerplexity:
    def test_of_a_uniform_model(self):
        model = lm.RecurrentLM(50, hidden_size=4)
        nn.init.zeros_(model.decoder.weight)
        assert lm.perplexity(model, torch.randint(50, (77,)), start=1) == pytest.approx(50, rel=1e-5)

    def test_does_not_depend_on_bptt(self, trained, vocabulary):
        model, _ = trained
        ids = vocabulary.encode(["a c b e d"] * 20)
        values = [lm.perplexity(model, ids, start=1, batch_size=2, bptt=bptt) for bptt in (1, 7, 500)]
        assert values == pytest.approx([values[0]] * 3, rel=1e-4)

    def test_equals_its_definition(self, trained, vocabulary):
        model, _ = trained
        ids = vocabulary.encode(["a c b"])
        with torch.no_grad():
            logits, _ = model(torch.cat([torch.tensor([1]), ids[:-1]]).unsqueeze(1))
        log_p = logits[:, 0].log_softmax(-1).gather(1, ids.unsqueeze(1)).sum().item()
        assert lm.perplexity(model, ids, start=1, batch_size=1) == pytest.approx(math.exp(-log_p / len(ids)), rel=1e-5)

    def test_of_nothing(self):
        with pytest.raises(ValueError, match="at least one token"):
            lm.perplexity(lm.RecurrentLM(5), torch.zeros(0, dtype=torch.int64), start=1)
