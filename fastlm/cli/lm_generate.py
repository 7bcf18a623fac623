"""``fastlm lm generate``: text by sampling, or the most probable sentences by beam search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fastlm.cli.lm import AsJson, ModelFile
from fastlm.cli.lm_console import loaded_model
from fastlm.cli.ngram_console import lines_of, note, print_json

if TYPE_CHECKING:
    from fastlm import lm


def generate(
    model: ModelFile,
    prompt: Annotated[
        list[str] | None,
        typer.Argument(help="What the sentence begins with; - : prompts in lines of standard input."),
    ] = None,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="Sentences for each prompt.")] = 1,
    max_words: Annotated[int, typer.Option(min=0, help="Stop after so many words, or characters.")] = 50,
    temperature: Annotated[float, typer.Option(min=0, help="Below 1: likelier words; 0: the likeliest.")] = 1.0,
    top_k: Annotated[int, typer.Option(min=0, help="Draw among the k likeliest words only; 0: all.")] = 0,
    top_p: Annotated[float, typer.Option(help="Draw among the likeliest words of this probability only.")] = 1.0,
    text: Annotated[bool, typer.Option("--text", help="Go on behind the end of a sentence.")] = False,
    beams: Annotated[
        int, typer.Option(min=0, help="Beam search of so many beams instead: the --number best sentences.")
    ] = 0,
    length_penalty: Annotated[
        float, typer.Option(min=0, help="Of beam search: 0 favours short sentences, 1 orders by probability a word.")
    ] = 1.0,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**64 - 1, help="The same seed, the same text.", show_default=False)
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Sentences that are made together; changes none.")] = 16,
    as_json: AsJson = False,
) -> None:
    """Draw text, word by word or character by character, or find the most probable sentences."""
    if beams and number > beams:
        raise typer.BadParameter(f"--number {number} needs --beams {number} or more")
    from fastlm import lm
    from fastlm.lm.decoding import text_of

    loaded = loaded_model(model, ("RecurrentLM", "FixedWindowLM"))
    words = loaded.vocabulary
    prompts = list(lines_of(["-"] if prompt == ["-"] else [" ".join(prompt or [])]))
    if loaded.meta.get("lower", False):
        prompts = [line.lower() for line in prompts]
    _note_unknown(words, prompts)
    if beams:
        for line in prompts:
            for found in lm.beam_search(
                loaded.model,
                words,
                line,
                beams=beams,
                n_best=number,
                max_words=max_words,
                length_penalty=length_penalty,
            ):
                facts = {"log_probability": found.log_probability, "score": found.score, "ended": found.ended}
                _print(line, text_of(words, found.tokens), as_json, **facts)
        return
    every = [line for line in prompts for _ in range(number)]
    for first in range(0, len(every), batch_size):
        some = every[first : first + batch_size]
        texts = lm.generate_batch(
            loaded.model,
            words,
            some,
            max_words=max_words,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=None if seed is None else seed + first,
            until_end=not text,
            batch_size=batch_size,
        )
        for line, tokens in zip(some, texts, strict=True):
            _print(line, text_of(words, tokens), as_json)


def _note_unknown(vocabulary: lm.Vocabulary, prompts: list[str]) -> None:
    unknown = [word for line in prompts for word in vocabulary.split(line) if word not in vocabulary]
    if unknown:
        note(f"not in the vocabulary, taken as <unk>: {', '.join(dict.fromkeys(unknown))}")


def _print(prompt: str, text: str, as_json: bool, **facts: float | bool) -> None:
    if as_json:
        print_json({"prompt": prompt, "text": text, **facts})
    else:
        typer.echo(text)
