/** The number of reads in a signal, told by its steps or by its noise; mirrors `read_depth.py`. */

import { countBelow, median, rint, runningSums, sum } from "../numbers.ts";
import type { Constants } from "../settings.ts";
import type { FittedTransform } from "./coverage_transform.ts";
import type { BigWig, Interval } from "./signal.ts";
import { sampleBlocks } from "./signal_kinds.ts";

type Rule = Constants["read_depth"];

/** Reads for each unit of signal over 1 bp, and what told them. */
export interface ReadDepth {
  perArea: number;
  source: "steps" | "noise";
}

/** The reads of a signal, as its pieces of 10 kb outside peaks show them; null where too little is there to see. */
export async function readDepth(
  bigwig: BigWig,
  fitted: FittedTransform,
  excluded: ReadonlySet<string>,
  constants: Constants,
): Promise<ReadDepth | null> {
  const rule = constants.read_depth;
  const pieces = await sparsePieces(bigwig, excluded, constants);
  const bySteps = fitted.kind === "log10_p" ? null : readsBySteps(pieces, fitted.kind === "coverage", rule);
  if (bySteps !== null) return { perArea: bySteps, source: "steps" };
  const byNoise = readsByNoise(pieces.map((piece) => fitted.inverse(fitted.apply(piece))), rule);
  return byNoise === null ? null : { perArea: byNoise, source: "noise" };
}

/** Values of the pieces with signal, without those of more than twice the median: there are peaks in them. */
async function sparsePieces(
  bigwig: BigWig,
  excluded: ReadonlySet<string>,
  { read_depth: rule, signal_kinds: kinds }: Constants,
): Promise<Float32Array[]> {
  const pieces: Float32Array[] = [];
  let nBlocks = 0;
  for (const block of spread(await sampleBlocks(bigwig, rule.max_blocks, kinds, excluded), rule.n_blocks)) {
    const values = await bigwig.values(block);
    if (values.some((value) => value !== 0)) {
      nBlocks++;
      for (let at = 0; at < values.length; at += rule.piece_bp) {
        const piece = values.slice(at, at + rule.piece_bp);
        if (piece.some((value) => value !== 0)) pieces.push(piece);
      }
    }
    if (nBlocks === rule.n_blocks) break;
  }
  const means = pieces.map((piece) => sum(piece) / piece.length);
  const most = pieces.length ? rule.most_signal * median(means) : 0;
  return pieces.filter((_, i) => means[i] <= most);
}

/** Reads by the steps of the signal; null where single reads cannot be seen in them. */
export function readsBySteps(pieces: Float32Array[], isCoverage: boolean, rule: Rule): number | null {
  let area = 0;
  let ramps = 0;
  const heights: number[] = [];
  for (const piece of pieces) {
    const { place, height } = stepsOf(piece);
    area += sum(piece);
    ramps += inRamps(place, height);
    for (let i = 0; i < height.length; i++) heights.push(Math.abs(height[i]));
  }
  if (!heights.length) return null;
  const ordered = Float64Array.from(heights).sort();
  const sums = runningSums(ordered).subarray(1);
  const total = sums[sums.length - 1];
  const usual = isCoverage ? median(ordered) : ordered[countBelow(sums, total / 2)];
  const clean = ordered.filter((height) => {
    const multiple = Math.max(rint(height / usual), 1);
    return Math.abs(height / usual - multiple) <= rule.tolerance * multiple;
  });
  const isBlurred = sum(clean) < rule.least_clean * total || ramps > rule.most_ramps * total;
  return isBlurred || (isCoverage && usual !== 1) ? null : total / (2 * usual * area);
}

/** Reads by the variance over the mean of the stretches of a piece, which is the area of one read. */
export function readsByNoise(pieces: Float32Array[], rule: Rule): number | null {
  const ratios = pieces
    .filter((piece) => piece.length === rule.piece_bp)
    .map((piece) => {
      const nTiles = rule.piece_bp / rule.tile_bp;
      const tiles = Array.from({ length: nTiles }, (_, i) => sum(piece.subarray(i * rule.tile_bp, (i + 1) * rule.tile_bp)));
      const mean = sum(tiles) / nTiles;
      return sum(tiles.map((tile) => (tile - mean) ** 2)) / (nTiles - 1) / mean;
    });
  const area = ratios.length ? median(ratios) : 0;
  return area > 0 ? 1 / area : null;
}

/** Where a signal changes, and by how much. */
function stepsOf(piece: Float32Array): { place: number[]; height: number[] } {
  const place: number[] = [];
  const height: number[] = [];
  for (let i = 1; i < piece.length; i++) {
    if (piece[i] === piece[i - 1]) continue;
    place.push(i);
    height.push(piece[i] - piece[i - 1]);
  }
  return { place, height };
}

/** The sum of steps that the next one, at the shortest distance that occurs, goes on with in the same direction. */
function inRamps(place: number[], height: number[]): number {
  let shortest = Infinity;
  for (let i = 1; i < place.length; i++) shortest = Math.min(shortest, place[i] - place[i - 1]);
  let total = 0;
  for (let i = 1; i < place.length; i++) {
    const goesOn = place[i] - place[i - 1] === shortest && height[i - 1] * height[i] > 0;
    if (goesOn) total += Math.abs(height[i - 1]);
  }
  return total;
}

/** All blocks, so ordered that the first ones are evenly spaced. */
function spread(blocks: Interval[], nBlocks: number): Interval[] {
  const stride = Math.max(Math.ceil(blocks.length / nBlocks), 1);
  return Array.from({ length: stride }, (_, first) => blocks.filter((_, i) => i % stride === first)).flat();
}
