/** ONNX Runtime with WebGPU, in a script of its own that is loaded only where there is a GPU to use. */

import { env, InferenceSession, Tensor } from "onnxruntime-web/jspi";

import type { Runtime } from "./network.ts";

declare const self: { gpuRuntime?: Runtime };

self.gpuRuntime = { env, InferenceSession, Tensor, provider: "webgpu" };
