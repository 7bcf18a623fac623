"""The table of models: each figure beside the same computed apart, on a text made by a small grammar."""

import csv
import json
import math
import random
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from fastlm import lm, ngram
from fastlm.cli.app import app
from fastlm.lm import comparison
from fastlm.lm.comparison import MODELS, Split, compare
from fastlm.lm.comparison_report import cells, save_comparison


def grammar(lines, seed=0):
    draw = random.Random(seed)
    nouns, verbs = ["cat", "dog", "bird", "fish", "student"], ["sees", "hears", "likes", "opens"]
    return [
        f"the {draw.choice(nouns)} {draw.choice(verbs)} {draw.choice(['a', 'the'])} {draw.choice(nouns)}"
        for _ in range(lines)
    ]


@pytest.fixture(scope="module")
def split():
    return Split.of(grammar(300))


@pytest.fixture(scope="module")
def found(split):
    return compare(split, vocabulary_size=12, hidden_size=12, epochs=2, reference=True)


class TestSplit:
    @pytest.mark.parametrize("number", [20, 39, 40, 101])
    def test_each_line_once_and_in_order(self, number):
        lines = [str(i) for i in range(number)]
        split = Split.of(["", *lines, "  "])
        assert [*split.train, *split.valid, *split.test] == lines
        assert len(split.valid) == len(split.test) == number // 20

    def test_of_too_little(self):
        with pytest.raises(ValueError, match=r"at least 20 lines.*got 19"):
            Split.of(["a"] * 19)


class TestRows:
    def test_there_is_one_for_each_model(self, found):
        assert [row.model for row in found.rows] == [*MODELS, "mixture"]
        assert all(1 < row.perplexity < 20 for row in found.rows)
        assert found.facts["vocabulary"] == 12
        assert sum(found.facts["lines"].values()) == 300

    def test_of_ngrams(self, found, split):
        words = list(lm.Vocabulary.from_sentences(split.train, 12))[2:]
        model = ngram.count_sentences(split.train, 3, vocabulary=words).estimate(discount_fallback=True)
        row = next(row for row in found.rows if row.model == "kneser-ney-3")
        assert row.perplexity == pytest.approx(model.perplexity_of(split.test).perplexity)
        assert row.sample == model.generate(max_words=30, seed=1)
        assert row.parameters is None
        assert row.bytes > 0

    def test_of_neural_models(self, found, split):
        row = next(row for row in found.rows if row.model == "elman")
        assert row.parameters == 2 * 12 * 12 + 2 * 12 + 12 * 12 + 13 * 12
        assert row.bytes == 4 * row.parameters
        assert row.epochs == len(row.curve) == 2
        assert min(ppl for _, ppl in row.curve) == pytest.approx(row.valid_perplexity, rel=0.02)
        assert row.words_per_second > 0 < row.torch_words_per_second
        assert row.torch_perplexity == pytest.approx(row.perplexity, rel=1e-3)

    def test_of_the_mixture(self, found):
        best = min(row.valid_perplexity for row in found.rows[:-1])
        assert found.rows[-1].valid_perplexity <= best * 1.001

    def test_notes_say_how_far(self, found):
        notes = "\n".join(found.notes())
        assert "LSTM, 2 layers: perplexity" in notes
        assert "% above the " in notes or "% below the " in notes
        assert "the same model of torch.nn" in notes

    def test_the_same_seed_gives_the_same(self, found, split):
        again = compare(split, models=["elman"], vocabulary_size=12, hidden_size=12, epochs=2)
        row = next(row for row in found.rows if row.model == "elman")
        assert (again.rows[0].perplexity, again.rows[0].sample) == (row.perplexity, row.sample)

    def test_a_model_that_diverges_leaves_the_others(self, split, monkeypatch):
        monkeypatch.setattr(comparison, "_RECIPE", replace(comparison._RECIPE, optimizer="sgd", lr=1e30))
        found = compare(split, models=["kneser-ney-2", "window"], vocabulary_size=12, epochs=1)
        assert [row.perplexity < math.inf for row in found.rows] == [True, False]
        assert cells(found.rows[1])[1] == "diverged"
        assert "not finite" in found.notes()[-1]


def test_files(found, tmp_path):
    table, data, picture = save_comparison(tmp_path / "new", found)
    rows = list(csv.DictReader(table.open()))
    assert [float(row["perplexity"]) for row in rows] == [row.perplexity for row in found.rows]
    assert json.loads(data.read_text())["models"][-1]["model"] == "mixture"
    assert picture.read_bytes().startswith(b"\x89PNG")


class TestCommand:
    def run(self, *arguments):
        return CliRunner().invoke(app, ["lm", "compare", *map(str, arguments)])

    def test_table_and_files(self, tmp_path):
        (tmp_path / "text").write_text("\n".join(grammar(100)))
        small = ["--models", "add-delta-3, gru", "--hidden", "4", "--epochs", "1", "--seconds", "60"]
        shown = self.run(tmp_path / "text", *small, "--output", tmp_path / "out")
        assert shown.exit_code == 0
        assert "90 lines" in shown.stdout
        assert "GRU" in shown.stdout
        assert len(list((tmp_path / "out").iterdir())) == 3
        (tmp_path / "other").write_text("\n".join(grammar(5, seed=1)))
        apart = ["--valid", tmp_path / "other", "--test", tmp_path / "other", "--json"]
        data = json.loads(self.run(tmp_path / "text", "--models", "backoff-3", *apart).stdout)
        assert data["facts"]["lines"] == {"train": 100, "valid": 5, "test": 5}

    @pytest.mark.parametrize(
        ("text", "options", "status", "message"),
        [
            ("", [], 1, "at least one word"),
            ("word\n", [], 1, "at least 20 lines"),
            ("a b\n" * 40, ["--models", "transformer"], 2, "no model transformer; there are add-delta-3"),
            ("a b\n" * 40, ["--valid", "text"], 2, "go together"),
            ("\udcff\n" * 40, [], 1, "text:1: invalid UTF-8"),
        ],
        ids=["empty", "short", "model", "valid", "latin-1"],
    )
    def test_errors_are_one_line(self, tmp_path, text, options, status, message):
        (tmp_path / "text").write_bytes(text.encode(errors="surrogateescape"))
        shown = self.run(tmp_path / "text", *options)
        assert shown.exit_code == status
        assert message in shown.stderr
        assert shown.stderr.count("\n") == 1
