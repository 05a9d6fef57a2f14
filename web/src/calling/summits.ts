/** Summits of runs of bins: the maxima of smoothed signal; mirrors `summits.py`, whose docstrings explain the rule. */

import { clip, rint } from "../numbers.ts";

/** A summit of a run: its bin, how far it lies from the bin's middle (-0.5 to 0.5 bins), and the smoothed signal there. */
export interface Summit {
  bin: number;
  offset: number;
  height: number;
}

/** Summits of one run of bins, in order; at least one. */
export function findSummits(signal: Numbers, smoothBins: number, valley: number, equal: number): Summit[] {
  const smooth = smoothed(signal, smoothBins);
  const found = maxima(smooth, valley, equal);
  const bins = found.length ? found : [(signal.length - 1) >> 1];
  return bins.map((bin) => ({ bin, offset: vertexOffset(smooth, bin), height: smooth[bin] }));
}

type Numbers = Float32Array | Float64Array;

/** The odd number of bins that comes nearest to a width, at least 1. */
export function smoothingBins(widthBp: number, binBp: number): number {
  return Math.max(2 * rint((widthBp / binBp - 1) / 2), 0) + 1;
}

/** The signal of a run after two moving averages, in which it is 0 outside the run. */
function smoothed(signal: Numbers, smoothBins: number): Float64Array {
  if (smoothBins === 1) return Float64Array.from(signal);
  const weights = Array.from({ length: 2 * smoothBins - 1 }, (_, i) => {
    return (smoothBins - Math.abs(i - smoothBins + 1)) * (1 / smoothBins) ** 2;
  });
  return Float64Array.from(signal, (_, bin) => {
    let total = 0;
    const low = Math.max(bin - smoothBins + 1, 0);
    const high = Math.min(bin + smoothBins, signal.length);
    for (let at = low; at < high; at++) total += signal[at] * weights[at - bin + smoothBins - 1];
    return total;
  });
}

/** Bins of the maxima that a valley parts from those before and after; the first of equals. */
function maxima(smooth: Float64Array, valley: number, equal: number): number[] {
  const found: number[] = [];
  let highest = 0;
  let lowest = 0;
  let place = -1;
  let isRising = false;
  for (const turn of turningPoints(smooth, equal)) {
    const value = turn < 0 || turn >= smooth.length ? 0 : smooth[turn];
    if (isRising) {
      if (value > (1 + equal) * highest) [highest, place] = [value, turn];
      else if (value <= (1 + equal) * valley * highest) {
        found.push(place);
        [isRising, lowest] = [false, value];
      }
    } else if (value > 0 && lowest <= (1 + equal) * valley * value) {
      [isRising, highest, place] = [true, value, turn];
    } else lowest = Math.min(lowest, value);
  }
  return found;
}

/** Places at which smoothed signal turns, with the zeros before and after the run; of a plateau its first place. */
function turningPoints(smooth: Float64Array, equal: number): number[] {
  const at = (place: number): number => (place < 0 || place >= smooth.length ? 0 : smooth[place]);
  const changed = [-1];
  for (let place = 0; place <= smooth.length; place++) {
    if (Math.abs(at(place) - at(place - 1)) > equal * at(place)) changed.push(place);
  }
  return changed.filter((place, i) => {
    const before = i ? Math.sign(at(place) - at(changed[i - 1])) : -1;
    const after = i + 1 < changed.length ? Math.sign(at(changed[i + 1]) - at(place)) : 1;
    return changed.length > 1 && before !== after;
  });
}

/** Offset of the vertex of the parabola through a bin and its neighbours, 0 at the run's border. */
function vertexOffset(smooth: Float64Array, bin: number): number {
  if (bin === 0 || bin === smooth.length - 1) return 0;
  const curvature = smooth[bin - 1] - 2 * smooth[bin] + smooth[bin + 1];
  if (!(curvature < 0)) return 0;
  return clip((0.5 * (smooth[bin - 1] - smooth[bin + 1])) / curvature, -0.5, 0.5);
}
