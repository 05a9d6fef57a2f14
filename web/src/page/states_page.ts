/** Chromatin states from several bigWigs: what is chosen, what is shown. */

import { InputError } from "../errors.ts";
import type { Annotator, Settings, SignalKind } from "../settings.ts";
import type { OpenedMarks } from "../state_messages.ts";
import type { Segments } from "../states/segments.ts";
import { bed9Texts, shares, tableTexts } from "../states/state_files.ts";
import { Stopped } from "./background.ts";
import { description, download, element, fetchFile, kindOptions, notes, options } from "./elements.ts";
import { GenomeView, signalTrack, type Track } from "./genome_view.ts";
import { guarded } from "./guard.ts";
import { type MarkFile, MarkList } from "./mark_list.ts";
import { SegmentStore } from "./segment_store.ts";
import { showShares } from "./share_table.ts";
import type { StateCaller, StateResult } from "./state_caller.ts";

const FORMATS = { bed: bed9Texts, tsv: tableTexts };
// What is shown first of a chromosome.
const FIRST_BP = 2_000_000;

/** The task of annotating states. */
export class StatesPage {
  private opened: OpenedMarks | null = null;
  private nBusy = 0;
  private adding: Promise<void> = Promise.resolve();
  private shown: { annotator: Annotator; segments: Segments[] } | null = null;
  private readonly view = new GenomeView(element("states-browser"));
  private readonly list: MarkList;

  constructor(
    private readonly settings: Settings,
    private readonly caller: StateCaller,
  ) {
    const known = [...new Set(settings.annotators.flatMap(({ marks }) => marks))].sort();
    this.list = new MarkList(known, (removed) => {
      if (removed) void this.guarded(() => this.open([...this.list.all]));
      else this.describe();
    });
  }

  /** Give every control its work. */
  start(): void {
    element("states-kind").append(...kindOptions("choose", this.settings.constants.signal_kinds.kinds));
    for (const id of ["annotator", "allow-missing"]) element(id).onchange = () => this.describe();
    element("states-example").onclick = () => void this.guarded(() => this.openExample());
    element("states-question").onsubmit = (event) => {
      event.preventDefault();
      void this.guarded(() => this.annotate());
    };
    element("states-cancel").onclick = () => this.caller.end();
    for (const format of ["bed", "tsv"] as const) element(`states-${format}`).onclick = () => this.save(format);
  }

  /** Add files that were dropped or picked. */
  add(files: File[]): void {
    // After files that are being opened, which would be lost otherwise.
    this.adding = this.adding.then(() => this.guarded(() => this.open(this.list.with(files))));
  }

  private async openExample(): Promise<void> {
    const { entry, files, kind, threshold } = this.settings.state_example;
    this.list.show([], []);
    await this.open(this.list.with(await Promise.all(files.map(fetchFile))));
    element<HTMLSelectElement>("annotator").value = entry;
    element<HTMLSelectElement>("states-kind").value = kind;
    element<HTMLInputElement>("threshold").value = String(threshold);
    element<HTMLInputElement>("states-regions").value = "";
    this.describe();
    await this.annotate();
  }

  /** Open these files in place of those that are shown, which stay where one is refused. */
  private async open(files: MarkFile[]): Promise<void> {
    this.busy(1);
    element("states-status").textContent = "";
    try {
      this.opened = await this.caller.open(files.map(({ file }) => file));
    } finally {
      this.busy(-1);
    }
    element("states-result").hidden = true;
    this.list.show(files, []);
    const { kinds, sizes, assembly } = this.opened;
    element<HTMLSelectElement>("states-kind").value = kinds.every((kind) => kind === kinds[0]) ? (kinds[0] ?? "") : "";
    element("states-chromosomes").replaceChildren(...options(sizes.slice(0, 200).map(([chrom]) => [chrom, chrom])));
    const bp = sizes.reduce((total, [, size]) => total + size, 0);
    const rows = [
      ["Assembly", assembly ? `${assembly} (by the lengths of its sequences)` : "not among those that the page knows"],
      ["Sequences", `${sizes.length.toLocaleString("en")}, ${bp.toLocaleString("en")} bp`],
    ];
    element("states-detected").replaceChildren(...description(rows));
    for (const id of ["states-detected", "states-question"]) element(id).hidden = !files.length;
    this.describe();
  }

