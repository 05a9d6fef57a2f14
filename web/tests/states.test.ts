import assert from "node:assert/strict";
import { test } from "node:test";

import { type Binarization, BinarizedTrack, poissonThreshold } from "../src/genome/binarize.ts";
import { BigWig } from "../src/genome/signal.ts";
import { guessMark } from "../src/page/mark_list.ts";
import type { SignalKind } from "../src/settings.ts";
import { decode, numbered, type Parameters } from "../src/states/decoding.ts";
import { clipSegments, type Segments, segmentsFromStates } from "../src/states/segments.ts";
import { assertClose, fileBytes, settings, vectors } from "./vectors.ts";

interface Decoded {
  name: string;
  parameters: Parameters;
  columns: number[][];
  states: number[];
  log_likelihood: number;
}

interface Binarized {
  file: string;
  kind: SignalKind;
  read_length_bp: number | null;
  threshold: number | null;
  bin_bp: number;
  present: Record<string, number[]>;
  n_bins: Record<string, number>;
}

interface Cut {
  states: number[];
  size: number;
  regions: [string, number, number][];
  whole: number[][];
  clipped: number[][];
}

const { floor } = settings.constants.floors;

for (const expected of vectors<Decoded[]>("decodings")) {
  test(`states are Python's: ${expected.name}`, () => {
    const columns = expected.columns.map((column) => Uint8Array.from(column));
    const found = decode(expected.parameters, numbered(columns, expected.states.length), floor);
    assert.deepEqual([...found.states], expected.states);
    assertClose([found.logLikelihood], [expected.log_likelihood], 1e-9, 1e-9);
  });
}

test("probabilities of the page's annotators are Python's to the last digit", () => {
  for (const annotator of settings.annotators) {
    const expected = vectors<Decoded[]>("decodings").find(({ name }) => name === annotator.name);
    assert.deepEqual(vectors<Parameters>(annotator.parameters.replace(/\.json$/, "")), expected?.parameters);
  }
});

for (const expected of vectors<Binarized[]>("binarized")) {
  const { file, kind, read_length_bp, threshold, bin_bp } = expected;
  test(`${file} is binarised as in Python: ${kind}, ${bin_bp} bp`, async () => {
    const rule: Binarization = { kind, readLengthBp: read_length_bp, threshold, binBp: bin_bp };
    const track = await BinarizedTrack.prepare(await BigWig.open(fileBytes(file)), rule, settings.constants, () => undefined);
    for (const [chrom, places] of Object.entries(expected.present)) {
      const present = (await track.present(chrom)) as Uint8Array;
      assert.equal(present.length, expected.n_bins[chrom]);
      assert.deepEqual([...present.keys()].filter((bin) => present[bin]), places);
    }
    assert.equal(await track.present("nowhere"), null);
  });
}

test("thresholds of counts are Python's", () => {
  for (const [mean, pValue, threshold] of vectors<[number, number, number][]>("poisson_thresholds")) {
    assert.equal(poissonThreshold(mean, pValue), threshold);
  }
});

test("segments and their parts in regions are Python's", () => {
  const rows = ({ start, end, state }: Segments): number[][] => Array.from(state, (one, i) => [start[i], end[i], one]);
  for (const { states, size, regions, whole, clipped } of vectors<Cut[]>("segments")) {
    const found = segmentsFromStates(Uint8Array.from(states), "a", 200, size);
    assert.deepEqual(rows(found), whole);
    assert.deepEqual(rows(clipSegments(found, regions.map(([chrom, start, end]) => ({ chrom, start, end })))), clipped);
  }
});

test("marks are guessed from names of files", () => {
  const known = settings.annotators.flatMap(({ marks }) => marks);
  for (const [name, mark] of [
    ["wgEncodeBroadHistoneK562H3k27me3StdSig.bigWig", "H3K27me3"],
    ["E003-H3K4me1.fc.signal.bigwig", "H3K4me1"],
    ["GM12878_ctcf.bw", "CTCF"],
    ["K562_H3K79me2.bw", "H3K79me2"],
    ["signal.bw", ""],
  ]) {
    assert.equal(guessMark(name, known), mark);
  }
});
