/**
 * The best posterior state of each bin under a hidden Markov model, in float64; mirrors `epizoo.models.hmm.bin_kernels`
 * (`smooth`), whose results those of the command line's faster kernels equal.
 */

/** `epizoo.models.hmm.run_lengths.Float64Parameters`. */
export interface Parameters {
  initial: number[];
  /** From each state (rows) to each (columns). */
  transition: number[][];
  /** Probability that a state (rows) shows a mark (columns). */
  emission: number[][];
}

/** The states of a sequence. */
export interface Decoding {
  /** The best state of each bin, from 0; ties to the lowest. */
  states: Uint8Array;
  /** In nats. */
  logLikelihood: number;
}

/** What each bin shows: distinct columns of marks, numbered. */
export interface Symbols {
  ofBins: Uint32Array;
  /** Marks of each symbol: 0, 1, or 2 where missing. */
  marks: Uint8Array[];
}

const BLOCK_BINS = 4096;
// Sums below this are computed anew from logarithms, and quotients by less one by one.
const SMALLEST = 1e-290;
const KINDS = 3;

/** Number the distinct columns of marks of a sequence. */
export function numbered(columns: Uint8Array[], nBins: number): Symbols {
  const places = new Map<number, number>();
  const marks: Uint8Array[] = [];
  const ofBins = new Uint32Array(nBins);
  for (let bin = 0; bin < nBins; bin++) {
    const key = columns.reduce((code, values) => code * KINDS + values[bin], 0);
    let place = places.get(key);
    if (place === undefined) {
      place = marks.length;
      places.set(key, place);
      marks.push(Uint8Array.from(columns, (values) => values[bin]));
    }
    ofBins[bin] = place;
  }
  return { ofBins, marks };
}

/** p(marks | state) of each state: the product over the marks that are not missing, at least `floor` in all or above it. */
export function emissionProducts({ emission }: Parameters, marks: Uint8Array, floor: number): Float64Array {
  const products = Float64Array.from(emission, (ofState) =>
    ofState.reduce((product, p, mark) => product * (marks[mark] === 1 ? p : marks[mark] === 0 ? 1 - p : 1), 1),
  );
  return products.every((product) => product < floor) ? products.fill(floor) : products;
}

/** Decode one sequence, such as a chromosome. */
export function decode(parameters: Parameters, { ofBins, marks }: Symbols, floor: number): Decoding {
  const products = marks.map((one) => emissionProducts(parameters, one, floor));
  return new Smoother(parameters, ofBins, products, floor).smooth();
}

/** Forward and backward passes; filtered probabilities are kept for a block of bins and at the blocks' starts. */
class Smoother {
  private readonly nStates: number;
  private readonly initial: Float64Array;
  private readonly transition: Float64Array;
  /** Probabilities of the states given the bins up to each of a block, from the bin before the block on. */
  private readonly filtered: Float64Array[];
  /** The same before each bin is seen. */
  private readonly predicted: Float64Array[];

  constructor(
    parameters: Parameters,
    private readonly symbols: Uint32Array,
    private readonly products: Float64Array[],
    private readonly floor: number,
  ) {
    this.nStates = parameters.initial.length;
    this.initial = Float64Array.from(parameters.initial);
    this.transition = Float64Array.from(parameters.transition.flat());
    const length = Math.min(BLOCK_BINS, symbols.length) + 1;
    const rows = (): Float64Array[] => Array.from({ length }, () => new Float64Array(this.nStates));
    [this.filtered, this.predicted] = [rows(), rows()];
  }

