/** An entry's network in ONNX Runtime's builds for browsers. */

import type { Env, InferenceSession, Tensor } from "onnxruntime-web";

import type { Predict } from "./calling/chunked_prediction.ts";
import type { Entry } from "./settings.ts";

/** A build of ONNX Runtime, and what it computes with. */
export interface Runtime {
  env: Env;
  InferenceSession: { create(graph: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession> };
  Tensor: new (type: "float32", values: Float32Array, shape: number[]) => Tensor;
  provider: "wasm" | "webgpu";
}

/** Where a runtime finds its WebAssembly, and how many threads it may take. */
export interface RuntimeSetUp {
  folder: string;
  nThreads: number;
}

// Sessions are kept: WebAssembly never gives memory back.
const sessions = new Map<string, Promise<InferenceSession>>();

/** The network of an entry, ready to run; tracks beyond the first (controls) are 0. */
export async function loadNetwork(runtime: Runtime, setUp: RuntimeSetUp, entry: Entry, graph: Uint8Array): Promise<Predict> {
  const { env, provider } = runtime;
  env.wasm.wasmPaths = setUp.folder;
  env.wasm.numThreads = setUp.nThreads;
  env.logLevel = "error";
  const key = `${provider} ${entry.graph}`;
  if (!sessions.has(key)) sessions.set(key, runtime.InferenceSession.create(graph, { executionProviders: [provider] }));
  const session = await (sessions.get(key) as Promise<InferenceSession>).catch((error: unknown) => {
    sessions.delete(key);
    throw error;
  });
  return async (rows, nRows) => {
    const shape = [nRows, rows.length / nRows, entry.n_tracks];
    const coverage = new runtime.Tensor("float32", withEmptyTracks(rows, entry.n_tracks), shape);
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
