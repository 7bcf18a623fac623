"""N-grams in plain Python: each step by its definition, as slow as it is plain, for the engine to be held to.

counts.py      what occurs in a text, and Kneser and Ney's adjusted counts
discounts.py   what to take off a count
model.py       a backoff model: probabilities of n-grams, weights of contexts
forms.py       to mix with the shorter context, or to back off to it
kneser_ney.py, absolute.py, witten_bell.py, katz.py, stupid_backoff.py, additive.py   the smoothings
entropy_pruning.py, mixture.py   what to do with models that are there
arpa.py, query.py   text forms
"""

from tests.ngram.reference import arpa, query
from tests.ngram.reference.absolute import absolute, backoff
from tests.ngram.reference.additive import AddDelta, MaximumLikelihood, best_delta
from tests.ngram.reference.counts import (
    BEGIN,
    END,
    UNKNOWN,
    adjusted,
    continuations,
    counts,
    counts_of_counts,
    vocabulary_of,
)
from tests.ngram.reference.discounts import FALLBACK, DiscountError, one_discount, three_discounts
from tests.ngram.reference.entropy_pruning import entropy_pruned, relative_change
from tests.ngram.reference.katz import katz, katz_ratios
from tests.ngram.reference.kneser_ney import kneser_ney, modified_kneser_ney
from tests.ngram.reference.mixture import Mixture, em_step, em_weights, merged
from tests.ngram.reference.model import Model
from tests.ngram.reference.stupid_backoff import StupidBackoff
from tests.ngram.reference.witten_bell import witten_bell

__all__ = [
    "BEGIN",
    "END",
    "FALLBACK",
    "UNKNOWN",
    "AddDelta",
    "DiscountError",
    "MaximumLikelihood",
    "Mixture",
    "Model",
    "StupidBackoff",
    "absolute",
    "adjusted",
    "arpa",
    "backoff",
    "best_delta",
    "continuations",
    "counts",
    "counts_of_counts",
    "em_step",
    "em_weights",
    "entropy_pruned",
    "katz",
    "katz_ratios",
    "kneser_ney",
    "merged",
    "modified_kneser_ney",
    "one_discount",
    "query",
    "relative_change",
    "three_discounts",
    "vocabulary_of",
    "witten_bell",
]
