/** Records in the blocks of a bigWig: stretches with a value, and summaries of zoom levels. */

import { countBelow, countUpTo } from "../../numbers.ts";

const BLOCK_HEADER_BYTES = 24;
const RECORD_BYTES = new Map([
  [1, 12],
  [2, 8],
  [3, 4],
]);
export const ZOOM_RECORD_BYTES = 32;

/** Stretches of one chromosome with their values, in order and apart. */
export interface Records {
  start: Float64Array;
  end: Float64Array;
  value: Float32Array;
}

/** Where a block lies, as the index says. */
export interface BlockEntry {
  firstChrom: number;
  lastChrom: number;
  start: number;
  end: number;
}

/** A block's content contradicts itself or the index. */
export class BadBlockError extends Error {}

/** The records of a block of signal, which the index describes; see `genome/bigwig/records.py`. */
export function readBlock(content: Uint8Array, entry: BlockEntry): Records {
  if (content.length < BLOCK_HEADER_BYTES) throw new BadBlockError("it is too short");
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const count = view.getUint16(22, true);
  const size = RECORD_BYTES.get(view.getUint8(20));
  if (size === undefined || content.length !== BLOCK_HEADER_BYTES + count * size) {
    throw new BadBlockError(`${content.length} bytes for ${count} records`);
  }
  const found = parse(view, count, size);
  if (!count) return found;
  const chrom = view.getUint32(0, true);
  const isThere = chrom === entry.firstChrom && chrom === entry.lastChrom;
  if (!isThere || found.start[0] < entry.start || found.end[count - 1] > entry.end) {
    throw new BadBlockError("its records are not where the index says");
  }
  for (let i = 0; i < count; i++) {
    if (found.start[i] >= found.end[i] || (i && found.start[i] < found.end[i - 1])) {
      throw new BadBlockError("its records are not in order");
    }
  }
  return found;
}

function parse(view: DataView, count: number, size: number): Records {
  const found = { start: new Float64Array(count), end: new Float64Array(count), value: new Float32Array(count) };
  const first = view.getUint32(4, true);
  const step = view.getUint32(12, true);
  const span = view.getUint32(16, true);
  for (let i = 0; i < count; i++) {
    const at = BLOCK_HEADER_BYTES + i * size;
    const start = size === 4 ? first + step * i : view.getUint32(at, true);
    found.start[i] = start;
    found.end[i] = size === 12 ? view.getUint32(at + 4, true) : start + span;
    found.value[i] = view.getFloat32(at + size - 4, true);
  }
  return found;
}

/** The records of several blocks. */
export function joined(parts: Records[]): Records {
  const length = parts.reduce((total, part) => total + part.start.length, 0);
  const all = { start: new Float64Array(length), end: new Float64Array(length), value: new Float32Array(length) };
  let at = 0;
  for (const part of parts) {
    all.start.set(part.start, at);
    all.end.set(part.end, at);
    all.value.set(part.value, at);
    at += part.start.length;
  }
  return all;
}

/** The records that overlap `[start, end)`. */
export function within(records: Records, start: number, end: number): Records {
  const low = countUpTo(records.end, start);
  const high = Math.max(countBelow(records.start, end), low);
  return {
    start: records.start.subarray(low, high),
    end: records.end.subarray(low, high),
    value: records.value.subarray(low, high),
  };
}
