/** Chromatin states of a whole genome, or of regions of it: bigWigs in, segments out; mirrors `annotate.py`. */

import { InputError } from "./errors.ts";
import { type Binarization, BinarizedTrack, checkBinarization, commonSizes, MISSING } from "./genome/binarize.ts";
import type { BigWig, Interval } from "./genome/signal.ts";
import { compareText } from "./genome/signal_kinds.ts";
import { sum } from "./numbers.ts";
import type { Annotator, Constants } from "./settings.ts";
import { decode, numbered, type Parameters } from "./states/decoding.ts";
import { clipSegments, type Segments, segmentsFromStates } from "./states/segments.ts";

/** What to annotate, and by which annotator. */
export interface StateQuestion {
  annotator: Annotator;
  parameters: Parameters;
  /** bigWigs by their marks; those that the annotator does not know are left out. */
  marks: { mark: string; bigwig: BigWig }[];
  binarization: Omit<Binarization, "binBp">;
  allowMissing: boolean;
  /** The whole genome where null. */
  regions: Interval[] | null;
}

/** What is known once all is decoded. */
export interface Annotation {
  /** In nats, of all decoded bins. */
  logLikelihood: number;
  nBins: number;
  notes: string[];
}

/** What is told while chromosomes are decoded. */
export interface StateListener {
  progress(share: number): void;
  segments(found: Segments): void;
}

interface Track {
  mark: string;
  bigwig: BigWig;
}

/** Annotate chromosomes one by one, sorted by name. */
export async function annotate(
  question: StateQuestion,
  constants: Constants,
  listener: StateListener,
): Promise<Annotation> {
  const { annotator, parameters, regions } = question;
  const tracks = tracksOf(question);
  const settings = { ...question.binarization, binBp: annotator.bin_bp };
  for (const { bigwig } of tracks) checkBinarization(settings, bigwig);
  const sizes = commonSizes(tracks.map(({ bigwig }) => bigwig));
  const chroms = chosenChroms(question, tracks, sizes);
  const nBinsOf = (chrom: string): number => Math.floor((sizes.get(chrom) as number) / annotator.bin_bp);
  const nBins = sum(chroms.map(nBinsOf));
  const toRead = settings.threshold === null ? sum(tracks.map(({ bigwig }) => sum([...bigwig.chromSizes.keys()].map(nBinsOf)))) : 0;
  const total = toRead + nBins * tracks.length;
  let done = 0;
  const reading = (n: number): void => listener.progress((done += n) / total);
  const prepared: BinarizedTrack[] = [];
  for (const { bigwig } of tracks) prepared.push(await BinarizedTrack.prepare(bigwig, settings, constants, reading));
  const missing = new Map<string, number>();
  let logLikelihood = 0;
  for (const chrom of chroms) {
    const n = nBinsOf(chrom);
    const present = new Map<string, Uint8Array | null>();
    for (const [i, { mark }] of tracks.entries()) {
      present.set(mark, await prepared[i].present(chrom));
      reading(n);
    }
    const columns = annotator.marks.map((mark) => present.get(mark) ?? new Uint8Array(n).fill(MISSING));
    for (const mark of annotator.marks) if (!present.get(mark)) missing.set(mark, (missing.get(mark) ?? 0) + n);
    const decoded = decode(parameters, numbered(columns, n), constants.floors.floor);
    logLikelihood += decoded.logLikelihood;
    const segments = segmentsFromStates(decoded.states, chrom, annotator.bin_bp, sizes.get(chrom) as number);
    const here = regions?.filter((region) => region.chrom === chrom);
    listener.segments(here ? clipSegments(segments, here) : segments);
  }
  return { logLikelihood, nBins, notes: notesOn(question, missing, nBins) };
}

/** The bigWigs of the annotator's marks, in its order. */
function tracksOf({ annotator, marks, allowMissing }: StateQuestion): Track[] {
  const tracks: Track[] = [];
  for (const mark of annotator.marks) {
    const found = marks.filter((one) => one.mark === mark);
    if (found.length > 1) {
      const names = found.map(({ bigwig }) => bigwig.name).join(" and ");
      throw new InputError(`${mark} is the mark of ${names}, expected one file for each mark; rename or remove one.`);
    }
    tracks.push(...found);
  }
  const absent = annotator.marks.filter((mark) => !tracks.some((track) => track.mark === mark));
  if (!tracks.length) {
    throw new InputError(
      `No file is named for a mark of ${annotator.name}, which are ${annotator.marks.join(", ")}; name the marks of the files.`,
    );
  }
  if (absent.length && !allowMissing) {
    throw new InputError(
      `${annotator.name} expects ${absent.join(", ")}, of which there is no file; add it, choose another model, or allow missing marks.`,
    );
  }
  return tracks;
}

/** The chromosomes to decode, sorted by name. */
function chosenChroms({ annotator, allowMissing, regions }: StateQuestion, tracks: Track[], sizes: Map<string, number>): string[] {
  if (!regions) return [...sizes.keys()].sort(compareText);
  const chroms = [...new Set(regions.map(({ chrom }) => chrom))].sort(compareText);
  for (const chrom of chroms) {
    const without = tracks.find(({ bigwig }) => !bigwig.chromSizes.has(chrom));
    if (!without || (allowMissing && sizes.has(chrom))) continue;
    throw new InputError(
      `${without.bigwig.name}: has no chromosome ${chrom}, in which states were asked for; choose another region, or allow missing marks.`,
    );
  }
  const { bin_bp: binBp } = annotator;
  const isOutside = ({ chrom, start }: Interval): boolean =>
    Math.floor(start / binBp) >= Math.floor((sizes.get(chrom) as number) / binBp);
  if (regions.every(isOutside)) {
    throw new InputError(`The regions hold no part of a whole bin of ${binBp} bp; choose other regions.`);
  }
  return chroms;
}

/** Marks that said nothing about the states, and files that were not used. */
function notesOn({ annotator, marks }: StateQuestion, missing: Map<string, number>, nBins: number): string[] {
  const shares = [...missing].map(([mark, n]): [string, number] => [mark, n / nBins]);
  const wholly = shares.filter(([, share]) => share === 1).map(([mark]) => mark);
  const partly = shares.filter(([, share]) => share < 1).map(([mark, share]) => `${mark} in ${(100 * share).toFixed(2)}% of the bins`);
  const unused = marks.filter(({ mark }) => !annotator.marks.includes(mark)).map(({ bigwig }) => bigwig.name);
  const notes: string[] = [];
  if (wholly.length) notes.push(`Marks missing everywhere, left out of the likelihood: ${wholly.join(", ")}.`);
  if (partly.length) notes.push(`Marks missing in places: ${partly.join(", ")}.`);
  if (unused.length) notes.push(`Files not used, whose mark ${annotator.name} does not have: ${unused.join(", ")}.`);
  return notes;
}
