"""Studies from samples to differential peaks, killed and continued, against the single commands."""

import json
import os
import re
import shutil
import signal

import dask
import numpy as np
import pandas as pd
import pytest
from distributed import LocalCluster
from read_writers import write_bam
from typer.testing import CliRunner

import epizoo
from epizoo.calling.peak_reader import read_peaks
from epizoo.cli.all_commands import app
from epizoo.errors import InputError
from epizoo.studies.engine import run_pieces
from epizoo.studies.pieces import pieces_of
from epizoo.studies.records import Piece
from epizoo.studies.study_file import read_study

SAMPLES = {"a1": "a", "a2": "a", "b1": "b", "b2": "b"}
PLACES = (5_000, 12_000, 20_000, 26_000)


def reads(seed, group):
    """Reads of a sample: four places, of which the last is deep in group b alone."""
    random = np.random.default_rng(seed)
    starts = list(random.integers(0, 29_000, 400))
    for place in PLACES:
        n = 400 if place < 26_000 or group == "b" else 60
        starts += list(place + random.integers(0, 300, n))
    return [("chr1", int(start), int(start) + 50, str(random.choice(["+", "-"]))) for start in starts]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A table of four samples in a folder of its own, with its reads."""
    folder = tmp_path_factory.mktemp("study")
    rows = ["sample\tgroup\tassay\ttreatment\tcontrol"]
    for seed, (sample, group) in enumerate(SAMPLES.items()):
        write_bam(folder / f"{sample}.bam", reads(seed, group))
        rows.append(f"{sample}\t{group}\tany\t{sample}.bam\t")
    table = folder / "samples.tsv"
    table.write_text("\n".join(rows) + "\n")
    return table


@pytest.fixture(scope="module")
def results(study):
    """The results of the study, done by two processes of this machine."""
    folder = study.parent / "results"
    epizoo.run_study(study, folder, workers=2)
    return folder


def contents(folder):
    """What a study made, without records and files that hold their time."""
    files = [path for path in folder.rglob("*") if path.is_file() and "records" not in path.parts]
    kept = [path for path in files if path.suffix in (".narrowPeak", ".tsv")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


def test_a_study_is_what_the_single_commands_make(study, results, tmp_path):
    bams = {sample: study.parent / f"{sample}.bam" for sample in SAMPLES}
    for sample, bam in bams.items():
        epizoo.call_peaks("peak_caller/universal", reads=bam, output=tmp_path / f"{sample}.narrowPeak")
        assert (tmp_path / f"{sample}.narrowPeak").read_bytes() == (results / f"peaks/{sample}.narrowPeak").read_bytes()
    peaks = {sample: tmp_path / f"{sample}.narrowPeak" for sample in SAMPLES}
    consensus, counts = tmp_path / "consensus.narrowPeak", tmp_path / "counts.tsv"
    epizoo.consensus(peaks, groups=SAMPLES, output=consensus)
    epizoo.count(consensus, reads=bams, output=counts)
    epizoo.differential(counts, SAMPLES, output=tmp_path / "differential.tsv")
    for path in (consensus, counts, tmp_path / "differential.tsv"):
        assert path.read_bytes() == (results / "any" / path.name).read_bytes(), path.name
    assert len(read_peaks(consensus)) == len(PLACES)
    first = pd.read_csv(results / "any/differential.tsv", sep="\t").iloc[0]
    assert abs(first["start"] - 26_000) < 400
    assert first["log2_fold"] > 1.5


def test_what_is_finished_is_not_done_again(study, results):
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*.narrowPeak")}
    epizoo.run_study(study, results, workers=1, scheduler="tcp://127.0.0.1:1")  # nobody is asked
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_the_name_of_a_group_decides_no_peaks(study, tmp_path):
    renamed = study.parent / "renamed.tsv"
    renamed.write_text(re.sub(r"\tb\t", "\tdrugged\t", study.read_text()))
    keys = []
    for table in (study, renamed):
        found = read_study(table)
        hashes, entries = dict.fromkeys(found.files(), "x"), {sample.caller: "y" for sample in found.samples}
        keys.append({piece.name: piece.key for piece in pieces_of(found, tmp_path, hashes, entries)})
    same = {name for name, key in keys[0].items() if keys[1][name] == key}
    assert same == {f"peaks/{sample}" for sample in SAMPLES}


def test_a_study_that_is_up_to_date_says_so(study, results):
    shown = CliRunner().invoke(app, ["run", str(study), "-o", str(results)])
    assert re.search(r"all of its \d+ pieces are up to date", " ".join(shown.stdout.split())), shown.output


def test_a_change_is_done_again_with_what_depends_on_it(study, tmp_path):
    folder = tmp_path / "results"
    shared = read_study(study)
    hashes = dict.fromkeys(shared.files(), "x")
    entries = {"peak_caller/universal": "1"}
    keys = {piece.name: piece.key for piece in pieces_of(shared, folder, hashes, entries)}

    def changed(**options):
        given = {"hashes": hashes, "entries": entries} | options
        return {piece.name for piece in pieces_of(shared, folder, **given) if piece.key != keys[piece.name]}

    first = shared.samples[0].treatment[0]
    after = {name for name in keys if not name.startswith("peaks/")}
    assert changed(hashes=hashes | {first: "y"}) == {"peaks/a1"} | after
    assert changed(entries={"peak_caller/universal": "2"}) == set(keys)
    assert changed() == set()


def test_a_killed_worker_costs_its_own_piece(study, results):
    folder, finished = study.parent / "killed", {}
    quiet = {"dashboard_address": None, "scheduler_kwargs": {"dashboard_address": "127.0.0.1:0"}, "silence_logs": 50}
    with LocalCluster(n_workers=2, threads_per_worker=1, **quiet) as cluster:

        def kill_one(done, total):
            if not finished:
                finished.update({path: path.stat().st_mtime_ns for path in (folder / "records").glob("peaks.*")})
                os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)

        outcomes = epizoo.run_study(study, folder, scheduler=cluster.scheduler_address, progress=kill_one)
    assert not [outcome for outcome in outcomes if outcome.error]
    assert contents(folder).keys() == contents(results).keys()
    about = "study.json"
    for name, content in contents(results).items():
        assert content == contents(folder)[name] or name == about, name
    assert finished
    assert {path: path.stat().st_mtime_ns for path in finished} == finished


def test_one_bad_sample_leaves_the_others_done(study, tmp_path):
    text = study.read_text().replace("\ta1.bam", f"\t{study.parent}/a1.bam").replace("\ta2.bam", "\tbad.bam")
    for sample in ("b1", "b2"):
        text = text.replace(f"\t{sample}.bam", f"\t{study.parent}/{sample}.bam")
    (tmp_path / "samples.tsv").write_text(text)
    # Damaged after its header and some reads, which is seen only when it is read.
    content = bytearray((study.parent / "a2.bam").read_bytes())
    middle = len(content) * 2 // 3
    content[middle : middle + 100] = bytes(100)
    (tmp_path / "bad.bam").write_bytes(content)
    with pytest.raises(InputError, match=r"peaks/a2: .*bad.bam.*damaged or cut short.*finished pieces are kept"):
        epizoo.run_study(tmp_path / "samples.tsv", tmp_path / "results", workers=1)
    made = {path.name for path in (tmp_path / "results/peaks").iterdir()}
    assert made == {"a1.narrowPeak", "b1.narrowPeak", "b2.narrowPeak"}


def test_a_sample_that_fails_now_leaves_no_results_of_before(study, results, tmp_path):
    folder = tmp_path / "results"
    text = study.read_text()
    for sample in SAMPLES:
        text = text.replace(f"\t{sample}.bam", f"\t{tmp_path}/{sample}.bam")
        shutil.copy(study.parent / f"{sample}.bam", tmp_path)
    (tmp_path / "samples.tsv").write_text(text)
    epizoo.run_study(tmp_path / "samples.tsv", folder, workers=1)
    assert contents(folder).keys() == contents(results).keys()
    content = bytearray((tmp_path / "a2.bam").read_bytes())
    middle = len(content) * 2 // 3
    content[middle : middle + 100] = bytes(100)
    (tmp_path / "a2.bam").write_bytes(content)
    with pytest.raises(InputError, match=r"peaks/a2: .*damaged or cut short"):
        epizoo.run_study(tmp_path / "samples.tsv", folder, workers=1)
    left = {str(path.relative_to(folder)) for path in folder.rglob("*.*") if "records" not in path.parts}
    of_others = {f"{kind}/{name}" for name in ("a1", "b1", "b2") for kind in ("peaks", "coverage", "settings")}
    assert {name.rsplit(".", 1)[0] for name in left} == {*of_others, "study"}


def test_peaks_have_one_name_in_all_tables_and_samples_their_group(results):
    import anndata

    names = read_peaks(results / "any/consensus.narrowPeak")["name"].tolist()
    assert len(set(names)) == len(names) > 1
    for table in ("counts.tsv", "differential.tsv"):
        assert sorted(pd.read_csv(results / "any" / table, sep="\t")["name"]) == sorted(names), table
    data = anndata.read_h5ad(results / "any/counts.h5ad")
    assert data.var_names.tolist() == names
    assert dict(zip(data.obs_names, data.obs["group"], strict=True)) == SAMPLES
    assert data.obs["assay"].tolist() == ["any"] * 4
    assert data.obs["entry"].tolist() == ["peak_caller/universal"] * 4
    assert data.obs["treatment"].tolist() == [f"{results.parent}/{sample}.bam" for sample in SAMPLES]
    assert data.obs["control"].tolist() == [""] * 4


def test_what_a_table_cannot_state_is_given_beside_it(study, tmp_path, monkeypatch):
    (tmp_path / "a.bed").write_text("chr1\t1\t51\tr\t0\t+\n")
    (tmp_path / "sizes.txt").write_text("chr1\t30000\n")
    (tmp_path / "samples.tsv").write_text("sample\tgroup\ttreatment\na\tx\ta.bed\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"a\.bed: states no chromosome lengths.*--assembly"):
        read_study("samples.tsv")
    found = read_study("samples.tsv", assembly="sizes.txt", q_value=0.01, reference="x")
    assert (found.assembly, found.q_value, found.reference) == (str(tmp_path / "sizes.txt"), 0.01, "x")
    (tmp_path / "study.yaml").write_text("assembly: sizes.txt\nsamples: [{sample: a, group: x, treatment: a.bed}]\n")
    done = CliRunner().invoke(app, ["run", "study.yaml", "-o", "results", "--assembly", "hg38"])
    assert done.exit_code == 2
    assert "states assembly" in done.stderr
    assert "--assembly is given; state it once" in " ".join(done.stderr.split())


@pytest.mark.parametrize("names", [("1", "2", "3", "04"), ("NA", "nan", "None", "null")])
def test_names_of_samples_are_texts(study, results, tmp_path, names):
    text = study.read_text()
    for old, new in zip(SAMPLES, names, strict=True):
        text = text.replace(f"\n{old}\t", f"\n{new}\t").replace(f"\t{old}.bam", f"\t{study.parent}/{old}.bam")
    (tmp_path / "samples.tsv").write_text(text)
    epizoo.run_study(tmp_path / "samples.tsv", tmp_path / "results", workers=1)
    for name in ("counts.tsv", "libraries.tsv", "differential.tsv"):
        expected = (results / "any" / name).read_text()
        for old, new in zip(SAMPLES, names, strict=True):
            expected = re.sub(rf"\b{old}\b", new, expected)
        assert (tmp_path / "results/any" / name).read_text() == expected, name
    figures = json.loads((tmp_path / "results/report_mqc.json").read_text())["data"]
    assert set(figures) == set(names)
    assert all(figures[name]["frip"] > 0 for name in names)


def test_what_is_no_longer_in_the_study_is_removed_and_not_reported(study, results, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(results, folder)
    (folder / "any/notes.txt").write_text("mine")
    assert "are higher and" in (folder / "report.html").read_text()
    text = study.read_text().replace("\tb2.bam", f"\t{study.parent}/b2.bam").replace("b2\tb\t", "b2\tc\t")
    for sample in ("a1", "b1"):
        text = text.replace(f"\t{sample}.bam", f"\t{study.parent}/{sample}.bam")
    # Three groups of one sample, of which none can be compared.
    (tmp_path / "samples.tsv").write_text(re.sub(r"a2\t.*\n", "", text))
    epizoo.run_study(tmp_path / "samples.tsv", folder, workers=1)
    made = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert not [name for name in made if "a2" in name or "differential" in name]
    assert {"any/notes.txt", "any/counts/a1.tsv.gz", "peaks/b2.narrowPeak"} <= made
    assert "are higher and" not in (folder / "report.html").read_text()
    assert "consensus peaks." in (folder / "report.html").read_text()


def made_piece(name, base=Piece, needs=(), kind="none"):
    """A piece of no kind that there is: its work is an error of the program."""
    return base(name, kind, {}, "/nowhere", (), name, needs)


def test_a_piece_that_no_worker_survives_is_one_sentence_and_the_others_are_done():
    class Deadly(Piece):
        def is_finished(self):
            os.kill(os.getpid(), signal.SIGKILL)

    class Done(Piece):
        def is_finished(self):
            return True

    pieces = [
        made_piece("deadly", Deadly),
        made_piece("good", Done),
        made_piece("after", Done, ("deadly",)),
        made_piece("last", Done, ("good", "after")),
    ]
    seen = []
    options = {"scheduler": None, "workers": 1, "memory": None, "report": seen.append}
    # Processes that are being restarted are not given up, however long they are away.
    settings = {"distributed.scheduler.allowed-failures": 1, "distributed.deploy.lost-worker-timeout": "1 ms"}
    with dask.config.set(settings):
        outcomes = {outcome.name: outcome.error for outcome in run_pieces(pieces, **options)}
    assert {outcome.name: outcome.error for outcome in seen} == outcomes
    assert re.match(r"its worker was killed 2 times, .* give each worker more", outcomes.pop("deadly"))
    assert outcomes == {
        "good": None,
        "after": "not done, since deadly failed",
        "last": "not done, since after failed",
    }
    seen.clear()
    with pytest.raises(KeyError, match="none"):
        run_pieces([made_piece("bug"), *pieces[1:2], made_piece("after", Done, ("bug",))], **options)
    assert {outcome.name: outcome.error for outcome in seen} == {
        "bug": "unexpected KeyError",
        "good": None,
        "after": "not done, since bug failed",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("samples: []\n", "has no samples"),
        ("sample: []\n", "expected the key samples"),
        ("samples: [{sample: a, group: x, treatment: a1.bam, colour: red}]\n", "unknown key 'colour'"),
        ("samples: [{sample: a, group: x, treatment: a1.bam}]\ncolour: red\n", "unknown key 'colour'"),
        ("samples: [{sample: a, group: x, treatment: missing.bam}]\n", "missing.bam: no such file"),
        (
            "samples: [{sample: a, group: x, treatment: a1.bam}, {sample: a, group: x, treatment: a2.bam}]\n",
            "two samples are called a",
        ),
        ("samples: [{sample: a/b, group: x, treatment: a1.bam}]\n", "cannot be the name of a sample"),
        ("samples: [{sample: start, group: x, treatment: a1.bam}]\n", "the sample start has the name of a column"),
        ("samples: [{sample: a, group: x, treatment: a1.bam}]\nreference: z\n", "no group z"),
        ("samples: [{sample: a, group: x, treatment: a1.bam, assay: atac}]\n", "assay"),
        (
            "samples: [{sample: a, group: x, treatment: a1.bam}]\nassembly: hg38\n",
            "give all samples of a study one assembly",
        ),
        ("samples: [{sample: a, group: x, treatment: reads.bed}]\n", "states no chromosome lengths"),
        (
            "samples: [{sample: a, group: x, treatment: a1.bam}, {sample: b, group: x, treatment: ./a1.bam}]\n",
            "b: .*a1.bam is the treatment of a, too",
        ),
    ],
)
def test_studies_say_what_is_wrong_with_them(study, text, message):
    (study.parent / "reads.bed").write_text("chr1\t1\t51\tr\t0\t+\n")
    path = study.parent / "study.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as found:
        epizoo.run_study(path, study.parent / "not made")
    assert str(found.value).count("\n") == 0
    assert not (study.parent / "not made").exists()


def test_samples_of_two_assemblies_are_refused(study, tmp_path):
    import pysam

    with pysam.AlignmentFile(study.parent / "a1.bam") as old:
        header = old.header.to_dict()
        header["SQ"][0]["LN"] += 1
        with pysam.AlignmentFile(tmp_path / "other.bam", "wb", header=header) as new:
            for read in old.fetch(until_eof=True):
                new.write(read)
    table = tmp_path / "samples.tsv"
    table.write_text(f"sample\tgroup\ttreatment\na\tx\t{study.parent}/a1.bam\nb\tx\tother.bam\n")
    with pytest.raises(InputError, match=r"chr1 is 30,001 bp long in .*other.bam, but 30,000 bp in"):
        epizoo.run_study(table, tmp_path / "results")


def test_folders_of_other_versions_and_of_other_things_are_refused(study, results, tmp_path):
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "study.json").write_text(json.dumps({"epizoo": "0.0.1"}))
    with pytest.raises(InputError, match=r"holds results of epizoo 0\.0\.1"):
        epizoo.run_study(study, folder)
    (folder / "study.json").rename(folder / "mine.json")
    with pytest.raises(InputError, match="holds files of something else"):
        epizoo.run_study(study, folder)


def test_a_scheduler_that_is_not_there_is_one_sentence(study, tmp_path, monkeypatch):
    monkeypatch.setattr("epizoo.studies.engine._WAIT_S", 1)
    done = CliRunner().invoke(
        app, ["run", str(study), "-o", str(tmp_path / "results"), "--scheduler", "tcp://127.0.0.1:9"]
    )
    assert done.exit_code == 2
    assert "--scheduler: tcp://127.0.0.1:9 does not answer as a Dask scheduler" in done.stderr


def test_one_group_has_no_differential_peaks_and_this_is_said(study, caplog):
    table = study.parent / "one.tsv"
    table.write_text(study.read_text().replace("\tb\t", "\ta\t"))
    folder = study.parent / "one"
    epizoo.run_study(table, folder, workers=1)
    assert "which need exactly two groups of two samples or more; found a (4)" in caplog.text
    assert not (folder / "any/differential.tsv").exists()
    assert (folder / "any/counts.tsv").exists()


def test_a_study_ends_with_a_report(study, results):
    figures = json.loads((results / "report_mqc.json").read_text())["data"]
    assert set(figures) == set(SAMPLES)
    libraries = pd.read_csv(results / "any/libraries.tsv", sep="\t", index_col=0)
    for sample in SAMPLES:
        assert figures[sample]["peaks"] == len(read_peaks(results / f"peaks/{sample}.narrowPeak"))
        assert figures[sample]["frip"] == pytest.approx(libraries.loc[sample, "frip"], rel=1e-4)
        assert figures[sample]["fragments"] == libraries.loc[sample, "fragments"]
    text = (results / "report.html").read_text()
    assert f"epizoo run {study} -o {results}" in text
    assert "set by background" in text
    first = pd.read_csv(results / "any/differential.tsv", sep="\t").iloc[0]
    listed = re.findall(r"<button[^>]*>(chr1:[\d,]+-[\d,]+)</button></th>", text[text.rindex("Differential peaks") :])
    assert listed[0] == f"chr1:{first['start'] + 1:,}-{first['end']:,}"
    assert "any, b over a: " in text
    inputs = re.findall(r">input</th><td>(.*?)</td><td>.*?</td><td>(.*?)</td>", text)
    assert dict(inputs) == {str(path): epizoo.files.sha256(path) for path in study.parent.glob("[ab][12].bam")}
    # IGV and UCSC need the name of an assembly, which this study has not.
    assert not (results / "session.xml").exists()


def test_a_study_of_a_named_assembly_ends_with_a_session_and_a_hub(tmp_path):
    path = tmp_path / "a.bed"
    rows = [f"{chrom}\t{start}\t{end}\tr\t0\t{strand}\n" for chrom, start, end, strand in reads(3, "b")]
    path.write_text("".join(sorted(rows)))
    text = "assembly: hg19\nemail: a@b.org\nsamples: [{sample: a, group: x, treatment: a.bed}]\n"
    (tmp_path / "study.yaml").write_text(text)
    epizoo.run_study(tmp_path / "study.yaml", tmp_path / "results", workers=1)
    made = {str(path.relative_to(tmp_path / "results")) for path in (tmp_path / "results").rglob("*") if path.is_file()}
    expected = {
        "report.html",
        "session.xml",
        "hub/hub.txt",
        "hub/hg19/trackDb.txt",
        "hub/hg19/a_signal.bw",
        "hub/hg19/a_peaks.bb",
    }
    assert expected <= made


def test_an_address_of_a_hub_without_an_assembly_is_refused(study):
    path = study.parent / "hub.yaml"
    path.write_text("email: a@b.org\nsamples: [{sample: a, group: x, treatment: a1.bam}]\n")
    with pytest.raises(InputError, match="email: given for a track hub, which needs an assembly by name"):
        read_study(path)
