"""From text to a file, without a table or a model in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext

from fastlm.ngram._engine import choices, integer, thresholds, words_of
from fastlm.ngram.counting import read, stage_of
from fastlm.ngram.files import load
from fastlm.ngram.inputs import Texts
from fastlm.ngram.model import Model
from fastlm.ngram.resuming import Journal
from fastlm.ngram.table import Table
from fastlm.ngram.tokenization import WHITESPACE, Tokenization, Tokenizer

Path = str | os.PathLike[str]


def build(
    texts: Texts,
    path: Path,
    order: int = 5,
    *,
    smoothing: str | None = "modified-kneser-ney",
    prune: Sequence[int] = (),
    discount_fallback: bool | Sequence[float] = False,
    parameters: dict[str, float | Sequence[float]] | None = None,
    compact: bool = False,
    limit_vocabulary: Iterable[str] | None = None,
    interpolate_unigrams: bool = True,
    vocabulary_pad: int = 0,
    counts: Path | None = None,
    tokenizer: Tokenizer | Tokenization = WHITESPACE,
    lower: bool = False,
    sentences: str = "line",
    column: str | None = None,
    vocabulary: Iterable[str] | None = None,
    end_id: int | None = None,
    min_count: int = 1,
    max_vocabulary: int | None = None,
    errors: str = "strict",
    reserved: str = "error",
    threads: int = 0,
    memory: int | str | None = None,
    temp_dir: Path | None = None,
    resume: bool = False,
    progress: Callable[[int], object] | None = None,
) -> Model | Table:
    r"""Counts the n-grams of a text and writes a model of them, as :func:`count` and :meth:`Table.estimate` would.

    Nothing but what ``memory`` allows is in memory on the way: n-grams go through temporary files into the file.

    Args:
        texts: see :func:`count`.
        path: the file. It gets its name when it is whole.
        order: see :func:`count`, as all that is not said here.
        smoothing: see :meth:`Table.estimate`; None: a table of the counts.
        prune: see :meth:`Table.estimate`.
        discount_fallback: see :meth:`Table.estimate`.
        parameters: of the smoothing, as for :meth:`Table.estimate`.
        compact: see :meth:`Table.estimate`.
        limit_vocabulary: see :meth:`Table.estimate`.
        interpolate_unigrams: see :meth:`Table.estimate`.
        vocabulary_pad: see :meth:`Table.estimate`.
        counts: a file for the table, beside the model.
        tokenizer: see :func:`count`.
        lower: see :func:`count`.
        sentences: see :func:`count`.
        column: see :func:`count`.
        vocabulary: see :func:`count`.
        end_id: see :func:`count`.
        min_count: see :func:`count`.
        max_vocabulary: see :func:`count`.
        errors: see :func:`count`.
        reserved: see :func:`count`.
        threads: see :func:`count`.
        memory: see :func:`count`.
        temp_dir: see :func:`count`.
        resume: keep what has been read of the text in a folder, ``PATH.work``, while the work lasts; if there is one
            from a run that was killed, go on where it was. The texts must be files, and stay as they are. Counting
            begins anew; the file is the same.
        progress: see :func:`count`. If it has a method ``stage``, that is called too, with ``"reading"``,
            ``"counting"``, ``"estimating"`` or ``"writing"``, and the share of it that is done, or None if that is not
            known.

    Returns:
        What is in the file, mapped into memory.

    Raises:
        OSError: a file cannot be read or written.
        ValueError: as :func:`count` and :meth:`Table.estimate`; the folder of ``resume`` is of other texts or options,
            damaged or in use.

    Example:
        >>> from fastlm import ngram
        >>> import io, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     text = io.BytesIO(b"the cat sat\nthe cat ran\n")
        ...     ngram.build(text, f"{folder}/model", 3, smoothing="witten-bell").next("the", k=1)
        [('cat', 0.739...)]
    """
    outputs = [os.fsdecode(file) for file in (path, counts) if file is not None]
    with Journal(outputs) if resume else nullcontext() as journal:
        counter, _ = read(
            texts,
            order,
            tokenizer=tokenizer,
            lower=lower,
            sentences=sentences,
            column=column,
            vocabulary=vocabulary,
            end_id=end_id,
            min_count=min_count,
            max_vocabulary=max_vocabulary,
            errors=errors,
            reserved=reserved,
            threads=threads,
            memory=memory,
            temp_dir=temp_dir,
            progress=progress,
            journal=journal,
        )
        file = os.fsencode(path)
        if smoothing is None:
            counter.count(file, stage=stage_of(progress))
        else:
            counter.build(
                file,
                smoothing,
                choices(smoothing, discount_fallback, parameters or {}),
                thresholds(prune),
                compact,
                None if limit_vocabulary is None else words_of(list(limit_vocabulary)),
                bool(interpolate_unigrams),
                integer("vocabulary_pad", vocabulary_pad, 0, 2**32),
                None if counts is None else os.fsencode(counts),
                stage=stage_of(progress),
            )
    found = load(path, verify=False)
    assert isinstance(found, Model | Table)
    return found
