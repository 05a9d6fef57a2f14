"""The table that names chromatin states: which marks a state of each name shows, with descriptions and colours.

Names are those of Roadmap Epigenomics where it has one. Each row of `PATTERNS` asks something of each kind of mark in
`KINDS`, in letters:

- ``+`` present, ``f`` present in nearly every bin, ``w`` weak, ``p`` weak or present, ``n`` measured and not present: a
  row that asks this of a mark which the model lacks is left out;
- ``-`` not present, ``o`` not in nearly every bin, ``0`` absent altogether: not asked of a mark which the model lacks;
- ``s`` in 6% of the bins or more, ``u`` in fewer: for H3K36me3, which tells genes of zinc fingers from heterochromatin;
- ``x`` not among the model's marks, ``.`` anything.
"""

from typing import NamedTuple

KINDS = ("H3K4me3", "H3K4me1", "acetylation", "H3K36me3", "H3K27me3", "H3K9me3", "input", "other")
"""Kinds of marks; the strongest mark of no other kind (CTCF, H2A.Z, H4K20me1, …) is `other`."""

INPUTS = ("wce", "input", "control", "igg")
"""Names of inputs, in small letters."""


class Pattern(NamedTuple):
    """One row: a name, a letter for each of `KINDS`, and its share where two names have the same marks."""

    name: str
    marks: str
    share: float = 1.0


class Look(NamedTuple):
    """Text beside a name: description, colour ("r,g,b"), and the name of the wider claim, if there is one."""

    description: str
    color: str
    family: str | None = None


AFTER_MARK = "other"
"""The name in the table that stands for the strongest mark of no other kind."""

# H3K4me3, H3K4me1, acetylation, H3K36me3, H3K27me3, H3K9me3, input, other
PATTERNS = (
    Pattern("TssA", "+o+--.-."),
    Pattern("TssA", "+ox--.-."),
    # Without H3K4me3, acetylation alone does not tell promoters from enhancers.
    Pattern("TssA", "xo+--.-.", 0.5),
    Pattern("EnhA", "xo+--.-.", 0.5),
    Pattern("EnhA", "xf+--.-."),
    # Without acetylation of H3, emissions do not tell a weak promoter from the flank of a strong one.
    Pattern("TssWk", "+-n--.-.", 0.5),
    Pattern("TssFlnk", "+-n--.-.", 0.5),
    Pattern("TssFlnk", "++n--.-."),
    # At most 34% of the bins with all three marks lie within 2 kb of an active TSS (encode-10, encode-15,
    # roadmap-18 in GM12878 and K562), and most elements that regulate a gene are among the others.
    Pattern("TssFlnk", "+f+--.-.", 0.3),
    Pattern("EnhA", "+f+--.-.", 0.7),
    Pattern("TssFlnk", "+fx--.-.", 0.5),
    Pattern("Enh", "+fx--.-.", 0.5),
    Pattern("EnhA", "n++--.-."),
    Pattern("EnhA", "n-+--.-."),
    Pattern("EnhWk", "-+n--.-."),
    Pattern("Enh", "-+x--.-."),
    Pattern("EnhG", "-+.+-.-."),
    Pattern("TxFlnk", "+..+-.-."),
    Pattern("Tx", "---+--.."),
    Pattern("TxWk", "---w0--."),
    # H3K36me3 is in 8% and 50% of the bins of ZNF/Rpts in Roadmap's two models, in less than 1% of those of Het.
    Pattern("ZNF/Rpts", "---s-+-."),
    Pattern("Het", "---u-p--"),
    Pattern("TssBiv", "+o.-+.-."),
    Pattern("BivFlnk", "+f.-+.-."),
    Pattern("EnhBiv", "-+.-+.-."),
    Pattern("ReprPC", "----+.-."),
    Pattern("ReprPCWk", "---0w0--"),
    Pattern("Quies", "---000--"),
    Pattern(AFTER_MARK, "---.---+"),
    Pattern("Artefact", "......+."),
    # Marks that exclude each other in one place: repeats that collect reads of every experiment.
    Pattern("Artefact", "+..++.x."),
)

LOOKS = {
    "TssA": Look("Active TSS", "255,0,0", "Tss"),
    "Tss": Look("TSS, its kind unclear", "220,20,60"),
    "TssWk": Look("Weak or poised TSS, without H3K27ac", "255,127,80", "Tss"),
    "TssFlnk": Look("Flank of a TSS", "255,69,0", "Tss"),
    "TxFlnk": Look("Transcription at gene 5' and 3'", "50,205,50"),
    "Tx": Look("Strong transcription", "0,128,0", "TxWk"),
    "TxWk": Look("Weak transcription", "0,100,0", "TxWk"),
    "EnhG": Look("Genic enhancer", "194,225,5", "Enh"),
    "EnhA": Look("Active enhancer", "255,195,77", "Enh"),
    "Enh": Look("Enhancer", "250,215,0", "Enh"),
    "EnhWk": Look("Weak or primed enhancer, without H3K27ac", "255,255,0", "Enh"),
    "ZNF/Rpts": Look("ZNF genes and repeats", "102,205,170", "Het"),
    "Het": Look("Heterochromatin", "138,145,208", "Het"),
    "TssBiv": Look("Bivalent or poised TSS", "205,92,92", "Tss"),
    "BivFlnk": Look("Flank of a bivalent TSS or enhancer", "233,150,122"),
    "EnhBiv": Look("Bivalent enhancer", "189,183,107", "Enh"),
    "ReprPC": Look("Repressed by Polycomb", "128,128,128", "ReprPCWk"),
    "ReprPCWk": Look("Weakly repressed by Polycomb", "192,192,192", "ReprPCWk"),
    "Quies": Look("Quiescent, low signal", "255,255,255"),
    "CTCF": Look("CTCF without marks of histones", "10,190,254"),
    "Artefact": Look("Artefact: reads of the input, or of all experiments", "90,60,40"),
}
"""In the order in which states are shown."""
