/** Elements of the page by their id, and elements that are made. */

import { fetchData } from "../page_data.ts";
import type { SignalKind } from "../settings.ts";

/** The element of this id, which `index.html` has. */
export function element<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  return document.getElementById(id) as Kind;
}

/** An element with some properties and children. */
export function made<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Partial<HTMLElementTagNameMap[Tag]> = {},
  children: Node[] = [],
): HTMLElementTagNameMap[Tag] {
  const found = Object.assign(document.createElement(tag), properties);
  found.append(...children);
  return found;
}

/** Options of a select, as value and text. */
export function options(pairs: [value: string, text: string][]): HTMLOptionElement[] {
  return pairs.map(([value, text]) => new Option(text, value));
}

/** Options of a select of the kinds of signal, after one of no kind. */
export function kindOptions(none: string, kinds: SignalKind[]): HTMLOptionElement[] {
  return options([["", none], ...kinds.map((kind): [string, string] => [kind, kind.replace("_", " ")])]);
}

/** Rows of a description list. */
export function description(rows: string[][]): HTMLElement[] {
  return rows.flatMap(([term, text]) => [made("dt", { textContent: term }), made("dd", { textContent: text })]);
}

/** Items of a list of notes. */
export function notes(texts: string[]): HTMLElement[] {
  return texts.map((textContent) => made("li", { textContent }));
}

/** A file of the page's data. */
export async function fetchFile(name: string): Promise<File> {
  const response = await fetchData(name, document.baseURI);
  return new File([await response.blob()], name);
}

/** Offer texts, one after the other, as a file. */
export function download(name: string, texts: string[]): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(texts, { type: "text/plain" }));
  link.download = name;
  link.click();
  // The browser has to have begun with it before the text is forgotten.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
