/** A worker as the page sees it: it is asked one thing at a time, and can be stopped at any time. */

import { InputError } from "../errors.ts";

/** What every worker's answers have in common. */
type AnyAnswer = { type: string } | { type: "failed"; message: string };

/** The computation was stopped by the user. */
export class Stopped extends Error {}

/** One worker, which is replaced when it is stopped. */
export class Background<Request, Answer extends AnyAnswer> {
  private worker: Worker | null = null;
  private stop: (() => void) | null = null;

  private constructor(private readonly code: string) {}

  /** Fetch a worker's code. */
  static async of<Request, Answer extends AnyAnswer>(file: string): Promise<Background<Request, Answer>> {
    const code = await (await fetch(file)).blob();
    // A worker made of a blob is bound by the page's policy, wherever the page is served.
    return new Background(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  }

  /** False once it is stopped, when nothing is left of what it was told. */
  get isAlive(): boolean {
    return this.worker !== null;
  }

  /** True while a request waits for its answer. */
  get isBusy(): boolean {
    return this.stop !== null;
  }

  /** Stop whatever is computed, at once. */
  end(): void {
    this.worker?.terminate();
    this.worker = null;
    this.stop?.();
  }

  /** Send a request, and wait for the answer from which `finished` makes something. */
  ask<Found>(request: Request, finished: (answer: Answer) => Found | null): Promise<Found> {
    const worker = (this.worker ??= new Worker(this.code));
    let stop: () => void;
    return new Promise<Found>((resolve, reject) => {
      this.stop = stop = () => reject(new Stopped());
      worker.onmessage = ({ data: answer }: MessageEvent<Answer>) => {
        if (answer.type === "failed" && "message" in answer) return reject(new InputError(answer.message));
        const found = finished(answer);
        if (found !== null) resolve(found);
      };
      worker.onerror = (event) => {
        reject(new Error(event.message || "the worker could not be started"));
        this.end();
      };
      worker.postMessage(request);
    }).finally(() => {
      // Another request may have begun since.
      if (this.stop === stop) this.stop = null;
    });
  }
}
