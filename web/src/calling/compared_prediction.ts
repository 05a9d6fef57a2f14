/** A network that runs on the CPU and the GPU until it is known whether these agree, and which is faster. */

import type { Predict } from "./chunked_prediction.ts";

// Probabilities that differ by less give the same scores, within 1 of 1000.
const MOST_DIFFERENCE = 1e-4;

/** A network, and a sentence on what it ran on. */
export interface DescribedPredict {
  predict: Predict;
  /** Known once it has run. */
  describe(): string;
}

/** Runs on the CPU and the GPU until a window with signal tells whether they agree and which is faster. */
export class Compared implements DescribedPredict {
  private chosen: Predict | null = null;
  private description = "on the CPU (too little signal to try the GPU)";

  constructor(
    private readonly cpu: Predict,
    private readonly gpu: Predict,
    private readonly isForced: boolean,
  ) {}

  readonly predict: Predict = async (rows, nRows) => {
    if (this.chosen) return this.chosen(rows, nRows);
    const [expected, cpuMs] = await timed(() => this.cpu(rows, nRows));
    if (rows.some((value) => value !== 0)) await this.choose(rows, nRows, expected, cpuMs);
    return expected;
  };

  describe(): string {
    return this.description;
  }

  private async choose(rows: Float32Array, nRows: number, expected: Float32Array, cpuMs: number): Promise<void> {
    this.chosen = this.cpu;
    try {
      const found = await this.gpu(rows, nRows);
      // Shaders were compiled by the first run.
      const gpuMs = this.isForced ? 0 : (await timed(() => this.gpu(rows, nRows)))[1];
      const difference = found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
      // Not above, which NaN would be as well.
      if (!(difference <= MOST_DIFFERENCE)) {
        this.description = `on the CPU (the GPU's probabilities differ by up to ${difference.toPrecision(2)})`;
      } else if (gpuMs > cpuMs) {
        this.description = `on the CPU (the GPU takes ${gpuMs.toFixed(0)} ms where it takes ${cpuMs.toFixed(0)} ms)`;
      } else {
        this.chosen = this.gpu;
        this.description = `on the GPU (probabilities within ${difference.toPrecision(2)} of the CPU's)`;
      }
    } catch (error) {
      this.description = `on the CPU (the GPU failed: ${(error as Error).message})`;
    }
  }
}

async function timed<Result>(work: () => Promise<Result>): Promise<[result: Result, ms: number]> {
  const started = performance.now();
  return [await work(), performance.now() - started];
}
