"""``fastlm lm train`` and ``fastlm lm encode``: from text to a model, by way of a token file if it is large."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastlm.cli.lm import AsJson, Lower
from fastlm.cli.lm_console import Sentences, perplexity_of, training_progress
from fastlm.cli.ngram_build import _read_vocabulary
from fastlm.cli.ngram_console import note, print_json
from fastlm.cli.ngram_files import check_output

if TYPE_CHECKING:
    from fastlm import lm


class Unit(StrEnum):
    """What a text is of."""

    WORDS = "words"
    CHARACTERS = "characters"


Corpus = Annotated[
    list[str],
    typer.Argument(help="Text files, folders, patterns, also compressed; - is standard input. A line is a sentence."),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="The file to write.", show_default=False)]
UnitOf = Annotated[Unit, typer.Option("--unit", help="What is foretold.")]
MinCount = Annotated[int, typer.Option(min=1, help="Rarer words are <unk>.")]
MaxVocabulary = Annotated[
    int, typer.Option(min=0, help="Keep the most frequent words only, <unk> and </s> counted; 0: all.")
]
VocabularyFile = Annotated[
    Path | None, typer.Option("--vocabulary", help="A file of words; all others are <unk>.", show_default=False)
]
Number = Annotated[int | None, typer.Option(min=1, show_default=False)]


def encode(
    corpus: Corpus,
    output: Output,
    lower: Lower = False,
    unit: UnitOf = Unit.WORDS,
    min_count: MinCount = 1,
    max_vocabulary: MaxVocabulary = 0,
    vocabulary: VocabularyFile = None,
    as_json: AsJson = False,
) -> None:
    """Write a text as numbers, for fastlm lm train: of such a file it reads pieces only, however large it is."""
    from fastlm import lm

    check_output(output, corpus)
    sentences = Sentences(corpus, lower)
    tokens = lm.write_tokens(output, sentences, _vocabulary(sentences, unit, min_count, max_vocabulary, vocabulary))
    facts = {"file": str(output), "tokens": len(tokens.ids), "vocabulary": len(tokens.vocabulary)}
    if as_json:
        print_json(facts)
    else:
        typer.echo(f"{output}: {len(tokens.ids):,} tokens, {len(tokens.vocabulary):,} {unit}")


def train(
    corpus: Corpus,
    output: Output,
    valid: Annotated[
        list[str] | None, typer.Option(help="A text to validate on after each epoch.", show_default=False)
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="A model of the literature with its schedule: zaremba-small, zaremba-medium, zaremba-large, awd-lstm, "
            "mikolov-rnn. Other options go before it.",
            show_default=False,
        ),
    ] = None,
    window: Annotated[
        int | None, typer.Option(min=1, help="A fixed-window model of so many words.", show_default=False)
    ] = None,
    cell: Annotated[
        str | None, typer.Option(help="rnn_tanh, rnn_relu, lstm, gru or indrnn; default lstm.", show_default=False)
    ] = None,
    hidden: Annotated[int | None, typer.Option(min=1, help="Hidden units; default 200.", show_default=False)] = None,
    layers: Annotated[int | None, typer.Option(min=1, help="Layers; default 2.", show_default=False)] = None,
    embedding: Annotated[
        int | None, typer.Option(min=1, help="Features of a word; default: as hidden units.", show_default=False)
    ] = None,
    tied: Annotated[
        bool | None, typer.Option("--tied/--untied", help="Output weights are the embedding's.", show_default=False)
    ] = None,
    cutoffs: Annotated[
        str | None,
        typer.Option(
            help="An adaptive softmax; its clusters of rarer words begin here, such as 2000,10000.", show_default=False
        ),
    ] = None,
    dropout: Annotated[
        float | None, typer.Option(help="On input, output and between layers.", show_default=False)
    ] = None,
    locked: Annotated[
        bool | None, typer.Option("--locked/--unlocked", help="That has one mask for all steps.", show_default=False)
    ] = None,
    embedding_dropout: Annotated[float | None, typer.Option(help="Of whole words.", show_default=False)] = None,
    weight_dropout: Annotated[float | None, typer.Option(help="On recurrent weights.", show_default=False)] = None,
    recurrent_dropout: Annotated[float | None, typer.Option(help="On recurrent states.", show_default=False)] = None,
    init: Annotated[str | None, typer.Option(help="default, uniform or xavier.", show_default=False)] = None,
    init_scale: Annotated[float | None, typer.Option(help="Half the width of uniform.", show_default=False)] = None,
    orthogonal: Annotated[bool | None, typer.Option("--orthogonal", help="Recurrent matrices are.")] = None,
    forget_bias: Annotated[float | None, typer.Option(help="Where it starts.", show_default=False)] = None,
    unigram_bias: Annotated[
        bool | None,
        typer.Option(
            "--unigram-bias/--no-unigram-bias",
            help="The output starts at the words' frequencies; default: unless a preset is given.",
            show_default=False,
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(help="sgd, nt-asgd, adam, adamw, nadam, adagrad or rmsprop; default adamw.", show_default=False),
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate; default 0.003.", show_default=False)] = None,
    weight_decay: Annotated[float | None, typer.Option(show_default=False)] = None,
    momentum: Annotated[float | None, typer.Option(help="Of sgd.", show_default=False)] = None,
    clip: Annotated[
        float | None, typer.Option(min=0, help="Largest norm of a gradient; 0: any; default 1.", show_default=False)
    ] = None,
    sum_steps: Annotated[
        bool | None, typer.Option("--sum-steps", help="Rate and clip are for a loss summed over the steps.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Columns that are read side by side; default 20.", show_default=False)
    ] = None,
    bptt: Annotated[int | None, typer.Option(min=1, help="Steps of a chunk; default 35.", show_default=False)] = None,
    variable_bptt: Annotated[bool | None, typer.Option("--variable-bptt", help="Draw them for each chunk.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes; default 10.", show_default=False)] = None,
    decay: Annotated[
        float | None, typer.Option(help="The rate's factor when it falls; default 0.5.", show_default=False)
    ] = None,
    decay_from: Annotated[
        int | None, typer.Option(min=0, help="It falls at every epoch after this one.", show_default=False)
    ] = None,
    decay_on_stall: Annotated[
        bool | None, typer.Option("--decay-on-stall", help="It falls after an epoch without progress.")
    ] = None,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many epochs without progress.", show_default=False)
    ] = None,
    lower: Lower = False,
    unit: UnitOf = Unit.WORDS,
    min_count: MinCount = 1,
    max_vocabulary: MaxVocabulary = 0,
    vocabulary: VocabularyFile = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="Stop after this time; go on with --resume.", show_default=False)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from OUTPUT.checkpoint; model and recipe are its.")
    ] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Give up the run in OUTPUT.checkpoint.")] = False,
    save_every: Annotated[float, typer.Option(min=0, help="Seconds between checkpoints.")] = 600,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of all that is drawn; default 1.", show_default=False)
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="A table of the run: .csv, or else JSON lines.", show_default=False)
    ] = None,
    tensorboard: Annotated[Path | None, typer.Option(help="A folder for TensorBoard.", show_default=False)] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda; default: cuda if it is there.", show_default=False)
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="torch's; 0: as it has them.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Train a model on a text, or on a file of fastlm lm encode.

    The best model so far is in the file, and all of the run in OUTPUT.checkpoint, from which --resume goes on: after
    Ctrl-C, --seconds or a crash, as if it had not stopped. Several processes: torchrun --no-python fastlm lm train ...
    """
    import torch

    from fastlm import lm

    for file in (output, log):
        if file is not None:
            check_output(file, [*corpus, *(valid or [])])
    if threads:
        torch.set_num_threads(threads)
    where = _device(device)
    given = {
        "cell": cell, "hidden_size": hidden, "num_layers": layers, "embedding_size": embedding, "tied": tied,
        "cutoffs": _numbers(cutoffs), "dropout": dropout, "locked": locked, "embedding_dropout": embedding_dropout,
        "weight_dropout": weight_dropout, "recurrent_dropout": recurrent_dropout, "init": init,
        "init_scale": init_scale, "orthogonal": orthogonal, "forget_bias": forget_bias, "window": window,
    }  # fmt: skip
    of_recipe: dict[str, Any] = {
        "optimizer": optimizer, "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "sum_steps": sum_steps,
        "batch_size": batch_size, "bptt": bptt, "variable_bptt": variable_bptt, "epochs": epochs, "decay": decay,
        "decay_from": decay_from, "decay_on_stall": decay_on_stall, "patience": patience,
    }  # fmt: skip
    of_vocabulary = (unit, min_count, max_vocabulary, vocabulary)
    of_text = (unit != Unit.WORDS, min_count > 1, max_vocabulary, vocabulary, lower)
    if any(of_text) and len(corpus) == 1 and lm.are_tokens(corpus[0]):
        raise typer.BadParameter(f"{corpus[0]} has its vocabulary; options for it are for fastlm lm encode")
    if resume and (restart or preset is not None or unigram_bias is not None or any(of_text)):
        raise typer.BadParameter("--resume takes model, recipe, vocabulary and --lower of the checkpoint")
    begin = _resumed(output, _given(given)) if resume else _begin(output, restart, preset, _given(given))
    recipe = replace(begin.recipe, **_given(of_recipe))
    if clip is not None:
        recipe = replace(recipe, clip=clip or None)
    seed, lower = begin.seed if seed is None else seed, begin.lower or lower
    ids, words = _text(corpus, lower, lambda text: begin.vocabulary or _vocabulary(text, *of_vocabulary))
    torch.manual_seed(seed)
    model = lm.from_config({**begin.config, "vocab_size": len(words)})
    if (preset is None) if unigram_bias is None else unigram_bias:
        model.start_from_unigrams(ids)
    from fastlm import distributed

    processes = distributed.Processes(where) if distributed.launched() else None
    first = processes is None or processes.rank == 0
    with training_progress(len(ids) * recipe.epochs if first else 0) as report:
        trainer = lm.Trainer(
            model.to(where),
            ids,
            words,
            recipe,
            valid=None if not valid else _valid_ids(valid, lower, words),
            output=output,
            seed=seed,
            seconds=float("inf") if seconds is None else seconds,
            save_every=save_every,
            log=log,
            tensorboard=tensorboard,
            report=report if first else lambda _: None,
            processes=processes,
            meta={"lower": lower},
        )
        if resume:
            trainer.resume()
        try:
            trainer.run()
        except KeyboardInterrupt:
            if first:
                note(f"stopped after step {trainer.progress.step}; it is in {trainer.checkpoint}: --resume goes on")
            raise typer.Exit(130) from None
    if first:
        _print_result(trainer, output, as_json)


