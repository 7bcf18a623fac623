"""Many questions at once against one at a time, states of decoders, the best next words, samples, pickles."""

import math
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastlm import ngram
from tests.ngram import oracle
from tests.ngram.oracle import BEGIN, END, UNKNOWN

every_smoothing = pytest.mark.parametrize("smoothing", ngram.smoothings())
words = st.lists(st.sampled_from([*oracle.WORDS, "never"]), max_size=9)
sentences = st.lists(words, max_size=6)


def make(smoothing, lines, order):
    return oracle.estimate(ngram.count_sentences(lines, order), smoothing)


def text_model(smoothing="modified-kneser-ney", order=4):
    lines = [" ".join(f"w{(i * k * k + i // 7) % (3 + k * 5)}" for k in range(1, 8)) for i in range(300)]
    return make(smoothing, lines, order), lines


@every_smoothing
@settings(max_examples=40)
@given(
    lines=oracle.sentences,
    order=st.integers(1, 5),
    asked=sentences,
    bos=st.booleans(),
    eos=st.booleans(),
    threads=st.integers(0, 3),
)
def test_many_sentences_are_scored_as_each_by_itself(smoothing, lines, order, asked, bos, eos, threads):
    model = make(smoothing, lines, order)
    one_by_one = [model.scores(sentence, bos=bos, eos=eos) for sentence in asked]
    want = [sum(score.log10 for score in scores) for scores in one_by_one]
    texts = [" ".join(sentence) for sentence in asked]
    bounds = {"bos": bos, "eos": eos}
    assert [model.score(text, **bounds) for text in texts] == want
    assert [model.score(sentence, **bounds) for sentence in asked] == want
    for given_as in (texts, asked, np.array([*texts, None], object)[:-1]):
        assert model.score_batch(given_as, threads=threads, **bounds).tolist() == want
        tokens = model.token_scores_batch(given_as, threads=threads, **bounds)
        flat = [score for scores in one_by_one for score in scores]
        assert tokens.log10.tolist() == [score.log10 for score in flat]
        assert tokens.order.tolist() == [score.order for score in flat]
        assert tokens.unknown.tolist() == [score.unknown for score in flat]
        assert tokens.offsets.tolist() == np.cumsum([0, *map(len, one_by_one)]).tolist()
    place = {word: i for i, word in enumerate(model.table.vocabulary)}
    ids = [[place.get(word, 0) for word in sentence] for sentence in asked]
    arrays = [np.array(sentence, np.uint32) for sentence in ids]
    flat_ids = (np.concatenate([np.array([], np.int32), *arrays]), np.cumsum([0, *map(len, ids)]))
    assert model.score_ids(flat_ids, threads=threads, **bounds).tolist() == want
    assert model.token_scores_ids(flat_ids, **bounds).log10.tolist() == tokens.log10.tolist()
    if asked:
        assert model.score_ids(arrays, **bounds).tolist() == want
        assert model.score_ids(arrays[0], **bounds).tolist() == want[:1]


@every_smoothing
@settings(max_examples=40)
@given(lines=oracle.sentences, order=st.integers(1, 4), asked=words.filter(bool), begins=st.booleans())
def test_states_go_on_as_sentences_do(smoothing, lines, order, asked, begins):
    model = make(smoothing, lines, order)
    want = model.scores(asked, bos=begins)
    state = model.begin_state() if begins else model.null_state()
    for score in want:
        log10, after = model.advance(state, score.word)
        assert (log10, after) == model.advance(state, score.word)
        batch, states = model.advance_batch([state, model.null_state()], [score.word, "a"])
        assert (batch[0], states[0]) == (np.float32(log10), after)
        assert hash(states[0]) == hash(after)
        state = after
        assert log10 == score.log10


@every_smoothing
@settings(max_examples=40)
@given(lines=oracle.sentences, order=st.integers(1, 4), contexts=st.lists(words, min_size=2, max_size=6))
def test_equal_states_have_the_same_future(smoothing, lines, order, contexts):
    model = make(smoothing, lines, order)
    futures = {}
    for context in contexts:
        state = model.null_state()
        for word in context:
            _, state = model.advance(state, word)
        future = model.distribution(context)
        again = [model.advance(state, i)[0] for i in range(len(future))]
        assert [10**x for x in again[2:]] == pytest.approx(future[2:].tolist(), rel=1e-5, abs=1e-9)
        assert futures.setdefault(state, again) == again


