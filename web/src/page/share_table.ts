/** The share of each state, which is also the legend of the genome browser's colours. */

import type { StateShare } from "../states/state_files.ts";
import { element, made } from "./elements.ts";

/** Show the states in the model's order. */
export function showShares(shares: StateShare[]): void {
  const total = Math.max(
    shares.reduce((sum, { bp }) => sum + bp, 0),
    1,
  );
  const rows = shares.map(({ state, bp, nSegments }) => {
    const swatch = made("span", { className: "swatch" });
    swatch.style.background = `rgb(${state.color.join(",")})`;
    const name = made("th", { scope: "row" }, [swatch, document.createTextNode(state.name)]);
    const figures = [`${((100 * bp) / total).toFixed(2)}%`, bp.toLocaleString("en"), nSegments.toLocaleString("en")];
    const cells = figures.map((textContent) => made("td", { textContent }));
    return made("tr", {}, [name, ...cells, made("td", { className: "words", textContent: state.description })]);
  });
  element("shares").replaceChildren(...rows);
}
