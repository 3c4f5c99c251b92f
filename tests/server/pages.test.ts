import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pages } from '../../src/server/pages.js';
import { resolveServerOptions } from '../../src/server/options.js';
import type { ServedModel } from '../../src/server/served-model.js';

const folder = mkdtempSync(join(tmpdir(), 'decade-pages-'));
after(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, 'site/models'), { recursive: true });
writeFileSync(join(folder, 'site/index.html'), '<!doctype html><title>decade</title>');
writeFileSync(join(folder, 'site/style.css'), 'body { margin: 0 }');
const beside = [{ name: 'small', file: 'small.decade' }];
writeFileSync(join(folder, 'site/models/index.json'), JSON.stringify({ models: beside }));
writeFileSync(join(folder, 'secret.txt'), 'not for everyone');

const translators = [{ languages: { source: 'en', target: 'fr' } }] as unknown as readonly ServedModel[];
const served = (keys: string[] = []) => pages({ translators, options: resolveServerOptions({ keys }) }, join(folder, 'site'));

test('the pages are isolated and run only what is their own', async () => {
  for (const [path, type] of [
    ['/', 'text/html'],
    ['/style.css', 'text/css'],
  ] as const) {
    const response = await served().request(path);
    assert.equal(response.status, 200);
    assert.ok(response.headers.get('content-type')?.startsWith(type));
    assert.equal(response.headers.get('cross-origin-opener-policy'), 'same-origin');
    assert.equal(response.headers.get('cross-origin-embedder-policy'), 'require-corp');
    assert.match(response.headers.get('content-security-policy') ?? '', /script-src 'self' 'wasm-unsafe-eval'/);
  }
});

test('nothing outside the site is served', async () => {
  for (const path of ['/secret.txt', '/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt']) {
    assert.equal((await served().request(path)).status, 404, path);
  }
});

test('the pages are told which models lie beside them and what the server translates, unless it asks for a key', async () => {
  const index = async (keys?: string[]) => (await served(keys).request('/models/index.json')).json();
  assert.deepEqual(await index(), { models: beside, served: [{ from: 'en', to: 'fr' }] });
  assert.deepEqual(await index(['a-secret-key']), { models: beside, served: [] });
});

test('where the pages are not built, / says how to build them', async () => {
  const response = await pages({ translators, options: resolveServerOptions({}) }, join(folder, 'nothing')).request('/');
  assert.equal(response.status, 404);
  assert.match(await response.text(), /npm run site/);
});
