/** Segments from states per bin; mirrors `segments.py`. */

import type { Interval } from "../genome/signal.ts";

/** Segments of a chromosome in its order: starts and ends in bp, states from 0. */
export interface Segments {
  chrom: string;
  start: Uint32Array;
  end: Uint32Array;
  state: Uint8Array;
}

/** Equal neighbours joined; the last end is clipped to the chromosome. */
export function segmentsFromStates(states: Uint8Array, chrom: string, binBp: number, chromSize: number): Segments {
  const first = Uint32Array.from(states.keys()).filter((bin) => bin === 0 || states[bin] !== states[bin - 1]);
  const after = Uint32Array.from(first, (_, i) => first[i + 1] ?? states.length);
  return {
    chrom,
    start: first.map((bin) => bin * binBp),
    end: after.map((bin) => Math.min(bin * binBp, chromSize)),
    state: Uint8Array.from(first, (bin) => states[bin]),
  };
}

/** The parts of segments that lie in regions of their chromosome; overlapping regions count once, touching ones stay apart. */
export function clipSegments(segments: Segments, regions: Interval[]): Segments {
  const ordered = [...regions].sort((a, b) => a.start - b.start || a.end - b.end);
  const [start, end, state]: number[][] = [[], [], []];
  let done = 0;
  for (const region of ordered) {
    const low = Math.max(region.start, done);
    if (region.end <= low) continue;
    segments.state.forEach((one, i) => {
      if (segments.end[i] <= low || segments.start[i] >= region.end) return;
      start.push(Math.max(segments.start[i], low));
      end.push(Math.min(segments.end[i], region.end));
      state.push(one);
    });
    done = region.end;
  }
  return { chrom: segments.chrom, start: Uint32Array.from(start), end: Uint32Array.from(end), state: Uint8Array.from(state) };
}
