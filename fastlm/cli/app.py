"""Puts the commands together."""

from __future__ import annotations

import typer

from fastlm.cli import (
    bench,
    doctor,
    lm,
    lm_compare,
    lm_generate,
    lm_gradients,
    lm_sentences,
    lm_train,
    ngram,
    ngram_build,
    ngram_convert,
    ngram_search,
)

app = typer.Typer(
    help="Fast recurrent and n-gram language models.", no_args_is_help=True, pretty_exceptions_enable=False
)
ngram.app.command("build")(ngram_build.build)
ngram.app.command("count")(ngram_build.count)
for command in (ngram_convert.convert, ngram_convert.prune, ngram_convert.merge, ngram_convert.mix):
    ngram.app.command(command.__name__)(command)
ngram.app.command("index")(ngram_search.index)
ngram.app.command("search")(ngram_search.search)
app.add_typer(ngram.app, name="ngram")
lm.app.command("train")(lm_train.train)
lm.app.command("encode")(lm_train.encode)
lm.app.command("classify")(lm_sentences.classify)
lm.app.command("tag")(lm_sentences.tag)
lm.app.command("generate")(lm_generate.generate)
lm.app.command("compare")(lm_compare.compare)
lm.app.command("gradients")(lm_gradients.gradients)
app.add_typer(lm.app, name="lm")
app.command()(bench.bench)
app.command()(doctor.doctor)
