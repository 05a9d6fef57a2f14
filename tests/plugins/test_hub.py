"""Repositories on the hub: complete, answered for by gReLU and the real client, loaded with their hashes checked."""

import hashlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys

import grelu.resources
import huggingface_hub
import numpy as np
import pytest
import torch
from grelu_warnings import IGNORED
from typer.testing import CliRunner

import epizoo
from epizoo.cli.all_commands import app
from epizoo.conversion import exporting
from epizoo.conversion.parity import Check, ParityReport
from epizoo.errors import EntryError, InputError, MissingDependencyError
from epizoo.plugins.grelu import checkpoints as grelu_checkpoints
from epizoo.plugins.grelu import load_checkpoint
from epizoo.plugins.hub import _front_matter as front_matter_of
from epizoo.plugins.hub import publish
from epizoo.zoo import remote
from epizoo.zoo.remote import local_checkpoint

pytestmark = IGNORED
ENTRIES = ["peak_caller/random", "chromatin_states/random"]
FILES = {
    "README.md",
    "dataloader.py",
    "dataloader.yaml",
    "expected_predictions.h5",
    "golden.safetensors",
    "model.ckpt",
    "model.ckpt.parity.json",
    "model.onnx",
    "model.onnx.parity.json",
    "model.yaml",
    "weights.safetensors",
}


@pytest.fixture(scope="module")
def staged(random_zoo, tmp_path_factory):
    """The repositories of each entry, and of both together, as they would be uploaded."""
    folder = tmp_path_factory.mktemp("staged")
    for name in ENTRIES:
        publish([str(random_zoo.folder / name)], f"org/{name.split('/')[0]}", dry_run=True, folder=folder / name)
    return folder


@pytest.fixture
def unproven(monkeypatch):
    """Exports without their proofs, which the staged ones have, and which take most of the time."""
    passed = ParityReport("random", "", "any", (Check("case", "output", 0.0, 1.0),))
    monkeypatch.setattr(grelu_checkpoints, "check", lambda *_: passed)
    monkeypatch.setattr(exporting, "check_parity", lambda *_, **__: passed)


@pytest.fixture
def served(hub, staged):
    hub.repositories["org/peaks"] = staged / "peak_caller/random"
    hub.repositories["org/states"] = staged / "chromatin_states/random"
    return hub


def front_matter(path):
    return huggingface_hub.ModelCard.load(path).data


def test_a_repository_is_complete(staged):
    for name in ENTRIES:
        folder = staged / name
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        examples = {path for path in found if path.startswith("example_files/")}
        assert found - examples == FILES
        assert examples
        assert json.loads((folder / "model.ckpt.parity.json").read_text())["passed"]


def test_the_card_says_what_the_hub_asks_for(staged):
    data = front_matter(staged / "peak_caller/random/README.md")
    assert data.license == "cc0-1.0"
    assert {"genomics", "grelu", "test"} <= set(data.tags)
    assert data.datasets == ["random numbers"]
    [result] = data.eval_results
    assert (result.metric_name, result.metric_value, result.dataset_name) == ("wrong labels", 0.5, "chr2")
    assert data.model_name == "peak_caller/random"
    text = (staged / "peak_caller/random/README.md").read_text()
    assert 'epizoo.load("hf://org/peak_caller")' in text
    assert 'load_model(repo_id="org/peak_caller")' in text


def test_every_metric_keeps_what_it_was_measured_on():
    entry = epizoo.load("peak_caller/h3k4me3")
    data = huggingface_hub.ModelCard(f"---\n{front_matter_of(entry, None)}---\n").data
    found = {(result.metric_name, result.dataset_name, result.metric_value) for result in data.eval_results}
    assert found == {(metric.name, " ".join(metric.on.split()), metric.value) for metric in entry.zoo.metrics}
    assert data.license == "gpl-3.0"