def test_states_that_differ_in_nothing_that_matters_are_equal():
    model = make("modified-kneser-ney", ["a b c d", "b c e", "c d", "x"], 4)

    def after(*context):
        state = model.null_state()
        for word in context:
            _, state = model.advance(state, word)
        return state

    assert after("never", "c") == after("x", "c") == after("c")
    assert after("b", "c") != after("c")
    assert after("x", "x", "b", "c") == after("b", "c")
    assert len({after("b", "c"), after("x", "b", "c"), after("c")}) == 2
    assert after() == model.null_state() != model.begin_state()
    assert after() != "b"


def test_a_state_of_another_model_is_refused():
    one, other = (make("backoff", ["a b"], 2) for _ in range(2))
    with pytest.raises(ValueError, match="expected a state of this model"):
        one.advance(other.begin_state(), "a")
    with pytest.raises(ValueError, match="expected a state of this model"):
        one.advance_batch([other.begin_state()], ["a"])
    with pytest.raises(ValueError, match="expected a word for each of 2 states, got 1"):
        one.advance_batch([one.null_state()] * 2, ["a"])
    with pytest.raises(IndexError, match="expected ids of words below 5, got 5"):
        one.advance(one.null_state(), 5)
    with pytest.raises(IndexError, match="expected ids of words below 5, got -1"):
        one.advance_batch([one.null_state()], [-1])


@every_smoothing
@settings(max_examples=40)
@given(lines=oracle.sentences, order=st.integers(1, 4), contexts=st.lists(words, max_size=4), k=st.integers(1, 12))
def test_next_is_the_head_of_the_sorted_distribution(smoothing, lines, order, contexts, k):
    model = make(smoothing, lines, order)
    vocabulary = model.table.vocabulary
    found = model.next_batch(contexts, k, threads=2)
    assert found == [model.next(context, k) for context in contexts]
    for context, best in zip(contexts, found, strict=True):
        p = model.distribution(context)
        by_p = [i for i in np.argsort(-p, kind="stable") if p[i] > 0][:k]
        assert best == [(vocabulary[i], float(p[i])) for i in by_p]


@settings(max_examples=40)
@given(lines=oracle.sentences, order=st.integers(1, 4), row=st.lists(st.integers(0, 4), min_size=1, max_size=7))
def test_ngrams_are_scored_after_their_own_words(lines, order, row):
    model = make("witten-bell", lines, order)
    row = [i % len(model.table.vocabulary) for i in row]
    log10 = model.score_ngrams([row, row[::-1]], threads=2)
    for ids, found in zip([row, row[::-1]], log10, strict=True):
        state = model.null_state()
        for i in ids:
            want, state = model.advance(state, i)
        assert found == np.float32(want)


@every_smoothing
def test_long_texts_and_threads(smoothing):
    model, lines = text_model(smoothing)
    texts = lines * 3 + [" ".join(lines)]
    want = [model.score(text) for text in texts]
    for threads in (0, 1, 2, 5):
        assert model.score_batch(texts, threads=threads).tolist() == want
        evaluation = model.perplexity_of(texts, threads=threads)
        assert evaluation.log10 == pytest.approx(sum(want), rel=1e-9) or not math.isfinite(evaluation.log10)
        assert evaluation == model.perplexity_of(texts, threads=1)
    with ThreadPoolExecutor(4) as pool:
        many = list(pool.map(lambda _: model.score_batch(texts).tolist(), range(8)))
    assert many == [want] * 8


@pytest.mark.parametrize("smoothing", ["modified-kneser-ney", "witten-bell", "backoff"])
def test_generated_words_follow_the_distribution(smoothing):
    model, _ = text_model(smoothing)
    for context in ("w1 w2", "w0", "never"):
        p = dict(zip(model.table.vocabulary, model.distribution(f"{BEGIN} {context}").tolist(), strict=True))
        del p[UNKNOWN], p[BEGIN]
        total, draws = sum(p.values()), 4000
        drawn = [
            text.split()[len(context.split()) :] or [END]
            for text in model.generate_batch(draws, context, max_words=1, seed=5)
        ]
        for word, x in p.items():
            share = x / total
            seen = sum(found == [word] for found in drawn)
            assert abs(seen - draws * share) < 5 * math.sqrt(draws * share * (1 - share)) + 1e-9


