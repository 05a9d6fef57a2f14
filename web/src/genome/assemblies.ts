/** Assemblies by their chromosome lengths, and sequences in which no peaks are called; mirrors `assemblies.py`. */

import type { Interval } from "./signal.ts";

/** The assembly that has the most sequences of the file, by name (with or without chr) and length; null where none. */
export function detectAssembly(
  sizes: ReadonlyMap<string, number>,
  assemblies: Record<string, Record<string, number>>,
): string | null {
  let best: string | null = null;
  let most = 0;
  for (const [name, lengths] of Object.entries(assemblies)) {
    const nEqual = Object.entries(lengths).filter(([chrom, length]) => {
      return (sizes.get(chrom) ?? sizes.get(chrom.replace(/^chr/, ""))) === length;
    }).length;
    if (nEqual > most) [best, most] = [name, nEqual];
  }
  return best;
}

/** Sequences with many copies per cell, unless they are asked for or are all that there is. */
export function excludedSequences(
  sizes: ReadonlyMap<string, number>,
  unusual: string[],
  asked: Interval[] | null,
): string[] {
  const usual = new Set(unusual.map((name) => name.toLowerCase()));
  const wanted = new Set(asked?.map(({ chrom }) => chrom));
  const found = [...sizes.keys()].filter((name) => usual.has(name.toLowerCase()) && !wanted.has(name));
  return found.length < sizes.size ? found : [];
}
