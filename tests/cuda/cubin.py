"""The kernels of a CUDA library, and what each takes of a GPU: read from the machine code that ships.

A library holds a fatbin for each source file, a fatbin one cubin for each architecture; a cubin is an ELF file with a
section of code and one of attributes for each kernel, those that cuobjdump -elf calls EIATTR_... The figures of 296
kernels were compared once with those of cuobjdump -res-usage (CUDA 13.5), and are the same.
"""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

PTX, MACHINE_CODE = 1, 2  # kinds of entries of a fatbin
MAX_THREADS, FRAME_SIZE, REGISTERS = 0x05, 0x11, 0x2F  # EIATTR_MAX_THREADS, _FRAME_SIZE, _REGCOUNT
RESERVED_SHARED_BYTES = 1024  # from sm_90 on the section of shared memory begins with what the driver keeps for itself


@dataclass(frozen=True)
class Entry:
    """A piece of device code in a library."""

    kind: int
    architecture: int
    """Such as 90 for sm_90."""
    content: bytes


@dataclass(frozen=True)
class Kernel:
    """What a kernel takes of a GPU, as far as the compiler knows."""

    symbol: str
    architecture: int
    registers: int
    """Of a thread."""
    shared_bytes: int
    """Of a block, without its dynamic shared memory."""
    max_threads: int
    """Of a block, by __launch_bounds__; 1024 without."""
    stack_bytes: int
    """Of a thread, in local memory."""


def entries(library: bytes) -> Iterator[Entry]:
    """Every piece of device code in a library."""
    magic, at = struct.pack("<I", 0xBA55ED50), 0
    while (at := library.find(magic, at)) >= 0:
        header_bytes, size = struct.unpack_from("<HQ", library, at + 6)
        entry, end = at + header_bytes, at + header_bytes + size
        while entry < end:
            kind, _, header_bytes, content_bytes = struct.unpack_from("<HHIQ", library, entry)
            begin = entry + header_bytes
            yield Entry(kind, *struct.unpack_from("<I", library, entry + 28), library[begin : begin + content_bytes])
            entry = begin + content_bytes
        at = end


def cubins(library: bytes) -> Iterator[Entry]:
    """The machine code of a library."""
    for entry in entries(library):
        if entry.kind == MACHINE_CODE:
            if not entry.content.startswith(b"\x7fELF"):
                raise ValueError("the machine code is compressed: build with nvcc -Xfatbin=-compress=false")
            yield entry


def toolkit(cubin: bytes) -> str:
    """Release of the CUDA toolkit that compiled it, such as "13.0"; empty if it does not say."""
    found = re.search(rb"Cuda compilation tools, release ([\d.]+)", cubin)
    return found[1].decode() if found else ""


def kernels(cubin: Entry) -> Iterator[Kernel]:
    """The kernels of one cubin."""
    elf = Elf(cubin.content)
    registers, stacks = {}, {}
    for attribute, value in attributes(elf.sections.get(".nv.info", b"")):  # none in a cubin without kernels
        if attribute in (REGISTERS, FRAME_SIZE):
            symbol, number = struct.unpack("<II", value)
            (registers if attribute == REGISTERS else stacks)[elf.symbols[symbol]] = number
    reserved = RESERVED_SHARED_BYTES if cubin.architecture >= 90 else 0
    for name, section in elf.sections.items():
        if name.startswith(".nv.info."):
            symbol = name.removeprefix(".nv.info.")
            shape = next((value for attribute, value in attributes(section) if attribute == MAX_THREADS), None)
            yield Kernel(
                symbol,
                cubin.architecture,
                registers[symbol],
                max(0, elf.sizes.get(f".nv.shared.{symbol}", 0) - reserved),
                struct.unpack_from("<I", shape)[0] if shape else 1024,
                stacks[symbol],
            )


class Elf:
    """Sections by their name, and the names of symbols by their number."""

    def __init__(self, content: bytes):
        (table,) = struct.unpack_from("<Q", content, 40)
        entry_bytes, count, of_names = struct.unpack_from("<HHH", content, 58)
        headers = [struct.unpack_from("<IIQQQQ", content, table + entry_bytes * i) for i in range(count)]
        names_at = headers[of_names][4]
        self.sections: dict[str, bytes] = {}
        self.sizes: dict[str, int] = {}
        for name_at, kind, _, _, offset, size in headers:
            name = text_at(content, names_at + name_at)
            self.sizes[name] = size
            self.sections[name] = b"" if kind == 8 else content[offset : offset + size]  # 8: has no bytes in the file
        symbols, names = self.sections[".symtab"], self.sections[".strtab"]
        self.symbols = [text_at(names, name_at) for name_at, *_ in struct.iter_unpack("<IIQQ", symbols)]


def text_at(content: bytes, at: int) -> str:
    """The text that begins there and ends with a zero."""
    return content[at : content.index(b"\0", at)].decode()


def attributes(section: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes of a .nv.info section."""
    at = 0
    while at < len(section):
        form, attribute, size = struct.unpack_from("<BBH", section, at)
        size = size if form == 4 else 0  # in other forms the value is where the size would be
        yield attribute, section[at + 4 : at + 4 + size]
        at += 4 + size


def short_names(symbols: list[str]) -> list[str]:
    """Kernels as one speaks of them: template and arguments, without namespaces and parameters."""
    readable = subprocess.run(["c++filt"], input="\n".join(symbols), capture_output=True, text=True, check=True).stdout
    return [short_name(line) for line in readable.splitlines()]


def short_name(name: str) -> str:
    """Of a demangled name.

    >>> short_name("void fastlm::cuda::step<fastlm::Elman<fastlm::Tanh>, (fastlm::cuda::Way)1, 4>(double*, long)")
    'step<Elman<Tanh>, Way(1), 4>'
    """
    name = re.sub(r"\(anonymous namespace\)::|fastlm::|cuda::|^void ", "", name)
    name = re.sub(r"\((\w+)\)(-?\d+)", r"\1(\2)", name)
    depth = 0
    for at, character in enumerate(name):
        depth += (character == "<") - (character == ">")
        if character == "(" and depth == 0:
            return name[:at]
    return name
