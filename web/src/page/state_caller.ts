/** The worker that annotates chromatin states, as the page sees it. */

import type { Annotation } from "../annotate.ts";
import type { SetUp } from "../messages.ts";
import type { OpenedMarks, StateAnswer, StateRequest, StateSettings } from "../state_messages.ts";
import type { Segments } from "../states/segments.ts";
import { Background } from "./background.ts";
import type { MarkFile } from "./mark_list.ts";

/** The states of a genome or of regions, chromosome by chromosome. */
export interface StateResult {
  segments: Segments[];
  annotation: Annotation;
  seconds: number;
}

/** How to annotate which bigWigs, each with its mark. */
export interface StateChoice extends Omit<StateSettings, "marks"> {
  markFiles: readonly MarkFile[];
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

  /** Annotate bigWigs, which are opened where others or none are open. */
  async annotate(question: StateChoice, progress: (share: number) => void): Promise<StateResult> {
    const { markFiles, ...others } = question;
    const files = markFiles.map(({ file }) => file);
    if (this.background.isBusy) this.end();
    const isSame = files.length === this.files.length && files.every((file, i) => file === this.files[i]);
    if (!this.isOpen || !isSame) await this.open(files);
    const settings = { ...others, marks: markFiles.map(({ mark }) => mark) };
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
