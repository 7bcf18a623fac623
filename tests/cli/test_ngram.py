"""fastlm ngram asked, as a user does it: through pipes, with wrong input."""

import json
import math
import re
import subprocess

import pytest

from fastlm import ngram
from tests.cli.ngram_command import COMMAND, LINES, TEXT, run, succeed


class TestInfo:
    def test_text_and_json(self, folder):
        table = ngram.load(folder / "table")
        out = succeed("info", folder / "model")
        assert re.search(r"^smoothing +backoff$", out, re.M)
        assert re.search(rf"^ngrams +{' '.join(map(str, table.counts))}$", out, re.M)
        facts = json.loads(succeed("info", folder / "model", "--json"))
        assert facts["order"] == 3
        assert facts["ngrams"] == table.counts
        assert facts["bytes"] == (folder / "model").stat().st_size

    def test_a_table(self, folder):
        assert "holds counts without probabilities" in succeed("info", folder / "table")
        assert json.loads(succeed("info", folder / "table", "--json"))["smoothing"] is None


class TestQuery:
    def test_words_orders_and_total(self, folder):
        model = ngram.load(folder / "model")
        for out in (
            succeed("query", folder / "model", "the cat flew"),
            succeed("query", folder / "model", input="the cat flew\n"),
            succeed("query", folder / "model", "-", input="the cat flew\r\n"),
        ):
            *words, total, unknown = out.rstrip("\n").split("\t")
            assert [word.split()[0] for word in words] == ["the", "cat", "flew=<unk>", "</s>"]
            assert [int(word.split()[1]) for word in words] == [score.order for score in model.scores("the cat flew")]
            assert total == f"total {model.score('the cat flew'):.4f}"
            assert unknown == "unknown 1"

    def test_json_lines(self, folder):
        out = succeed("query", folder / "ml", "--json", input="the dog ran\nthe mat ran\n\n")
        first, second, empty = map(json.loads, out.splitlines())
        assert first["log10"] == pytest.approx(math.log10(2 / 3 / 2), abs=1e-6)
        assert [word["word"] for word in first["words"]] == ["the", "dog", "ran", "</s>"]
        assert second["log10"] is None  # impossible: JSON has no infinity
        assert [word["word"] for word in empty["words"]] == ["</s>"]

    def test_input_that_is_not_utf8(self, folder):
        result = run("query", folder / "model", input=b"the\n\xff\n")
        assert result.returncode == 1
        assert result.stdout.startswith("the 2 ")
        assert "fastlm: standard input:2: invalid UTF-8" in result.stderr


class TestPerplexity:
    def test_text_and_json(self, folder):
        want = ngram.load(folder / "model").perplexity_of([*LINES, "a bird sat"])
        heldout = TEXT + "a bird sat\n"
        out = succeed("perplexity", folder / "model", input=heldout)
        assert re.search(rf"^perplexity +{want.perplexity:.2f}$", out, re.M)
        assert re.search(rf"^without unknown words +{want.perplexity_known:.2f}$", out, re.M)
        assert re.search(r"^tokens +22, 2 of them unknown$", out, re.M)
        found = json.loads(succeed("perplexity", folder / "model", "-", "--json", input=heldout))
        assert found["perplexity"] == want.perplexity
        assert found["unknown"] == 2

    def test_files(self, folder):
        want = ngram.load(folder / "model").perplexity_of(LINES * 2).perplexity
        out = succeed("perplexity", folder / "model", folder / "corpus.gz", folder / "corpus.zst")
        assert f" {want:.2f}\n" in out

    def test_errors(self, folder):
        result = run("perplexity", folder / "model", input="")
        assert (result.returncode, result.stderr) == (1, "fastlm: the text is empty: expected at least one line\n")
        result = run("perplexity", folder / "model", folder / "latin1.txt")
        assert result.returncode == 1
        assert "latin1.txt:2: invalid UTF-8" in result.stderr
        assert "unknown" in succeed("perplexity", folder / "model", folder / "latin1.txt", "--errors", "replace")


