"""Operations on tables of counts: against counting the texts together, and a filter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastlm import ngram
from tests.ngram import oracle

orders = st.integers(1, 4)
threads = st.sampled_from([1, 3])


def saved(table, folder):
    table.save(folder / "table")
    return (folder / "table").read_bytes()


@given(oracle.sentences, oracle.sentences, orders, threads)
def test_merged_counts_are_those_of_both_texts(tmp_path_factory, a, b, order, threads):
    merged = ngram.count_sentences(a, order).merge(ngram.count_sentences(b, order), threads=threads)
    whole = ngram.count_sentences(a + b, order)
    assert dict(merged.items()) == dict(whole.items())
    alike = ngram.count_sentences(a + b, order, vocabulary=merged.vocabulary)
    folder = tmp_path_factory.mktemp("tables")
    assert saved(merged, folder) == saved(alike, folder)
    frequencies = [merged[word] for word in merged.vocabulary[3:]]
    if ngram.count_sentences(a, order).vocabulary != ngram.count_sentences(b, order).vocabulary:
        assert frequencies == sorted(frequencies, reverse=True)


@given(oracle.sentences, oracle.sentences, oracle.sentences, orders)
def test_merging_is_associative(a, b, c, order):
    a, b, c = (ngram.count_sentences(lines, order) for lines in (a, b, c))
    want = dict(ngram.merge([a, b, c]).items())
    assert dict(((a + b) + c).items()) == dict((a + (b + c)).items()) == want


@given(oracle.sentences, oracle.sentences, orders, threads)
def test_subtracting_undoes_merging(a, b, order, threads):
    a, b = ngram.count_sentences(a, order), ngram.count_sentences(b, order)
    left = (a + b).subtract(b, threads=threads)
    assert dict(left.items()) == dict(a.items())
    assert (left.tokens, left.sentences) == (a.tokens, a.sentences)


@given(oracle.sentences, st.lists(st.integers(0, 3), min_size=1, max_size=3).map(sorted), threads)
def test_pruning_is_a_filter(lines, thresholds, threads):
    thresholds = [0, *thresholds]
    table = ngram.count_sentences(lines, 4)
    least = thresholds + [thresholds[-1]] * 4
    want = {key: n for key, n in table.items() if n > least[len(key.split()) - 1]}
    pruned = table.prune(thresholds, threads=threads)
    assert dict(pruned.items()) == want
    assert pruned.vocabulary == table.vocabulary


@given(oracle.sentences, orders, st.sampled_from(["a", "the b", "<s>", "zebra", "<s> a b"]))
def test_items_that_begin_with_a_prefix(lines, order, prefix):
    table, begun = ngram.count_sentences(lines, order), prefix.split()
    want = {key: n for key, n in table.items() if key.split()[: len(begun)] == begun}
    assert dict(table.items(prefix=prefix)) == want


def test_of_other_orders_and_files(tmp_path):
    a, b = ngram.count_sentences(["a b c"], 3), ngram.count_sentences(["b c"], 2)
    b.save(tmp_path / "b")
    assert dict(ngram.merge([a, tmp_path / "b"]).items()) == dict(ngram.count_sentences(["a b c", "b c"], 2).items())
    b.estimate("backoff").save(tmp_path / "model")
    with pytest.raises(ValueError, match="got a model"):
        ngram.merge([tmp_path / "model"])
    with pytest.raises(ValueError, match="at least one"):
        ngram.merge([])


def test_what_cannot_be_subtracted():
    a = ngram.count_sentences(["a b", "a c"], 2)
    with pytest.raises(ValueError, match="'a b' would fall below 0: 1 - 2"):
        a - ngram.count_sentences(["a b a b"], 2)
    with pytest.raises(ValueError, match="'z' would fall below 0"):
        a - ngram.count_sentences(["z"], 2)
    with pytest.raises(ValueError, match="nothing is left"):
        a - a
    with pytest.raises(ValueError, match="order 2 or more"):
        a - ngram.count_sentences(["a"], 1)


@pytest.mark.parametrize("thresholds", [[], [1], [0, 2, 1], [0, 0, 0]])
def test_thresholds_that_are_none(thresholds):
    with pytest.raises(ValueError, match="thresholds"):
        ngram.count_sentences(["a b"], 2).prune(thresholds)
