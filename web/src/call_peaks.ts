/** Peaks of a whole genome, or of regions of it: bigWig in, peaks out; mirrors `call_peaks.py` and `genome_peaks.py`. */

import { chunkBins, type Predict, predictTracks } from "./calling/chunked_prediction.ts";
import { joinedTiers, namePeaks, type Peak, PeakCollector, tiersOf } from "./calling/peaks.ts";
import { significant, withQValues } from "./calling/significance.ts";
import { excludedSequences } from "./genome/assemblies.ts";
import { type FittedTransform, fitTransform } from "./genome/coverage_transform.ts";
import { merged, type Stretch, stretches } from "./genome/intervals.ts";
import { type ReadDepth, readDepth } from "./genome/read_depth.ts";
import type { BigWig, Interval } from "./genome/signal.ts";
import { sum } from "./numbers.ts";
import type { Constants, Entry, PeakRule, SignalKind } from "./settings.ts";

/** What to call peaks in, and by which entry. */
export interface Question {
  entry: Entry;
  /** The whole genome where null. */
  regions: Interval[] | null;
  /** Detected where null. */
  kind: SignalKind | null;
}

/** Consecutive bins with their probabilities. */
export interface ProbabilityPiece {
  chrom: string;
  startBin: number;
  probabilities: Float32Array;
}

/** The peaks, and the settings that decided. */
export interface CalledPeaks {
  peaks: Peak[];
  fitted: FittedTransform;
  depth: ReadDepth | null;
  notes: string[];
}

/** What is told while peaks are called. */
export interface Listener {
  progress(done: number, total: number): void;
  probabilities(piece: ProbabilityPiece): void;
}

/** Call peaks in a bigWig. */
export async function callPeaks(
  bigwig: BigWig,
  question: Question,
  predict: Predict,
  constants: Constants,
  listener: Listener,
): Promise<CalledPeaks> {
  const { entry, regions, kind } = question;
  const sizes = bigwig.chromSizes;
  const excluded = excludedSequences(sizes, constants.assemblies.unusual_sequences, regions);
  const unseen = new Set([...excluded, ...notAsked(sizes, regions, constants)]);
  const fitted = await fitTransform(bigwig, kind, entry.transform, constants, unseen);
  const depth = await readDepth(bigwig, fitted, new Set(excluded), constants);
  const asked = regions ?? [...sizes].map(([chrom, end]) => ({ chrom, start: 0, end }));
  const searched = asked.filter(({ chrom }) => !excluded.includes(chrom));
  const todo = stretches(searched, entry.window.bin_bp, entry.calling.background_bp, sizes);
  // Weak peaks are known by their q-values alone.
  const tiers = tiersOf(entry.calling).slice(0, depth ? undefined : 1);
  const found = await callStretches(bigwig, todo, { entry, tiers, fitted, depth }, predict, constants, listener);
  const nBp = sum(merged(searched).map(({ start, end }) => end - start));
  const kept = found.map((peaks, i) => significant(withQValues(peaks, nBp), tiers[i].most_q));
  const peaks = namePeaks(joinedTiers(kept));
  const notes = notesOn(bigwig, peaks, fitted, excluded, entry, constants);
  return { peaks, fitted, depth, notes };
}

interface Basis {
  entry: Entry;
  tiers: PeakRule[];
  fitted: FittedTransform;
  depth: ReadDepth | null;
}

