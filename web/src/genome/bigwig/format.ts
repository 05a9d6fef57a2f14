/**
 * The structure of a bigWig file, checked as it is read (Kent et al., Bioinformatics 2010, supplement, tables 5 to 20).
 *
 * The checks are those of `genome/bigwig/format.py`: a damaged file is refused here as it is there.
 */

import { unzlibSync } from "fflate";

import { InputError } from "../../errors.ts";
import type { BlockEntry } from "./records.ts";
import type { Bytes } from "../bytes.ts";

const HEADER_BYTES = 64;
const ZOOM_BYTES = 24;
const SUMMARY_BYTES = 40;
const TREE_HEADER_BYTES = 32;
const TREE_MAGIC = 0x78ca8c91;
const INDEX_HEADER_BYTES = 48;
const INDEX_MAGIC = 0x2468ace0;
const BRANCH_BYTES = 24;
const LEAF_BYTES = 32;
export const BLOCK_HEADER_BYTES = 24;
// A block's number of records has 16 bits, and the largest records have 32 bytes.
const LARGEST_BLOCK = BLOCK_HEADER_BYTES + 32 * 65535;
// Neighbouring blocks are read together up to this many bytes.
const READ_BYTES = 4 << 20;

/** Summaries over stretches of up to `reductionBp`, and the index of their blocks. */
export interface ZoomLevel {
  reductionBp: number;
  indexOffset: number;
}

/** A block of the index, and where it lies in the file. */
export interface Block extends BlockEntry {
  offset: number;
  size: number;
}

/** A bigWig's header, chromosomes and index. */
export class BigWigStructure {
  zooms: ZoomLevel[] = [];
  chromSizes = new Map<string, number>();
  blocks: Block[] = [];
  coveredBp: number | null = null;
  minimum: number | null = null;
  private isCompressed = false;
  private readonly scratch = new Uint8Array(LARGEST_BLOCK + 1);

  private constructor(readonly bytes: Bytes) {}

  /** Read and check header, chromosomes and index of a file that is known to be a little-endian bigWig. */
  static async open(bytes: Bytes): Promise<BigWigStructure> {
    const structure = new BigWigStructure(bytes);
    await structure.readAll();
    return structure;
  }

  /** The error of a damaged file. */
  damaged(reason: string): InputError {
    return new InputError(`${this.bytes.name}: this bigWig is damaged or cut short (${reason}); copy or write it again.`);
  }

  /** The content of some blocks, in their order; each is overwritten by the next. */
  async *data(blocks: Block[]): AsyncGenerator<Uint8Array> {
    for (let first = 0; first < blocks.length; ) {
      const from = blocks[first].offset;
      let after = first + 1;
      let end = from + blocks[first].size;
      while (after < blocks.length && blocks[after].offset === end && end - from < READ_BYTES) {
        end += blocks[after++].size;
      }
      const read = await this.read(from, end - from);
      for (; first < after; first++) {
        const at = blocks[first].offset - from;
        yield this.unpacked(read.subarray(at, at + blocks[first].size), blocks[first].offset);
      }
    }
  }

  /** The index of the data, or of a zoom level: all of its leaves, checked and in order. */
  async readIndex(offset: number): Promise<Block[]> {
    const header = await this.view(offset, INDEX_HEADER_BYTES);
    if (header.getUint32(0, true) !== INDEX_MAGIC) throw this.damaged(`no index at byte ${offset}`);
    const nItems = whole(header, 8);
    const perBlock = header.getUint32(40, true);
    const found: Block[] = [];
    const seen = new Set<number>();
    let nBytes = 0;
    const todo = [offset + INDEX_HEADER_BYTES];
    while (todo.length) {
      const place = todo.pop() as number;
      if (seen.has(place)) throw this.damaged("an index with a circle");
      seen.add(place);
      const head = await this.view(place, 4);
      const isLeaf = head.getUint8(0) !== 0;
      const count = head.getUint16(2, true);
      const itemBytes = isLeaf ? LEAF_BYTES : BRANCH_BYTES;
      nBytes += count * itemBytes;
      if (nBytes > this.bytes.size) throw this.damaged("an index that is larger than the file");
      const items = await this.view(place + 4, count * itemBytes);
      const children: number[] = [];
      for (let i = 0; i < count; i++) {
        if (isLeaf) found.push(leaf(items, i * LEAF_BYTES));
        else children.push(whole(items, i * BRANCH_BYTES + 16));
      }
      todo.push(...children.reverse());
    }
    // Items are blocks, or the records of zoom levels, of which a block takes up to `perBlock`.
    if (found.length !== nItems && found.length !== Math.ceil(nItems / Math.max(perBlock, 1))) {
      throw this.damaged(`${found.length} blocks are listed, of ${nItems} items`);
    }
    return this.checked(found);
  }

  private async readAll(): Promise<void> {
    const header = await this.view(0, HEADER_BYTES);
    const nZooms = header.getUint16(6, true);
    this.isCompressed = header.getUint32(52, true) > 0;
    const zooms = await this.view(HEADER_BYTES, nZooms * ZOOM_BYTES);
    for (let i = 0; i < nZooms; i++) {
      const at = i * ZOOM_BYTES;
      this.zooms.push({ reductionBp: zooms.getUint32(at, true), indexOffset: whole(zooms, at + 16) });
    }
    if (this.zooms.some((zoom) => zoom.reductionBp === 0)) throw this.damaged("a zoom level of 0 bp");
    const summary = whole(header, 44);
    if (summary) {
      const view = await this.view(summary, SUMMARY_BYTES);
      this.coveredBp = whole(view, 0);
      this.minimum = view.getFloat64(8, true);
    }
    this.chromSizes = await this.readChromosomes(whole(header, 8));
    const index = whole(header, 24);
    // Without an index there is no data.
    this.blocks = index ? await this.readIndex(index) : [];
  }

