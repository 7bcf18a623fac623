"""``fastlm ngram build`` and ``fastlm ngram count``: from text to a model or a table in a file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from fastlm import ngram
from fastlm.cli.ngram import AsJson, Errors, Utf8Errors
from fastlm.cli.ngram_console import progress
from fastlm.cli.ngram_files import check_output, facts_of, print_facts
from fastlm.ngram.inputs import sources_of

_PARAMETERS = ("delta", "discount", "alpha", "k")


class SentenceEnds(StrEnum):
    """What ends a sentence."""

    LINE = "line"
    SPLIT = "split"


class ReservedWords(StrEnum):
    """What ``<unk>``, ``<s>`` and ``</s>`` in the text are."""

    ERROR = "error"
    SKIP = "skip"
    UNKNOWN = "unknown"


def _known_smoothing(name: str) -> str:
    if name not in ngram.smoothings():
        raise typer.BadParameter(f"unknown smoothing {name!r}; expected one of: {', '.join(ngram.smoothings())}")
    return name


Corpus = Annotated[
    list[str],
    typer.Argument(
        help="Text files, folders, patterns; also .gz .zst .bz2 .xz; - is standard input. A line is a sentence."
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="The file to write.", show_default=False)]
Order = Annotated[int, typer.Option("--order", "-n", min=1, max=32, help="Words of the longest n-grams.")]
Tokenizer = Annotated[
    str, typer.Option(help="whitespace, words, characters, bytes, or a tokenizer.json.", show_default=True)
]
Lower = Annotated[bool, typer.Option("--lower", help="Put the text into lower case.")]
Sentences = Annotated[SentenceEnds, typer.Option(help="A line is a sentence, or is split by Unicode's rules.")]
Column = Annotated[
    str | None, typer.Option(help="Of Parquet, Arrow and JSON Lines: which has the text.", show_default=False)
]
VocabularyFile = Annotated[
    Path | None, typer.Option("--vocabulary", help="A file of words; all others are <unk>.", show_default=False)
]
MinCount = Annotated[int, typer.Option(min=1, help="Rarer words are <unk>.")]
MaxVocabulary = Annotated[int, typer.Option(min=0, help="Keep the most frequent words only; 0: all.")]
Reserved = Annotated[
    ReservedWords,
    typer.Option(help="<s> and </s> in the text stop there; or they and <unk> are white space, or unknown words."),
]
Threads = Annotated[int, typer.Option(min=0, max=1024, help="0: one for each processor.")]
Memory = Annotated[
    str | None,
    typer.Option(help="As 256M or 4G: what does not fit goes into temporary files. Default: any.", show_default=False),
]
TempDir = Annotated[
    Path | None, typer.Option(help="For temporary files; default: $TMPDIR or /tmp.", show_default=False)
]

Resume = Annotated[
    bool,
    typer.Option("--resume", help="Keep what is read in OUTPUT.work; if a run was killed, go on where it was."),
]


def count(
    corpus: Corpus,
    output: Output,
    order: Order = 5,
    tokenizer: Tokenizer = "whitespace",
    lower: Lower = False,
    sentences: Sentences = SentenceEnds.LINE,
    column: Column = None,
    vocabulary: VocabularyFile = None,
    min_count: MinCount = 1,
    max_vocabulary: MaxVocabulary = 0,
    errors: Utf8Errors = Errors.STRICT,
    reserved: Reserved = ReservedWords.ERROR,
    threads: Threads = 0,
    memory: Memory = None,
    temp_dir: TempDir = None,
    resume: Resume = False,
    as_json: AsJson = False,
) -> None:
    """Count the n-grams of a text and write a table of them."""
    options = _options(vocabulary, min_count, max_vocabulary, memory, temp_dir)
    _build(
        corpus,
        output,
        as_json,
        order=order,
        smoothing=None,
        tokenizer=tokenizer,
        lower=lower,
        sentences=sentences,
        column=column,
        errors=errors,
        reserved=reserved,
        threads=threads,
        resume=resume,
        **options,
    )


def build(
    corpus: Corpus,
    output: Output,
    order: Order = 5,
    smoothing: Annotated[
        str, typer.Option(callback=_known_smoothing, help=f"One of: {', '.join(ngram.smoothings())}.")
    ] = "modified-kneser-ney",
    prune: Annotated[
        str | None,
        typer.Option(
            help="As '0 0 1': for each order, the last one for the rest: leave out what occurs so often or less.",
            show_default=False,
        ),
    ] = None,
    discount_fallback: Annotated[
        bool, typer.Option("--discount-fallback", help="Take 0.5, 1 and 1.5 where the counts give no discounts.")
    ] = False,
    delta: Annotated[float | None, typer.Option(help="Of add-delta: added to every count; default 1.")] = None,
    discount: Annotated[
        float | None,
        typer.Option(help="Taken off every count, 0 to 1, by backoff and others; default: from the counts."),
    ] = None,
    alpha: Annotated[float | None, typer.Option(help="Of stupid-backoff; default 0.4.")] = None,
    k: Annotated[float | None, typer.Option(help="Of katz: the greatest count that is discounted; default 5.")] = None,
    limit_vocabulary: Annotated[
        Path | None,
        typer.Option(help="A file of words: n-grams with others are left out, after counting.", show_default=False),
    ] = None,
    interpolate_unigrams: Annotated[
        bool, typer.Option(help="Mix single words with the uniform distribution; if not, <unk> gets all of it.")
    ] = True,
    vocabulary_pad: Annotated[int, typer.Option(min=0, help="The uniform distribution is of so many words.")] = 0,
    compact: Annotated[bool, typer.Option("--compact", help="Half the size; answers take longer.")] = False,
    counts: Annotated[Path | None, typer.Option(help="Write the table of counts too.", show_default=False)] = None,
    arpa: Annotated[
        Path | None,
        typer.Option(help="Write the model as an ARPA file too; .gz and others compress.", show_default=False),
    ] = None,
    tokenizer: Tokenizer = "whitespace",
    lower: Lower = False,
    sentences: Sentences = SentenceEnds.LINE,
    column: Column = None,
    vocabulary: VocabularyFile = None,
    min_count: MinCount = 1,
    max_vocabulary: MaxVocabulary = 0,
    errors: Utf8Errors = Errors.STRICT,
    reserved: Reserved = ReservedWords.ERROR,
    threads: Threads = 0,
    memory: Memory = None,
    temp_dir: TempDir = None,
    resume: Resume = False,
    as_json: AsJson = False,
) -> None:
    """Count the n-grams of a text and write a model of them."""
    options = _options(vocabulary, min_count, max_vocabulary, memory, temp_dir)
    if arpa is not None:
        check_output(arpa, corpus)
    given = dict(zip(_PARAMETERS, (delta, discount, alpha, k), strict=True))
    _build(
        corpus,
        output,
        as_json,
        order=order,
        smoothing=smoothing,
        prune=_thresholds(prune),
        discount_fallback=discount_fallback,
        parameters=_parameters(smoothing, given),
        limit_vocabulary=None if limit_vocabulary is None else _read_vocabulary(limit_vocabulary),
        interpolate_unigrams=interpolate_unigrams,
        vocabulary_pad=vocabulary_pad,
        compact=compact,
        counts=counts,
        arpa=arpa,
        tokenizer=tokenizer,
        lower=lower,
        sentences=sentences,
        column=column,
        errors=errors,
        reserved=reserved,
        threads=threads,
        resume=resume,
        **options,
    )


def _build(corpus: list[str], output: Path, as_json: bool, **options: Any) -> None:
    corpus = [str(file) for file in sources_of(corpus)]
    check_output(output, corpus)
    if options.get("counts"):
        check_output(options["counts"], corpus)
    arpa = options.pop("arpa", None)
    with progress() as report:
        found = ngram.build(corpus, output, progress=report, **options)
    if arpa is not None and isinstance(found, ngram.Model):
        ngram.save_arpa(found, arpa)
    print_facts(facts_of(found, output), as_json)


def _options(
    vocabulary: Path | None, min_count: int, max_vocabulary: int, memory: str | None, temp_dir: Path | None
) -> dict[str, Any]:
    """Those that count and build share, checked."""
    words = None if vocabulary is None else _read_vocabulary(vocabulary)
    if words is not None and (min_count > 1 or max_vocabulary > 0):
        raise typer.BadParameter("--vocabulary gives the words; --min-count and --max-vocabulary cannot choose them")
    if temp_dir is not None and not temp_dir.is_dir():
        raise typer.BadParameter(f"--temp-dir {temp_dir} is no folder")
    return {
        "vocabulary": words,
        "min_count": min_count,
        "max_vocabulary": max_vocabulary,
        "memory": memory,
        "temp_dir": temp_dir,
    }


def _thresholds(prune: str | None) -> list[int]:
    try:
        return [int(n) for n in (prune or "").replace(",", " ").split()]
    except ValueError:
        raise typer.BadParameter(f"--prune must be whole numbers, as '0 0 1', got {prune!r}") from None


def _parameters(smoothing: str, given: dict[str, float | None]) -> dict[str, Any]:
    """Those of the command line, checked before hours of counting."""
    known = ngram.smoothings()[smoothing]
    chosen: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        if name not in known:
            raise typer.BadParameter(f"--{name} is not a parameter of {smoothing}")
        _, least, greatest, _ = known[name]
        if not least <= value <= greatest:
            raise typer.BadParameter(f"--{name} must be between {least:g} and {greatest:g}, got {value:g}")
        chosen[name] = value
    return chosen


def _read_vocabulary(path: Path) -> list[str]:
    try:
        words = [word.decode() for word in path.read_bytes().split()]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: a vocabulary must be UTF-8 ({error.reason})") from None
    if not words:
        raise ValueError(f"{path}: the vocabulary is empty: expected words, separated by white space")
    return words
