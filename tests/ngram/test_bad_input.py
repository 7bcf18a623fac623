"""Bad input and bad places: each has its kind of error, with file, line and reason, and leaves no part of a file."""

import bz2
import errno
import gzip
import json
import lzma
import os
import re
import subprocess
import sys
from typing import NamedTuple

import pytest

from fastlm import ngram

zstandard = pytest.importorskip("zstandard")

LINES = [f"a{i} b{i % 7} c a{i} d" for i in range(40)]
TEXT = "\n".join(LINES).encode() + b"\n"
ARPA = b"""\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-1\t<unk>
-99\t<s>\t-0.3
-0.5\t</s>
-0.6\ta\t-0.2

\\2-grams:
-0.1\t<s> a
-0.2\ta </s>

\\end\\
"""
COMPRESSORS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}


class Bad(NamedTuple):
    what: str
    content: bytes
    message: str
    """What the error says, with {file} for the path of the file."""
    error: type[Exception] = ValueError


def build(source, output):
    ngram.build(source, output, 2, smoothing="witten-bell")


def estimate(source, output):
    ngram.build(source, output, 2)


def read_arpa(source, output):
    ngram.read_arpa(source).model().save(output)


def read_counts(source, output):
    ngram.read_counts(source).save(output)


def load(source, output):
    ngram.load(source).save(output)


def altered(old, new):
    assert ARPA.count(old) == 1
    return ARPA.replace(old, new)


def flipped(data, place):
    return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]


def a_model(folder):
    path = folder / "good"
    ngram.count_sentences(LINES, 2).estimate("witten-bell").save(path)
    return path.read_bytes()


