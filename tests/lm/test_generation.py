"""Sampling and beam search, beside plain loops and on chains of words whose probabilities are known."""

import itertools
import json
import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from typer.testing import CliRunner

import fastlm
from fastlm import lm
from fastlm.cli.app import app

VOCABULARY = lm.Vocabulary("abcdef")


class Chain(nn.Module):
    """A language model in which a word depends on the one before alone: logits are rows of a table."""

    def __init__(self, table):
        super().__init__()
        self.table = nn.Parameter(torch.as_tensor(table, dtype=torch.float32))

    def forward(self, input, state=None):
        return self.table[input], state


@pytest.fixture(scope="module")
def lstm():
    torch.manual_seed(2)
    model = lm.RecurrentLM(len(VOCABULARY), 12, 2, recurrent=fastlm.LSTM)
    for parameter in model.parameters():  # so that the words before matter much
        nn.init.normal_(parameter)
    return model


def random_chain(seed, words=8):
    return Chain(2 * torch.randn(words, words, generator=torch.Generator().manual_seed(seed)))


def allowed(logits, temperature, top_k, top_p):
    """What may be drawn: a plain loop over the words, the likeliest first."""
    scaled = [-math.inf if i == 0 else value / temperature for i, value in enumerate(logits)]
    order = sorted(range(len(scaled)), key=lambda i: -scaled[i])
    order = [i for i in order[: top_k or None] if scaled[i] > -math.inf]
    total = sum(math.exp(scaled[i]) for i in order)
    chosen, mass = set(), 0.0
    for i in order:
        chosen.add(VOCABULARY[i])
        mass += math.exp(scaled[i]) / total
        if mass >= top_p:
            break
    return chosen


class TestSampling:
    def test_follows_what_is_certain_to_its_end(self):
        table = torch.zeros(8, 8)
        for word, then in itertools.pairwise([1, 2, 3, 4, 5, 1]):
            table[word, then] = 50.0
        for prompt in ((), "a b", ["a", "b"]):
            assert lm.generate(Chain(table), VOCABULARY, prompt) == ["a", "b", "c", "d"]
        endless = lm.generate(Chain(table), VOCABULARY, until_end=False, max_words=7)
        assert endless == ["a", "b", "c", "d", "</s>", "a", "b"]
        assert lm.decoding.text_of(VOCABULARY, endless) == "a b c d\na b"

    def test_characters(self):
        table, vocabulary = torch.zeros(8, 8), lm.Vocabulary(" abcde", unit="characters")
        for word, then in itertools.pairwise(vocabulary.ids_of("ab de")):
            table[word, then] = 50.0
        drawn = lm.generate(Chain(table), vocabulary, "ab")
        assert drawn == list("ab de")
        assert lm.decoding.text_of(vocabulary, drawn) == "ab de"

    def test_the_likeliest_words_are_those_of_the_whole_text_read_at_once(self, lstm):
        words = lm.generate(lstm, VOCABULARY, "a c", temperature=0, until_end=False, max_words=30)
        ids = torch.tensor([[1, *map(VOCABULARY.id_of, words)]]).T
        logits, _ = lstm(ids)
        logits[:, :, 0] = -torch.inf
        assert logits.argmax(-1)[2:-1, 0].tolist() == ids[3:, 0].tolist()

    @pytest.mark.parametrize("temperature", [0.7, 1.5])
    def test_frequencies_are_the_probabilities(self, temperature):
        chain, number = random_chain(1), 4000
        drawn = lm.generate_batch(
            chain, VOCABULARY, ["a"] * number, max_words=1, temperature=temperature, seed=0, batch_size=1000
        )
        counts = Counter(words[1] if len(words) > 1 else "</s>" for words in drawn)
        logits = chain.table[2].clone()
        logits[0] = -torch.inf
        for i, p in enumerate((logits / temperature).softmax(0).tolist()):
            assert counts[VOCABULARY[i]] == pytest.approx(number * p, abs=4.5 * math.sqrt(number * p) + 1e-9)

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 99), st.sampled_from([0.5, 1.0]), st.integers(0, 9), st.floats(0.05, 1.0))
    def test_top_k_and_top_p_leave_the_likeliest(self, seed, temperature, top_k, top_p):
        chain = random_chain(seed)
        options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        texts = lm.generate_batch(
            chain, VOCABULARY, ["b"] * 100, max_words=1, until_end=False, seed=seed, batch_size=100, **options
        )
        may = allowed(chain.table[3].tolist(), **options)
        seen = {text[1] for text in texts}
        assert seen <= may
        assert len(may) > 1 or seen == may

    def test_top_p_beyond_the_words_that_are_sorted_first(self):
        vocabulary = lm.Vocabulary(f"w{i}" for i in range(1000))
        flat = Chain(torch.zeros(len(vocabulary), len(vocabulary)))
        texts = lm.generate_batch(
            flat, vocabulary, [""] * 400, max_words=1, top_p=0.99, until_end=False, seed=1, batch_size=400
        )
        assert len({text[0] for text in texts}) > 256


