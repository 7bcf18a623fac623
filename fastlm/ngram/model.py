"""Probabilities of words after others: scores, perplexity, the next word, whole sentences."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastlm import _ngram as engine
from fastlm.ngram._engine import BEGIN, BEGIN_ID, END, END_ID, UNKNOWN_ID, Words, integer
from fastlm.ngram.batches import BatchQueries, thread_count
from fastlm.ngram.decoding import DecoderQueries
from fastlm.ngram.inputs import Format, Sentences, Texts, read_sources
from fastlm.ngram.pickling import reduced
from fastlm.ngram.results import Evaluation, WordScore, evaluation
from fastlm.ngram.table import Table
from fastlm.ngram.tokenization import Tokenization


class Model(BatchQueries, DecoderQueries):
    """Probabilities of words after others; :meth:`Table.estimate` makes one.

    Words that are not in the vocabulary are scored as ``<unk>``.

    >>> from fastlm import ngram
    >>> model = ngram.count_sentences(["the cat sat", "the cat ran"], order=3).estimate("maximum-likelihood")
    >>> round(model.probability("sat", "the cat"), 6)
    0.5
    >>> model.score("the cat sat")  # log10
    -0.301...
    >>> model.next("the")
    [('cat', 1.0)]
    """

    tokenization: Tokenization
    """How text becomes tokens here: as that of which the table was counted. Lists of tokens are taken as they are."""

    def __init__(self, model: engine.Model, tokenization: Tokenization | None = None) -> None:
        self._model = model
        self.tokenization = tokenization or Tokenization()
        self._table = model.table
        self._path: str | None = None  # of the file that it was loaded from

    @property
    def table(self) -> Table:
        """The counts that the probabilities are made of."""
        return Table(self._table, self.tokenization)

    @property
    def order(self) -> int:
        """Words of the longest n-grams: a word and the ``order - 1`` before it."""
        return self._table.order

    @property
    def smoothing(self) -> str:
        """Its name, a key of :func:`fastlm.ngram.smoothings`."""
        return self._model.smoothing

    @property
    def parameters(self) -> dict[str, list[float]]:
        """Of the smoothing, as used: one number for all orders, or one for each."""
        return self._model.parameters

    def scores(self, sentence: Words, *, bos: bool = True, eos: bool = True) -> list[WordScore]:
        """Each word of a sentence, given those before it.

        Args:
            sentence: text, or words.
            bos: the sentence begins here: ``<s>`` stands before the first word.
            eos: the sentence ends here: ``</s>`` is scored too.

        Raises:
            ValueError: ``<s>`` or ``</s>`` is among the words.

        Example:
            >>> from fastlm import ngram
            >>> model = ngram.count_sentences(["a b"], order=2).estimate("maximum-likelihood")
            >>> model.scores("a")
            [WordScore(word='a', log10=0.0, order=2, unknown=False),
             WordScore(word='</s>', log10=-inf, order=1, unknown=False)]
        """
        words = self.tokenization.words(sentence)
        log10, order, ids, _ = self._model.score_texts([" ".join(words)], bos, eos, 1, True)
        if eos:
            words.append(END)
        fields = zip(words, log10.tolist(), order.tolist(), (ids == UNKNOWN_ID).tolist(), strict=True)
        return list(map(_word_score, fields))

    def score(self, sentence: Words, *, bos: bool = True, eos: bool = True) -> float:
        """log10 P of a sentence; ``-inf`` if the model holds it impossible. Arguments as for :meth:`scores`."""
        return self._model.score_text(self.tokenization.spaced(sentence), bos, eos)

    def probability(self, word: str, context: Words = ()) -> float:
        """P(word | context).

        Args:
            word: one token, or ``</s>``, for the end of the sentence.
            context: the words before, of which the last ``order - 1`` matter; ``<s>`` as the first word stands for
                the begin of a sentence.

        Raises:
            ValueError: ``word`` is not one word, or is ``<s>``, which is never foretold; ``context`` holds ``</s>``,
                or ``<s>`` behind another word.

        Example:
            >>> from fastlm import ngram
            >>> model = ngram.count_sentences(["a b", "b"], order=2).estimate("maximum-likelihood")
            >>> round(model.probability("a", "<s>"), 6)
            0.5
        """
        words = self.tokenization.words(word)
        if len(words) != 1 and self._table.id(word):  # a token, as next() gives them, need not be text
            words = [word]
        if len(words) != 1 or words == [BEGIN]:
            raise ValueError(f"expected one word that can follow, got {word!r}")
        log10, _ = self._model.score(self._ids(words), self._ids(_context(self.tokenization.words(context))))
        return float(10.0 ** log10[0].astype(np.float64))

    def distribution(self, context: Words = ()) -> NDArray[np.float32]:
        """P(word | context) of every word, in the order of ``table.vocabulary``: [V].

        All are 0 where maximum likelihood has no distribution: after a context that never occurs.

        Args:
            context: see :meth:`probability`.

        Raises:
            ValueError: as :meth:`probability`.
        """
        return self._model.distribution(self._ids(_context(self.tokenization.words(context))))

    def next(self, context: Words = (), k: int = 10) -> list[tuple[str, float]]:
        """The words that most probably come next, with their probabilities, the most probable first.

        ``</s>``, the end of the sentence, may be among them, and ``<unk>``, any word outside the vocabulary.

        Args:
            context: see :meth:`probability`.
            k: how many; fewer are returned where fewer have a probability above 0.

        Raises:
            ValueError: as :meth:`probability`; ``k`` is not at least 1.

        Example:
            >>> from fastlm import ngram
            >>> ngram.count_sentences(["a b", "a b", "a c"], order=2).estimate("maximum-likelihood").next("a", k=1)
            [('b', 0.666...)]
        """
        return self.next_batch([context], k)[0]

    def next_batch(self, contexts: Iterable[Words], k: int = 10, *, threads: int = 1) -> list[list[tuple[str, float]]]:
        """The same after several contexts.

        Args:
            contexts: each as for :meth:`probability`.
            k: how many words of each.
            threads: 0: one for each processor.

        Raises:
            ValueError: as :meth:`next`.
        """
        ids = [self._ids(_context(self.tokenization.words(context))) for context in contexts]
        return self._model.next(ids, integer("k", k, 1, 2**63 - 1), thread_count(threads))

    def generate(
        self,
        prompt: Words = (),
        *,
        max_words: int = 50,
        temperature: float = 1.0,
        top_k: int = 0,
        seed: int | None = None,
        bos: bool = True,
    ) -> str:
        """Draws a sentence, word by word; ``<unk>`` is never drawn.

        Args:
            prompt: words that it begins with.
            max_words: stop after so many drawn words, if the sentence has not ended before.
            temperature: of the distribution: below 1 makes probable words more probable, 0 takes always the most
                probable one.
            top_k: draw among the k most probable words only; 0: among all.
            seed: the same seed gives the same sentence; None: another one each time.
            bos: the prompt begins the sentence. False: it may stand anywhere in one.

        Returns:
            The prompt and the words drawn.

        Raises:
            ValueError: an argument is out of range; ``<s>`` or ``</s>`` is in the prompt; the model has no
                distribution after it, because it never occurs and the smoothing leaves nothing for that.

        Example:
            >>> from fastlm import ngram
            >>> ngram.count_sentences(["a b c"], order=2).estimate("maximum-likelihood").generate("a")
            'a b c'
        """
        return self.generate_batch(
            1, prompt, max_words=max_words, temperature=temperature, top_k=top_k, seed=seed, bos=bos
        )[0]

    def generate_batch(
        self,
        number: int,
        prompt: Words = (),
        *,
        max_words: int = 50,
        temperature: float = 1.0,
        top_k: int = 0,
        seed: int | None = None,
        bos: bool = True,
        threads: int = 1,
    ) -> list[str]:
        """Draws several sentences; the first is that of :meth:`generate`.

        Args:
            number: how many.
            prompt: as for :meth:`generate`.
            max_words: as for :meth:`generate`.
            temperature: as for :meth:`generate`.
            top_k: as for :meth:`generate`.
            seed: as for :meth:`generate`.
            bos: as for :meth:`generate`.
            threads: 0: one for each processor. It does not change the sentences.

        Raises:
            ValueError: as :meth:`generate`.
        """
        words = _sentence(self.tokenization.words(prompt))
        sentences = self._model.generate(
            [*([BEGIN_ID] if bos else []), *self._ids(words)],
            integer("max_words", max_words, 0, 2**63 - 1),
            float(temperature),
            integer("top_k", top_k, 0, 2**63 - 1),
            secrets.randbits(64) if seed is None else integer("seed", seed, 0, 2**64 - 1),
            integer("number", number, 0, 2**32 - 1),
            thread_count(threads),
        )
        word = self._table.word
        return [self.tokenization.text([*words, *(word(i) for i in drawn if i != END_ID)]) for drawn in sentences]

    def perplexity(
        self,
        texts: Texts,
        *,
        column: str | None = None,
        vocabulary: Iterable[str] | None = None,
        end_id: int | None = None,
        errors: str = "strict",
        threads: int = 0,
    ) -> Evaluation:
        """How well the model foretells a text: its perplexity, with and without unknown words.

        Args:
            texts: as for :func:`fastlm.ngram.count`, from which the text should not be a part.
            column: of Parquet, Arrow and JSON Lines, as for :func:`fastlm.ngram.count`.
            vocabulary: the words of ids.
            end_id: the id that ends a sentence.
            errors: what is done about invalid UTF-8, as for :func:`fastlm.ngram.count`.
            threads: that score; 0: one for each processor. It does not change the result.

        Raises:
            OSError: a file cannot be read.
            ValueError: the text is empty, or is not one; see :func:`fastlm.ngram.count`.

        Example:
            >>> from fastlm import ngram
            >>> import io
            >>> model = ngram.count_sentences(["a"], order=1).estimate("maximum-likelihood")
            >>> round(model.perplexity(io.BytesIO(b"a")).perplexity, 6)
            2.0
        """
        evaluator = engine.Evaluator(self._model, errors=errors, threads=thread_count(threads))
        words = None if vocabulary is None else list(vocabulary)
        read_sources(evaluator, texts, lambda: None, Format(self.tokenization, errors, column, words, end_id))
        return evaluation(evaluator.finish())

    def perplexity_of(self, sentences: Iterable[Words], *, errors: str = "strict", threads: int = 0) -> Evaluation:
        """The same of sentences in memory.

        Args:
            sentences: each a str, to be tokenised, or a list of tokens.
            errors: as for :meth:`perplexity`.
            threads: as for :meth:`perplexity`.

        Raises:
            TypeError: a sentence is neither.
            ValueError: as :meth:`perplexity`.
        """
        return self.perplexity(Sentences(sentences), errors=errors, threads=threads)

    def quantize(self, bits: int = 8) -> Model:
        """A smaller model of nearly the same probabilities: each order has a list of ``2 ** bits`` of them.

        Args:
            bits: of each probability and each backoff weight, 2 to 24. Words alone keep theirs as they are.

        Raises:
            ValueError: ``bits`` is out of range, or the smoothing does not back off to shorter contexts.

        Example:
            >>> from fastlm import ngram
            >>> model = ngram.count_sentences(["a b", "a c"], order=2).estimate("witten-bell")
            >>> round(model.quantize(8).probability("b", "a"), 6)
            0.34
        """
        return Model(self._model.quantize(integer("bits", bits, 2, 24)), self.tokenization)

    def prune(self, threshold: float) -> Model:
        """The model without n-grams that it can do without, by Stolcke's entropy pruning.

        Args:
            threshold: an n-gram goes if without it alone the model's perplexity, on text of its own, rises by less
                than such a part: 1e-8 takes a few, 1e-6 most. Begins and ends of n-grams that stay, stay.

        Returns:
            A model that keeps probabilities.

        Raises:
            ValueError: ``threshold`` is negative, or the probabilities do not sum to 1, or do not back off.

        Example:
            >>> from fastlm import ngram
            >>> model = ngram.count_sentences(["a b", "a c"], order=2).estimate("witten-bell")
            >>> round(model.prune(10).probability("b", "a"), 6)  # nothing but words is left
            0.18
        """
        return Model(self._model.prune(float(threshold)), self.tokenization)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a file, counts and probabilities, that :func:`fastlm.ngram.load` maps into memory.

        It is written under another name and renamed at the end, so that the file is never a part of one.

        Raises:
            OSError: the file cannot be written.
        """
        self._model.save(os.fsencode(path))

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self, self._path, self.tokenization)

    def __repr__(self) -> str:
        n = sum(self._table.counts)
        return f"<Model of order {self.order}, {self.smoothing}: {self._table.tokens:,} tokens, {n:,} n-grams>"

    def _ids(self, words: list[str]) -> list[int]:
        return [self._table.id(word) for word in words]


_word_score: Callable[[Iterable[Any]], WordScore] = partial(tuple.__new__, WordScore)  # _make, without Python between


def _sentence(words: list[str]) -> list[str]:
    for word in words:
        if word in (BEGIN, END):
            raise ValueError(f"{word!r} is reserved for the bounds of a sentence; leave it out of {words!r}")
    return words


def _context(words: list[str]) -> list[str]:
    if END in words or BEGIN in words[1:]:
        raise ValueError(f"a context lies in one sentence: no {END!r}, {BEGIN!r} only as its first word; got {words!r}")
    return words
