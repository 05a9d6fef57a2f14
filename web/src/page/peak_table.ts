/** A table of peaks: sorted by any column, a page at a time, with a button that jumps to each. */

import { general } from "../calling/peak_files.ts";
import type { Peak } from "../calling/peaks.ts";
import { compareText } from "../genome/signal_kinds.ts";
import { element, made } from "./elements.ts";

interface Column {
  title: string;
  text(peak: Peak): string;
  order(a: Peak, b: Peak): number;
}

const PAGE_ROWS = 50;

const COLUMNS: Column[] = [
  {
    title: "Place",
    text: (peak) => `${peak.chrom}:${(peak.start + 1).toLocaleString("en")}-${peak.end.toLocaleString("en")}`,
    order: (a, b) => compareText(a.chrom, b.chrom) || a.start - b.start,
  },
  numeric("Width (bp)", (peak) => peak.end - peak.start, String),
  numeric("Score", (peak) => peak.score, String),
  numeric("Fold", (peak) => peak.signalValue),
  numeric("−log10 p", (peak) => peak.pValue),
  numeric("−log10 q", (peak) => peak.qValue),
  numeric("Summit", (peak) => peak.start + peak.peak, (value) => (value + 1).toLocaleString("en")),
];

function numeric(title: string, value: (peak: Peak) => number, text: (value: number) => string = general): Column {
  return { title, text: (peak) => text(value(peak)), order: (a, b) => value(a) - value(b) };
}

/** The table in the page. */
export class PeakTable {
  private peaks: Peak[] = [];
  private sorted: { column: Column; descending: boolean } = { column: COLUMNS[0], descending: false };
  private page = 0;

  private readonly headers = COLUMNS.map(() => made("th", { scope: "col" }, [made("button", { type: "button" })]));

  constructor(private readonly jump: (peak: Peak) => void) {
    element("columns").replaceChildren(...this.headers);
    element("previous").onclick = () => this.turn(-1);
    element("next").onclick = () => this.turn(1);
  }

  /** Show peaks, in the order of the genome. */
  show(peaks: Peak[]): void {
    this.peaks = peaks;
    this.sort(COLUMNS[0], false);
  }

  private sort(column: Column, descending: boolean): void {
    this.sorted = { column, descending };
    this.peaks = [...this.peaks].sort((a, b) => column.order(a, b) * (descending ? -1 : 1));
    this.page = 0;
    this.draw();
  }

  private turn(by: number): void {
    this.page += by;
    this.draw();
  }

  private draw(): void {
    COLUMNS.forEach((column, i) => this.mark(column, this.headers[i]));
    const first = this.page * PAGE_ROWS;
    const shown = this.peaks.slice(first, first + PAGE_ROWS);
    element("rows").replaceChildren(...shown.map((peak) => this.row(peak)));
    element("page").textContent = shown.length
      ? `${first + 1} to ${first + shown.length} of ${this.peaks.length.toLocaleString("en")}`
      : "No peaks";
    element<HTMLButtonElement>("previous").disabled = this.page === 0;
    element<HTMLButtonElement>("next").disabled = first + PAGE_ROWS >= this.peaks.length;
  }

  /** Show in a header whether its column is the sorted one; it stays the element that has the focus. */
  private mark(column: Column, header: HTMLElement): void {
    const { column: current, descending } = this.sorted;
    const isSorted = column === current;
    const button = header.firstChild as HTMLButtonElement;
    header.ariaSort = isSorted ? (descending ? "descending" : "ascending") : "none";
    button.textContent = column.title + (isSorted ? (descending ? " ↓" : " ↑") : "");
    // Of figures the highest come first.
    button.onclick = () => this.sort(column, isSorted ? !descending : column !== COLUMNS[0]);
  }

  private row(peak: Peak): HTMLElement {
    const row = document.createElement("tr");
    for (const column of COLUMNS) {
      const cell = row.insertCell();
      if (column !== COLUMNS[0]) {
        cell.textContent = column.text(peak);
        continue;
      }
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = column.text(peak);
      button.title = `Show ${peak.name}`;
      button.onclick = () => this.jump(peak);
      cell.append(button);
    }
    return row;
  }
}
