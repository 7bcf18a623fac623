"""The n-gram engine beside KenLM, nltk.lm and collections.Counter: counting, estimating, questions, files, growth.

The text is --text, or film reviews, or made up; what grows is in --sizes. Peers that are not installed are left out,
and the summary says how to get them.
"""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from fastlm.bench import commands, limits, ngram_corpus, ngram_peers

from fastlm import ngram

SHAPES = [(200_000, order) for order in range(1, 6)]  # words and order, for what is held against Counter
QUICK_SHAPES = [(20_000, 1), (20_000, 3)]
SIZES = {"": "1M,10M", "QUICK": "50k", "FULL": "1M,10M,100M"}
"""Words of the growth curves. The first is the size of the model that is asked, too."""
NLTK_WORDS = {"": 20_000, "QUICK": 5_000, "FULL": 20_000}
ORDER = 5
ROUNDS = 3
"""Of whole commands on the smallest text; one on longer ones, and in a quick run."""


def pytest_generate_tests(metafunc):
    if "words" in metafunc.fixturenames:
        metafunc.parametrize("words", sizes(metafunc.config), ids=lambda words: f"{words / 1e6:g}M")


def sizes(config):
    try:
        return ngram_corpus.sizes_of(config.option.sizes or SIZES[config.option.extent])
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ngram")


@pytest.fixture(scope="session")
def corpus(request, folder):
    config = request.config
    made = ngram_corpus.make(folder, config.option.text, max(sizes(config)))
    config.notes.append(f"text: {made.source}, {made.words:,} words; {len(made.heldout):,} sentences held out")
    return made


@pytest.fixture(scope="session")
def text(corpus, folder):
    """A text of so many words."""
    made = {}

    def of(words, note):
        if words not in made:
            made[words], how = ngram_corpus.grown(corpus, folder, words)
            note(f"{words:,} words of text: {how}")
        return made[words]

    return of


@pytest.fixture(scope="session")
def questions(corpus):
    """Held-out sentences."""
    return corpus.heldout


@pytest.fixture(scope="session")
def asked(request, text, folder):
    """The file of the model that is asked."""
    path = folder / "model.ngram"
    ngram.build(text(sizes(request.config)[0], request.config.notes.append), path, ORDER, discount_fallback=True)
    return path


@pytest.fixture(scope="session")
def model(asked):
    return ngram.load(asked)


@pytest.fixture(scope="session")
def arpa(model, folder):
    path = folder / "model.arpa"
    ngram.save_arpa(model, path)
    return path


@pytest.fixture(scope="session")
def kenlm(request, arpa):
    """The same model in KenLM, by an ARPA file."""
    package = ngram_peers.package("kenlm", request.config.notes.append)
    return package.Model(str(arpa)) if package else None


@pytest.fixture
def query(duel, model, questions, asked):
    """A duel over the words of the questions."""
    scores = model.token_scores_batch(questions)
    # of each token, one load for each n-gram that ends there and for the longer one that is not there
    loads = int(np.minimum(scores.order.astype(np.int64) + 1, model.order).sum())
    limit = loads * limits.random_load_seconds(asked.stat().st_size)
    work = (float(len(scores.log10)), "words")
    return lambda fast, peer, **more: duel(fast, peer, limit, work=work, **more)


def bench_count(duel, machine, text, note, shape, request, tmp_path):
    words, order = shape
    path, threads = text(words, note), request.config.option.threads
    duel(
        lambda: ngram.build(path, tmp_path / "table", order, smoothing=None, threads=threads),
        lambda: ngram_peers.count_by_counter(path, order),
        limits.streaming_seconds(machine, path.stat().st_size),  # the least: the text is read once
        regime="counting into a file; Counter",
        work=(words, "words"),
    )


