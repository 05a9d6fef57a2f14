/** The page: its two tasks, peaks of one bigWig and chromatin states of several, and the files that are dropped. */

import { InputError } from "./errors.ts";
import { Caller } from "./page/caller.ts";
import { element } from "./page/elements.ts";
import { showProblem } from "./page/guard.ts";
import { PeaksPage } from "./page/peaks_page.ts";
import { StateCaller } from "./page/state_caller.ts";
import { StatesPage } from "./page/states_page.ts";
import { fetchData } from "./page_data.ts";
import type { Settings } from "./settings.ts";

const TASKS = ["peaks", "states"] as const;
type Task = (typeof TASKS)[number];

function showTask(task: Task): void {
  element<HTMLInputElement>(`task-${task}`).checked = true;
  for (const one of TASKS) element(`${one}-task`).hidden = one !== task;
}

/** Take files that are dropped anywhere, or picked: one is for the task that is shown, several are marks. */
function takeFiles(peaks: PeaksPage, states: StatesPage): void {
  const choose = (files: FileList | null | undefined): void => {
    if (!files?.length) return;
    if (files.length > 1) showTask("states");
    if (element("states-task").hidden) peaks.choose(files[0]);
    else states.add([...files]);
  };
  for (const id of ["file", "marks-files"]) {
    const input = element<HTMLInputElement>(id);
    input.onchange = () => {
      choose(input.files);
      input.value = ""; // The same file can be chosen again.
    };
  }
  const mark = (isOver: boolean): void => {
    for (const place of document.querySelectorAll(".drop")) place.classList.toggle("over", isOver);
  };
  addEventListener("dragover", (event) => {
    event.preventDefault();
    mark(true);
  });
  addEventListener("dragleave", () => mark(false));
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    choose(event.dataTransfer?.files);
  });
}

/** Keep the page for use without a network, where the browser allows it, and offer a newer version once there is one. */
async function keepPage(): Promise<void> {
  const workers = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  const kept = await workers?.register("service_worker.js").catch(() => null);
  if (!workers || !kept) return;
  const offer = (): void => {
    if (kept.waiting && workers.controller) element("update").hidden = false;
  };
  offer();
  kept.addEventListener("updatefound", () => kept.installing?.addEventListener("statechange", offer));
  // In every tab of the page, also where another one asked for it.
  const isKept = workers.controller !== null;
  workers.addEventListener("controllerchange", () => {
    if (isKept) location.reload();
  });
  element("take-update").onclick = () => kept.waiting?.postMessage("take over");
}

async function main(): Promise<void> {
  if (typeof WebAssembly === "undefined") {
    throw new InputError("This browser has no WebAssembly, in which the models run; use another, or allow it in its settings.");
  }
  if (!document.querySelector("meta[content^='connect-src']")) {
    throw new InputError("The page's policy, which keeps files on this machine, was not loaded; reload the page.");
  }
  const settings = (await (await fetchData("settings.json", document.baseURI)).json()) as Settings;
  const setUp = { base: new URL(".", document.baseURI).href, settings };
  element("version").textContent = settings.version;
  const peaks = new PeaksPage(settings, await Caller.create(setUp));
  const states = new StatesPage(settings, await StateCaller.create(setUp));
  for (const task of TASKS) element(`task-${task}`).onchange = () => showTask(task);
  takeFiles(peaks, states);
  peaks.start();
  states.start();
  document.body.dataset["ready"] = "";
  await keepPage();
}

main().catch((error: unknown) => showProblem("problem", error));
