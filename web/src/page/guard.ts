/** Problems, each told in one sentence in its place of the page. */

import { sentence } from "../errors.ts";
import { Stopped } from "./background.ts";
import { element } from "./elements.ts";

/** Do something, and say in the element of this id what went wrong. */
export async function guarded(place: string, work: () => Promise<void>): Promise<void> {
  element(place).hidden = true;
  element(place).textContent = "";
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Stopped)) showProblem(place, error);
  }
}

/** Say what went wrong. */
export function showProblem(place: string, error: unknown): void {
  element(place).textContent = sentence(error);
  element(place).hidden = false;
}