def damaged(kind, whole):
    data = f"{{file}}: the {kind} data is "
    yield Bad(f"{kind}, cut", whole[:-5], data + "truncated: its end is missing")
    yield Bad(f"{kind}, altered", flipped(whole, len(whole) // 2), data + "damaged (")
    yield Bad(f"{kind}, and more", whole + b"and more of it", data + "damaged (")


TEXTS = [
    Bad("empty", b"", "the corpus is empty: expected at least one word"),
    Bad("empty lines", b"\n \n\n", "the corpus is empty: expected at least one word"),
    Bad("invalid UTF-8", b"a b\nc \xff d\n", "{file}:2: invalid UTF-8: byte 255 in a word; errors='replace'"),
    Bad("half a character", b"a b\nc \xc3", "{file}:2: invalid UTF-8: byte 195"),
    Bad("a byte 0", b"a\n\n\0\n", "{file}:3: byte 0: this is not a text"),
    Bad("UTF-16", "a b\n".encode("utf-16"), "{file}:1: invalid UTF-8: byte 255"),
    Bad("a bound", b"a b\na <s> b\n", "{file}:2: '<s>' stands in the text"),
    *(bad for kind, compress in COMPRESSORS.items() for bad in damaged(kind, compress(TEXT))),
]
ESTIMATES = [
    Bad("one word", b"word", "the discounts of order 1 cannot be worked out from the counts"),
    Bad("no repetition", b"a b c d e f\n", "Ways out: more text; a lower order; discount_fallback"),
]
ARPAS = [
    Bad("empty", b"", "{file}:1: expected a line \\data\\, but the file has ended; this is not an ARPA file"),
    Bad("a text", b"some words\n", "{file}:2: expected a line \\data\\, but the file has ended"),
    Bad("too few", altered(b"2=2", b"2=3"), "{file}:15: expected 3 2-grams, as the header says, got 2"),
    Bad("too many", altered(b"2=2", b"2=1"), "{file}:13: expected 1 2-grams, as the header says, got more"),
    Bad("a count below 0", altered(b"2=2", b"2=-2"), "{file}:3: expected the number of 2-grams as 'ngram 2=...'"),
    Bad("a huge count", altered(b"2=2", b"2=99999999999999"), "{file}:15: expected 99999999999999 2-grams"),
    Bad("NaN", altered(b"-0.1", b"nan"), "{file}:12: expected a log10 probability, got 'nan'"),
    Bad("a backoff of NaN", altered(b"a\t-0.2", b"a\tnan"), "{file}:9: expected a log10 backoff after 1 words"),
    Bad("above 0", altered(b"-0.1", b"0.1"), "{file}:12: expected a log10 probability of at most 0, got '0.1'"),
    Bad("no number", altered(b"-0.1", b"x"), "{file}:12: expected a log10 probability, got 'x'"),
    Bad("twice", altered(b"a </s>", b"<s> a"), "{file}:13: duplicate 2-gram '<s> a': it is in line 12 already"),
    Bad("a word twice", altered(b"-0.6\ta", b"-0.6\t</s>"), "{file}:9: duplicate 1-gram '</s>'"),
    Bad("no such word", altered(b"a </s>", b"b </s>"), "{file}:13: the word 'b' of a 2-gram is not among the 1-grams"),
    Bad("too short", altered(b"<s> a", b"a"), "{file}:12: expected a log10 probability, 2 words and perhaps a backoff"),
    Bad("a useless backoff", altered(b"a </s>", b"a </s>\t-1"), "{file}:13: expected no backoff, for no n-gram is lo"),
    Bad("invalid UTF-8", altered(b"-0.6\ta", b"-0.6\t\xff"), "{file}:9: invalid UTF-8 in the word"),
    Bad("no end", altered(b"\\end\\\n", b""), "{file}:15: the file is truncated: it ends in \\2-grams:"),
    Bad("no </s>", altered(b"-0.5\t</s>", b"-0.5\tb"), "{file}:11: expected </s> among the 1-grams"),
    Bad("another section", altered(b"\\2-g", b"\\3-g"), "{file}:11: expected \\2-grams:, got '\\3-grams:'"),
    Bad("gzip, cut", gzip.compress(ARPA)[:-9], "{file}: the gzip data is truncated"),
]
COUNTS = [
    Bad("empty", b"", "{file}: expected at least one n-gram with its count, got none"),
    Bad("nothing that occurs", b"a\t0\n</s>\t2\n", "{file}: expected at least one word that occurs, got none"),
    Bad("a text", b"\nthe cat sat\n", "{file}:2: expected a whole number as the count, got 'sat'"),
    Bad("no count", b"a\t1\nin 1984\t\n", "{file}:2: expected a whole number as the count, got ''"),
    Bad("no word", b"a\t1\n\t5\n", "{file}:2: expected words, a tab and their count, got '?5'"),
    Bad("below 0", b"a\t1\na b\t-3", "{file}:2: expected a count of 0 or more, got '-3'"),
    Bad("a fraction", b"a\t1.5", "{file}:1: expected a whole number as the count, got '1.5'"),
    Bad("above 2^64", b"a\t18446744073709551616", "{file}:1: expected a whole number as the count, got '184467"),
    Bad("a sum above 2^64", b"a b\t18446744073709551615\nc b\t1", "{file}:2: the counts of 'b' exceed 2^64 - 1"),
    Bad("twice", b"a b\t1\nc\t1\na b\t2\n", "{file}:3: duplicate n-gram 'a b': it is in line 1 already"),
    Bad("too rare", b"b\t4\na\t1\na b\t1\na c\t1\n",
        "{file}:2: 'a' occurs 1 times, but n-grams of one word more that begin with it occur 2 times"),
    Bad("too rare an end", b"c\t1\na c\t1\nb c\t1\n", "{file}:1: 'c' occurs 1 times, but n-grams of one word more"),
    Bad("<s> inside", b"a <s>\t1", "{file}:1: '<s>' begins a sentence; expected no word before it"),
    Bad("</s> inside", b"a\t1\n</s> a\t1", "{file}:2: '</s>' ends a sentence; expected no word behind it, got 'a'"),
    Bad("invalid UTF-8", b"a\t1\n\xff b\t1", "{file}:2: invalid UTF-8 in the word"),
    Bad("a byte 0", b"a\0\t1", "{file}:1: byte 0 or white space in the word 'a?'"),
    Bad("33 words", b"a " * 33 + b"\t1", "{file}:1: an n-gram of more than 32 words; that is the limit"),
    Bad("xz, cut", lzma.compress(b"a\t1\n")[:-4], "{file}: the xz data is truncated"),
]  # fmt: skip
CALLS = {build: TEXTS, estimate: ESTIMATES, read_arpa: ARPAS, read_counts: COUNTS}


@pytest.mark.parametrize(
    ("call", "bad"),
    [pytest.param(call, bad, id=f"{call.__name__}-{bad.what}") for call in CALLS for bad in CALLS[call]],
)
def test_bad_input_is_refused(call, bad, tmp_path):
    refuses(call, tmp_path, bad.content, bad.message, bad.error)


def refuses(call, folder, content, message, error):
    """With no file of the name of the output, and with one that stays as it is."""
    source, output = folder / "source", folder / "output"
    source.write_bytes(content)
    for before in (None, b"what was there"):
        if before:
            output.write_bytes(before)
        with pytest.raises(error) as raised:
            call(source, output)
        assert type(raised.value) is error
        assert message.replace("{file}", str(source)) in str(raised.value)
        assert sorted(path.name for path in folder.iterdir()) == (["output", "source"] if before else ["source"])
    assert output.read_bytes() == before


def test_files_of_ours_that_are_not_whole(tmp_path):
    good = a_model(tmp_path)
    half = len(good) // 2
    folder = tmp_path / "bad"
    folder.mkdir()
    for content, message in [
        (b"", "{file}: not an n-gram file of fastlm"),
        (TEXT, "{file}: not an n-gram file of fastlm"),
        (good[:16] + b"\xfe" + good[17:], "{file}: is of version 254; expected "),
        (good[:half], f"{{file}}: is truncated or was altered: has {half} bytes, expected {len(good)}"),
        (flipped(good, 20), "{file}: was altered: its list does not fit"),
        (flipped(good, 64), "has a wrong checksum"),
        (flipped(good, len(good) - 40), "{file}: was altered: its header has a wrong checksum"),
    ]:  # fmt: skip
        refuses(load, folder, content, message, ngram.FormatError)
        (folder / "output").unlink()


ODD = {
    "a line of 10 MB": (build, b"some more words " * 640_000),
    "a word of 10 MB": (build, b"x" * 10_000_000),
    "one word": (build, b"word"),
    "an ARPA file without backoffs": (read_arpa, altered(b"a\t-0.2", b"a").replace(b"<s>\t-0.3", b"<s>")),
    "an ARPA file with tabs": (read_arpa, altered(b"<s> a", b"<s>\ta")),
    "an ARPA file that is not sorted": (
        read_arpa,
        altered(b"-0.1\t<s> a\n-0.2\ta </s>", b"-0.2\ta </s>\n-0.1\t<s> a"),
    ),
    "counts that are not sorted": (read_counts, b"b </s>\t1\na b\t1\na\t2"),
}


@pytest.mark.parametrize(("call", "content"), ODD.values(), ids=ODD)
def test_odd_input_is_good(call, content, tmp_path):
    (tmp_path / "source").write_bytes(content)
    call(tmp_path / "source", tmp_path / "output")
    assert ngram.load(tmp_path / "output").order == 2


PLACES = """
import json, os, resource, signal, sys
from fastlm import ngram

limit = int(sys.argv[1])
table = ngram.count("../text", 3)
model, index = table.estimate("witten-bell"), ngram.index("../text")
ngram.save_arpa(model, "../arpa")
options = {"order": 3, "smoothing": "witten-bell"}
writers = {
    "save table": table.save,
    "save model": model.save,
    "save index": index.save,
    "build": lambda path: ngram.build("../text", path, **options),
    "build with counts": lambda path: ngram.build("../text", path + ".model", counts=path, **options),
    "count, temporary": lambda path: ngram.count("../text", 3, memory="9M", temp_dir='.'),
    "read_arpa, temporary": lambda path: ngram.read_arpa("../arpa", memory=0, folder="."),
}
for suffix in ("", ".gz", ".bz2", ".xz", ".zst"):
    writers["save_arpa" + suffix] = lambda path, suffix=suffix: ngram.save_arpa(model, path + suffix)
    writers["save_tsv" + suffix] = lambda path, suffix=suffix: table.save_tsv(path + suffix)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
elif os.geteuid() == 0:
    os.setuid(65534)  # root may write anywhere
before, found = set(os.listdir()), {}
for name, write in writers.items():
    try:
        write("out")
        found[name] = None
    except OSError as error:
        found[name] = [error.errno, error.filename]
    assert set(os.listdir()) == before, name
print(json.dumps(found))
"""


@pytest.mark.parametrize("limit", [30_000, 0], ids=["disk full", "folder not writable"])
def test_places_that_cannot_be_written(tmp_path, limit):
    # a limit of files is as good as a disk that is full; the limit of 0 stands for none
    (tmp_path / "text").write_text("".join(f"w{i % 997} w{i * i % 3001} x y z u v w\n" for i in range(70_000)))
    place = tmp_path / "place"
    place.mkdir(0o777 if limit else 0o555)
    tmp_path.chmod(0o755)  # for another user
    command = [sys.executable, "-c", PLACES, str(limit)]
    result = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert len(found) == 17
    for name, error in found.items():
        suffix = name[name.index(".") :] if "." in name else ".model" * (name == "build with counts" and not limit)
        where = "." if "temporary" in name else f"out{suffix}"
        assert error == [errno.EFBIG if limit else errno.EACCES, where], name


@pytest.mark.parametrize("name", ["no-folder/out", "text/out"], ids=["no such folder", "a file as a folder"])
def test_folders_that_are_not_there(name, tmp_path):
    (tmp_path / "text").write_bytes(TEXT)
    table = ngram.count(tmp_path / "text", 2)
    model = table.estimate("witten-bell")
    for write in (
        table.save,
        table.save_tsv,
        model.save,
        lambda path: ngram.save_arpa(model, path),
        lambda path: build(tmp_path / "text", path),
        ngram.index(tmp_path / "text").save,
    ):
        with pytest.raises(OSError, match=re.escape(f"'{tmp_path / name}'")) as raised:
            write(tmp_path / name)
        assert raised.value.errno in (errno.ENOENT, errno.ENOTDIR)
    assert os.listdir(tmp_path) == ["text"]


def test_devices_stay_devices():
    table = ngram.count_sentences(LINES, 2)
    model = table.estimate("witten-bell")
    for write in (table.save_tsv, lambda path: ngram.save_arpa(model, path)):
        with pytest.raises(OSError, match=r"No space left on device: '/dev/full'"):
            write("/dev/full")
    for write in (table.save, model.save):
        with pytest.raises(ngram.FormatError, match="/dev/full: is a pipe or a device; it must be a file"):
            write("/dev/full")
    assert os.path.exists("/dev/full")
    assert not os.path.isfile("/dev/full")
