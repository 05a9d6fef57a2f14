/** The page: what is chosen, what is shown. */

import { bedText, narrowPeakText, sortedPeaks, tsvText } from "./calling/peak_files.ts";
import type { Peak } from "./calling/peaks.ts";
import { InputError, sentence } from "./errors.ts";
import type { OpenedSignal, Result, Source } from "./messages.ts";
import { Caller, Stopped } from "./page/caller.ts";
import { download, element, options } from "./page/elements.ts";
import { jumpTo, locusAround, showGenome } from "./page/genome_view.ts";
import { PeakTable } from "./page/peak_table.ts";
import { ProbabilityStore } from "./page/probability_store.ts";
import { asFragment, typedAddress } from "./page/typed_address.ts";
import type { Settings, SignalKind } from "./settings.ts";

const FORMATS: Record<string, (peaks: Peak[]) => string> = { narrowPeak: narrowPeakText, bed: bedText, tsv: tsvText };

/** What the page holds. */
class Page {
  private source: Source | null = null;
  private signal: OpenedSignal | null = null;
  private peaks: Peak[] = [];
  private readonly table = new PeakTable((peak) => void this.guarded(() => jumpTo(peak)));

  constructor(
    private readonly settings: Settings,
    private readonly caller: Caller,
  ) {}

