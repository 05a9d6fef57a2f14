"""Mutations of files that know their structure: fields of text, numbers and blocks of binary files."""

import gzip
import random
import struct
from collections.abc import Callable

Mutate = Callable[[random.Random, bytes], bytes]

_WORDS = [
    *("", "0", "-1", "-0", "+5", "1.5", "1e3", "1e400", "nan", "NaN", "inf", "NA", ".", "*", "0x10", "1_000", "٣"),
    *("9" * 10, "9" * 19, "9" * 25, "4294967295", "4294967296", "2147483648", "-9223372036854775809"),
    *(
        "chr1",
        "chr2",
        "chrNo",
        "chr1 ",
        " chr1",
        "CHR1",
        "=1+1",
        "../../x",
        "a/b",
        '"',
        '"chr1"',
        "'",
        "#",
        "track",
        "\\",
    ),
    *("x" * 5_000, "\x1b[31m", "\x00", "\u202e", "é", "\ud7ff", "+", "-"),
]
_NUMBERS = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1]


def of_text(rng: random.Random, content: bytes) -> bytes:
    """A field, a separator or a line changed, once or a few times."""
    lines = content.split(b"\n")
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        at = rng.randrange(len(lines))
        kind = rng.choice(["field"] * 6 + ["drop field", "add field", "drop", "double", "swap", "insert", "separator"])
        fields = lines[at].split(b"\t")
        place = rng.randrange(len(fields))
        word = rng.choice(_WORDS).encode("utf-8", "replace")
        if kind == "field":
            fields[place] = word
            lines[at] = b"\t".join(fields)
        elif kind == "drop field":
            lines[at] = b"\t".join(fields[:place] + fields[place + 1 :])
        elif kind == "add field":
            lines[at] = b"\t".join([*fields[:place], word, *fields[place:]])
        elif kind == "drop" and len(lines) > 1:
            del lines[at]
        elif kind == "double":
            lines.insert(at, lines[at])
        elif kind == "swap":
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == "insert":
            lines.insert(at, rng.choice([b"", b"#", b"# comment", b"track name=x", b"browser position", b"\t\t", word]))
        else:
            lines[at] = rng.choice([b" ", b"  ", b",", b"\t\t"]).join(fields)
    changed = rng.choice([b"\n"] * 8 + [b"\r\n", b"\r"]).join(lines)
    edge = rng.randrange(12)
    if edge == 0:
        return b"\xef\xbb\xbf" + changed
    if edge == 1:
        return changed[: rng.randrange(len(changed) + 1)]
    return of_bytes(rng, changed) if edge == 2 else changed


def of_bytes(rng: random.Random, content: bytes) -> bytes:
    """Bits, numbers or stretches changed, once or a few times."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 4, 16])):
        if not changed:
            break
        at = rng.randrange(len(changed))
        kind = rng.choice(["bit", "byte", "number", "number", "number", "cut", "double", "move", "end"])
        if kind == "bit":
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == "byte":
            changed[at] = rng.randrange(256)
        elif kind == "number":
            width, form = rng.choice([(2, "<H"), (4, "<I"), (8, "<Q")])
            at = at // width * width if rng.random() < 0.5 else at
            packed = struct.pack(form, rng.choice(_NUMBERS) & (2 ** (8 * width) - 1))
            changed[at : at + width] = packed
        elif kind == "cut":
            del changed[at : at + rng.choice([1, 4, 100])]
        elif kind == "double":
            changed[at:at] = changed[at : at + rng.choice([1, 4, 100])]
        elif kind == "move":
            other, n = rng.randrange(len(changed)), rng.choice([1, 4, 8, 32])
            changed[at : at + n] = changed[other : other + n]
        elif rng.random() < 0.3:
            del changed[at:]
    return bytes(changed)


def inside_gzip(mutate: Mutate) -> Mutate:
    """What is compressed changed, or the compressed bytes themselves."""

    def mutated(rng: random.Random, content: bytes) -> bytes:
        if rng.random() < 0.3:
            return of_bytes(rng, content)
        return gzip.compress(mutate(rng, gzip.decompress(content)), mtime=0)

    return mutated


def inside_bgzf(rng: random.Random, content: bytes) -> bytes:
    """The records of a BAM changed and compressed again in blocks of its kind, or the compressed bytes themselves."""
    if rng.random() < 0.3:
        return of_bytes(rng, content)
    plain = of_bytes(rng, gzip.decompress(content))
    blocks = [_bgzf_block(plain[low : low + 60_000]) for low in range(0, len(plain), 60_000)]
    return b"".join([*blocks, _bgzf_block(b"")])


def _bgzf_block(plain: bytes) -> bytes:
    """A block as htslib writes it: gzip with its own length in an extra field (SAM specification, 4.1)."""
    body = gzip.compress(plain, mtime=0)[10:]
    return struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, 18 + len(body) - 1) + body
