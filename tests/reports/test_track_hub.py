"""Track hubs: their texts against the published specification, their files against pyBigWig's own reader."""

import contextlib
import os
import re
from pathlib import Path
from urllib.parse import quote

import pyBigWig
import pytest
from made_experiment import SIZES
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.errors import InputError

# Required settings, by https://genome.ucsc.edu/goldenPath/help/trackDb/trackDbHub.html.
HUB = ("hub", "shortLabel", "longLabel", "genomesFile", "email")
TRACK = ("track", "bigDataUrl", "shortLabel", "longLabel", "type")
# Fields of a row by UCSC's bigNarrowPeak.as and its table of BED.
FIELDS = {
    "bigNarrowPeak": "chrom chromStart chromEnd name score strand signalValue pValue qValue peak",
    "bigBed 9": "chrom chromStart chromEnd name score strand thickStart thickEnd itemRgb",
}


def stanzas(path):
    """The stanzas of a file of settings."""
    parts = path.read_text().strip().split("\n\n")
    found = [[line.split(" ", 1) for line in part.splitlines()] for part in parts]
    assert all(len(line) == 2 and line[1] for part in found for line in part), path
    assert all(len({key for key, _ in part}) == len(part) for part in found), "a setting stands there twice"
    return [dict(part) for part in found]


@pytest.fixture(scope="module")
def sizes(tmp_path_factory):
    path = tmp_path_factory.mktemp("sizes") / "made.sizes"
    path.write_text("".join(f"{chrom}\t{size}\n" for chrom, size in SIZES.items()))
    return path