  /** Give every control its work. */
  start(): void {
    const { entries, constants, version } = this.settings;
    const entry = element<HTMLSelectElement>("entry");
    entry.replaceChildren(...options(entries.map(({ name }) => [name, name.replace("peak_caller/", "")])));
    entry.onchange = () => this.describeEntry();
    this.describeEntry();
    const kinds = constants.signal_kinds.kinds.map((kind): [string, string] => [kind, kind.replace("_", " ")]);
    element("kind").append(...options([["", "detected"], ...kinds]));
    element("version").textContent = version;
    element("example").onclick = () => void this.guarded(() => this.openExample());
    element<HTMLInputElement>("file").onchange = ({ target }) => this.choose((target as HTMLInputElement).files);
    element("address").onsubmit = (event) => {
      event.preventDefault();
      location.hash = asFragment(element<HTMLInputElement>("url").value);
    };
    element("question").onsubmit = (event) => {
      event.preventDefault();
      void this.guarded(() => this.call());
    };
    element("cancel").onclick = () => this.caller.end();
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-format]")) {
      button.onclick = () => this.save(button.dataset["format"] as string);
    }
    this.takeDrops();
    // The policy of connections is made when the page is loaded.
    addEventListener("hashchange", () => location.reload());
    const typed = typedAddress(location.hash);
    if (typed) void this.guarded(() => this.open({ url: typed.href }));
  }

  private takeDrops(): void {
    addEventListener("dragover", (event) => {
      event.preventDefault();
      element("drop").classList.add("over");
    });
    addEventListener("dragleave", () => element("drop").classList.remove("over"));
    addEventListener("drop", (event) => {
      event.preventDefault();
      element("drop").classList.remove("over");
      this.choose(event.dataTransfer?.files ?? null);
    });
  }

  private choose(files: FileList | null): void {
    if (!files?.length) return;
    void this.guarded(async () => {
      if (files.length > 1) throw new InputError(`${files.length} files given, expected one bigWig; choose one of them.`);
      await this.open(files[0]);
    });
  }

  private async openExample(): Promise<void> {
    const { file, regions } = this.settings.example;
    const response = await fetch(`data/${file}`);
    await this.open(new File([await response.blob()], file));
    element<HTMLInputElement>("regions").value = regions;
    await this.call();
  }

  private async open(source: Source): Promise<void> {
    element("question").hidden = true;
    element("result").hidden = true;
    element("detected").hidden = true;
    this.signal = await this.caller.open(source);
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
    const cells = rows.flatMap(([term, text]) => {
      const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
      [dt.textContent, dd.textContent] = [term, text];
      return [dt, dd];
    });
    element("detected").replaceChildren(...cells);
    element("detected").hidden = false;
    element("chromosomes").replaceChildren(...options(sizes.slice(0, 200).map(([chrom]) => [chrom, chrom])));
    element<HTMLSelectElement>("kind").value = "";
    element<HTMLInputElement>("regions").value = "";
  }

  private describeEntry(): void {
    const name = element<HTMLSelectElement>("entry").value;
    const entry = this.settings.entries.find((one) => one.name === name);
    element("about").textContent = entry?.about ?? "";
    element("license").textContent = entry?.license ?? "";
  }

  private async call(): Promise<void> {
    const name = element<HTMLSelectElement>("entry").value;
    const kind = (element<HTMLSelectElement>("kind").value || null) as SignalKind | null;
    const entry = this.settings.entries.find((one) => one.name === name);
    const store = new ProbabilityStore(entry?.window.bin_bp ?? 1);
    element("result").hidden = true;
    this.working(true);
    try {
      const result = await this.caller.call(name, element<HTMLInputElement>("regions").value, kind, {
        progress: (share) => (element<HTMLProgressElement>("progress").value = share),
        probabilities: (piece) => store.add(piece),
      });
      await this.show(result, store);
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      element("status").textContent = "Cancelled.";
    } finally {
      this.working(false);
    }
  }

  private working(isWorking: boolean): void {
    element<HTMLButtonElement>("call").disabled = isWorking;
    element("cancel").hidden = !isWorking;
    element("progress").hidden = !isWorking;
    if (!isWorking) return;
    element<HTMLProgressElement>("progress").value = 0;
    element("status").textContent = "Calling peaks …";
  }

  private async show(result: Result, store: ProbabilityStore): Promise<void> {
    this.peaks = sortedPeaks(result.peaks);
    const bp = this.peaks.reduce((total, { start, end }) => total + end - start, 0);
    const count = this.peaks.length.toLocaleString("en");
    element("status").textContent = `Done: ${count} peaks in ${result.seconds.toFixed(1)} s.`;
    element("summary").textContent =
      `${count} peaks over ${bp.toLocaleString("en")} bp. Signal: ${result.kind.replace("_", " ")}, background ` +
      `${result.background.toPrecision(4)}, scale ${result.scale.toPrecision(4)}; reads told by ` +
      `${result.readsFrom ?? "nothing, so that there are no q-values"}.`;
    const notes = result.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note }));
    element("notes").replaceChildren(...notes);
    element("result").hidden = false;
    this.table.show(this.peaks);
    element("result-title").focus();
    if (!this.source || !this.signal) return;
    const first = this.peaks[0];
    const locus = first ? locusAround(first) : this.signal.sizes[0][0];
    await showGenome(element("browser"), this.source, this.signal, store, this.peaks, locus);
  }

  private save(format: string): void {
    const stem = this.signal?.name.replace(/\.(bw|bigwig)$/i, "") ?? "peaks";
    download(`${stem}.${format}`, FORMATS[format](this.peaks));
  }

  /** Do something, and say in one sentence what went wrong. */
  private async guarded(work: () => Promise<void>): Promise<void> {
    element("problem").hidden = true;
    element("problem").textContent = "";
    try {
      await work();
    } catch (error) {
      if (error instanceof Stopped) return;
      showProblem(error);
    }
  }
}

function showProblem(error: unknown): void {
  element("problem").textContent = sentence(error);
  element("problem").hidden = false;
  element("status").textContent = "";
}

async function main(): Promise<void> {
  if (typeof WebAssembly === "undefined") {
    throw new InputError("This browser has no WebAssembly, in which the models run; use another, or allow it in its settings.");
  }
  const settings = (await (await fetch("data/settings.json")).json()) as Settings;
  new Page(settings, await Caller.create(settings)).start();
  document.body.dataset["ready"] = "";
  await navigator.serviceWorker?.register("service_worker.js");
}

main().catch(showProblem);
