"use strict";
(async () => {
  // igv.js writes names of tracks, chromosomes and features as HTML: here they are text.
  const escaped = (value) =>
    typeof value === "string" ? value.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`) : value;
  const unescaped = (text) => text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code));
  const content = document.getElementById("excerpts").textContent;
  const { genome, loci, tracks } = JSON.parse(content, (_, value) => escaped(value));
  const where = document.getElementById("where");
  const buttons = [...document.querySelectorAll("[data-locus]")];
  const sizes = genome.sizes.map(([chrom, bp]) => `${chrom}\t${bp}\n`).join("");

  function bins({ chr, start, bin, runs, values }) {
    let place = start;
    return values.map((value, i) => ({ chr, start: place, end: (place += runs[i] * bin), value }));
  }

  // White on white would look like no state at all.
  const visible = (rgb) => (rgb === "255,255,255" ? "rgb(236,236,236)" : `rgb(${rgb})`);

  function track({ kind, name, color, parts, rows }, order) {
    const all = { name, order, removable: false };
    if (kind === "signal")
      return { ...all, type: "wig", color: color, autoscale: true, height: 70, features: parts.flatMap(bins) };
    const features = rows.map(([chr, start, end, label, rgb]) =>
      kind === "states" ? { chr, start, end, state: label, color: visible(rgb) } : { chr, start, end, score: label },
    );
    return { ...all, type: "annotation", displayMode: "COLLAPSED", height: 28, color, features };
  }

  const browser = await igv.createBrowser(document.getElementById("browser"), {
    // Nothing is fetched: no genomes, no sequence, no genes.
    loadDefaultGenomes: false,
    queryParametersSupported: false,
    reference: { id: genome.name, name: genome.name, format: "chromsizes", fastaURL: new File([sizes], "chrom.sizes"), wholeGenomeView: false },
    showNavigation: false,
    locus: loci[0].locus,
    tracks: tracks.map(track),
  });
  // igv.js adds a track of the sequence, of which there is none here.
  for (const sequence of browser.findTracks("type", "sequence")) browser.removeTrack(sequence);

  function tell() {
    where.textContent = unescaped(browser.referenceFrameList[0].getLocusString());
  }

  async function show(button) {
    for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    await browser.search(escaped(button.dataset.locus));
    tell();
    // The rows of tables stand far below.
    if (button.closest("table")) where.scrollIntoView({ block: "start" });
  }

  async function move(how) {
    const frame = browser.referenceFrameList[0];
    if (how === "in") await browser.zoomIn();
    else if (how === "out") await browser.zoomOut();
    else {
      const width = frame.end - frame.start;
      const start = Math.max(frame.start + (how === "left" ? -0.4 : 0.4) * width, 0);
      await browser.search(`${frame.chr}:${Math.round(start) + 1}-${Math.round(start + width)}`);
    }
    tell();
  }

  for (const button of buttons) button.addEventListener("click", () => show(button));
  for (const button of document.querySelectorAll("[data-move]"))
    button.addEventListener("click", () => move(button.dataset.move));
  tell();
  document.body.dataset.ready = "true";
})();
