"""The recipe of the encode entries, on small random data."""

import gzip
import json

import numpy as np
import pytest
import yaml
from flax import nnx
from hmm_oracles import emission_rows, random_model, smooth
from safetensors.numpy import load_file

import epizoo
from epizoo.genome.marks import read_binarized
from epizoo.models.hmm.annotator import ChromatinStateAnnotator, ChromatinStateConfig
from epizoo.models.parameters import build_model
from epizoo.recipes import encode_states as chromatin_states
from epizoo.recipes import encode_states_examples as chromatin_state_examples
from epizoo.recipes.state_data import order_like, read_published
from epizoo.states.chromhmm_models import ChromHMMModel, read_model, write_model

MARKS = ("CTCF", "H3K36me3", "H3K4me1", "H3K4me3")
REFERENCE_MARKS = ("H3K36me3", "H3K4me1", "H3K4me3", "H3K9me3")


def write_data(folder, seed=0, held_out_seed=0):
    """A folder like that of the large data: codes drawn from a model, and a published model."""
    rng, held_out = np.random.default_rng(seed), np.random.default_rng(held_out_seed)
    (folder / "states" / "wholegenome_hg19").mkdir(parents=True)
    (folder / "states" / "published_models").mkdir()
    model = random_model(rng, 3, 4)
    for cell in ("GM12878", "K562"):
        chromosomes = {}
        for chrom, source in (("chr1", rng), ("chr2", rng), ("chr8", held_out), ("chr19", held_out)):
            runs = source.geometric(0.2, 200)
            states = np.repeat(source.integers(0, 3, 200), runs)
            values = source.random((len(states), 4)) < model.emission[states]
            chromosomes[chrom] = (values @ [8, 4, 2, 1]).astype(np.uint16)
        np.savez(folder / "states" / "wholegenome_hg19" / f"{cell}_codes9.npz", marks=np.array(MARKS), **chromosomes)
    published = folder / "states" / "published_models"
    write_model(published / "model_15_coreMarks.txt", ChromHMMModel(random_model(rng, 5, 4), REFERENCE_MARKS))
    rows = [f"{i}\t{i + 1}\tS{i}\tState {i}\t#000000\trgba({i},0,0,1)\tBlack" for i in range(5)]
    header = "zero_index\tone_index\tshort_name\tlong_name\thex\trgba\tcolor"
    (published / "human_Roadmap_Consortium_127_sample_hg19_15.tsv").write_text("\n".join([header, *rows]) + "\n")
    write_truth(folder / "truth")
    return folder


def write_truth(folder):
    """TSS and tested elements at regular places of chr1; every third TSS is in use, every fourth element regulates."""
    (folder / "rampage_tss").mkdir(parents=True)
    (folder / "crispri_k562").mkdir()
    kinds = ("active", "silent", "between")
    tss = [("chr1", 900 + 2000 * i, "+-"[i % 2], kinds[i % 3], kinds[i % 3]) for i in range(60)]
    write_table(
        folder / "rampage_tss" / "tss_hg19.tsv.gz", ["chrom", "pos", "strand", "class_K562", "class_GM12878"], tss
    )
    elements = [("chr1", 500 + 3000 * i, 1100 + 3000 * i, i % 4 == 0) for i in range(40)]
    write_table(folder / "crispri_k562" / "elements_hg19.tsv.gz", ["chrom", "start", "end", "regulates"], elements)


def write_table(path, columns, rows):
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines("\t".join(map(str, row)) + "\n" for row in (columns, *rows))


@pytest.fixture(autouse=True)
def held_out_here(monkeypatch):
    for module in (chromatin_states, chromatin_state_examples):
        monkeypatch.setattr(module, "HELD_OUT", ("chr8", "chr19"))


def run(data, output, *more):
    chromatin_states.main(["--data", str(data), "--states", "3", "--restarts", "1", "-o", str(output), *more])
    return output


