"""``fastlm lm classify`` and ``fastlm lm tag``: trained on a file of labelled sentences, applied to any others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastlm.cli.lm import AsJson, Lower
from fastlm.cli.lm_console import Sentences, loaded_model
from fastlm.cli.ngram_console import note, print_json
from fastlm.cli.ngram_files import check_output

if TYPE_CHECKING:
    from fastlm import lm


class Pool(StrEnum):
    """How the states of a sentence become one vector."""

    LAST = "last"
    MAX = "max"
    MEAN = "mean"


ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="The file of the model.", show_default=False)]
Texts = Annotated[
    list[str] | None,
    typer.Argument(help="Files, a line a sentence; - is standard input, as is none without --train and --test."),
]
Valid = Annotated[Path | None, typer.Option(help="Another: by it the best pass is taken.", show_default=False)]
Hidden = Annotated[int, typer.Option(min=1, help="Hidden units of each direction.")]
Layers = Annotated[int, typer.Option(min=1, help="Layers.")]
Cell = Annotated[str, typer.Option(help="rnn_tanh, rnn_relu, lstm, gru or indrnn.")]
DropoutOf = Annotated[float, typer.Option(min=0, max=1, help="On input and output and between layers.")]
Epochs = Annotated[int, typer.Option(min=1, help="Passes over the sentences.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Sentences of a step.")]
Rate = Annotated[float, typer.Option(help="Learning rate.")]
MinCount = Annotated[int, typer.Option(min=1, help="Rarer words are <unk>.")]
MaxVocabulary = Annotated[int, typer.Option(min=0, help="Keep the most frequent words only; 0: all.")]
Seed = Annotated[int, typer.Option(min=0, help="Of all that is drawn.")]


def classify(
    model: ModelFile,
    texts: Texts = None,
    train: Annotated[
        Path | None,
        typer.Option(help="A .csv or .tsv of labels and texts: makes the model.", show_default=False),
    ] = None,
    valid: Valid = None,
    test: Annotated[Path | None, typer.Option(help="Another: how many are right.", show_default=False)] = None,
    label_column: Annotated[
        str | None, typer.Option(help="Default: label, or the first column.", show_default=False)
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(help="Default: text, or the second column.", show_default=False)
    ] = None,
    pool: Annotated[Pool, typer.Option(help="How the states of a sentence become one vector.")] = Pool.MAX,
    hidden: Hidden = 128,
    layers: Layers = 1,
    cell: Cell = "lstm",
    dropout: DropoutOf = 0.3,
    epochs: Epochs = 5,
    batch_size: BatchSize = 32,
    lr: Rate = 0.002,
    min_count: MinCount = 2,
    max_vocabulary: MaxVocabulary = 0,
    lower: Lower = False,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Train a classifier of sentences with --train, measure it with --test, apply it to texts."""
    from fastlm import lm

    _check_task(model, texts, train, valid, test)

    def read(path: Path) -> list[tuple[list[str], str]]:
        rows = lm.read_labelled(path, label=label_column, text=text_column)
        return [(_words(text, lower), label) for label, text in rows]

    if train is not None:
        examples = read(train)
        vocabulary = _vocabulary((words for words, _ in examples), min_count, max_vocabulary)
        labels = sorted({label for _, label in examples})
        _seed(seed)
        made = lm.SentenceClassifier(
            len(vocabulary), len(labels), hidden, dropout=dropout, num_layers=layers, cell=cell, pool=pool.value
        )
        coded = _coded_labels(examples, vocabulary, labels, train)
        others = None if valid is None else _coded_labels(read(valid), vocabulary, labels, valid)
        options = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "seed": seed}
        _fit(made, coded, others, options, lambda: lm.save(made, vocabulary, model, {"labels": labels, "lower": lower}))
    loaded = loaded_model(model, ("SentenceClassifier",))
    labels, lower = loaded.meta["labels"], loaded.meta["lower"]
    if test is not None:
        coded = _coded_labels(read(test), loaded.vocabulary, labels, test)
        _print_accuracy(lm.accuracy(loaded.model, coded), len(coded), "sentences", test, as_json)
    if texts or (train is None and test is None):
        lines = list(Sentences(texts or ["-"]))
        ids = [loaded.vocabulary.ids_of(" ".join(_words(line, lower))) for line in lines]
        for line, scores in zip(lines, lm.predict(loaded.model, ids), strict=True):
            best = int(scores.argmax())
            if as_json:
                chances = dict(zip(labels, scores.exp().tolist(), strict=True))
                print_json({"text": line, "label": labels[best], "probabilities": chances})
            else:
                typer.echo(f"{labels[best]}\t{scores[best].exp():.3f}\t{line}")