  private async readChromosomes(offset: number): Promise<Map<string, number>> {
    const header = await this.view(offset, TREE_HEADER_BYTES);
    const keyBytes = header.getUint32(8, true);
    if (header.getUint32(0, true) !== TREE_MAGIC || header.getUint32(12, true) !== 8 || !keyBytes || keyBytes > 4096) {
      throw this.damaged("no list of chromosomes");
    }
    const found = new Map<number, [string, number]>();
    const seen = new Set<number>();
    const todo = [offset + TREE_HEADER_BYTES];
    while (todo.length) {
      const place = todo.pop() as number;
      if (seen.has(place)) throw this.damaged("a list of chromosomes with a circle");
      seen.add(place);
      const head = await this.view(place, 4);
      const count = head.getUint16(2, true);
      const items = await this.view(place + 4, count * (keyBytes + 8));
      for (let i = 0; i < count; i++) {
        const at = i * (keyBytes + 8);
        if (!head.getUint8(0)) {
          todo.push(whole(items, at + keyBytes));
          continue;
        }
        const number = items.getUint32(at + keyBytes, true);
        if (found.has(number)) throw this.damaged("a chromosome that is listed twice");
        const name = this.chromName(new Uint8Array(items.buffer, items.byteOffset + at, keyBytes));
        found.set(number, [name, items.getUint32(at + keyBytes + 4, true)]);
      }
    }
    const nChroms = whole(header, 16);
    const ordered = [...found].sort((a, b) => a[0] - b[0]);
    const names = new Map(ordered.map(([, pair]) => pair));
    if (names.size !== found.size || found.size !== nChroms || (ordered.at(-1)?.[0] ?? -1) !== nChroms - 1) {
      throw this.damaged(`${names.size} chromosomes are listed, ${nChroms} were announced`);
    }
    return names;
  }

  private chromName(key: Uint8Array): string {
    const text = new TextDecoder().decode(key).replace(/\0+$/, "");
    if (!text || /[\p{C}\uFFFD]/u.test(text)) throw this.damaged("a chromosome without a readable name");
    return text;
  }

  private async checked(blocks: Block[]): Promise<Block[]> {
    for (const block of blocks) {
      if (block.lastChrom >= this.chromSizes.size) throw this.damaged("an index of chromosomes that are not listed");
      if (block.offset + block.size > this.bytes.size || block.size > LARGEST_BLOCK + 1024) {
        throw this.damaged("an index of data outside the file");
      }
    }
    if (isInOrder(blocks)) return blocks;
    // libBigWig leaves empty blocks behind, which it says to span a whole chromosome.
    const kept: Block[] = [];
    let place = 0;
    for await (const content of this.data(blocks)) {
      if (content.length !== BLOCK_HEADER_BYTES) kept.push(blocks[place]);
      place++;
    }
    if (!isInOrder(kept)) throw this.damaged("an index that is not in order");
    return kept;
  }

  private unpacked(content: Uint8Array, offset: number): Uint8Array {
    if (!this.isCompressed) return content;
    let found: Uint8Array;
    try {
      found = unzlibSync(content, { out: this.scratch });
    } catch (error) {
      throw this.damaged(`a block at byte ${offset}: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (found.length > LARGEST_BLOCK) throw this.damaged(`a block at byte ${offset} that does not end`);
    if (adler32(found) !== new DataView(content.buffer, content.byteOffset + content.length - 4, 4).getUint32(0)) {
      throw this.damaged(`a block at byte ${offset}: incorrect data check`);
    }
    return found;
  }

  private async view(offset: number, length: number): Promise<DataView> {
    const found = await this.read(offset, length);
    return new DataView(found.buffer, found.byteOffset, found.length);
  }

  private async read(offset: number, length: number): Promise<Uint8Array> {
    if (offset + length > this.bytes.size) {
      throw this.damaged(`it points to byte ${offset + length} and has ${this.bytes.size}`);
    }
    return length ? this.bytes.read(offset, length) : new Uint8Array(0);
  }
}

function leaf(view: DataView, at: number): Block {
  return {
    firstChrom: view.getUint32(at, true),
    start: view.getUint32(at + 4, true),
    lastChrom: view.getUint32(at + 8, true),
    end: view.getUint32(at + 12, true),
    offset: whole(view, at + 16),
    size: whole(view, at + 24),
  };
}

/** A whole number of 64 bits; those beyond 2^53 are damage, and lie outside any file all the same. */
function whole(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function isInOrder(blocks: Block[]): boolean {
  return blocks.every((block, i) => {
    const spans = block.firstChrom < block.lastChrom || (block.firstChrom === block.lastChrom && block.start < block.end);
    if (!i) return spans;
    const before = blocks[i - 1];
    const follows =
      block.firstChrom > before.lastChrom || (block.firstChrom === before.lastChrom && block.start >= before.end);
    return spans && follows;
  });
}

/** The checksum that ends a zlib stream, which fflate does not look at. */
export function adler32(content: Uint8Array): number {
  let low = 1;
  let high = 0;
  for (let at = 0; at < content.length; ) {
    const end = Math.min(at + 3800, content.length);
    for (; at < end; at++) high += low += content[at];
    low %= 65521;
    high %= 65521;
  }
  return ((high << 16) | low) >>> 0;
}
