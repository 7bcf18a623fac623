"""The suffix index against plain searches in lists of words."""

import gzip
import io
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastlm import ngram

ALPHABETS = ["a", "ab", "abc", "abcdefghijklmnop"]
document = st.sampled_from(ALPHABETS).flatmap(lambda letters: st.lists(st.sampled_from(letters), max_size=40))
repeats = st.tuples(document, st.integers(1, 30)).map(lambda pair: pair[0] * pair[1])
corpora = st.lists(document | repeats, min_size=1, max_size=6).filter(any)
words = st.lists(st.sampled_from(["a", "b", "c", "d", "zz"]), min_size=1, max_size=12)


@st.composite
def corpora_with_ngram(draw):
    """A corpus, and 1 to 200 words of it, one of which may be changed."""
    corpus = draw(corpora)
    source = draw(st.sampled_from([document for document in corpus if document]))
    begin = draw(st.integers(0, len(source) - 1))
    found = source[begin : begin + draw(st.integers(1, 200))]
    if draw(st.booleans()):
        found[draw(st.integers(0, len(found) - 1))] = draw(st.sampled_from(["a", "b", "zz"]))
    return corpus, found


def made(corpus, **options):
    return ngram.index_documents([" ".join(document) for document in corpus], **options)


def places(corpus, ngram):
    """Document and position of each occurrence."""
    return [
        (number, i)
        for number, document in enumerate(corpus)
        for i in range(len(document) - len(ngram) + 1)
        if document[i : i + len(ngram)] == ngram
    ]


@settings(max_examples=150, deadline=None)
@given(corpora_with_ngram())
@example(([["a"] * 500, [], ["a"] * 200], ["a"] * 200))
@example(([list("abc") * 100] * 20, list("abc") * 66))
def test_counts_and_places(sample):
    corpus, wanted = sample
    index, want = made(corpus), places(corpus, wanted)
    assert index.count(wanted) == index.count(" ".join(wanted)) == len(want)
    assert index.counts([wanted, wanted[:1], wanted]) == [len(want), len(places(corpus, wanted[:1])), len(want)]
    assert (wanted in index) == bool(want)
    found = index.occurrences(wanted, None)
    assert [(o.document, o.position) for o in found] == want
    assert index.occurrences(wanted, 2) == found[:2]
    for occurrence in found[:5]:
        source, begin = corpus[occurrence.document], occurrence.position
        assert occurrence.line == occurrence.document + 1
        assert occurrence.text.split() == wanted
        around = [*source[max(0, begin - 8) : begin], f"[{' '.join(wanted)}]", *source[begin + len(wanted) :][:8]]
        assert occurrence.around() == " ".join(around)
        assert occurrence.head(2).split() == wanted[:2] + ["..."] * (len(wanted) > 2)
    numbers = [number for number, _ in want]
    documents = index.documents(wanted, None)
    assert [(d.document, d.count) for d in documents] == [(n, numbers.count(n)) for n in sorted(set(numbers))]
    assert all(d.first == next(o for o in found if o.document == d.document) for d in documents)
    assert index.documents(wanted, 1) == documents[:1]
    assert index.document_frequency(wanted) == len(documents)


@settings(max_examples=150, deadline=None)
@given(corpora, words)
def test_longest_match_and_next_words(corpus, context):
    index = made(corpus)
    length = max(n for n in range(len(context) + 1) if n == 0 or places(corpus, context[len(context) - n :]))
    match = index.longest_match(context)
    ended = [[*document, "</s>"] for document in corpus]
    matched = context[len(context) - length :]
    want = {}
    for number, i in places(ended, matched):
        if i + length < len(ended[number]):
            word = ended[number][i + length]
            want[word] = want.get(word, 0) + 1
    assert (match.length, match.text.split(), match.count) == (length, matched, sum(want.values()))
    continuations = index.continuations(matched)
    assert dict(continuations) == want
    assert [n for _, n in continuations] == sorted(want.values(), reverse=True)
    assert index.next(context, 3) == [(word, n / match.count) for word, n in continuations[:3]]
    for word in ["a", "zz", "</s>"]:
        assert index.probability(word, context) == want.get(word, 0) / match.count
    if length < len(context):
        assert index.continuations(context) == []


