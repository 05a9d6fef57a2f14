/** Signal, probability and peaks in igv.js, with the bigWig's own sequences as the genome. */

import type { Browser, CreateOpt } from "igv";

import type { Peak } from "../calling/peaks.ts";
import type { OpenedSignal, Source } from "../messages.ts";
import type { ProbabilityStore } from "./probability_store.ts";

// Space around a peak that is shown, in bp.
const AROUND_BP = 5000;

let browser: Browser | null = null;

/** Show a result from the start of a locus on; igv.js is loaded when it is first needed. */
export async function showGenome(
  place: HTMLElement,
  source: Source,
  signal: OpenedSignal,
  probabilities: ProbabilityStore,
  peaks: Peak[],
  locus: string,
): Promise<void> {
  const { default: igv } = await import("igv");
  if (browser) igv.removeBrowser(browser);
  browser = null;
  place.replaceChildren();
  const sizes = signal.sizes.map(([chrom, bp]) => `${chrom}\t${bp}\n`).join("");
  const url = source instanceof File ? source : source.url;
  const options = {
    // Nothing is fetched: no genomes, no sequence, no genes.
    loadDefaultGenomes: false,
    reference: {
      id: signal.assembly ?? "genome",
      name: signal.assembly ?? "genome",
      format: "chromsizes",
      fastaURL: new File([sizes], "genome.chrom.sizes"),
      wholeGenomeView: false,
    },
    locus,
    showChromosomeWidget: signal.sizes.length < 1000,
    showIdeogram: false,
    queryParametersSupported: false,
    tracks: [
      { name: signal.name, type: "wig", format: "bigwig", url, autoscale: true, height: 90, color: "#17617b" },
      {
        name: "Probability",
        type: "wig",
        format: "wig",
        reader: probabilities,
        // Asked for what is shown alone, at its resolution, instead of once for a whole chromosome.
        expandQuery: false,
        disableCache: true,
        min: 0,
        max: 1,
        height: 60,
        color: "#b3541e",
      },
      {
        name: "Peaks",
        type: "annotation",
        features: peaks.map(({ chrom, start, end, name, score }) => ({ chr: chrom, start, end, name, score })),
        displayMode: "EXPANDED",
        height: 50,
        color: "#333",
      },
    ],
  };
  browser = await igv.createBrowser(place, options as unknown as CreateOpt);
}

/** Go to a peak. */
export async function jumpTo(peak: Peak): Promise<void> {
  await browser?.search(locusAround(peak));
}

/** A peak with some space around it, as genome browsers name places. */
export function locusAround({ chrom, start, end }: Peak): string {
  return `${chrom}:${Math.max(start - AROUND_BP, 0) + 1}-${end + AROUND_BP}`;
}
