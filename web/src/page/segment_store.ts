/** Segments of a genome, and what a genome browser shows of them. */

import { firstWhere } from "../numbers.ts";
import type { State } from "../settings.ts";
import type { Segments } from "../states/segments.ts";

/** A segment as igv.js takes it. */
export interface StateFeature {
  chr: string;
  start: number;
  end: number;
  name: string;
  color: string;
}

/** Segments by chromosome. */
export class SegmentStore {
  private readonly byChrom: Map<string, Segments>;

  constructor(
    segments: Segments[],
    private readonly states: State[],
  ) {
    this.byChrom = new Map(segments.map((one) => [one.chrom, one]));
  }

  /** The segments that overlap a stretch, for igv.js. */
  readFeatures(chr: string, start: number, end: number): StateFeature[] {
    const found = this.byChrom.get(chr);
    if (!found) return [];
    const first = firstWhere(found.end.length, (i) => found.end[i] > start);
    const after = firstWhere(found.start.length, (i) => found.start[i] >= end);
    return Array.from({ length: Math.max(after - first, 0) }, (_, i) => {
      const { name, color } = this.states[found.state[first + i]];
      return { chr, start: found.start[first + i], end: found.end[first + i], name, color: `rgb(${color.join(",")})` };
    });
  }
}
