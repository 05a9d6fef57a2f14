/** Probabilities to peaks; mirrors `PeakCollector` of `peaks.py`, without a control. */

import { poissonLog10P } from "../genome/poisson.ts";
import { compareText } from "../genome/signal_kinds.ts";
import { clip, firstWhere, interpolate, rint, sum } from "../numbers.ts";
import type { Constants, PeakRule } from "../settings.ts";
import { LocalBackground } from "./local_background.ts";
import { findSummits, smoothingBins } from "./summits.ts";

/** A row of narrowPeak. */
export interface Peak {
  chrom: string;
  start: number;
  end: number;
  name: string;
  score: number;
  signalValue: number;
  pValue: number;
  qValue: number;
  /** Offset of the highest summit from the start, in bp. */
  peak: number;
}

/** What a collector has to know of a stretch. */
export interface StretchSettings {
  chrom: string;
  startBin: number;
  binBp: number;
  /** Starts and ends of what was asked for, in bp, with a bin at least between them; peaks are cut there. */
  asked: [start: number, end: number][];
  readsPerUnit: number;
  readsPerArea: number | null;
}

/** Consecutive bins that reach `extend_probability`. */
interface Run {
  first: number;
  /** Which of what was asked for it lies in. */
  asked: number;
  probability: number[];
  signal: number[];
}

interface PlacedSummit {
  place: number;
  bin: number;
  height: number;
  signal: number;
}

// A local background below that of the whole file counts as this much, in multiples of it.
const LEAST_BACKGROUND = 1;

/** Peaks of a stretch that arrives in consecutive pieces. */
export class PeakCollector {
  private readonly background: LocalBackground;
  private readonly surroundings: LocalBackground;
  private readonly runs: Run[] = [];
  private nextBin: number;
  private askedNow = 0;

  constructor(
    private readonly stretch: StretchSettings,
    private readonly rule: PeakRule,
    private readonly constants: Constants,
  ) {
    const { startBin, binBp } = stretch;
    this.nextBin = startBin;
    this.background = new LocalBackground(startBin, rule.background_bp, binBp);
    this.surroundings = new LocalBackground(startBin, rule.background_bp, binBp);
  }

  /** Take in the next bins: probabilities, and signal in multiples of the file's background. */
  add(probabilities: Float32Array, signal: Float32Array): void {
    const extend = Math.fround(this.rule.extend_probability);
    this.background.add(signal, (bin) => probabilities[bin] < extend);
    this.surroundings.add(signal, () => true);
    let open = this.runs.at(-1);
    probabilities.forEach((probability, i) => {
      if (probability < extend) return;
      const bin = this.nextBin + i;
      if (!this.isAsked(bin)) return;
      if (!open || bin !== open.first + open.probability.length) {
        this.dropIfTooLow(open);
        open = { first: bin, asked: this.askedNow, probability: [], signal: [] };
        this.runs.push(open);
      }
      open.probability.push(probability);
      open.signal.push(signal[i]);
    });
    this.nextBin += probabilities.length;
  }

  /** All peaks of what was added, but for their names, q-values and the least of these. */
  finish(): Peak[] {
    this.dropIfTooLow(this.runs.at(-1));
    const mostGap = Math.floor(this.rule.merge_gap_bp / this.stretch.binBp);
    const groups: Run[][] = [];
    for (const run of this.runs) {
      const before = groups.at(-1)?.at(-1);
      const isNear = before && run.first - lastBin(before) - 1 <= mostGap && run.asked === before.asked;
      if (isNear) groups.at(-1)?.push(run);
      else groups.push([run]);
    }
    const peaks = this.described(groups);
    return peaks.filter((peak) => peak.end - peak.start >= Math.max(this.rule.min_width_bp, 1));
  }

  /** True if a bin, which comes after all bins before, lies in what was asked for. */
  private isAsked(bin: number): boolean {
    const { asked, binBp } = this.stretch;
    while (this.askedNow < asked.length && bin * binBp >= asked[this.askedNow][1]) this.askedNow++;
    return this.askedNow < asked.length && bin >= Math.floor(asked[this.askedNow][0] / binBp);
  }

  /** Forget the last run if no bin of it is as probable as a peak's must be. */
  private dropIfTooLow(run: Run | undefined): void {
    const enter = Math.fround(this.rule.enter_probability);
    if (run && !run.probability.some((probability) => probability >= enter)) this.runs.pop();
  }

