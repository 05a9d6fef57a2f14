"""Chromosome lengths and ENCODE's blacklists of genome assemblies, by name or from files."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd

from epizoo.errors import InputError
from epizoo.genome.intervals import check_blacklist, read_bed, read_chrom_sizes

BLACKLISTS = ("hg19", "hg38", "mm10")
"""Assemblies whose blacklist is installed with the package: version 2 of ENCODE's (Amemiya et al., Sci Rep 2019)."""
_FIRST_BP = {
    **{"hg19": (249_250_621, 243_199_373), "hg38": (248_956_422, 242_193_529)},
    **{"mm10": (195_471_971, 182_113_224)},
}
"""Lengths of chromosomes 1 and 2; those of all chromosomes take bioframe, and that most of a second."""
UNUSUAL_SEQUENCES = (
    *("chrM", "chrMT", "M", "MT", "Mito", "chrMito", "MtDNA", "mitochondrion_genome"),
    *("chrC", "ChrC", "Pt", "chrPt", "chrEBV", "EBV"),
)
"""Names of sequences with many copies per cell: genomes of mitochondria, chloroplasts and the Epstein-Barr virus."""
_FOLDER = Path(__file__).parent / "blacklists"
_SAME_ASSEMBLY = {
    **{"grch37": "hg19", "grch38": "hg38", "t2t-chm13v2.0": "hs1"},
    **{"mgscv37": "mm9", "grcm38": "mm10", "grcm39": "mm39"},
}


def chrom_sizes(name_or_file: str | os.PathLike[str]) -> dict[str, int]:
    """Chromosome lengths in bp, of an assembly such as hg38 or from a two-column file; a file of that name wins.

    Raises:
        InputError: there is neither such a file nor such an assembly, or the file is no list of lengths.

    >>> chrom_sizes("hg19")["chr1"]
    249250621
    """
    if os.path.exists(name_or_file) or os.sep in os.fspath(name_or_file):
        return read_chrom_sizes(name_or_file)
    found = assembly_sizes(os.fspath(name_or_file))
    if not found:
        raise InputError(
            f"{name_or_file}: neither a file of chromosome lengths nor a known assembly; name one of "
            f"{', '.join(_known_assemblies())}, or a file of two columns, chromosome and length"
        )
    return found


def assembly_sizes(name: str) -> dict[str, int]:
    """Chromosome lengths in bp of an assembly by its name; empty where the name is not known.

    >>> assembly_sizes("GRCh37")["chr1"], assembly_sizes("mine")
    (249250621, {})
    """
    # bioframe takes most of a second to import, and few runs need it.
    import bioframe

    name = common_name(name)
    if name not in _known_assemblies():
        return {}
    return {str(chrom): int(size) for chrom, size in bioframe.assembly_info(name).chromsizes.items()}


def common_name(name: str | os.PathLike[str]) -> str:
    """UCSC's name of an assembly, however it is spelt; other names as they are.

    >>> common_name("GRCh38"), common_name("HG19"), common_name("mine")
    ('hg38', 'hg19', 'mine')
    """
    small = os.fspath(name).lower()
    return small if small in BLACKLISTS else _SAME_ASSEMBLY.get(small, os.fspath(name))


def excluded_sequences(
    sizes: Mapping[str, int], named: Sequence[str] | None, asked: Collection[str] | None, sizes_name: str
) -> tuple[str, ...]:
    """The sequences of a signal that peaks are not called in.

    Args:
        sizes: chromosome lengths of the signal, in bp.
        named: the sequences to leave out, ``["none"]`` for none; `UNUSUAL_SEQUENCES` where None.
        asked: the sequences that peaks are asked for in; all where None.
        sizes_name: what the signal is called in messages.

    Raises:
        InputError: a named sequence is not in the signal, or none is left.

    >>> excluded_sequences({"chr1": 1_000, "chrM": 100}, None, None, "a.bw")
    ('chrM',)
    """
    if named is None:
        usual = {name.lower() for name in UNUSUAL_SEQUENCES}
        found = tuple(name for name in sizes if name.lower() in usual and name not in (asked or ()))
        # A file of the mitochondrial genome alone is about it.
        return found if len(found) < len(sizes) else ()
    texts = [named] if isinstance(named, str) else named
    wanted = [name.strip() for given in texts for name in given.split(",") if name.strip()]
    if "none" in wanted and len(wanted) > 1:
        raise InputError(f"--exclude: {', '.join(wanted)} given; name sequences, or none alone")
    wanted = [name for name in wanted if name != "none"]
    unknown = [name for name in wanted if name not in sizes]
    if unknown:
        raise InputError(
            f"--exclude: {', '.join(unknown)} given, but {sizes_name} has {', '.join(list(sizes)[:5])}; name some of "
            "its sequences, or none"
        )
    if set(asked or sizes) <= set(wanted):
        raise InputError(f"--exclude: {', '.join(wanted)} leaves nothing of what peaks are asked for; name fewer")
    return tuple(dict.fromkeys(wanted))


