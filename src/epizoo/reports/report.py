"""A report of a run: what was found, how good the data are, examples, and what made it, as one HTML file."""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from epizoo.errors import InputError
from epizoo.files import check_outputs
from epizoo.genome.loci import parse_region
from epizoo.jobs.annotate import Annotation
from epizoo.jobs.enrichment import read_annotations
from epizoo.reports.blocks import Browser, Code, Facts, Section, Text
from epizoo.reports.differential_peaks import (
    differential_loci,
    differential_peaks,
    differential_sentences,
    read_differential,
)
from epizoo.reports.excerpts import MOST_LOCI, excerpts, locus_text
from epizoo.reports.igv_session import require_igv_names, write_session
from epizoo.reports.inputs import File, Inputs, named, open_inputs
from epizoo.reports.libraries import libraries_of
from epizoo.reports.loci import Locus, peak_loci, state_loci
from epizoo.reports.multiqc import require_multiqc_name, write_multiqc
from epizoo.reports.page import require_page, write_page
from epizoo.reports.peak_figures import as_segmentation, peak_figures
from epizoo.reports.peak_sections import distributions, peak_annotations, peak_facts, quality
from epizoo.reports.provenance import provenance
from epizoo.reports.state_sections import likelihood_facts, mark_shares, state_coverage, state_enrichments, state_facts
from epizoo.reports.state_styles import check_entry
from epizoo.zoo.entry import ChromatinStateEntry


def report(
    output: File,
    *,
    peaks: File | Mapping[str, File] | None = None,
    bigwigs: File | Mapping[str, File] | None = None,
    states: File | Mapping[str, File] | None = None,
    entry: ChromatinStateEntry | File | None = None,
    libraries: Sequence[File] = (),
    differential: File | Mapping[str, File] | None = None,
    inputs: Sequence[File] = (),
    over: Sequence[File] = (),
    loci: Sequence[str] = (),
    settings: File | Mapping[str, File | Sequence[str]] | None = None,
    notes: Sequence[str] = (),
    title: str | None = None,
    assembly: str | None = None,
    multiqc: File | None = None,
    session: File | None = None,
    annotated: Mapping[str, Annotation] | None = None,
    command: str | None = None,
    file_names: Mapping[str, str] | None = None,
    file_hashes: Mapping[str, str] | None = None,
) -> None:
    """Write a report of peaks, states or both as one HTML file that opens without a network.

    It has headline figures, the quality of the data, a genome browser (igv.js) of a few loci, distributions of widths
    and scores, the coverage and the enrichments of states, and the versions, hashes and command that made it. Of the
    signal only excerpts are in it.

    Args:
        output: File of the report (HTML).
        peaks: Peaks: narrowPeak, broadPeak, gappedPeak or BED, for several samples as SAMPLE=FILE.
        bigwigs: Signal, a bigWig; as SAMPLE=FILE it is that of the sample of this name, with another name it is shown
            only.
        states: Chromatin states (BED of `epizoo annotate`, or ChromHMM's), for several cell types as CELL=FILE.
        entry: Entry that the states belong to: they get its order and its colours.
        libraries: Tables of libraries of `epizoo count --libraries`: fragments, duplicates and FRiP of each sample.
        differential: Differential peaks: a table of `epizoo differential`, whose most significant peaks are listed and
            can be shown in the genome browser, for several comparisons as NAME=FILE.
        inputs: Other files that the results were made of, such as reads: their hashes are named.
        over: Annotations in which peaks and states are counted: BED files or genes (GTF, GFF3, refGene, genePred).
        loci: Regions to show, such as chr1:1,000,000-1,050,000 (default: typical and extreme peaks, and where most
            states are).
        settings: Settings that decided, as a file of text; in Python also as lines.
        notes: Sentences to stand below the headline figures.
        title: Title of the report (default: the names of the samples).
        assembly: Name of the genome assembly, such as hg38, for the session and the browser.
        multiqc: Also write the figures of each sample for MultiQC; the name ends in _mqc.json.
        session: Also write a session for IGV (XML) of all files; needs `assembly`.
        annotated: Annotations that `states` were written from, by cell type: the report has their likelihoods and
            marks.
        command: The command that made the results, as it can be typed (default: none is shown).
        file_names: What files are called in the report, by their path, where that is no name to show, as of a pipe.
        file_hashes: SHA-256 of files whose hash is known, by their path.

    Raises:
        InputError: there is nothing to report on, a file cannot be used, or an output cannot be written.
        MissingDependencyError: jinja2 or igv-notebook is not installed; the extra is report.
    """
    require_page()
    outputs = [path for path in (output, multiqc, session) if path is not None]
    files = [path for files in (peaks, bigwigs, states) for path in named(files).values()]
    compared = named(differential)
    check_outputs(outputs, [*files, *libraries, *compared.values(), *inputs, *over])
    called = dict(file_names or {})
    _check_formats(peaks, multiqc, session, assembly)
    check_entry(entry, states)
    if session is not None:
        require_igv_names(path for path in files if str(path) not in called)
    piped = next((called[str(path)] for path in files if str(path) in called), None)
    if session is not None and piped is not None:
        raise InputError(f"--session: names all files by their paths, and {piped} has none; give a file in its place")
    lost = next((path for path in inputs if not Path(path).is_file()), None)
    if lost is not None:
        raise InputError(f"{lost}: no such file; give a file that the results were made of")
    tables = {name: read_differential(path) for name, path in compared.items()}
    texts, annotations, runs = _texts(settings), _named_annotations(over), annotated or {}
    with ExitStack() as stack:
        found = open_inputs(stack, peaks, bigwigs, states, entry, runs, assembly)
        shown = [Locus(parse_region(text), "chosen") for text in loci] or _typical_loci(found)
        _check_loci(shown, found)
        listed = differential_loci(tables, found.sizes)
        figures = peak_figures(found.peaks, found.signals, libraries_of(list(found.peaks), libraries))
        sources = [*inputs, *(path for one in runs.values() for path in one.sources)]
        shown_files = {path for _, path in found.files}
        further = [path for path in dict.fromkeys(map(Path, sources)) if path not in shown_files]
        made_of = [*found.files, *(("input", path) for path in further)]
        sections = [
            _summary(found, figures, runs, [*notes, *differential_sentences(tables)]),
            *([quality(figures)] if found.peaks else []),
            _examples(found, shown, list(listed.values()), assembly),
            distributions(found.peaks),
            differential_peaks(tables, listed),
            state_coverage(found),
            mark_shares(runs),
            _annotations(found, annotations),
            _settings(texts),
            provenance(made_of, command, called, file_hashes or {}),
        ]
        write_page(Path(output), title or _names(found), _subtitle(found, assembly), sections)
        if multiqc is not None:
            write_multiqc(multiqc, figures)
        if session is not None:
            write_session(session, found.files, str(assembly), locus_text(shown[0].region) if shown else "all")