  smooth(): Decoding {
    const states = new Uint8Array(this.symbols.length);
    const starts = Array.from({ length: Math.ceil(states.length / BLOCK_BINS) }, (_, block) => block * BLOCK_BINS);
    const checkpoints: Float64Array[] = [];
    let logLikelihood = 0;
    for (const begin of starts) {
      checkpoints.push(this.filtered[0].slice());
      const end = Math.min(begin + BLOCK_BINS, states.length);
      logLikelihood += this.forward(begin, end);
      this.filtered[0].set(this.filtered[end - begin]);
    }
    const posterior = this.filtered[0].slice();
    for (const begin of starts.reverse()) {
      this.filtered[0].set(checkpoints.pop() as Float64Array);
      const end = Math.min(begin + BLOCK_BINS, states.length);
      this.forward(begin, end);
      for (let bin = end - 1; bin >= begin; bin--) {
        states[bin] = highest(posterior);
        if (bin) this.stepBack(this.filtered[bin - begin], this.predicted[bin - begin + 1], posterior);
      }
    }
    return { states, logLikelihood };
  }

  /** Fill the rows of the bins of a block; returns the log-likelihood of these bins given those before. */
  private forward(begin: number, end: number): number {
    let logLikelihood = 0;
    for (let bin = begin; bin < end; bin++) {
      const row = bin - begin;
      const predicted = this.predicted[row + 1];
      if (bin) this.advance(this.filtered[row], predicted);
      else predicted.set(this.initial);
      logLikelihood += this.observe(predicted, this.products[this.symbols[bin]], this.filtered[row + 1]);
    }
    return logLikelihood;
  }

  private advance(before: Float64Array, after: Float64Array): void {
    const { nStates, transition } = this;
    after.fill(0);
    for (let i = 0, at = 0; i < nStates; i++) {
      const share = before[i];
      for (let j = 0; j < nStates; j++, at++) after[j] += share * transition[at];
    }
  }

  /** Probabilities of the states once a bin is seen, and the logarithm of the bin's own. */
  private observe(predicted: Float64Array, products: Float64Array, filtered: Float64Array): number {
    let total = 0;
    for (let j = 0; j < this.nStates; j++) total += filtered[j] = predicted[j] * products[j];
    if (!(total > SMALLEST)) return this.observeByLogs(predicted, products, filtered);
    for (let j = 0; j < this.nStates; j++) filtered[j] /= total;
    return Math.log(total);
  }

  /** A bin that no state within reach allows counts as unobserved. */
  private observeByLogs(predicted: Float64Array, products: Float64Array, filtered: Float64Array): number {
    const logs = products.map((product, j) => (predicted[j] > 0 ? Math.log(product) : -Infinity));
    const top = Math.max(...logs);
    if (top === -Infinity) {
      filtered.set(predicted);
      return Math.log(this.floor);
    }
    logs.forEach((log, j) => (filtered[j] = predicted[j] * Math.exp(log - top)));
    return top + Math.log(normalize(filtered));
  }

  /** Turn the posterior of a bin into that of the bin before it. */
  private stepBack(filtered: Float64Array, predicted: Float64Array, posterior: Float64Array): void {
    const { nStates, transition } = this;
    if (predicted.some((share) => share > 0 && share < SMALLEST)) {
      this.shareBack(filtered, predicted, posterior);
    } else {
      for (let j = 0; j < nStates; j++) posterior[j] = predicted[j] > 0 ? posterior[j] / predicted[j] : 0;
      const quotients = posterior.slice();
      for (let i = 0, at = 0; i < nStates; i++) {
        let message = 0;
        for (let j = 0; j < nStates; j++, at++) message += transition[at] * quotients[j];
        posterior[i] = filtered[i] * message;
      }
    }
    normalize(posterior);
  }

  /** The same with each share of a state computed for itself, so that no quotient overflows. */
  private shareBack(filtered: Float64Array, predicted: Float64Array, posterior: Float64Array): void {
    const following = posterior.slice();
    posterior.forEach((_, i) => {
      posterior[i] = following.reduce((sum, share, j) => {
        return predicted[j] > 0 ? sum + ((filtered[i] * this.transition[i * this.nStates + j]) / predicted[j]) * share : sum;
      }, 0);
    });
  }
}

function highest(values: Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** Divide values by their sum, which is returned. */
function normalize(values: Float64Array): number {
  const total = values.reduce((sum, value) => sum + value, 0);
  for (let i = 0; i < values.length; i++) values[i] /= total;
  return total;
}
