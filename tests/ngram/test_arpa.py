"""ARPA files: against a plain Python reader and the definition of backing off; compression; broken files."""

import bz2
import gzip
import io
import lzma
import os
import re
import stat
import sys
import tempfile
from types import SimpleNamespace

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from fastlm import _ngram as engine
from fastlm.ngram.arpa import read_arpa, write_arpa

SPECIAL = ["<unk>", "<s>", "</s>"]
WORDS = [*SPECIAL, "a", "b", "the", "é", "词", "<x>", "\\data\\"]
floats = st.floats(-50, 0, width=32) | st.sampled_from([0.0, -1.0, -1e-7, -99.0])
backoffs = floats | st.floats(0, 1, width=32)

SMALL = r"""\data\
ngram 1=4
ngram 2=2

\1-grams:
-1	<unk>	0
0	<s>	-0.5
-0.75	</s>	0
-1.5	a	-0.25

\2-grams:
-0.5	<s> a
-0.25	a </s>

\end\
"""


@st.composite
def models(draw):
    """For each order {n-gram: (probability, backoff)}; of what longer ones begin and end with, much is missing."""
    order = draw(st.integers(1, 5))
    words = SPECIAL[1:] + draw(st.lists(st.sampled_from(["<unk>", *WORDS[3:]]), unique=True))
    levels = [{(word,): (draw(floats), draw(backoffs) if order > 1 else 0.0) for word in draw(st.permutations(words))}]
    for n in range(2, order + 1):
        ngrams = draw(st.lists(st.tuples(*[st.sampled_from(words)] * n), unique=True, max_size=8))
        levels.append({ngram: (draw(floats), draw(backoffs) if n < order else 0.0) for ngram in ngrams})
    levels[0]["<s>",] = (0.0, levels[0]["<s>",][1])
    return levels


def text_of(levels, between=" ", after="\t", line_end="\n"):
    lines = ["\\data\\", *(f"ngram {n}={len(level)}" for n, level in enumerate(levels, 1)), ""]
    for n, level in enumerate(levels, 1):
        lines.append(f"\\{n}-grams:")
        for ngram, (probability, backoff) in level.items():
            fields = [repr(probability), between.join(ngram)] + ([repr(backoff)] if backoff else [])
            lines.append(after.join(fields))
        lines.append("")
    return (line_end.join([*lines, "\\end\\"]) + line_end).encode()


def read(text, **options):
    return read_arpa(io.BytesIO(text), **options)


def levels_of(model):
    vocabulary, levels = model.vocabulary, []
    for order in range(1, model.order + 1):
        level, ids = {}, []
        for words, probability, backoff in model.blocks(order):
            assert words.shape == (len(probability), order)
            assert len(backoff) == len(probability)
            ids += words.tolist()
            for ngram, *values in zip(words.tolist(), probability.tolist(), backoff.tolist(), strict=True):
                level[tuple(vocabulary[word] for word in ngram)] = tuple(values)
        assert ids == sorted(ids)
        assert len(ids) == len(level) == model.counts[order - 1]
        levels.append(level)
    return levels


def score(levels, ngram):
    """The probability of the last word after the others."""
    known = levels[len(ngram) - 1].get(ngram)
    if known:
        return known[0]
    backoff = levels[len(ngram) - 2].get(ngram[:-1], (0, 0))[1]
    return min(0.0, backoff + score(levels, ngram[1:]))


def complete(levels):
    """With the first and the last words of each n-gram as n-grams too."""
    levels = [{("<unk>",): (-100.0, 0.0)} | levels[0], *levels[1:]]
    whole = [dict(level) for level in levels]
    for n in range(len(levels), 2, -1):
        for ngram in whole[n - 1]:
            for part in (ngram[:-1], ngram[1:]):
                whole[n - 2].setdefault(part, (score(levels, part), 0.0))
    return whole


def assert_same(found, want):
    assert [sorted(level) for level in found] == [sorted(level) for level in want]
    for level, values in zip(found, want, strict=True):
        for ngram in values:
            assert level[ngram] == pytest.approx(values[ngram], rel=1e-5, abs=1e-6)


