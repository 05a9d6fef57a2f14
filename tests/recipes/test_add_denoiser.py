"""Denoised coverage of entries: added without a change of peaks, written in the unit of the input, refused by name."""

import json

import numpy as np
import pyBigWig
import pytest
import random_entries
from flax import nnx
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.errors import InputError
from epizoo.files import sha256
from epizoo.genome.reads.pileup import ReadCoverage
from epizoo.jobs import genome_peaks
from epizoo.models.parameters import flatten_parameters
from epizoo.models.peak_caller.denoiser import Denoiser
from epizoo.models.peak_caller.denoising_windows import DenoiserConfig
from epizoo.recipes.add_denoiser import add_denoiser
from epizoo.zoo import list_entries
from epizoo.zoo.build import write_entry

WIDTHS = [1, 3, 7]
PEAK_OUTPUTS = ("peak_probabilities", "peak_scores", "peak_summits", "peak_starts", "peak_ends", "features", "logits")
DENOISING = [name for name in list_entries() if getattr(epizoo.load(name), "denoises", False)]
ROW = {"name": "denoised coverage, Poisson deviance of a bin", "value": 0.1, "on": "nothing", "compared_with": {}}


def denoiser_run(folder, widths=WIDTHS, seed=0):
    """A run folder of `epizoo.recipes.denoiser`, with random weights."""
    folder.mkdir()
    denoiser = Denoiser(DenoiserConfig(tuple(widths), n_hidden=4), rngs=nnx.Rngs(seed))
    random = np.random.default_rng(seed)
    arrays = {
        name: (array + 0.3 * random.normal(size=array.shape)).astype(np.float32)
        for name, array in flatten_parameters(denoiser).items()
    }
    save_file(arrays, folder / "denoiser.safetensors")
    denoise = {"widths": list(widths), "levels": [1.0], "n_hidden": 4}
    (folder / "denoising.json").write_text(json.dumps({"denoise": denoise, "procedure": "None.", "seed": seed}))
    return folder


@pytest.fixture(scope="module")
def base(random_zoo):
    return epizoo.load(random_zoo.folder / "peak_caller/random")


