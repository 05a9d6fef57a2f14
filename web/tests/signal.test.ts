import assert from "node:assert/strict";
import { test } from "node:test";

import { InputError } from "../src/errors.ts";
import { fitTransform, FittedTransform } from "../src/genome/coverage_transform.ts";
import { readDepth } from "../src/genome/read_depth.ts";
import { BigWig, type Interval } from "../src/genome/signal.ts";
import { detectSignalKind, refuseLogarithms, sampleBlocks, sampleValues } from "../src/genome/signal_kinds.ts";
import type { SignalKind, TransformSettings } from "../src/settings.ts";
import { assertClose, fileBytes, settings, vectors } from "./vectors.ts";

interface Signal {
  file: string;
  blocks: [string, number, number][];
  bins: { chrom: string; start_bin: number; end_bin: number; bin_bp: number; means: number[] }[];
  kind: SignalKind;
  transforms: { settings: TransformSettings; excluded: string[]; background: number; scale: number; capped: number[] }[];
  depth: { per_area: number; source: string } | null;
}

interface Transform {
  kind: SignalKind;
  background: number;
  scale: number;
  values: number[];
  transformed: number[];
  folds: number[];
}

const { constants } = settings;
const kinds = constants.signal_kinds;

for (const expected of vectors<Signal[]>("signals")) {
  test(`${expected.file} is read and scaled as in Python`, async () => {
    const bigwig = await BigWig.open(fileBytes(expected.file));
    const blocks = await sampleBlocks(bigwig, 128, kinds);
    assert.deepEqual(blocks.map(({ chrom, start, end }: Interval) => [chrom, start, end]), expected.blocks);
    for (const { chrom, start_bin, end_bin, bin_bp, means } of expected.bins) {
      assertClose(await bigwig.binned(chrom, start_bin, end_bin, bin_bp), means);
    }
    assert.equal(detectSignalKind(bigwig, await sampleValues(bigwig, kinds), kinds), expected.kind);
    for (const { settings: rule, excluded, background, scale, capped } of expected.transforms) {
      const fitted = await fitTransform(bigwig, null, rule, constants, new Set(excluded));
      assertClose([fitted.background, fitted.scale], [background, scale]);
      assertClose(fitted.capped.map(({ share }) => share), capped);
      if (rule !== expected.transforms[0].settings) continue;
      const depth = await readDepth(bigwig, fitted, new Set(excluded), constants);
      assert.equal(depth?.source, expected.depth?.source);
      assertClose([depth?.perArea ?? 0], [expected.depth?.per_area ?? 0], 1e-5);
    }
  });
}

for (const { file, reason } of vectors<{ file: string; reason: string }[]>("refused")) {
  test(`${file} is refused: ${reason}`, async () => {
    await assert.rejects(
      async () => {
        const bigwig = await BigWig.open(fileBytes(file));
        const sampled = await sampleValues(bigwig, kinds);
        refuseLogarithms(bigwig, sampled, kinds);
        detectSignalKind(bigwig, sampled, kinds);
        for (const [chrom, size] of bigwig.chromSizes) await bigwig.binned(chrom, 0, Math.ceil(size / 50), 50);
      },
      { name: "InputError", message: new RegExp(reason) },
    );
  });
}

test("the transform and its inverse are Python's, for each kind of signal", () => {
  for (const { kind, background, scale, values, transformed, folds } of vectors<Transform[]>("transforms")) {
    const fitted = new FittedTransform(kind, background, scale, 2);
    const found = fitted.apply(Float32Array.from(values));
    assertClose(found, transformed);
    assertClose(fitted.inverse(found, background), folds);
  }
});

for (const { file, means } of vectors<{ file: string; means: number[] | null }[]>("damaged")) {
  test(`${file} is ${means ? "read as in Python" : "refused as in Python"}`, async () => {
    const read = async (): Promise<number[]> => {
      const bigwig = await BigWig.open(fileBytes(file));
      const sampled = await sampleValues(bigwig, kinds);
      refuseLogarithms(bigwig, sampled, kinds);
      if (detectSignalKind(bigwig, sampled, kinds) === null) throw new InputError("unknown kind");
      const found: number[] = [];
      for (const [chrom, size] of bigwig.chromSizes) {
        if (size < 1e7) found.push(...(await bigwig.binned(chrom, 0, Math.ceil(size / 500), 500)));
      }
      return found;
    };
    if (means) assertClose(await read(), means);
    else await assert.rejects(read, { name: "InputError" });
  });
}
