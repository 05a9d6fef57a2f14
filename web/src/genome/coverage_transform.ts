/** The transform of coverage for peak callers; mirrors `coverage_transform.py`, and its docstrings explain it. */

import { InputError } from "../errors.ts";
import { countBelow, interpolate, median, runningSums, sum } from "../numbers.ts";
import type { Constants, SignalKind, TransformSettings } from "../settings.ts";
import { poissonLog10P } from "./poisson.ts";
import type { BigWig, Interval } from "./signal.ts";
import {
  detectSignalKind,
  negativeValues,
  refuseLogarithms,
  refuseNegative,
  sampleBlocks,
  sampleValues,
} from "./signal_kinds.ts";

/** A stretch whose signal counted for less, and its share of all excess over the background. */
export interface CappedBlock extends Interval {
  share: number;
}

/** A transform with the figures of one file: arcsinh(signal / scale). */
export class FittedTransform {
  constructor(
    readonly kind: SignalKind,
    readonly background: number,
    readonly scale: number,
    readonly log10PBackground: number,
    readonly capped: CappedBlock[] = [],
  ) {}

  /** Transform mean signal per bin. */
  apply(values: Float32Array | Float64Array): Float32Array {
    const linear = toLinear(values, this.kind, this.log10PBackground);
    const scale = Math.fround(this.scale);
    return linear.map((value) => Math.asinh(Math.fround(value / scale)));
  }

  /** Linear signal from transformed signal, in multiples of `unit`. */
  inverse(transformed: Float32Array, unit = 1): Float32Array {
    const factor = Math.fround(this.scale / unit);
    return transformed.map((value) => Math.fround(Math.sinh(value)) * factor);
  }
}

/** Estimate the background and the scale of a file, without the excluded sequences. */
export async function fitTransform(
  bigwig: BigWig,
  stated: SignalKind | null,
  settings: TransformSettings,
  constants: Constants,
  excluded: ReadonlySet<string>,
): Promise<FittedTransform> {
  const kind = await signalKind(bigwig, stated, constants);
  const sampled = await sampleBlocks(bigwig, settings.max_blocks, constants.signal_kinds, excluded);
  const blocks = sampled.flatMap((block) => quarters(block, constants.coverage_transform.block_bp));
  const linear: Float32Array[] = [];
  for (const block of blocks) {
    const stretches = await knownStretches(bigwig, block, settings, constants);
    if (stretches.some((value) => value < 0)) throw negativeValues(bigwig);
    linear.push(toLinear(stretches, kind, settings.log10_p_background));
  }
  const background = firstPositiveMedian(concatenated(linear));
  if (background === null) {
    throw new InputError(
      `${bigwig.name}: has no signal in any sampled stretch, so its background is unknown; give another file.`,
    );
  }
  const { level, capped } = levelOverFold(linear, background, settings, constants.coverage_transform);
  const scale = background ** (1 - settings.peak_weight) * level ** settings.peak_weight;
  const parts = settings.peak_weight ? capped.map(({ block, share }) => ({ ...blocks[block], share })) : [];
  return new FittedTransform(kind, background, scale * settings.scale_factor, settings.log10_p_background, parts);
}

/** The kind of signal: the stated one, or the one that is detected. */
async function signalKind(bigwig: BigWig, stated: SignalKind | null, constants: Constants): Promise<SignalKind> {
  const values = await sampleValues(bigwig, constants.signal_kinds);
  refuseLogarithms(bigwig, values, constants.signal_kinds);
  if (stated) {
    refuseNegative(bigwig);
    return stated;
  }
  const found = detectSignalKind(bigwig, values, constants.signal_kinds);
  if (found === null) {
    throw new InputError(
      `${bigwig.name}: holds fractions, which may be CPM, fold change or -log10 p; choose the kind of signal.`,
    );
  }
  return found;
}

/** A block in parts of a quarter of a megabase, of which the last one takes the rest. */
export function quarters({ chrom, start, end }: Interval, blockBp: number): Interval[] {
  const n = Math.max(Math.floor((end - start) / blockBp), 1);
  return Array.from({ length: n }, (_, i) => {
    const low = start + i * blockBp;
    return { chrom, start: low, end: i === n - 1 ? end : low + blockBp };
  });
}

/** Mean signal of the stretches of known signal in a block: those of 10 kb without any are unknown. */
async function knownStretches(
  bigwig: BigWig,
  block: Interval,
  settings: TransformSettings,
  constants: Constants,
): Promise<Float32Array> {
  const width = Math.min(settings.background_bin_bp, block.end - block.start);
  const nWhole = Math.floor((block.end - block.start) / width);
  const all = await bigwig.means({ ...block, end: block.start + nWhole * width }, width);
  const perKnown = Math.max(Math.floor(constants.coverage_transform.known_stretch_bp / settings.background_bin_bp), 1);
  const group = Math.min(perKnown, all.length);
  const kept = Math.max(Math.floor(all.length / perKnown), 1) * perKnown;
  const known: number[] = [];
  for (let at = 0; at < Math.min(kept, all.length); at += group) {
    const here = all.subarray(at, at + group);
    if (here.some((value) => value !== 0)) known.push(...here);
  }
  return Float32Array.from(known);
}

/** The median, over ever wider stretches while it is 0; null where nothing is positive. */
export function firstPositiveMedian(stretches: Float32Array): number | null {
  while (stretches.some((value) => value !== 0)) {
    const found = Math.fround(median(stretches));
    if (found > 0) return found;
    stretches = meansOf(stretches, Math.min(10, stretches.length));
  }
  return null;
}