@dataclass(frozen=True)
class _Begin:
    """What a run begins with."""

    config: dict[str, Any]
    recipe: lm.Recipe
    seed: int = 1
    vocabulary: lm.Vocabulary | None = None
    lower: bool = False


def _resumed(output: Path, given: dict[str, Any]) -> _Begin:
    from fastlm.lm.checkpoint import read_run

    run = read_run(f"{output}.checkpoint")
    return _Begin({**run.config, **given}, run.recipe, run.seed, run.vocabulary, run.meta.get("lower", False))


def _begin(output: Path, restart: bool, preset: str | None, given: dict[str, Any]) -> _Begin:
    """Of a preset, or the default, with what is given."""
    from fastlm import lm
    from fastlm.lm.checkpoint import read_run

    checkpoint = Path(f"{output}.checkpoint")
    if checkpoint.exists() and not restart and not read_run(checkpoint).finished:
        raise ValueError(
            f"{checkpoint}: holds a run that has not ended; --resume goes on with it, --restart gives it up"
        )
    if preset is not None:
        if "window" in given:
            raise typer.BadParameter("--preset and --window exclude each other")
        chosen = lm.preset(preset)
        return _Begin({"class": "RecurrentLM", **chosen.model, **given}, chosen.recipe)
    if "window" in given:
        if wrong := given.keys() - {"window", "hidden_size", "embedding_size", "cutoffs", "dropout", "init_scale"}:
            raise typer.BadParameter(f"a model of a --window has no {min(wrong)}")
        return _Begin({"class": "FixedWindowLM", **given}, lm.Recipe())
    return _Begin({"class": "RecurrentLM", "cell": "lstm", "num_layers": 2, **given}, lm.Recipe())


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"expected numbers with commas between, such as 2000,10000, got {text!r}") from None


