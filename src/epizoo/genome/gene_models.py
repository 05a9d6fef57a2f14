"""Genes from GTF, GFF3, refGene and genePred files, and their parts: TSS, TES, exons, genes, promoters."""

import os
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from epizoo.errors import InputError
from epizoo.genome.chrom_names import named_like
from epizoo.genome.intervals import SKIPPED_LINES, read_lines
from epizoo.genome.table_files import is_parquet

File = str | os.PathLike[str]

PARTS = ("TSS", "TES", "exons", "genes", "promoters")
"""The parts of genes that annotations are made of."""
PROMOTER_FLANK_BP = 2000

_TRANSCRIPT = re.compile(r'transcript_id[ =]"?([^";]+)')
_PARENT = re.compile(r"(?:^|;)\s*Parent=([^;]+)")
_IDENTITY = re.compile(r"(?:^|;)\s*ID=([^;]+)")
_TRANSCRIPTS = (
    "transcript",
    "mrna",
    "ncrna",
    "lnc_rna",
    "trna",
    "rrna",
    "snrna",
    "snorna",
    "mirna",
    "pseudogenic_transcript",
)


class Genes(NamedTuple):
    """Transcripts of a genome.

    Attributes:
        transcripts: chrom, start, end (0-based, half-open) and strand.
        exons: chrom, start and end.
        name: what the genes are called in messages, usually their file.
    """

    transcripts: pd.DataFrame
    exons: pd.DataFrame
    name: str

    def part(self, part: str) -> pd.DataFrame:
        """The intervals of a part of `PARTS`: a TSS and a TES are one base, a promoter is 2 kb on both sides of a TSS.

        They are those of ChromHMM's ConvertGeneTable (RefSeqTSS, RefSeqTES, RefSeqExon, RefSeqGene, RefSeqTSS2kb), but
        that a promoter is not cut at the end of its chromosome.
        """
        if part in ("genes", "exons"):
            return (self.transcripts if part == "genes" else self.exons)[["chrom", "start", "end"]].drop_duplicates()
        found = self.anchors("TES" if part == "TES" else "TSS")
        flank = PROMOTER_FLANK_BP if part == "promoters" else 0
        start, end = (found["position"] - flank).clip(lower=0), found["position"] + flank + 1
        return pd.DataFrame({"chrom": found["chrom"], "start": start, "end": end}).drop_duplicates()

    def anchors(self, part: str = "TSS") -> pd.DataFrame:
        """The first base of each transcript (TSS), or the last one (TES), once: chrom, position and strand."""
        table = self.transcripts
        is_first = (table["strand"] == "+") == (part == "TSS")
        position = table["start"].where(is_first, table["end"] - 1)
        found = pd.DataFrame({"chrom": table["chrom"], "position": position, "strand": table["strand"]})
        return found.drop_duplicates(ignore_index=True)

    def named_like(self, chroms: Collection[str], chroms_name: str) -> "Genes":
        """The same with the chromosomes' names of other files; see `epizoo.genome.chrom_names.named_like`."""
        both = named_like(pd.concat([self.transcripts, self.exons]), chroms, self.name, chroms_name)["chrom"].to_numpy()
        n = len(self.transcripts)
        return self._replace(
            transcripts=self.transcripts.assign(chrom=both[:n]), exons=self.exons.assign(chrom=both[n:])
        )


def is_gene_file(path: File) -> bool:
    """True if the first row of a file is one of GTF, GFF3, refGene or genePred.

    Raises:
        InputError: the file is missing or no text.
    """
    return not is_parquet(path) and _kind(path) is not None


def read_genes(path: File) -> Genes:
    """Read the transcripts and exons of a GTF, GFF3, refGene or genePred file, plain or gzipped.

    Raises:
        InputError: the file is of none of these formats, a row is not as its format says, or no transcript is there.
    """
    kind = _kind(path)
    if kind is None:
        raise InputError(f"{path}: its first row is none of GTF, GFF3, refGene or genePred; give a file of genes")
    transcripts, exons = _read_features(path) if kind == "features" else _read_predictions(path, kind)
    if transcripts.empty:
        raise InputError(
            f"{path}: holds no transcript, only other features; expected rows of transcripts or of exons with a "
            "transcript_id or a Parent"
        )
    return Genes(transcripts, exons, str(path))


