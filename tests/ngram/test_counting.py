"""Counts against collections.Counter, the choice of the vocabulary, and what is refused."""

import gzip
import io
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastlm import ngram
from tests.ngram import oracle


class Trickle(io.BytesIO):
    """A pipe that gives a few bytes at a time."""

    def read1(self, size=-1):
        return self.read(3)


@given(oracle.sentences, st.integers(1, 6), st.sampled_from([1, 3]))
def test_counts_are_those_of_a_counter(lines, order, threads):
    table = ngram.count_sentences(lines, order, threads=threads)
    want = oracle.count(lines, order)
    assert {tuple(key.split()): n for key, n in table.items()} == want
    assert table.counts == [sum(len(key) == n for key in want) for n in range(1, order + 1)]
    assert len(table) == len(want)
    assert table.sentences == len(lines)
    assert table.tokens == sum(len(line.split()) + 1 for line in lines)
    for key, n in want.items():
        assert table[key] == table[" ".join(key)] == n
        assert key in table


@given(oracle.sentences, st.integers(1, 4))
def test_a_file_in_pieces_counts_as_its_sentences(lines, order):
    text = "\n".join(lines).encode()
    in_pieces = dict(ngram.count(Trickle(text + b"\n"), order).items())
    assert in_pieces == dict(ngram.count_sentences(lines, order).items())


@given(oracle.sentences, st.integers(2, 4))
def test_continuations_and_most_common(lines, order):
    table = ngram.count_sentences(lines, order)
    want = oracle.Oracle(lines, order)
    for context in [(), *(key for key in want.counts if len(key) < order)]:
        found = table.continuations(context)
        assert dict(found) == want.followers(context)
        assert [n for _, n in found] == sorted((n for _, n in found), reverse=True)
    for n in range(1, order + 1):
        of_order = sorted((c for key, c in want.counts.items() if len(key) == n), reverse=True)
        best = table.most_common(5, n)
        assert [c for _, c in best] == of_order[:5]
        assert all(want.counts[tuple(key.split())] == c for key, c in best)


def test_most_common_of_more_than_one_piece(monkeypatch):
    monkeypatch.setattr("fastlm.ngram.table.AT_ONCE", 7)
    lines = [f"w{i % 50} w{i * i % 31}" for i in range(400)]
    table, want = ngram.count_sentences(lines, 2), oracle.count(lines, 2)
    bigrams = Counter({" ".join(key): n for key, n in want.items() if len(key) == 2})
    for k in (0, 1, 5, 20, 10**6):
        assert [n for _, n in table.most_common(k)] == [n for _, n in bigrams.most_common(k)]
    assert dict(table.items(2)) == bigrams
    assert dict(table.most_common(10**6)) == bigrams


class TestVocabulary:
    TEXT = ("a a a b b c", "a b d")

    def test_by_falling_frequency_then_by_first_appearance(self):
        assert ngram.count_sentences(self.TEXT, 1).vocabulary == ["<unk>", "<s>", "</s>", "a", "b", "c", "d"]

    def test_of_the_most_frequent_words(self):
        table = ngram.count_sentences(self.TEXT, 2, max_vocabulary=2)
        assert table.vocabulary[3:] == ["a", "b"]
        assert table["<unk>"] == 2
        assert table["b <unk>"] == 2

    def test_of_words_that_are_not_rare(self):
        assert ngram.count_sentences(self.TEXT, 1, min_count=3).vocabulary[3:] == ["a", "b"]

    def test_given(self):
        table = ngram.count_sentences(self.TEXT, 1, vocabulary=["z", "b"])
        assert table.vocabulary[3:] == ["z", "b"]
        assert dict(table.items()) == {"<unk>": 6, "<s>": 2, "</s>": 2, "b": 3}
        assert ngram.count_sentences(["b"], 1, vocabulary=table.vocabulary).vocabulary == table.vocabulary

    def test_a_word_outside_of_it_has_no_count(self):
        table = ngram.count_sentences(self.TEXT, 2, max_vocabulary=1)
        assert table["<unk>"] == 5
        assert table["c"] == table["a c"] == 0
        assert "c" not in table
        assert table.continuations("c") == []


def test_words_stand_between_ascii_white_space():
    table = ngram.count(io.BytesIO("a\u00a0b c\td\r\n\u2028\x0b e\x0cf".encode()), 1)
    assert set(table.vocabulary[3:]) == {"a\u00a0b", "c", "d", "\u2028", "e", "f"}
    assert table.sentences == 2


def test_a_line_end_inside_of_a_sentence_is_white_space():
    table = ngram.count_sentences(["a\nb\r\n"], 2)
    assert (table["a b"], table.sentences) == (1, 1)


def test_an_empty_line_is_a_sentence():
    table = ngram.count(io.BytesIO(b"a\n\nb"), 2)
    assert (table["<s> </s>"], table.sentences, table.tokens) == (1, 3, 5)


def test_many_sentences_and_progress():
    seen = []
    table = ngram.count_sentences((f"w{i % 7} x" for i in range(10_000)), 2, progress=seen.append)
    assert table.tokens == 30_000
    assert len(seen) > 1
    assert seen == sorted(seen)
    assert seen[-1] == 30_000


class Stages(list):
    """Progress that sees the stages."""

    def __call__(self, tokens):
        assert tokens >= 0

    def stage(self, name, done):
        self.append((name, done))