/** All candidate peaks of the stretches for each tier, without names and q-values. */
async function callStretches(
  bigwig: BigWig,
  todo: Stretch[],
  { entry, tiers, fitted, depth }: Basis,
  predict: Predict,
  constants: Constants,
  listener: Listener,
): Promise<Peak[][]> {
  const { bin_bp: binBp, flank_bins: flankBins } = entry.window;
  const lengths = todo.map((stretch) => stretch.endBin - stretch.startBin);
  const chunk = chunkBins(lengths, flankBins, constants.genome_peaks.chunk_bins);
  const windows = { flankBins, chunkBins: chunk, rowBins: Math.min(chunk, constants.genome_peaks.row_bins) };
  const tracks = todo.map(({ chrom, startBin, endBin }) => ({
    startBin,
    endBin,
    read: async (from: number, to: number) => fitted.apply(await bigwig.binned(chrom, from, to, binBp)),
  }));
  const nBins = sum(lengths);
  const found: Peak[][] = tiers.map(() => []);
  const enter = Math.fround(Math.min(...tiers.map((rule) => rule.enter_probability)));
  let done = 0;
  let collectors: PeakCollector[] = [];
  for await (const piece of predictTracks(predict, tracks, windows)) {
    const stretch = todo[piece.track];
    const isFirst = piece.startBin === stretch.startBin;
    const isLast = piece.startBin + piece.coverage.length === stretch.endBin;
    done += piece.coverage.length;
    for (const part of askedParts(stretch, piece, binBp)) listener.probabilities(part);
    listener.progress(done, nBins);
    // Most scaffolds of a draft assembly: their background is nobody's, so that none is taken in.
    if (isFirst && isLast && !piece.probabilities.some((probability) => probability >= enter)) continue;
    if (!collectors.length) {
      const settings = {
        ...stretch,
        binBp,
        // Of other kinds the number of reads is unknown, and assumed as the transform assumes it for -log10 p.
        readsPerUnit: fitted.kind === "coverage" ? fitted.background : fitted.log10PBackground,
        readsPerArea: depth && depth.perArea * fitted.background,
      };
      collectors = tiers.map((rule) => new PeakCollector(settings, rule, constants));
    }
    const folds = fitted.inverse(piece.coverage, fitted.background);
    for (const collector of collectors) collector.add(piece.probabilities, folds);
    if (!isLast) continue;
    collectors.forEach((collector, i) => {
      for (const peak of collector.finish()) found[i].push(peak);
    });
    collectors = [];
  }
  return found;
}

/** The probabilities of a piece where they were asked for. */
function* askedParts(
  { chrom, asked }: Stretch,
  piece: { startBin: number; probabilities: Float32Array },
  binBp: number,
): Generator<ProbabilityPiece> {
  const { startBin, probabilities } = piece;
  for (const [start, end] of asked) {
    const first = Math.max(Math.floor(start / binBp), startBin);
    const after = Math.min(Math.ceil(end / binBp), startBin + probabilities.length);
    if (first >= after) continue;
    yield { chrom, startBin: first, probabilities: probabilities.subarray(first - startBin, after - startBin) };
  }
}

/** Sequences in which no peaks are asked for, if the others are long enough to set the scale by themselves. */
function notAsked(sizes: ReadonlyMap<string, number>, regions: Interval[] | null, constants: Constants): string[] {
  const asked = new Set(regions?.map(({ chrom }) => chrom) ?? sizes.keys());
  const askedBp = sum([...asked].map((chrom) => sizes.get(chrom) ?? 0));
  return askedBp >= constants.call_peaks.long_enough_bp ? [...sizes.keys()].filter((chrom) => !asked.has(chrom)) : [];
}

/** What a user would not see in the peaks. */
function notesOn(
  bigwig: BigWig,
  peaks: Peak[],
  fitted: FittedTransform,
  excluded: string[],
  entry: Entry,
  constants: Constants,
): string[] {
  const notes: string[] = [];
  if (excluded.length) notes.push(`Left out: ${excluded.join(", ")} (name one as the region to call peaks in it).`);
  if (!peaks.length) {
    const { enter_probability: enter, most_q: mostQ } = entry.calling;
    const andQ = mostQ < 1 ? ` and a q-value of at most ${mostQ}` : "";
    notes.push(
      `No peaks: no stretch of ${bigwig.name} has a probability of ${enter}${andQ}. Is it an input, or does it hold too ` +
        "few reads?",
    );
  }
  const [largest] = fitted.capped;
  if (largest && largest.share >= constants.call_peaks.telling_share) {
    const where = `${largest.chrom}:${largest.start.toLocaleString("en")}-${largest.end.toLocaleString("en")}`;
    notes.push(
      `${where} holds ${Math.round(100 * largest.share)}% of the signal above the background, which was capped so that ` +
        "it does not set the scale of the others; is it a repeat or an organelle?",
    );
  }
  return notes;
}
