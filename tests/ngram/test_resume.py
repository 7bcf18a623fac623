"""A build that was killed goes on, and its file is that of one that was not."""

import gzip
import json
import os
import signal
import subprocess
import sys

import pyarrow as pa
import pytest
from pyarrow import parquet

from fastlm import ngram
from fastlm.ngram import resuming

# Builds in a process of its own each time, which reads in small blocks, keeps often, and kills itself: at a call of
# progress, or while it keeps.
SERVER = """
import json, os, signal, sys
from fastlm import ngram
from fastlm.ngram import resuming, text, inputs

replace = os.replace

def build(path, files, options, where, number, block):
    def maybe(here):
        nonlocal number
        number -= here == where
        if number == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def replace_or_die(*names):
        maybe("before the manifest")
        replace(*names)
        maybe("after the manifest")

    class Progress:
        def __call__(self, tokens):
            maybe("reading")

        def stage(self, name, done):
            maybe(name if name != "reading" else "")

    resuming._EVERY, text._BLOCK, inputs._AT_ONCE = 2 * block, block, 7
    os.replace = replace_or_die
    options = {"smoothing": "witten-bell", "threads": 1, "resume": True, **options}
    ngram.build(files, path, 3, progress=Progress(), **options)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        build(*json.loads(line))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def build():
    """Builds as ngram.build, if it is not killed before; whether it was."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:

        def build(path, files, where="nowhere", number=1, block=1000, **options):
            arguments = (str(path), [str(file) for file in files], options, where, number, block)
            server.stdin.write(json.dumps(arguments) + "\n")
            server.stdin.flush()
            status = int(server.stdout.readline())
            assert status in (0, -signal.SIGKILL)
            return status != 0

        yield build
        server.stdin.close()


def lines(size):
    return [f"w{i % 211} {'é' * (i % 5)} x{i * i % 67} word{i * i * i % 1009}" for i in range(size)]


@pytest.fixture
def files(tmp_path):
    texts = "\n".join(lines(3000)).encode(), "\n".join(lines(1500)).encode()  # the last line has no end
    (tmp_path / "a").write_bytes(texts[0])
    (tmp_path / "b.gz").write_bytes(gzip.compress(texts[1]))
    (tmp_path / "empty").write_bytes(b"")
    return [tmp_path / name for name in ("a", "empty", "b.gz")]


@pytest.mark.parametrize("options", [{}, {"memory": "9M", "tokenizer": "characters", "lower": True}])
def test_killed_at_many_places(build, files, options, tmp_path):
    ngram.build(files, tmp_path / "want", 3, smoothing="witten-bell", **options)
    kills = [
        ("reading", 1, 1000),
        ("reading", 9, 1000),
        ("before the manifest", 2, 1500),
        ("after the manifest", 3, 1234),
        ("reading", 13, 777),
        ("before the manifest", 1, 1000),
        ("counting", 3, 5000),
        ("reading", 1, 1000),
        ("estimating", 1, 1000),
        ("writing", 1, 1000),
    ]
    assert [build(tmp_path / "model", files, *kill, **options) for kill in kills] == [True] * len(kills)
    assert (tmp_path / "model.work").is_dir()
    assert not build(tmp_path / "model", files, **options)
    assert (tmp_path / "model").read_bytes() == (tmp_path / "want").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b.gz", "empty", "model", "want"]


def test_tokens_that_are_on_the_disk(build, tmp_path):
    (tmp_path / "a").write_text("".join(f"{i % 7} {i % 11} {i % 5}\n" for i in range(170_000)))  # 0.85 M tokens
    ngram.build(tmp_path / "a", tmp_path / "want", 3, smoothing="witten-bell")
    for kill in ("reading", 9, 1 << 16), ("counting", 1, 1 << 16):
        assert build(tmp_path / "model", [tmp_path / "a"], *kill, memory="9M")
    assert not build(tmp_path / "model", [tmp_path / "a"], memory="9M")
    assert (tmp_path / "model").read_bytes() == (tmp_path / "want").read_bytes()


def write_lines(rows, path):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_parquet(rows, path):
    parquet.write_table(pa.Table.from_pylist(rows), path, row_group_size=70)