@pytest.mark.parametrize("options", [{}, {"memory": "9M"}, {"smoothing": None}, {"resume": True}, {"counts": True}])
def test_stages(options, tmp_path, monkeypatch):
    monkeypatch.setattr("fastlm.ngram.text._BLOCK", 1000)
    texts = [tmp_path / "a", tmp_path / "b.gz"]
    text = "".join(f"w{i * i % 101} x{i * i * i % 1009}\n" for i in range(3000)).encode()
    texts[0].write_bytes(text)
    texts[1].write_bytes(gzip.compress(text))
    if "counts" in options:
        options = {"counts": tmp_path / "counts"}
    stages = Stages()
    ngram.build(texts, tmp_path / "model", 3, discount_fallback=True, progress=stages, **options)
    names = list(dict.fromkeys(name for name, _ in stages))
    last = [] if options.get("smoothing", "") is None else ["estimating"]
    assert (
        names == ["reading", "counting", *(["writing"] if "counts" in options else []), *last, "writing"][: len(names)]
    )
    for name in names:
        shares = [done for at, done in stages if at == name]
        assert len(set(shares)) > (name != "writing")
        assert shares == sorted(shares)
        assert 0 <= shares[0] <= shares[-1] <= 1
    assert ("reading", 1.0) in stages


def test_stages_of_a_text_of_unknown_size(tmp_path):
    stages = Stages()
    ngram.build(Trickle(b"a b\nb a\n" * 9), tmp_path / "model", 2, smoothing="witten-bell", progress=stages)
    assert {done for name, done in stages if name == "reading"} == {None}


def test_what_a_stage_raises_ends_the_work(tmp_path):
    class Enough(Stages):
        def stage(self, name, done):
            if name == "counting":
                raise InterruptedError("enough")

    with pytest.raises(InterruptedError, match="enough"):
        ngram.build(Trickle(b"a b\nb a\n" * 9), tmp_path / "model", 2, smoothing="witten-bell", progress=Enough())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("order", [1, 32])
def test_the_least_and_the_greatest_order(order):
    line = " ".join(f"w{i}" for i in range(40))
    table = ngram.count_sentences([line], order)
    assert table.counts == [42 - n for n in range(order)]
    assert table[" ".join(f"w{i}" for i in range(order))] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"order": 0}, "order must be between 1 and 32, got 0"),
        ({"order": 33}, "order must be between 1 and 32, got 33"),
        ({"order": -(10**30)}, "order must be between 1 and 32"),
        ({"min_count": 0}, "min_count must be at least 1, got 0"),
        ({"max_vocabulary": -1}, "max_vocabulary must be at least 0, got -1"),
        ({"threads": -2}, "threads must be between 0 and 1024, got -2"),
        ({"errors": "surrogateescape"}, "errors must be 'strict', 'replace' or 'ignore', got 'surrogateescape'"),
        ({"vocabulary": ["a b"]}, "without white space, got 'a b'"),
        ({"vocabulary": [""]}, "without white space, got ''"),
        ({"vocabulary": ["\ud800"]}, "can be written as UTF-8"),
        ({"vocabulary": ["a"], "min_count": 2}, "cannot be used with one that is given"),
        ({"sentences": []}, "the corpus is empty: expected at least one word"),
        ({"sentences": ["", " "]}, "the corpus is empty"),
        ({"sentences": ["a", "b <s> c"]}, r"sentences:2: '<s>' stands in the text; it is reserved"),
        ({"sentences": ["a </s>"]}, r"sentences:1: '</s>' stands in the text"),
        ({"sentences": ["a", "b\0"]}, r"sentences:2: byte 0: this is not a text"),
        ({"sentences": ["a", "b", "\ud800"]}, r"sentences:3: invalid UTF-8: .*errors='replace' or 'ignore'"),
    ],
)
def test_refused_values(arguments, message):
    options = dict(arguments)
    sentences = options.pop("sentences", ["a b"])
    with pytest.raises(ValueError, match=message):
        ngram.count_sentences(sentences, **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"order": 2.5}, "order must be a whole number, got 2.5"),
        ({"order": "3"}, "order must be a whole number, got '3'"),
        ({"sentences": "a b"}, "expected several sentences, got one str"),
        ({"sentences": ["a", b"b"]}, "expected each sentence as a str or a list of tokens, got b'b'"),
        ({"vocabulary": "ab"}, "vocabulary must be a collection of words, got one str"),
        ({"vocabulary": [1]}, "a sequence of words, got one that holds 1"),
    ],
)
def test_refused_types(arguments, message):
    options = dict(arguments)
    sentences = options.pop("sentences", ["a b"])
    with pytest.raises(TypeError, match=message):
        ngram.count_sentences(sentences, **options)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda table: table["a b c"], "holds n-grams of 1 to 2 words, got 3: 'a b c'"),
        (lambda table: table[""], "holds n-grams of 1 to 2 words, got 0"),
        (lambda table: table.continuations("a b"), "fewer words than the order 2, got 2"),
        (lambda table: table.items(3), "order must be between 1 and 2, got 3"),
        (lambda table: table.most_common(order=0), "order must be between 1 and 2, got 0"),
        (lambda table: table.most_common(-1), "k must be at least 0, got -1"),
        (
            lambda table: table.estimate("kneser"),
            "unknown smoothing 'kneser'; expected one of: maximum-likelihood, add-",
        ),
        (lambda table: table.estimate("backoff", delta=1), "'backoff' has no parameter 'delta'; it has: discount"),
        (lambda table: table.estimate("add-delta", delta=0), "delta must be between 1e-09 and 1e.09, got 0"),
        (lambda table: table.estimate("add-delta", delta=float("nan")), "delta must be between .* got nan"),
        (lambda table: table.estimate("backoff", discount=1.5), "discount must be between 0 and 1, got 1.5"),
    ],
)
def test_refused_questions(ask, message):
    with pytest.raises(ValueError, match=message):
        ask(ngram.count_sentences(["a b"], 2))
