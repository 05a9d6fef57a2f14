/** The worker that reads bigWigs of marks and annotates chromatin states, so that the page stays responsive. */

import { annotate } from "./annotate.ts";
import { InputError, sentence } from "./errors.ts";
import { detectAssembly } from "./genome/assemblies.ts";
import { commonSizes } from "./genome/binarize.ts";
import { FileBytes } from "./genome/bytes.ts";
import { readRegions } from "./genome/intervals.ts";
import { BigWig } from "./genome/signal.ts";
import { detectSignalKind, sampleValues } from "./genome/signal_kinds.ts";
import type { SetUp } from "./messages.ts";
import { fetchData } from "./page_data.ts";
import type { Annotator, SignalKind } from "./settings.ts";
import type { StateAnswer, StateRequest, StateSettings } from "./state_messages.ts";
import type { Parameters } from "./states/decoding.ts";

let setUp: SetUp;
let bigwigs: BigWig[] = [];

self.onmessage = async ({ data: request }: MessageEvent<StateRequest>) => {
  try {
    if (request.type === "open") await open(request.setUp, request.files);
    else await work(request.settings);
  } catch (error) {
    answer({ type: "failed", message: sentence(error) });
  }
};

function answer(message: StateAnswer, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}

async function open(given: SetUp, files: File[]): Promise<void> {
  setUp = given;
  const { constants, assemblies } = setUp.settings;
  const found: BigWig[] = [];
  const kinds: (SignalKind | null)[] = [];
  for (const file of files) {
    const bigwig = await BigWig.open(new FileBytes(file));
    kinds.push(detectSignalKind(bigwig, await sampleValues(bigwig, constants.signal_kinds), constants.signal_kinds));
    found.push(bigwig);
  }
  const sizes = commonSizes(found);
  bigwigs = found;
  answer({ type: "opened", opened: { kinds, sizes: [...sizes], assembly: detectAssembly(sizes, assemblies) } });
}

async function work({ annotator: name, marks, regions, allowMissing, ...stated }: StateSettings): Promise<void> {
  const started = performance.now();
  const { annotators, constants } = setUp.settings;
  const annotator = annotators.find((one) => one.name === name);
  if (!annotator) throw new InputError(`There is no model ${name}; reload the page.`);
  if (marks.length !== bigwigs.length) throw new Error(`${marks.length} marks for ${bigwigs.length} files`);
  const named = bigwigs.map((bigwig, i) => ({ mark: marks[i], bigwig }));
  const question = {
    annotator,
    parameters: await parametersOf(annotator),
    marks: named,
    binarization: stated,
    allowMissing,
    regions: readRegions(regions, commonSizes(bigwigs)),
  };
  const annotation = await annotate(question, constants, {
    progress: (share) => answer({ type: "progress", share }),
    segments: (segments) => {
      const { start, end, state } = segments;
      answer({ type: "segments", segments }, [start.buffer, end.buffer, state.buffer] as Transferable[]);
    },
  });
  answer({ type: "annotated", annotation, seconds: (performance.now() - started) / 1000 });
}

async function parametersOf({ parameters: file }: Annotator): Promise<Parameters> {
  return (await (await fetchData(file, setUp.base)).json()) as Parameters;
}
