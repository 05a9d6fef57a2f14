"""Learning and segmenting from file to file, epizoo beside ChromHMM: whole processes, start and compilation included.

    python -m benchmarks.states.chromhmm_side_by_side --data DIR -o FILE [--chromhmm JAR] [--jobs sample-10,…]

Jobs: ``sample-10`` and ``sample-15``, LearnModel (``-p 2``, neither browser files nor enrichments nor images) against
``epizoo learn-states`` on ChromHMM's own sample; ``segment-sample`` and ``segment-genome``, MakeSegmentation against
``epizoo annotate`` with one model on the same binarised text; ``learn-genome``, 50 iterations of plain EM, 15 states,
on GM12878 and K562 (30 million bins), epizoo alone. Processes take turns; the median of --repeat and the largest peak
memory are shown. Likelihoods are exact, of the model that was written, and computed by one code for both tools.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from benchmarks.measuring import EPIZOO, Run, measure
from rich.console import Console
from rich.table import Table

import epizoo
from epizoo.genome.marks import BinarizedChromosome, decode, write_binarized
from epizoo.jobs.state_learning_data import read_learning_marks
from epizoo.recipes.state_data import CELLS, read_codes
from epizoo.states.chromhmm_models import ChromHMMModel, read_model, write_model
from epizoo.states.learning_plan import log_likelihood_per_bin

SAMPLE = Path("states/sample_hg18")
JOBS = ("sample-10", "sample-15", "segment-sample", "segment-genome", "learn-genome")


def write_genome(data: Path, folder: Path) -> Path:
    folder.mkdir()
    for cell in CELLS:
        marks, chromosomes = read_codes(data, cell)
        for chrom, codes in chromosomes.items():
            path = folder / cell / f"{cell}_{chrom}_binary.txt"
            path.parent.mkdir(exist_ok=True)
            write_binarized(path, BinarizedChromosome(cell, chrom, marks, decode(codes, len(marks))))
    return folder


def write_entry_model(name: str, path: Path) -> Path:
    entry = epizoo.load(name)
    write_model(path, ChromHMMModel(entry.parameters(), entry.channels))
    return path


class Bench:
    def __init__(self, data: Path, jar: Path, scratch: Path) -> None:
        self.data, self.scratch, self.count = data, scratch, 0
        self.java = ["java", "-mx8000M", "-jar", str(jar)]
        self._genome: Path | None = None

    def folder(self) -> Path:
        self.count += 1
        path = self.scratch / str(self.count)
        path.mkdir()
        return path

    @property
    def genome(self) -> Path:
        if self._genome is None:
            self._genome = write_genome(self.data, self.scratch / "genome")
        return self._genome

    def learn_sample(self, n_states: int) -> dict[str, tuple[Run, float]]:
        marks, found = (self.data / SAMPLE).resolve(), {}
        for more in ("", "--algorithm squarem"):
            ours = self.folder()
            options = ["--states", str(n_states), "--name", "bench", "-o", "zoo", *more.split()]
            run = measure([*EPIZOO, "learn-states", "--binarized", str(marks), *options], ours)
            exact = self.exact(ours / "zoo/runs/bench" / f"model_{n_states}.txt")
            found[f"epizoo learn-states {more}".strip()] = run, exact
        theirs = self.folder()
        options = ["-p", "2", "-nobed", "-nobrowser", "-noenrich", "-noimage"]
        run = measure([*self.java, "LearnModel", *options, str(marks), "out", str(n_states), "hg18"], theirs)
        found["ChromHMM LearnModel -p 2"] = run, self.exact(theirs / "out" / f"model_{n_states}.txt")
        return found

    def exact(self, model: Path) -> float:
        data = read_learning_marks(self.data / SAMPLE)
        n_bins = sum(len(one.marks.codes) for one in data.sequences)
        return log_likelihood_per_bin(read_model(model).parameters, data.sequences) * n_bins

    def segment(self, marks: Path, entry: str) -> dict[str, tuple[Run, float]]:
        folder = self.folder()
        model = write_entry_model(entry, folder / "model.txt")
        ours = measure([*EPIZOO, "annotate", entry, "--binarized", str(marks), "-o", "states.bed"], folder)
        theirs = measure([*self.java, "MakeSegmentation", str(model), str(marks), "out"], folder)
        return {"epizoo annotate": (ours, 0.0), "ChromHMM MakeSegmentation": (theirs, 0.0)}

    def segment_sample(self) -> dict[str, tuple[Run, float]]:
        folder = self.folder()
        options = ["--states", "10", "--name", "bench", "--max-iterations", "5", "-o", "zoo"]
        measure([*EPIZOO, "learn-states", "--binarized", str((self.data / SAMPLE).resolve()), *options], folder)
        one = folder / "marks"
        one.mkdir()
        path = next((self.data / SAMPLE).glob("GM12878*binary*"))
        (one / path.name).symlink_to(path.resolve())
        return self.segment(one, str(folder / "zoo/chromatin_states/bench"))

    def learn_genome(self) -> dict[str, tuple[Run, float]]:
        folder = self.folder()
        both = folder / "marks"
        both.mkdir()
        for path in self.genome.glob("*/*_binary.txt"):
            (both / path.name).symlink_to(path)
        options = ["--states", "15", "--name", "bench", "--algorithm", "em", "--max-iterations", "50", "-o", "zoo"]
        run = measure([*EPIZOO, "learn-states", "--binarized", "marks", *options], folder)
        found = epizoo.load(folder / "zoo/chromatin_states/bench").zoo.training
        return {f"epizoo learn-states, {len(found['trajectory'])} iterations": (run, found["log_likelihood"])}

    def run(self, job: str) -> dict[str, tuple[Run, float]]:
        if job.startswith("sample-"):
            return self.learn_sample(int(job.removeprefix("sample-")))
        if job == "segment-genome":
            return self.segment(self.genome / CELLS[0], "chromatin_states/encode-10")
        return {"segment-sample": self.segment_sample, "learn-genome": self.learn_genome}[job]()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--chromhmm", type=Path, default=Path("/usr/share/java/chromhmm.jar"))
    parser.add_argument("--jobs", default=",".join(JOBS))
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(options.data.resolve(), options.chromhmm, Path(scratch))
        for job in options.jobs.split(","):
            runs = [bench.run(job) for _ in range(options.repeat)]
            for tool in runs[0]:
                seconds = statistics.median(found[tool][0].seconds for found in runs)
                peak = max(found[tool][0].peak_mb for found in runs)
                row = {"job": job, "tool": tool, "seconds": round(seconds, 2), "peak_mb": round(peak)}
                rows.append(row | ({"log_likelihood": round(runs[0][tool][1], 3)} if runs[0][tool][1] else {}))
            options.output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    table = Table(box=None)
    for column in ("job", "tool", "seconds", "peak MB", "log-likelihood", "times epizoo"):
        table.add_column(column)
    for row in rows:
        own = next(other["seconds"] for other in rows if other["job"] == row["job"])
        likelihood = f"{row['log_likelihood']:,.1f}" if "log_likelihood" in row else ""
        values = (row["job"], row["tool"], f"{row['seconds']:.1f}", str(row["peak_mb"]), likelihood)
        table.add_row(*values, f"{row['seconds'] / own:.1f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