@settings(max_examples=150, deadline=None)
@given(corpora, st.lists(words, max_size=4), st.integers(1, 6))
def test_contamination(corpus, pieces, least):
    text = [word for piece in [*pieces, corpus[0][:30]] for word in piece]
    index = made(corpus)
    lines = "\n".join(f" {' '.join(document)} " for document in corpus)
    want = [0] * len(text)
    for i in range(len(text)):
        while i + want[i] < len(text) and f" {' '.join(text[i : i + want[i] + 1])} " in lines:
            want[i] += 1
    assert index.match_lengths(" ".join(text)).tolist() == want
    report = index.contamination_of(" ".join(text), least)
    covered = {j for i, n in enumerate(want) if n >= least for j in range(i, i + n)}
    assert (report.words, report.covered, report.longest) == (len(text), len(covered), max(want, default=0))
    assert report.coverage == (len(covered) / len(text) if text else 0)
    maximal = [(i, n) for i, n in enumerate(want) if n >= least and not (i and i - 1 + want[i - 1] >= i + n)]
    assert [(span.begin, span.length) for span in report.spans] == maximal
    for span in report.spans:
        wanted = text[span.begin : span.begin + span.length]
        found = places(corpus, wanted)
        assert span.text.split() == wanted
        assert span.count == len(found)
        assert (span.example.document, span.example.position) in found


@settings(deadline=None)
@given(corpora, st.integers(2, 4))
def test_any_number_of_threads_makes_the_same_file(corpus, threads):
    with tempfile.TemporaryDirectory() as folder:
        for n in (1, threads):
            made(corpus, threads=n).save(f"{folder}/{n}")
        one, several = (Path(folder, str(n)).read_bytes() for n in (1, threads))
        assert one == several


@settings(deadline=None)
@given(corpora_with_ngram())
def test_a_loaded_index_answers_as_what_was_saved(sample):
    corpus, wanted = sample
    index = made(corpus)
    with tempfile.TemporaryDirectory() as folder:
        index.save(f"{folder}/index")
        for verify in (True, False):
            loaded = ngram.load(f"{folder}/index", verify=verify)
            assert isinstance(loaded, ngram.SuffixIndex)
            assert answers(loaded, wanted) == answers(index, wanted)


def answers(index, wanted):
    text = " ".join(wanted)
    return (
        (index.count(wanted), index.documents(wanted), index.next(wanted[:-1]), index.contamination_of(text, 2)),
        (index.vocabulary, index.tokens, index.document_count, index.sources),
        [index.document(i) for i in range(index.document_count)],
    )


TEXT = b"one two\nthree\n\n \nfour five\n"


@pytest.mark.parametrize(
    ("documents", "want"),
    [
        ("file", ["one two three four five", "", "six"]),
        ("line", ["one two", "three", "", "", "four five", "", "", "six"]),
        ("blank-line", ["one two three", "four five", "six"]),
    ],
)
def test_what_a_document_is(documents, want, tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(TEXT))
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "b").write_bytes(b"\n\nsix")  # the last line has no end
    sources = [tmp_path / "a.gz", tmp_path / "empty", tmp_path / "b"]
    index = ngram.index(sources, documents=documents)
    assert [index.document(i) for i in range(index.document_count)] == want
    assert index.sources == [str(source) for source in sources]
    assert index.count("two three") == (documents != "line")
    assert index.count("three four") == (documents == "file")
    assert index.count("</s>") == len(want)
    lines = {word: index.occurrences(word)[0] for word in ("two", "three", "five", "six")}
    assert [(o.source[-4:], o.line) for o in lines.values()] == [
        ("a.gz", 1),
        ("a.gz", 2),
        ("a.gz", 5),
        (str(tmp_path / "b")[-4:], 3),
    ]


def test_contamination_of_files_has_their_names_and_lines(tmp_path):
    (tmp_path / "train").write_text("it was the best of times\nit was the worst of times\n")
    (tmp_path / "one").write_text("he said\nit was the best\nof times it was never\n")
    (tmp_path / "two").write_text("\n\nthe worst of times\n")
    index = ngram.index(tmp_path / "train")
    report = index.contamination([tmp_path / "one", tmp_path / "two"], 4)
    rows = [(span.source[-3:], span.line, span.begin, span.text, span.example.line) for span in report.spans]
    assert rows == [("one", 2, 2, "it was the best of times it was", 1), ("two", 3, 0, "the worst of times", 2)]
    assert (report.words, report.covered, report.longest) == (15, 12, 8)
    assert index.contamination_of("the best he", 2).spans[0].example.around() == (
        "it was [the best] of times it was the worst of times"
    )
    assert (
        str(index.contamination_of("", 3))
        == "0.00 % of 0 words lie in 0 matches of at least 3 words; the longest match has 0"
    )


def test_unknown_words_and_special_ones():
    index = ngram.index_documents(["a <unk> b", "c"])
    assert index.counts(["<unk>", "zz", "a <unk> b", "a zz b"]) == [1, 0, 1, 0]
    assert index.count("b </s>") == index.count("</s>") - 1 == 1
    assert index.longest_match("zz zz").length == 0
    assert index.longest_match("").count == index.tokens == 6
    assert (
        dict(index.next("zz", 9))
        == dict(index.next("", 9))
        == {w: (2 if w == "</s>" else 1) / 6 for w in ("<unk>", "</s>", "a", "b", "c")}
    )
    for wrong in ("", [], "<s> a", "</s> a"):
        with pytest.raises(ValueError, match=r"at least one word|has no '<s>'|only as its last word"):
            index.count(wrong)
    for wrong in ("a </s>", "<s> a"):
        with pytest.raises(ValueError, match="a context lies in one document"):
            index.longest_match(wrong)
    with pytest.raises(ValueError, match="expected one word"):
        index.probability("a b")


