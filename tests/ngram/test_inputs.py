"""What can be counted besides text files: folders, patterns, tokens, ids, columns; each against the same as text."""

import gzip
import io
import json
import re
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from pyarrow import feather, parquet

from fastlm import ngram

from . import oracle

LINES = ["the cat sat", "", "the dog", "a cat sat"]
TOKENS = [line.split() for line in LINES]
WORDS = ["<pad>", "the", "cat", "sat", "dog", "a", "</end>"]
IDS = [np.array([WORDS.index(word) for word in tokens], np.int32) for tokens in TOKENS]
WANT = dict(oracle.count(LINES, 2))


def counts(texts, **options):
    return {tuple(n.split()): c for n, c in ngram.count(texts, 2, **options).items()}


class TestPaths:
    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / "b" / ".hidden").mkdir(parents=True)
        (tmp_path / "a.txt").write_text("the cat sat\n\n")
        (tmp_path / "b" / "c.txt.gz").write_bytes(gzip.compress(b"the dog\n"))
        (tmp_path / "d.txt").write_text("a cat sat\n")
        (tmp_path / ".x").write_text("hidden\n")
        (tmp_path / "b" / ".hidden" / "x.txt").write_text("hidden\n")
        return tmp_path

    @pytest.mark.parametrize("pattern", ["", "*", "**", "[abd]*", "**/*.*"])
    def test_a_folder_or_pattern_is_its_files(self, folder, pattern):
        assert counts(f"{folder}/{pattern}") == counts(folder / pattern) == counts([folder]) == WANT

    def test_several_of_them(self, folder):
        assert counts([folder / "*.txt", str(folder / "b")]) == counts(iter([folder / "b", folder / "?.txt"])) == WANT

    def test_a_file_with_the_name_of_a_pattern(self, folder):
        (folder / "[ab].txt").write_text("x\n")
        assert ("x",) in counts(folder / "[ab].txt")
        assert ("x",) not in counts(folder / "[ab].tx?")

    def test_a_missing_file_is_found_before_the_others_are_read(self, folder):
        (folder / "bad").write_bytes(b"\0")
        with pytest.raises(FileNotFoundError, match="missing"):
            counts([folder / "bad", folder / "missing"])

    @pytest.mark.parametrize("texts", [3, [3], [None], {"a": 1}.values(), b"a b", [b"a"]])
    def test_other_types_are_refused(self, texts):
        with pytest.raises(TypeError, match="expected a path, an open file"):
            counts(texts)


class TestTokens:
    @given(oracle.sentences)
    def test_lists_of_tokens_count_as_their_text(self, lines):
        want = dict(oracle.count(lines, 2))
        tokens = [line.split() for line in lines]
        assert counts(tokens) == counts(tuple(map(tuple, tokens))) == counts(iter(tokens)) == want
        assert dict(ngram.count_sentences(tokens, 2).items()) == dict(ngram.count_sentences(lines, 2).items())

    def test_many_sentences(self):
        assert counts(TOKENS * 3000) == {n: 3000 * c for n, c in WANT.items()}

    def test_white_space_inside_of_a_token_is_visible(self):
        assert counts([["New York", "a\tb\nc", "é\r"]])[("New␣York", "a␉b␊c")] == 1

    @pytest.mark.parametrize(
        ("tokens", "message"),
        [
            (["a", ""], "sentences:2: expected tokens that are not empty, got ['a', '']"),
            (["a", 3], "sentences:2: expected tokens as a list of str, got ['a', 3]"),
            (["a", "</s>"], "sentences:2: '</s>' stands in the text"),
            (["\0"], "sentences:2: byte 0"),
            (["\ud800"], "sentences:2: invalid UTF-8"),
        ],
    )
    def test_bad_tokens_have_their_place(self, tokens, message):
        with pytest.raises(ValueError, match=re.escape(message)):
            counts([["a"], tokens, ["b"]])
        with pytest.raises(ValueError, match=re.escape(message)):
            ngram.count_sentences(["a", tokens])