def bench_nltk(duel, record, text, note, questions, request):
    nltk = ngram_peers.package("nltk.lm", note)
    if not nltk:
        return
    words, threads = NLTK_WORDS[request.config.option.extent], request.config.option.threads
    path, order = text(words, note), 3
    duel(
        lambda: ngram.count(path, order, threads=threads).estimate("stupid-backoff"),
        lambda: ngram_peers.count_by_nltk(nltk, path, order),
        regime="counting; nltk.lm, stupid backoff",
        work=(words, "words"),
    )
    ours, theirs = ngram.count(path, order).estimate("stupid-backoff"), ngram_peers.count_by_nltk(nltk, path, order)
    line = questions[0].split()[:50]
    contexts = [line[max(0, i - order + 1) : i] for i in range(len(line))]
    seconds = [
        statistics.median(ngram_peers.seconds(work) for _ in range(5))
        for work in (
            lambda: [ours.probability(word, context) for word, context in zip(line, contexts, strict=True)],
            lambda: [theirs.score(word, context) for word, context in zip(line, contexts, strict=True)],
        )
    ]
    record(*seconds, "probability; nltk.lm's score", work=(len(line), "words"))


def bench_score(query, model, kenlm, questions):
    peer = (lambda: [kenlm.score(line) for line in questions]) if kenlm else None
    query(lambda: [model.score(line) for line in questions], peer, regime="score in a loop; kenlm")


def bench_score_words(query, model, kenlm, questions):
    peer = (lambda: [list(kenlm.full_scores(line)) for line in questions]) if kenlm else None
    query(lambda: [model.scores(line) for line in questions], peer, regime="each word in a loop; kenlm")


@pytest.mark.parametrize("kind", ["texts", "ids"])
def bench_score_batch(query, model, kenlm, questions, kind, request):
    threads = request.config.option.threads
    peer = (lambda: [kenlm.score(line) for line in questions]) if kenlm else None
    place = {word: i for i, word in enumerate(model.table.vocabulary)}
    sentences = [np.array([place.get(word, 0) for word in line.split()]) for line in questions]
    ids = np.concatenate(sentences), np.cumsum([0, *map(len, sentences)])
    calls = {
        "texts": lambda: model.score_batch(questions, threads=threads),
        "ids": lambda: model.score_ids(ids, threads=threads),
    }
    query(calls[kind], peer, regime=f"score, many {kind} at once; kenlm in a loop")


def bench_score_one(query, model, questions):
    """Word by word in C++, without Python between: each sentence is one call, of ids."""
    place = {word: i for i, word in enumerate(model.table.vocabulary)}
    ids = [[place.get(word, 0) for word in [*line.split(), "</s>"]] for line in questions]
    query(lambda: [model._model.score(line, [place["<s>"]]) for line in ids], None, regime="word by word in the engine")


def bench_advance(query, model, kenlm, questions):
    lines = [[*line.split(), "</s>"] for line in questions]

    def ours():
        for line in lines:
            state = model.begin_state()
            for word in line:
                _, state = model.advance(state, word)

    def theirs():
        import kenlm as package

        for line in lines:
            state, after = package.State(), package.State()
            kenlm.BeginSentenceWrite(state)
            for word in line:
                kenlm.BaseScore(state, word, after)
                state, after = after, state

    query(ours, theirs if kenlm else None, regime="states, word by word; kenlm")


