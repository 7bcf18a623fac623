"""The table of kernels: what each takes of a GPU on each architecture, and of what instructions it is made.

``python -m tests.cuda.kernel_table --write`` writes docs/cuda-kernels.csv and .md anew from the library that was built;
without --write it says how that library differs from the table, as the tests do.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fastlm
from tests.cuda import cubin, sass

LIBRARY = Path(fastlm.__file__).parent / "_C_cuda.so"
TABLE = Path(__file__).parents[2] / "docs" / "cuda-kernels.csv"

Row = dict[str, str | int]
RESOURCES = ("registers", "budget", "shared_bytes", "max_threads", "stack_bytes")
COLUMNS = ("kernel", "architecture", *RESOURCES, "instructions", *sass.KINDS, "toolkit")
GRANULE = 8  # registers of a thread are given out in eights


def resources(library: bytes) -> list[Row]:
    """A row for each kernel and architecture, without its instructions; sorted."""
    return sorted_rows(row for entry in cubin.cubins(library) for row in cubin_rows(entry))


def measure(library: bytes) -> list[Row]:
    """The whole table; takes some ten seconds."""
    entries = list(cubin.cubins(library))
    with ThreadPoolExecutor(2) as pool:  # which wait for a program each
        disassembled = pool.map(lambda entry: sass.instructions(entry.content), entries)
        return sorted_rows(
            row | {"instructions": sum(code[symbol].values())} | sass.count(code[symbol])
            for entry, code in zip(entries, disassembled, strict=True)
            for symbol, row in zip((kernel.symbol for kernel in cubin.kernels(entry)), cubin_rows(entry), strict=True)
        )


def cubin_rows(entry: cubin.Entry) -> Iterator[Row]:
    kernels = list(cubin.kernels(entry))
    for kernel, name in zip(kernels, cubin.short_names([kernel.symbol for kernel in kernels]), strict=True):
        yield {
            "kernel": name,
            "architecture": kernel.architecture,
            "registers": kernel.registers,
            "budget": -(-kernel.registers // GRANULE) * GRANULE,
            "shared_bytes": kernel.shared_bytes,
            "max_threads": kernel.max_threads,
            "stack_bytes": kernel.stack_bytes,
            "toolkit": cubin.toolkit(entry.content),
        }


def sorted_rows(rows: Iterable[Row]) -> list[Row]:
    """By name and architecture. A template that two source files use is in the library twice, and the same."""
    return [row for _, row in sorted({key(row): row for row in rows}.items())]


def key(row: Row) -> tuple[str, int]:
    return str(row["kernel"]), int(row["architecture"])


def read(path: Path = TABLE) -> list[Row]:
    text = ("kernel", "toolkit")
    with path.open(newline="") as file:
        return [{name: x if name in text else int(x) for name, x in row.items()} for row in csv.DictReader(file)]


def write(rows: Sequence[Row], path: Path = TABLE) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    path.with_suffix(".md").write_text(document(rows))


def differences(table: Sequence[Row], built: Sequence[Row]) -> Iterator[str]:
    """How what was built differs from the table, on the architectures that it was built for."""
    architectures = {row["architecture"] for row in built}
    expected = {key(row): row for row in table if row["architecture"] in architectures}
    found = {key(row): row for row in built}
    for kernel, architecture in sorted(expected.keys() - found.keys()):
        yield f"{kernel}, sm_{architecture}: is in the table, but not in the library"
    for kernel, architecture in sorted(found.keys() - expected.keys()):
        yield f"{kernel}, sm_{architecture}: is in the library, but not in the table"
    for place in sorted(found.keys() & expected.keys()):
        row, budget = found[place], expected[place]["budget"]
        if row["toolkit"] == expected[place]["toolkit"] and row["registers"] > budget:
            kernel, architecture = place
            yield f"{kernel}, sm_{architecture}: takes {row['registers']} registers, its budget is {budget}"


INTRODUCTION = """\
# The CUDA kernels: registers, memory, instructions

Read from the machine code of `fastlm/_C_cuda.so` as CUDA {toolkit} compiles it; nothing here was measured on a GPU. All
{count} kernels are in [cuda-kernels.csv](cuda-kernels.csv), a row for each kernel and architecture. Below, those of one
template and number type are summed up: the least and the most of each figure.

```sh
make cuda-table                                    # after a change of the kernels: writes both files anew
.venv/bin/python -m tests.cuda.kernel_table        # how the library that was built differs from them
```

- **registers** of a thread. A kernel's **budget** is this number rounded up to {granule}, as registers are given out:
  so far it may grow without a change of occupancy. `tests/cuda/test_kernel_table.py` stops at more, with the toolkit of
  the table, and at a kernel that is not in the table or no longer in the library.
- **threads** of a block at most, by its launch bounds; **shared**: static shared memory of a block in bytes. What a
  launch asks for on top is not known to the compiler.
- **stack** and **local** (accesses to local memory, by spilled registers or arrays indexed at run time) must be 0.
- **all** instructions, and those of some kinds, as they stand in the code: not as often as they run. **mma**: of tensor
  cores; **ldg, stg, lds**: loads and stores of global memory, loads of shared memory, and those of 16 bytes among them;
  **ldgsts**: asynchronous copies; **bar**: block barriers; **acquire**: loads that see what another block released.

Which kernel must have which instructions, and which not, is in `tests/cuda/claims.py`, and is checked with the library.

"""
NUMBERS = {"__nv_bfloat16": "bfloat16", "__half": "half", "double": "double", "float": "float"}


def document(rows: Sequence[Row]) -> str:
    """The table summed up, as Markdown; without the kinds of instructions that no kernel has."""
    toolkits = " and ".join(sorted({str(row["toolkit"]) for row in rows}))
    count = len({row["kernel"] for row in rows})
    groups: dict[tuple[str, str, int], list[Row]] = {}
    for row in rows:
        template, _, arguments = str(row["kernel"]).partition("<")
        number = next((short for name, short in NUMBERS.items() if name in arguments), "")
        groups.setdefault((template, number, int(row["architecture"])), []).append(row)
    shown = [kind for kind in sass.KINDS if kind == "local" or any(row[kind] for row in rows)]
    columns = {"registers": "registers", "max_threads": "threads", "shared_bytes": "shared", "stack_bytes": "stack"}
    columns |= {"instructions": "all"} | {kind: kind.replace("_", " ") for kind in shown}
    lines = ["| " + " | ".join(["template", "numbers", "sm", "kernels", *columns.values()]) + " |"]
    lines.append("|---|---|" + "---:|" * (2 + len(columns)))
    for (template, number, architecture), group in sorted(groups.items()):
        figures = (span([int(row[column]) for row in group]) for column in columns)
        lines.append("| " + " | ".join([template, number, str(architecture), str(len(group)), *figures]) + " |")
    return INTRODUCTION.format(toolkit=toolkits, count=count, granule=GRANULE) + "\n".join(lines) + "\n"


def span(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}-{high}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the table anew")
    if parser.parse_args().write:
        write(measure(LIBRARY.read_bytes()))
        return 0
    found = list(differences(read(), resources(LIBRARY.read_bytes())))
    print("\n".join(found) or "the library is as the table says")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
