"""From text to tokens: each tokenizer by its definition, through files of any form, and what a model remembers."""

import functools
import io
import re
import sys

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from fastlm import ngram
from fastlm.ngram import Tokenization

from . import oracle

SENTENCES = ["The movie wasn't bad.", "It cost $3.50!", "", "Ça va, café? “Oui”"]
TEXT = "".join(f"{sentence}\n" for sentence in SENTENCES)


def in_twos(text):
    """A tokenizer of our own: two characters, of which the second may be a space."""
    return [text[i : i + 2] for i in range(0, len(text), 2)]


@functools.cache
def trained():
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel()
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([TEXT], trainer)
    return tokenizer


TOKENIZERS = {
    "whitespace": lambda text: text.split(),
    "characters": lambda text: ["␣" if c == " " else c for c in text],
    "bytes": lambda text: [chr(b) if 32 < b < 127 else f"<0x{b:02X}>" for b in text.encode()],
    in_twos: lambda text: [pair.replace(" ", "␣") for pair in in_twos(text)],
    trained(): lambda text: trained().encode(text).tokens,
}
each = pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=["whitespace", "characters", "bytes", "function", "bpe"])


class Slow(io.BytesIO):
    """A few bytes at a time: cut inside of lines and characters."""

    def read1(self, size=-1):
        return super().read1(7)


def counts(texts, **options):
    return {tuple(n.split(" ")): c for n, c in ngram.count(texts, 2, **options).items()}


@each
@pytest.mark.parametrize("lower", [False, True])
def test_files_and_sentences_count_as_their_tokens(tokenizer, lower):
    lines = [sentence.lower() if lower else sentence for sentence in SENTENCES]
    want = dict(oracle.count([" ".join(TOKENIZERS[tokenizer](line)) for line in lines], 2))
    for text in (TEXT, TEXT.replace("\n", "\r\n"), TEXT[:-1]):
        assert counts(io.BytesIO(text.encode()), tokenizer=tokenizer, lower=lower) == want
        assert counts(Slow(text.encode()), tokenizer=Tokenization(tokenizer, lower=lower)) == want
    assert counts([["The", "x"]], tokenizer=tokenizer, lower=lower).keys() >= {("The",), ("x",)}
    found = ngram.count_sentences(SENTENCES, 2, tokenizer=tokenizer, lower=lower)
    assert {tuple(n.split(" ")): c for n, c in found.items()} == want


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The movie (with Mr. Smith) wasn't good.", "The movie ( with Mr . Smith ) wasn't good ."),
        ("  $3,456.50 e-mail a_b  ", "$ 3,456.50 e - mail a_b"),
        ("naïve cafe\u0301 l\u2019eau", "naïve cafe\u0301 l\u2019eau"),
        ("東京タワー 한국어", "東 京 タワー 한국어"),
        ("🇫🇷🇩🇪 👩\u200d👩\u200d👧!", "🇫🇷 🇩🇪 👩\u200d👩\u200d👧 !"),
        ("a\xa0b\u3000c\td", "a b c d"),
        ("", ""),
    ],
)
def test_words_of_unicode(text, tokens):
    assert Tokenization("words").tokens(text) == tokens.split(" ") * bool(tokens)


@given(st.text())
def test_words_leave_out_white_space_only(text):
    assert "".join("".join(Tokenization("words").tokens(text)).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("It cost 3.5 or .5. He left.", ["It cost 3.5 or .5.", "He left."]),
        ("In the U.S.A. and e.g. here.", ["In the U.S.A. and e.g. here."]),
        ("“Why?” he said. (Well... yes.) No.", ["“Why?”", "he said.", "(Well... yes.)", "No."]),
        ("何\uff1fそう。はい", ["何\uff1f", "そう。", "はい"]),
        ("one\u2028two", ["one", "two"]),
        ("", [""]),
        ("  ", [""]),
        ("...", ["..."]),
    ],
)
def test_sentences_of_unicode(text, sentences):
    assert Tokenization(sentences="split").split(text) == sentences
    table = ngram.count(io.BytesIO(f"{text}\nend\n".encode()), 2, sentences="split")
    assert dict(table.items()) == dict(ngram.count_sentences([*sentences, "end"], 2).items())


@given(st.text(st.sampled_from("aA. !?)\"'1,\u0301\u2028\r\n"), max_size=30))
def test_splitting_loses_nothing_but_white_space(text):
    assert "".join("".join(Tokenization(sentences="split").split(text)).split()) == "".join(text.split())


@each
def test_a_model_tokenises_what_it_is_asked(tokenizer):
    table = ngram.count_sentences(SENTENCES, 3, tokenizer=tokenizer, lower=True)
    model = table.estimate("backoff")
    assert model.tokenization is table.tokenization is model.table.tokenization
    tokens = TOKENIZERS[tokenizer]("the movie was bad")
    assert model.scores("The movie WAS bad") == model.scores(tokens)
    assert model.score("The movie WAS bad") == model.score(tokens)
    assert model.score_batch(["The movie WAS bad", tokens]).tolist() == [model.score(tokens)] * 2
    assert model.next("<s> The movie") == model.next(["<s>", *TOKENIZERS[tokenizer]("the movie")])
    assert model.perplexity_of(["The movie"]) == model.perplexity_of([TOKENIZERS[tokenizer]("the movie")])
    assert model.perplexity(io.BytesIO(b"The movie")) == model.perplexity_of(["The movie"])
    assert model.probability("</s>", "<s>") == model.probability("</s>", ["<s>"])
    assert model.probability(tokens[0], "<s>") > 0
    with pytest.raises(ValueError, match="reserved for the bounds"):
        model.scores("<s> the movie")


