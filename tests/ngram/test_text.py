"""Texts: compression, standard input, open files, invalid UTF-8, and what is not a text."""

import bz2
import gzip
import io
import lzma
import os
import re
import sys
from types import SimpleNamespace

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from fastlm import ngram

TEXT = "".join(f"the movie number {i} was good\n" for i in range(3000)).encode()
COMPRESSORS = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
compressed = pytest.mark.parametrize("kind", COMPRESSORS)


def counts(source, **options):
    return dict(ngram.count(source, 2, **options).items())


@pytest.fixture(scope="module")
def want():
    return counts(io.BytesIO(TEXT))


@compressed
def test_compressed_files_are_told_by_their_bytes(kind, want, tmp_path):
    path = tmp_path / "corpus"
    path.write_bytes(COMPRESSORS[kind](TEXT))
    assert counts(path) == counts(str(path)) == want


@compressed
def test_several_members(kind, want):
    half = len(TEXT) // 2  # in the middle of a word
    data = COMPRESSORS[kind](TEXT[:half]) + COMPRESSORS[kind](b"") + COMPRESSORS[kind](TEXT[half:])
    assert counts(io.BytesIO(data)) == want


def test_padding_behind_gzip(want):
    assert counts(io.BytesIO(gzip.compress(TEXT) + bytes(512))) == want


def test_a_streamed_zstandard_frame_without_its_size(want):
    compressor = zstandard.ZstdCompressor().compressobj()
    assert counts(io.BytesIO(compressor.compress(TEXT) + compressor.flush())) == want


@compressed
def test_every_truncation_is_found(kind):
    data = COMPRESSORS[kind](TEXT)
    for size in [*range(6, 60), *range(60, len(data), 97), len(data) - 1]:
        with pytest.raises(ValueError, match=f"{kind} data is (truncated|damaged)"):
            counts(io.BytesIO(data[:size]))


@compressed
def test_damage_is_found_with_the_name_of_the_file(kind, tmp_path):
    data = bytearray(COMPRESSORS[kind](TEXT))
    data[len(data) // 2] ^= 0xFF
    data[len(data) // 2 + 1] ^= 0xFF
    path = tmp_path / "corpus"
    path.write_bytes(data)
    if kind == "zstd":  # its frames have no checksum unless asked for
        data = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(TEXT))
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
    with pytest.raises(ValueError, match=re.escape(f"{path}: the {kind} data is")):
        counts(path)


def test_zstandard_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(ModuleNotFoundError, match="needs the package zstandard; pip install zstandard"):
        counts(io.BytesIO(COMPRESSORS["zstd"](TEXT)))


@pytest.mark.parametrize("data", [b"\x1f", b"a", b"BZ", b"\xfd7z"])
def test_texts_shorter_than_a_magic_number(data):
    if data.isascii() and data[0] >= 32:
        assert counts(io.BytesIO(data))[data.decode()] == 1
    else:
        assert sum(counts(io.BytesIO(data), errors="replace").values()) > 0


def test_standard_input(want, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(gzip.compress(TEXT))))
    assert counts("-") == want


def test_several_texts_are_one_corpus(want, tmp_path):
    cut = TEXT.index(b"\n", len(TEXT) // 2)
    (tmp_path / "a").write_bytes(TEXT[:cut])  # the last line has no end: it ends with the file
    (tmp_path / "b.gz").write_bytes(gzip.compress(TEXT[cut + 1 :]))
    assert counts([tmp_path / "a", tmp_path / "b.gz"]) == want


def test_an_open_file_stays_open(want, tmp_path):
    (tmp_path / "a").write_bytes(TEXT)
    with open(tmp_path / "a", "rb") as file:
        assert counts(file) == want
        assert not file.closed


@given(st.lists(st.sampled_from([b"a", b" ", b"\n", b"\xc3", b"\xa9", b"\xe8\xaf\x8d", b"\xf0\x9f", b"\xff", b"z"])))
@pytest.mark.parametrize("policy", ["replace", "ignore"])
def test_invalid_utf8_is_repaired_as_python_does(policy, pieces):
    data = b"w " + b"".join(pieces) + b"\n"
    lines = data.decode(errors=policy).split("\n")[:-1]
    assert counts(io.BytesIO(data), errors=policy) == dict(ngram.count_sentences(lines, 2).items())


def test_invalid_utf8_is_refused_with_file_and_line(tmp_path):
    path = tmp_path / "latin1.txt"
    path.write_bytes("un\ndeux\ncafé noir\n".encode("latin-1"))
    message = re.escape(f"{path}:3: invalid UTF-8: byte 233 in a word; errors='replace' or 'ignore' would accept it")
    with pytest.raises(ValueError, match=message):
        counts(path)
    assert counts(path, errors="replace")["caf\ufffd"] == 1
    assert counts(path, errors="ignore")["caf"] == 1


@pytest.mark.parametrize("policy", ["strict", "replace", "ignore"])
def test_a_binary_file_is_refused(policy, tmp_path):
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELF\x02\x01\x01\0\0\0\0 rest\n")
    with pytest.raises(ValueError, match=r"program:1: byte 0: this is not a text"):
        counts(path, errors=policy)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match="no-such-file"):
        counts(tmp_path / "no-such-file")
    with pytest.raises(FileNotFoundError, match="No file in this folder"):
        counts(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"No file matches this pattern: .*\*\.txt"):
        counts(tmp_path / "*.txt")
    with pytest.raises(ValueError, match="expected at least one text, got none"):
        counts([])
    with pytest.raises(ValueError, match="the corpus is empty: expected at least one word"):
        counts(io.BytesIO(b""))


def test_a_file_open_for_text_is_refused():
    with pytest.raises(TypeError, match="got one for text; open it with 'rb'"):
        counts(io.StringIO("a b"))


def test_a_file_name_that_is_not_utf8(tmp_path):
    path = bytes(tmp_path) + b"/caf\xe9"
    with open(path, "wb") as file:
        file.write(b"a \xff\n")
    with pytest.raises(ValueError, match="caf\ufffd:1: invalid UTF-8"):
        counts(os.fsdecode(path))
