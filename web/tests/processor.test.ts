import assert from "node:assert/strict";
import { test } from "node:test";

import type { Predict } from "../src/calling/chunked_prediction.ts";
import { Compared } from "../src/calling/compared_prediction.ts";

const ROWS = Float32Array.of(1, 2, 3);

/** A network that adds to its input, takes its time, and counts its runs. */
function network(added: number, ms = 0): { predict: Predict; runs: () => number } {
  let runs = 0;
  const predict: Predict = async (rows) => {
    runs++;
    await new Promise((resolve) => setTimeout(resolve, ms));
    return rows.map((value) => value + added);
  };
  return { predict, runs: () => runs };
}

test("a GPU that agrees and is faster computes what follows, and a slower one only where it is asked for", async () => {
  for (const [cpuMs, gpuMs, isForced, place] of [
    [200, 0, false, "on the GPU"],
    [0, 200, false, "on the CPU"],
    [0, 200, true, "on the GPU"],
  ] as const) {
    const [cpu, gpu] = [network(0, cpuMs), network(1e-6, gpuMs)];
    const compared = new Compared(cpu.predict, gpu.predict, isForced);
    await compared.predict(ROWS, 1);
    const before = gpu.runs();
    await compared.predict(ROWS, 1);
    assert.ok(compared.describe().startsWith(place));
    assert.deepEqual([cpu.runs(), gpu.runs() - before], place === "on the GPU" ? [1, 1] : [2, 0]);
  }
});

test("a GPU that computes something else, NaN or nothing is not used", async () => {
  const failing: Predict = () => Promise.reject(new Error("device lost"));
  for (const [gpu, reason] of [
    [network(1e-3).predict, /differ by up to 0.0010/],
    [network(NaN).predict, /differ by up to NaN/],
    [failing, /device lost/],
  ] as const) {
    const compared = new Compared(network(0).predict, gpu, true);
    for (let run = 0; run < 2; run++) assert.deepEqual(await compared.predict(ROWS, 1), ROWS);
    assert.match(compared.describe(), reason);
  }
});

test("windows without signal tell nothing", async () => {
  const gpu = network(0);
  const compared = new Compared(network(0).predict, gpu.predict, true);
  await compared.predict(new Float32Array(3), 1);
  assert.equal(gpu.runs(), 0);
  await compared.predict(ROWS, 1);
  assert.ok(compared.describe().startsWith("on the GPU"));
});