@each
def test_what_is_drawn_is_text(tokenizer):
    sentence = "the movie wasn't bad"
    model = ngram.count_sentences([sentence], 12, tokenizer=tokenizer).estimate("maximum-likelihood")
    drawn = model.generate("the movi" if tokenizer is in_twos else "the movie", seed=1).strip()
    assert drawn == (" ".join(TOKENIZERS[in_twos](sentence)) if tokenizer is in_twos else sentence)


@each
def test_the_memory_of_a_tokenization(tokenizer):
    before = Tokenization(tokenizer, lower=True, sentences="split")
    after = Tokenization.from_json(before.to_json())
    assert after.to_json() == before.to_json()
    assert (after.lower, after.sentences) == (True, "split")
    if tokenizer is in_twos:
        with pytest.raises(ValueError, match=r"function, tests\.ngram\.test_tokenization\.in_twos, which is not in"):
            after.tokens("a b")
        assert after.words(["a", "b"]) == ["a", "b"]
    else:
        assert after.tokens(TEXT) == before.tokens(TEXT)


def test_a_model_without_its_function_takes_tokens():
    model = ngram.count_sentences(SENTENCES, 2, tokenizer=in_twos).estimate("add-delta")
    want = model.scores("The")
    model.tokenization = Tokenization.from_json(model.tokenization.to_json())
    assert model.scores(["Th", "e"]) == want
    for ask in (model.score, model.next, model.generate, lambda text: model.perplexity_of([text])):
        with pytest.raises(ValueError, match=r"give a list of tokens, or set tokenization = Tokenization\(function\)"):
            ask("The")
    model.tokenization = Tokenization(in_twos)
    assert model.scores("The") == want


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"tokenizer": {"magic": 1}, "lower": true, "sentences": "line"}', '{"tokenizer": "bytes"}'],
)
def test_what_is_no_tokenization(text):
    with pytest.raises(ValueError, match="expected a tokenization as JSON"):
        Tokenization.from_json(text)


def test_a_tokenizer_in_a_file(tmp_path):
    path = tmp_path / "tokenizer.json"
    trained().save(str(path))
    assert Tokenization(path).tokens("a movie") == Tokenization(str(path)).tokens("a movie")
    assert Tokenization(path).tokens("a movie") == trained().encode("a movie").tokens
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"tokenizer\.json: not a tokenizer of the package tokenizers"):
        Tokenization(path)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"tokenizer": "wordz"},
            ValueError,
            "unknown tokenizer 'wordz': expected one of whitespace, words, characters",
        ),
        ({"tokenizer": 3}, TypeError, "expected a tokenizer's name, path, object or function, got 3"),
        ({"sentences": "words"}, ValueError, "sentences must be one of line, split, got 'words'"),
        ({"tokenizer": lambda text: text}, ValueError, "sentences:1: expected tokens as a list of str, got 'a b'"),
        ({"tokenizer": lambda text: [1]}, ValueError, "sentences:1: expected tokens as a list of str, got [1]"),
        ({"tokenizer": lambda text: [""]}, ValueError, "sentences:1: expected tokens that are not empty"),
        ({"tokenizer": lambda text: None}, ValueError, "sentences:1: expected tokens as a list of str, got None"),
        ({"tokenizer": lambda text: ["<s>"]}, ValueError, "sentences:1: '<s>' stands in the text"),
        ({"tokenizer": lambda text: 1 // 0}, ZeroDivisionError, "by zero"),
    ],
)
def test_wrong_tokenizers(options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        ngram.count_sentences(["a b"], **options)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"One. Two.\nThree. \xff four.\n", "open file:2: invalid UTF-8: byte 255 in a word; errors='replace'"),
        (b"One. Two.\nThree. Four <s> .\n", "open file:2: '<s>' stands in the text"),
        (b"One. Two.\nThree. <S>\n", "open file:2: '<s>' stands in the text"),
        (b"One. Two.\nThree. F\0r.\n", "open file:2: byte 0"),
    ],
)
def test_places_are_those_of_the_file(data, message):
    for text in (io.BytesIO(data), Slow(data)):
        with pytest.raises(ValueError, match=re.escape(message)):
            ngram.count(text, sentences="split", lower=True)
    with pytest.raises(ValueError, match=re.escape(message.replace(":2:", ":20002:"))):
        ngram.count(io.BytesIO(b"A. B.\n" * 20000 + data), sentences="split", lower=True)


@given(st.lists(st.sampled_from([b"a", b" ", b"\n", b"\xc3", b"\xa9", b"\xf0\x9f", b"\xff"])))
@pytest.mark.parametrize("policy", ["replace", "ignore"])
def test_invalid_utf8_is_repaired(policy, pieces):
    data = b"w " + b"".join(pieces) + b"\n"
    lines = data.decode(errors=policy).split("\n")[:-1]
    want = dict(ngram.count_sentences(lines, 2, tokenizer="characters").items())
    assert dict(ngram.count(Slow(data), 2, tokenizer="characters", errors=policy).items()) == want


@pytest.mark.parametrize(
    ("package", "options"),
    [("regex", {"tokenizer": "words"}), ("regex", {"sentences": "split"}), ("tokenizers", {"tokenizer": "t.json"})],
)
def test_without_its_package(package, options, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.json").write_text("{}")
    ngram.tokenization._word_pattern.cache_clear()
    ngram.tokenization._sentence_pattern.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=f"the package {package}; pip install 'fastlm"):
        ngram.count_sentences(["a"], **options)