class TestBatches:
    @settings(max_examples=10, deadline=None)
    @given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=5), min_size=1, max_size=7), st.integers(1, 8))
    def test_each_sentence_is_that_which_is_made_alone(self, lstm, prompts, batch_size):
        together = lm.generate_batch(lstm, VOCABULARY, prompts, seed=5, max_words=9, batch_size=batch_size)
        alone = [lm.generate(lstm, VOCABULARY, prompt, seed=5 + i, max_words=9) for i, prompt in enumerate(prompts)]
        assert together == alone

    def test_states_go_with_their_rows(self, lstm):
        prompts = [["a"], ["b", "c", "d"], ["e"]]
        _, state = lstm(torch.tensor([[2, 3, 4]]))
        begun = lm.generate_batch(lstm, VOCABULARY, prompts, seed=1, batch_size=2, state=state)
        for i, prompt in enumerate(prompts):
            row = lm.decoding.rows_of(state, torch.tensor([i]))
            assert begun[i] == lm.generate_batch(lstm, VOCABULARY, [prompt], seed=1 + i, state=row)[0]

    def test_nothing_to_do(self, lstm):
        assert lm.generate_batch(lstm, VOCABULARY, []) == []
        assert lm.generate_batch(lstm, VOCABULARY, ["a", "b c"], max_words=0) == [["a"], ["b", "c"]]

    def test_a_long_prompt_and_an_unknown_word(self, lstm):
        prompt = ["a", "unheard-of"] * 200
        words = lm.generate(lstm, VOCABULARY, prompt, seed=1, max_words=20, until_end=False)
        assert len(words) == 420
        assert words[:400] == prompt
        assert lm.UNKNOWN not in words

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"temperature": -1.0}, "expected temperature >= 0, got -1.0"),
            ({"temperature": math.nan}, "expected temperature >= 0, got nan"),
            ({"max_words": -1}, "max_words >= 0"),
            ({"top_k": -1}, "top_k >= 0"),
            ({"top_p": 0.0}, "0 < top_p <= 1"),
        ],
    )
    def test_errors(self, options, message):
        with pytest.raises(ValueError, match=message):
            lm.generate(random_chain(0), VOCABULARY, **options)

    def test_a_model_without_numbers(self):
        for draw in (lm.generate, lm.beam_search):
            with pytest.raises(FloatingPointError, match="has diverged"):
                draw(Chain(torch.full((8, 8), torch.nan)), VOCABULARY)

    def test_a_vocabulary_without_words(self):
        with pytest.raises(ValueError, match="a word besides <unk> and </s>"):
            lm.generate(random_chain(0, 2), lm.Vocabulary([]))


def all_sentences(chain, words, max_words):
    """Each sentence of at most max_words tokens with its log P: (tokens, log P, ended)."""
    log_p = chain.table.double().log_softmax(-1).tolist()
    for length in range(max_words + 1):
        for ids in itertools.product(range(2, words), repeat=length):
            total = sum(log_p[a][b] for a, b in itertools.pairwise([1, *ids]))
            if length < max_words:
                yield ids, total + log_p[[1, *ids][-1]][1], True
            else:
                yield ids, total, False