  private described(groups: Run[][]): Peak[] {
    const best = groups.map((runs) => this.highestSummit(runs));
    const background = this.background.around(best.map(({ bin }) => [bin, bin]));
    const surroundings = this.surroundings.around(groups.map((runs) => [runs[0].first, lastBin(runs[runs.length - 1])]));
    return groups.map((runs, i) => {
      const last = runs[runs.length - 1];
      const start = this.within(runs[0], runs[0].first);
      const local = Math.max(background[i], LEAST_BACKGROUND);
      const probability = Math.max(...runs.map((run) => run.probability.reduce((a, b) => Math.max(a, b))));
      return {
        chrom: this.stretch.chrom,
        start,
        end: this.within(last, lastBin(last) + 1),
        name: ".",
        score: rint(this.score(this.calibrated(probability), best[i].signal, local)),
        signalValue: best[i].signal / local,
        pValue: this.log10P(runs, surroundings[i]),
        qValue: -1,
        peak: best[i].place - start,
      };
    });
  }

  /** The highest summit of the runs of a peak, the first of equals. */
  private highestSummit(runs: Run[]): PlacedSummit {
    const smoothBins = smoothingBins(this.rule.summit_smoothing_bp, this.stretch.binBp);
    const summits: PlacedSummit[] = [];
    for (const run of runs) {
      const start = this.within(run, run.first);
      const end = this.within(run, lastBin(run) + 1);
      const signal = Float64Array.from(run.signal);
      for (const found of findSummits(signal, smoothBins, this.rule.summit_valley, this.constants.summits.equal)) {
        const bin = run.first + found.bin;
        const middle = (bin + 0.5 + found.offset) * this.stretch.binBp;
        // Between two equal bins lies a whole number, which the parabola misses by a rounding error.
        const place = clip(Math.floor(rint(middle * 1000) / 1000), start, Math.max(end - 1, start));
        summits.push({ place, bin, height: found.height, signal: signal[found.bin] });
      }
    }
    const least = summits.reduce((most, { height }) => Math.max(most, height), 0) * (1 - this.constants.summits.equal);
    return summits.find(({ height }) => height >= least) as PlacedSummit;
  }

  private log10P(runs: Run[], surroundings: number): number {
    if (this.stretch.readsPerArea === null) return -1;
    const reads = this.stretch.binBp * this.stretch.readsPerArea;
    const nReads = sum(runs.map((run) => sum(run.signal))) * reads;
    const nBins = sum(runs.map((run) => run.signal.length));
    return poissonLog10P(nReads, nBins * Math.max(surroundings, LEAST_BACKGROUND) * reads);
  }

  private calibrated(probability: number): number {
    const corners = this.rule.calibration;
    if (!corners.length) return clip(probability, 0, 1);
    return interpolate(clip(probability, 0, 1), corners.map(([at]) => at), corners.map(([, share]) => share));
  }

  private score(probability: number, height: number, background: number): number {
    if (!this.rule.score_evidence) return 1000 * probability;
    const { longest_odds: longest, score_per_decade: perDecade } = this.constants.peaks;
    const evidence = poissonLog10P(height * this.stretch.readsPerUnit, background * this.stretch.readsPerUnit);
    const odds = Math.min(probability / Math.max(1 - probability, 1 / longest), longest);
    return Math.min(perDecade * Math.log10(1 + odds * evidence), 1000);
  }

  /** The border of a bin of a run in bp, cut to what was asked for. */
  private within(run: Run, bin: number): number {
    return clip(bin * this.stretch.binBp, ...this.stretch.asked[run.asked]);
  }
}

/** The rule of peaks, and that of weak peaks where there are any, each by itself. */
export function tiersOf(rule: PeakRule): PeakRule[] {
  const { weak_probability: weak, weak_q: weakQ } = rule;
  if (weak === null) return [rule];
  return [rule, { ...rule, enter_probability: weak, extend_probability: weak, most_q: weakQ }];
}

/** The peaks of the first list, and those of the second that overlap none of them, sorted by place. */
export function joinedTiers([peaks, weak]: Peak[][]): Peak[] {
  const byChrom = new Map<string, Peak[]>();
  for (const peak of peaks) {
    const others = byChrom.get(peak.chrom);
    if (others) others.push(peak);
    else byChrom.set(peak.chrom, [peak]);
  }
  const overlaps = ({ chrom, start, end }: Peak): boolean => {
    const others = byChrom.get(chrom) ?? [];
    return (others[firstWhere(others.length, (place) => others[place].end > start)]?.start ?? Infinity) < end;
  };
  const added = weak?.filter((peak) => !overlaps(peak)) ?? [];
  return [...peaks, ...added].sort((a, b) => compareText(a.chrom, b.chrom) || a.start - b.start);
}

/** The peaks with names such as chr1_peak_1, in their order. */
export function namePeaks(peaks: Peak[]): Peak[] {
  const counts = new Map<string, number>();
  return peaks.map((peak) => {
    const number = (counts.get(peak.chrom) ?? 0) + 1;
    counts.set(peak.chrom, number);
    return { ...peak, name: `${peak.chrom}_peak_${number}` };
  });
}

function lastBin(run: Run): number {
  return run.first + run.probability.length - 1;
}