def test_grelus_functions_answer_for_a_repository(served, staged, random_zoo):
    model = grelu.resources.load_model(repo_id="org/peaks")
    entry = epizoo.load(random_zoo.folder / "peak_caller/random")
    golden = entry.golden()
    with torch.no_grad():
        found = model(torch.from_numpy(golden["inputs.coverage"]).mT)[:, 0].numpy()
    np.testing.assert_allclose(found, golden["peak_probabilities"], rtol=0, atol=1e-5)
    info = grelu.resources.get_model_info("org/peaks")
    assert set(info["files"]) >= FILES
    assert info["card_data"]["license"] == "cc0-1.0"
    assert grelu.resources.get_datasets_by_model("org/peaks") == ["random numbers"]
    assert grelu.resources.get_base_models("org/peaks") == []


def test_a_base_model_is_named(random_zoo, hub, tmp_path, unproven):
    entry = str(random_zoo.folder / "peak_caller/random")
    publish([entry], "org/tuned", dry_run=True, folder=tmp_path / "tuned", base_model="org/peaks")
    hub.repositories["org/tuned"] = tmp_path / "tuned"
    assert grelu.resources.get_base_models("org/tuned") == ["org/peaks"]


def test_entries_from_the_hub_are_the_entries(served, random_zoo):
    entry = epizoo.load("hf://org/states")
    local = epizoo.load(random_zoo.folder / "chromatin_states/random")
    assert (entry.name, entry.sha256) == (local.name, local.sha256)
    marks = local.golden()["inputs.marks"]
    np.testing.assert_allclose(
        entry.predict({"marks": marks})["state_posteriors"], local.golden()["state_posteriors"], rtol=0, atol=1e-6
    )
    windows = entry.windows(intervals_file=random_zoo.intervals, binarized=random_zoo.marks)
    np.testing.assert_array_equal(windows[0]["inputs"]["marks"], marks[0])


@pytest.mark.parametrize("revision", ["", "@v1", "@main"])
def test_revisions_are_downloaded_once(served, revision):
    epizoo.load(f"hf://org/states{revision}")
    assert "weights.safetensors" in served.downloads
    assert "model.ckpt" not in served.downloads
    before = len(served.downloads)
    epizoo.load(f"hf://org/states{revision}")
    assert len(served.downloads) == before


def test_what_was_downloaded_is_there_without_the_hub(served, monkeypatch):
    epizoo.load("hf://org/peaks")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    # Sessions are made for the network, or against it.
    huggingface_hub.utils.reset_sessions()
    try:
        assert epizoo.load("hf://org/peaks").name == "peak_caller/random"
        with pytest.raises(EntryError, match="cannot be reached"):
            epizoo.load("hf://org/states")
    finally:
        huggingface_hub.utils.reset_sessions()


def test_a_file_that_does_not_match_its_hash_is_refused(served, staged, tmp_path):
    shutil.copytree(staged / "peak_caller/random", tmp_path / "changed")
    with open(tmp_path / "changed/weights.safetensors", "ab") as file:
        file.write(b" ")
    served.repositories["org/changed"] = tmp_path / "changed"
    with pytest.raises(EntryError, match=r"weights\.safetensors: .*sha256.*model\.yaml"):
        epizoo.load("hf://org/changed")


def test_the_hash_of_what_was_reviewed_is_asked_for(served, staged, tmp_path, monkeypatch):
    folder = staged / "peak_caller/random"
    # As sha256sum prints it, without what is made of the entry.
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    own = [name for name in names if name != "README.md" and not name.startswith("model.ckpt")]
    listing = subprocess.run(["sha256sum", *own], cwd=folder, capture_output=True, check=True).stdout
    expected = hashlib.sha256(listing).hexdigest()
    assert epizoo.load(f"hf://org/peaks@v1#sha256={expected}").name == "peak_caller/random"
    with pytest.raises(EntryError, match=rf"sha256 of the entry is {expected}, expected 0000"):
        epizoo.load(f"hf://org/peaks#sha256={'0' * 64}")
    with pytest.raises(InputError, match="64 digits"):
        epizoo.load("hf://org/peaks#sha256=12")
    # The dataloader, which Kipoi runs, has no hash of its own in model.yaml.
    shutil.copytree(folder, tmp_path / "changed")
    (tmp_path / "changed/dataloader.py").write_text("import os\n")
    served.repositories["org/changed"] = tmp_path / "changed"
    with pytest.raises(EntryError, match="not the one that was reviewed"):
        epizoo.load(f"hf://org/changed#sha256={expected}")


