"""A check of a folder of training data: the files that an entry was made of, by the hashes that its model.yaml holds.

    python -m epizoo.recipes.training_data peak_caller/h3k4me3 --data DIR

docs/data.md says where each file comes from. The program ends with code 2 if a file is missing or differs: a recipe
would then make other weights than those that are shipped.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

from epizoo.errors import InputError
from epizoo.files import sha256
from epizoo.peaks.labelled_stretches import LABELS_FOLDER
from epizoo.recipes.run_folder import one_sentence_errors
from epizoo.recipes.state_data import ROADMAP
from epizoo.zoo.entry import ChromatinStateEntry, Entry
from epizoo.zoo.loading import load


class Checked(NamedTuple):
    """Files of a folder by what was found of them, each by its path below the folder."""

    same: list[str]
    different: list[str]
    missing: list[str]


def recorded_files(entry: Entry) -> dict[str, str]:
    """Hash of each file that an entry was trained on, by its path below the folder of data.

    Empty for simulations, and for weights that were converted.
    """
    training = entry.zoo.training
    if isinstance(entry, ChromatinStateEntry) and "published_sha256" in training:
        published = ROADMAP[entry.config.model.n_states].paths(Path())[0]
        return {published.as_posix(): training["published_sha256"]}
    labelled = {(LABELS_FOLDER / name).as_posix(): value for name, value in training.get("sha256", {}).items()}
    return labelled | training.get("data_sha256", {})


def check_files(entry: Entry, data: Path) -> Checked:
    """Compare the files of a folder with those that an entry was trained on."""
    found = Checked([], [], [])
    for name, expected in recorded_files(entry).items():
        path = data / name
        kind = found.missing if not path.is_file() else found.same if sha256(path) == expected else found.different
        kind.append(name)
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entry", help="name of the entry")
    parser.add_argument("--data", type=Path, required=True, help="folder of the training data")
    options = parser.parse_args()
    with one_sentence_errors():
        entry = load(options.entry)
        if not recorded_files(entry):
            print(f"{entry.name} was made without training data in files: its recipe needs no data.")
            return
        found = check_files(entry, options.data)
        for kind, names in found._asdict().items():
            print(f"{kind}: {len(names)}", *(names if kind != "same" else ()), sep="\n  ")
        if found.different or found.missing:
            raise InputError(
                f"{options.data}: {len(found.different)} files differ from those that {entry.name} was trained on and "
                f"{len(found.missing)} are missing; docs/data.md says where each comes from"
            )


if __name__ == "__main__":
    main()
