/** Peaks as text: narrowPeak and BED as UCSC defines them, and a table with a header; mirrors `peak_files.py`. */

import { compareText } from "../genome/signal_kinds.ts";
import type { Peak } from "./peaks.ts";

/** narrowPeak (BED6+4), sorted by chromosome and start, as `epizoo call-peaks` writes it. */
export function narrowPeakText(peaks: Peak[]): string {
  return lines(peaks, (peak) => [
    ...bedColumns(peak),
    general(peak.signalValue),
    general(peak.pValue),
    general(peak.qValue),
    peak.peak,
  ]);
}

/** BED of six columns. */
export function bedText(peaks: Peak[]): string {
  return lines(peaks, bedColumns);
}

/** narrowPeak's columns without the strand, with a header. */
export function tsvText(peaks: Peak[]): string {
  const header = "chrom\tstart\tend\tname\tscore\tsignalValue\tpValue\tqValue\tsummit\n";
  const rows = lines(peaks, (peak) => [
    ...bedColumns(peak).slice(0, 5),
    general(peak.signalValue),
    general(peak.pValue),
    general(peak.qValue),
    peak.start + peak.peak,
  ]);
  return header + rows;
}

/** A number as C's `%.5g` writes it. */
export function general(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const [digits, exponent] = fiveDigits(value).split("e");
  const power = Number(exponent);
  if (power < -4 || power >= 5) {
    const short = digits.replace(/\.?0+$/, "");
    return `${short}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  const plain = Number(`${digits}e${power}`).toFixed(4 - power);
  return plain.includes(".") ? plain.replace(/\.?0+$/, "") : plain;
}

/** A number with five digits, halves rounded to the even digit, as C rounds; JavaScript takes them up. */
function fiveDigits(value: number): string {
  const half = /^(-?\d\.\d{3}[02468])50*(e.*)$/.exec(value.toExponential(100));
  return half ? half[1] + half[2] : value.toExponential(4);
}

/** Peaks sorted by chromosome and start. */
export function sortedPeaks(peaks: Peak[]): Peak[] {
  return [...peaks].sort((a, b) => compareText(a.chrom, b.chrom) || a.start - b.start);
}

function bedColumns(peak: Peak): (string | number)[] {
  return [peak.chrom, peak.start, peak.end, peak.name, peak.score, "."];
}

function lines(peaks: Peak[], columns: (peak: Peak) => (string | number)[]): string {
  return sortedPeaks(peaks)
    .map((peak) => `${columns(peak).join("\t")}\n`)
    .join("");
}
