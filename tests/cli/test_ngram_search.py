"""fastlm ngram index and fastlm ngram search, as a user runs them."""

import json

import pytest

from fastlm import ngram
from tests.cli.ngram_command import run, succeed

TEXT = "the cat sat on\nthe mat\n\na dog sat on the mat\n"


@pytest.fixture
def index(tmp_path):
    (tmp_path / "corpus").write_text(TEXT)
    path = tmp_path / "corpus.index"
    facts = json.loads(succeed("index", tmp_path / "corpus", "-o", path, "--documents", "blank-line", "--json"))
    assert (facts["tokens"], facts["documents"], facts["sources"]) == (14, 2, 1)
    return path


def test_counts_with_documents(index, tmp_path):
    corpus = tmp_path / "corpus"
    assert succeed("search", index, "sat on the mat", "zz").splitlines() == [
        "2 in 2 documents: sat on the mat",
        f"  {corpus}:1 (1) the cat [sat on the mat]",
        f"  {corpus}:4 (1) a dog [sat on the mat]",
        "0 in 0 documents: zz",
    ]
    assert succeed("search", index, "the", "--limit", 0) == "3 in 2 documents: the\n"
    lines = succeed("search", index, "--json", "--limit", 1, input="the\ndog sat\n").splitlines()
    the, dog = map(json.loads, lines)
    assert (the["count"], the["document_count"], len(the["documents"])) == (3, 2, 1)
    first = {"document": 1, "count": 1, "position": 1, "source": str(corpus), "line": 4}
    assert dog["documents"] == [{**first, "snippet": "a [dog sat] on the mat"}]


def test_what_is_looked_up_is_tokenised_as_the_texts_were(tmp_path):
    (tmp_path / "texts.jsonl").write_text('{"text": "The Cat"}\n{"text": "a CAT"}\n')
    options = ["--tokenizer", "characters", "--lower", "--column", "text", "--documents", "line"]
    succeed("index", tmp_path / "texts.jsonl", "-o", tmp_path / "index", *options)
    assert succeed("search", tmp_path / "index", " Cat", "--limit", 0) == "2 in 2 documents:  Cat\n"
    assert succeed("search", tmp_path / "index", "--next", "-k", 1, "xCA").splitlines()[1] == "1         t"


def test_next_words(index):
    assert succeed("search", index, "--next", "my cat sat on the").splitlines() == [
        "1 after 4 words: cat sat on the",
        "1         mat",
    ]
    found = json.loads(succeed("search", index, "--next", "-k", 1, "--json", "zz the"))
    assert found["match"] == {"text": "the", "length": 1, "count": 3}
    assert found["next"] == [{"word": "mat", "probability": 2 / 3}]


def test_contamination(index, tmp_path):
    (tmp_path / "test").write_text("he said\nthe cat sat on the mat today\n")
    command = ["search", index, "--contamination", tmp_path / "test", "--min-length", 4]
    summary, match = succeed(*command).splitlines()
    assert summary.startswith("66.67 % of 9 words lie in 1 match of at least 4 words")
    assert match == f"  {tmp_path}/test:2 (6 words) as {tmp_path}/corpus:1: the cat sat on the mat"
    found = json.loads(succeed(*command, "--json"))
    assert (found["words"], found["covered"], found["longest"], found["min_length"]) == (9, 6, 6, 4)
    assert [(span["line"], span["begin"], span["text"]) for span in found["spans"]] == [
        (2, 2, "the cat sat on the mat")
    ]
    assert found["spans"][0]["example"]["document"] == 0


def test_files_of_another_kind(index, tmp_path):
    ngram.count_sentences(["a b"], 2).save(tmp_path / "table")
    for command, file, message in [
        ("search", tmp_path / "table", "holds n-grams of up to 2 words; make an index: fastlm ngram index"),
        ("query", index, "is an index, which has no probabilities; ask it with fastlm ngram search"),
        ("search", tmp_path / "corpus", "not an n-gram file of fastlm"),
    ]:
        result = run(command, file, "a")
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == f"fastlm: {file}: {message}\n"
    assert json.loads(succeed("info", index, "--json"))["documents"] == 2


def test_wrong_commands(index, tmp_path):
    for arguments, status, message in [
        (["search", index, "a", "--contamination", "x"], 2, "leave out the n-grams and --next"),
        (["search", index, "a </s> b"], 1, "'</s>' only as its last word"),
        (["search", index, "--contamination", tmp_path / "no"], 1, "No such file"),
        (["search", index, "a", "--min-length", 0], 2, "min-length"),
        (["index", tmp_path / "corpus", "-o", tmp_path / "corpus"], 2, "would overwrite the text"),
        (["index", tmp_path / "corpus", "-o", tmp_path], 2, "is a folder"),
        (["index", "-", "-o", tmp_path / "new"], 1, "the corpus is empty"),
    ]:
        result = run(*arguments)
        assert result.returncode == status, result.stderr
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "new").exists()
