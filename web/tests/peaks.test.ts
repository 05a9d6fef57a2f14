import assert from "node:assert/strict";
import { test } from "node:test";

import { chunkBins, predictTracks } from "../src/calling/chunked_prediction.ts";
import { narrowPeakText } from "../src/calling/peak_files.ts";
import { joinedTiers, namePeaks, PeakCollector, tiersOf } from "../src/calling/peaks.ts";
import { significant, withQValues } from "../src/calling/significance.ts";
import { merged, readRegions, stretches } from "../src/genome/intervals.ts";
import type { PeakRule } from "../src/settings.ts";
import { settings, vectors } from "./vectors.ts";

interface Called {
  name: string;
  rule: PeakRule;
  bin_bp: number;
  start_bin: number;
  asked: [number, number][];
  reads_per_unit: number;
  reads_per_area: number | null;
  probabilities: number[];
  signal: number[];
  narrow_peak: string;
}

interface Union {
  intervals: [string, number, number][];
  grid_bp: number;
  merged: [string, number, number][];
  background_bp: number;
  sizes: Record<string, number>;
  stretches: { chrom: string; start_bin: number; end_bin: number; asked: [number, number][] }[];
}

for (const expected of vectors<Called[]>("peaks")) {
  for (const pieceBins of [expected.signal.length, 7, 1]) {
    test(`peaks are Python's: ${expected.name}, in pieces of ${pieceBins} bins`, () => {
      const { bin_bp: binBp, start_bin: startBin, rule } = expected;
      const stretch = {
        chrom: "chr1",
        startBin,
        binBp,
        asked: expected.asked,
        readsPerUnit: expected.reads_per_unit,
        readsPerArea: expected.reads_per_area,
      };
      const called = tiersOf(rule).slice(0, expected.reads_per_area === null ? 1 : undefined).map((tier) => {
        const collector = new PeakCollector(stretch, tier, settings.constants);
        for (let at = 0; at < expected.signal.length; at += pieceBins) {
          const part = (values: number[]): Float32Array => Float32Array.from(values.slice(at, at + pieceBins));
          collector.add(part(expected.probabilities), part(expected.signal));
        }
        return significant(withQValues(collector.finish(), expected.signal.length * binBp), tier.most_q);
      });
      compareLines(narrowPeakText(namePeaks(joinedTiers(called))), expected.narrow_peak);
    });
  }
}

/** The same places and summits; scores within 1, and other figures within a unit of their fifth digit. */
function compareLines(found: string, expected: string): void {
  const [rows, others] = [found, expected].map((text) => text.split("\n").map((line) => line.split("\t")));
  assert.equal(rows.length, others.length);
  rows.forEach((row, number) => {
    const other = others[number];
    for (const exact of [0, 1, 2, 3, 5, 9]) assert.equal(row[exact], other[exact], row.join(" "));
    if (row.length > 1) assert.ok(Math.abs(Number(row[4]) - Number(other[4])) <= 1);
    for (const figure of [6, 7, 8]) {
      const [a, b] = [Number(row[figure] ?? 0), Number(other[figure] ?? 0)];
      assert.ok(Math.abs(a - b) <= 2e-4 * Math.abs(b) + 1e-12, `${a}, expected ${b}`);
    }
  });
}

test("unions of intervals, and their surroundings, are Python's", () => {
  for (const { intervals, grid_bp, merged: union, background_bp, sizes, ...expected } of vectors<Union[]>("unions")) {
    const rows = intervals.map(([chrom, start, end]) => ({ chrom, start, end }));
    assert.deepEqual(merged(rows, grid_bp).map(({ chrom, start, end }) => [chrom, start, end]), union);
    assert.deepEqual(
      stretches(rows, grid_bp, background_bp, new Map(Object.entries(sizes))),
      expected.stretches.map(({ start_bin: startBin, end_bin: endBin, ...rest }) => ({ ...rest, startBin, endBin })),
    );
  }
});

test("regions are read as genome browsers write them", () => {
  const sizes = new Map([
    ["chr1", 1000],
    ["chr2", 50],
    ["HLA:A*01", 9],
  ]);
  assert.deepEqual(readRegions(" chr2, chr1:11-1,000;HLA:A*01", sizes), [
    { chrom: "chr2", start: 0, end: 50 },
    { chrom: "chr1", start: 10, end: 1000 },
    { chrom: "HLA:A*01", start: 0, end: 9 },
  ]);
  assert.equal(readRegions("  ", sizes), null);
  for (const wrong of ["chr3", "chr1:0-5", "chr1:5-4", "chr1:1-1001", "chr1:x-9", "chr1:7"]) {
    assert.throws(() => readRegions(wrong, sizes), { name: "InputError" });
  }
});

test("an output depends on the flanks alone, however tracks are cut and share windows", async () => {
  const flankBins = 3;
  // Weights of neighbours that have no symmetry, so that a shift by one bin shows.
  const weights = [1, 2, 4, 8, 16, 32, 64];
  const at = (track: Float32Array, bin: number): number => (bin >= 0 && bin < track.length ? track[bin] : 0);
  const wanted = (track: Float32Array, bin: number): number =>
    weights.reduce((total, weight, i) => total + weight * at(track, bin + i - flankBins), 0);
  const lengths = [40, 3, 1, 1, 17, 64, 2, 9];
  const signals = lengths.map((length, number) =>
    Float32Array.from({ length }, (_, bin) => (number % 3 === 1 ? 0 : (7 * bin + number) % 5)),
  );
  const tracks = signals.map((signal) => ({
    startBin: 0,
    endBin: signal.length,
    read: async (from: number, to: number) => Float32Array.from({ length: to - from }, (_, i) => at(signal, from + i)),
  }));
  for (const most of [4, 16, 64]) {
    const chunk = chunkBins(lengths, flankBins, most);
    const rowBins = Math.min(chunk, 8);
    const predict = async (rows: Float32Array, nRows: number): Promise<Float32Array> => {
      const width = rowBins + 2 * flankBins;
      assert.equal(rows.length, nRows * width);
      return Float32Array.from({ length: nRows * rowBins }, (_, i) => {
        const row = rows.subarray(Math.floor(i / rowBins) * width, (Math.floor(i / rowBins) + 1) * width);
        return wanted(row, (i % rowBins) + flankBins);
      });
    };
    const found = signals.map((signal) => new Float32Array(signal.length).fill(NaN));
    for await (const piece of predictTracks(predict, tracks, { flankBins, rowBins, chunkBins: chunk })) {
      found[piece.track].set(piece.probabilities, piece.startBin);
    }
    signals.forEach((signal, number) => {
      assert.deepEqual(found[number], signal.map((_, bin) => wanted(signal, bin)));
    });
  }
});