def test_generated_sentences_depend_on_the_seed_alone():
    model, _ = text_model()
    many = model.generate_batch(20, "w1", seed=3, threads=1)
    assert many == model.generate_batch(20, "w1", seed=3, threads=3)
    assert many[0] == model.generate("w1", seed=3)
    assert len(set(many)) > 10
    assert model.generate_batch(0) == []
    with pytest.raises(ValueError, match="number must be at least 0, got -1"):
        model.generate_batch(-1)


def test_unknown_words_alone_are_never_drawn():
    model = ngram.count_sentences(["<unk> <unk> <unk> a"], 2).estimate("witten-bell")
    assert not any(UNKNOWN in text for text in model.generate_batch(200, seed=1))


@pytest.mark.parametrize("from_file", [True, False])
def test_pickles(tmp_path, from_file):
    model, lines = text_model()
    table = ngram.count_sentences(lines, 2)
    if from_file:
        model.save(tmp_path / "model")
        table.save(tmp_path / "table")
        model, table = ngram.load(tmp_path / "model"), ngram.load(tmp_path / "table")
    content = pickle.dumps([model, table, model.table])
    assert (len(content) < 100_000) or not from_file
    again, again_table, of_model = pickle.loads(content)
    assert again.score(lines[0]) == model.score(lines[0])
    assert again_table.most_common(5) == table.most_common(5)
    assert of_model.counts == model.table.counts
    assert pickle.loads(pickle.dumps(again)).smoothing == model.smoothing


MODEL = ngram.count_sentences(["a b"], 2).estimate("backoff")


@pytest.mark.parametrize(
    ("ask", "kind", "message"),
    [
        (lambda: MODEL.score_batch("a b"), TypeError, "expected several sentences, got one str"),
        (lambda: MODEL.score_batch(["a", 3]), TypeError, "expected a text or a sequence of words, got 3"),
        (lambda: MODEL.score_batch([b"a"]), TypeError, "expected a text or a sequence of words, got b'a'"),
        (lambda: MODEL.score_batch([["a", 3]]), TypeError, "got one that holds 3"),
        (lambda: MODEL.score_batch([["a b"]]), ValueError, "expected words without white space, got 'a b'"),
        (lambda: MODEL.score_batch([[""]]), ValueError, "expected words without white space, got ''"),
        (lambda: MODEL.score_batch(["\ud800"]), ValueError, "can be written as UTF-8"),
        (lambda: MODEL.score_batch(["a", "a </s>"]), ValueError, "'</s>' is reserved .* leave it out of sentence 2"),
        (lambda: MODEL.score_batch(["a"], threads=-1), ValueError, "threads must be between 0 and 1024, got -1"),
        (lambda: MODEL.score_ids([3, 5]), IndexError, "expected ids of words below 5, got 5"),
        (lambda: MODEL.score_ids([-1]), IndexError, "got -1"),
        (lambda: MODEL.score_ids([1]), ValueError, "'<s>' is reserved"),
        (lambda: MODEL.score_ids([0.5]), TypeError, "expected ids as whole numbers, got float64"),
        (lambda: MODEL.score_ids([[[3]]]), ValueError, r"got the shape \[1, 1\]"),
        (lambda: MODEL.score_ids((np.array([3, 3]), np.array([0, 3]))), ValueError, "expected offsets that ascend"),
        (lambda: MODEL.score_ids((np.array([3, 3]), np.array([2, 0]))), ValueError, "expected offsets that ascend"),
        (lambda: MODEL.score_ids((np.array([3]), np.array([], int))), ValueError, "at least one offset"),
        (lambda: MODEL.score_ngrams([3]), ValueError, r"expected ids of the shape \[n, words\], got \[1\]"),
        (lambda: MODEL.score_ngrams(np.zeros((2, 0), int)), ValueError, r"got \[2, 0\]"),
        (lambda: MODEL.score_ngrams([[9]]), IndexError, "got 9"),
    ],
)
def test_refused(ask, kind, message):
    with pytest.raises(kind, match=message):
        ask()


def test_nothing_is_answered_with_nothing():
    assert MODEL.score_batch([]).tolist() == []
    assert MODEL.score_ids([], bos=False, eos=False).tolist() == [0.0]
    assert MODEL.score_ngrams(np.zeros((0, 2), int)).tolist() == []
    assert MODEL.token_scores_batch([]).offsets.tolist() == [0]
    assert MODEL.score_batch([""], eos=False).tolist() == [0.0]
    assert MODEL.next_batch([]) == []
