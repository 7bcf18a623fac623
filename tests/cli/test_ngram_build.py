"""fastlm ngram build and count, as a user runs them: through pipes, with wrong input, interrupted."""

import array
import contextlib
import fcntl
import gzip
import io
import json
import os
import pty
import re
import signal
import subprocess
import termios
import time

import pytest
import rich.console
import rich.progress

from fastlm import ngram
from fastlm.cli.ngram_console import Progress
from tests.cli.ngram_command import COMMAND, LINES, TEXT, run, run_process, succeed


class TestBuild:
    def test_every_form_of_text_gives_the_same_file(self, folder, tmp_path):
        ngram.build(folder / "corpus.txt", tmp_path / "want", 3, smoothing="backoff")
        want = (tmp_path / "want").read_bytes()
        for i, source in enumerate(["corpus.txt", "corpus.gz", "corpus.zst"]):
            succeed("build", folder / source, "-o", tmp_path / f"{i}", "--order", 3, "--smoothing", "backoff")
            assert (tmp_path / f"{i}").read_bytes() == want
        result = run_process(
            *("build", "-", "-o", tmp_path / "piped", "--order", 3, "--smoothing", "backoff"),
            input=gzip.compress(TEXT.encode()),
        )
        assert (result.returncode, result.stderr) == (0, b"")
        assert (tmp_path / "piped").read_bytes() == want

    def test_options_reach_the_engine(self, tmp_path):
        (tmp_path / "words").write_text("the cat\nsat\n")
        out = succeed(
            *("build", "-", "-o", tmp_path / "m", "--order", 2, "--smoothing", "add-delta", "--delta", 0.5, "--json"),
            *("--vocabulary", tmp_path / "words", "--threads", 2),
            input=TEXT,
        )
        facts = json.loads(out)
        assert facts["parameters"] == {"delta": [0.5]}
        assert facts["vocabulary"] == 6
        want = ngram.count_sentences(LINES, 2, vocabulary=["the", "cat", "sat"])
        assert facts["ngrams"] == want.counts
        assert dict(ngram.load(tmp_path / "m").table.items()) == dict(want.items())

    def test_memory_does_not_change_the_file_and_counts_lie_beside_it(self, tmp_path):
        files = []
        for memory in ((), ("--memory", "9M", "--temp-dir", tmp_path)):
            output = ("-o", tmp_path / "m", "--counts", tmp_path / "c", "--discount-fallback", *memory)
            succeed("build", "-", *output, "--prune", "0,0,1", "--compact", input=TEXT)
            files.append(((tmp_path / "m").read_bytes(), (tmp_path / "c").read_bytes()))
        assert files[0] == files[1]
        assert json.loads(succeed("info", tmp_path / "c", "--json"))["smoothing"] is None
        succeed("count", "-", "-o", tmp_path / "d", input=TEXT)
        assert (tmp_path / "d").read_bytes() == files[0][1]

    def test_tokenizers(self, tmp_path):
        options = ("--tokenizer", "characters", "--lower", "--smoothing", "witten-bell")
        succeed("build", "-", "-o", tmp_path / "m", *options, input="A cat\n")
        found = json.loads(succeed("query", tmp_path / "m", "CAT", "--json"))
        assert [word["word"] for word in found["words"]] == ["c", "a", "t", "</s>"]

    def test_min_count_max_vocabulary_errors_and_discount(self, tmp_path):
        build = ("build", "-", "-o", tmp_path / "m", "--order", 1, "--smoothing", "backoff", "--json")
        assert json.loads(succeed(*build, "--min-count", 3, input=TEXT))["vocabulary"] == 4
        assert json.loads(succeed(*build, "--max-vocabulary", 2, input=TEXT))["vocabulary"] == 5
        assert json.loads(succeed(*build, "--errors", "ignore", input=b"a\xff b"))["vocabulary"] == 5
        assert json.loads(succeed(*build, "--discount", 0.25, input=TEXT))["parameters"] == {"discount": [0.25]}

    def test_reserved_words(self, tmp_path):
        count = ("count", "-", "-o", tmp_path / "m", "--order", 1)
        result = run(*count, input="a\nb </s>\n")
        assert result.returncode == 1
        assert result.stderr.startswith("fastlm: standard input:2: '</s>' stands in the text; it is reserved")
        for reserved, unknown in (("skip", 0), ("unknown", 2)):
            succeed(*count, "--reserved", reserved, input="<s> a b </s>\n")
            assert ngram.load(tmp_path / "m")["<unk>"] == unknown

    def test_resume(self, folder, tmp_path):
        for command, options in (("build", ("--smoothing", "backoff")), ("count", ())):
            for resume in ((), ("--resume",)):
                succeed(command, folder / "corpus.gz", "-o", tmp_path / f"m{len(resume)}", *options, *resume)
            assert (tmp_path / "m0").read_bytes() == (tmp_path / "m1").read_bytes()
        assert not (tmp_path / "m1.work").exists()
        result = run("count", "-", "-o", tmp_path / "m", "--resume", input=TEXT)
        assert result.returncode == 1
        assert "fastlm: resume needs files, which can be read again from any place; got standard input" in result.stderr

    @pytest.mark.parametrize(
        ("arguments", "status", "message"),
        [
            (["nothing.txt"], 1, "nothing.txt: No such file or directory"),
            (["*.missing"], 1, "*.missing: No file matches this pattern"),
            (["empty"], 1, "the corpus is empty: expected at least one word"),
            (["latin1.txt"], 1, "latin1.txt:2: invalid UTF-8: byte 233 in a word; errors='replace' or 'ignore'"),
            (["binary"], 1, "binary:1: byte 0: this is not a text"),
            (["damaged.gz"], 1, "damaged.gz: the gzip data is truncated: its end is missing"),
            (["corpus.txt", "--vocabulary", "nothing"], 1, "nothing: No such file or directory"),
            (["corpus.txt", "--vocabulary", "empty"], 1, "empty: the vocabulary is empty"),
            (["corpus.txt", "--vocabulary", "latin1.txt"], 1, "latin1.txt: a vocabulary must be UTF-8"),
            (["corpus.txt", "--vocabulary", "corpus.txt", "--min-count", "2"], 2, "--min-count and --max-vocabulary"),
            (["corpus.txt", "--order", "0"], 2, "--order"),
            (["corpus.txt", "--order", "33"], 2, "--order"),
            (["corpus.txt", "--order", "many"], 2, "--order"),
            (["corpus.txt", "--min-count", "0"], 2, "--min-count"),
            (
                ["corpus.txt", "--smoothing", "magic"],
                2,
                "unknown smoothing 'magic'; expected one of: absolute-discounting, add-delta, backoff",
            ),
            (["corpus.txt", "--smoothing", "add-delta", "--delta", "0"], 2, "--delta must be between 1e-09 and 1e+09"),
            (
                ["corpus.txt", "--smoothing", "backoff", "--discount", "2"],
                2,
                "--discount must be between 0 and 1, got 2",
            ),
            (
                ["corpus.txt", "--smoothing", "backoff", "--discount", "nan"],
                2,
                "--discount must be between 0 and 1, got nan",
            ),
            (["corpus.txt", "--delta", "1"], 2, "--delta is not a parameter of modified-kneser-ney"),
            (["corpus.txt", "--prune", "0 x"], 2, "--prune must be whole numbers, as '0 0 1', got '0 x'"),
            (
                ["corpus.txt", "--smoothing", "witten-bell", "--prune", "0 2 1"],
                1,
                "the thresholds of prune must not fall",
            ),
            (["corpus.txt", "--memory", "much"], 1, "expected a size such as '512M' or '4G', got 'much'"),
            (["corpus.txt", "--temp-dir", "none"], 2, "--temp-dir none is no folder"),
            (["corpus.txt"], 1, "the discounts of order 3 cannot be worked out from the counts"),
            (["corpus.txt", "--errors", "maybe"], 2, "--errors"),
            (["corpus.txt", "--output", "corpus.txt"], 2, "--output would overwrite the text corpus.txt"),
            (["corpus.*", "--output", "corpus.txt"], 2, "--output would overwrite the text corpus.txt"),
            ([".", "--output", "empty"], 2, "--output would overwrite the text empty"),
            (["corpus.txt", "--output", "."], 2, "--output must be a file, and . is a folder"),
            (["corpus.txt", "--output", "no/model"], 2, "the folder of --output no/model does not exist"),
            ([], 2, "corpus"),
        ],
    )
    def test_errors_are_one_line_and_leave_no_file(self, folder, arguments, status, message, monkeypatch):
        monkeypatch.chdir(folder)
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        output = [] if "--output" in arguments else ["--output", "new"]
        result = run("build", *arguments, *output)
        assert result.returncode == status, result.stderr
        assert re.fullmatch(r"fastlm: .*\n", result.stderr)
        assert message.lower() in result.stderr.lower()
        assert result.stdout == ""
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    def test_interrupted_while_it_reads(self, tmp_path):
        process = subprocess.Popen(
            [*COMMAND, "build", "-", "-o", tmp_path / "model", "--smoothing", "backoff"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        process.stdin.write(TEXT * 1000)
        process.stdin.flush()
        unread = array.array("i", [1])
        while unread[0]:  # until it has taken all of it
            time.sleep(0.05)
            fcntl.ioctl(process.stdin, termios.FIONREAD, unread)
        for _ in range(60):  # Python may go to sleep in a read just before it would have seen a signal
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
                break
        assert process.returncode in (130, 1, -signal.SIGINT)
        assert "Traceback" not in process.stderr.read()
        assert list(tmp_path.iterdir()) == []

    def test_progress_is_for_a_terminal(self, folder, tmp_path):
        parent, child = pty.openpty()
        with subprocess.Popen(
            [*COMMAND, "build", "-", "-o", tmp_path / "model", "--smoothing", "backoff"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=child,
            env={**os.environ, "TERM": "xterm"},
        ) as process:
            os.close(child)
            process.stdin.write(TEXT.encode() * 100)
            process.stdin.flush()
            shown = b""
            while b"M tokens/s" not in shown:
                shown += os.read(parent, 1 << 16)
            process.stdin.close()
            while True:
                try:
                    if not os.read(parent, 1 << 16):
                        break
                except OSError:  # the other end is closed
                    break
        os.close(parent)
        assert process.returncode == 0
        assert ngram.load(tmp_path / "model").table.sentences == 300

    def test_the_line_of_progress(self):
        with rich.progress.Progress(console=rich.console.Console(file=io.StringIO())) as bar:
            report = Progress(bar)
            report(10**6)
            task = bar.tasks[0]
            assert (task.description, task.total) == ("reading", None)
            report.stage("reading", 0.25)
            assert task.percentage == 25
            assert re.fullmatch(r"1\.0 M tokens, [0-9.]+ M tokens/s", task.fields["rate"])
            report.stage("counting", 0.5)
            assert (task.description, task.percentage) == ("counting", 50)
            assert task.fields["rate"].startswith("0.5 M tokens, ")
            report.stage("writing", None)
            assert (task.description, task.percentage, task.fields["rate"]) == ("writing", 0, "")
