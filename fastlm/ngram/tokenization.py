"""How a text becomes tokens, and how a model remembers that.

Words and sentences are those of Unicode Standard Annex 29, by the package regex.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastlm.ngram._engine import BEGIN, END, UNKNOWN, Words, words_of

WHITESPACE, WORDS, CHARACTERS, BYTES = NAMES = ("whitespace", "words", "characters", "bytes")
_SENTENCES = ("line", "split")
_VISIBLE = str.maketrans(" \t\n\v\f\r", "␣␉␊␋␌␍")
_INVISIBLE = {shown: hidden for hidden, shown in _VISIBLE.items()}
_BYTE = [chr(byte) if 0x21 <= byte <= 0x7E else f"<0x{byte:02X}>" for byte in range(256)]

Tokenizer = str | os.PathLike[str] | Callable[[str], list[str]] | Any
"""A name of :data:`NAMES`, the path of a tokenizer.json, a ``tokenizers.Tokenizer``, or a function of your own."""


class BadTokensError(ValueError):
    """A tokenizer or a caller has given what is no list of tokens."""


def joined(tokens: Iterable[str]) -> str:
    """The tokens as a line that the engine takes apart again at its white space.

    White space inside of a token is made visible, as Unicode's pictures ␣␉␊␋␌␍ of space, tab and line ends.

    >>> joined(["New York", "is", "big"])
    'New␣York is big'

    Raises:
        BadTokensError: a token is empty or not a str.
    """
    tokens = list(tokens)
    try:
        line = " ".join(tokens)
    except TypeError:
        raise BadTokensError(f"expected tokens as a list of str, got {_short(tokens)}") from None
    if "" in tokens:
        raise BadTokensError(f"expected tokens that are not empty, got {_short(tokens)}")
    if line.count(" ") >= len(tokens) or any(c in line for c in "\t\n\v\f\r"):
        line = " ".join([token.translate(_VISIBLE) for token in tokens])
    return line


@dataclass(frozen=True)
class Tokenization:
    """From text to sentences of tokens.

    Attributes:
        tokenizer: ``"whitespace"``: what stands between ASCII white space. ``"words"``: Unicode's words; each
            punctuation mark is a token. ``"characters"``: code points, ``␣`` for a space. ``"bytes"``: those of UTF-8,
            visible ASCII as itself, others as ``<0x20>``. Or the path of a tokenizer.json, a ``tokenizers.Tokenizer``,
            or a function from str to a list of str.
        lower: whether the text is put into lower case before.
        sentences: ``"line"``: a line is a sentence. ``"split"``: it is cut into Unicode's sentences.

    Raises:
        ValueError: there is no such tokenizer, or no such way to find sentences.
        ModuleNotFoundError: a package is needed.

    Example:
        >>> Tokenization("characters", lower=True).tokens("A cat")
        ['a', '␣', 'c', 'a', 't']
        >>> Tokenization("bytes").tokens("é!")
        ['<0xC3>', '<0xA9>', '!']
    """

    tokenizer: Any = WHITESPACE
    lower: bool = False
    sentences: str = "line"

    def __post_init__(self) -> None:
        if self.sentences not in _SENTENCES:
            raise ValueError(f"sentences must be one of {', '.join(_SENTENCES)}, got {self.sentences!r}")
        object.__setattr__(self, "tokenizer", _found(self.tokenizer))
        if self.tokenizer == WORDS:
            _word_pattern()
        if self.sentences == "split":
            _sentence_pattern()

    @property
    def plain(self) -> bool:
        """Whether the engine's own splitting is all that is needed."""
        return self.tokenizer == WHITESPACE and not self.lower and self.sentences == "line"

    def split(self, text: str) -> list[str]:
        """The sentences of a line; cut ones without the white space around them."""
        if self.sentences == "line":
            return [text]
        ends = [match.end() for match in _sentence_pattern().finditer(text)]
        pieces = [text[begin:end].strip() for begin, end in zip([0, *ends], [*ends, len(text)], strict=True)]
        return [piece for piece in pieces if piece] or [""]

    def lines(self, sentences: Sequence[str]) -> Iterator[str]:
        """Each sentence as its tokens, with a space between them.

        Raises:
            BadTokensError: a function gives no list of tokens.
        """
        if self.lower:
            sentences = [sentence.lower() for sentence in sentences]
        return self._joined_tokens(sentences)

    def tokens(self, text: str) -> list[str]:
        """The tokens of one sentence.

        Raises:
            ValueError: a function gives no list of tokens, or was not saved with the model.
        """
        return words_of(next(self.lines([text])))

    def words(self, text: Words) -> list[str]:
        """What a query means: a sequence is tokens already; a str may begin with ``<s>``, or be a special word."""
        if not isinstance(text, str):
            return words_of(text)
        if self.tokenizer == WHITESPACE:
            return words_of(self.spaced(text))
        if text.strip() in (BEGIN, END, UNKNOWN):
            return [text.strip()]
        rest = text.lstrip().removeprefix(BEGIN)
        if rest == text.lstrip():
            return self.tokens(text)
        return [BEGIN, *self.tokens(rest.lstrip())]

    def spaced(self, text: Words) -> str:
        """The words that a query means, as a text which the engine takes apart at its white space.

        >>> Tokenization(lower=True).spaced("The students"), Tokenization("characters").spaced("ab")
        ('the students', 'a b')
        """
        if isinstance(text, str) and self.tokenizer == WHITESPACE:
            return text.lower() if self.lower else text
        return " ".join(self.words(text))

    def text(self, tokens: Sequence[str]) -> str:
        """Tokens as text, as near to the original as they allow.

        >>> Tokenization("characters").text(["a", "␣", "b"])
        'a b'
        """
        if self.tokenizer == CHARACTERS:
            return "".join(tokens).translate(_INVISIBLE)
        if self.tokenizer == BYTES:
            numbers = {token: byte for byte, token in enumerate(_BYTE)}
            return bytes(numbers[token] for token in tokens if token in numbers).decode(errors="replace")
        if _is_of_tokenizers(self.tokenizer):
            ids = [self.tokenizer.token_to_id(token) for token in tokens]
            if None not in ids:
                return str(self.tokenizer.decode(ids))
        return " ".join(tokens)

    def to_json(self) -> str:
        """As text, for a file. Of a function only its name can be kept; see :meth:`from_json`."""
        tokenizer = self.tokenizer
        if _is_of_tokenizers(tokenizer):
            tokenizer = {"tokenizers": self.tokenizer.to_str()}
        elif callable(tokenizer):
            tokenizer = {"function": _name_of(tokenizer)}
        return json.dumps({"tokenizer": tokenizer, "lower": self.lower, "sentences": self.sentences})

    @classmethod
    def from_json(cls, text: str) -> Tokenization:
        """What :meth:`to_json` has written. A function of your own is lost: text cannot be tokenised, tokens can.

        >>> Tokenization.from_json(Tokenization("bytes", lower=True).to_json())
        Tokenization(tokenizer='bytes', lower=True, sentences='line')

        Raises:
            ValueError: it is none.
            ModuleNotFoundError: a package is needed.
        """
        try:
            fields = json.loads(text)
            tokenizer, lower, sentences = fields["tokenizer"], fields["lower"], fields["sentences"]
            if isinstance(tokenizer, dict):
                ((kind, content),) = tokenizer.items()
                if kind not in ("tokenizers", "function"):
                    raise ValueError(f"a tokenizer of kind {kind!r}")
                tokenizer = (_tokenizer_of_text if kind == "tokenizers" else _LostFunction)(content)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"expected a tokenization as JSON ({error!r}), got {text[:80]!r}") from None
        return cls(tokenizer, lower, sentences)

    def _joined_tokens(self, sentences: Sequence[str]) -> Iterator[str]:
        if self.tokenizer == WHITESPACE:
            return iter(sentences)
        if self.tokenizer == WORDS:
            find = _word_pattern().findall
            return (" ".join(find(sentence)) for sentence in sentences)
        if self.tokenizer == CHARACTERS:
            return (" ".join(sentence.translate(_VISIBLE)) for sentence in sentences)
        if self.tokenizer == BYTES:
            encoded = (sentence.encode(errors="surrogatepass") for sentence in sentences)
            return (" ".join(map(_BYTE.__getitem__, sentence)) for sentence in encoded)
        if _is_of_tokenizers(self.tokenizer):
            encodings = self.tokenizer.encode_batch(list(sentences), add_special_tokens=False)
            return (joined(encoding.tokens) for encoding in encodings)
        return (joined(_listed(self.tokenizer(sentence))) for sentence in sentences)