class TestIds:
    def test_ids_count_as_their_words(self):
        end = np.array([6])
        one = np.concatenate([part for ids in IDS for part in (ids, end)])
        assert counts(IDS, vocabulary=WORDS) == counts(iter(IDS), vocabulary=WORDS) == WANT
        for texts in (one, one[:-1], one.astype(np.uint16), [one[:4], one[4:]]):
            assert counts(texts, vocabulary=WORDS, end_id=6) == WANT
        assert "</end>" not in ngram.count(one, 2, vocabulary=WORDS, end_id=6).vocabulary

    @pytest.mark.parametrize("kind", [np.int64, np.uint8])
    def test_rows_of_a_matrix_are_sentences(self, kind):
        table = ngram.count(np.array([[1, 2], [4, 3]], kind), 2, vocabulary=WORDS)
        assert (table.sentences, table["the cat"], table["cat dog"]) == (2, 1, 0)

    def test_the_perplexity_of_ids_is_that_of_their_words(self):
        model = ngram.count_sentences(LINES, 2).estimate("add-delta")
        assert model.perplexity(IDS, vocabulary=WORDS) == model.perplexity_of(LINES) == model.perplexity_of(TOKENS)

    @pytest.mark.parametrize(
        ("ids", "options", "error", "message"),
        [
            (np.array([1]), {"vocabulary": WORDS}, ValueError, "an array of ids needs end_id"),
            ([np.array([1])], {}, ValueError, "ids need vocabulary, the list of their words"),
            ([IDS[0], np.array([1, 7])], {"vocabulary": WORDS}, ValueError, "ids:2: id 7 at 1 is not in the vocab"),
            ([np.array([-1])], {"vocabulary": WORDS}, ValueError, "id -1 at 0 is not in the vocabulary of 7 words"),
            ([np.array([1])], {"vocabulary": WORDS, "end_id": 7}, ValueError, "end_id must be the number of one of 7"),
            ([np.array([1.0])], {"vocabulary": WORDS}, TypeError, "got float64 of shape [1]"),
            ([np.ones((1, 1), int)], {"vocabulary": WORDS}, TypeError, "got int64 of shape [1, 1]"),
            (np.array(["a"]), {}, TypeError, "array of integers, got <U1"),
            ([np.array([6])], {"vocabulary": ["<s>"] * 7}, ValueError, "ids:1: '<s>' stands in the text"),
        ],
    )
    def test_wrong_ids(self, ids, options, error, message):
        with pytest.raises(error, match=re.escape(message)):
            counts(ids, **options)


COLUMNS = {
    "text": pa.array(["the cat sat\n", None, "\nthe dog\na cat sat", ""]),
    "large": pa.array(["the cat sat\n\n", "the dog", "a cat sat", None], pa.large_string()),
    "repeated": pa.array(["the cat sat\n\nthe dog\na cat sat", *[None] * 3]).dictionary_encode(),
    "tokens": pa.array(TOKENS, pa.list_(pa.string())),
    "ids": pa.array([ids.tolist() for ids in IDS], pa.list_(pa.int32())),
    "number": pa.array([1, 2, 3, 4]),
}
TABLE = pa.table(COLUMNS)
by_column = pytest.mark.parametrize("column", [name for name in COLUMNS if name != "number"])


def options(column):
    return {"column": column, **({"vocabulary": WORDS} if column == "ids" else {})}