def read_blacklist(name_or_file: str | os.PathLike[str], sizes: Mapping[str, int], sizes_name: str) -> pd.DataFrame:
    """A blacklist as an interval table, by an assembly's name or from a BED file, in the names of the signal's file.

    Args:
        name_or_file: one of `BLACKLISTS` (or GRCh37, GRCh38, GRCm38), or a BED file; a file of that name wins.
        sizes: chromosome lengths of the signal, in bp.
        sizes_name: what the signal is called in messages.

    Raises:
        InputError: there is neither such a file nor such a list, or the signal is of another assembly.
    """
    require_blacklist(name_or_file)
    if not os.path.exists(name_or_file):
        name = common_name(name_or_file)
        table = read_bed(_FOLDER / f"{name}.bed.gz")
        renamed = _names_like(sizes, chrom_sizes(name), name, sizes_name)
        table = table.assign(chrom=table["chrom"].map(renamed)).dropna(subset="chrom")
        table.attrs["name"] = f"the blacklist of {name}"
        return table.reset_index(drop=True)
    table = read_bed(name_or_file)
    table.attrs["name"] = str(name_or_file)
    check_blacklist_fits(table, sizes, str(name_or_file), sizes_name)
    return table


def fitting_blacklist(sizes: Mapping[str, int]) -> tuple[str, pd.DataFrame] | None:
    """The installed blacklist whose assembly a signal is of, by chromosome 1 and, if it is there, 2, and its name.

    >>> [fitting_blacklist(sizes)[0] for sizes in ({"chr1": 248_956_422}, {"1": 195_471_971})]
    ['hg38', 'mm10']
    """
    first, second = (sizes.get(f"chr{number}", sizes.get(str(number))) for number in (1, 2))
    name = next((name for name, (one, two) in _FIRST_BP.items() if one == first and second in (None, two)), None)
    if name is None:
        return None
    table = read_bed(_FOLDER / f"{name}.bed.gz")
    return name, table if "chr1" in sizes else table.assign(chrom=table["chrom"].str.removeprefix("chr"))


def require_blacklist(name_or_file: str | os.PathLike[str]) -> None:
    """Check, before any work is done, that there is a blacklist of a name, or such a file.

    Raises:
        InputError: there is neither.
    """
    if not os.path.exists(name_or_file) and common_name(name_or_file) not in BLACKLISTS:
        raise InputError(
            f"{name_or_file}: no such file, and no blacklist of this name; name {', '.join(BLACKLISTS)} or a BED file"
        )


def check_blacklist_fits(blacklist: pd.DataFrame, sizes: Mapping[str, int], name: str, sizes_name: str) -> None:
    """Check that a blacklist belongs to the assembly of a signal.

    Raises:
        InputError: none of its chromosomes is known, or an interval lies past the end of its chromosome.
    """
    check_blacklist(blacklist, sizes, name, sizes_name)
    lengths = blacklist["chrom"].map(dict(sizes))
    past = blacklist[blacklist["end"] > lengths]
    if len(past):
        row = past.iloc[0]
        raise InputError(
            f"{name}: {row['chrom']}:{row['start']}-{row['end']} lies past the end of the chromosome in {sizes_name}, "
            f"which is {sizes[row['chrom']]:,} bp long; give the blacklist of the same assembly"
        )


def _names_like(sizes: Mapping[str, int], assembly: Mapping[str, int], name: str, sizes_name: str) -> dict[str, str]:
    """The signal's name for each chromosome of an assembly that it has, with or without the prefix chr."""
    renamed = {}
    for chrom, size in assembly.items():
        own = next((other for other in (chrom, chrom.removeprefix("chr")) if other in sizes), None)
        # hg19 exists with two mitochondrial genomes, chrM of 16,571 bp and MT of 16,569 bp.
        if own is None or chrom == "chrM":
            continue
        if sizes[own] != size:
            fitting = [other for other in BLACKLISTS if _fits(sizes, chrom_sizes(other))]
            hint = f"it fits {fitting[0]}: name that" if fitting else "give a BED file of its own assembly"
            raise InputError(
                f"blacklist: {own} is {size:,} bp long in {name}, but {sizes[own]:,} bp in {sizes_name}; {hint}"
            )
        renamed[chrom] = own
    if not renamed:
        raise InputError(
            f"blacklist: {sizes_name} has none of the chromosomes of {name}, its first is {next(iter(sizes))}; give a "
            "BED file of its own assembly"
        )
    return renamed


def _fits(sizes: Mapping[str, int], assembly: Mapping[str, int]) -> bool:
    """True if all chromosomes that both have are of one length, but for mitochondrial genomes."""
    own = {chrom: sizes.get(chrom, sizes.get(chrom.removeprefix("chr"))) for chrom in assembly if chrom != "chrM"}
    shared = {chrom: size for chrom, size in own.items() if size is not None}
    return bool(shared) and all(size == assembly[chrom] for chrom, size in shared.items())


def _known_assemblies() -> list[str]:
    import bioframe

    # bioframe takes what stands behind a dot for the name.
    builds = [build for build in bioframe.assemblies_available()["provider_build"] if "." not in build]
    return sorted({*BLACKLISTS, *builds})
