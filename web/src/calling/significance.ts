/** Significance of peaks among all places that were searched; mirrors `significance.py`. */

import type { Peak } from "./peaks.ts";

/** The peaks with their q-values by Benjamini and Hochberg, -1 where p-values are unknown. */
export function withQValues(peaks: Peak[], nBp: number): Peak[] {
  if (peaks.some((peak) => peak.pValue < 0)) return peaks.map((peak) => ({ ...peak, qValue: -1 }));
  const expected = peaks.map((peak) => Math.log10(Math.max(nBp / (peak.end - peak.start), 1)) - peak.pValue);
  const order = peaks.map((_, i) => i).sort((a, b) => expected[a] - expected[b]);
  const found = [...peaks];
  let least = Infinity;
  for (let rank = order.length; rank > 0; rank--) {
    const place = order[rank - 1];
    least = Math.min(least, expected[place] - Math.log10(rank));
    // Adding 0 makes -0 a 0.
    found[place] = { ...peaks[place], qValue: Math.max(-least, 0) + 0 };
  }
  return found;
}

/** The peaks with a q-value of at most `mostQ`, and those whose q-value is unknown. */
export function significant(peaks: Peak[], mostQ: number): Peak[] {
  return peaks.filter((peak) => peak.qValue < 0 || peak.qValue >= -Math.log10(mostQ));
}
