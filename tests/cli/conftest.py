"""The files that the tests of fastlm ngram share."""

import gzip

import pytest
import zstandard

from fastlm import ngram
from tests.cli.ngram_command import TEXT


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The corpus in several forms, and models of it."""
    folder = tmp_path_factory.mktemp("ngram")
    (folder / "corpus.txt").write_text(TEXT)
    (folder / "corpus.gz").write_bytes(gzip.compress(TEXT.encode()))
    (folder / "corpus.zst").write_bytes(zstandard.compress(TEXT.encode()))
    (folder / "latin1.txt").write_bytes("the cat\ncaf\xe9\n".encode("latin-1"))
    (folder / "binary").write_bytes(bytes(range(256)))
    (folder / "damaged.gz").write_bytes(gzip.compress(TEXT.encode())[:-20])
    (folder / "empty").write_bytes(b"")
    table = ngram.count(folder / "corpus.txt", 3)
    table.save(folder / "table")
    table.estimate("backoff").save(folder / "model")
    table.estimate("maximum-likelihood").save(folder / "ml")
    altered = bytearray((folder / "model").read_bytes())
    altered[130] ^= 0xFF
    (folder / "altered").write_bytes(altered)
    (folder / "truncated").write_bytes(altered[:1500])
    return folder
