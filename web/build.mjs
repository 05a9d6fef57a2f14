// Builds the page into dist/, beside the data that `python -m epizoo.web.page_data dist/data` wrote there.
import { createHash } from "node:crypto";
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { relative } from "node:path";

import { build } from "esbuild";

const DIST = "dist";
// Of packages that name the licence and do not hold its text.
const OWNERS = { "onnxruntime-web": "Microsoft Corporation" };
const MIT = await readFile("../LICENSE", "utf8").then((text) => text.replace(/Copyright.*/, "Copyright (c) OWNER"));
const RUNTIME = "ort-wasm-simd-threaded";
// Loaded only where there is a GPU, and not kept for use without a network.
const OF_GPU = ["gpu.js", `${RUNTIME}.jspi.mjs`, `${RUNTIME}.jspi.wasm`];
// igv.js names a script for pages without modules as its build for browsers.
const shared = { mainFields: ["module", "main"], bundle: true, minify: true, target: "es2022", logLevel: "warning", legalComments: "none" };

for (const name of await readdir(DIST)) {
  if (name !== "data") await rm(`${DIST}/${name}`, { recursive: true });
}
await Promise.all([
  build({ ...shared, entryPoints: ["src/main.ts"], outdir: DIST, format: "esm", splitting: true }),
  build({ ...shared, entryPoints: ["src/worker.ts", "src/state_worker.ts", "src/gpu.ts", "src/policy.ts"], outdir: DIST, format: "iife" }),
  cp("public", DIST, { recursive: true }),
  ...[".mjs", ".wasm", ".jspi.mjs", ".jspi.wasm"].map((suffix) =>
    cp(`node_modules/onnxruntime-web/dist/${RUNTIME}${suffix}`, `${DIST}/${RUNTIME}${suffix}`),
  ),
]);
await writeFile(`${DIST}/licenses.txt`, await notices());
const files = await filesOf(DIST);
const hash = createHash("sha256");
for (const file of files) hash.update(file).update(await readFile(`${DIST}/${file}`));
const kept = files.filter((file) => !OF_GPU.includes(file));
const define = { FILES: JSON.stringify(kept), VERSION: JSON.stringify(hash.digest("hex").slice(0, 16)) };
await build({ ...shared, entryPoints: ["src/service_worker.ts"], outdir: DIST, format: "iife", define });

async function filesOf(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((one) => one.isFile()).map((one) => relative(folder, `${one.parentPath}/${one.name}`)).sort();
}

async function notices() {
  const { dependencies } = JSON.parse(await readFile("package.json", "utf8"));
  const texts = Object.keys(dependencies).map(async (name) => {
    const { version, license, repository } = JSON.parse(await readFile(`node_modules/${name}/package.json`, "utf8"));
    const own = await readFile(`node_modules/${name}/LICENSE`, "utf8").catch(() => MIT.replace("OWNER", OWNERS[name]));
    return `${name} ${version}, ${license}, ${repository?.url ?? repository}\n\n${own.trim()}\n`;
  });
  return (await Promise.all(texts)).join("\n\n");
}
