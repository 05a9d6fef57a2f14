"""Registering the zoo keeps what Kipoi's config holds, and writes it whole or not at all."""

import pytest
import yaml

from epizoo.errors import InputError
from epizoo.plugins.kipoi.source import register_source
from epizoo.zoo import ZOO_FOLDER


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_first_config_holds_kipoi_and_the_installed_zoo(home):
    path = register_source()
    assert path == home / ".kipoi" / "config.yaml"
    sources = yaml.safe_load(path.read_text())["model_sources"]
    assert sources["epizoo"] == {"type": "local", "local_path": str(ZOO_FOLDER.resolve())}
    assert sources["kipoi"]["remote_url"] == "https://github.com/kipoi/models.git"


def test_what_is_there_is_kept_in_its_order(home):
    path = home / ".kipoi" / "config.yaml"
    path.parent.mkdir()
    mine = {"type": "local", "local_path": "/mine"}
    path.write_text(yaml.safe_dump({"env_db_path": "envs.json", "model_sources": {"mine": mine}}, sort_keys=False))
    register_source()
    register_source("/other")
    config = yaml.safe_load(path.read_text())
    assert config["env_db_path"] == "envs.json"
    assert list(config["model_sources"]) == ["mine", "epizoo"]
    assert config["model_sources"]["mine"] == mine
    assert config["model_sources"]["epizoo"]["local_path"] == "/other"


@pytest.mark.parametrize(("text", "message"), [("a: [", "YAML"), ("a: 1", "model_sources")])
def test_config_that_is_not_kipois_is_left_alone(home, text, message):
    path = home / ".kipoi" / "config.yaml"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        register_source()
    assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_config_folder_that_cannot_be_made_is_named(home):
    (home / ".kipoi").touch()
    with pytest.raises(InputError, match=r"\.kipoi"):
        register_source()
