"""The figures of a benchmark in the cards of the entries that it measured.

    python -m epizoo.bench.card_figures benchmarks/peaks/bench.json
    python -m epizoo.bench.card_figures benchmarks/peaks/control_p_values.json
    python -m epizoo.zoo.build --render

Rows of an entry's metrics that end in the results' mark, ``; epizoo bench`` where they name none, get the values of
that run, those of MACS3 at both of its settings beside them. Which figures a card shows, the rows that it has decide.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from epizoo.bench.fingerprints import is_stale
from epizoo.errors import InputError
from epizoo.files import write_yaml
from epizoo.recipes.run_folder import one_sentence_errors
from epizoo.zoo.catalogue import list_entries
from epizoo.zoo.loading import load

MARK = "; epizoo bench"
_LONGER_NAMES = "wrong labels"
"""Cards say more of this metric, behind its name."""


def mark_of(results: Mapping[str, Any]) -> str:
    """The end of what the results' rows in cards were measured on."""
    return str(results.get("mark", MARK))


def benchmarked(metrics: list[dict[str, Any]], results: Mapping[str, Any], entry: str) -> list[dict[str, Any]]:
    """The rows of an entry's metrics, those of the benchmark with the values of its results.

    Raises:
        InputError: the results lack a figure.
    """
    values = {
        (row["caller"], row["data"], row["metric"]): round(row["value"], 4)
        for row in results["figures"]
        if row["value"] is not None
    }
    peers = {
        caller: caller.replace("MACS3", f"MACS3 {about['version']}").replace(" lenient", ", lenient")
        for caller, about in results["callers"].items()
        if about["kind"] == "MACS3"
    }
    found, mark = [], mark_of(results)
    for row in metrics:
        if row["on"].endswith(mark):
            metric = _LONGER_NAMES if row["name"].startswith(_LONGER_NAMES) else row["name"]
            key = (row["on"].removesuffix(mark), metric)
            if (entry, *key) not in values:
                raise InputError(f"{entry}: the benchmark has no {metric} on {key[0]}; run it with this truth")
            others = {peer: values[(caller, *key)] for caller, peer in peers.items() if (caller, *key) in values}
            row = row | {"value": values[(entry, *key)], "compared_with": others}
        found.append(row)
    return found


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="what epizoo bench or epizoo.bench.control_p_values wrote")
    arguments = parser.parse_args()
    with one_sentence_errors():
        results = json.loads(arguments.results.read_text(encoding="utf-8"))
        for name in list_entries():
            recorded = results["callers"].get(name, {}).get("entries", {}).get("any")
            path = load(name).folder / "model.yaml"
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            if recorded is None or not any(row["on"].endswith(mark_of(results)) for row in content["zoo"]["metrics"]):
                continue
            if is_stale(recorded, load(name)):
                raise InputError(f"{arguments.results}: its figures of {name} are of other weights or settings")
            content["zoo"]["metrics"] = benchmarked(content["zoo"]["metrics"], results, name)
            write_yaml(path, content)
            print(path)


if __name__ == "__main__":
    main()
