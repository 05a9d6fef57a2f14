/** NumPy's arithmetic where JavaScript's differs: rounding to even, searches in sorted arrays, medians. */

export type Numbers = ArrayLike<number>;

/** The nearest whole number, halves to the even one. */
export function rint(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

/** The number of values below `wanted` in a rising array (NumPy's `searchsorted`, side left). */
export function countBelow(values: Numbers, wanted: number): number {
  return firstWhere(values.length, (place) => !(values[place] < wanted));
}

/** The number of values up to `wanted` in a rising array (side right). */
export function countUpTo(values: Numbers, wanted: number): number {
  return firstWhere(values.length, (place) => values[place] > wanted);
}

/** The first place at which a condition holds that holds from there on; `length` where it never does. */
export function firstWhere(length: number, holds: (place: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The median of float64 numbers; NaN of none. */
export function median(values: Float32Array | Float64Array | number[]): number {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** `value` within `[low, high]`. */
export function clip(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** Linear interpolation at `at` on a rising grid, constant beyond its ends (NumPy's `interp`). */
export function interpolate(at: number, grid: Numbers, values: Numbers): number {
  const last = grid.length - 1;
  if (at >= grid[last]) return values[last];
  const after = countUpTo(grid, at);
  if (after === 0) return values[0];
  const slope = (values[after] - values[after - 1]) / (grid[after] - grid[after - 1]);
  return slope * (at - grid[after - 1]) + values[after - 1];
}

/** Running sums that begin with 0, so that differences of two are sums of what lies between. */
export function runningSums(values: Numbers): Float64Array {
  const sums = new Float64Array(values.length + 1);
  for (let i = 0; i < values.length; i++) sums[i + 1] = sums[i] + values[i];
  return sums;
}

/** The sum of numbers. */
export function sum(values: Numbers): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
}