def _kind(path: File) -> str | None:
    for _, line in read_lines(path):
        if not line.strip() or line.startswith(SKIPPED_LINES):
            continue
        fields = line.split("\t")
        if len(fields) == 9 and fields[3].isdecimal() and fields[4].isdecimal() and fields[6] in ("+", "-", ".", "?"):
            return "features"
        for kind, first in (("genePred", 0), ("refGene", 1)):
            places = fields[first + 3 : first + 5]
            if len(fields) >= first + 10 and fields[first + 2] in ("+", "-") and all(map(str.isdecimal, places)):
                return kind
        return None
    return None


def _rows(path: File, n_columns: int) -> Iterator[tuple[str, list[str]]]:
    for number, line in read_lines(path):
        if line.startswith("##FASTA"):
            return
        if not line.strip() or line.startswith(SKIPPED_LINES):
            continue
        fields = line.split("\t")
        where = f"{path}: line {number}"
        if len(fields) < n_columns:
            raise InputError(f"{where} has {len(fields)} tab-separated columns, expected {n_columns} or more")
        yield where, fields


def _read_predictions(path: File, kind: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """RefGene has a column of bins before those of genePred."""
    first = int(kind == "refGene")
    transcripts, exons = [], []
    for where, fields in _rows(path, first + 10):
        chrom, strand, start, end = fields[first + 1 : first + 5]
        starts, ends = (fields[first + column].strip('",').split(",") for column in (8, 9))
        if (
            not all(map(str.isdecimal, [start, end, *starts, *ends]))
            or strand not in ("+", "-")
            or len(starts) != len(ends)
        ):
            raise InputError(
                f"{where} is no gene ({chrom} {strand} {start} {end}); expected whole numbers and a strand"
            )
        transcripts.append((chrom, int(start), int(end), strand))
        exons += [(chrom, int(one), int(other)) for one, other in zip(starts, ends, strict=True)]
    return _tables(transcripts, exons)


def _read_features(path: File) -> tuple[pd.DataFrame, pd.DataFrame]:
    """GTF and GFF3: transcripts as they are, or as their exons span them."""
    transcripts, exons = [], []
    # A transcript of a pseudoautosomal region has one name at two places.
    spans: dict[tuple[str, str, str], list] = {}
    for where, fields in _rows(path, 9):
        chrom, _, feature, start, end, _, strand, _, attributes = fields[:9]
        if not (start.isdecimal() and end.isdecimal() and 1 <= int(start) <= int(end)):
            raise InputError(f"{where} has no whole numbers as start and end, the start first; correct it")
        place = (chrom, int(start) - 1, int(end))
        if feature.lower() in _TRANSCRIPTS and strand in ("+", "-"):
            transcripts.append((*place, strand))
            identity = _TRANSCRIPT.search(attributes) or _IDENTITY.search(attributes)
            spans[identity[1] if identity else where, chrom, strand] = []
        elif feature == "exon":
            exons.append(place)
            found = _PARENT.search(attributes) or _TRANSCRIPT.search(attributes)
            for parent in found[1].split(",") if found and strand in ("+", "-") else ():
                if span := spans.setdefault((parent, chrom, strand), [chrom, place[1], place[2], strand]):
                    span[1], span[2] = min(span[1], place[1]), max(span[2], place[2])
    # Older GTF files hold exons alone.
    transcripts += [tuple(span) for span in spans.values() if span]
    return _tables(transcripts, exons)


def _tables(transcripts: list, exons: list) -> tuple[pd.DataFrame, pd.DataFrame]:
    positions = {"start": np.int64, "end": np.int64}
    return (
        pd.DataFrame(transcripts, columns=["chrom", "start", "end", "strand"]).astype(positions),
        pd.DataFrame(exons, columns=["chrom", "start", "end"]).astype(positions),
    )
