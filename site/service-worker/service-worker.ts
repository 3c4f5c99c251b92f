/*
 * Keeps the site in the browser, so that it opens without a network, and sends its pages and workers with the headers that isolate them, so
 * that threads may share memory, whatever the host sends. Nothing else of the host is touched: not other pages, and not models, which
 * `load` keeps by itself.
 *
 * Code lies in a folder that is named after its contents, so what is kept of it is right. All else comes from the network where there is one:
 * a site that was built anew is seen at once, and its service worker takes over when no page of the old one is open any more.
 */

import { hasRelaxedSimd } from '../../src/tensor/kernels/relaxed-simd.js';

declare const self: ServiceWorkerGlobalScope;

/** Of `site/build.mjs`: the SHA-256 of each file by its path from the root of the site. */
declare const site: { readonly version: string; readonly files: Readonly<Record<string, string>> };

const { registration } = self;
const { scope } = registration;
/** Other sites on this host, in other folders, have caches of other names. */
const ownCaches = `decade site ${scope} `;
const cacheName = ownCaches + site.version;

const isolation = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' } as const;

/** Each worker is there twice, with relaxed SIMD and without; this browser starts only the others. */
const neverStarted = hasRelaxedSimd() ? /\/(training-)?worker\.js$/ : /-relaxed\.js$/;

/** How long a page may be waited for that is here, in milliseconds. */
const patience = 3_000;

self.addEventListener('install', (event) => {
  // The first one is wanted at once, since the page is loaded anew through it. A later one replaces one that has all, and must have all.
  if (registration.active !== null) event.waitUntil(keepOnce());
});

self.addEventListener('activate', (event) => event.waitUntil(removeCaches((name) => name !== cacheName)));

self.addEventListener('message', (event) => {
  const [port] = event.ports;
  if (event.data === 'keep') event.waitUntil(keepOnce().then(...answersTo(port)));
  if (event.data === 'leave') event.waitUntil(leave());
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const path = request.method === 'GET' ? pathOf(request.url) : undefined;
  if (path === undefined) return;
  if (isCode(path)) event.respondWith(findKept(path).then(async (kept) => isolated(kept ?? (await fetch(request)))));
  else if (isOfSite(path)) event.respondWith(fetchFirst(request, path));
});

/** Where a file stands in the site; undefined outside. Hosts call `index.html` as its folder, and some leave `.html` out. */
function pathOf(url: string): string | undefined {
  const { origin, pathname } = new URL(url);
  if (!`${origin}${pathname}`.startsWith(scope)) return undefined;
  const path = `${origin}${pathname}`.slice(scope.length);
  return [path, `${path}index.html`, `${path}.html`].find(isOfSite) ?? path;
}

function isOfSite(path: string): boolean {
  return Object.hasOwn(site.files, path);
}

/** Also of a version that is not this worker's. */
function isCode(path: string): boolean {
  return /^code-[0-9a-f]+\//.test(path);
}

/** What the network has, and what is kept where it fails, fails to answer in time or only apologises. */
async function fetchFirst(request: Request, path: string): Promise<Response> {
  const kept = await findKept(path);
  const fetched = fetch(request, { cache: 'no-cache' });
  if (kept === undefined) return isolated(await fetched);
  const answer = await Promise.race([fetched.catch(() => undefined), afterPatience()]);
  return isolated(answer !== undefined && answer.status < 500 ? answer : kept);
}

function afterPatience(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), patience));
}

function isolated(response: Response): Response {
  // The browser follows a redirection itself.
  if (response.status === 0) return response;
  const { status, statusText, body } = response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(isolation)) if (!headers.has(name)) headers.set(name, value);
  return new Response(body, { status, statusText, headers });
}

/** Undefined also where the browser does not let look. */
async function findKept(path: string): Promise<Response | undefined> {
  return caches.match(urlOf(path), { cacheName, ignoreVary: true }).catch(() => undefined);
}

function urlOf(path: string): string {
  return new URL(path, scope).href;
}

let keeping: Promise<void> | undefined;

/** Keeps what is not kept yet, and does so once, whoever asks. */
function keepOnce(): Promise<void> {
  keeping ??= keep().catch((error: unknown) => {
    keeping = undefined;
    throw error;
  });
  return keeping;
}

async function keep(): Promise<void> {
  const cache = await caches.open(cacheName);
  const present = new Set((await cache.keys()).map(({ url }) => url));
  const missing = Object.keys(site.files).filter((path) => !present.has(urlOf(path)) && !neverStarted.test(path));
  const isPage = (path: string) => path.endsWith('.html');
  // Whatever ends this worker meanwhile: a page that is kept has all that it needs.
  await Promise.all(missing.filter((path) => !isPage(path)).map((path) => keepFile(cache, path)));
  await Promise.all(missing.filter(isPage).map((path) => keepFile(cache, path)));
}

/** Keeps a file when all of it has arrived as it was built. */
async function keepFile(cache: Cache, path: string): Promise<void> {
  const response = await fetch(urlOf(path), { cache: 'no-cache' });
  if (!response.ok) throw new Error(`${path} was answered with HTTP status ${response.status}`);
  const contents = await response.arrayBuffer();
  if ((await sha256(contents)) !== site.files[path]) throw new Error(`${path} is not as it was built`);
  const type = response.headers.get('content-type');
  // A new one: what came by way of a redirection could not be shown as a page.
  await cache.put(urlOf(path), new Response(contents, type === null ? {} : { headers: { 'content-type': type } }));
}

async function sha256(contents: ArrayBuffer): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', contents));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** For a page that asked: nothing, or why not. */
function answersTo(port: MessagePort | undefined): [() => void, (error: unknown) => void] {
  return [() => port?.postMessage(undefined), (error) => port?.postMessage(error instanceof Error ? error.message : String(error))];
}

/** Where the pages come from a server of decade's own, which needs no service worker. */
async function leave(): Promise<void> {
  await registration.unregister();
  await removeCaches(() => true);
}

/** Removes those of this site, and no other. */
async function removeCaches(isUnwanted: (name: string) => boolean): Promise<void> {
  const names = (await caches.keys()).filter((name) => name.startsWith(ownCaches) && isUnwanted(name));
  await Promise.all(names.map((name) => caches.delete(name)));
}
