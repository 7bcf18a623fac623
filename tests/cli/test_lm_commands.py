"""fastlm lm, as a user runs it: trains, goes on, measures, tags, classifies, and says what is wrong in one line."""

import csv
import json
import math
import os
import signal
import sys
from functools import partial

import pytest

from fastlm import lm, ngram
from fastlm.cli import lm_sentences
from tests.cli import command

run, succeed = partial(command.run, "lm"), partial(command.succeed, "lm")
LINES = ["the cat sat on the mat", "the dog sat on the cat", "the dog ran"] * 20
SMALL = ("--hidden", "8", "--layers", "1", "--batch-size", "4", "--epochs", "2", "--threads", "1")
LABELLED = "label,text\n" + 'good,"fine, a fine film"\nbad,"dull, a dull film"\n' * 12
TAGGED = "# text = the cat sat\n1\tthe\t_\tDET\t_\t_\t_\t_\t_\t_\n2\tcat\t_\tNOUN\t_\t_\t_\t_\t_\t_\n\n" * 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A corpus, other files, and a model."""
    folder = tmp_path_factory.mktemp("lm")
    (folder / "corpus").write_text("".join(f"{line}\n" for line in LINES))
    (folder / "valid").write_text("the cat ran\nthe bird sat\n")
    (folder / "empty").write_text("")
    (folder / "one").write_text("word\n")
    (folder / "latin1").write_bytes("caf\xe9\n".encode("latin-1"))
    (folder / "reviews.csv").write_text(LABELLED)
    (folder / "tags.conllu").write_text(TAGGED)
    succeed("train", folder / "corpus", "-o", folder / "model", *SMALL)
    return folder


class TestTrain:
    def test_says_what_it_made(self, folder, tmp_path):
        files = ("-o", tmp_path / "model", "--log", tmp_path / "log.csv")
        facts = json.loads(succeed("train", folder / "corpus", *files, *SMALL, "--valid", folder / "valid", "--json"))
        assert facts["vocabulary"] == 9
        assert facts["epochs"] == 2
        assert facts["finished"]
        loaded = lm.load(tmp_path / "model")
        valid = loaded.vocabulary.encode(["the cat ran", "the bird sat"])
        found = lm.perplexity(loaded.model, valid, 1, batch_size=4)
        assert facts["perplexity"] == pytest.approx(found, rel=1e-4)
        with (tmp_path / "log.csv").open() as file:
            assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]

    def test_goes_on_with_the_model_and_recipe_of_the_checkpoint(self, folder, tmp_path):
        whole, stopped = tmp_path / "whole", tmp_path / "stopped"
        options = (*SMALL, "--dropout", "0.2", "--seed", "4", "--lr", "0.01")
        succeed("train", folder / "corpus", "-o", whole, *options)
        succeed("train", folder / "corpus", "-o", stopped, *options, "--seconds", "0")
        again = run("train", folder / "corpus", "-o", stopped, *options)
        assert again.returncode == 1
        assert "holds a run that has not ended; --resume goes on with it, --restart gives it up" in again.stderr
        succeed("train", folder / "corpus", "-o", stopped, "--resume")
        assert whole.read_bytes() == stopped.read_bytes()
        assert "takes model, recipe, voc" in run("train", "-", "-o", stopped, "--resume", "--lower").stderr
        other = run("train", folder / "corpus", "-o", stopped, "--resume", "--hidden", "9")
        assert other.returncode == 1
        assert "stopped.checkpoint: is of another model: hidden_size is 8 there and 9 here" in other.stderr

    def test_from_a_token_file(self, folder, tmp_path):
        facts = json.loads(succeed("encode", folder / "corpus", "-o", tmp_path / "tokens", "--json"))
        assert facts["tokens"] == sum(len(line.split()) + 1 for line in LINES)
        succeed("encode", folder / "valid", "-o", tmp_path / "valid", "--vocabulary", tmp_path / "tokens")
        for name, text, valid in (
            ("a", folder / "corpus", folder / "valid"),
            ("b", tmp_path / "tokens", tmp_path / "valid"),
        ):
            succeed("train", text, "--valid", valid, "-o", tmp_path / name, *SMALL)
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

    @pytest.mark.parametrize(
        "options",
        [
            ("--preset", "zaremba-small", "--hidden", "6"),
            ("--window", "3"),
            ("--cell", "gru", "--tied", "--orthogonal", "--init", "xavier"),
            ("--forget-bias", "1", "--optimizer", "nt-asgd", "--variable-bptt", "--clip", "0"),
            ("--unit", "characters", "--bptt", "50", "--lower"),
        ],
    )
    def test_many_kinds(self, folder, tmp_path, options):
        small = ("--epochs", "1", "--batch-size", "4", "--threads", "1")
        succeed("train", folder / "corpus", "-o", tmp_path / "model", *small, "--hidden", "8", *options)
        assert lm.load(tmp_path / "model").meta["epochs"] == 1

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("{}/empty",), "expected text with at least one word, got none"),
            (("{}/one",), "expected a text of at least 20 tokens, one for each column of the batch, got 2; give more"),
            (("{}/nothing",), "nothing: No such file or directory"),
            (("{}/latin1",), "latin1:1: invalid UTF-8"),
            (("{}/corpus", "--preset", "gpt"), "no preset 'gpt'; there are zaremba-small"),
            (("{}/corpus", "--cell", "ltsm"), "cell must be one of rnn_tanh"),
            (("{}/corpus", "--window", "3", "--cell", "gru"), "a model of a --window has no cell"),
            (("{}/corpus", "--optimizer", "lion"), "optimizer must be one of sgd"),
            (("{}/corpus", "--lr", "-1"), "lr must be a number above 0"),
            (("{}/corpus", "--resume"), "No such file or directory"),
            (("{}/corpus", "--valid", "{}/empty"), "expected a validation text of at least 1 tokens"),
            (("{}/corpus", "--min-count", "500"), "no word occurs 500 times; the most frequent one occurs 100 times"),
            (("{}/corpus", "--device", "abacus"), "--device abacus"),
            (("{}/corpus", "--lr", "1e38", "--optimizer", "sgd", *SMALL), "lower the learning rate"),
        ],
    )
    def test_errors_are_one_line(self, folder, tmp_path, arguments, message):
        result = run("train", *(str(a).format(folder) for a in arguments), "-o", tmp_path / "new")
        assert result.returncode in (1, 2)
        assert message in result.stderr
        assert result.stderr.splitlines()[-1].startswith("fastlm: ")
        assert "Traceback" not in result.stderr
        assert not (tmp_path / "new").exists()

    def test_a_text_is_not_overwritten(self, folder):
        result = run("train", folder / "corpus", "-o", folder / "corpus")
        assert "--output would overwrite the text" in result.stderr
        result = run("train", folder / "corpus", "-o", folder / "new", "--log", folder / "corpus")
        assert "would overwrite the text" in result.stderr
        assert (folder / "corpus").read_text().startswith(LINES[0])


class TestEval:
    def test_counts_the_tokens_that_ngram_counts(self, folder):
        found = json.loads(succeed("eval", folder / "model", folder / "valid", "--json"))
        words = list(lm.load(folder / "model").vocabulary)[2:]
        model = ngram.count_sentences(LINES, 2, vocabulary=words).estimate("add-delta")
        expected = model.perplexity(folder / "valid")
        for name in ("tokens", "sentences", "unknown"):
            assert found[name] == getattr(expected, name)
        assert found["perplexity"] == pytest.approx(10 ** (-found["log10"] / found["tokens"]))

    def test_of_standard_input(self, folder):
        shown = succeed("eval", folder / "model", input="the cat ran\n")
        assert "of words, <unk> and the </s> of each line" in shown
        assert "4, 0 of them unknown" in shown

    def test_dynamic(self, folder):
        found = json.loads(succeed("eval", folder / "model", folder / "corpus", "--dynamic", "1", "--json"))
        loaded = lm.load(folder / "model")
        expected = lm.evaluate_dynamically(loaded.model, loaded.vocabulary, LINES, learning_rate=1.0)
        assert found["perplexity"] == pytest.approx(expected.perplexity)
        assert found["perplexity"] < lm.evaluate(loaded.model, loaded.vocabulary, LINES).perplexity

    def test_with_an_ngram_model(self, folder, tmp_path):
        loaded = lm.load(folder / "model")
        model = ngram.count_sentences(LINES, 2, vocabulary=list(loaded.vocabulary)[2:]).estimate("witten-bell")
        model.save(tmp_path / "ngram")
        arguments = ("eval", folder / "model", folder / "valid", "--ngram", tmp_path / "ngram")
        found = json.loads(succeed(*arguments, "--heldout", folder / "corpus", "--json"))
        both = lm.interpolate(model, loaded.model, loaded.vocabulary, LINES)
        assert found["weight"] == pytest.approx(both.weight)
        assert found["perplexity"] == pytest.approx(both.evaluate(["the cat ran", "the bird sat"]).perplexity)
        assert "0.250, the n-gram model has the rest" in succeed(*arguments, "--weight", "0.25")
        assert "either a weight, or heldout" in run(*arguments).stderr
        assert run("eval", folder / "model", folder / "valid", "--weight", "1").returncode == 2

    def test_characters(self, folder, tmp_path):
        succeed("train", folder / "corpus", "-o", tmp_path / "model", "--unit", "characters", *SMALL)
        found = json.loads(succeed("eval", tmp_path / "model", folder / "corpus", "--json"))
        assert found["bits_per_character"] == pytest.approx(math.log2(found["perplexity"]))

    def test_of_what_is_no_model(self, folder, tmp_path):
        assert "is no model of fastlm" in run("eval", folder / "corpus", folder / "valid").stderr
        assert "at least one token" in run("eval", folder / "model", folder / "empty").stderr
        lm.save(lm.SentenceClassifier(3, 2, 4), lm.Vocabulary(["a"]), tmp_path / "other")
        assert "expected RecurrentLM or FixedWindowLM, got SentenceClass" in run("eval", tmp_path / "other", "-").stderr


class TestSentences:
    OPTIONS = ("--hidden", "8", "--epochs", "25", "--lr", "0.02", "--dropout", "0")

    @pytest.mark.parametrize("pool", ["last", "max", "mean"])
    def test_classify(self, folder, tmp_path, pool):
        data = folder / "reviews.csv"
        trained = ("--train", data, "--valid", data, "--test", data, "--pool", pool)
        assert succeed("classify", tmp_path / "model", *trained, *self.OPTIONS) == "100.00% of 24 sentences right\n"
        shown = succeed("classify", tmp_path / "model", input="dull, a dull film\nfine, a fine film\n").splitlines()
        assert [line.split("\t")[0] for line in shown] == ["bad", "good"]
        facts = json.loads(succeed("classify", tmp_path / "model", "--json", input="dull, a dull film"))
        assert facts["label"] == "bad"
        assert sum(facts["probabilities"].values()) == pytest.approx(1)

    def test_tag(self, folder, tmp_path):
        data = folder / "tags.conllu"
        options = ("--train", data, "--test", data, *self.OPTIONS, "--lower")
        assert succeed("tag", tmp_path / "model", *options) == "100.00% of 24 words right\n"
        assert succeed("tag", tmp_path / "model", input="The cat\n") == "The\tDET\ncat\tNOUN\n\n"
        facts = json.loads(succeed("tag", tmp_path / "model", "--json", input="the cat\n"))
        assert facts == {"words": ["the", "cat"], "tags": ["DET", "NOUN"]}

    def test_ctrl_c_writes_the_model_so_far(self, folder, tmp_path, monkeypatch):
        monkeypatch.setattr(lm_sentences, "_show", lambda done: os.kill(os.getpid(), signal.SIGINT))
        result = run("tag", tmp_path / "model", "--train", folder / "tags.conllu", "--hidden", "4", "--epochs", "9")
        assert result.returncode == 130
        assert result.stderr == "fastlm: stopped; the best model so far was written\n"
        assert lm.load(tmp_path / "model").meta["labels"] == ["DET", "NOUN"]

    def test_a_word_with_a_space_in_it_has_one_tag(self, tmp_path):
        (tmp_path / "data").write_text("20 000\tNUM\nmen\tNOUN\n\n" * 4)
        options = ("--train", tmp_path / "data", "--test", tmp_path / "data", *self.OPTIONS)
        assert succeed("tag", tmp_path / "model", *options) == "100.00% of 8 words right\n"

    @pytest.mark.parametrize(
        ("command", "content", "message"),
        [
            ("classify", "", "expected rows of a label and a text, got none"),
            ("classify", "label,text\n", "expected rows of a label and a text, got none"),
            ("classify", "a,b\nc\n", "data.csv:2: expected at least 2 columns"),
            ("classify", "a,b\na,c\n", "no word occurs 2 times"),
            ("classify", "a,b b\na,c c\n", "expected at least 2 classes, got 1"),
            ("tag", "", "expected sentences, a word and its tag a line, got none"),
            ("tag", "a X\nb\n", "data.csv:2: expected a word and its tag in 2 columns, got 'b'"),
        ],
    )
    def test_bad_files(self, tmp_path, command, content, message):
        (tmp_path / "data.csv").write_text(content)
        result = run(command, tmp_path / "model", "--train", tmp_path / "data.csv")
        assert result.returncode == 1
        assert message in result.stderr

    def test_bad_requests(self, folder, tmp_path):
        assert "--valid is for --train" in run("tag", folder / "model", "--valid", folder / "corpus").stderr
        assert "expected SequenceTagger, got RecurrentLM" in run("tag", folder / "model", folder / "corpus").stderr
        (tmp_path / "other.csv").write_text("ugly,a film\n")
        data = folder / "reviews.csv"
        succeed("classify", tmp_path / "model", "--train", data, "--epochs", "1", "--hidden", "4")
        result = run("classify", tmp_path / "model", "--test", tmp_path / "other.csv")
        assert "other.csv: has the label 'ugly', which the model has not: bad, good" in result.stderr


def test_without_safetensors_the_command_says_so(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    result = run("eval", folder / "model", folder / "valid")
    assert result.returncode == 1
    assert result.stderr == "fastlm: saved models need the package safetensors; pip install 'fastlm[lm]'\n"