def _check_formats(peaks: object, multiqc: File | None, session: File | None, assembly: str | None) -> None:
    """Check, before any work is done, that what goes with the report can be written."""
    if multiqc is not None:
        require_multiqc_name(multiqc)
        if not peaks:
            raise InputError("--multiqc: given without --peaks, whose figures it holds; leave it out")
    if session is not None and assembly is None:
        raise InputError("--session: given without --assembly, the genome that IGV is to show; name it, such as hg38")


def _summary(
    inputs: Inputs, figures: pd.DataFrame, annotated: Mapping[str, Annotation], notes: Sequence[str]
) -> Section:
    facts = [*(peak_facts(figures) if inputs.peaks else []), *state_facts(inputs.states), *likelihood_facts(annotated)]
    return Section("summary", "Summary", [Facts(facts), Text(notes)])


def _typical_loci(inputs: Inputs) -> list[Locus]:
    """Loci by the peaks, else by the states of the first cell type."""
    found = peak_loci(inputs.peaks, inputs.sizes)
    return found or [locus for states in list(inputs.states.values())[:1] for locus in state_loci(states)]


def _check_loci(loci: Sequence[Locus], inputs: Inputs) -> None:
    if len(loci) > MOST_LOCI:
        raise InputError(f"--loci: {len(loci):,} regions given, and a page shows {MOST_LOCI}; give those to look at")
    sizes = inputs.sizes
    for region, _ in loci:
        if region.chrom in sizes and region.end > sizes[region.chrom] and not inputs.has_lengths:
            raise InputError(
                f"--loci: {locus_text(region)} ends past the last peak or state of its chromosome, whose length no "
                "file tells; give a bigWig, a known --assembly or a region before that"
            )
        if region.end > sizes.get(region.chrom, 0):
            raise InputError(
                f"--loci: {locus_text(region)} does not lie in the genome of {inputs.source(region.chrom)}, whose "
                f"chromosomes are {', '.join(list(sizes)[:5])}; give a region of this assembly"
            )


