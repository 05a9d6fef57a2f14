/** Peaks in one bigWig: what is chosen, what is shown. */

import { bedText, narrowPeakText, sortedPeaks, tsvText } from "../calling/peak_files.ts";
import type { Peak } from "../calling/peaks.ts";
import { InputError } from "../errors.ts";
import type { OpenedSignal, Result, Source } from "../messages.ts";
import type { Processor, Settings, SignalKind } from "../settings.ts";
import { Stopped } from "./background.ts";
import type { Caller } from "./caller.ts";
import { description, download, element, fetchFile, kindOptions, notes, options } from "./elements.ts";
import { GenomeView, locusAround, signalTrack, type Track } from "./genome_view.ts";
import { guarded } from "./guard.ts";
import { PeakTable } from "./peak_table.ts";
import { ProbabilityStore } from "./probability_store.ts";
import { asFragment, typedAddress } from "./typed_address.ts";

const FORMATS: Record<string, (peaks: Peak[]) => string> = { narrowPeak: narrowPeakText, bed: bedText, tsv: tsvText };

/** The task of calling peaks. */
export class PeaksPage {
  private source: Source | null = null;
  private signal: OpenedSignal | null = null;
  private peaks: Peak[] = [];
  private calledBy = "";
  private nBegun = 0;
  private readonly view = new GenomeView(element("browser"));
  private readonly table = new PeakTable((peak) => void this.guarded(() => this.view.jumpTo(peak)));

  constructor(
    private readonly settings: Settings,
    private readonly caller: Caller,
  ) {}

  /** Give every control its work. */
  start(): void {
    const { entries, constants } = this.settings;
    const entry = element<HTMLSelectElement>("entry");
    entry.replaceChildren(...options(entries.map(({ name }) => [name, name.replace("peak_caller/", "")])));
    entry.onchange = () => this.describeEntry();
    this.describeEntry();
    element("kind").append(...kindOptions("detected", constants.signal_kinds.kinds));
    element("example").onclick = () => void this.guarded(() => this.openExample());
    element("address").onsubmit = (event) => {
      event.preventDefault();
      void this.guarded(() => this.openAddress(element<HTMLInputElement>("url").value));
    };
    element("question").onsubmit = (event) => {
      event.preventDefault();
      void this.guarded(() => this.call());
    };
    element("cancel").onclick = () => this.caller.end();
    for (const button of document.querySelectorAll<HTMLButtonElement>("#result [data-format]")) {
      button.onclick = () => this.save(button.dataset["format"] as string);
    }
    // The policy of connections is made when the page is loaded.
    addEventListener("hashchange", () => location.reload());
    const typed = typedAddress(location.hash);
    if (typed) void this.guarded(() => this.open({ url: typed.href }));
  }

  /** Open a file that was dropped or picked. */
  choose(file: File): void {
    void this.guarded(() => this.open(file));
  }

  private async openAddress(typed: string): Promise<void> {
    const fragment = asFragment(typed);
    const url = typedAddress(fragment);
    if (!url) throw new InputError(`${typed}: the address of a file by http or https is expected.`);
    if (location.hash === fragment) await this.open({ url: url.href });
    else location.hash = fragment;
  }

  private async openExample(): Promise<void> {
    const { file, regions } = this.settings.example;
    await this.open(await fetchFile(file));
    element<HTMLInputElement>("regions").value = regions;
    await this.call();
  }

  private async open(source: Source): Promise<void> {
    element("question").hidden = true;
    element("result").hidden = true;
    element("detected").hidden = true;
    this.signal = await this.working("Opening the bigWig …", () => this.caller.open(source));
    this.source = source;
    this.describeSignal(this.signal);
    element("question").hidden = false;
  }

  private describeSignal({ name, sizes, assembly, kind }: OpenedSignal): void {
    const bp = sizes.reduce((total, [, size]) => total + size, 0);
    const rows = [
      ["File", name],
      ["Assembly", assembly ? `${assembly} (by the lengths of its sequences)` : "not among those that the page knows"],
      ["Sequences", `${sizes.length.toLocaleString("en")}, ${bp.toLocaleString("en")} bp`],
      ["Kind of signal", kind ? `${kind.replace("_", " ")} (by its values)` : "fractions: choose the kind below"],
    ];
    element("detected").replaceChildren(...description(rows));
    element("detected").hidden = false;
    element("chromosomes").replaceChildren(...options(sizes.slice(0, 200).map(([chrom]) => [chrom, chrom])));
    element<HTMLSelectElement>("kind").value = "";
    element<HTMLInputElement>("regions").value = "";
  }

