/** What the page and its worker tell each other. */

import type { ProbabilityPiece } from "./call_peaks.ts";
import type { Peak } from "./calling/peaks.ts";
import type { Processor, Settings, SignalKind } from "./settings.ts";

/** A bigWig on the user's disk, or behind an address. */
export type Source = File | { url: string };

/** What the worker needs before anything else. */
export interface SetUp {
  /** Address of the page's folder. */
  base: string;
  settings: Settings;
}

/** What is asked of the worker. */
export type Request =
  | { type: "open"; setUp: SetUp; source: Source }
  | { type: "call"; entry: string; regions: string; kind: SignalKind | null; processor: Processor };

/** What is known of a bigWig once it is open. */
export interface OpenedSignal {
  name: string;
  sizes: [chrom: string, bp: number][];
  assembly: string | null;
  /** Null where the values do not tell it. */
  kind: SignalKind | null;
}

/** Peaks with what decided on them. */
export interface Result {
  peaks: Peak[];
  notes: string[];
  kind: SignalKind;
  background: number;
  scale: number;
  /** What told the number of reads; null where nothing did. */
  readsFrom: string | null;
  /** What the network ran on. */
  processor: string;
  seconds: number;
}

/** What the worker answers. */
export type Answer =
  | { type: "opened"; signal: OpenedSignal }
  | { type: "progress"; done: number; total: number }
  | ({ type: "probabilities" } & ProbabilityPiece)
  | { type: "called"; result: Result }
  | { type: "failed"; message: string };
