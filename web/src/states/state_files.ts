/** Segments as text: BED9 as `epizoo annotate` writes it, and a table with a header; mirrors `bed9.py`. */

import type { State } from "../settings.ts";
import type { Segments } from "./segments.ts";

/** Bp of each state, and how many segments it has. */
export interface StateShare {
  state: State;
  bp: number;
  nSegments: number;
}

/** BED of nine columns, with the states' names and colours; a text for each chromosome. */
export function bed9Texts(segments: Segments[], states: State[]): string[] {
  return texts(segments, states, (chrom, start, end, { name, color }) => {
    return `${chrom}\t${start}\t${end}\t${name}\t0\t.\t${start}\t${end}\t${color.join(",")}\n`;
  });
}

/** Segments with name, description and colour of their state, after a header. */
export function tableTexts(segments: Segments[], states: State[]): string[] {
  const rows = texts(segments, states, (chrom, start, end, { name, description, color }) => {
    return `${chrom}\t${start}\t${end}\t${name}\t${description}\t${color.join(",")}\n`;
  });
  return ["chrom\tstart\tend\tstate\tdescription\tcolor\n", ...rows];
}

/** The share of each state, in the model's order. */
export function shares(segments: Segments[], states: State[]): StateShare[] {
  const found = states.map((state) => ({ state, bp: 0, nSegments: 0 }));
  for (const { start, end, state } of segments) {
    state.forEach((one, i) => {
      found[one].bp += end[i] - start[i];
      found[one].nSegments++;
    });
  }
  return found;
}

function texts(
  segments: Segments[],
  states: State[],
  row: (chrom: string, start: number, end: number, state: State) => string,
): string[] {
  return segments.map(({ chrom, start, end, state }) =>
    Array.from(state, (one, i) => row(chrom, start[i], end[i], states[one])).join(""),
  );
}