@pytest.fixture(scope="module")
def hub(made, sizes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub") / "hub"
    files = {"peaks": {"cell 1": made.peaks}, "bigwigs": {"cell 1": made.bigwig}, "states": {"cell 1": made.states}}
    written = epizoo.track_hub(folder, assembly="made", email="a@b.org", chrom_sizes=sizes, **files)
    assert all(path.is_file() for path in written)
    return folder


def test_a_hub_has_what_the_specification_asks_for(hub):
    (about,) = stanzas(hub / "hub.txt")
    assert [key for key in HUB if key not in about] == []
    (genome,) = stanzas(hub / about["genomesFile"])
    assert genome["genome"] == "made"
    tracks = stanzas(hub / genome["trackDb"])
    assert [track["type"] for track in tracks] == ["bigWig", "bigNarrowPeak", "bigBed 9"]
    for track in tracks:
        assert [key for key in TRACK if key not in track] == []
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", track["track"])
        assert len(track["shortLabel"]) <= 17
        assert len(track["longLabel"]) <= 76
        assert track["visibility"] in ("hide", "dense", "squish", "pack", "full")
        assert ((hub / genome["trackDb"]).parent / track["bigDataUrl"]).is_file()
    assert len({track["track"] for track in tracks}) == len(tracks)


def test_big_beds_hold_the_rows_of_the_files(hub, made):
    tracks = {track["type"]: track for track in stanzas(hub / "made" / "trackDb.txt")}
    for kind, source in (("bigNarrowPeak", made.peaks), ("bigBed 9", made.states)):
        rows = [line.split("\t") for line in source.read_text().splitlines()]
        with pyBigWig.open(str(hub / "made" / tracks[kind]["bigDataUrl"])) as file:
            assert file.isBigBed()
            names = re.findall(r"^\s+\S+\s+(\w+);", file.SQL().decode(), re.MULTILINE)
            assert names == FIELDS[kind].split()
            found = [
                [chrom, str(start), str(end), *rest.split("\t")]
                for chrom, size in SIZES.items()
                for start, end, rest in file.entries(chrom, 0, size)
            ]
        assert [row[:6] + row[-1:] for row in found] == [row[:6] + row[-1:] for row in rows]
        assert [[float(x) for x in row[6:9]] for row in found if kind != "bigBed 9"] == [
            [float(x) for x in row[6:9]] for row in rows if kind != "bigBed 9"
        ]


def test_the_header_states_the_fields(hub):
    # Offsets 32 and 34 of the header, by Kent et al. (Bioinformatics 2010), supplement, table 5.
    for name, fields in (("cell_1_peaks.bb", (10, 6)), ("cell_1_states.bb", (9, 9))):
        content = (hub / "made" / name).read_bytes()
        assert (int.from_bytes(content[32:34], "little"), int.from_bytes(content[34:36], "little")) == fields
        assert content[:4] == content[-4:]


def test_a_big_wig_is_a_link_and_keeps_its_mode(hub, made, sizes, tmp_path):
    assert (hub / "made" / "cell_1_signal.bw").samefile(made.bigwig)
    mode = os.stat(made.bigwig).st_mode
    for _ in range(2):
        epizoo.track_hub(
            tmp_path / "hub", assembly="made", email="a@b.org", chrom_sizes=sizes, bigwigs={"a": made.bigwig}
        )
    assert os.stat(made.bigwig).st_mode == mode
    assert sorted(path.name for path in (tmp_path / "hub" / "made").iterdir()) == ["a_signal.bw", "trackDb.txt"]


def test_a_big_bed_is_taken_as_it_is(hub, sizes, tmp_path):
    source = hub / "made" / "cell_1_states.bb"
    epizoo.track_hub(tmp_path / "hub", assembly="made", email="a@b.org", chrom_sizes=sizes, peaks={"a": source})
    (track,) = stanzas(tmp_path / "hub" / "made" / "trackDb.txt")
    assert track["type"] == "bigBed 9"
    assert (tmp_path / "hub" / "made" / track["bigDataUrl"]).read_bytes() == source.read_bytes()


def test_a_big_bed_that_is_cut_or_of_another_assembly_is_refused(hub, sizes, tmp_path):
    source, given = hub / "made" / "cell_1_peaks.bb", {"assembly": "made", "email": "a@b.org"}
    content = source.read_bytes()
    for n_bytes in (40, len(content) // 4, len(content) // 2, len(content) * 3 // 4):
        (tmp_path / "cut.bb").write_bytes(content[:n_bytes])
        with pytest.raises(InputError, match=r"cut\.bb: this bigBed is damaged or cut short"):
            epizoo.track_hub(tmp_path / "hub", peaks={"a": tmp_path / "cut.bb"}, chrom_sizes=sizes, **given)
    (tmp_path / "other.sizes").write_text("chr1\t500000\nchr2\t250000\n")
    with pytest.raises(InputError, match=r"peaks\.bb: has chr1 of 400,000 bp, and made has 500,000 bp"):
        epizoo.track_hub(tmp_path / "hub", peaks={"a": source}, chrom_sizes=tmp_path / "other.sizes", **given)
    assert not (tmp_path / "hub").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "nothing to show"),
        ({"bigwigs": "a.narrowPeak"}, "a.narrowPeak"),
        ({"peaks": "a.narrowPeak", "entry": "chromatin_states/encode-10"}, "--entry: given without --states"),
        ({"peaks": "a.bw"}, "a.bw"),
        ({"states": "a.bw"}, "a.bw"),
        ({"peaks": "none.bed"}, "none.bed hold no peaks"),
        ({"peaks": "text.txt"}, "text.txt: line 1"),
        ({"peaks": "a.narrowPeak", "email": "nobody"}, "--email: 'nobody' found"),
        ({"bigwigs": "a.bw", "chrom_sizes": "other.sizes"}, "a.bw: has chr1 of 400,000 bp, and made has 9 bp"),
        ({"peaks": "a.narrowPeak", "chrom_sizes": "other.sizes"}, "past the end of its chromosome"),
        ({"peaks": "a.narrowPeak", "assembly": "no/name"}, "--assembly: 'no/name'"),
        ({"peaks": "a.narrowPeak", "assembly": ".."}, "--assembly: '..'"),
        ({"peaks": "a.narrowPeak", "name": "a\nemail x"}, "--name: 'a\\nemail x'"),
        ({"peaks": {"a\nhtml x": "a.narrowPeak"}}, "'a\\nhtml x': a sample's name holds"),
        ({"peaks": {"a b": "a.narrowPeak", "a_b": "a.narrowPeak"}}, "two samples are a_b_peaks"),
    ],
)
def test_what_is_no_track_is_refused(made, sizes, tmp_path, monkeypatch, given, said):
    monkeypatch.chdir(tmp_path)
    for path in (made.peaks, made.bigwig, sizes):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "none.bed").write_text("")
    (tmp_path / "text.txt").write_text("no track at all\n")
    (tmp_path / "other.sizes").write_text("chr1\t9\nchr2\t9\n")
    settings = {"assembly": "made", "email": "a@b.org", "chrom_sizes": "made.sizes", **given}
    with pytest.raises(InputError, match=re.escape(said)):
        epizoo.track_hub("hub", **settings)
    assert not (tmp_path / "hub").exists()
    assert not list(tmp_path.glob(".epizoo-*"))


def test_names_are_those_that_the_specification_allows(made, sizes, tmp_path):
    names = ["2i ES", "K562?#%", "Hör", "_x", "日本"]
    peaks, given = dict.fromkeys(names, made.peaks), {"assembly": "made", "email": "a@b.org", "chrom_sizes": sizes}
    epizoo.track_hub(tmp_path / "hub", peaks=peaks, bigwigs=dict.fromkeys(names, made.bigwig), name="7 Höfe", **given)
    tracks = stanzas(tmp_path / "hub/made/trackDb.txt")
    assert [track["longLabel"] for track in tracks] == [f"{w} of {name}" for w in ("signal", "peaks") for name in names]
    for track in [*tracks, {"track": stanzas(tmp_path / "hub/hub.txt")[0]["hub"], "bigDataUrl": ""}]:
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", track["track"])
        assert quote(track["bigDataUrl"]) == track["bigDataUrl"]
        assert (tmp_path / "hub/made" / track["bigDataUrl"]).exists()