  private describeEntry(): void {
    const name = element<HTMLSelectElement>("entry").value;
    const entry = this.settings.entries.find((one) => one.name === name);
    const ofControl = (entry?.n_tracks ?? 1) > 1 ? " The page takes no control; `epizoo call-peaks --control` does." : "";
    element("about").textContent = (entry?.about ?? "") + ofControl;
    element("license").textContent = entry?.license ?? "";
  }

  private async call(): Promise<void> {
    const name = element<HTMLSelectElement>("entry").value;
    const kind = (element<HTMLSelectElement>("kind").value || null) as SignalKind | null;
    const processor = (element<HTMLSelectElement>("processor").value || null) as Processor;
    const entry = this.settings.entries.find((one) => one.name === name);
    const store = new ProbabilityStore(entry?.window.bin_bp ?? 1);
    const regions = element<HTMLInputElement>("regions").value;
    element("result").hidden = true;
    const result = await this.working("Calling peaks …", () =>
      this.caller.call(name, regions, kind, processor, {
        progress: (share) => (element<HTMLProgressElement>("progress").value = share),
        probabilities: (piece) => store.add(piece),
      }),
    );
    this.calledBy = name.replace("peak_caller/", "");
    await this.show(`${name} ${entry?.version}, ${regions || "whole genome"}`, result, store);
  }

  /** Do something that can be cancelled; the last thing that was begun is the one whose state is shown. */
  private async working<Found>(text: string, work: () => Promise<Found>): Promise<Found> {
    const number = ++this.nBegun;
    const show = (isWorking: boolean, status: string): void => {
      if (number !== this.nBegun) return;
      element<HTMLButtonElement>("call").disabled = isWorking;
      element("cancel").hidden = !isWorking;
      element("progress").hidden = !isWorking;
      element("status").textContent = status;
    };
    element<HTMLProgressElement>("progress").value = 0;
    show(true, text);
    try {
      const found = await work();
      show(false, "");
      return found;
    } catch (error) {
      show(false, error instanceof Stopped ? "Cancelled." : "");
      throw error;
    }
  }

  private async show(asked: string, result: Result, store: ProbabilityStore): Promise<void> {
    this.peaks = sortedPeaks(result.peaks);
    const bp = this.peaks.reduce((total, { start, end }) => total + end - start, 0);
    const count = this.peaks.length.toLocaleString("en");
    element("status").textContent = `Done: ${count} peaks in ${result.seconds.toFixed(1)} s.`;
    element("summary").textContent =
      `${count} peaks over ${bp.toLocaleString("en")} bp (${asked}). Signal: ${result.kind.replace("_", " ")}, background ` +
      `${result.background.toPrecision(4)}, scale ${result.scale.toPrecision(4)}; reads told by ` +
      `${result.readsFrom ?? "nothing, so that there are no q-values"}. The network ran ${result.processor}.`;
    element("notes").replaceChildren(...notes(result.notes));
    element("result").hidden = false;
    this.table.show(this.peaks);
    element("result-title").focus();
    if (!this.source || !this.signal) return;
    const first = this.peaks[0];
    const locus = first ? locusAround(first) : this.signal.sizes[0][0];
    const { name, sizes, assembly } = this.signal;
    const signal = signalTrack(name, this.source instanceof File ? this.source : this.source.url, 90);
    await this.view.show({ name: assembly ?? "genome", sizes }, [signal, ...resultTracks(store, this.peaks)], locus);
  }

  private save(format: string): void {
    const stem = this.signal?.name.replace(/\.(bw|bigwig)$/i, "") ?? "peaks";
    download(`${stem}.${this.calledBy}.${format}`, [FORMATS[format](this.peaks)]);
  }

  private guarded(work: () => Promise<void>): Promise<void> {
    return guarded("problem", work);
  }
}

function resultTracks(probabilities: ProbabilityStore, peaks: Peak[]): Track[] {
  return [
    {
      name: "Probability",
      type: "wig",
      format: "wig",
      reader: probabilities,
      // Asked for what is shown alone, at its resolution, instead of once for a whole chromosome.
      expandQuery: false,
      disableCache: true,
      min: 0,
      max: 1,
      height: 60,
      color: "#b3541e",
    },
    {
      name: "Peaks",
      type: "annotation",
      features: peaks.map(({ chrom, start, end, name, score }) => ({ chr: chrom, start, end, name, score })),
      displayMode: "EXPANDED",
      height: 50,
      color: "#333",
    },
  ];
}
