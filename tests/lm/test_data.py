"""Texts as numbers: vocabularies, files of tokens, columns, chunks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fastlm import lm


class TestColumns:
    @settings(max_examples=60)
    @given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 9))
    def test_pieces_are_those_of_the_whole(self, length, batch, bptt):
        if length < batch:
            return
        ids = torch.arange(10, 10 + length)
        input, target = lm.columns(ids, batch, start=1)
        text = lm.Columns(ids.numpy().astype(np.uint16), batch, start=1)
        place = 0
        for x, y in lm.chunks(input, target, bptt):
            pieces = text.piece(place, bptt)
            assert pieces[0].equal(x)
            assert pieces[1].equal(y)
            assert text.count(place, bptt) == (y >= 0).sum()
            place += bptt

    def test_processes_share_the_columns(self):
        ids = torch.arange(22)
        whole = lm.columns(ids, 4, start=1)
        for rank in range(2):
            text = lm.Columns(ids, 4, 1, rank=rank, world=2)
            for mine, all_of_it in zip(text.piece(0, 9), whole, strict=True):
                assert mine.equal(all_of_it[:, rank::2])
            assert text.count(0, 9) == 22
        with pytest.raises(ValueError, match="multiple of the 3 processes, got 4"):
            lm.Columns(ids, 4, 1, world=3)

    def test_variable_chunks(self):
        lengths = lm.chunk_lengths(100_000, 70, variable=True, seed=3)
        assert lengths == lm.chunk_lengths(100_000, 70, variable=True, seed=3)
        assert lengths != lm.chunk_lengths(100_000, 70, variable=True, seed=4)
        assert sum(lengths) == 100_000
        assert min(lengths[:-1]) >= 5
        assert np.mean(lengths) == pytest.approx(0.95 * 70 + 0.05 * 35, abs=1.5)
        assert 0.02 < np.mean([n < 50 for n in lengths]) < 0.08
        assert min(lm.chunk_lengths(500, 2, variable=True)[:-1]) == 5


class TestTokens:
    SENTENCES = ("a b a", "", "c a", "ü")

    def test_are_those_of_encode(self, tmp_path):
        vocabulary = lm.Vocabulary.from_sentences(self.SENTENCES, max_size=5)
        made = lm.write_tokens(tmp_path / "tokens", self.SENTENCES, vocabulary)
        read = lm.read_tokens(tmp_path / "tokens")
        for tokens in (made, read):
            assert tokens.vocabulary == vocabulary
            assert isinstance(tokens.ids, np.memmap)
            assert tokens.ids.tolist() == vocabulary.encode(self.SENTENCES).tolist()
        assert lm.are_tokens(tmp_path / "tokens")
        assert [path.name for path in tmp_path.iterdir()] == ["tokens"]

    def test_are_a_safetensors_file(self, tmp_path):
        from safetensors.numpy import load_file

        vocabulary = lm.Vocabulary(f"w{i}" for i in range(70_000))
        lm.write_tokens(tmp_path / "tokens", ["w69999 w1"], vocabulary)
        ids = load_file(tmp_path / "tokens")["ids"]
        assert ids.dtype == np.uint32
        assert ids.tolist() == [70_001, 3, 1]

    def test_train_a_model(self, tmp_path):
        tokens = lm.write_tokens(tmp_path / "tokens", ["a b c"] * 40, lm.Vocabulary(["a", "b", "c"]))
        recipe = lm.Recipe(lr=0.1, epochs=4, batch_size=4)
        trainer = lm.Trainer(lm.RecurrentLM(5, 8), tokens.ids, tokens.vocabulary, recipe)
        trainer.run()
        assert trainer.progress.best < 1

    def test_other_files(self, tmp_path):
        path = tmp_path / "tokens"
        for content in (b"", b"text text text", (20).to_bytes(8, "little") + b"{ not json          ", b"\xff" * 40):
            path.write_bytes(content)
            assert not lm.are_tokens(path)
            with pytest.raises(ValueError, match="is no token file of fastlm; make one"):
                lm.read_tokens(path)
        lm.write_tokens(path, self.SENTENCES, lm.Vocabulary(["a"]))
        path.write_bytes(path.read_bytes()[:-2])
        with pytest.raises(ValueError, match="is damaged: expected 20 bytes of tokens, got 18"):
            lm.read_tokens(path)

    def test_nothing_to_write_leaves_what_was_there(self, tmp_path):
        path = tmp_path / "tokens"
        path.write_text("before")
        with pytest.raises(ValueError, match="at least one sentence"):
            lm.write_tokens(path, [], lm.Vocabulary(["a"]))
        assert path.read_text() == "before"
        assert len(list(tmp_path.iterdir())) == 1
        with pytest.raises(FileNotFoundError, match="nowhere/tokens'"):
            lm.write_tokens(tmp_path / "nowhere" / "tokens", ["a"], lm.Vocabulary(["a"]))


class TestVocabulary:
    def test_rare_words(self):
        vocabulary = lm.Vocabulary.from_sentences(["b b b a a c"], min_count=2)
        assert list(vocabulary) == ["<unk>", "</s>", "b", "a"]
        with pytest.raises(ValueError, match="no word occurs 4 times; the most frequent one occurs 3 times"):
            lm.Vocabulary.from_sentences(["b b b a a c"], min_count=4)

    def test_characters(self):
        vocabulary = lm.Vocabulary.from_sentences(["ab a", "ü"], unit="characters")
        assert list(vocabulary) == ["<unk>", "</s>", "a", " ", "b", "ü"]
        assert vocabulary.encode(["a ?"]).tolist() == [2, 3, 0, 1]
        assert vocabulary.join(vocabulary.split("a b")) == "a b"
        assert vocabulary.restrict("a?") == "a<unk>"
        with pytest.raises(ValueError, match="unit must be one of words, characters, got 'bytes'"):
            lm.Vocabulary([], "bytes")

    def test_in_a_file(self, tmp_path):
        vocabulary = lm.Vocabulary(["ü", '"', " "], "characters")
        vocabulary.save(tmp_path / "vocabulary")
        assert lm.Vocabulary.load(tmp_path / "vocabulary") == vocabulary
        for wrong in ("[]", "{}", "ab", '{"unit": "words", "words": 3}'):
            (tmp_path / "vocabulary").write_text(wrong)
            with pytest.raises(ValueError, match="is no vocabulary of fastlm"):
                lm.Vocabulary.load(tmp_path / "vocabulary")


class TestLabelled:
    def test_tables(self, tmp_path):
        path = tmp_path / "data.tsv"
        path.write_text('good\t"a b\nbad\tc\n')
        assert lm.read_labelled(path) == [("good", '"a b'), ("bad", "c")]
        path = tmp_path / "data.csv"
        path.write_text('\ufeffid,text,label\n1,"a, ""b""\nc",good\n')
        assert lm.read_labelled(path) == [("good", 'a, "b"\nc')]
        assert lm.read_labelled(path, label="id") == [("1", 'a, "b"\nc')]
        with pytest.raises(ValueError, match=r"data.csv:1: expected the names of columns, stars and text, got"):
            lm.read_labelled(path, label="stars")
        path.write_bytes(b"good,a\n\xff,b\n")
        with pytest.raises(ValueError, match=r"data.csv:2: invalid UTF-8"):
            lm.read_labelled(path)

    def test_tags(self, tmp_path):
        path = tmp_path / "data"
        rest = "\t_" * 4
        path.write_text(
            f"# text = don't # go\n1-2\tdon't\t_\t_\t_\t_{rest}\n1\tdo\tdo\tAUX\tx\t_{rest}\n"
            f"2\tn't\tnot\tPART\tx\t_{rest}\n2.1\t_\t_\t_\t_\t_{rest}\n \n3\t#\t#\tSYM\tx\t_{rest}"
        )
        assert lm.read_tagged(path) == [(["do", "n't"], ["AUX", "PART"]), (["#"], ["SYM"])]
        assert lm.read_tagged(path, tag=5)[0][1] == ["x", "x"]
        path.write_text("EU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n\n# x\n")
        assert lm.read_tagged(path) == [(["EU", "rejects"], ["B-ORG", "O"])]
        assert lm.read_tagged(path, tag=2) == [(["EU", "rejects"], ["NNP", "VBZ"])]
        path.write_bytes(b"a X\n\xff Y\n")
        with pytest.raises(ValueError, match="data:2: invalid UTF-8"):
            lm.read_tagged(path)
