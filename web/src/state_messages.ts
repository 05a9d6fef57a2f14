/** What the page and the worker that annotates states tell each other. */

import type { Annotation } from "./annotate.ts";
import type { SetUp } from "./messages.ts";
import type { SignalKind } from "./settings.ts";
import type { Segments } from "./states/segments.ts";

/** How to annotate the open bigWigs. */
export interface StateSettings {
  annotator: string;
  /** The mark of each open bigWig, in their order; empty for files to leave out. */
  marks: string[];
  /** Null where none is chosen. */
  kind: SignalKind | null;
  readLengthBp: number | null;
  threshold: number | null;
  allowMissing: boolean;
  regions: string;
}

/** What is asked of the worker. */
export type StateRequest =
  | { type: "open"; setUp: SetUp; files: File[] }
  | { type: "annotate"; settings: StateSettings };

/** What is known of bigWigs once they are open. */
export interface OpenedMarks {
  /** Null for files whose values do not tell it. */
  kinds: (SignalKind | null)[];
  /** Length in bp of each chromosome that any of the files names. */
  sizes: [chrom: string, bp: number][];
  assembly: string | null;
}

/** What the worker answers. */
export type StateAnswer =
  | { type: "opened"; opened: OpenedMarks }
  | { type: "progress"; share: number }
  | { type: "segments"; segments: Segments }
  | { type: "annotated"; annotation: Annotation; seconds: number }
  | { type: "failed"; message: string };