def test_wrong_arguments():
    index = ngram.index_documents(["a b"])
    for call in (
        lambda: index.contamination_of("a", 0),
        lambda: index.occurrences("a", -1),
        lambda: index.next("a", -1),
        lambda: index.document(1),
        lambda: ngram.index_documents(["a"], threads=-1),
    ):
        with pytest.raises(ValueError, match="must be"):
            call()
    with pytest.raises(ValueError, match="documents must be 'file', 'line' or 'blank-line', got 'page'"):
        ngram.index(io.BytesIO(b"a"), documents="page")
    with pytest.raises(ValueError, match="the corpus is empty: expected at least one word"):
        ngram.index(io.BytesIO(b"\n\n"))
    with pytest.raises(ValueError, match="got none"):
        ngram.index([])
    with pytest.raises(TypeError, match="put it into a list"):
        ngram.index_documents("a b")
    with pytest.raises(TypeError, match="expected a text as a str"):
        index.contamination_of(["a"])
    with pytest.raises(ValueError, match="invalid UTF-8"):
        index.contamination_of("caf\udce9")
    assert index.contamination_of("a\udce9 b", 1, errors="ignore").covered == 2
    with pytest.raises(ValueError, match=r"text:2: byte 0"):
        index.contamination_of("a\n\0")
    assert index.occurrences("a", 0) == index.documents("a", 0) == []


def test_progress_is_reported():
    seen = []
    ngram.index_documents((f"w{i}" for i in range(10_000)), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 20_000


def test_damaged_files_are_refused_or_answer_as_before(tmp_path):
    generator = random.Random(1)
    index = made([[generator.choice("abcd") for _ in range(300)], [], list("abcd") * 20])
    index.save(tmp_path / "index")
    whole, wanted, refused = (tmp_path / "index").read_bytes(), list("abc"), 0
    want = answers(index, wanted)
    for _ in range(400):
        altered, place = bytearray(whole), generator.randrange(len(whole))
        altered[place : place + generator.choice([1, 8, 64])] = generator.randbytes(1)
        (tmp_path / "altered").write_bytes(altered)
        try:
            found = ngram.load(tmp_path / "altered")
        except ngram.FormatError:
            refused += 1
        else:
            assert answers(found, wanted) == want
    assert refused > 200
    for size in range(0, len(whole), 37):
        (tmp_path / "cut").write_bytes(whole[:size])
        for verify in (True, False):
            with pytest.raises(ngram.FormatError):
                ngram.load(tmp_path / "cut", verify=verify)


def test_a_file_of_each_kind_is_loaded_as_what_it_is(tmp_path):
    table = ngram.count_sentences(["a b"], 2)
    saved = {"table": table, "model": table.estimate("backoff"), "index": ngram.index_documents(["a b"])}
    for name, found in saved.items():
        found.save(tmp_path / name)
        assert type(ngram.load(tmp_path / name)) is type(found)


def test_texts_and_questions_are_tokenised_in_the_same_way(tmp_path):
    (tmp_path / "corpus").write_text("The Cat\n\nsat\n")
    index = ngram.index(tmp_path / "corpus", documents="line", tokenizer="characters", lower=True)
    index.save(tmp_path / "index")
    for found in (index, ngram.load(tmp_path / "index")):
        assert found.tokenization == ngram.Tokenization("characters", lower=True)
        assert [found.document(i) for i in range(3)] == ["t h e ␣ c a t", "", "s a t"]
        assert found.counts(["AT", "e c", ["a", "t"], ["t", "</s>"], "a t"]) == [2, 1, 2, 2, 0]
        assert found.next("xA") == [("t", 1.0)]
        report = found.contamination_of("a hat\nsat", 3)
        assert [(span.line, span.begin, span.text) for span in report.spans] == [(2, 5, "s a t")]
        assert found.contamination(io.BytesIO(b"a hat\nsat"), 3).covered == report.covered == 3


def test_a_function_that_tokenises_is_asked_for_after_a_load(tmp_path):
    index = ngram.index_documents(["a-b c", ["a-b", "d"]], tokenizer=lambda text: text.replace("-", " ").split())
    assert index.counts(["a-b", ["a", "b"], ["a-b"]]) == [1, 1, 1]
    index.save(tmp_path / "index")
    loaded = ngram.load(tmp_path / "index")
    assert loaded.count(["a", "b"]) == 1
    with pytest.raises(ValueError, match="tokenised by a function"):
        loaded.count("a-b")
