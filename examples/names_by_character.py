"""New names, letter by letter: a character-level model learns a list of names, and draws others.

python examples/names_by_character.py             # of colours, the list below
python examples/names_by_character.py names.txt   # of your own, one a line
"""

import argparse
from pathlib import Path

import torch

from fastlm import lm

COLOURS = """
    acorn brown, almond white, amber glow, apple green, apricot cream, arctic blue, ash grey, autumn red, azure mist,
    bamboo green, bark brown, basil green, berry red, birch white, bluebell mist, bone white, brick red, bronze glow,
    burnt amber, butter yellow, cactus green, candle glow, caramel cream, cedar brown, chalk white, charcoal grey,
    cherry red, chestnut brown, cinnamon stick, clay brown, clear sky, cloud grey, clover green, cobalt blue,
    cocoa brown, coral pink, corn yellow, cornflower blue, cranberry red, dawn pink, deep ocean, desert sand,
    dove grey, dusty rose, early frost, ebony night, elder berry, evening sky, faded denim, fern green, fig purple,
    fire brick, flax yellow, foggy morning, forest green, fresh mint, garden rose, ginger root, glacier blue,
    golden hour, granite grey, grape purple, grass green, harbour blue, harvest gold, hazel brown, heather purple,
    honey glow, ice blue, indigo night, iron grey, ivory white, ivy green, jade green, juniper berry, lake blue,
    lavender mist, lemon cream, light linen, lilac mist, lime green, linen white, maple red, marigold, meadow green,
    melon pink, midnight blue, milk white, mint cream, misty rose, moon white, moss green, mulberry, mustard yellow,
    navy blue, night sky, oak brown, oat cream, ocean blue, old rose, olive green, orchid pink, oyster white,
    pale peach, paper white, peach cream, pear green, pebble grey, pepper red, pine green, plum purple, polar white,
    pond green, poppy red, powder blue, pumpkin glow, quartz pink, rain grey, raven black, ripe wheat, river blue,
    rose pink, ruby red, rust red, saffron yellow, sage green, salmon pink, sand dune, sea green, shadow grey,
    silver birch, sky blue, slate grey, smoke grey, snow white, soft linen, spring green, steel blue, stone grey,
    storm grey, straw yellow, summer sky, sunset glow, tea rose, teal mist, thistle purple, toast brown, tulip red,
    twilight blue, velvet plum, violet mist, walnut brown, warm sand, water blue, wheat yellow, wild berry,
    willow green, wine red, winter sky, wood smoke
"""


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="?", type=Path, help="names, one a line; colours by default")
    parser.add_argument("--small", action="store_true", help="seconds of training instead of a minute")
    options = parser.parse_args(arguments)
    text = options.names.read_text(encoding="utf-8") if options.names else COLOURS.replace(",", "\n")
    names = [" ".join(line.lower().split()) for line in text.splitlines()]
    names = list(filter(None, names))
    heldout, train = names[::10], [name for i, name in enumerate(names) if i % 10]

    vocabulary = lm.Vocabulary.from_sentences(train, unit="characters")
    torch.manual_seed(1)
    model = lm.RecurrentLM(len(vocabulary), hidden_size=64 if options.small else 128, cell="gru", dropout=0.3)
    recipe = lm.Recipe(lr=0.005, batch_size=10, bptt=30, epochs=10 if options.small else 100)
    lm.Trainer(model, vocabulary.encode(train), vocabulary, recipe, valid=vocabulary.encode(heldout)).run()

    bits = lm.evaluate(model, vocabulary, heldout).bits_per_character
    print(f"{len(train)} names to learn from; {len(heldout)} others: {bits:.2f} bits a character")
    drawn = lm.generate_batch(model, vocabulary, [""] * 30, max_words=30, temperature=0.7, seed=1)
    new = dict.fromkeys(vocabulary.join(name) for name in drawn)
    print("new:", ", ".join(name for name in new if name not in names))
    likeliest = lm.beam_search(model, vocabulary, names[0][:1], beams=8, n_best=3, max_words=30)
    print(f"the likeliest with {names[0][:1]}:", ", ".join(vocabulary.join(found.tokens) for found in likeliest))


if __name__ == "__main__":
    main()
