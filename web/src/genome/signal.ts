/** Signal per base pair from a bigWig, averaged into bins; mirrors `signal.py`. */

import { InputError } from "../errors.ts";
import { countBelow, countUpTo } from "../numbers.ts";
import type { Records } from "./bigwig/records.ts";
import { BigWigReader } from "./bigwig/reader.ts";
import type { Bytes } from "./bytes.ts";

/** A stretch of a chromosome, 0-based and half-open. */
export interface Interval {
  chrom: string;
  start: number;
  end: number;
}

// The most bp whose records are in memory at once.
const CHUNK_BP = 1 << 22;
const BIGWIG_MAGIC = 0x888ffc26;
const BIGBED_MAGIC = 0x8789f2eb;

/** A bigWig whose structure was checked. */
export class BigWig {
  private constructor(
    readonly name: string,
    private readonly reader: BigWigReader,
    readonly summary: { coveredBp: number; minimum: number },
  ) {}

  /** Open and check a bigWig; an `InputError` says what else the file is, or that it is damaged or holds no value. */
  static async open(bytes: Bytes): Promise<BigWig> {
    await checkMagic(bytes);
    const reader = await BigWigReader.open(bytes);
    const summary = await reader.summary();
    if (!reader.chromSizes.size || summary.coveredBp === 0) {
      throw new InputError(`${bytes.name}: this bigWig holds no value at all; was it written to its end?`);
    }
    return new BigWig(bytes.name, reader, summary);
  }

  /** Length of each chromosome in bp, in the file's order. */
  get chromSizes(): ReadonlyMap<string, number> {
    return this.reader.chromSizes;
  }

  /** The length of a chromosome of the file, in bp. */
  size(chrom: string): number {
    const found = this.chromSizes.get(chrom);
    if (found === undefined) {
      const some = [...this.chromSizes.keys()].slice(0, 5).join(", ");
      throw new InputError(`${this.name}: has no chromosome ${chrom}; it has ${some}.`);
    }
    return found;
  }

  /** The records that overlap an interval. */
  records({ chrom, start, end }: Interval): Promise<Records> {
    return this.reader.records(chrom, start, end);
  }

  /** The value of each bp of an interval within its chromosome, 0 where there is none. */
  async values(interval: Interval): Promise<Float32Array> {
    const values = new Float32Array(interval.end - interval.start);
    const found = await this.records(interval);
    found.value.forEach((value, i) => {
      const start = Math.max(found.start[i], interval.start) - interval.start;
      values.fill(Number.isNaN(value) ? 0 : value, start, found.end[i] - interval.start);
    });
    return values;
  }

  /**
   * Mean signal over each bin of `[startBin, endBin)`; the last bin of a chromosome is averaged over the bp that exist,
   * and bins outside the chromosome are 0.
   */
  async binned(chrom: string, startBin: number, endBin: number, binBp: number): Promise<Float32Array> {
    const size = this.size(chrom);
    const means = new Float32Array(Math.max(endBin - startBin, 0));
    const last = Math.min(endBin, Math.ceil(size / binBp));
    const step = Math.max(Math.floor(CHUNK_BP / binBp), 1);
    for (let low = Math.max(startBin, 0); low < last; low += step) {
      const high = Math.min(low + step, last);
      means.set(await this.means({ chrom, start: low * binBp, end: Math.min(high * binBp, size) }, binBp), low - startBin);
    }
    return means;
  }

  /** Mean signal of the parts of `widthBp` of an interval, of which the last may be narrower. */
  async means(interval: Interval, widthBp: number): Promise<Float32Array> {
    const found = await this.records(interval);
    const length = interval.end - interval.start;
    const sums = binSums(found, interval, widthBp);
    const means = Float32Array.from(sums, (sum, i) => Math.fround(sum) / Math.min(widthBp, length - i * widthBp));
    const infinite = means.findIndex((mean) => !Number.isFinite(mean));
    if (infinite >= 0) {
      const where = `${interval.chrom}:${interval.start + infinite * widthBp}`;
      throw new InputError(`${this.name}: holds an infinite value near ${where}; cap or remove such values.`);
    }
    return means;
  }

  /** Blocks of about this width that hold a value above 0, by the file's zoom levels, to choose where to look. */
  async coveredBlocks(blockBp: number): Promise<Interval[]> {
    const positive = await this.reader.positiveStretches(blockBp);
    const blocks: Interval[] = [];
    for (const [chrom, size] of this.chromSizes) {
      const stretches = positive.get(chrom);
      if (!stretches) continue;
      const nBlocks = Math.max(Math.floor(size / blockBp), 1);
      const edges = Array.from({ length: nBlocks + 1 }, (_, i) => Math.floor((i * size) / nBlocks));
      const steps = new Int32Array(nBlocks + 1);
      stretches.start.forEach((start) => steps[countUpTo(edges, start) - 1]++);
      stretches.end.forEach((end) => steps[countBelow(edges, end)]--);
      let depth = 0;
      for (let i = 0; i < nBlocks; i++) {
        depth += steps[i];
        if (depth) blocks.push({ chrom, start: edges[i], end: edges[i + 1] });
      }
    }
    return blocks;
  }
}

/** The sum of the values of the bp of each bin of an interval; no value, and NaN, is 0. */
function binSums(found: Records, { start, end }: Interval, binBp: number): Float64Array {
  const sums = new Float64Array(Math.ceil((end - start) / binBp));
  for (let i = 0; i < found.value.length; i++) {
    const value = found.value[i];
    if (Number.isNaN(value)) continue;
    const to = Math.min(found.end[i], end) - start;
    for (let at = Math.max(found.start[i], start) - start; at < to; ) {
      const bin = Math.floor(at / binBp);
      const next = Math.min((bin + 1) * binBp, to);
      sums[bin] += value * (next - at);
      at = next;
    }
  }
  return sums;
}

async function checkMagic(bytes: Bytes): Promise<void> {
  if (!bytes.size) {
    throw new InputError(`${bytes.name}: the file is empty (0 bytes), expected a bigWig; download or write it again.`);
  }
  const first = await bytes.read(0, Math.min(4, bytes.size));
  const magic = first.length === 4 ? new DataView(first.buffer, first.byteOffset, 4).getUint32(0, true) : 0;
  if (magic === BIGBED_MAGIC) {
    throw new InputError(`${bytes.name}: is a bigBed (intervals), expected a bigWig (signal); give the signal track.`);
  }
  const text = String.fromCharCode(...first);
  if (text.startsWith("\x1f\x8b") || text === "CRAM") {
    throw new InputError(
      `${bytes.name}: holds reads or compressed text, expected a bigWig; call peaks in reads with epizoo's command ` +
        "line, or make a bigWig of them, as with bamCoverage.",
    );
  }
  if (magic !== BIGWIG_MAGIC) {
    throw new InputError(`${bytes.name}: is not a bigWig (by its first bytes); convert it, as with bedGraphToBigWig.`);
  }
}
