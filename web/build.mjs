// Builds the page into dist/, beside the data that `python -m epizoo.web.page_data dist/data` wrote there.
import { createHash } from "node:crypto";
import { cp, readdir, readFile, rm } from "node:fs/promises";
import { relative } from "node:path";

import { build } from "esbuild";

const DIST = "dist";
const RUNTIME = "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded";
// igv.js names a script for pages without modules as its build for browsers.
const shared = { mainFields: ["module", "main"], bundle: true, minify: true, target: "es2022", logLevel: "warning", legalComments: "none" };

for (const name of await readdir(DIST)) {
  if (name !== "data") await rm(`${DIST}/${name}`, { recursive: true });
}
await Promise.all([
  build({ ...shared, entryPoints: ["src/main.ts"], outdir: DIST, format: "esm", splitting: true }),
  build({ ...shared, entryPoints: ["src/worker.ts", "src/policy.ts"], outdir: DIST, format: "iife" }),
  cp("public", DIST, { recursive: true }),
  ...[".mjs", ".wasm"].map((suffix) => cp(RUNTIME + suffix, `${DIST}/ort-wasm-simd-threaded${suffix}`)),
]);
const files = await filesOf(DIST);
const hash = createHash("sha256");
for (const file of files) hash.update(file).update(await readFile(`${DIST}/${file}`));
const define = { FILES: JSON.stringify(files), VERSION: JSON.stringify(hash.digest("hex").slice(0, 16)) };
await build({ ...shared, entryPoints: ["src/service_worker.ts"], outdir: DIST, format: "iife", define });

async function filesOf(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((one) => one.isFile()).map((one) => relative(folder, `${one.parentPath}/${one.name}`)).sort();
}