class _LostFunction:
    """In the place of a function that a file could not hold."""

    __module__ = ""  # the name has it

    def __init__(self, name: str) -> None:
        self.__qualname__ = str(name)

    def __call__(self, text: str) -> list[str]:
        raise ValueError(
            f"the text was tokenised by a function, {self.__qualname__}, which is not in the file: give a list of "
            "tokens, or set tokenization = Tokenization(function)"
        )

    def __repr__(self) -> str:
        return f"<the function {self.__qualname__}, not in the file>"


def _found(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer = getattr(tokenizer, "backend_tokenizer", tokenizer)  # of transformers
    if isinstance(tokenizer, str) and tokenizer in NAMES:
        return tokenizer
    if isinstance(tokenizer, str | os.PathLike):
        if not os.path.exists(tokenizer):
            raise ValueError(
                f"unknown tokenizer {os.fspath(tokenizer)!r}: expected one of {', '.join(NAMES)}, the path of a "
                "tokenizer.json, a tokenizers.Tokenizer or a function"
            )
        with open(tokenizer, encoding="utf-8") as file:
            return _tokenizer_of_text(file.read(), os.fspath(tokenizer))
    if not callable(tokenizer) and not _is_of_tokenizers(tokenizer):
        raise TypeError(f"expected a tokenizer's name, path, object or function, got {tokenizer!r}")
    return tokenizer


def _is_of_tokenizers(tokenizer: object) -> bool:
    return hasattr(tokenizer, "encode_batch") and hasattr(tokenizer, "to_str")


def _tokenizer_of_text(text: str, name: str = "the saved tokenizer") -> Any:
    try:
        import tokenizers
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "a tokenizer.json needs the package tokenizers; pip install 'fastlm[tokenizers]'", name="tokenizers"
        ) from None
    try:
        return tokenizers.Tokenizer.from_str(text)
    except Exception as error:  # the package raises no type of its own
        raise ValueError(f"{name}: not a tokenizer of the package tokenizers ({error})") from None


