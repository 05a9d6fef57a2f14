/** The worker that annotates chromatin states, as the page sees it. */

import type { Annotation } from "../annotate.ts";
import type { SetUp } from "../messages.ts";
import type { OpenedMarks, StateAnswer, StateRequest, StateSettings } from "../state_messages.ts";
import type { Segments } from "../states/segments.ts";
import { Background } from "./background.ts";

/** The states of a genome or of regions, chromosome by chromosome. */
export interface StateResult {
  segments: Segments[];
  annotation: Annotation;
  seconds: number;
}

/** Opens bigWigs and annotates them. */
export class StateCaller {
  private files: File[] = [];
  private isOpen = false;

  private constructor(
    private readonly background: Background<StateRequest, StateAnswer>,
    private readonly setUp: SetUp,
  ) {}

  /** Fetch the worker's code. */
  static async create(setUp: SetUp): Promise<StateCaller> {
    return new StateCaller(await Background.of("state_worker.js"), setUp);
  }

  /** Open bigWigs in place of those before; where one is refused, those before are the ones to annotate. */
  async open(files: File[]): Promise<OpenedMarks> {
    this.end();
    const opened = await this.background.ask({ type: "open", setUp: this.setUp, files }, (answer) =>
      answer.type === "opened" ? answer.opened : null,
    );
    [this.files, this.isOpen] = [files, true];
    return opened;
  }

  /** Annotate the open bigWigs. */
  async annotate(settings: StateSettings, progress: (share: number) => void): Promise<StateResult> {
    if (!this.isOpen) await this.open(this.files);
    const segments: Segments[] = [];
    return this.background.ask({ type: "annotate", settings }, (answer) => {
      if (answer.type === "progress") progress(answer.share);
      if (answer.type === "segments") segments.push(answer.segments);
      return answer.type === "annotated" ? { segments, annotation: answer.annotation, seconds: answer.seconds } : null;
    });
  }

  /** Stop whatever is computed, at once; the bigWigs are opened again when they are next needed. */
  end(): void {
    this.isOpen = false;
    this.background.end();
  }
}
