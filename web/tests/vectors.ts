/** What Python computed, to compare with. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Bytes } from "../src/genome/bytes.ts";
import type { Settings } from "../src/settings.ts";

const folder = process.env["EPIZOO_VECTORS"];
assert.ok(folder, "EPIZOO_VECTORS is not set; run `pytest tests/web`, which writes the vectors");

/** A file of vectors. */
export function vectors<Content>(name: string): Content {
  return JSON.parse(readFileSync(join(folder as string, `${name}.json`), "utf8")) as Content;
}

export const settings = vectors<Settings>("settings");

/** A file on disk, as the page reads one that was dropped. */
export function fileBytes(name: string): Bytes {
  const content = readFileSync(join(folder as string, name));
  return {
    name,
    size: content.length,
    read: (offset, length) => Promise.resolve(new Uint8Array(content.subarray(offset, offset + length))),
  };
}

/** Numbers that differ by no more than a share of the expected one, and by `least` where that is more. */
export function assertClose(found: ArrayLike<number>, expected: ArrayLike<number>, share = 1e-6, least = 1e-12): void {
  assert.equal(found.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    const off = Math.abs(found[i] - expected[i]);
    assert.ok(off <= Math.max(share * Math.abs(expected[i]), least), `at ${i}: ${found[i]}, expected ${expected[i]}`);
  }
}
