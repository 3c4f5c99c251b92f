import { serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sourceLanguages } from './languages.js';
import type { Service } from './service.js';

/** Where `npm run site` builds the pages; part of the package. */
const built = fileURLToPath(new URL('../../site', import.meta.url));

/** Browsers share memory between threads in isolated pages only, and run nothing here but the site's own files. */
const headers = {
  'Content-Security-Policy': "script-src 'self' 'wasm-unsafe-eval'; frame-ancestors 'none'",
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
};

/** The site's pages, which translate with the models of the service where no key is asked for. */
export function pages({ translators, options }: Pick<Service, 'translators' | 'options'>, folder = built): Hono {
  const app = new Hono();
  if (!existsSync(join(folder, 'index.html'))) {
    app.get('/', (context) => context.text('The pages are not built here. In a clone of decade, run npm run site.\n', 404));
    return app;
  }
  const pairs = [...sourceLanguages(translators)].flatMap(([from, targets]) => targets.map((to) => ({ from, to })));
  const served = options.keys.length > 0 ? [] : pairs;
  const index = join(folder, 'models/index.json');
  const beside: object = existsSync(index) ? (JSON.parse(readFileSync(index, 'utf8')) as object) : { models: [] };
  app.get('/models/index.json', (context) => context.json({ ...beside, served }));
  const files = serveStatic({ root: folder });
  app.get('*', (context, next) => {
    for (const [name, value] of Object.entries(headers)) context.header(name, value);
    return files(context, next);
  });
  return app;
}
