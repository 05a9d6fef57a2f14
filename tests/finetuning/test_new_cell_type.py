import numpy as np
import pyBigWig
import pytest
import yaml
from finetuning_files import write_experiment, write_new_yaml

from epizoo.errors import InputError
from epizoo.finetuning.labelled_samples import loci_table, read_sample_labels, read_stretches
from epizoo.finetuning.new_cell_type import file_hashes, read_peak_data, read_state_data
from epizoo.genome.coverage_transform import CoverageTransform


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("experiment")
    return folder, write_experiment(folder)


def test_paths_are_seen_from_the_yaml_file(experiment):
    folder, genome = experiment
    data = read_peak_data(write_new_yaml(folder, genome))
    assert data.samples[0].bigwig == genome.bigwig
    assert set(file_hashes(data, folder)) == {"signal.bw", "signal.bed", "labels.bed"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"samples": []}, r"new\.yaml: .*cell_type: .*required"),
        ({"cell_type": "x", "samples": []}, r"samples: .*\b1\b"),
        ({"cell_type": "x", "samples": [{"bigwig": "no.bw"}]}, r"samples\.0\.bigwig: .*no\.bw: no such file"),
        (
            {"cell_type": "x", "sample": [], "samples": [{"bigwig": "."}]},
            r"\bsample: .*cell_type",
        ),
        (
            {"cell_type": "x", "samples": [{"bigwig": ".", "peaks": "."}]},
            r"samples\.0: .*peaks and regions",
        ),
        ("just text", r"new\.yaml: "),
    ],
)
def test_bad_yaml_is_refused_with_file_and_key(tmp_path, content, message):
    path = tmp_path / "new.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=message):
        read_peak_data(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"cell_type": "x"}, r"\bbinarized\b.*\bmarks\b"),
        ({"cell_type": "x", "binarized": ".", "chromosomes": ["a"], "held_out_chromosomes": ["a"]}, r"\ba is "),
    ],
)
def test_bad_state_data_are_refused(tmp_path, content, message):
    path = tmp_path / "new.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=message):
        read_state_data(path)


def test_every_locus_becomes_a_stretch_and_long_loci_are_cut(experiment, tmp_path):
    folder, genome = experiment
    data = read_peak_data(write_new_yaml(folder, genome))
    labels = read_sample_labels(data)
    assert len(loci_table(labels)) == labels["start"].floordiv(100_000).nunique()
    stretches = read_stretches(data, labels, CoverageTransform(), 50, 5_000)
    assert sum(len(stretch.labels) for stretch in stretches) == len(labels)
    rows = [["sim1", n * 40_000, n * 40_000 + 500, kind] for n, kind in enumerate(["noPeaks", "peaks"] * 60)]
    (tmp_path / "labels.bed").write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    one = read_sample_labels(
        data.model_copy(update={"samples": [data.samples[0].model_copy(update={"labels": tmp_path / "labels.bed"})]})
    )
    assert loci_table(one)["start"].tolist() == [0, 1_000_000, 2_000_000, 3_000_000, 4_000_000]


def test_the_scale_does_not_see_the_loci_that_it_must_not_see(experiment):
    folder, genome = experiment
    data = read_peak_data(write_new_yaml(folder, genome))
    labels = read_sample_labels(data)
    test, train = labels[labels["locus"] == 0], labels[labels["locus"] != 0]
    loud = folder / "loud.bw"
    source = pyBigWig.open(str(genome.bigwig))
    with_more = pyBigWig.open(str(loud), "w")
    with_more.addHeader(list(source.chroms().items()))
    values = np.nan_to_num(source.values("sim1", 0, source.chroms("sim1"), numpy=True))
    spot = loci_table(test).iloc[0]
    values[spot["start"] : spot["end"]] *= 50
    with_more.addEntries("sim1", 0, values=values.tolist(), span=1, step=1)
    with_more.close()
    louder = data.model_copy(update={"samples": [data.samples[0].model_copy(update={"bigwig": loud})]})
    unseen = loci_table(test)
    scales = [
        {
            stretch.scale
            for stretch in read_stretches(one, train, CoverageTransform(peak_weight=0.7), 50, 0, unseen=hidden)
        }
        for one, hidden in ((data, unseen), (louder, unseen), (data, None), (louder, None))
    ]
    assert scales[0] == scales[1]
    assert scales[2] != scales[3]


def test_labels_must_be_of_both_kinds_and_inside_the_signal(experiment):
    folder, genome = experiment
    only = genome._replace(labels=genome.labels.query("annotation == 'noPeaks'"))
    with pytest.raises(InputError, match=r"labels\.bed: .*\bnoPeaks\b.*\bpeaks\b"):
        read_sample_labels(read_peak_data(write_new_yaml(folder, only)))
    only = genome._replace(labels=genome.labels.query("annotation != 'noPeaks'"))
    with pytest.raises(InputError, match=r"labels\.bed: .*\bpeaks\b.*\bnoPeaks\b"):
        read_sample_labels(read_peak_data(write_new_yaml(folder, only)))
    outside = genome._replace(
        labels=genome.labels.assign(start=lambda t: t["start"] + 50_000, end=lambda t: t["end"] + 50_000)
    )
    data = read_peak_data(write_new_yaml(folder, outside))
    with pytest.raises(InputError, match=r"labels\.bed: .*sim1:.* outside .*signal\.bed"):
        read_stretches(data, read_sample_labels(data), CoverageTransform(), 50, 0)
    past = genome._replace(labels=genome.labels.assign(end=lambda t: t["end"] + 10**8))
    data = read_peak_data(write_new_yaml(folder, past, known_regions=None))
    with pytest.raises(InputError, match=r"past the end"):
        read_stretches(data, read_sample_labels(data), CoverageTransform(), 50, 0)


def test_a_bigwig_of_coarser_values_than_the_models_bins_is_refused(experiment):
    folder, genome = experiment
    source = pyBigWig.open(str(genome.bigwig))
    coarse = pyBigWig.open(str(folder / "coarse.bw"), "w")
    coarse.addHeader(list(source.chroms().items()))
    values = np.nan_to_num(source.values("sim1", 0, source.chroms("sim1"), numpy=True))
    means = values[: len(values) // 1000 * 1000].reshape(-1, 1000).mean(axis=1)
    coarse.addEntries("sim1", 0, values=means.tolist(), span=1000, step=1000)
    coarse.close()
    data = read_peak_data(write_new_yaml(folder, genome, bigwig="coarse.bw"))
    with pytest.raises(InputError, match=r"coarse\.bw: .*\b1000 bp\b.*\b50 bp"):
        read_stretches(data, read_sample_labels(data), CoverageTransform(), 50, 0)
