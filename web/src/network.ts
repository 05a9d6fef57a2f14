/** An entry's network in ONNX Runtime's WebAssembly build. */

import { env, InferenceSession, Tensor } from "onnxruntime-web/wasm";

import type { Predict } from "./calling/chunked_prediction.ts";
import type { Entry } from "./settings.ts";

/** Where ONNX Runtime finds its WebAssembly, and how many threads it may take. */
export function setUpRuntime(folder: string, nThreads: number): void {
  env.wasm.wasmPaths = folder;
  env.wasm.numThreads = nThreads;
  env.logLevel = "error";
}

/** The network of an entry, ready to run; tracks beyond the first (controls) are 0. */
export async function loadNetwork(entry: Entry, graph: Uint8Array): Promise<Predict> {
  const session = await InferenceSession.create(graph, { executionProviders: ["wasm"] });
  return async (rows, nRows) => {
    const shape = [nRows, rows.length / nRows, entry.n_tracks];
    const coverage = new Tensor("float32", withEmptyTracks(rows, entry.n_tracks), shape);
    const outputs = await session.run({ [entry.input]: coverage });
    return outputs[entry.output].data as Float32Array;
  };
}

function withEmptyTracks(rows: Float32Array, nTracks: number): Float32Array {
  if (nTracks === 1) return rows;
  const all = new Float32Array(rows.length * nTracks);
  rows.forEach((value, bin) => (all[bin * nTracks] = value));
  return all;
}
