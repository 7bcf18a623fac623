"""Files of tables and models: the same answers after a load, and refusal of whatever was altered."""

import os
import random
import stat
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastlm
from fastlm import ngram
from tests.ngram import oracle

LINES = ["the cat sat on the mat", "the dog sat", "a cat and a dog", ""]


def answers(found):
    """What a table or a model says about everything that it has."""
    table = found.table if isinstance(found, ngram.Model) else found
    counted = (dict(table.items()), table.counts, table.tokens, table.sentences, table.vocabulary)
    if isinstance(found, ngram.Table):
        return counted
    lists = [found.next(context, 100) for context in ("", "<s>", "the", "the cat", "zz")]
    return counted, lists, found.perplexity_of(LINES), found.smoothing, found.parameters, found.generate(seed=3)


@pytest.fixture(params=["table", *ngram.smoothings()])
def made(request):
    table = ngram.count_sentences(LINES, 3)
    return table if request.param == "table" else oracle.estimate(table, request.param)


def test_a_loaded_file_answers_as_what_was_saved(made, tmp_path):
    made.save(tmp_path / "file")
    for verify in (True, False):
        loaded = ngram.load(tmp_path / "file", verify=verify)
        assert type(loaded) is type(made)
        assert answers(loaded) == answers(made)


@settings(max_examples=40)
@given(oracle.sentences, st.integers(1, 5))
def test_any_table_survives(lines, order):
    table = ngram.count_sentences(lines, order)
    with tempfile.TemporaryDirectory() as folder:
        table.save(f"{folder}/table")
        assert answers(ngram.load(f"{folder}/table")) == answers(table)


def test_a_loaded_table_can_be_estimated_and_saved_over_its_own_file(tmp_path):
    path = tmp_path / "file"
    ngram.count_sentences(LINES, 3).save(path)
    table = ngram.load(path)
    model = table.estimate("backoff")
    model.save(path)
    assert answers(ngram.load(path)) == answers(model)
    assert table["the cat"] == 1  # the first file is still mapped


def test_an_altered_byte_is_refused_or_has_no_effect(made, tmp_path):
    made.save(tmp_path / "file")
    whole, want, generator = (tmp_path / "file").read_bytes(), answers(made), random.Random(1)
    places = [*range(400), *generator.sample(range(400, len(whole)), min(1200, len(whole) - 400))]
    refused = 0
    for place in places:
        altered = bytearray(whole)
        altered[place] ^= 1 << generator.randrange(8)
        (tmp_path / "altered").write_bytes(altered)
        try:
            found = ngram.load(tmp_path / "altered")
        except ngram.FormatError:
            refused += 1
        else:
            assert answers(found) == want  # only padding between the arrays
    assert refused > 400
    assert all(place_is_refused(whole, place, tmp_path) for place in range(40))


def place_is_refused(whole, place, tmp_path):
    altered = bytearray(whole)
    altered[place] ^= 0xFF
    (tmp_path / "altered").write_bytes(altered)
    with pytest.raises(ngram.FormatError):
        ngram.load(tmp_path / "altered", verify=False)  # the header is always checked
    return True


def test_every_truncation_is_refused(made, tmp_path):
    made.save(tmp_path / "file")
    whole = (tmp_path / "file").read_bytes()
    for size in [*range(0, 500, 7), *range(500, len(whole), 61), len(whole) - 1]:
        (tmp_path / "cut").write_bytes(whole[:size])
        for verify in (True, False):
            with pytest.raises(ngram.FormatError, match=r"truncated|not an n-gram file of fastlm"):
                ngram.load(tmp_path / "cut", verify=verify)
    (tmp_path / "longer").write_bytes(whole + b"\0")
    with pytest.raises(ngram.FormatError, match=f"has {len(whole) + 1} bytes, expected {len(whole)}"):
        ngram.load(tmp_path / "longer")


def test_random_bytes_in_every_part_never_crash(made, tmp_path):
    made.save(tmp_path / "file")
    whole, generator = (tmp_path / "file").read_bytes(), random.Random(2)
    for _ in range(300):
        altered, begin = bytearray(whole), generator.randrange(len(whole))
        length = generator.choice([8, 64, 500])
        altered[begin : begin + length] = generator.randbytes(len(altered[begin : begin + length]))
        (tmp_path / "altered").write_bytes(altered)
        try:
            found = ngram.load(tmp_path / "altered")
        except ngram.FormatError:
            continue
        assert answers(found) == answers(made)


def test_what_is_no_file_of_ours(tmp_path):
    (tmp_path / "text").write_text("the cat sat on the mat\n" * 10)
    (tmp_path / "empty").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    for name in ("text", "empty"):
        with pytest.raises(ngram.FormatError, match=f"{name}: not an n-gram file of fastlm"):
            ngram.load(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="nothing"):
        ngram.load(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError):
        ngram.load(tmp_path)
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(ngram.FormatError, match="is a pipe or a device; it must be a file"):
            ngram.load(path)
    assert issubclass(ngram.FormatError, ValueError)


def test_another_version_says_what_to_do(made, tmp_path):
    made.save(tmp_path / "file")
    altered = bytearray((tmp_path / "file").read_bytes())
    altered[16] = 9
    (tmp_path / "file").write_bytes(altered)
    with pytest.raises(ngram.FormatError, match="is of version 9; expected 4: build it again with this fastlm"):
        ngram.load(tmp_path / "file")


def test_a_save_that_fails_leaves_nothing_behind(made, tmp_path):
    with pytest.raises(FileNotFoundError):
        made.save(tmp_path / "no-folder" / "file")
    with pytest.raises(IsADirectoryError):
        made.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_saved_file_has_the_permissions_of_any_other(made, tmp_path):
    made.save(tmp_path / "file")
    (tmp_path / "other").touch()
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "other")}
    assert len(modes) == 1


def test_a_file_name_that_is_not_utf8(made, tmp_path):
    path = os.fsdecode(bytes(tmp_path) + b"/caf\xe9")
    made.save(path)
    assert answers(ngram.load(path)) == answers(made)
    with open(path, "wb") as file:
        file.write(b"x" * 100)
    with pytest.raises(ngram.FormatError, match="caf\ufffd: not an n-gram file"):
        ngram.load(path)


def test_the_engine_is_reached_from_fastlm():
    assert fastlm.ngram is ngram
