/** Values of a bigWig file, safe whatever the file holds; mirrors `genome/bigwig/reader.py`. */

import { firstWhere } from "../../numbers.ts";
import { type Block, BigWigStructure } from "./format.ts";
import { BadBlockError, joined, readBlock, type Records, within, ZOOM_RECORD_BYTES } from "./records.ts";
import type { Bytes } from "../bytes.ts";

/** Starts and ends of stretches of a chromosome, in bp. */
export interface Stretches {
  start: number[];
  end: number[];
}

interface ZoomRecord {
  chrom: number;
  start: number;
  end: number;
  minimum: number;
  maximum: number;
}

/** An open bigWig. */
export class BigWigReader {
  readonly chromSizes: ReadonlyMap<string, number>;
  private readonly blocks: Block[];
  private readonly ofChrom = new Map<string, [number, number]>();
  private readonly isChecked: Uint8Array;

  private constructor(private readonly structure: BigWigStructure) {
    this.chromSizes = structure.chromSizes;
    this.blocks = structure.blocks;
    this.isChecked = new Uint8Array(this.blocks.length);
    let first = 0;
    [...this.chromSizes.keys()].forEach((chrom, number) => {
      let after = first;
      while (after < this.blocks.length && this.blocks[after].firstChrom === number) after++;
      this.ofChrom.set(chrom, [first, after]);
      first = after;
    });
  }

  /** Open a file that is known to be a bigWig. */
  static async open(bytes: Bytes): Promise<BigWigReader> {
    return new BigWigReader(await BigWigStructure.open(bytes));
  }

  /** Base pairs with a value, and the smallest value; of files without a summary, by the index and the zoom levels. */
  async summary(): Promise<{ coveredBp: number; minimum: number }> {
    const { coveredBp, minimum, zooms } = this.structure;
    if (coveredBp === null || minimum === null) {
      const lows = zooms.length ? (await this.zoomRecords(0)).map((record) => record.minimum) : [];
      return { coveredBp: this.blocks.length, minimum: lows.reduce((least, low) => (low < least ? low : least), Infinity) };
    }
    return { coveredBp: this.blocks.length ? coveredBp : 0, minimum };
  }

  /** The records that overlap `[start, end)`. */
  async records(chrom: string, start: number, end: number): Promise<Records> {
    const [first, after] = this.ofChrom.get(chrom) as [number, number];
    let low = first + firstWhere(after - first, (place) => this.blocks[first + place].end > start);
    let high = first + firstWhere(after - first, (place) => this.blocks[first + place].start >= end);
    // A block may be found beside its place in a damaged index, so that neighbours are looked into, once.
    if (low > first && !this.isChecked[low - 1]) low--;
    if (high < after && !this.isChecked[high]) high++;
    return within(joined(await this.read(low, Math.max(high, low))), start, end);
  }

  /** Starts and ends of stretches of at most half the width that hold a value above 0, by chromosome. */
  async positiveStretches(widthBp: number): Promise<Map<string, Stretches>> {
    const names = [...this.chromSizes.keys()];
    const fitting = this.structure.zooms.map((zoom, level) => ({ ...zoom, level })).filter((z) => z.reductionBp <= widthBp / 2);
    const found = new Map<string, Stretches>();
    if (!fitting.length) {
      for (const chrom of names) {
        const positive = await this.positiveRecords(chrom);
        if (positive.start.length) found.set(chrom, positive);
      }
      return found;
    }
    const coarsest = fitting.reduce((best, zoom) => (zoom.reductionBp > best.reductionBp ? zoom : best));
    for (const record of await this.zoomRecords(coarsest.level)) {
      const chrom = names[record.chrom];
      if (!(await this.isPositive(record, chrom))) continue;
      const stretches = found.get(chrom) ?? { start: [], end: [] };
      stretches.start.push(record.start);
      // The last bin of a fixed width may end past its chromosome.
      stretches.end.push(Math.min(record.end, this.chromSizes.get(chrom) as number));
      found.set(chrom, stretches);
    }
    return found;
  }

  /** True for summaries of values above 0; where one is NaN, the highest is NaN too, and says nothing. */
  private async isPositive(record: ZoomRecord, chrom: string): Promise<boolean> {
    if (!Number.isNaN(record.maximum)) return record.maximum > 0;
    return (await this.records(chrom, record.start, record.end)).value.some((value) => value > 0);
  }

  private async positiveRecords(chrom: string): Promise<Stretches> {
    const found = joined(await this.read(...(this.ofChrom.get(chrom) as [number, number])));
    const stretches: Stretches = { start: [], end: [] };
    found.value.forEach((value, i) => {
      if (!(value > 0)) return;
      stretches.start.push(found.start[i]);
      stretches.end.push(Math.min(found.end[i], this.chromSizes.get(chrom) as number));
    });
    return stretches;
  }

  private async read(first: number, after: number): Promise<Records[]> {
    const parts: Records[] = [];
    for await (const content of this.structure.data(this.blocks.slice(first, after))) {
      const block = this.blocks[first + parts.length];
      try {
        parts.push(readBlock(content, block));
      } catch (error) {
        if (!(error instanceof BadBlockError)) throw error;
        throw this.structure.damaged(`a block at byte ${block.offset}: ${error.message}`);
      }
    }
    this.isChecked.fill(1, first, after);
    return parts;
  }

  /** All summaries of a zoom level, in the order of the genome. */
  private async zoomRecords(level: number): Promise<ZoomRecord[]> {
    const sizes = [...this.chromSizes.values()];
    const found: ZoomRecord[] = [];
    const blocks = await this.structure.readIndex(this.structure.zooms[level].indexOffset);
    for await (const content of this.structure.data(blocks)) {
      if (content.length % ZOOM_RECORD_BYTES) throw this.structure.damaged("a zoom level of parts of records");
      const view = new DataView(content.buffer, content.byteOffset, content.length);
      for (let at = 0; at < content.length; at += ZOOM_RECORD_BYTES) {
        const [chrom, start, end] = [0, 4, 8].map((field) => view.getUint32(at + field, true));
        const before = found.at(-1);
        const isLater =
          !before || chrom > before.chrom || (chrom === before.chrom && start >= before.end);
        if (!(chrom < sizes.length && start < sizes[chrom] && start < end && isLater)) {
          throw this.structure.damaged("a zoom level whose records are not in order");
        }
        found.push({ chrom, start, end, minimum: view.getFloat32(at + 16, true), maximum: view.getFloat32(at + 20, true) });
      }
    }
    return found;
  }
}