@given(models(), st.sampled_from([0, 1 << 20]))
def test_a_model_is_read_and_completed(levels, memory):
    model = read(text_of(levels), memory=memory)
    want = complete(levels)
    assert_same(levels_of(model), want)
    unigrams = [word for (word,) in levels[0] if word not in SPECIAL]
    assert model.vocabulary == SPECIAL + unigrams
    inserted = [len(level) - len(given) for level, given in zip(want[1:], levels[1:], strict=True)]
    assert len(model.notes) == ("<unk>" not in "".join(map("".join, levels[0]))) + sum(map(bool, inserted))


@given(models(), st.integers(1, 60))
def test_layouts_and_cuts_make_no_difference(levels, size):
    want = levels_of(read(text_of(levels)))
    text = b"# a comment\n\n" + text_of(levels, between="\t", after="  ", line_end=" \r\n")
    cut = SimpleNamespace(name="cut", read=iter([text[at : at + size] for at in range(0, len(text), size)] + [b""]))
    cut.read = lambda _, blocks=cut.read: next(blocks)
    assert levels_of(read_arpa(cut)) == want


@given(models())
def test_what_is_written_is_read(levels):
    model = read(text_of(levels))
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.arpa"
        model.save(path)
        again = read_arpa(path)
        assert levels_of(again) == levels_of(model)
        assert again.vocabulary == model.vocabulary
        assert again.notes == []
        blocks = (block for order in range(1, model.order + 1) for block in model.blocks(order))
        write_arpa(f"{folder}/blocks", model.vocabulary, model.counts, blocks)
        with open(path, "rb") as saved, open(f"{folder}/blocks", "rb") as written:
            assert saved.read() == written.read()


@settings(max_examples=20)
@given(models())
def test_nodes_are_the_trie(levels):
    reader = engine.ArpaReader(memory=0)
    reader.begin("model")
    reader.add(text_of(levels))
    model = reader.finish()
    for order in range(1, len(levels) + 1):
        empty = (np.zeros((0, order)), np.zeros(0), np.zeros(0))
        words, probability, backoff = map(np.concatenate, zip(empty, *model.blocks(order), strict=True))
        last, children, node_probability, node_backoff = model.nodes(order)
        assert (last == words[:, -1]).all()
        assert (node_probability == probability).all()
        assert (node_backoff == backoff).all()
        longer = [tuple(row) for block in model.blocks(order + 1) for row in block[0]] if order < len(levels) else []
        want = {tuple(row): 0 for row in words}
        for row in longer:
            want[row[:-1]] += 1
        assert children.tolist() == list(want.values())


def test_many_runs_are_merged():
    rng = np.random.default_rng(1)
    words = SPECIAL + [f"w{i}" for i in range(40)]
    bigrams = np.unique(rng.integers(0, len(words), (1500, 2)), axis=0)
    rng.shuffle(bigrams)
    levels = [{(word,): (-1.0, -0.5) for word in words}]
    levels.append(
        {
            tuple(words[i] for i in row): (-float(np.float32(p)), 0.0)
            for row, p in zip(bigrams, rng.random(len(bigrams)), strict=True)
        }
    )
    want = levels_of(read(text_of(levels)))
    assert want[1] == levels[1]
    for memory in (0, 10_000):  # at least 64 n-grams are sorted in memory
        assert levels_of(read(text_of(levels), memory=memory)) == want


def test_the_layout_is_that_of_lmplz(tmp_path):
    read(SMALL.encode()).save(tmp_path / "model")
    assert (tmp_path / "model").read_text() == SMALL


OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zst": zstandard.open, "": open, ".arpa": open}


@pytest.mark.parametrize("suffix", OPENERS)
def test_the_name_of_a_file_chooses_its_compression(suffix, tmp_path):
    path = tmp_path / f"model{suffix}"
    read(SMALL.encode()).save(path)
    with OPENERS[suffix](path, "rb") as file:
        assert file.read() == SMALL.encode()
    assert levels_of(read_arpa(path)) == levels_of(read(SMALL.encode()))
    assert os.listdir(tmp_path) == [path.name]


