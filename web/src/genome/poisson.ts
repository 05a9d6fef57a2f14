/** The Poisson tail, far beyond where probabilities underflow; mirrors `poisson.py`. */

const PRECISION = 1e-12;
// Below it the asymptotic series of log Gamma loses digits.
const LARGE = 15;

/** -log10 P(X >= height) of a Poisson variable, by the series of the regularised incomplete gamma function. */
export function poissonLog10P(height: number, expected: number): number {
  let total = 1;
  let term = 1;
  for (let step = 1; term > PRECISION * total; step++) {
    term = (term * expected) / (height + step);
    total += term;
  }
  const logP = height * Math.log(expected) - expected - logGamma(height + 1) + Math.log(total);
  return Math.max(-logP / Math.LN10, 0);
}

/** log Gamma(x) for x > 0, by Stirling's series (NIST DLMF 5.11.1) beyond `LARGE`. */
export function logGamma(x: number): number {
  let shift = 0;
  for (; x < LARGE; x++) shift -= Math.log(x);
  const square = 1 / (x * x);
  const series =
    (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square * (1 / 1188 - square * (691 / 360360)))))) / x;
  return shift + (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
}
