"""The plain-Python reference against KenLM's answers in golden/, which say how they were made."""

import json
import lzma
import math
from functools import lru_cache
from pathlib import Path

import pytest

from tests.ngram import reference
from tests.ngram.reference.query import Logs, Token, single

GOLDEN = Path(__file__).parent / "golden"


def golden(name):
    return lzma.decompress((GOLDEN / f"{name}.xz").read_bytes()).decode()


CASES = json.loads(golden("lmplz.json"))
QUERIES = json.loads(golden("query.json"))
every_case = pytest.mark.parametrize("name", CASES)
every_query = pytest.mark.parametrize("name", QUERIES)


def text(name):
    return golden(f"{name}.txt").splitlines()


@lru_cache
def counts(lines):
    return reference.counts(text("train")[:lines], 6 if lines else 5)


def levels(name):
    case = CASES[name]
    return {n: level for n, level in counts(case["lines"]).items() if n <= case["order"]}


@lru_cache(maxsize=1)
def model(name):
    return reference.modified_kneser_ney(levels(name), **CASES[name]["options"])


@pytest.fixture(scope="module", autouse=True)
def _forgotten():
    yield
    counts.cache_clear()
    model.cache_clear()


@every_case
def test_discounts_are_lmplz_s(name):
    adjusted = reference.adjusted(levels(name))
    for n, want in enumerate(CASES[name]["discounts"], 1):
        found = reference.three_discounts(n, adjusted[n], CASES[name]["options"].get("fallback"))
        assert found == pytest.approx(want, rel=1e-5)


@every_case
def test_probabilities_and_weights_are_lmplz_s(name):
    found, case = model(name), CASES[name]
    assert [sum(len(ngram) == n for ngram in found.p) for n in range(1, case["order"] + 1)] == case["counts"]
    for words, log10_p, *log10_weight in case["ngrams"]:
        ngram = tuple(words.split())
        assert math.log10(found.p[ngram]) == pytest.approx(log10_p, abs=1e-5)
        assert math.log10(found.weights.get(ngram, 1)) == pytest.approx(sum(log10_weight), abs=1e-5)


def tokens(line):
    """What a line of `query` says."""
    for word, fields in (item.rsplit("=", 1) for item in line.split("\t")[:-1]):
        id, matched, log10 = fields.split()
        yield Token(word, int(id), int(matched), single(float(log10)))


def test_scores_and_perplexity_are_query_s():
    found = model("o5")
    logs = Logs(
        5, {ngram: math.log10(p) for ngram, p in found.p.items()}, {h: math.log10(x) for h, x in found.weights.items()}
    )
    scores = [logs.sentence(line) for line in text("heldout")]
    *lines, including, excluding, unknown, total = QUERIES["o5"]
    for found, line in zip(scores, lines, strict=False):
        want = list(tokens(line))
        assert [token[:3] for token in found] == [token[:3] for token in want]
        assert [token.log10 for token in found] == pytest.approx([token.log10 for token in want], abs=1e-5)
    summary = reference.query.summary(scores)
    assert summary[2:] == [unknown, total]
    for found, want in zip(summary, (including, excluding), strict=False):
        assert found.split("\t")[0] == want.split("\t")[0]
        assert float(found.split("\t")[1]) == pytest.approx(float(want.split("\t")[1]), rel=1e-6)


@every_query
def test_lines_are_query_s(name):
    for line in QUERIES[name][:-4]:
        assert reference.query.line(list(tokens(line))) == line


def test_query_to_the_last_digit():
    """From the numbers of an ARPA file, in single precision."""
    ngrams = [(tuple(words.split()), *numbers) for words, *numbers in CASES["o4-fallback"]["ngrams"]]
    logs = Logs(
        4, {ngram: p for ngram, p, *_ in ngrams}, {ngram: weight for ngram, _, *rest in ngrams for weight in rest}
    )
    *lines, including, excluding, unknown, total = QUERIES["o4-fallback"]
    scores = [logs.sentence(line) for line in text("heldout")[: len(lines)]]
    assert [reference.query.line(sentence) for sentence in scores] == lines
    assert reference.query.summary(scores) == [including, excluding, unknown, total]
