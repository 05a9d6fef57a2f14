/** The worker that reads a bigWig and calls peaks in it, so that the page stays responsive. */

import { callPeaks } from "./call_peaks.ts";
import { InputError, sentence } from "./errors.ts";
import { detectAssembly } from "./genome/assemblies.ts";
import { FileBytes, UrlBytes } from "./genome/bytes.ts";
import { readRegions } from "./genome/intervals.ts";
import { BigWig } from "./genome/signal.ts";
import { detectSignalKind, refuseLogarithms, sampleValues } from "./genome/signal_kinds.ts";
import type { Answer, Request, SetUp, Source } from "./messages.ts";
import { fetchData } from "./page_data.ts";
import { networkOn } from "./processor.ts";
import type { Processor, SignalKind } from "./settings.ts";

// More threads than these wait for each other.
const MOST_THREADS = 4;

let setUp: SetUp;
let bigwig: BigWig;

self.onmessage = async ({ data: request }: MessageEvent<Request>) => {
  try {
    if (request.type === "open") await open(request.setUp, request.source);
    else await call(request);
  } catch (error) {
    answer({ type: "failed", message: sentence(error) });
  }
};

function answer(message: Answer): void {
  self.postMessage(message);
}

async function open(given: SetUp, source: Source): Promise<void> {
  setUp = given;
  bigwig = await BigWig.open(source instanceof File ? new FileBytes(source) : await UrlBytes.open(source.url));
  const { constants, assemblies } = setUp.settings;
  const sampled = await sampleValues(bigwig, constants.signal_kinds);
  refuseLogarithms(bigwig, sampled, constants.signal_kinds);
  const kind = detectSignalKind(bigwig, sampled, constants.signal_kinds);
  const assembly = detectAssembly(bigwig.chromSizes, assemblies);
  answer({ type: "opened", signal: { name: bigwig.name, sizes: [...bigwig.chromSizes], assembly, kind } });
}

interface Asked {
  entry: string;
  regions: string;
  kind: SignalKind | null;
  processor: Processor;
}

async function call({ entry: name, regions, kind, processor }: Asked): Promise<void> {
  const started = performance.now();
  const entry = setUp.settings.entries.find((one) => one.name === name);
  if (!entry) throw new InputError(`There is no model ${name}; reload the page.`);
  const asked = readRegions(regions, bigwig.chromSizes);
  const nThreads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, MOST_THREADS) : 1;
  const network = await networkOn(processor, { folder: setUp.base, nThreads }, entry, await graph(entry.graph));
  const found = await callPeaks(bigwig, { entry, regions: asked, kind }, network.predict, setUp.settings.constants, {
    progress: (done, total) => answer({ type: "progress", done, total }),
    probabilities: (piece) => answer({ type: "probabilities", ...piece }),
  });
  const { peaks, notes, fitted, depth } = found;
  const { kind: used, background, scale } = fitted;
  const seconds = (performance.now() - started) / 1000;
  answer({
    type: "called",
    result: {
      peaks,
      notes,
      kind: used,
      background,
      scale,
      readsFrom: depth?.source ?? null,
      processor: network.describe(),
      seconds,
    },
  });
}

async function graph(file: string): Promise<Uint8Array> {
  const response = await fetchData(file, setUp.base);
  return new Uint8Array(await response.arrayBuffer());
}
