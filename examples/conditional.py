"""Text given other text: an encoder reads the source, a decoder with attention writes the target.

python examples/conditional.py             # dates in words into figures, made here
python examples/conditional.py pairs.tsv   # your own, source and target with a tab between: translations, titles
"""

import argparse
import random
from datetime import date, timedelta
from pathlib import Path

import torch

from fastlm import lm
from fastlm.lm.data import IGNORED


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="?", type=Path, help="source, tab, target, a line; dates by default")
    parser.add_argument("--small", action="store_true", help="few pairs and units: seconds instead of minutes")
    options = parser.parse_args(arguments)
    if options.pairs:
        pairs = [
            line.split("\t")[:2] for line in options.pairs.read_text(encoding="utf-8").splitlines() if "\t" in line
        ]
    else:
        pairs = dates(400 if options.small else 4000)
    heldout, train = pairs[::10], [pair for i, pair in enumerate(pairs) if i % 10]

    unit = "words" if options.pairs else "characters"
    source, target = (lm.Vocabulary.from_sentences(texts, unit=unit) for texts in zip(*train, strict=True))
    torch.manual_seed(1)
    model = lm.ConditionalLM(len(source), len(target), 32 if options.small else 128, attention=True, dropout=0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for epoch in range(4 if options.small else 10):
        random.Random(epoch).shuffle(train)
        losses = [step(model, optimizer, source, target, train[i : i + 32]) for i in range(0, len(train), 32)]
        print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.3f}")

    model.eval()
    some = heldout[:200]
    with torch.no_grad():
        state = model.encode(*padded(source, [text for text, _ in some]))
    written = lm.generate_batch(model, target, [""] * len(some), state=state, temperature=0, max_words=60)
    written = [target.join(tokens) for tokens in written]
    right = sum(text == expected for text, (_, expected) in zip(written, some, strict=True))
    print(f"{right} of {len(some)} right")
    for (text, expected), found in list(zip(some, written, strict=True))[:5]:
        print(f"  {text} -> {found}" + ("" if found == expected else f"  (not {expected})"))


def step(model, optimizer, source, target, pairs):
    """One step of training: the decoder sees the right words so far, and foretells the next one."""
    sources, targets = zip(*pairs, strict=True)
    written, _ = padded(target, targets, filling=IGNORED)
    start = torch.ones(1, len(pairs), dtype=torch.int64)  # </s>
    read = torch.cat([start, written[:-1].clamp(min=0)])
    loss, _ = model.loss(read, written, model.encode(*padded(source, sources)))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def padded(vocabulary, texts, filling=0):
    """Ids [T, B] with </s> at each end, and lengths [B]."""
    rows = [torch.tensor(vocabulary.ids_of(text)) for text in texts]
    return torch.nn.utils.rnn.pad_sequence(rows, padding_value=filling), torch.tensor([len(row) for row in rows])


def dates(number):
    draw = random.Random(1)
    days = [date(1950, 1, 1) + timedelta(draw.randrange(36_500)) for _ in range(number)]
    forms = ("%d %B %Y", "%B %d, %Y", "%a %d %b %Y")
    return [(day.strftime(draw.choice(forms)).lower(), day.isoformat()) for day in days]


if __name__ == "__main__":
    main()