class TestNext:
    def test_words_and_probabilities(self, folder):
        want = ngram.load(folder / "model").next("the dog", 2)
        out = succeed("next", folder / "model", "the dog", "-k", 2)
        assert out == succeed("next", folder / "model", "the", "dog", "-k", 2)
        assert out.split() == [f"{want[0][1]:.4g}", want[0][0], f"{want[1][1]:.4g}", want[1][0]]

    def test_the_begin_of_a_sentence(self, folder):
        assert succeed("next", folder / "ml", "<s>").split() == ["1", "the"]

    def test_lines_and_json(self, folder):
        out = succeed("next", folder / "ml", "-", "--json", input="the dog\nsat\n")
        first, second = map(json.loads, out.splitlines())
        assert first == {
            "context": "the dog",
            "next": [{"word": word, "probability": pytest.approx(0.5)} for word in ("sat", "ran")],
        }
        assert second["next"] == [{"word": "on", "probability": 1.0}]
        assert succeed("next", folder / "ml", "-", input="sat\n") == "sat:\n1         on\n"

    def test_unknown_words_are_named(self, folder):
        result = run("next", folder / "model", "blue cat")
        assert result.returncode == 0
        assert result.stderr == "fastlm: not in the vocabulary, taken as <unk>: blue\n"

    def test_no_distribution(self, folder):
        result = run("next", folder / "ml", "blue cat")
        assert result.returncode == 1
        assert "'blue cat' never occurs in the text, and maximum-likelihood has no distribution" in result.stderr


class TestGenerate:
    def test_seed_number_and_json(self, folder):
        out = succeed("generate", folder / "model", "the", "--seed", 5, "-n", 3, "--max-words", 4)
        model = ngram.load(folder / "model")
        want = [model.generate("the", max_words=4, seed=seed) for seed in (5, 6, 7)]
        assert out.splitlines() == want
        out = succeed("generate", folder / "model", "-", "--seed", 5, "--max-words", 4, "--json", input="the\n")
        assert json.loads(out) == {"prompt": "the", "text": want[0]}

    def test_greedy(self, folder):
        assert succeed("generate", folder / "ml", "the dog sat", "--temperature", 0, "--top-k", 1) == LINES[1] + "\n"

    def test_an_impossible_prompt(self, folder):
        result = run("generate", folder / "ml", "mat mat")
        assert result.returncode == 1
        assert "the model has no distribution after these words" in result.stderr

    @pytest.mark.parametrize(
        "option", [("--temperature", "-1"), ("--top-k", "-1"), ("--max-words", "-1"), ("--seed", "-1"), ("-n", "0")]
    )
    def test_ranges(self, folder, option):
        result = run("generate", folder / "model", *option)
        assert result.returncode == 2
        assert re.fullmatch(rf"fastlm: .*{option[0]}.*\n", result.stderr)

    def test_a_reader_that_has_enough_is_no_error(self, folder):
        script = '{ "$@"; echo "status $?" >&2; } | head -n 1'
        command = ["sh", "-c", script, "sh", *COMMAND, "generate", str(folder / "model"), "-n", "30000", "--seed", "1"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert result.stdout.count("\n") == 1
        assert result.stderr == "status 0\n"


@pytest.mark.parametrize("command", ["info", "query", "perplexity", "next", "generate"])
@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("nothing", "nothing: No such file or directory"),
        ("corpus.txt", "corpus.txt: not an n-gram file of fastlm"),
        ("altered", "altered: was altered: section"),
        ("truncated", "truncated: is truncated or was altered: has 1500 bytes, expected"),
        ("table", "table: holds counts without probabilities"),
    ],
)
def test_every_command_refuses_a_bad_model(folder, command, model, message):
    if (command, model) == ("info", "table"):
        return
    result = run(command, folder / model, input="")
    assert result.returncode == 1
    assert re.fullmatch(rf"fastlm: .*{re.escape(message)}.*\n", result.stderr)
    assert result.stdout == ""


def test_an_unknown_command():
    result = run("guess")
    assert result.returncode == 2
    assert re.fullmatch(r"fastlm: .*guess.*\n", result.stderr)


def test_help_lists_the_commands():
    out = succeed("--help")
    for command in ("build", "info", "query", "perplexity", "next", "generate"):
        assert command in out
