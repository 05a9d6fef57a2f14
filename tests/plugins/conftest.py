"""A home of its own for Kipoi, which writes into it when it is imported."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from hub_server import hub_server


@pytest.fixture(scope="session")
def kipoi_home(tmp_path_factory, random_zoo):
    """A home folder whose Kipoi knows the random zoo as the source ``epizoo``."""
    from epizoo.plugins.kipoi.source import register_source

    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(home))
        register_source(random_zoo.folder)
        # From here on kipoi in this process reads and writes this home. Its import leaves its config file open.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            import kipoi

        assert Path(kipoi.config._config_path).is_relative_to(home)
        yield home


@pytest.fixture(scope="session")
def run_kipoi(kipoi_home):
    """Run the real command line of Kipoi in a folder; a failure raises with what it printed, unless ``fails``."""

    def run(*arguments, folder, fails=False):
        command = [Path(sys.executable).parent / "kipoi", *map(str, arguments)]
        environment = {"HOME": str(kipoi_home), "PATH": "/usr/bin:/bin", "PYTHONWARNINGS": "ignore"}
        result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
        assert (result.returncode != 0) == fails, result.stdout + result.stderr
        return result.stdout + result.stderr

    return run


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub on the loopback that the real Hugging Face client talks to, with an empty cache."""
    import huggingface_hub
    from huggingface_hub import constants

    with hub_server() as server:
        # What HF_ENDPOINT, HF_HOME and HF_HUB_DISABLE_XET set when the client is first imported.
        monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
        template = server.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.file_download, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(huggingface_hub.hf_api.api, "endpoint", server.endpoint)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield server
