/** Elements of the page by their id. */

/** The element of this id, which `index.html` has. */
export function element<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  return document.getElementById(id) as Kind;
}

/** Options of a select, as value and text. */
export function options(pairs: [value: string, text: string][]): HTMLOptionElement[] {
  return pairs.map(([value, text]) => new Option(text, value));
}

/** Offer a text as a file. */
export function download(name: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = name;
  link.click();
  // The browser has to have begun with it before the text is forgotten.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