@pytest.fixture(scope="module")
def entry(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("denoising")
    return add_denoiser(base, denoiser_run(folder / "run"), version="1.1.0", metrics=[ROW], zoo_folder=folder / "zoo")


def test_peaks_are_bit_by_bit_those_of_the_entry_without_it(base, entry):
    before, after = base.golden(), entry.golden()
    assert set(after) - set(before) == {"denoised_coverage"}
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert entry.zoo.training["denoising"]["peaks_sha256"] == base.sha256
    assert entry.version == "1.1.0"
    assert entry.output_names == (*base.output_names, "denoised_coverage")
    assert "denoised_coverage" in entry.kipoi["schema"]["targets"]
    assert "denoised_coverage" in (entry.folder / "README.md").read_text()
    assert [row.name for row in entry.zoo.metrics] == [*(row.name for row in base.zoo.metrics), ROW["name"]]


def test_another_denoiser_replaces_the_first(entry, tmp_path):
    again = add_denoiser(
        entry, denoiser_run(tmp_path / "run", [1, 5], seed=1), version="1.2.0", zoo_folder=tmp_path / "zoo"
    )
    assert again.config.model.denoise.widths == (1, 5)
    assert again.zoo.training["denoising"]["peaks_sha256"] == entry.zoo.training["denoising"]["peaks_sha256"]
    assert again.kipoi["info"]["doc"] == entry.kipoi["info"]["doc"]
    assert again.zoo.limits == entry.zoo.limits
    assert not any(row.name == ROW["name"] for row in again.zoo.metrics)


def test_a_denoiser_beyond_the_flanks_is_refused(base, tmp_path):
    with pytest.raises(InputError, match=r"\b51 bins\b.*flanks"):
        add_denoiser(base, denoiser_run(tmp_path / "run", [1, 101]), version="2.0.0", zoo_folder=tmp_path / "zoo")


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(genome_peaks, "CHUNK_BINS", 64)
    monkeypatch.setattr(genome_peaks, "ROW_BINS", 16)


def test_the_bigwig_holds_expected_signal_in_the_unit_of_the_input(entry, random_zoo, tmp_path, small_chunks):
    peaks = entry.call_peaks(random_zoo.bigwig)
    with_it = entry.call_peaks(random_zoo.bigwig, denoised=tmp_path / "out.bw", output=tmp_path / "a.narrowPeak")
    assert peaks.equals(with_it)
    windows = entry.windows(intervals_file=None, bigwig_file=random_zoo.bigwig)
    bin_bp, flank = entry.window.bin_bp, entry.window.flank_bins
    with pyBigWig.open(str(tmp_path / "out.bw")) as bigwig:
        for chrom, size in windows.bigwigs[0].chrom_sizes.items():
            n_bins = -(-size // bin_bp)
            signal = windows.bigwigs[0].binned(chrom, -flank, n_bins + flank, bin_bp)
            scale = windows.fitted[0].scale
            whole = np.asarray(entry.model().denoiser((signal / scale)[None]))[0, flank:-flank] * scale
            found = np.array(bigwig.values(chrom, 0, size))[::bin_bp]
            np.testing.assert_allclose(found, whole, atol=6e-4)
            assert found.mean() == pytest.approx(signal.mean(), rel=0.5)


def test_a_factor_on_the_signal_is_a_factor_on_what_is_written(entry, tmp_path):
    random = np.random.default_rng(0)
    starts = np.sort(random.integers(0, 39_000, 4_000))
    counts = ReadCoverage(["a.bed"], {"chr1": 40_000}, {"chr1": (starts, starts + 150)})
    values = counts.values("chr1", 0, 40_000)
    means = []
    for name, factor in (("counts", 1.0), ("cpm", 1e-4)):
        with pyBigWig.open(str(tmp_path / f"{name}.bw"), "w") as file:
            file.addHeader([("chr1", 40_000)])
            file.addEntries("chr1", 0, values=(values * factor).astype(np.float64), span=1, step=1)
        entry.call_peaks(tmp_path / f"{name}.bw", denoised=tmp_path / "out.bw", signal_kind="cpm")
        with pyBigWig.open(str(tmp_path / "out.bw")) as file:
            means.append(np.array(file.values("chr1", 0, 40_000)) / factor)
    np.testing.assert_allclose(means[1], means[0], rtol=2e-3)


def test_entries_without_it_and_p_values_are_refused_in_one_sentence(base, entry, random_zoo, tmp_path):
    with pytest.raises(InputError, match=r"denoised coverage: .*peak_caller/random"):
        base.call_peaks(random_zoo.bigwig, denoised=tmp_path / "out.bw")
    with pytest.raises(InputError, match=r"-log10 p"):
        entry.call_peaks(random_zoo.bigwig, denoised=tmp_path / "out.bw", signal_kind="log10_p")
    with pytest.raises(InputError, match=r"signal.bw"):
        entry.call_peaks(random_zoo.bigwig, denoised=random_zoo.bigwig)
    assert not (tmp_path / "out.bw").exists()


def test_the_command_line_writes_it_and_names_the_entries_that_can(base, entry, random_zoo, tmp_path):
    peaks, out = tmp_path / "peaks.narrowPeak", tmp_path / "out.bw"
    given = ["--bigwig", str(random_zoo.bigwig), "-o", str(peaks), "--denoised", str(out)]
    result = CliRunner().invoke(app, ["call-peaks", str(entry.folder), *given])
    assert result.exit_code == 0, result.output
    assert "denoised coverage in bins of 50 bp, in the unit of the input" in " ".join(result.output.split())
    assert out.is_file()
    refused = CliRunner().invoke(app, ["call-peaks", str(base.folder), *given[:-1], str(tmp_path / "no.bw")])
    assert refused.exit_code != 0
    assert not (tmp_path / "no.bw").exists()


@pytest.mark.parametrize("name", DENOISING)
def test_entries_of_the_zoo_have_the_peaks_of_the_version_before(name, tmp_path):
    """The weights without the denoiser are, file for file, those that stood there before."""
    entry = epizoo.load(name).with_backend("jax")
    peaks = {key: array for key, array in entry.weights().items() if not key.startswith("denoiser.")}
    save_file(peaks, tmp_path / "peaks.safetensors")
    assert sha256(tmp_path / "peaks.safetensors") == entry.zoo.training["denoising"]["peaks_sha256"]
    run = random_entries.write_run(
        tmp_path / "run",
        {
            "family": "peak_caller",
            "window": {"window_bins": entry.window.window_bins, "flank_bins": entry.window.flank_bins},
            **entry.zoo.config,
            "model": entry.zoo.config["model"] | {"denoise": None},
        },
        load_file(tmp_path / "peaks.safetensors"),
    )
    example = {"intervals_file": entry.folder / "example_files" / "intervals.bed"}
    example["bigwig_file"] = next((entry.folder / "example_files").glob("*.bw"))
    plain = write_entry(run, "peak_caller/plain", example, zoo_folder=tmp_path / "zoo")
    golden = entry.golden()
    found = plain.activations({"coverage": golden["inputs.coverage"]}, PEAK_OUTPUTS)
    with_it = entry.activations({"coverage": golden["inputs.coverage"]}, (*PEAK_OUTPUTS, "denoised_coverage"))
    for output in PEAK_OUTPUTS:
        np.testing.assert_array_equal(found[output], with_it[output])