@pytest.mark.parametrize("calls", ["one by one", "many at once"])
@pytest.mark.parametrize("k", [10, 1000])
def bench_next(duel, model, questions, k, calls):
    """The k most probable words after every third word; KenLM has no such call."""
    lines = [line.split() for line in questions]
    contexts = [line[: i + 1] for line in lines for i in range(0, len(line), 3)][: 5_000 // k]
    ask = {
        "one by one": lambda: [model.next(context, k) for context in contexts],
        "many at once": lambda: model.next_batch(contexts, k),
    }
    duel(ask[calls], None, regime=f"the next words, {calls}", work=(len(contexts), "contexts"))


def bench_load(duel, asked, arpa, folder, note):
    """Into memory; the file is in the system's cache. KenLM's binary file is mapped, as ours, and not checked."""
    programs, kenlm = ngram_peers.programs(note), ngram_peers.package("kenlm", note)
    trie = folder / "model.trie"
    if programs and kenlm:
        commands.run(programs.binary(arpa, trie))
    peer = (lambda: kenlm.Model(str(trie))) if programs and kenlm else None
    duel(lambda: ngram.load(asked, verify=False), peer, regime="loading a file; kenlm, binary")


def bench_load_checked(duel, machine, asked):
    limit = limits.streaming_seconds(machine, asked.stat().st_size)
    duel(lambda: ngram.load(asked), None, limit, regime="loading a file, with its check")


def bench_read_arpa(duel, arpa, model, note):
    """From an ARPA file to a model that answers."""
    kenlm = ngram_peers.package("kenlm", note)
    duel(
        lambda: ngram.read_arpa(arpa).model(),
        (lambda: kenlm.Model(str(arpa))) if kenlm else None,
        regime="loading an ARPA file; kenlm",
        work=(len(model.table), "n-grams"),
    )


def bench_growth(record, note, text, questions, words, request, folder):
    """Whole commands: from text to counts, and to a model that answers. KenLM's: lmplz and build_binary trie."""
    path, threads = text(words, note), request.config.option.threads
    rounds = ROUNDS if words == sizes(request.config)[0] and request.config.option.extent != "QUICK" else 1
    programs = ngram_peers.programs(note)
    files = {name: folder / f"{name}-{words}" for name in ("table", "model", "compact", "arpa", "trie")}
    options = ["--order", str(ORDER), "--threads", str(threads)]
    ours = [*commands.FASTLM, "ngram"]
    fallback = "--discount-fallback"
    sides = {
        "count": [[*ours, "count", path, "-o", files["table"], *options]],
        "model": [[*ours, "build", path, "-o", files["model"], fallback, *options]],
        "compact": [[*ours, "build", path, "-o", files["compact"], fallback, "--compact", *options]],
    }
    if programs:
        sides["kenlm"] = [programs.estimate(path, ORDER, files["arpa"]), programs.binary(files["arpa"], files["trie"])]
    runs = [{name: commands.run(*side) for name, side in sides.items()} for _ in range(rounds)]
    found = {name: [statistics.median(x) for x in zip(*(run[name] for run in runs), strict=True)] for name in sides}
    clock = 0 if threads == 1 else 1  # as Spent has them: CPU or wall

    model = ngram.load(files["model"])
    ngrams, tokens = len(model.table), sum(len(line.split()) + 1 for line in questions)
    answering = statistics.median(ngram_peers.seconds(lambda: model.score_batch(questions)) for _ in range(5))
    peer = found.get("kenlm", [None] * 3)
    size = f"{words / 1e6:g}M words"
    work = (words, "words")
    record(found["count"][clock], None, "a text to counts, whole command", f"count {size}", work=work)
    record(found["model"][clock], peer[clock], "a text to a model, whole commands; KenLM", f"build {size}", work=work)
    for name, theirs in (("count", None), ("model", peer[2])):
        regime = "most memory, whole commands; KenLM -S 1G" if theirs else "most memory, whole commands"
        record(found[name][2] / 1e6, theirs and theirs / 1e6, regime, f"{name} {size}", unit="MB")
    sizes_of = {name: file.stat().st_size / ngrams for name, file in files.items() if file.exists()}
    for name in ("model", "compact"):
        record(sizes_of[name], sizes_of.get("trie"), "bytes an n-gram; KenLM's trie", f"{name} {size}", unit="B")
    record(answering, None, "score, many texts at once, by size", f"score {size}", work=(tokens, "words"))
    request.config.growth.append(
        {
            "words": words,
            "ngrams": ngrams,
            "count_words_per_s": words / found["count"][clock],
            "model_words_per_s": words / found["model"][clock],
            "kenlm_words_per_s": words / peer[clock] if peer[clock] else None,
            "count_mb": found["count"][2] / 1e6,
            "model_mb": found["model"][2] / 1e6,
            "kenlm_mb": peer[2] / 1e6 if peer[2] else None,
            "bytes_per_ngram": sizes_of["model"],
            "compact_bytes_per_ngram": sizes_of["compact"],
            "kenlm_bytes_per_ngram": sizes_of.get("trie"),
            "score_words_per_s": tokens / answering,
        }
    )
    for file in files.values():
        file.unlink(missing_ok=True)
