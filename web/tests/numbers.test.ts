import assert from "node:assert/strict";
import { test } from "node:test";

import { general } from "../src/calling/peak_files.ts";
import { smoothingBins } from "../src/calling/summits.ts";
import { poissonLog10P } from "../src/genome/poisson.ts";
import { rint } from "../src/numbers.ts";
import { assertClose, vectors } from "./vectors.ts";

interface Numbers {
  general: [number, string][];
  rint: [number, number][];
  poisson: [height: number, expected: number, log10P: number][];
  smoothing_bins: [widthBp: number, binBp: number, bins: number][];
}

const expected = vectors<Numbers>("numbers");

test("numbers are written as Python writes them", () => {
  for (const [value, text] of expected.general) assert.equal(general(value), text);
});

test("halves are rounded to even", () => {
  for (const [value, rounded] of expected.rint) assert.equal(rint(value), rounded);
});

test("Poisson tails are Python's", () => {
  assertClose(
    expected.poisson.map(([height, mean]) => poissonLog10P(height, mean)),
    expected.poisson.map(([, , log10P]) => log10P),
    1e-9,
    1e-9,
  );
});

test("smoothing takes the same number of bins", () => {
  for (const [widthBp, binBp, bins] of expected.smoothing_bins) assert.equal(smoothingBins(widthBp, binBp), bins);
});