@pytest.mark.parametrize("write", [write_lines, write_parquet])
def test_rows_of_several_lines(build, write, tmp_path):
    rows = [{"text": "\n".join(lines(i % 4)), "ids": [i % 3, i % 5]} for i in range(300)]
    write(rows, tmp_path / "a")
    for options in {"column": "text"}, {"column": "ids", "vocabulary": list("abcde"), "end_id": 4}:
        ngram.build(tmp_path / "a", tmp_path / "want", 3, smoothing="witten-bell", **options)
        for kill in ("reading", 9, 100), ("before the manifest", 3, 50):
            assert build(tmp_path / "model", [tmp_path / "a"], *kill, **options)
        assert not build(tmp_path / "model", [tmp_path / "a"], **options)
        assert (tmp_path / "model").read_bytes() == (tmp_path / "want").read_bytes()


@pytest.fixture
def killed(build, files, tmp_path):
    """The path of a build that was killed, and its texts."""
    assert build(tmp_path / "model", files, "reading", 9)
    return tmp_path / "model", files


class TestRefused:
    def test_other_texts(self, killed):
        path, files = killed
        with pytest.raises(ValueError, match=r"model\.work: cannot resume: the texts are not the same: .*/a, .*/empty"):
            ngram.build(files[:1], path, resume=True)
        with open(files[0], "a") as file:
            file.write(" ")
        with pytest.raises(ValueError, match=r"the text .*/a has been changed since; remove the folder to begin anew"):
            ngram.build(files, path, resume=True)

    def test_other_options(self, killed):
        path, files = killed
        with pytest.raises(ValueError, match="cannot resume: errors was 'strict', and is 'ignore'; remove the folder"):
            ngram.build(files, path, errors="ignore", resume=True)
        with pytest.raises(ValueError, match=r"cannot resume: vocabulary was None, and is 'a.+b'"):
            ngram.build(files, path, vocabulary=["a", "b"], resume=True)

    def test_another_version(self, killed, monkeypatch):
        path, files = killed
        monkeypatch.setattr(resuming, "_VERSION", 99)
        with pytest.raises(ValueError, match="cannot resume: version was 1, and is 99; remove the folder"):
            ngram.build(files, path, resume=True)

    @pytest.mark.parametrize("name", ["manifest", "tokens", "words"])
    def test_damage(self, killed, name):
        path, files = killed
        file = path.with_name("model.work") / name
        whole = file.read_bytes()
        for damaged in (whole[:50], bytes([whole[0] ^ 1]) + whole[1:], b""):
            file.write_bytes(damaged)
            with pytest.raises(
                ValueError, match="what the last run has left there is damaged; remove it to begin anew"
            ):
                ngram.build(files, path, resume=True)
        file.write_bytes(whole + (b"more, that the manifest does not know" if name != "manifest" else b""))
        ngram.build(files, path, smoothing="witten-bell", resume=True)

    def test_what_cannot_be_read_again(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        for text, what in (("-", "standard input"), (tmp_path / "pipe", "pipe is none"), (["a", "b"], "list")):
            with pytest.raises(ValueError, match=f"resume needs files, which can be read again.*{what}"):
                ngram.build([text], tmp_path / "model", resume=True)
            assert not (tmp_path / "model.work").exists()

    def test_a_folder_of_something_else(self, files, tmp_path):
        (tmp_path / "model.work").mkdir()
        (tmp_path / "model.work" / "thesis").touch()
        with pytest.raises(ValueError, match=r"model\.work: is needed for resume, and holds something else: thesis"):
            ngram.build(files, tmp_path / "model", resume=True)
        assert (tmp_path / "model.work" / "thesis").exists()

    def test_two_at_once(self, files, tmp_path):
        def again(_):
            with pytest.raises(ValueError, match=r"model\.work: another process is at work there"):
                ngram.build(files, tmp_path / "model", resume=True)

        ngram.build(files, tmp_path / "model", smoothing="witten-bell", resume=True, progress=again)


def test_what_is_left_does_no_harm(build, killed):
    path, files = killed
    ngram.build(files, path, 3, smoothing="witten-bell")
    want = path.read_bytes()
    assert not build(path, files)
    assert path.read_bytes() == want


def test_an_error_keeps_what_was_read(files, tmp_path, monkeypatch):
    monkeypatch.setattr(resuming, "_EVERY", 1)
    (tmp_path / "bad").write_bytes(b"a\n\xff\n")
    with pytest.raises(ValueError, match="bad:2: invalid UTF-8"):
        ngram.build([*files, tmp_path / "bad"], tmp_path / "model", resume=True)
    for _ in range(2):  # at the same place once more
        with pytest.raises(ValueError, match="bad:2: invalid UTF-8"):
            ngram.build([*files, tmp_path / "bad"], tmp_path / "model", resume=True)
    assert (tmp_path / "model.work").exists()
