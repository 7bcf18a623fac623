"""The examples run, on small slices, and say what they are to say."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "data"


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("names_by_character", [], r"144 names .* \d\.\d\d bits a character\nnew: \w"),
        ("sentiment", [str(DATA / "reviews.csv")], r"16 reviews .*good\n last: .* right\n  max: .*\n mean: \d"),
        ("tagging", [str(DATA / "sentences.conllu")], r"10 sentences .* 13 tags\n\d.* right\nthe/[A-Z]+ students/"),
        ("conditional", [], r"epoch 4: loss \d.*\n\d+ of 40 right\n  \w+ .* -> "),
    ],
    ids=["names", "sentiment", "tagging", "conditional"],
)
def test_example(name, arguments, says, capsys):
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.main([*arguments, "--small"])
    assert re.search(says, capsys.readouterr().out)
