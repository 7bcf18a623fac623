"""The reference's operations on models, and their text forms: cases computed by hand, and properties."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ngram import oracle, reference
from tests.ngram.reference import BEGIN, END, UNKNOWN, Model
from tests.ngram.reference.entropy_pruning import history_probability, with_weights, words_of_contexts
from tests.ngram.reference.query import Logs, number, single

UNIGRAMS = {(BEGIN,): 1.0, (UNKNOWN,): 0.0, (END,): 0.25, ("a",): 0.5, ("b",): 0.25}
ONE = with_weights(2, UNIGRAMS | {("a", "b"): 0.5})
TWO = with_weights(2, UNIGRAMS | {("a", "b"): 0.5, ("a", END): 0.25})


def smoothed(lines, order):
    return reference.modified_kneser_ney(reference.counts(lines, order), fallback=reference.FALLBACK)


class TestEntropyPruning:
    def test_one_n_gram_by_hand(self):
        """After a: b 1/2, a 1/3, </s> 1/6; without it, 1/4, 1/2, 1/4. P(a) = 1/2."""
        want = math.exp(0.5 * (1 / 2 * math.log(2) + 1 / 3 * math.log(2 / 3) + 1 / 6 * math.log(2 / 3))) - 1
        assert reference.relative_change(ONE, ("a", "b"), {("a",): ["b"]}) == pytest.approx(want)
        assert want == pytest.approx((4 / 3) ** 0.25 - 1)
        assert ("a", "b") in reference.entropy_pruned(ONE, 0.074).p
        pruned = reference.entropy_pruned(ONE, 0.075)
        assert pruned.p == UNIGRAMS
        assert pruned.probability("b", ["a"]) == 0.25

    def test_one_of_two_by_hand(self):
        """Without a </s>, the weight of a is (1/4 + 1/4) / (1/2 + 1/4) = 2/3, so that a a has 1/3 and a </s> 1/6."""
        want = math.exp(0.5 * (1 / 4 * math.log(6 / 4) + 1 / 4 * math.log(3 / 4))) - 1
        assert reference.relative_change(TWO, ("a", END), {("a",): ["b", END]}) == pytest.approx(want)
        pruned = reference.entropy_pruned(TWO, 0.02)
        assert pruned.p == ONE.p
        assert pruned.weights[("a",)] == pytest.approx(2 / 3)

    def test_a_sentence_begins_as_often_as_it_ends(self):
        assert history_probability(TWO, (BEGIN, "a", "b")) == pytest.approx(0.25 * 0.5 * 0.5)

    def test_the_begin_of_a_longer_n_gram_stays(self):
        listed = {("a", "b"): 0.25, ("a", "b", "b"): 0.9}  # the first one changes nothing
        assert reference.entropy_pruned(with_weights(3, UNIGRAMS | listed), 1e-3).p.keys() >= listed.keys()
        assert reference.entropy_pruned(with_weights(3, UNIGRAMS | listed), 9).p == UNIGRAMS

    @given(oracle.sentences, st.integers(2, 3))
    def test_the_change_is_that_of_the_cross_entropy(self, lines, order):
        """P(h) times the divergence of what follows the history, with and without the n-gram."""
        model = smoothed(lines, order)
        listed = words_of_contexts(model.p)
        for ngram in [g for g in model.p if len(g) == order][:5]:
            history = ngram[:-1]
            before = model.distribution(history)
            after = with_weights(order, {g: p for g, p in model.p.items() if g != ngram}).distribution(history)
            divergence = sum(p * math.log(p / after[word]) for word, p in before.items())
            want = math.exp(history_probability(model, history) * divergence) - 1
            assert reference.relative_change(model, ngram, listed) == pytest.approx(want, abs=1e-9)

    @given(oracle.sentences, st.integers(1, 3), st.sampled_from([0, 1e-3, 0.1, 10]))
    def test_sums_to_one(self, lines, order, threshold):
        model = smoothed(lines, order)
        pruned = reference.entropy_pruned(model, threshold)
        assert pruned.p.items() <= model.p.items()
        for context in [(), (BEGIN,), *(g for g in pruned.p if len(g) < order and g[-1] != END)]:
            assert sum(pruned.distribution(context).values()) == pytest.approx(1)


class TestMixture:
    STREAMS = ([0.5, 0.1], [0.25, 0.4])

    def test_a_step_by_hand(self):
        """The first model has 2/3 of the credit for the first word, 1/5 of that for the second."""
        want = (2 / 3 + 1 / 5) / 2
        assert reference.em_step([0.5, 0.5], self.STREAMS) == pytest.approx([want, 1 - want])

    def test_weights_by_hand(self):
        """(0.25 + 0.25 w) (0.4 - 0.3 w) is greatest at w = 1/6."""
        assert reference.em_weights(self.STREAMS) == pytest.approx([1 / 6, 5 / 6], abs=1e-6)

    @given(st.lists(st.tuples(*[st.floats(0.01, 1)] * 3), min_size=1, max_size=9))
    def test_a_step_never_makes_the_text_less_probable(self, p):
        def likelihood(weights):
            return sum(math.log(sum(w * x for w, x in zip(weights, xs, strict=True))) for xs in p)

        weights = [0.2, 0.3, 0.5]
        stepped = reference.em_step(weights, list(zip(*p, strict=True)))
        assert sum(stepped) == pytest.approx(1)
        assert likelihood(stepped) >= likelihood(weights) - 1e-12

    @given(oracle.sentences, oracle.sentences, st.floats(0.1, 0.9))
    def test_one_model_of_two(self, left, right, weight):
        models = [
            reference.witten_bell(reference.counts(lines, order, oracle.WORDS[:-1]))
            for lines, order in ((left, 2), (right, 3))
        ]
        mixture = reference.Mixture(models, [weight, 1 - weight])
        merged = reference.merged(models, [weight, 1 - weight])
        assert merged.p.keys() == models[0].p.keys() | models[1].p.keys()
        for ngram, p in merged.p.items():
            if ngram != (BEGIN,):
                assert p == pytest.approx(mixture.probability(ngram[-1], ngram[:-1]))
            if ngram[-1] != END:
                assert sum(merged.distribution(ngram).values()) == pytest.approx(1)


class TestArpa:
    def test_lines(self):
        assert reference.arpa.write(ONE) == [
            "\\data\\", "ngram 1=5", "ngram 2=1", "",
            "\\1-grams:", "0\t<s>\t0", "-99\t<unk>\t0", "-0.602059991\t</s>\t0", "-0.301029996\ta\t-0.176091259",
            "-0.602059991\tb\t0", "", "\\2-grams:", "-0.301029996\ta b", "", "\\end\\",
        ]  # fmt: skip

    @given(oracle.sentences, st.integers(1, 4))
    def test_read_again(self, lines, order):
        model = smoothed(lines, order)
        again = reference.arpa.read(reference.arpa.write(model))
        assert again.order == order
        assert again.p == pytest.approx(model.p)
        for context in model.p:
            assert again.weights.get(context, 1) == pytest.approx(model.weights.get(context, 1))

    def test_a_weight_can_be_left_out(self):
        lines = reference.arpa.write(ONE)
        without = [line.removesuffix("\t0") for line in lines]
        assert without != lines
        assert reference.arpa.read(without).p == reference.arpa.read(lines).p

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (("ngram 2=1", "ngram 2=2"), "says that it has 2 2-grams"),
            (("\\end\\", ""), "no .end"),
            (("-0.301029996\ta b", "-0.3\ta"), "line 13: expected 2 words"),
        ],
    )
    def test_refused(self, change, message):
        with pytest.raises(ValueError, match=message):
            reference.arpa.read("\n".join(reference.arpa.write(ONE)).replace(*change).split("\n"))


class TestQuery:
    @pytest.mark.parametrize(
        ("x", "text"),
        [
            (-1.5, "-1.5"), (-4.0, "-4"), (0.0, "0"), (single(-0.41412538), "-0.41412538"), (single(0.1), "0.1"),
            (single(1e-6), "0.000001"), (single(1.5e-7), "1.5e-7"), (1e20, "100000000000000000000"),
            (single(1e21), "1e21"), (single(16777216), "16777216"), (-math.inf, "-inf"),
        ],
    )  # fmt: skip
    def test_numbers(self, x, text):
        assert number(single(x)) == text

    def test_a_double(self):
        assert number(221.6969418498498, float) == "221.6969418498498"

    @given(oracle.sentences, st.lists(st.sampled_from([*oracle.WORDS, "never"]), max_size=6))
    def test_scores_are_those_of_the_model(self, lines, words):
        model = reference.witten_bell(reference.counts(lines, 3))
        found = Logs(*reference.arpa.read_logs(reference.arpa.write(model))).sentence(" ".join(words))
        assert [token.log10 for token in found] == pytest.approx(
            [math.log10(p) for p in model.score(" ".join(words))], rel=1e-5
        )
        known = [word for word in words if model.known(word) == word != UNKNOWN]
        assert [token.word for token in found if token.id] == [*known, END]
        assert [token.matched for token in found] == [
            model.matched(word, [BEGIN, *words[:i]]) for i, word in enumerate([*words, END])
        ]

    def test_lines_and_summary(self):
        model = Model(1, {(UNKNOWN,): 0.125, (BEGIN,): 1.0, (END,): 0.5, ("a",): 0.25}, {})
        logs = Logs(1, {g: math.log2(p) for g, p in model.p.items()}, {})
        scores = [logs.sentence("a b")]
        assert reference.query.line(scores[0]) == "a=3 1 -2\tb=0 1 -3\t</s>=2 1 -1\tTotal: -6 OOV: 1"
        assert reference.query.summary(scores) == [
            "Perplexity including OOVs:\t100",
            f"Perplexity excluding OOVs:\t{10**1.5!r}",
            "OOVs:\t1",
            "Tokens:\t3",
        ]
