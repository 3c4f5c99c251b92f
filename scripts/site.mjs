// Builds the site that teaches into dist/site: pages that translate, train and show models, and the documentation.
//
//     npm run site                             with the model of `npm start`, if there is one
//     npm run site -- RUN MODEL.decade ...     with these models
//     npm run site -- --without-models         as the package has it
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSite } from '../site/build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const site = join(root, 'dist/site');
const quickstart = join(root, 'runs/quickstart');
const given = process.argv.slice(2);
const hasQuickstart = existsSync(join(quickstart, 'model.safetensors'));
const models = given.includes('--without-models') ? [] : given.length > 0 ? given : hasQuickstart ? [quickstart] : [];
// What is there stays until all of the new is.
const made = join(root, 'dist/site-new');
rmSync(made, { recursive: true, force: true });
mkdirSync(made, { recursive: true });
try {
  await buildSite(made, models);
  rmSync(site, { recursive: true, force: true });
  renameSync(made, site);
} catch (error) {
  if (error?.name !== 'DecadeError') throw error;
  console.error(`decade: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(made, { recursive: true, force: true });
}
if (process.exitCode === undefined) {
  const names = models.length === 0 ? 'no model: train one in the page, or name a run or a packed model' : models.join(', ');
  console.error(
    `decade: the site is in dist/site (${names}).\nAny static server shows it: npx decade serve MODEL, or python3 -m http.server -d dist/site`,
  );
}
