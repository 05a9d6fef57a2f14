/** Binarised marks from bigWigs, by ChromHMM's Poisson rule or a threshold; mirrors `binarize.py` and `binarize_bigwigs.py`. */

import { InputError } from "../errors.ts";
import { rint } from "../numbers.ts";
import type { Constants, SignalKind } from "../settings.ts";
import type { BigWig } from "./signal.ts";
import { negativeValues } from "./signal_kinds.ts";

/** A mark that was not measured (`epizoo.mark_values`). */
export const MISSING = 2;

/** How a bigWig is binarised; of `BigWigBinarization`, which explains it. */
export interface Binarization {
  /** Null where it is not stated. */
  kind: SignalKind | null;
  readLengthBp: number | null;
  threshold: number | null;
  binBp: number;
}

/** Constants of `binarize.py` and `binarize_bigwigs.py`. */
export type BinarizationConstants = Pick<Constants, "binarize" | "binarize_bigwigs">;

/** Called with the number of bins that were read. */
export type Reading = (nBins: number) => void;

/** Check that the settings suffice for a bigWig. */
export function checkBinarization({ kind, readLengthBp, threshold }: Binarization, bigwig: BigWig): void {
  if (threshold !== null && !(Number.isFinite(threshold) && threshold > 0)) {
    throw new InputError(`The threshold is ${threshold}, expected a number above 0; correct it, or leave it empty.`);
  }
  if (readLengthBp !== null && !(Number.isInteger(readLengthBp) && readLengthBp >= 1)) {
    throw new InputError(`The read length is ${readLengthBp} bp, expected a whole number of 1 or more; correct it.`);
  }
  if (kind === null) {
    throw new InputError(`${bigwig.name}: the kind of signal is not stated, and marks are binarised by it; choose it.`);
  }
  if (bigwig.summary.minimum < 0) throw negativeValues(bigwig);
  if (threshold !== null) return;
  if (kind !== "counts" && kind !== "coverage") {
    throw new InputError(
      `${bigwig.name}: ${kind.replace("_", " ")} holds no read counts, which ChromHMM's rule needs; give counts or ` +
        "coverage, or state a threshold on the bin's mean.",
    );
  }
  if (kind === "coverage" && readLengthBp === null) {
    throw new InputError(`${bigwig.name}: coverage becomes counts by the reads' length in bp; state the read length.`);
  }
}

/** Length in bp of each chromosome that any of the bigWigs names. */
export function commonSizes(bigwigs: BigWig[]): Map<string, number> {
  const sizes = new Map<string, number>();
  const first = new Map<string, string>();
  for (const bigwig of bigwigs) {
    for (const [chrom, size] of bigwig.chromSizes) {
      const before = sizes.get(chrom) ?? size;
      if (before !== size) {
        throw new InputError(
          `${bigwig.name}: ${chrom} is ${size.toLocaleString("en")} bp long, but ${before.toLocaleString("en")} bp in ` +
            `${first.get(chrom)}; give files of the same assembly.`,
        );
      }
      sizes.set(chrom, size);
      if (!first.has(chrom)) first.set(chrom, bigwig.name);
    }
  }
  return sizes;
}

/** One mark's bigWig with what a present bin reaches, which may take a pass over the whole file to know. */
export class BinarizedTrack {
  private constructor(
    private readonly bigwig: BigWig,
    private readonly settings: Binarization,
    private readonly constants: BinarizationConstants,
    /** The smallest count of a present bin, or the smallest mean where a threshold is stated. */
    private readonly least: number,
  ) {}

  /** Prepare a bigWig; the Poisson rule needs the mean count of the chromosomes that hold signal. */
  static async prepare(
    bigwig: BigWig,
    settings: Binarization,
    constants: BinarizationConstants,
    reading: Reading,
  ): Promise<BinarizedTrack> {
    const { threshold, binBp } = settings;
    if (threshold !== null) {
      // float32, as the means are.
      const least = Math.fround(threshold * (1 - constants.binarize_bigwigs.tolerance));
      return new BinarizedTrack(bigwig, settings, constants, least);
    }
    let [total, nBins] = [0, 0];
    for (const [chrom, size] of bigwig.chromSizes) {
      const counts = inCounts(await bigwig.binned(chrom, 0, Math.floor(size / binBp), binBp), settings, constants);
      reading(counts.length);
      const ofChrom = counts.reduce((sum, count) => sum + count, 0);
      total += ofChrom;
      nBins += ofChrom ? counts.length : 0;
    }
    const least = poissonThreshold(nBins ? total / nBins : 0, constants.binarize.p_value);
    return new BinarizedTrack(bigwig, settings, constants, least);
  }

  /** 1 where the mark is present, else 0, for each whole bin of a chromosome; null where the file does not name it. */
  async present(chrom: string): Promise<Uint8Array | null> {
    const size = this.bigwig.chromSizes.get(chrom);
    if (size === undefined) return null;
    const { binBp, threshold } = this.settings;
    const means = await this.bigwig.binned(chrom, 0, Math.floor(size / binBp), binBp);
    const values = threshold === null ? inCounts(means, this.settings, this.constants) : means;
    return Uint8Array.from(values, (value) => Number(value >= this.least));
  }
}

/** Smallest count k with P(X <= k) > 1 - p for a Poisson variable, and at least 1. */
export function poissonThreshold(mean: number, pValue: number): number {
  if (mean <= 0) return 1;
  let [count, cumulative, logFactorial] = [-1, 0, 0];
  while (cumulative <= 1 - pValue) {
    count++;
    logFactorial += count ? Math.log(count) : 0;
    cumulative += Math.exp(Math.log(mean) * count - mean - logFactorial);
  }
  return Math.max(count, 1);
}

/** Reads in each bin from the bins' means, in float32 as NumPy computes it. */
function inCounts(
  means: Float32Array,
  { kind, readLengthBp, binBp }: Binarization,
  { binarize_bigwigs: { count_parts: parts } }: BinarizationConstants,
): Float32Array {
  const perRead = Math.fround(binBp / (kind === "coverage" && readLengthBp ? readLengthBp : 1));
  return means.map((mean) => rint(rint(Math.fround(mean * perRead) * parts) / parts));
}