def test_what_no_entry_can_be_is_not_downloaded(served, monkeypatch):
    monkeypatch.setattr(remote, "_LARGEST_BYTES", 1_000)
    with pytest.raises(EntryError, match=r"bytes, expected 1,000 at most"):
        epizoo.load("hf://org/states")
    assert not served.downloads


def test_links_out_of_an_entry_are_not_published(random_zoo, hub, tmp_path, unproven):
    (tmp_path / "secret").write_text("private")
    shutil.copytree(random_zoo.folder / "peak_caller/random", tmp_path / "linked")
    (tmp_path / "linked/notes").symlink_to(tmp_path / "secret")
    with pytest.raises(EntryError, match=r"notes: a link that leads out of the entry, to .*secret"):
        publish([str(tmp_path / "linked")], "org/linked", dry_run=True)
    (tmp_path / "linked/notes").unlink()
    (tmp_path / "linked/notes").symlink_to("weights.safetensors")
    assert "notes" in publish([str(tmp_path / "linked")], "org/linked", dry_run=True).files


def test_what_the_hub_sent_is_published_again(served, unproven):
    epizoo.load("hf://org/peaks")
    assert "weights.safetensors" in publish(["hf://org/peaks"], "org/again", dry_run=True).files


def test_what_is_not_there_is_said_in_a_sentence(served, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/README.md").write_text("---\nlicense: mit\n---\n")
    served.repositories["org/empty"] = tmp_path / "empty"
    with pytest.raises(EntryError, match=r"hf://org/none: .*no such repository"):
        epizoo.load("hf://org/none")
    with pytest.raises(EntryError, match=r"hf://org/peaks@v9: .*revision"):
        epizoo.load("hf://org/peaks@v9")
    with pytest.raises(EntryError, match=r"hf://org/empty: .*no model\.yaml"):
        epizoo.load("hf://org/empty")
    with pytest.raises(EntryError, match=r"hf://org/empty: .*no model\.ckpt"):
        local_checkpoint("hf://org/empty")
    with pytest.raises(EntryError, match=r"hf://org/none: .*no such repository"):
        local_checkpoint("hf://org/none")
    with pytest.raises(InputError, match="hf://ORG/NAME@REVISION"):
        epizoo.load("hf://peaks")


def test_a_checkpoint_comes_from_the_hub_too(served):
    assert load_checkpoint("hf://org/peaks@v1").model_params["zoo"]["name"] == "peak_caller/random"
    assert local_checkpoint("here.ckpt") == "here.ckpt"


def test_without_the_client_the_extra_is_named(monkeypatch):
    real = importlib.import_module

    def without(name, *arguments):
        if name.startswith("huggingface_hub"):
            raise ModuleNotFoundError("none", name="huggingface_hub")
        return real(name, *arguments)

    monkeypatch.setattr(remote.importlib, "import_module", without)
    with pytest.raises(MissingDependencyError, match=r"pip install 'epizoo\[hub\]'"):
        epizoo.load("hf://org/peaks")


def test_exactly_the_files_are_sent(random_zoo, staged, hub, unproven):
    published = publish([str(random_zoo.folder / "peak_caller/random")], "org/peak_caller", private=True)
    assert [(made["name"], made["organization"], made["private"]) for made in hub.created] == [
        ("peak_caller", "org", True)
    ]
    [sent] = hub.commits
    assert published.files == {name: len(content) for name, content in sorted(sent.items())}
    assert published.url.startswith(f"{hub.endpoint}/org/peak_caller/commit/")
    folder = staged / "peak_caller/random"
    expected = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert sent.keys() == expected.keys()
    same = {name for name, path in expected.items() if sent[name] == path.read_bytes()}
    # Proofs were left out here, and torch's archives are not written alike.
    assert expected.keys() - same <= {"model.ckpt", "model.ckpt.parity.json", "model.onnx.parity.json"}


def test_several_entries_share_a_repository(random_zoo, hub, tmp_path, unproven):
    names = [str(random_zoo.folder / name) for name in ENTRIES]
    published = publish(names, "org/zoo", dry_run=True, folder=tmp_path / "zoo")
    assert published.url is None
    assert hub.created == hub.commits == []
    assert {"README.md", *(f"{name}/model.ckpt" for name in ENTRIES)} <= published.files.keys()
    hub.repositories["org/zoo"] = tmp_path / "zoo"
    assert epizoo.load("hf://org/zoo/chromatin_states/random@v1").name == "chromatin_states/random"
    assert not any(name.startswith("peak_caller") for name in hub.downloads)
    model = grelu.resources.load_model(repo_id="org/zoo", filename="chromatin_states/random/model.ckpt")
    assert model.data_params["tasks"]["name"] == ["S0", "S1", "S2", "S3"]
    assert grelu.resources.get_datasets_by_model("org/zoo") == ["random numbers"]
    assert load_checkpoint("hf://org/zoo/peak_caller/random").get_task_idxs("random") == 0


def test_what_cannot_be_published_is_refused(random_zoo, hub, tmp_path, unproven):
    entry = str(random_zoo.folder / "peak_caller/random")
    for repo_id in ("name", "a/b/c", "org/na me"):
        with pytest.raises(InputError, match="repository"):
            publish([entry], repo_id, dry_run=True)
    with pytest.raises(InputError, match="once"):
        publish([entry, entry], "org/x", dry_run=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="not empty"):
        publish([entry], "org/x", dry_run=True, folder=tmp_path)
    with pytest.raises(InputError, match=r"file: .*a file"):
        publish([entry], "org/x", folder=tmp_path / "file")
    with pytest.raises(InputError, match="other: "):
        publish([entry], "org/x", folder=tmp_path / "file" / "other")
    hub.refuses = True
    with pytest.raises(EntryError, match=r"org/x: .*refuse"):
        publish([entry], "org/x")


def test_the_command_shows_what_it_would_send(random_zoo, hub, unproven):
    entry = str(random_zoo.folder / "peak_caller/random")
    run = CliRunner().invoke(app, ["publish", entry, "--repo-id", "org/peaks", "--dry-run"])
    assert run.exit_code == 0, run.output
    assert all(name in run.output for name in FILES)
    assert "Nothing was uploaded to org/peaks" in run.output
    assert hub.created == []
    run = CliRunner().invoke(app, ["show", "hf://org/none"])
    assert run.exit_code == 2
    assert len(run.output.strip().splitlines()) == 1


def test_commands_talk_to_the_hub_as_processes_of_their_own(served, tmp_path):
    environment = {**os.environ, "HF_ENDPOINT": served.endpoint, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1"}

    def run(*arguments):
        command = [sys.executable, "-c", "from epizoo.cli import main; main()", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    shown = run("show", "hf://org/peaks@v1")
    assert "peak_caller/random 1.0.0" in shown.stdout, shown.stderr
    refused = run("publish", "hf://org/peaks", "--repo-id", "no name", "--dry-run")
    assert refused.returncode == 2
    assert re.fullmatch("epizoo: repo-id: 'no name'.*ORG/NAME\n", refused.stderr)