def _listed(tokens: object) -> Iterable[str]:
    if isinstance(tokens, str | bytes) or not isinstance(tokens, Iterable):
        raise BadTokensError(f"expected tokens as a list of str, got {_short(tokens)}")
    return tokens


def _name_of(function: Any) -> str:
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{function.__module__}.{name}".removeprefix(".")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _regex() -> Any:
    try:
        import regex
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "Unicode's words and sentences need the package regex; pip install 'fastlm[words]'", name="regex"
        ) from None
    return regex


@cache
def _word_pattern() -> Any:
    """From one of Unicode's word boundaries to the next, without white space."""
    regex = _regex()
    return regex.compile(r"\S.*?\b", regex.WORD | regex.DOTALL)


@cache
def _sentence_pattern() -> Any:
    """The end of a sentence: rules SB3 to SB11 of the annex, of which SB5 is ``rest``."""
    regex = _regex()
    rest = r"[\p{SB=EX}\p{SB=FO}]*+"
    close, space = rf"(?: \p{{SB=CL}} {rest} )*+", rf"(?: \p{{SB=SP}} {rest} )*+"
    line_end = r"(?: \r\n | [\p{SB=SE}\p{SB=CR}\p{SB=LF}] )"
    after_letter = r"(?<= [\p{SB=UP}\p{SB=LO}] [\p{SB=EX}\p{SB=FO}]* \p{SB=AT} [\p{SB=EX}\p{SB=FO}]* )"
    not_a_letter = r"[^\p{SB=LE}\p{SB=UP}\p{SB=LO}\p{SB=SE}\p{SB=CR}\p{SB=LF}\p{SB=AT}\p{SB=ST}]*+"
    stop = rf"""
        \p{{SB=AT}} {rest}
        (?! \p{{SB=NU}} )  # SB6
        (?! {after_letter} \p{{SB=UP}} )  # SB7
        (?= {close} {space} (?! {not_a_letter} \p{{SB=LO}} ) )  # SB8
    """
    return regex.compile(
        rf"""
        (?: \p{{SB=ST}} {rest} | {stop} ) {close} {space}
        (?: {line_end} | (?! [\p{{SB=SC}}\p{{SB=AT}}\p{{SB=ST}}] ) )  # SB8a
        | {line_end}
        """,
        regex.VERBOSE,
    )