def _device(name: str | None) -> str:
    import torch

    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise typer.BadParameter(f"--device {name}: {str(error).splitlines()[0]}") from None
    return name


def _text(
    corpus: list[str], lower: bool, vocabulary_of: Callable[[Sentences], lm.Vocabulary]
) -> tuple[Any, lm.Vocabulary]:
    """The numbers of a text and its vocabulary."""
    from fastlm import lm

    if len(corpus) == 1 and lm.are_tokens(corpus[0]):
        tokens = lm.read_tokens(corpus[0])
        return tokens.ids, tokens.vocabulary
    sentences = Sentences(corpus, lower)
    words = vocabulary_of(sentences)
    return words.encode(sentences), words


def _valid_ids(valid: list[str], lower: bool, words: lm.Vocabulary) -> Any:
    from fastlm import lm

    if len(valid) == 1 and lm.are_tokens(valid[0]):
        tokens = lm.read_tokens(valid[0])
        if tokens.vocabulary != words:
            raise ValueError(f"{valid[0]}: is of another vocabulary; encode it with that of the text: --vocabulary")
        return tokens.ids
    return words.encode(Sentences(valid, lower))


def _vocabulary(
    sentences: Sentences, unit: Unit, min_count: int, max_vocabulary: int, path: Path | None
) -> lm.Vocabulary:
    from fastlm import lm

    if path is None:
        return lm.Vocabulary.from_sentences(sentences, max_vocabulary or None, min_count=min_count, unit=unit.value)
    if lm.are_tokens(path):
        return lm.read_tokens(path).vocabulary
    if unit != Unit.WORDS:
        raise typer.BadParameter("--vocabulary is a file of words; it has none for --unit characters")
    if min_count > 1 or max_vocabulary:
        raise typer.BadParameter("--vocabulary gives the words; --min-count and --max-vocabulary cannot choose them")
    return lm.Vocabulary(word for word in _read_vocabulary(path) if word not in (lm.UNKNOWN, lm.END))


def _print_result(trainer: lm.Trainer, output: Path, as_json: bool) -> None:
    done = trainer.progress
    loss = done.best if done.best is not None else trainer.validation_loss()
    what = "training" if trainer.valid is None else "validation"
    facts = {
        "file": str(output),
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "vocabulary": len(trainer.vocabulary),
        "epochs": done.epoch,
        "steps": done.step,
        "seconds": round(done.seconds, 2),
        "words_per_second": round(done.tokens / done.seconds) if done.seconds else None,
        "perplexity": None if loss is None or loss > 700 else math.exp(loss),
        "perplexity_of": what,
        "finished": done.finished,
        "recipe": asdict(trainer.recipe),
    }
    if as_json:
        print_json(facts, indent=2)
        return
    rate = f"{facts['words_per_second']:,} words/s" if done.seconds else ""
    typer.echo(f"{output}: {facts['parameters']:,} parameters, {facts['vocabulary']:,} {trainer.vocabulary.unit}")
    typer.echo(f"{done.epoch} epochs, {done.step:,} steps, {done.seconds:,.1f} s, {rate}")
    if loss is not None:
        typer.echo(f"{what} perplexity {perplexity_of(loss)}")