def _examples(inputs: Inputs, loci: Sequence[Locus], listed: Sequence[Locus], assembly: str | None) -> Section:
    """The genome browser: loci with a button each, and those of peaks that are listed in a table."""
    if not loci and not listed:
        return Section("loci", "Example loci", [])
    also = " and of the differential peaks that are listed, which a click on their place shows" if listed else ""
    about = [f"This page holds the signal, peaks and states of these loci{also} alone."]
    data = excerpts(inputs, [*loci, *listed], assembly or "genome")
    kinds = [track["kind"] for track in data["tracks"]]
    for kind, files in (("signal", inputs.signals), ("peaks", inputs.peaks), ("states", inputs.states)):
        if len(files) > kinds.count(kind):
            about.append(f"Of {len(files)} tracks of {kind} {kinds.count(kind)} are shown.")
    about += [
        f"{track['name']}: the {len(track['rows']):,} widest are shown, {track['left_out']:,} narrower ones are not."
        for track in data["tracks"]
        if track.get("left_out")
    ]
    return Section("loci", "Example loci", [Text(about), Browser(data)])


def _named_annotations(over: Sequence[File]) -> dict[str, File]:
    """Files of annotations by their names."""
    files: dict[str, File] = {}
    for path in over:
        if "=" in str(path) and not Path(path).is_file():
            raise InputError(
                f"--over: {path} found, expected a file without a name before it; of several samples each has its own "
                "option, as in --peaks A=a.bed --peaks B=b.bed"
            )
        (name, _), *_ = named(path).items()
        if name in files:
            raise InputError(f"--over: {files[name]} and {path} have one name; rename one of them")
        files[name] = path
    return files


def _annotations(inputs: Inputs, files: Mapping[str, File]) -> Section:
    """Peaks and states in annotations."""
    if not files:
        return Section("annotations", "Genes and regions", [])
    genome = next(iter(inputs.states.values()), None)
    if genome is None:
        genome = as_segmentation(next(iter(inputs.peaks.values())), inputs.sizes)
    sizes = inputs.sizes if inputs.has_lengths else None
    # The last peak of a chromosome is not its end.
    annotations = read_annotations(files, genome, has_ends=bool(inputs.states) or sizes is not None)
    tables = [*peak_annotations(inputs.peaks, annotations, sizes), *state_enrichments(inputs, annotations)]
    return Section("annotations", "Genes and regions", tables)


def _texts(settings: File | Mapping[str, File | Sequence[str]] | None) -> dict[str, str]:
    """Settings that decided the results, as text by sample."""
    given = settings if isinstance(settings, Mapping) else named(settings)
    texts = {}
    for name, of in given.items():
        if not isinstance(of, str | os.PathLike):
            texts[name] = "\n".join(of)
        elif Path(of).is_file():
            texts[name] = Path(of).read_text(encoding="utf-8").strip()
        else:
            raise InputError(f"{of}: no such file; give the settings that decided, as a file of text")
    return texts


def _settings(texts: Mapping[str, str]) -> Section:
    """Settings of each sample; those of several are folded."""
    several = len(texts) > 1
    return Section("settings", "Settings", [Code(of, name if several else "") for name, of in texts.items()])


def _subtitle(inputs: Inputs, assembly: str | None) -> str:
    what = [*(["peaks"] if inputs.peaks else []), *(["chromatin states"] if inputs.states else [])]
    return f"Report of {' and '.join(what)}{f', {assembly}' if assembly else ''}"


def _names(inputs: Inputs) -> str:
    """The names of samples and cell types as a title, three at most."""
    names = list(dict.fromkeys([*inputs.peaks, *inputs.states]))
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
