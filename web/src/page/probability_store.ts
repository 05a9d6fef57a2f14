/** Probabilities of a genome in one byte a bin, and what a genome browser shows of them. */

import type { ProbabilityPiece } from "../call_peaks.ts";

/** A stretch with a value, as igv.js takes it. */
export interface Feature {
  chr: string;
  start: number;
  end: number;
  value: number;
}

const STEPS = 250;
// More than a screen is wide.
const MOST_FEATURES = 3000;

/** Pieces by chromosome. */
export class ProbabilityStore {
  private readonly pieces = new Map<string, { startBin: number; values: Uint8Array }[]>();

  constructor(private readonly binBp: number) {}

  /** Take in consecutive bins. */
  add({ chrom, startBin, probabilities }: ProbabilityPiece): void {
    const pieces = this.pieces.get(chrom) ?? [];
    pieces.push({ startBin, values: Uint8Array.from(probabilities, (value) => Math.round(value * STEPS)) });
    this.pieces.set(chrom, pieces);
  }

  /** Probabilities above 0 of a stretch, for igv.js; the highest of several bins where it is wide. */
  readFeatures(chr: string, start: number, end: number): Feature[] {
    const width = Math.max(1, Math.ceil((end - start) / this.binBp / MOST_FEATURES));
    const found: Feature[] = [];
    for (const { startBin, values } of this.pieces.get(chr) ?? []) {
      const low = Math.max(Math.floor(start / this.binBp) - startBin, 0);
      const high = Math.min(Math.ceil(end / this.binBp) - startBin, values.length);
      for (let bin = low; bin < high; bin += width) {
        const after = Math.min(bin + width, high);
        const value = values.subarray(bin, after).reduce((a, b) => Math.max(a, b), 0) / STEPS;
        if (value) found.push({ chr, start: (startBin + bin) * this.binBp, end: (startBin + after) * this.binBp, value });
      }
    }
    return found;
  }
}
