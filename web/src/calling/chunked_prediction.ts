/**
 * A network over stretches of chromosomes, row by row, in bounded memory, as `chunked_prediction.py`.
 *
 * An output depends on the bins within the flanks alone, so that it does not matter how a stretch is cut into rows.
 */

import { sum } from "../numbers.ts";

/** Probabilities of the bins of rows that lie one after the other, each with its flanks: `nRows` times `rowBins`. */
export type Predict = (rows: Float32Array, nRows: number) => Promise<Float32Array>;

/** Bins of which probabilities are wanted, and what reads their transformed coverage (0 outside the chromosome). */
export interface Track {
  read(startBin: number, endBin: number): Promise<Float32Array>;
  startBin: number;
  endBin: number;
}

/** Consecutive bins of a track with what went into the network and what came out. */
export interface Piece {
  track: number;
  startBin: number;
  coverage: Float32Array;
  probabilities: Float32Array;
}

interface Place {
  track: number;
  startBin: number;
  coverage: Float32Array;
  at: number;
}

// Empty tracks take no room, but their pieces have to be kept until a window is full.
const MOST_PLACES = 4096;

/** Sizes of the windows that a network sees. */
export interface WindowSizes {
  flankBins: number;
  rowBins: number;
  chunkBins: number;
}

/** The pieces of all tracks, in order. Short tracks share a window, each with its own flanks. */
export async function* predictTracks(predict: Predict, tracks: Track[], sizes: WindowSizes): AsyncGenerator<Piece> {
  const window = new SharedWindow(predict, sizes);
  for (const [number, track] of tracks.entries()) {
    for (let start = track.startBin; start < track.endBin; start += sizes.chunkBins) {
      const end = Math.min(start + sizes.chunkBins, track.endBin);
      const coverage = await track.read(start - sizes.flankBins, end + sizes.flankBins);
      if (!window.hasRoom(coverage)) yield* window.pieces();
      window.add(number, start, coverage);
    }
  }
  yield* window.pieces();
}

/** Stretches of coverage that go through the network side by side. */
class SharedWindow {
  private readonly joined: Float32Array;
  private places: Place[] = [];
  private next = 0;
  private endsSilent = false;
  private silent: number | undefined;

  constructor(
    private readonly predict: Predict,
    private readonly sizes: WindowSizes,
  ) {
    this.joined = new Float32Array(sizes.chunkBins + 2 * sizes.flankBins);
  }

  /** True if a stretch fits, given with its flanks. */
  hasRoom(coverage: Float32Array): boolean {
    return this.places.length < MOST_PLACES && this.place(coverage) + coverage.length <= this.joined.length;
  }

  /** Take in a stretch that fits; without any signal it takes no room. */
  add(track: number, startBin: number, coverage: Float32Array): void {
    const at = hasSignal(coverage) ? this.place(coverage) : -1;
    if (at >= 0) {
      this.joined.set(coverage, at);
      this.next = at + coverage.length;
      this.endsSilent = !hasSignal(coverage.subarray(coverage.length - this.sizes.flankBins));
    }
    this.places.push({ track, startBin, coverage, at });
  }

  /** The pieces of all stretches; the window is empty afterwards. */
  async *pieces(): AsyncGenerator<Piece> {
    const { flankBins } = this.sizes;
    const outputs = await this.outputs();
    for (const { track, startBin, coverage, at } of this.places) {
      const inner = coverage.subarray(flankBins, coverage.length - flankBins);
      const probabilities =
        at < 0 ? new Float32Array(inner.length).fill(await this.ofSilence()) : outputs.slice(at, at + inner.length);
      yield { track, startBin, coverage: inner, probabilities };
    }
    this.joined.fill(0);
    [this.places, this.next, this.endsSilent] = [[], 0, false];
  }

  /** Where a stretch begins: silent flanks, as beyond the ends of chromosomes, are shared by neighbours. */
  private place(coverage: Float32Array): number {
    const { flankBins } = this.sizes;
    return this.endsSilent && !hasSignal(coverage.subarray(0, flankBins)) ? this.next - flankBins : this.next;
  }

  private async outputs(): Promise<Float32Array> {
    const { rowBins, chunkBins, flankBins } = this.sizes;
    const outputs = new Float32Array(chunkBins);
    const width = rowBins + 2 * flankBins;
    const starts: number[] = [];
    for (let start = 0; start + 2 * flankBins < this.next; start += rowBins) starts.push(start);
    const busy = starts.filter((start) => hasSignal(this.joined.subarray(start, start + width)));
    if (busy.length < starts.length) outputs.fill(await this.ofSilence());
    const rows = new Float32Array(busy.length * width);
    busy.forEach((start, row) => rows.set(this.joined.subarray(start, start + width), row * width));
    const found = busy.length ? await this.predict(rows, busy.length) : rows;
    busy.forEach((start, row) => outputs.set(found.subarray(row * rowBins, (row + 1) * rowBins), start));
    return outputs;
  }

  /** The probability of a bin far from any signal. */
  private async ofSilence(): Promise<number> {
    const width = this.sizes.rowBins + 2 * this.sizes.flankBins;
    this.silent ??= (await this.predict(new Float32Array(width), 1))[this.sizes.rowBins >> 1];
    return this.silent;
  }
}

function hasSignal(coverage: Float32Array): boolean {
  return coverage.some((value) => value !== 0);
}

/** Bins of a chunk: short regions need no long windows. */
export function chunkBins(lengths: number[], flankBins: number, most: number): number {
  const sideBySide = sum(lengths) + 2 * flankBins * (lengths.length - 1);
  const longest = lengths.reduce((a, b) => Math.max(a, b), sideBySide);
  return Math.min(most, 2 ** Math.ceil(Math.log2(Math.max(longest, 1))));
}
