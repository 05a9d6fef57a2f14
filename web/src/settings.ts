/** What Python writes for the page (`epizoo.web.page_data`): entries, rules and constants, none of which is decided here. */

/** The kinds of signal; see `epizoo.genome.signal_kinds`. */
export type SignalKind = "counts" | "coverage" | "cpm" | "fold_change" | "log10_p";

/** What the network runs on; null for the faster one. */
export type Processor = "cpu" | "gpu" | null;

/** `epizoo.genome.coverage_transform.CoverageTransform`. */
export interface TransformSettings {
  background_bin_bp: number;
  max_blocks: number;
  log10_p_background: number;
  peak_weight: number;
  peak_fold: number;
  broad_fold?: number | null;
  scale_factor: number;
}

/** `epizoo.calling.peak_rule.PeakCallingConfig`. */
export interface PeakRule {
  enter_probability: number;
  extend_probability: number;
  min_width_bp: number;
  merge_gap_bp: number;
  background_bp: number;
  summit_smoothing_bp: number;
  summit_valley: number;
  calibration: [number, number][];
  score_evidence: boolean;
  most_q: number;
  /** Null where there are no weak peaks. */
  weak_probability: number | null;
  weak_q: number;
}

/** A peak caller of the zoo. */
export interface Entry {
  name: string;
  version: string;
  about: string;
  license: string;
  graph: string;
  input: string;
  output: string;
  n_tracks: number;
  window: { flank_bins: number; bin_bp: number };
  transform: TransformSettings;
  calling: PeakRule;
}

/** A chromatin state of an annotator. */
export interface State {
  name: string;
  description: string;
  /** Red, green and blue, 0 to 255. */
  color: [number, number, number];
}

/** A chromatin-state annotator of the zoo. */
export interface Annotator {
  name: string;
  version: string;
  about: string;
  license: string;
  /** The file of its probabilities. */
  parameters: string;
  marks: string[];
  bin_bp: number;
  states: State[];
}

/** Constants of the Python modules, under the names that they have there. */
export interface Constants {
  signal_kinds: {
    kinds: SignalKind[];
    block_bp: number;
    most_blocks: number;
    sampled_blocks: number;
    highest_logarithm: number;
    telling_count: number;
    least_telling: number;
    name_hints: Record<string, string[]>;
  };
  coverage_transform: {
    known_stretch_bp: number;
    block_bp: number;
    most_even_shares: number;
    fewest_blocks: number;
    domain_bp: number;
  };
  read_depth: {
    n_blocks: number;
    max_blocks: number;
    piece_bp: number;
    tile_bp: number;
    least_clean: number;
    tolerance: number;
    most_ramps: number;
    most_signal: number;
  };
  summits: { equal: number };
  peaks: { longest_odds: number; score_per_decade: number };
  call_peaks: { long_enough_bp: number; telling_share: number };
  genome_peaks: { chunk_bins: number; row_bins: number };
  assemblies: { unusual_sequences: string[] };
  binarize: { p_value: number };
  binarize_bigwigs: { tolerance: number; count_parts: number };
  floors: { floor: number };
}

/** An example file and where its peaks lie. */
export interface Example {
  file: string;
  about: string;
  regions: string;
}

/** Example files of an annotator's marks, and how they are binarised. */
export interface StateExample {
  entry: string;
  files: string[];
  kind: SignalKind;
  threshold: number;
}

/** All that the page needs to know. */
export interface Settings {
  version: string;
  entries: Entry[];
  annotators: Annotator[];
  constants: Constants;
  /** Chromosome lengths by assembly. */
  assemblies: Record<string, Record<string, number>>;
  example: Example;
  state_example: StateExample;
}