class TestArrow:
    @by_column
    def test_in_memory(self, column):
        for texts in (TABLE, TABLE.to_reader(), TABLE.to_batches()[0], [TABLE.slice(0, 1), TABLE.slice(1)]):
            assert counts(texts, **options(column)) == WANT
        for texts in (TABLE[column], COLUMNS[column]):
            assert counts(texts, **options(column)) == WANT

    @by_column
    @pytest.mark.parametrize("write", [parquet.write_table, feather.write_feather])
    def test_files(self, column, write, tmp_path):
        write(TABLE, str(tmp_path / "table"))
        assert counts(tmp_path / "table", **options(column)) == counts(tmp_path, **options(column)) == WANT
        with open(tmp_path / "table", "rb") as file:
            assert counts(file, **options(column)) == WANT

    @pytest.mark.parametrize(
        ("column", "message"),
        [
            (None, "which column is the text? column= one of 'text', 'large'"),
            ("none", "expected one column 'none', got 'text'"),
            ("number", ", row 1: expected text, a list of tokens or a list of ids, got 1"),
        ],
    )
    def test_wrong_columns(self, column, message, tmp_path):
        parquet.write_table(TABLE, tmp_path / "t")
        for texts in (TABLE, tmp_path / "t"):
            with pytest.raises(ValueError, match=re.escape(message)):
                counts(texts, column=column)

    def test_a_bad_row_is_named(self, tmp_path):
        parquet.write_table(pa.table({"x": ["a\nb\nc", "d", "e\n<s>"]}), tmp_path / "t")
        with pytest.raises(ValueError, match=re.escape(f"{tmp_path}/t, row 3: '<s>' stands in the text")):
            counts(tmp_path / "t", column="x")

    @pytest.mark.parametrize("magic", [b"PAR1", b"ARROW1"])
    def test_damaged_files(self, magic, tmp_path):
        (tmp_path / "t").write_bytes(magic + b"\1" * 100)
        with pytest.raises(ValueError, match=r"/t: cannot be read as (Parquet|Arrow)"):
            counts(tmp_path / "t", column="x")

    def test_through_a_pipe(self):
        class Pipe(io.BytesIO):
            def seekable(self):
                return False

        with pytest.raises(ValueError, match="not through a pipe; give the path"):
            counts(Pipe(b"PAR1" + b"\1" * 100), column="x")

    def test_without_its_package(self, tmp_path, monkeypatch):
        (tmp_path / "t").write_bytes(b"PAR1")
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(ModuleNotFoundError, match=re.escape("needs the package pyarrow; pip install 'fastlm[arr")):
            counts(tmp_path / "t", column="x")


class TestJsonLines:
    @pytest.mark.parametrize("compress", [bytes, gzip.compress])
    def test_a_field(self, compress):
        rows = [{"t": "the cat sat\n\n", "n": 1}, {"t": None}, {"t": ["the", "dog"]}, {"t": "a cat sat"}]
        data = "\n\n".join(map(json.dumps, rows)).encode()
        assert counts(io.BytesIO(compress(data)), column="t") == WANT

    def test_a_field_of_ids(self):
        data = "\n".join(json.dumps({"t": ids.tolist()}) for ids in IDS).encode()
        assert counts(io.BytesIO(data), column="t", vocabulary=WORDS) == WANT

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (b"{", "open file:2: expected JSON (Expecting"),
            (b"[1]", "open file:2: expected an object with the field 't', got [1]"),
            (b'{"a": 1}', "open file:2: expected an object with the field 't', got an object with 'a'"),
            (b'{"t": 1}', "open file:2: expected text, a list of tokens or a list of ids, got 1"),
            (b'{"t": ["a", 1]}', "open file:2: expected text, a list of tokens or a list of ids"),
            (b'{"t": [""]}', "open file:2: expected tokens that are not empty"),
            (b'{"t": "a\\n<s>"}', "open file:2: '<s>' stands in the text"),
            (b'{"t": "\xff"}', "open file:2: invalid UTF-8: byte 255"),
            (b'{"t": [9]}', "open file:2: id 9 at 0 is not in the vocabulary of 7 words"),
        ],
    )
    def test_wrong_lines(self, line, message):
        vocabulary = WORDS if b"9" in line else None
        with pytest.raises(ValueError, match=re.escape(message)):
            counts(io.BytesIO(b'{"t": "a\\nb"}\n' + line + b"\n"), column="t", vocabulary=vocabulary)
