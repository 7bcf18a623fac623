"""``fastlm ngram convert``, ``prune``, ``merge``, ``mix`` and ``query --kenlm`` on files."""

import json
import random

import pytest
from typer.testing import CliRunner

from fastlm import ngram
from fastlm.cli.app import app


def run(*arguments, input=None):
    return CliRunner().invoke(app, ["ngram", *map(str, arguments)], input=input)


def succeed(*arguments, input=None):
    result = run(*arguments, input=input)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("convert") / "corpus.txt"
    random.seed(2)
    words = [f"w{int(random.paretovariate(0.8)) % 60}" for _ in range(4000)]
    path.write_text("\n".join(" ".join(words[i : i + 9]) for i in range(0, len(words), 9)) + "\n")
    return path


@pytest.fixture(scope="module")
def model(text):
    path = text.parent / "model"
    ngram.build(text, path, 3, discount_fallback=True)
    return path


def test_a_model_goes_through_an_arpa_file(model, text, tmp_path):
    succeed("convert", model, "-o", tmp_path / "m.arpa.gz")
    for options in ((), ("--compact",), ("--bits", 12)):
        succeed("convert", tmp_path / "m.arpa.gz", "-o", tmp_path / "back", *options)
        want, found = (ngram.load(path).perplexity(text).perplexity for path in (model, tmp_path / "back"))
        assert found == pytest.approx(want, rel=1e-5 if "--bits" not in options else 0.02)
    succeed("build", text, "-o", tmp_path / "b", "-n", 3, "--discount-fallback", "--arpa", tmp_path / "b.arpa")
    succeed("convert", model, "-o", tmp_path / "m.arpa")
    assert (tmp_path / "b.arpa").read_bytes() == (tmp_path / "m.arpa").read_bytes()


def test_pruning(model, text, tmp_path):
    succeed("prune", model, "-o", tmp_path / "small", "--threshold", "1e-4")
    small = json.loads(succeed("info", tmp_path / "small", "--json"))
    assert small["ngrams"][2] < json.loads(succeed("info", model, "--json"))["ngrams"][2]
    succeed("count", text, "-o", tmp_path / "t", "-n", 3)
    succeed("prune", tmp_path / "t", "-o", tmp_path / "less", "--counts", "0 0 1")
    assert min(count for _, count in ngram.load(tmp_path / "less").items(order=3)) == 2


def test_merging_and_mixing(model, text, tmp_path):
    succeed("count", text, "-o", tmp_path / "t", "-n", 2)
    succeed("merge", tmp_path / "t", tmp_path / "t", "-o", tmp_path / "twice")
    table, twice = ngram.load(tmp_path / "t"), ngram.load(tmp_path / "twice")
    assert all(twice[ngram_] == 2 * count for ngram_, count in table.items())
    result = run("mix", model, model, "-o", tmp_path / "mixed", "--weights", "0.3 0.7")
    assert result.exit_code == 0
    assert "weights 0.3 0.7" in result.stderr
    want, found = (ngram.load(path).perplexity(text).perplexity for path in (model, tmp_path / "mixed"))
    assert found == pytest.approx(want, rel=1e-4)


def test_query_prints_what_kenlm_prints(model):
    lines = succeed("query", model, "--kenlm", "w1 w2 never").splitlines()
    words = lines[0].split("\t")
    assert [word.split()[0] for word in words[:4]] == ["w1=3", "w2=4", "never=0", "</s>=2"]
    scores = ngram.load(model).scores("w1 w2 never")
    assert words[4].split()[0::2] == ["Total:", "OOV:"]
    assert float(words[4].split()[1]) == pytest.approx(sum(word.log10 for word in scores), rel=1e-6)
    assert lines[1].startswith("Perplexity including OOVs:\t")
    assert lines[3:] == ["OOVs:\t1", "Tokens:\t4"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("convert", "m", "-o", "x.arpa", "--bits", 8), "--bits and --compact are for a model"),
        (("convert", "m", "-o", "x", "--compact"), "--compact is for an ARPA file"),
        (("prune", "m", "-o", "x"), "expected --threshold, for a model, or --counts, for a table"),
        (("prune", "m", "-o", "x", "--counts", "0 1"), "holds no table of counts"),
        (("prune", "m", "-o", "x", "--threshold", "-1"), "threshold"),
        (("merge", "m", "-o", "x"), "table"),
        (("mix", "m", "-o", "x", "--weights", "a"), "--weights must be numbers"),
        (("mix", "m", "-o", "x", "--weights", "0.5"), "sum 1"),
        (("convert", "none.arpa", "-o", "x"), "No such file"),
    ],
)
def test_errors_are_one_line_and_leave_no_file(model, tmp_path, arguments, message):
    names = {"m": model, "x": tmp_path / "x", "x.arpa": tmp_path / "x.arpa"}
    result = run(*(names.get(argument, argument) for argument in arguments))
    assert result.exit_code in (1, 2), result.stderr
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_table_goes_through_lines(text, tmp_path):
    succeed("count", text, "-o", tmp_path / "t", "-n", 3)
    succeed("convert", tmp_path / "t", "-o", tmp_path / "counts.tsv.gz")
    facts = json.loads(succeed("convert", tmp_path / "counts.tsv.gz", "-o", tmp_path / "back", "--json"))
    assert facts["ngrams"] == ngram.load(tmp_path / "t").counts
    assert dict(ngram.load(tmp_path / "back").items()) == dict(ngram.load(tmp_path / "t").items())
    succeed("convert", tmp_path / "t", "-o", tmp_path / "some.txt", "--orders", "2,3", "--min-count", 5)
    some = [line.split("\t") for line in (tmp_path / "some.txt").read_text().splitlines()]
    assert {len(ngram.split()) for ngram, _ in some} == {2, 3}
    assert min(int(count) for _, count in some) == 5


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["model", "-o", "x.tsv"], 1, "holds no table of counts"),
        (["t", "-o", "x.tsv", "--bits", "4"], 2, "--bits and --compact are for a model as --output"),
        (["t", "-o", "x.arpa", "--min-count", "2"], 2, "--orders and --min-count are for counts as lines"),
        (["t", "-o", "x.tsv", "--orders", "two"], 2, "--orders must be whole numbers"),
        (["t", "-o", "x.tsv", "--orders", "4"], 1, "order must be between 1 and 3, got 4"),
    ],
)
def test_what_cannot_be_converted_to_lines(model, text, arguments, status, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").symlink_to(model)
    ngram.count(text, 3).save("t")
    result = run("convert", *arguments)
    assert result.exit_code == status
    assert message in " ".join(result.output.replace("│", " ").split())
    assert {path.name for path in tmp_path.iterdir()} == {"model", "t"}