def test_labels_of_long_names_differ_and_end_in_their_kind(made, sizes, tmp_path):
    names = [f"H3K27ac_{tissue}_donor_{n}" for tissue in ("liver", "kidney") for n in (1, 2, 11)]
    files = {"peaks": dict.fromkeys(names, made.peaks), "bigwigs": dict.fromkeys(names, made.bigwig)}
    epizoo.track_hub(tmp_path / "hub", assembly="made", email="a@b.org", chrom_sizes=sizes, **files)
    tracks = stanzas(tmp_path / "hub/made/trackDb.txt")
    assert len({track["shortLabel"] for track in tracks}) == len(tracks) == 12
    for track, name in zip(tracks, [*names, *names], strict=True):
        sample, kind = track["shortLabel"].split()
        assert len(track["shortLabel"]) <= 17
        assert kind == track["track"].rsplit("_", 1)[1]
        assert sample[0] == name[0]
        assert sample.endswith(name[-3:])


def test_an_assembly_has_ucscs_name(tmp_path):
    (tmp_path / "a.bed").write_text("chr1\t1000\t1500\n")
    given = {"email": "a@b.org", "peaks": tmp_path / "a.bed"}
    epizoo.track_hub(tmp_path / "hub", assembly="GRCh38", **given)
    assert stanzas(tmp_path / "hub/genomes.txt") == [{"genome": "hg38", "trackDb": "hg38/trackDb.txt"}]
    assert (tmp_path / "hub/hg38/trackDb.txt").is_file()


def test_a_second_assembly_joins_the_first(made, sizes, tmp_path):
    given = {"email": "a@b.org", "chrom_sizes": sizes, "peaks": {"a": made.peaks}}
    for assembly in ("made", "other", "made"):
        epizoo.track_hub(tmp_path / "hub", assembly=assembly, **given)
    found = {genome["genome"]: genome["trackDb"] for genome in stanzas(tmp_path / "hub/genomes.txt")}
    assert found == {name: f"{name}/trackDb.txt" for name in ("made", "other")}
    assert all((tmp_path / "hub" / path).is_file() for path in found.values())


def test_a_hub_again_replaces_the_tracks_of_its_assembly_and_no_other_file(made, sizes, tmp_path):
    given = {"email": "a@b.org", "chrom_sizes": sizes}
    for assembly in ("made", "other"):
        epizoo.track_hub(tmp_path / "hub", assembly=assembly, peaks={"a": made.peaks}, bigwigs=made.bigwig, **given)
    words = ["track-hub", "--peaks", f"b={made.peaks}", "--assembly", "made", "--email", "a@b.org"]
    done = CliRunner().invoke(app, [*words, "--chrom-sizes", str(sizes), "-o", str(tmp_path / "hub")])
    assert done.exit_code == 0, done.output
    found = {name: {path.name for path in (tmp_path / "hub" / name).iterdir()} for name in ("made", "other")}
    assert found == {
        "made": {"b_peaks.bb", "trackDb.txt"},
        "other": {"a_peaks.bb", "a_signal.bw", "trackDb.txt"},
    }
    assert done.output.count("a track of an earlier run") == 2
    assert made.bigwig.is_file()
    inside = tmp_path / "hub/other/a_signal.bw"
    with pytest.raises(InputError, match=r"other/a_signal\.bw: lies in the hub that is to be replaced"):
        epizoo.track_hub(tmp_path / "hub", assembly="other", bigwigs={"new": inside}, **given)
    assert inside.is_file()
    (tmp_path / "hub/made/notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"made/notes\.txt: is no track of the hub that is there"):
        epizoo.track_hub(tmp_path / "hub", assembly="made", peaks={"c": made.peaks}, **given)
    assert {path.name for path in (tmp_path / "hub/made").iterdir()} == {"b_peaks.bb", "trackDb.txt", "notes.txt"}


def test_a_run_that_is_stopped_anywhere_can_be_repeated(made, sizes, tmp_path, monkeypatch):
    given = {"assembly": "made", "email": "a@b.org", "chrom_sizes": sizes, "peaks": {"a": made.peaks}}
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/.epizoo-killed").mkdir()
    replace, left = Path.replace, []

    def stop(path, target):
        if Path(target).name in ("hub.txt", "genomes.txt", "trackDb.txt", "a_peaks.bb", "new"):
            if not left:
                raise KeyboardInterrupt
            left.pop()
        return replace(path, target)

    for name in ("empty", "new"):
        done = []
        for after in range(20):
            left[:] = [None] * after
            with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
                patch.setattr(Path, "replace", stop)
                done = epizoo.track_hub(tmp_path / name, **given)
            if done:
                break
            assert (tmp_path / name).exists() is (name == "empty")
        assert len(done) == 4
        assert all(path.is_file() for path in done)
    assert not list(tmp_path.glob(".epizoo-*"))


def test_a_folder_of_something_else_is_refused(made, sizes, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds files of something else"):
        epizoo.track_hub(tmp_path, assembly="made", email="a@b.org", chrom_sizes=sizes, peaks=made.peaks)
