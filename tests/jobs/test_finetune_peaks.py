import json
import re
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
import yaml
from finetuning_files import write_experiment, write_new_yaml
from typer.testing import CliRunner

from epizoo.cli.all_commands import app
from epizoo.errors import InputError
from epizoo.finetuning.tuning_settings import TuningSettings
from epizoo.jobs.finetune import make_entry
from epizoo.jobs.finetune_peaks import EvaluationPlan, prepare_labelled
from epizoo.zoo import load
from epizoo.zoo.card import render_card

pytestmark = pytest.mark.usefixtures("without_graphs")

QUICK = TuningSettings(train="head", max_steps=8, check_every=4, n_crops=2, n_folds=2)
PLAN = EvaluationPlan(n_folds=2)


def finetune(base, data, name, zoo, *, settings, plan=PLAN, log=()):
    return make_entry(base, name, zoo, prepare_labelled(base, data, asdict(settings), plan, log=log))


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    folder = tmp_path_factory.mktemp("new")
    return write_new_yaml(folder, write_experiment(folder))


@pytest.fixture(scope="module")
def tuned(random_zoo, new, tmp_path_factory):
    zoo = tmp_path_factory.mktemp("tuned")
    base = load(random_zoo.folder / "peak_caller/random")
    return finetune(base, new, "child", zoo, settings=QUICK, plan=PLAN, log=["csv"])


def test_the_result_is_an_entry_that_runs(tuned, random_zoo):
    assert tuned.name == "peak_caller/child"
    tuned.check_files()
    peaks = load(tuned.folder).call_peaks(random_zoo.bigwig, signal_kind="coverage")
    assert list(peaks.columns[:3]) == ["chrom", "start", "end"]
    golden = tuned.golden()
    again = tuned.predict({"coverage": golden["inputs.coverage"]})["peak_probabilities"]
    np.testing.assert_allclose(again, golden["peak_probabilities"], atol=1e-6)


def test_the_entry_says_where_it_comes_from(tuned, random_zoo, new):
    base = load(random_zoo.folder / "peak_caller/random")
    assert [one.model_dump() for one in tuned.zoo.lineage] == [
        {"name": "peak_caller/random", "version": "1.0.0", "sha256": base.sha256}
    ]
    assert tuned.zoo.base_model == "peak_caller/random"
    assert set(tuned.zoo.training["sha256"]) == {"signal.bw", "signal.bed", "labels.bed"}
    assert tuned.zoo.training["settings"]["train"] == "head"
    assert "simulated" in tuned.zoo.trained_on.cell_types
    assert f"Fine-tuned from: peak_caller/random 1.0.0 (weights {base.sha256[:12]})" in render_card(tuned)
    names = [metric.name for metric in tuned.zoo.metrics]
    assert names[0] == "wrong labels, mean over regions"
    assert "pretrained" in tuned.zoo.metrics[0].compared_with
    shown = CliRunner().invoke(app, ["show", str(tuned.folder)]).output
    lineage = shown[shown.index("Lineage") :]
    assert lineage.index("peak_caller/random 1.0.0") < lineage.index("peak_caller/child 1.0.0")


def test_reports_and_logs_lie_in_the_run_folder(tuned):
    run = tuned.folder.parents[1] / "runs" / "child"
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation[0]["scheme"] == "locus"
    assert {"fine-tuned", "pretrained"} <= set(evaluation[0]["methods"])
    assert (run / "history.csv").read_text().startswith("stage,step,held_out_loss")
    assert not (run / "checkpoint.safetensors").exists()


CALIBRATION = [[0.5, 0.2], [1.0, 0.9]]


