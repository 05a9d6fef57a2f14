/** Kinds of signal, detected by a sample of a file's values; mirrors `signal_kinds.py`. */

import { InputError } from "../errors.ts";
import { countUpTo, rint, runningSums } from "../numbers.ts";
import type { Constants, SignalKind } from "../settings.ts";
import type { BigWig, Interval } from "./signal.ts";

/** Distinct values of a file, rising and without NaN, and the number of bp that hold each. */
export interface SampledValues {
  level: Float64Array;
  nBp: Float64Array;
}

/** The detected kind of signal; null where the values alone do not tell it, so that the user has to. */
export function detectSignalKind(
  bigwig: BigWig,
  sampled: SampledValues,
  constants: Constants["signal_kinds"],
): SignalKind | null {
  refuseNegative(bigwig, sampled);
  const found = positive(sampled);
  if (found.level.length && found.level.every((level) => level === rint(level))) return "coverage";
  if (found.level.length && isScaledCounts(found)) return "cpm";
  const name = bigwig.name.toLowerCase();
  for (const [kind, hints] of Object.entries(constants.name_hints)) {
    if (hints.some((hint) => name.includes(hint))) return kind as SignalKind;
  }
  return null;
}

/** Refuse a file that holds negative values, which no kind of signal has. */
export function refuseNegative(bigwig: BigWig, sampled?: SampledValues): void {
  if (bigwig.summary.minimum < 0 || (sampled?.level.length && sampled.level[0] < 0)) throw negativeValues(bigwig);
}

/** Refuse signal whose values are logarithms of (scaled) counts, with or without a pseudo-count of 1. */
export function refuseLogarithms(bigwig: BigWig, sampled: SampledValues, constants: Constants["signal_kinds"]): void {
  const found = positive(sampled);
  const highest = found.level.at(-1);
  if (highest === undefined || highest > constants.highest_logarithm || isScaledCounts(found, false)) return;
  const bases: [string, number][] = [
    ["log2", 2],
    ["ln", Math.E],
    ["log10", 10],
  ];
  for (const [name, base] of bases) {
    const plain = found.level.map((level) => base ** level);
    const less = { ...found, level: plain.map((value) => value - 1) };
    if (isScaledCounts(less, false) || isRounded(plain, constants)) {
      throw new InputError(
        `${bigwig.name}: holds logarithms of counts (${name} of the signal, or of 1 + the signal), and peaks are called ` +
          "in linear signal; give the bigWig as it was before the logarithm.",
      );
    }
  }
}

/** The error of a file that holds negative values. */
export function negativeValues(bigwig: BigWig): InputError {
  return new InputError(
    `${bigwig.name}: holds negative values (a log ratio or a strand?), and signal must be 0 or more; give counts, ` +
      "coverage, CPM, fold change or -log10 p.",
  );
}

/**
 * Blocks of about 1 Mb, evenly spaced over what the file covers without the excluded sequences: at most `maxBlocks`
 * times 1 Mb and a few thousand blocks, and the same ones whatever the order of the file's chromosomes.
 */
export async function sampleBlocks(
  bigwig: BigWig,
  maxBlocks: number,
  { block_bp: blockBp, most_blocks: mostBlocks }: Constants["signal_kinds"],
  excluded: ReadonlySet<string> = new Set(),
): Promise<Interval[]> {
  const covered = await bigwig.coveredBlocks(blockBp);
  const blocks = covered.filter((block) => !excluded.has(block.chrom));
  blocks.sort((a, b) => compareText(a.chrom, b.chrom) || a.start - b.start);
  const totalBp = blocks.reduce((total, block) => total + block.end - block.start, 0);
  const nWanted = Math.floor((blocks.length * Math.min(maxBlocks * blockBp, totalBp)) / Math.max(totalBp, 1));
  const nKept = Math.min(Math.max(nWanted, 1), blocks.length, mostBlocks);
  return Array.from({ length: nKept }, (_, i) => blocks[Math.floor((i * blocks.length) / nKept)]);
}

/** The values of some blocks. */
export async function sampleValues(bigwig: BigWig, constants: Constants["signal_kinds"]): Promise<SampledValues> {
  const nBp = new Map<number, number>();
  for (const block of await sampleBlocks(bigwig, constants.sampled_blocks, constants)) {
    const found = await bigwig.records(block);
    found.value.forEach((value, i) => {
      if (Number.isNaN(value)) return;
      const width = Math.min(found.end[i], block.end) - Math.max(found.start[i], block.start);
      nBp.set(value, (nBp.get(value) ?? 0) + width);
    });
  }
  const level = Float64Array.from(nBp.keys()).sort();
  return { level, nBp: level.map((value) => nBp.get(value) as number) };
}

/** Order of texts by their code units, as Python sorts names. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function positive({ level, nBp }: SampledValues): SampledValues {
  const first = countUpTo(level, 0);
  return { level: level.subarray(first), nBp: nBp.subarray(first) };
}

function medianOf({ level, nBp }: SampledValues): number {
  const sums = runningSums(nBp).subarray(1);
  const total = sums[sums.length - 1];
  const middle = [Math.floor((total - 1) / 2), Math.floor(total / 2)].map((place) => level[countUpTo(sums, place)]);
  return (middle[0] + middle[1]) / 2;
}

/** True for whole multiples of the smallest value, most of them small; values of a file are divided in float32. */
function isScaledCounts(found: SampledValues, inFloat32 = true): boolean {
  const unit = found.level[0];
  const units = found.level.map((level) => (inFloat32 ? Math.fround(level / unit) : level / unit));
  // Rounded decimals are multiples of a smallest value too, but of one far below the usual value.
  const usual = medianOf({ level: units, nBp: found.nBp });
  return usual <= 50 && units.every((value) => Math.abs(value - rint(value)) <= 1e-4 * value + 1e-3);
}

function isRounded(plain: Float64Array, constants: Constants["signal_kinds"]): boolean {
  const telling = plain.filter((value) => value < constants.telling_count).map((value) => rint(value * 1000) / 1000);
  const isWhole = plain.every((value) => Math.abs(value - rint(value)) <= 1e-4 * value);
  return new Set(telling).size >= constants.least_telling && isWhole;
}
