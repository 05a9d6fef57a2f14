"""A tiny simulated experiment with labels, and what fine-tuning needs beside it, for tests."""

from pathlib import Path

import yaml

from epizoo.simulation.labelled_genome import SimulatedGenome, domain, write_simulated_genome

N_LOCI = 6


def write_experiment(folder: Path, n_loci: int = N_LOCI, seed: int = 3) -> SimulatedGenome:
    """A bigWig of some loci, its known regions, and labels."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_simulated_genome(folder, "signal", domain(3.0, 200, 0.4), n_loci, seed)


def write_new_yaml(folder: Path, genome: SimulatedGenome, **changes: object) -> Path:
    """`new.yaml` and the labels beside it; `changes` replace keys of the sample."""
    genome.labels.to_csv(folder / "labels.bed", sep="\t", header=False, index=False)
    sample = {"bigwig": genome.bigwig.name, "known_regions": genome.known_regions.name, "labels": "labels.bed"}
    sample = {"signal_kind": "coverage"} | sample | changes
    content = {"cell_type": "simulated", "samples": [{key: value for key, value in sample.items() if value}]}
    path = folder / "new.yaml"
    path.write_text(yaml.safe_dump(content))
    return path
