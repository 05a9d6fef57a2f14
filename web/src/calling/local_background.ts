/** The mean of bins around a place or a stretch, from a chromosome that arrives in pieces; mirrors `local_background.py`. */

import { clip, rint, runningSums } from "../numbers.ts";

/** The bins that the backgrounds of what lies in `[startBin, endBin)` are made of, whole blocks. */
export function reachedBins(startBin: number, endBin: number, backgroundBp: number, binBp: number): [number, number] {
  const [block, reach] = blocks(backgroundBp, binBp);
  return [(Math.floor(startBin / block) - reach) * block, (Math.floor((endBin - 1) / block) + reach + 1) * block];
}

/** Bins of a block, and how many blocks a background reaches on both sides. */
function blocks(backgroundBp: number, binBp: number): [number, number] {
  const blockBins = Math.max(1, Math.floor(backgroundBp / (10 * binBp)));
  return [blockBins, rint(backgroundBp / (blockBins * binBp))];
}

/** Sums of background bins in blocks of about a tenth of `backgroundBp`, so that a chromosome takes a few MB. */
export class LocalBackground {
  private readonly blockBins: number;
  private readonly reachBlocks: number;
  private readonly sums: number[] = [];
  private readonly counts: number[] = [];
  private nBins = 0;

  constructor(
    private readonly startBin: number,
    backgroundBp: number,
    binBp: number,
  ) {
    [this.blockBins, this.reachBlocks] = blocks(backgroundBp, binBp);
  }

  /** Take in the next bins; those that `isBackground` refuses do not count. */
  add(values: Float32Array, isBackground: (bin: number) => boolean): void {
    for (let i = 0; i < values.length; i++, this.nBins++) {
      if (this.nBins % this.blockBins === 0) {
        this.sums.push(0);
        this.counts.push(0);
      }
      if (!isBackground(i)) continue;
      this.sums[this.sums.length - 1] += values[i];
      this.counts[this.counts.length - 1]++;
    }
  }

  /** Mean of the background bins in the blocks around stretches of bins, both ends included; 0 where none is near. */
  around(stretches: [first: number, last: number][]): number[] {
    const sums = runningSums(this.sums);
    const counts = runningSums(this.counts);
    const end = this.sums.length;
    return stretches.map(([first, last]) => {
      const low = clip(this.block(first) - this.reachBlocks, 0, end);
      const high = clip(this.block(last) + this.reachBlocks + 1, 0, end);
      return (sums[high] - sums[low]) / Math.max(counts[high] - counts[low], 1);
    });
  }

  private block(bin: number): number {
    return Math.floor((bin - this.startBin) / this.blockBins);
  }
}
