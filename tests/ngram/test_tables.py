"""Operations on tables of counts: against counting the texts together, and a filter."""

import io
import sys

import pytest
from hypothesis import given, settings
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


def written(table, folder, **options):
    table.save_tsv(folder / "counts.tsv", **options)
    return (folder / "counts.tsv").read_text()


@settings(max_examples=30)
@given(oracle.sentences, orders)
def test_lines_are_the_counts_and_make_the_same_table(tmp_path_factory, lines, order):
    folder = tmp_path_factory.mktemp("lines")
    order = min(order, 2 + max(len(line.split()) for line in lines))  # lines tell no order that nothing has
    table = ngram.count_sentences(lines, order)
    assert written(table, folder) == "".join(f"{key}\t{n}\n" for key, n in table.items())
    again = ngram.read_counts(folder / "counts.tsv")
    assert dict(again.items()) == dict(table.items())
    assert saved(again, folder) == saved(table, folder)


@settings(max_examples=30)
@given(oracle.sentences, st.integers(1, 4), st.randoms(use_true_random=False))
def test_missing_orders_are_summed_in_any_order_of_lines(tmp_path_factory, lines, order, random):
    lines = [line for line in lines if len(line.split()) + 2 >= order] or ["a b the a"]
    folder = tmp_path_factory.mktemp("lines")
    table = ngram.count_sentences(lines, order)
    longest = written(table, folder, orders=order).splitlines(keepends=True)
    random.shuffle(longest)
    half = len(longest) // 2
    (folder / "a.tsv").write_text("".join(longest[:half]))
    (folder / "b.tsv").write_text("".join(longest[half:]))
    again = ngram.read_counts([folder / "a.tsv", folder / "b.tsv"])
    assert dict(again.items()) == dict(table.items())
    assert (again.tokens, again.sentences) == (table.tokens, table.sentences)
    a, b = (oracle.estimate(t, "modified-kneser-ney") for t in (table, again))
    assert a.perplexity_of(lines).perplexity == pytest.approx(b.perplexity_of(lines).perplexity)


@settings(max_examples=30)
@given(oracle.sentences, oracle.sentences)
def test_counts_of_several_files_add(tmp_path_factory, a, b):
    folder = tmp_path_factory.mktemp("lines")
    for name, part in (("a.tsv.gz", a), ("b.tsv.xz", b)):
        ngram.count_sentences(part, 2).save_tsv(folder / name)
    whole = ngram.count_sentences(a + b, 2)
    assert dict(ngram.read_counts(str(folder / "*.tsv.*")).items()) == dict(whole.items())


def test_counts_as_others_write_them():
    lines = b"<s> a 2\r\n\na b\t2\nb </s>\t 2 \na\t3\n"  # with spaces, as SRILM allows; 'a' stands elsewhere too
    table = ngram.read_counts(io.BytesIO(lines))
    assert dict(table.items()) == {"<s>": 2, "</s>": 2, "a": 3, "b": 2, "<s> a": 2, "a b": 2, "b </s>": 2}
    assert ngram.read_counts(io.BytesIO(b"a\t2\nunseen\t0\na b\t0\n")).vocabulary[3:] == ["a", "unseen", "b"]
    assert ngram.read_counts(io.BytesIO(b"a b c\t7")).estimate("witten-bell").next("a b", k=1)[0][0] == "c"
    assert ngram.read_counts(io.BytesIO(b"A\t1"), tokenizer="characters").tokenization.tokenizer == "characters"


def test_a_filter_of_lines(tmp_path):
    table = ngram.count_sentences(["a b", "a c"], 3)
    assert written(table, tmp_path, orders=[2], min_count=2) == "<s> a\t2\n"
    assert written(table, tmp_path, orders=(3, 1), min_count=2) == "<s>\t2\n</s>\t2\na\t2\n"
    with pytest.raises(ValueError, match="order must be between 1 and 3, got 4"):
        table.save_tsv(tmp_path / "never", orders=4)
    with pytest.raises(FileNotFoundError, match=r"no-folder/x\.tsv'$"):
        table.save_tsv(tmp_path / "no-folder" / "x.tsv")
    assert [path.name for path in tmp_path.iterdir()] == ["counts.tsv"]


def test_arrow():
    arrow = pytest.importorskip("pyarrow")
    table = ngram.count_sentences(["the cat sat", "the cat ran"], 3)
    whole = table.to_arrow(columns=["count", "words", "ngram", "ids"])
    assert whole.column_names == ["count", "words", "ngram", "ids"]
    assert dict(zip(whole["ngram"].to_pylist(), whole["count"].to_pylist(), strict=True)) == dict(table.items())
    assert [" ".join(words) for words in whole["words"].to_pylist()] == whole["ngram"].to_pylist()
    ids, counts = table.to_numpy(2)
    pairs = table.to_arrow(2)
    assert pairs["ids"].to_pylist() == ids.tolist()
    assert pairs["count"].to_pylist() == counts.tolist()
    assert pairs.schema.field("count").type == arrow.uint64()
    for wrong in (["word"], []):
        with pytest.raises(ValueError, match="columns must be some of ngram, words, ids, count, got"):
            table.to_arrow(columns=wrong)


def test_arrow_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ModuleNotFoundError, match="needs the package pyarrow; pip install 'fastlm\\[arrow\\]'"):
        ngram.count_sentences(["a"], 1).to_arrow()