def test_zstandard_without_its_package(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(ModuleNotFoundError, match="needs the package zstandard; pip install zstandard"):
        read(SMALL.encode()).save(tmp_path / "model.zst")
    assert os.listdir(tmp_path) == []


def test_standard_input_and_output(monkeypatch):
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(gzip.compress(SMALL.encode()))))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=out, write=lambda _: 0, flush=lambda: None))
    read_arpa("-").save("-")
    assert out.getvalue() == SMALL.encode()


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "model.gz"
    path.write_bytes(b"as it was")
    unigrams = ([[0], [1], [2]], [-1.0, 0.0, float("nan")], [0.0] * 3)
    with pytest.raises(ValueError, match="expected log10 probabilities of at most 0, got nan"):
        write_arpa(path, SPECIAL, [3], [unigrams])
    with pytest.raises(ValueError, match="expected 3 1-grams, as the counts say, got 0"):
        write_arpa(path, SPECIAL, [3], [])
    with pytest.raises(ValueError, match="expected ids of words, whole numbers from 0"):
        write_arpa(path, SPECIAL, [1], [([[-1]], [-1.0], [0.0])])
    with pytest.raises(FileNotFoundError):
        write_arpa(tmp_path / "no-folder" / "model", SPECIAL, [0], [])
    with pytest.raises(IsADirectoryError):
        write_arpa(tmp_path, SPECIAL, [0], [])
    assert path.read_bytes() == b"as it was"
    assert os.listdir(tmp_path) == [path.name]


def test_a_device_stays_one():
    read(SMALL.encode()).save("/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_an_error_has_file_and_line(tmp_path):
    path = tmp_path / "model.arpa.gz"
    path.write_bytes(gzip.compress(SMALL.replace("-0.25\ta </s>", "-0.25\ta b").encode()))
    message = f"{path}:13: the word 'b' of a 2-gram is not among the 1-grams"
    with pytest.raises(ValueError, match=re.escape(message)):
        read_arpa(path)
    path.write_bytes(gzip.compress(SMALL.encode())[:-20])
    with pytest.raises(ValueError, match="the gzip data is truncated"):
        read_arpa(path)
    with pytest.raises(FileNotFoundError):
        read_arpa(tmp_path / "nothing")


def test_every_truncation_is_found():
    for size in range(len(SMALL) - 1):  # without the last line end it is whole
        with pytest.raises(ValueError, match=r"^open file:\d+: (the file is truncated|expected a line \\data\\)"):
            read(SMALL[:size].encode())


def test_temporary_files_go_where_they_should(tmp_path):
    words = SPECIAL + [f"w{i}" for i in range(100)]
    levels = [{(word,): (-1.0, 0.0) for word in words}, {(a, b): (-1.0, 0.0) for a in words for b in words[2:]}]
    with pytest.raises(FileNotFoundError, match="no-folder"):
        read(text_of(levels), memory=0, folder=tmp_path / "no-folder")
    model = read(text_of(levels), memory=0, folder=tmp_path)
    assert os.listdir(tmp_path) == []  # they have no names
    assert len(levels_of(model)[1]) == len(levels[1])


def test_a_given_vocabulary():
    model = read(SMALL.encode(), vocabulary=[*SPECIAL, "z", "a"])
    assert model.vocabulary == [*SPECIAL, "z", "a"]
    assert levels_of(model)[0]["z",] == (-1.0, 0.0)
    assert model.notes == ["words that are not among the 1-grams, and got the probability of <unk>: 1"]
    with pytest.raises(ValueError, match="open file:9: expected words of the given vocabulary, got 'a'"):
        read(SMALL.encode(), vocabulary=SPECIAL)
    with pytest.raises(ValueError, match="a vocabulary of different words that begins with <unk>, <s>, </s>"):
        read(SMALL.encode(), vocabulary=["a", *SPECIAL])


def test_notes():
    model = read(SMALL.replace("-1\t<unk>\t0\n", "").replace("1=4", "1=3").replace("-1.5", "1e-5").encode())
    assert model.notes == [
        "<unk> is not among the 1-grams: it got the log10 probability -100",
        "log10 probabilities above 0, taken as 0: 1",
    ]
    with pytest.raises(ValueError, match="order must be between 1 and 2, got 3"):
        model.blocks(3)


def test_progress_and_its_exception():
    calls = []
    read(SMALL.encode(), progress=lambda: calls.append(1))
    assert calls == [1]

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read(SMALL.encode(), progress=stop)