function meansOf(values: Float32Array, width: number): Float32Array {
  return Float32Array.from({ length: Math.floor(values.length / width) }, (_, i) => {
    return Math.fround(sum(values.subarray(i * width, (i + 1) * width))) / width;
  });
}

/** The peaks' level over its fold, and the blocks that were capped. */
function levelOverFold(
  blocks: Float32Array[],
  background: number,
  settings: TransformSettings,
  constants: Constants["coverage_transform"],
): PeakLevel {
  const { level, capped } = peakLevel(blocks, background, settings.peak_fold, constants);
  const narrow = level / settings.peak_fold;
  const fold = settings.broad_fold ?? null;
  if (fold === null) return { level: narrow, capped };
  const broad = peakLevel(blocks, background, fold, constants);
  const nDomain = Math.ceil(constants.domain_bp / settings.background_bin_bp);
  const share = breadth(blocks, background, fold, nDomain, constants);
  const weight = share ** 2 / (share ** 2 + (1 - share) ** 2);
  const mean = narrow ** (1 - weight) * (broad.level / fold) ** weight;
  return { level: mean, capped: weight > 0.5 ? broad.capped : capped };
}

interface PeakLevel {
  level: number;
  capped: { block: number; share: number }[];
}

/** The signal above which half of the capped excess over the background lies, and the blocks that were capped. */
export function peakLevel(
  blocks: Float32Array[],
  background: number,
  fold: number,
  constants: Constants["coverage_transform"],
): PeakLevel {
  const least = Math.fround(fold * background);
  const high = blocks.map((block) => block.filter((value) => value >= least));
  const excess = high.map((values) => sum(values) - background * values.length);
  if (!excess.some((value) => value !== 0)) return { level: fold * background, capped: [] };
  const weight = blockWeights(excess, constants);
  const rows = high.flatMap((values, block) => Array.from(values, (value) => [value, weight[block]] as const));
  rows.sort((a, b) => a[0] - b[0]);
  const mass = runningSums(rows.map(([value, share]) => (value - background) * share)).subarray(1);
  const level = rows[countBelow(mass, mass[mass.length - 1] / 2)][0];
  const total = sum(excess);
  const capped = weight.flatMap((share, block) => (share < 1 ? [{ block, share: excess[block] / total }] : []));
  return { level, capped: capped.sort((a, b) => b.share - a.share) };
}

/** The share of the capped excess over the background, among stretches of at least `fold` times it, in domains. */
export function breadth(
  blocks: Float32Array[],
  background: number,
  fold: number,
  nDomain: number,
  constants: Constants["coverage_transform"],
): number {
  const least = Math.fround(fold * background);
  const excess = blocks.map((block) => {
    let [inDomains, all, run, length] = [0, 0, 0, 0];
    for (let i = 0; i <= block.length; i++) {
      if (i < block.length && block[i] >= least) {
        run += block[i] - background;
        length++;
        continue;
      }
      all += run;
      if (length >= nDomain) inDomains += run;
      [run, length] = [0, 0];
    }
    return { inDomains, all };
  });
  if (!excess.some(({ all }) => all !== 0)) return 0;
  const weight = blockWeights(excess.map(({ all }) => all), constants);
  return sum(excess.map(({ inDomains }, i) => weight[i] * inDomains)) / sum(excess.map(({ all }, i) => weight[i] * all));
}

/** Weights of the excess of each block, with which no block has more than its cap. */
function blockWeights(excess: number[], constants: Constants["coverage_transform"]): number[] {
  const cap = mostOfABlock(excess.filter((value) => value > 0), constants);
  return excess.map((value) => (value > cap ? cap / value : 1));
}

/** The cap c with c = 4 / n times the sum of min(excess, c) over n blocks; infinite where none has to be capped. */
export function mostOfABlock(excess: number[], constants: Constants["coverage_transform"]): number {
  const n = excess.length;
  if (n < constants.fewest_blocks) return Infinity;
  const share = constants.most_even_shares / n;
  const ordered = [...excess].sort((a, b) => b - a);
  const rest = Array.from(runningSums([...ordered].reverse())).reverse();
  if (ordered[0] <= share * rest[0]) return Infinity;
  // With the k largest capped, c = share * (k c + the rest); fewer than n / 4 can be.
  const most = Math.ceil(n / constants.most_even_shares) - 1;
  const caps = Array.from({ length: most }, (_, i) => (share * rest[i + 1]) / (1 - share * (i + 1)));
  return caps[Math.max(caps.findIndex((cap, i) => ordered[i + 1] <= cap), 0)];
}

function toLinear(values: Float32Array | Float64Array, kind: SignalKind, log10PBackground: number): Float32Array {
  if (kind !== "log10_p") return Float32Array.from(values);
  const { counts, log10P } = poissonTable(log10PBackground);
  return Float32Array.from(values, (value) => interpolate(Math.fround(value), log10P, counts));
}

const tables = new Map<number, { counts: number[]; log10P: number[] }>();

/** Counts x (continuous) and -log10 P(X >= x) for a Poisson variable, both rising from 0. */
export function poissonTable(mean: number): { counts: number[]; log10P: number[] } {
  let table = tables.get(mean);
  if (!table) {
    const even = Array.from({ length: 501 }, (_, i) => i * 0.1);
    const growing = Array.from({ length: 1000 }, (_, i) => 10 ** (Math.log10(51) + (i * (6 - Math.log10(51))) / 999));
    const counts = [...even, ...growing];
    table = { counts, log10P: counts.map((count) => poissonLog10P(count, mean)) };
    tables.set(mean, table);
  }
  return table;
}

function concatenated(parts: Float32Array[]): Float32Array {
  const all = new Float32Array(sum(parts.map((part) => part.length)));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
