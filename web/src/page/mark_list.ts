/** The list of bigWigs with the mark of each, guessed from its name and editable. */

import { element, made } from "./elements.ts";

// Marks of histones that no annotator may have, such as H3K79me2.
const HISTONE_MARK = /H\d[A-Z]?K\d+(?:me\d|ac|ub)/i;

/** A file and its mark. */
export interface MarkFile {
  file: File;
  /** Empty for files to leave out. */
  mark: string;
}

/** The mark that a file's name names: the longest of those that are known, else any of a histone, else none. */
export function guessMark(fileName: string, known: readonly string[]): string {
  const found = [...known]
    .sort((a, b) => b.length - a.length)
    .find((mark) => new RegExp(`${mark.replace(/\W/g, "\\$&")}(?!\\d)`, "i").test(fileName));
  return found ?? HISTONE_MARK.exec(fileName)?.[0] ?? "";
}

/** The list in the page. */
export class MarkList {
  private files: MarkFile[] = [];

  constructor(
    private readonly known: readonly string[],
    private readonly changed: (removed: boolean) => void,
  ) {
    element("known-marks").replaceChildren(...known.map((mark) => new Option(mark, mark)));
  }

  /** The files in their order. */
  get all(): readonly MarkFile[] {
    return this.files;
  }

  /** The files with others after them, marks guessed. */
  with(files: File[]): MarkFile[] {
    return [...this.files, ...files.map((file) => ({ file, mark: guessMark(file.name, this.known) }))];
  }

  /** Show other files, and which of them an annotator of these marks uses. */
  show(files: MarkFile[], used: readonly string[]): void {
    this.files = files;
    element("marks-rows").replaceChildren(...files.map((one) => this.row(one)));
    element("marks").hidden = !files.length;
    this.tell(used);
  }

  /** Say of each file whether an annotator of these marks uses it. */
  tell(used: readonly string[]): void {
    this.files.forEach(({ mark }, i) => {
      const text = !mark ? "Left out: no mark is named" : used.includes(mark) ? "Used" : "Left out: not a mark of the model";
      element("marks-rows").children[i].children[2].textContent = text;
    });
  }

  private row(one: MarkFile): HTMLElement {
    const input = made("input", { value: one.mark, ariaLabel: `Mark of ${one.file.name}`, autocomplete: "off", spellcheck: false });
    input.setAttribute("list", "known-marks");
    input.oninput = () => {
      const typed = input.value.trim();
      one.mark = this.known.find((mark) => mark.toLowerCase() === typed.toLowerCase()) ?? typed;
      this.changed(false);
    };
    const remove = made("button", { type: "button", textContent: "Remove", ariaLabel: `Remove ${one.file.name}` });
    remove.onclick = () => {
      this.show(
        this.files.filter((other) => other !== one),
        [],
      );
      this.changed(true);
    };
    return made("tr", {}, [
      made("th", { scope: "row", textContent: one.file.name }),
      made("td", {}, [input]),
      made("td"),
      made("td", {}, [remove]),
    ]);
  }
}