def test_the_same_seed_gives_the_same_weights_and_held_out_chromosomes_none(tmp_path):
    first = run(write_data(tmp_path / "a"), tmp_path / "first")
    again = run(tmp_path / "a", tmp_path / "again")
    assert (first / "weights.safetensors").read_bytes() == (again / "weights.safetensors").read_bytes()
    other = run(write_data(tmp_path / "b", held_out_seed=1), tmp_path / "other")
    assert (first / "weights.safetensors").read_bytes() == (other / "weights.safetensors").read_bytes()
    assert (first / "metrics.json").read_text() != (other / "metrics.json").read_text()


def test_metrics_are_those_of_the_shipped_weights(tmp_path):
    data = write_data(tmp_path / "data")
    output = run(data, tmp_path / "run")
    config = yaml.safe_load((output / "config.yaml").read_text())
    model = build_model(
        lambda: ChromatinStateAnnotator(ChromatinStateConfig(**config["model"]), rngs=nnx.Rngs(0)),
        load_file(output / "weights.safetensors"),
    )
    parameters = model.parameters()
    assert len({state["name"] for state in config["states"]}) == 3
    with np.load(data / "states" / "wholegenome_hg19" / "K562_codes9.npz") as file:
        sequences = [file[chrom] for chrom in ("chr8", "chr19")]
    table = emission_rows(
        type(parameters)(*(np.asarray(values, np.float64) for values in parameters)),
        (np.arange(16)[:, None] >> np.arange(3, -1, -1) & 1).astype(float),
    )
    total = sum(smooth(parameters, table[codes]).log_likelihood for codes in sequences)
    metrics = {metric["on"]: metric["value"] for metric in json.loads((output / "metrics.json").read_text())}
    assert metrics["K562, chr8, chr19 (never seen)"] == pytest.approx(total / sum(map(len, sequences)), abs=1e-5)
    assert set(metrics) == {
        "GM12878, chr8, chr19 (never seen)",
        "K562, chr8, chr19 (never seen)",
        "K562, all chromosomes",
    }


def test_another_tools_model_is_measured_beside(tmp_path):
    data = write_data(tmp_path / "data")
    output = run(data, tmp_path / "run")
    again = run(data, tmp_path / "again", "--compare", f"Twin={output / 'model_3.txt'}")
    for metric in json.loads((again / "metrics.json").read_text()):
        assert metric["compared_with"] == {"Twin": metric["value"]}
    assert read_model(output / "model_3.txt").marks == MARKS


def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(tmp_path, tmp_path / "run")
    assert "no such file" in capsys.readouterr().err


def test_the_example_is_an_excerpt_with_its_region_inside(tmp_path):
    data = write_data(tmp_path / "data")
    chromatin_state_examples.write_example(data, "K562", "chr19", tmp_path / "example")
    excerpt = read_binarized(tmp_path / "example" / "marks" / "K562_chr19_binary.txt.gz")
    with np.load(data / "states" / "wholegenome_hg19" / "K562_codes9.npz") as file:
        codes = file["chr19"]
    assert excerpt.marks == MARKS
    np.testing.assert_array_equal(excerpt.values @ [8, 4, 2, 1], codes[: len(excerpt.values)])
    chrom, start, end = (tmp_path / "example" / "regions.bed").read_text().split()
    assert (chrom, int(end) - int(start)) == ("chr19", len(excerpt.values) * 200 - int(start))


@pytest.mark.data
def test_the_order_of_states_is_that_of_the_nearest_of_roadmaps(data_dir):
    _, reference = read_published(data_dir, 15)
    assert order_like(reference, reference.emission, reference.marks).tolist() == list(range(15))
    assert order_like(reference, reference.emission[::-1], reference.marks).tolist() == list(range(15))[::-1]
    for name in ("encode-10", "encode-15"):
        entry = epizoo.load(f"chromatin_states/{name}")
        order = order_like(reference, np.asarray(entry.parameters().emission), entry.channels)
        assert order.tolist() == list(range(len(order)))
