/** Regions that a user asks for, as text and as whole bins. */

import { reachedBins } from "../calling/local_background.ts";
import { InputError } from "../errors.ts";
import { compareText } from "./signal_kinds.ts";
import type { Interval } from "./signal.ts";

/** Consecutive bins of a chromosome, and starts and ends in bp of what was asked for of them. */
export interface Stretch {
  chrom: string;
  startBin: number;
  endBin: number;
  asked: [start: number, end: number][];
}

/**
 * Regions from text such as `chr17, chr1:1,000-2,000` (1-based, both ends included, as genome browsers write them);
 * null where the text is empty, which stands for the whole genome.
 */
export function readRegions(text: string, sizes: ReadonlyMap<string, number>): Interval[] | null {
  const parts = text.split(/[\s;]+|,(?!\d{3}(?:\D|$))/).filter(Boolean);
  return parts.length ? parts.map((part) => readRegion(part, sizes)) : null;
}

function readRegion(text: string, sizes: ReadonlyMap<string, number>): Interval {
  const size = sizes.get(text);
  if (size !== undefined) return { chrom: text, start: 0, end: size };
  const found = /^(.+):([\d,]+)(?:-|–|\.\.)([\d,]+)$/.exec(text);
  const chrom = found ? found[1] : text;
  const length = sizes.get(chrom);
  if (length === undefined) {
    const some = [...sizes.keys()].slice(0, 5).join(", ");
    throw new InputError(`Region ${text}: the file has no sequence ${chrom}; it has ${some}.`);
  }
  const [start, end] = (found ? found.slice(2) : ["", ""]).map((digits) => Number(digits.replaceAll(",", "")));
  if (!(start >= 1 && end >= start && end <= length)) {
    throw new InputError(`Region ${text}: expected ${chrom}:start-end within 1 and ${length.toLocaleString("en")}.`);
  }
  return { chrom, start: start - 1, end };
}

/** The union of intervals, sorted by chromosome name and start; those that touch by whole bins of `gridBp` become one. */
export function merged(intervals: Interval[], gridBp = 1): Interval[] {
  const ordered = [...intervals].sort((a, b) => compareText(a.chrom, b.chrom) || a.start - b.start);
  const union: Interval[] = [];
  for (const one of ordered) {
    const last = union.at(-1);
    const touches =
      last?.chrom === one.chrom && Math.floor(one.start / gridBp) * gridBp <= Math.ceil(last.end / gridBp) * gridBp;
    if (last && touches) last.end = Math.max(last.end, one.end);
    else union.push({ ...one });
  }
  return union;
}

/** Intervals as whole bins with the surroundings that their backgrounds are taken from. */
export function stretches(
  intervals: Interval[],
  binBp: number,
  backgroundBp: number,
  sizes: ReadonlyMap<string, number>,
): Stretch[] {
  const found: Stretch[] = [];
  for (const { chrom, start, end } of merged(intervals, binBp)) {
    const bins = [Math.floor(start / binBp), Math.ceil(end / binBp)] as const;
    const [low, high] = reachedBins(...bins, backgroundBp, binBp);
    const startBin = Math.max(low, 0);
    const endBin = Math.min(high, Math.ceil((sizes.get(chrom) ?? end) / binBp));
    const before = found.at(-1);
    if (before?.chrom === chrom && startBin <= before.endBin) {
      before.endBin = Math.max(before.endBin, endBin);
      before.asked.push([start, end]);
    } else found.push({ chrom, startBin, endBin, asked: [[start, end]] });
  }
  return found;
}
