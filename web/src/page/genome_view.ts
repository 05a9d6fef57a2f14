/** Tracks in igv.js, with the bigWigs' own sequences as the genome. */

import type { Browser, CreateOpt } from "igv";

import type { Interval } from "../genome/signal.ts";

// Space around a place that is shown, in bp.
const AROUND_BP = 5000;
const MOST_LISTED = 1000;

/** The sequences of the files. */
export interface Genome {
  name: string;
  sizes: [chrom: string, bp: number][];
}

/** A track as igv.js takes it. */
export type Track = Record<string, unknown>;

/** A genome browser in an element of the page. */
export class GenomeView {
  private browser: Browser | null = null;
  private drawn: Promise<void> = Promise.resolve();

  constructor(private readonly place: HTMLElement) {}

  /** Show tracks from a locus on, after whatever is being drawn; igv.js is loaded when it is first needed. */
  show(genome: Genome, tracks: Track[], locus: string): Promise<void> {
    const drawn = this.drawn.then(() => this.draw(genome, tracks, locus));
    this.drawn = drawn.catch(() => {});
    return drawn;
  }

  private async draw({ name, sizes }: Genome, tracks: Track[], locus: string): Promise<void> {
    const { default: igv } = await import("igv");
    if (this.browser) igv.removeBrowser(this.browser);
    this.browser = null;
    this.place.replaceChildren();
    const text = sizes.map(([chrom, bp]) => `${chrom}\t${bp}\n`).join("");
    const options = {
      // Nothing is fetched: no genomes, no sequence, no genes.
      loadDefaultGenomes: false,
      reference: {
        id: name,
        name,
        format: "chromsizes",
        fastaURL: new File([text], "genome.chrom.sizes"),
        wholeGenomeView: false,
      },
      locus,
      showChromosomeWidget: sizes.length < MOST_LISTED,
      showIdeogram: false,
      queryParametersSupported: false,
      tracks,
    };
    this.browser = await igv.createBrowser(this.place, options as unknown as CreateOpt);
  }

  /** Go to a place. */
  async jumpTo(place: Interval): Promise<void> {
    await this.browser?.search(locusAround(place));
  }
}

/** The signal of a bigWig as a track. */
export function signalTrack(name: string, url: File | string, height: number): Track {
  return { name: asHtml(name), type: "wig", format: "bigwig", url, autoscale: true, height, color: "#17617b" };
}

/** Text as HTML, which igv.js takes the names of tracks for. */
function asHtml(text: string): string {
  return text.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);
}

/** A place with some space around it, as genome browsers name places. */
export function locusAround({ chrom, start, end }: Interval): string {
  return `${chrom}:${Math.max(start - AROUND_BP, 0) + 1}-${end + AROUND_BP}`;
}
