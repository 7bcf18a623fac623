"""What the n-gram suite of fastlm bench is made of: texts, peers, whole programs, curves."""

import sys
from itertools import islice

import pytest

pytest.importorskip("matplotlib")

from fastlm.bench import commands, limits, ngram_corpus, ngram_peers, plot
from fastlm.bench.duels import Duel, regimes, table

from fastlm import ngram


def test_a_figure_without_a_peer_is_in_the_table_and_in_no_mean():
    duels = [
        Duel("ngram", "count 1M", "counting", ours=0.5, peer=None, limit=0.1, work=(1e6, "words")),
        Duel("ngram", "bytes", "size", ours=3.0, peer=6.0, unit="B"),
    ]
    assert [row.name for row in regimes(duels)] == ["size"]
    line = next(line for line in table(duels) if "count 1M" in line)
    assert line.split() == ["count", "1M", "500.000ms", "20.0%", "2", "M", "words/s"]


def test_peers_count_the_same(tmp_path):
    (tmp_path / "text").write_text("a b a\nb a\n")
    counts = ngram_peers.count_by_counter(tmp_path / "text", 3)
    assert {" ".join(key): n for key, n in counts.items()} == dict(ngram.count(tmp_path / "text", 3).items())


def test_what_is_not_there_is_named(monkeypatch):
    notes = []
    monkeypatch.setitem(sys.modules, "kenlm", None)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("KENLM_BIN", raising=False)
    assert ngram_peers.package("kenlm", notes.append) is None
    assert ngram_peers.programs(notes.append) is None
    assert "pip install 'fastlm[peers]'" in notes[0]
    assert "$KENLM_BIN" in notes[1]


def test_a_program_is_measured():
    block = bytes(300 << 20)  # of this process, which does not count
    spent = commands.run([sys.executable, "-S", "-c", "x = bytearray(200 << 20)"])
    assert spent.cpu > 0
    assert 200 << 20 < spent.bytes < 250 << 20 < len(block)
    with pytest.raises(RuntimeError, match="has failed:\nno such thing"):
        commands.run([sys.executable, "-S", "-c", "raise SystemExit('no such thing')"])


def test_texts_grow(tmp_path):
    own = list(islice(ngram_corpus.made_up(1), 200))
    assert own == list(islice(ngram_corpus.made_up(1), 200))
    assert len(set(own)) == 200
    (tmp_path / "own").write_text("".join(line + "\n" for line in own))
    corpus = ngram_corpus.make(tmp_path, tmp_path / "own", 2_000)
    assert corpus.words == 2_000
    assert not set(corpus.heldout) & set(corpus.path.read_text().splitlines())
    path, how = ngram_corpus.grown(corpus, tmp_path, 1_000)
    assert (path.read_text().splitlines(), how) == (corpus.path.read_text().splitlines()[:50], "its first words")
    path, how = ngram_corpus.grown(corpus, tmp_path, 5_000)
    lines = path.read_text().splitlines()
    assert how == "drawn from a model of order 3 of it"
    assert 5_000 <= sum(len(line.split()) for line in lines) < 5_100
    assert len(set(lines)) > 0.9 * len(lines)  # not the same text again


def test_sizes():
    assert ngram_corpus.sizes_of("1.5M,200k,7") == [7, 200_000, 1_500_000]
    for wrong in ("many", "", "1M,", "0", "3MM5"):
        with pytest.raises(ValueError, match=r"--sizes must be numbers of words as 500k,1M,10M, got"):
            ngram_corpus.sizes_of(wrong)


def test_curves(tmp_path):
    figures = dict.fromkeys([name for curves in plot.CURVES.values() for name in curves], 1.5)
    rows = [{"words": n, "ngrams": 3 * n} | figures for n in (1, 2)]
    rows[1]["kenlm_mb"] = None
    assert plot.growth(rows, tmp_path) == ["ngram_growth.csv", "ngram_growth.png"]
    assert (tmp_path / "ngram_growth.csv").read_text().splitlines()[2].startswith("2,6,1.5,1.5,1.5,1.5,1.5,,1.5")
    assert (tmp_path / "ngram_growth.png").read_bytes().startswith(b"\x89PNG")
    assert plot.growth([], tmp_path) == []


def test_a_load_takes_some_time():
    assert limits.random_load_seconds(1 << 16) > 0
