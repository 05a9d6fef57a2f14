/** What the network runs on: the CPU, or a GPU that computes the same in less time. */

import { env, InferenceSession, Tensor } from "onnxruntime-web/wasm";

import { Compared, type DescribedPredict } from "./calling/compared_prediction.ts";
import { InputError } from "./errors.ts";
import { loadNetwork, type Runtime, type RuntimeSetUp } from "./network.ts";
import type { Entry, Processor } from "./settings.ts";

const CPU: Runtime = { env, InferenceSession, Tensor, provider: "wasm" };

declare const WebAssembly: { Suspending?: unknown };
declare const self: { gpuRuntime?: Runtime };
declare function importScripts(url: string): void;

/** The network of an entry on the processor that is asked for; where none is, on the faster of those that agree. */
export async function networkOn(
  processor: Processor,
  setUp: RuntimeSetUp,
  entry: Entry,
  graph: Uint8Array,
): Promise<DescribedPredict> {
  const cpu = await loadNetwork(CPU, setUp, entry, graph);
  const why = processor === "cpu" ? "chosen" : await whyNoGpu(processor);
  if (why !== null) {
    if (processor === "gpu") throw new InputError(`The network cannot run on a GPU: ${why}; choose another processor.`);
    return { predict: cpu, describe: () => `on the CPU (${why})` };
  }
  try {
    if (!self.gpuRuntime) importScripts(new URL("gpu.js", setUp.folder).href);
    const gpu = await loadNetwork(self.gpuRuntime as Runtime, setUp, entry, graph);
    return new Compared(cpu, gpu, processor === "gpu");
  } catch (error) {
    return { predict: cpu, describe: () => `on the CPU (the GPU failed: ${(error as Error).message})` };
  }
}

/** Why there is no GPU to use; null where there is one. Adapters in software are slower than WebAssembly. */
async function whyNoGpu(processor: Processor): Promise<string | null> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<{ info: { isFallbackAdapter?: boolean } } | null> } };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  if (!adapter) return "the browser offers no GPU by WebGPU";
  if (!WebAssembly.Suspending) return "the browser's WebAssembly cannot wait for a GPU (JSPI)";
  if (adapter.info.isFallbackAdapter && processor !== "gpu") return "its GPU is emulated in software";
  return null;
}
