/** The worker as the page sees it: opens a bigWig, calls peaks, and can be stopped at any time. */

import type { ProbabilityPiece } from "../call_peaks.ts";
import { InputError } from "../errors.ts";
import type { Answer, OpenedSignal, Request, Result, Source } from "../messages.ts";
import type { Settings, SignalKind } from "../settings.ts";

/** What is told while peaks are called. */
export interface CallListener {
  progress(share: number): void;
  probabilities(piece: ProbabilityPiece): void;
}

/** One worker, which is replaced when it is stopped. */
export class Caller {
  private worker: Worker | null = null;
  private stop: (() => void) | null = null;
  private source: Source | null = null;

  private constructor(
    private readonly code: string,
    private readonly settings: Settings,
  ) {}

  /** Fetch the worker's code. */
  static async create(settings: Settings): Promise<Caller> {
    const code = await (await fetch("worker.js")).blob();
    // A worker made of a blob is bound by the page's policy, wherever the page is served.
    return new Caller(URL.createObjectURL(new Blob([code], { type: "text/javascript" })), settings);
  }

  /** Open a bigWig in place of the one before. */
  async open(source: Source): Promise<OpenedSignal> {
    this.end();
    this.source = source;
    return this.ask({ type: "open", setUp: { base: new URL(".", document.baseURI).href, settings: this.settings }, source }, (answer) =>
      answer.type === "opened" ? answer.signal : null,
    );
  }

  /** Call peaks in the open bigWig. */
  async call(entry: string, regions: string, kind: SignalKind | null, listener: CallListener): Promise<Result> {
    if (!this.worker && this.source) await this.open(this.source);
    return this.ask({ type: "call", entry, regions, kind }, (answer) => {
      if (answer.type === "progress") listener.progress(answer.done / answer.total);
      if (answer.type === "probabilities") listener.probabilities(answer);
      return answer.type === "called" ? answer.result : null;
    });
  }

  /** Stop whatever is computed, at once; the bigWig is opened again when it is next needed. */
  end(): void {
    this.worker?.terminate();
    this.worker = null;
    this.stop?.();
  }

  /** Send a request, and wait for the answer from which `finished` makes something. */
  private ask<Found>(request: Request, finished: (answer: Answer) => Found | null): Promise<Found> {
    const worker = (this.worker ??= new Worker(this.code));
    return new Promise<Found>((resolve, reject) => {
      this.stop = () => reject(new Stopped());
      worker.onmessage = ({ data: answer }: MessageEvent<Answer>) => {
        if (answer.type === "failed") return reject(new InputError(answer.message));
        const found = finished(answer);
        if (found !== null) resolve(found);
      };
      worker.onerror = (event) => {
        this.end();
        reject(new Error(event.message || "the worker could not be started"));
      };
      worker.postMessage(request);
    }).finally(() => (this.stop = null));
  }
}

/** The computation was stopped by the user. */
export class Stopped extends Error {}
