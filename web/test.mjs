// Runs tests/*.test.ts in Node; EPIZOO_VECTORS names the folder that tests/web/vectors.py wrote what they compare with to.
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { build } from "esbuild";

const names = (await readdir("tests")).filter((name) => name.endsWith(".test.ts"));
const folder = await mkdtemp(join(tmpdir(), "epizoo-web-"));
await build({
  entryPoints: names.map((name) => join("tests", name)),
  outdir: folder,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  logLevel: "warning",
});
const files = names.map((name) => join(folder, name.replace(/ts$/, "mjs")));
const { status } = spawnSync(process.execPath, ["--test", ...files], { stdio: "inherit" });
await rm(folder, { recursive: true });
process.exitCode = status ?? 1;