@pytest.mark.parametrize("train", ["head", "nothing"])
def test_a_calibration_is_of_the_weights_that_it_was_fitted_to(random_zoo, new, tmp_path, train):
    folder = tmp_path / "peak_caller/calibrated"
    shutil.copytree(random_zoo.folder / "peak_caller/random", folder)
    content = yaml.safe_load((folder / "model.yaml").read_text())
    content["zoo"]["config"]["calling"] = {"calibration": CALIBRATION}
    (folder / "model.yaml").write_text(yaml.safe_dump(content))
    settings = QUICK if train == "head" else replace(QUICK, steps=0)
    child = finetune(load(folder), new, "child", tmp_path, settings=settings, plan=PLAN)
    is_changed = child.zoo.training["n_steps"] > 0
    assert child.zoo.config["calling"].get("calibration") == (None if is_changed else CALIBRATION)
    assert any("calibration is of its weights" in limit for limit in child.zoo.limits) == is_changed


def test_a_grandchild_keeps_the_whole_lineage(tuned, new, tmp_path):
    plan = EvaluationPlan(scheme=None, allow=["cell-type"])
    grandchild = finetune(tuned, new, "grandchild", tmp_path, settings=QUICK, plan=plan)
    assert [one.name for one in grandchild.zoo.lineage] == ["peak_caller/random", "peak_caller/child"]
    limits = grandchild.zoo.limits
    assert limits[1] == (
        "Labels lie on sim1, which peak_caller/child was trained on: its figures may be optimistic there."
    )
    assert not any(limit.count("Pretrained entry") > 1 for limit in limits)


def test_the_card_tells_its_limits_from_those_of_the_pretrained_entry(tuned, random_zoo, new, tmp_path):
    base = load(random_zoo.folder / "peak_caller/random")
    assert tuned.zoo.limits[0].startswith("Tuned on 10 labels in 6 loci")
    assert tuned.zoo.limits[-len(base.zoo.limits) :] == [f"Pretrained entry: {limit}" for limit in base.zoo.limits]
    assert len(tuned.zoo.trained_on.loci) == 6
    plan = EvaluationPlan(n_folds=2, allow=["cell-type"])
    with pytest.raises(InputError, match=r"--allow locus"):
        finetune(tuned, new, "grandchild", tmp_path, settings=QUICK, plan=plan)


def test_a_known_cell_type_is_refused_unless_allowed(tuned, new, tmp_path):
    with pytest.raises(InputError, match=r"cell_type: .*--allow cell-type"):
        finetune(tuned, new, "grandchild", tmp_path, settings=QUICK)
    assert not list(tmp_path.iterdir())