def tag(
    model: ModelFile,
    texts: Texts = None,
    train: Annotated[
        Path | None,
        typer.Option(help="A file of CoNLL or Universal Dependencies: makes the model.", show_default=False),
    ] = None,
    valid: Valid = None,
    test: Annotated[Path | None, typer.Option(help="Another: how many words are right.", show_default=False)] = None,
    word_column: Annotated[
        int | None, typer.Option(min=1, help="Default: the second of ten, else the first.", show_default=False)
    ] = None,
    tag_column: Annotated[
        int | None, typer.Option(min=1, help="Default: the fourth of ten, else the last.", show_default=False)
    ] = None,
    hidden: Hidden = 128,
    layers: Layers = 1,
    cell: Cell = "lstm",
    dropout: DropoutOf = 0.3,
    epochs: Epochs = 5,
    batch_size: BatchSize = 32,
    lr: Rate = 0.002,
    min_count: MinCount = 2,
    max_vocabulary: MaxVocabulary = 0,
    lower: Lower = False,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Train a tagger of words with --train, measure it with --test, apply it to texts of words with spaces between."""
    from fastlm import lm

    _check_task(model, texts, train, valid, test)

    def read(path: Path) -> list[tuple[list[str], list[str]]]:
        found = lm.read_tagged(path, word=word_column, tag=tag_column)
        return [([word.lower() if lower else word for word in words], tags) for words, tags in found]

    if train is not None:
        sentences = read(train)
        vocabulary = _vocabulary((words for words, _ in sentences), min_count, max_vocabulary)
        names = sorted({name for _, tags in sentences for name in tags})
        _seed(seed)
        made = lm.SequenceTagger(len(vocabulary), len(names), hidden, dropout=dropout, num_layers=layers, cell=cell)
        coded = _coded_tags(sentences, vocabulary, names)
        others = None if valid is None else _coded_tags(read(valid), vocabulary, names)
        options = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "seed": seed}
        _fit(made, coded, others, options, lambda: lm.save(made, vocabulary, model, {"labels": names, "lower": lower}))
    loaded = loaded_model(model, ("SequenceTagger",))
    names, lower = loaded.meta["labels"], loaded.meta["lower"]
    if test is not None:
        coded = _coded_tags(read(test), loaded.vocabulary, names)
        _print_accuracy(lm.accuracy(loaded.model, coded), sum(len(ids) for ids, _ in coded), "words", test, as_json)
    if texts or (train is None and test is None):
        lines = [line.split() for line in Sentences(texts or ["-"])]
        lines = [words for words in lines if words]
        ids = [[loaded.vocabulary.id_of(word.lower() if lower else word) for word in words] for words in lines]
        for words, scores in zip(lines, lm.predict(loaded.model, ids), strict=True):
            tags = [names[i] for i in scores.argmax(-1).tolist()]
            if as_json:
                print_json({"words": words, "tags": tags})
            else:
                typer.echo("".join(f"{word}\t{name}\n" for word, name in zip(words, tags, strict=True)))


def _check_task(
    model: Path, texts: list[str] | None, train: Path | None, valid: Path | None, test: Path | None
) -> None:
    if train is None:
        if valid is not None:
            raise typer.BadParameter("--valid is for --train")
        return
    check_output(model, [str(path) for path in (train, valid, test, *(texts or [])) if path is not None])
    for path in (train, valid, test):  # what is missing is found now, not after the training
        if path is not None:
            path.open("rb").close()


def _words(text: str, lower: bool) -> list[str]:
    return (text.lower() if lower else text).split()


def _vocabulary(sentences: Iterable[list[str]], min_count: int, max_vocabulary: int) -> lm.Vocabulary:
    from fastlm import lm

    lines = (" ".join(words) for words in sentences)
    return lm.Vocabulary.from_sentences(lines, max_vocabulary or None, min_count=min_count)


def _coded_labels(
    examples: list[tuple[list[str], str]], vocabulary: lm.Vocabulary, labels: list[str], path: Path
) -> list[Any]:
    unknown = {label for _, label in examples} - set(labels)
    if unknown:
        raise ValueError(f"{path}: has the label {min(unknown)!r}, which the model has not: {', '.join(labels)}")
    return [(vocabulary.ids_of(" ".join(words)), labels.index(label)) for words, label in examples]


def _coded_tags(sentences: list[tuple[list[str], list[str]]], vocabulary: lm.Vocabulary, names: list[str]) -> list[Any]:
    """Tags that the model has not are number -1: never right."""
    places = {name: i for i, name in enumerate(names)}
    return [([vocabulary.id_of(w) for w in words], [places.get(t, -1) for t in tags]) for words, tags in sentences]


def _seed(seed: int) -> None:
    import torch

    torch.manual_seed(seed)


def _fit(model: Any, examples: list[Any], valid: list[Any] | None, options: Any, save: Callable[[], None]) -> None:
    from fastlm import lm

    try:
        lm.fit(model, examples, valid=valid, report=_show, **options)
    except KeyboardInterrupt:
        save()
        note("stopped; the best model so far was written")
        raise typer.Exit(130) from None
    save()


def _show(done: Any) -> None:
    right = "" if done.accuracy is None else f", {100 * done.accuracy:.2f}% right" + " (best)" * done.best
    note(f"pass {done.number}: loss {done.loss:.4f}{right}")


def _print_accuracy(share: float, number: int, of: str, path: Path, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(path), "accuracy": share, of: number})
    else:
        typer.echo(f"{100 * share:.2f}% of {number:,} {of} right")
