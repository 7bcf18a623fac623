"""<unk>, <s> and </s> as words of a text: refused, left out, or taken as unknown words."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastlm import ngram

SPECIAL = ("<unk>", "<s>", "</s>")
words = st.lists(st.sampled_from(["a", "b", "<b>", "<unk>x", *SPECIAL]), max_size=6)


@given(st.lists(words, min_size=1, max_size=5), st.sampled_from(["skip", "unknown"]), st.integers(1, 7))
def test_as_the_same_text_with_them_replaced(lines, reserved, size):
    lines = [*lines, ["a"]]
    if reserved == "skip":
        replaced = [[word for word in line if word not in SPECIAL] for line in lines]
    else:
        replaced = [["<unk>" if word in SPECIAL else word for word in line] for line in lines]
    want = dict(ngram.count_sentences([" ".join(line) for line in replaced], 3).items())

    class Pieces(io.BytesIO):
        def read1(self, _):
            return self.read(size)

    text = "".join(" ".join(line) + "\n" for line in lines)
    assert dict(ngram.count(Pieces(text.encode()), 3, reserved=reserved).items()) == want
    assert dict(ngram.count(lines, 3, reserved=reserved).items()) == want  # lists of tokens


def test_unknown_words_are_no_error():
    table = ngram.count_sentences(["a <unk> b"], 2)
    assert (table["a <unk>"], table["<unk>"]) == (1, 1)
    assert ngram.count_sentences(["a <unk> b"], 2, reserved="skip")["a b"] == 1


@pytest.mark.parametrize("word", ["<s>", "</s>"])
def test_refused_with_file_line_word_and_the_ways_out(word, tmp_path):
    path = tmp_path / "corpus"
    path.write_text(f"a b\nc {word} d\n")
    message = f"{path}:2: '{word}' stands in the text; it is reserved for the bounds of a sentence; reserved='skip' "
    message += "would take it as white space, 'unknown' as <unk>"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ngram.build(path, tmp_path / "model")
    assert not (tmp_path / "model").exists()
    with pytest.raises(ValueError, match=r"corpus:2: .*sentence$"):  # of a text that is scored there is no other way
        ngram.count_sentences(["a b"], 2).estimate("witten-bell").perplexity(path)


def test_other_ways_are_refused():
    with pytest.raises(ValueError, match="reserved must be 'error', 'skip' or 'unknown', got 'keep'"):
        ngram.count_sentences(["a"], 2, reserved="keep")


def test_a_text_of_nothing_else_is_empty():
    with pytest.raises(ValueError, match="the corpus is empty"):
        ngram.count_sentences(["<s> </s>", "<unk>"], 2, reserved="skip")
    assert ngram.count_sentences(["<s>"], 1, reserved="unknown")["<unk>"] == 1