class TestBeamSearch:
    @pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0, 2.0])
    @pytest.mark.parametrize("seed", range(3))
    def test_finds_the_best_of_all_sentences(self, seed, length_penalty):
        vocabulary, chain = lm.Vocabulary(["a", "b"]), random_chain(seed, 4)
        every = sorted(
            (
                (total / (len(ids) + ended) ** length_penalty, [vocabulary[i] for i in ids])
                for ids, total, ended in all_sentences(chain, 4, 4)
            ),
            reverse=True,
        )
        found = lm.beam_search(chain, vocabulary, beams=40, n_best=6, max_words=4, length_penalty=length_penalty)
        assert [hypothesis.tokens for hypothesis in found] == [words for _, words in every[:6]]
        assert [hypothesis.score for hypothesis in found] == pytest.approx([score for score, _ in every[:6]])

    def test_one_beam_without_an_end_is_greedy(self, lstm):
        with torch.no_grad():
            lstm.decoder.bias[1] -= 100  # no end
        (found,) = lm.beam_search(lstm, VOCABULARY, "a b", beams=1, max_words=20)
        assert found.tokens == lm.generate(lstm, VOCABULARY, "a b", temperature=0, max_words=20)
        assert not found.ended
        with torch.no_grad():
            lstm.decoder.bias[1] += 100

    def test_log_probability_is_that_of_the_text(self, lstm):
        for found in lm.beam_search(lstm, VOCABULARY, "c", beams=4, n_best=4, max_words=6):
            ids = torch.tensor([1, *map(VOCABULARY.id_of, found.tokens), *[1] * found.ended]).unsqueeze(1)
            scores = lstm(ids[:-1])[0].log_softmax(-1).gather(-1, ids[1:].unsqueeze(-1)).flatten()
            assert found.log_probability == pytest.approx(scores[1:].sum().item(), abs=1e-4)

    @pytest.mark.parametrize("options", [{"n_best": 6}, {"n_best": 0}, {"max_words": 0}, {"length_penalty": -1}])
    def test_errors(self, options):
        with pytest.raises(ValueError, match="expected"):
            lm.beam_search(random_chain(0), VOCABULARY, **options)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "model"
    model = lm.RecurrentLM(len(VOCABULARY), 8, cell="gru", init="uniform", init_scale=1.0)
    lm.save(model, VOCABULARY, path, {"lower": True})
    return path


class TestCommand:
    def run(self, *arguments, **options):
        return CliRunner().invoke(app, ["lm", "generate", *map(str, arguments)], **options)

    def test_says_what_python_says(self, saved):
        model = lm.load(saved).model
        options = ["--seed", 3, "--temperature", 0.8, "--top-k", 4, "--top-p", 0.9, "--max-words", 12]
        shown = self.run(saved, "-", "-n", 2, *options, "--batch-size", 3, "--json", input="A b\nc\n")
        assert shown.exit_code == 0
        lines = [json.loads(line) for line in shown.stdout.splitlines()]
        for i, (line, prompt) in enumerate(zip(lines, ["a b", "a b", "c", "c"], strict=True)):
            words = lm.generate(
                model, VOCABULARY, prompt, seed=3 + i, temperature=0.8, top_k=4, top_p=0.9, max_words=12
            )
            assert line == {"prompt": prompt, "text": " ".join(words)}

    def test_beams(self, saved):
        shown = self.run(saved, "a", "--beams", 4, "-n", 3, "--max-words", 5)
        expected = lm.beam_search(lm.load(saved).model, VOCABULARY, "a", beams=4, n_best=3, max_words=5)
        assert shown.stdout.splitlines() == [" ".join(found.tokens) for found in expected]

    def test_what_is_unknown_is_said(self, saved):
        shown = self.run(saved, "a", "zebra", "--text", "--max-words", 40, "--seed", 1)
        assert shown.exit_code == 0
        assert shown.stderr == "fastlm: not in the vocabulary, taken as <unk>: zebra\n"
        assert shown.stdout.startswith("a zebra ")
        assert len(shown.stdout.split()) + shown.stdout.count("\n") - 1 == 42

    @pytest.mark.parametrize(
        ("arguments", "status", "message"),
        [(["--top-p", 0], 1, "0 < top_p <= 1"), (["--beams", 2, "-n", 3], 2, "--number 3 needs --beams 3 or more")],
    )
    def test_errors(self, saved, tmp_path, arguments, status, message):
        shown = self.run(saved, *arguments)
        assert (shown.exit_code, message in shown.stderr) == (status, True)
        (tmp_path / "text").write_text("no model")
        assert self.run(tmp_path / "text").stderr.count("\n") == 1
