import assert from "node:assert/strict";
import { test } from "node:test";

import { Background, Stopped } from "../src/page/background.ts";
import { StateCaller, type StateChoice } from "../src/page/state_caller.ts";
import type { SetUp } from "../src/messages.ts";
import type { StateRequest } from "../src/state_messages.ts";

/** A worker that keeps what it is asked, and answers when it is told to. */
class FakeWorker {
  static made: FakeWorker[] = [];
  readonly asked: unknown[] = [];
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: ((event: { message: string }) => void) | null = null;

  constructor() {
    FakeWorker.made.push(this);
  }

  postMessage(request: unknown): void {
    this.asked.push(request);
  }

  answer(data: unknown): void {
    this.onmessage?.({ data });
  }

  terminate(): void {}
}

const last = (): FakeWorker => FakeWorker.made.at(-1) as FakeWorker;
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
Object.assign(globalThis, { Worker: FakeWorker, fetch: async () => new Response("") });

test("an error of a worker is told", async () => {
  const background = await Background.of<string, { type: string }>("worker.js");
  const asked = background.ask("first", () => true);
  last().onerror?.({ message: "SyntaxError: boom" });
  await assert.rejects(asked, /SyntaxError: boom/);
  assert.equal(background.isAlive, false);
});

test("a request that another has superseded does not keep that one from being stopped", async () => {
  const background = await Background.of<string, { type: string }>("worker.js");
  const first = background.ask("first", () => true);
  background.end();
  const second = background.ask("second", () => true);
  await assert.rejects(first, Stopped);
  await settled();
  background.end();
  await assert.rejects(second, Stopped);
});

test("each file is annotated with its own mark, whatever was removed before it was opened", async () => {
  const caller = await StateCaller.create({} as SetUp);
  const all = ["A", "B", "C"].map((mark) => ({ mark, file: new File([], `${mark}.bw`) }));
  const opened = caller.open(all.map(({ file }) => file));
  last().answer({ type: "opened", opened: {} });
  await opened;
  const reopened = caller.open(all.slice(1).map(({ file }) => file));
  const done = caller.annotate({ markFiles: all.slice(1) } as unknown as StateChoice, () => {});
  await assert.rejects(reopened, Stopped);
  await settled();
  last().answer({ type: "opened", opened: {} });
  await settled();
  const [open, annotate] = last().asked as StateRequest[];
  assert.ok(open.type === "open" && annotate.type === "annotate");
  assert.deepEqual(
    open.files.map(({ name }) => name),
    annotate.settings.marks.map((mark) => `${mark}.bw`),
  );
  last().answer({ type: "annotated", annotation: {}, seconds: 0 });
  await done;
});