def test_the_command_makes_the_same_weights_and_overwrites_nothing(random_zoo, new, tmp_path):
    base = str(random_zoo.folder / "peak_caller/random")
    words = ["finetune", base, "--data", str(new), "--name", "child", "--train", "threshold", "--steps", "3"]
    words += ["--evaluate", "none"]
    hashes = []
    for zoo in ("a", "b"):
        result = CliRunner().invoke(app, [*words, "-o", str(tmp_path / zoo)])
        assert result.exit_code == 0, result.output
        hashes.append(load(tmp_path / zoo / "peak_caller/child").sha256)
    assert hashes[0] == hashes[1]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "a")])
    assert again.exit_code == 2
    assert "--name" in again.output
    shutil.rmtree(tmp_path / "b" / "peak_caller")
    unfinished = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "b")])
    assert unfinished.exit_code == 2
    assert "--resume" in unfinished.output
    resumed = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "b"), "--resume"])
    assert resumed.exit_code == 0, resumed.output
    assert load(tmp_path / "b" / "peak_caller/child").sha256 == hashes[0]
    assert all(path.read_bytes() == content for path, content in before.items() if "/a/" in str(path))


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (EvaluationPlan(scheme="nonsense"), r"scheme: 'nonsense'"),
        (EvaluationPlan(scheme="chromosome"), r"one chromosome"),
        (EvaluationPlan(n_folds=1), r"folds: 1\b.*\b2\b"),
        (EvaluationPlan(whole_file_scale=True), r"--allow normalisation"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_training(random_zoo, new, tmp_path, monkeypatch, plan, message):
    monkeypatch.setattr("epizoo.jobs.finetune_peaks.fine_tune", lambda *_, **__: pytest.fail("was trained"))
    with pytest.raises(InputError, match=message):
        finetune(load(random_zoo.folder / "peak_caller/random"), new, "child", tmp_path, settings=QUICK, plan=plan)
    assert not list(tmp_path.iterdir())


def test_a_failed_run_frees_its_name(random_zoo, new, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    wrong = tmp_path / "data" / "new.yaml"
    wrong.write_text(
        new.read_text().replace("labels.bed", str(tmp_path / "wrong.bed")).replace("signal.", f"{new.parent}/signal.")
    )
    (tmp_path / "wrong.bed").write_text("chr77\t10\t90\tpeaks\nchr77\t100\t190\tnoPeaks\n")
    plan = EvaluationPlan(scheme=None)
    arguments = (load(random_zoo.folder / "peak_caller/random"), wrong, "child", tmp_path / "zoo")
    with pytest.raises(InputError, match="chr77"):
        finetune(*arguments, settings=QUICK, plan=plan)
    assert not (tmp_path / "zoo").exists()

    def fails(*_, **__):
        raise InputError("the network: on strike; negotiate")

    monkeypatch.setattr("epizoo.jobs.finetune_peaks.fine_tune", fails)
    for _ in range(2):
        with pytest.raises(InputError, match="on strike"):
            finetune(arguments[0], new, "child", tmp_path / "zoo", settings=QUICK, plan=plan)
    assert not (tmp_path / "zoo/runs/child").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("chromatin_states/x", r"name: 'chromatin_states/x'"),
        ("../x", r"name: '\.\./x'"),
        (".x", r"name: '\.x'"),
    ],
)
def test_a_name_that_is_none_is_refused(random_zoo, new, tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        finetune(load(random_zoo.folder / "peak_caller/random"), new, name, tmp_path, settings=QUICK)


def test_options_of_the_other_family_are_refused(random_zoo, new, tmp_path):
    words = ["finetune", str(random_zoo.folder / "peak_caller/random"), "--data", str(new), "--name", "x"]
    result = CliRunner().invoke(app, [*words, "-o", str(tmp_path), "--strength", "5"])
    assert result.exit_code == 2
    assert re.search("--strength: .*peak_caller/random", result.output)


def test_a_learning_curve_is_written_as_table_json_and_picture(random_zoo, new, tmp_path):
    plan = EvaluationPlan(n_folds=2, curve=True, curve_seeds=1)
    settings = TuningSettings(train="threshold", steps=2, n_crops=2)
    finetune(load(random_zoo.folder / "peak_caller/random"), new, "child", tmp_path, settings=settings, plan=plan)
    curve = json.loads((tmp_path / "runs/child/learning_curve.json").read_text())
    assert [point["fraction"] for point in curve["points"]] == [0.05, 0.5, 1.0]  # 5% to 20% are the same labels
    assert "pretrained" in curve["others"]
    assert (tmp_path / "runs/child/learning_curve.tsv").read_text().startswith("fraction\tn_labels")
    assert (tmp_path / "runs/child/learning_curve.png").read_bytes().startswith(b"\x89PNG")


def test_without_labels_an_entry_says_where_it_changed_its_mind(random_zoo, new, tmp_path):
    words = ["finetune", str(random_zoo.folder / "peak_caller/random"), "--data", str(new), "--name", "child"]
    words += ["--unlabelled", "-o", str(tmp_path)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    entry = load(tmp_path / "peak_caller/child")
    report = json.loads((tmp_path / "runs/child/movement.json").read_text())
    assert entry.config.transform.scale_factor == pytest.approx(report["scale_factor"], abs=1e-4)
    changed = (tmp_path / "runs/child/changed.bed").read_text().splitlines()
    assert all(line.split("\t")[3] in ("gained", "lost") for line in changed)
    assert entry.zoo.metrics[0].name == "share of bins whose judgement changed"
    assert "more confident calls may still be wrong" in entry.zoo.limits[0]
    refused = CliRunner().invoke(app, [*words, "--folds", "3"])
    assert refused.exit_code == 2
    assert re.search("--folds: .*--unlabelled", refused.output)