  /** Offer the annotators that the marks suffice for, the one that uses most of them first, and describe the chosen one. */
  private describe(): void {
    const marks = new Set(this.list.all.map(({ mark }) => mark));
    const isAllowed = element<HTMLInputElement>("allow-missing").checked;
    const found = (one: Annotator): number => one.marks.filter((mark) => marks.has(mark)).length;
    const suffices = (one: Annotator): boolean => found(one) === one.marks.length || (isAllowed && found(one) > 0);
    const { annotators } = this.settings;
    const select = element<HTMLSelectElement>("annotator");
    const before = annotators.find(({ name }) => name === select.value);
    const best = [...annotators].sort((a, b) => Number(suffices(b)) - Number(suffices(a)) || found(b) - found(a))[0];
    const chosen = before && suffices(before) ? before : best;
    const offered = annotators.map((one) => {
      const text = `${shortName(one)} (${found(one)} of ${one.marks.length} marks)`;
      return Object.assign(new Option(text, one.name), { disabled: !suffices(one) && one !== chosen });
    });
    select.replaceChildren(...offered);
    select.value = chosen.name;
    element("annotator-about").textContent = `${chosen.about} Licence of the weights: ${chosen.license}.`;
    this.list.tell(chosen.marks);
  }

  private get annotator(): Annotator {
    const name = element<HTMLSelectElement>("annotator").value;
    return this.settings.annotators.find((one) => one.name === name) as Annotator;
  }

  private async annotate(): Promise<void> {
    const { annotator } = this;
    element("states-result").hidden = true;
    this.working(true);
    try {
      const result = await this.caller.annotate(
        {
          annotator: annotator.name,
          markFiles: this.list.all,
          kind: (element<HTMLSelectElement>("states-kind").value || null) as SignalKind | null,
          readLengthBp: number("read-length"),
          threshold: number("threshold"),
          allowMissing: element<HTMLInputElement>("allow-missing").checked,
          regions: element<HTMLInputElement>("states-regions").value,
        },
        (share) => (element<HTMLProgressElement>("states-progress").value = share),
      );
      await this.show(annotator, result);
    } catch (error) {
      element("states-status").textContent = error instanceof Stopped ? "Cancelled." : "";
      throw error;
    } finally {
      this.working(false);
    }
  }

  /** Nothing can be annotated while files are opened or another annotation is made. */
  private busy(more: 1 | -1): void {
    this.nBusy += more;
    element<HTMLButtonElement>("annotate").disabled = this.nBusy > 0;
  }

  private working(isWorking: boolean): void {
    this.busy(isWorking ? 1 : -1);
    element("states-cancel").hidden = !isWorking;
    element("states-progress").hidden = !isWorking;
    if (!isWorking) return;
    element<HTMLProgressElement>("states-progress").value = 0;
    element("states-status").textContent = "Annotating …";
  }

  private async show(annotator: Annotator, { segments, annotation, seconds }: StateResult): Promise<void> {
    const { name, version, states } = annotator;
    this.shown = { annotator, segments };
    const count = segments.reduce((total, { state }) => total + state.length, 0).toLocaleString("en");
    const perBin = annotation.logLikelihood / Math.max(annotation.nBins, 1);
    element("states-status").textContent = `Done: ${count} segments in ${seconds.toFixed(1)} s.`;
    element("states-summary").textContent =
      `${count} segments over ${annotation.nBins.toLocaleString("en")} bins, by ${name} ${version}; log-likelihood ` +
      `${perBin.toFixed(4)} per bin.`;
    element("states-notes").replaceChildren(...notes(annotation.notes));
    showShares(shares(segments, states));
    element("states-result").hidden = false;
    element("states-title").focus();
    const { sizes, assembly } = this.opened as OpenedMarks;
    const first = segments.find(({ start }) => start.length) ?? segments[0];
    const start = first.start[0] ?? 0;
    const locus = `${first.chrom}:${start + 1}-${Math.min(start + FIRST_BP, first.end.at(-1) ?? FIRST_BP)}`;
    await this.view.show({ name: assembly ?? "genome", sizes }, this.tracks(annotator, segments), locus);
  }

  private tracks({ marks, states }: Annotator, segments: Segments[]): Track[] {
    const used = this.list.all.filter(({ mark }) => marks.includes(mark));
    return [
      {
        name: "States",
        type: "annotation",
        reader: new SegmentStore(segments, states),
        // Asked for what is shown alone, instead of once for a whole chromosome.
        expandQuery: false,
        disableCache: true,
        displayMode: "COLLAPSED",
        height: 40,
      },
      ...used.map(({ mark, file }) => signalTrack(mark, file, 40)),
    ];
  }

  private save(format: keyof typeof FORMATS): void {
    if (!this.shown) return;
    const { annotator, segments } = this.shown;
    download(`${shortName(annotator)}.${format}`, FORMATS[format](segments, annotator.states));
  }

  private guarded(work: () => Promise<void>): Promise<void> {
    return guarded("states-problem", work);
  }
}

function shortName({ name }: Annotator): string {
  return name.split("/")[1];
}

/** The number in an input; null where it is empty. */
function number(id: string): number | null {
  const { value, validity, labels } = element<HTMLInputElement>(id);
  if (validity.badInput) throw new InputError(`${labels?.[0].textContent}: what was typed is no number.`);
  return value.trim() ? Number(value) : null;
}
