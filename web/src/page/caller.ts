/** The worker that calls peaks, as the page sees it. */

import type { ProbabilityPiece } from "../call_peaks.ts";
import type { Answer, OpenedSignal, Request, Result, SetUp, Source } from "../messages.ts";
import type { Processor, SignalKind } from "../settings.ts";
import { Background } from "./background.ts";

/** What is told while peaks are called. */
export interface CallListener {
  progress(share: number): void;
  probabilities(piece: ProbabilityPiece): void;
}

/** Opens a bigWig and calls peaks in it. */
export class Caller {
  private source: Source | null = null;

  private constructor(
    private readonly background: Background<Request, Answer>,
    private readonly setUp: SetUp,
  ) {}

  /** Fetch the worker's code. */
  static async create(setUp: SetUp): Promise<Caller> {
    return new Caller(await Background.of("worker.js"), setUp);
  }

  /** Open a bigWig in place of the one before. */
  async open(source: Source): Promise<OpenedSignal> {
    this.background.end();
    this.source = source;
    return this.background.ask({ type: "open", setUp: this.setUp, source }, (answer) =>
      answer.type === "opened" ? answer.signal : null,
    );
  }

  /** Call peaks in the open bigWig. */
  async call(
    entry: string,
    regions: string,
    kind: SignalKind | null,
    processor: Processor,
    listener: CallListener,
  ): Promise<Result> {
    if (this.background.isBusy) this.background.end();
    if (!this.background.isAlive && this.source) await this.open(this.source);
    return this.background.ask({ type: "call", entry, regions, kind, processor }, (answer) => {
      if (answer.type === "progress") listener.progress(answer.done / answer.total);
      if (answer.type === "probabilities") listener.probabilities(answer);
      return answer.type === "called" ? answer.result : null;
    });
  }

  /** Stop whatever is computed, at once; the bigWig is opened again when it is next needed. */
  end(): void {
    this.background.end();
  }
}
