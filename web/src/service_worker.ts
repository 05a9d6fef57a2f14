/**
 * Keeps the page's files, so that it opens without a network, and isolates it from other pages, so that WebAssembly may use
 * several threads, whatever server it comes from.
 */

declare const self: ServiceWorkerGlobalScope;
/** All files of the page, and a hash of their contents; set by the build. */
declare const FILES: string[];
declare const VERSION: string;

// Other pages of this server, and other versions of its documentation, keep files of their own.
const OURS = `epizoo ${self.registration.scope} `;
const CACHE = OURS + VERSION;

const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

self.addEventListener("install", (event) => {
  event.waitUntil(keepAll());
});

// A newer version waits until it is asked for: graphs and code of two versions must not meet in a page.
self.addEventListener("message", ({ data }) => {
  if (data === "take over") void self.skipWaiting();
});

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOthers().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && new URL(request.url).origin === self.location.origin) {
    event.respondWith(kept(request));
  }
});

async function keepAll(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll(["./", ...FILES].map((file) => new Request(file, { cache: "no-cache" })));
}

async function forgetOthers(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(OURS) && name !== CACHE).map((name) => caches.delete(name)));
}

async function kept(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const found = await cache.match(request, { ignoreSearch: true });
  if (!found) return fetch(request);
  const headers = new Headers(found.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(found.body, { status: found.status, headers });
}

export {};
