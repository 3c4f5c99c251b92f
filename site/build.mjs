import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { pageContent, pages } from './pages.mjs';
import { shell } from './shell.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const library = join(root, 'dist/src');

/**
 * Writes the pages that compute: HTML, scripts, workers and style, and the models beside them. Needs the compiled library.
 *
 * @param out     an empty folder
 * @param models  run directories and packed models
 */
export async function buildPages(out, models = []) {
  await build({
    absWorkingDir: join(root, 'site'),
    entryPoints: pages.map(({ script }) => `pages/${script.replace('.js', '.tsx')}`),
    outdir: out,
    entryNames: '[name]',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'warning',
  });
  // Scripts find them beside themselves.
  for (const name of readdirSync(join(library, 'browser')).filter((name) =>
    /(worker(-relaxed)?|imported-tokenizers|guided-search|phrase-searcher)\.js$/.test(name),
  ))
    copyFileSync(join(library, 'browser', name), join(out, name));
  const { palette } = await import('../dist/src/analysis/page/palette.js');
  writeFileSync(join(out, 'style.css'), palette + readFileSync(join(root, 'site/style.css'), 'utf8'));
  copyFileSync(join(root, 'site/icon.svg'), join(out, 'icon.svg'));
  for (const page of pages) write(out, page.path, shell({ ...page, content: pageContent(page), scripts: [page.script] }));
  await addModels(join(out, 'models'), models);
}

/** Writes the guide and the reference. Needs the compiled library. */
export async function buildDocumentation(out) {
  const { guidePages, guideFiles } = await import('./documentation/guide.mjs');
  const { referencePages } = await import('./documentation/reference.mjs');
  for (const page of [...guidePages(), ...referencePages()]) write(out, page.path, shell({ ...page, section: 'documentation/index.html' }));
  for (const [from, to] of guideFiles()) cpSync(join(root, from), join(out, to), { recursive: true });
}

/** Packs runs, copies packed models, and lists them. */
async function addModels(folder, models) {
  mkdirSync(folder, { recursive: true });
  await requireModels(models);
  const listed = [];
  for (const model of models) listed.push(await addModel(folder, model));
  writeFileSync(join(folder, 'index.json'), `${JSON.stringify({ models: listed }, null, 1)}\n`);
}

/** Throws `usage` for a model that is not there, and for two of one name. */
async function requireModels(models) {
  const { DecadeError } = await import('../dist/src/core/errors.js');
  const names = new Set();
  for (const model of models) {
    const name = basename(model, '.decade');
    if (!existsSync(model)) {
      throw new DecadeError('usage', { where: model, received: 'no such file or directory', allowed: 'a run directory or a packed model' });
    }
    if (names.has(name)) {
      throw new DecadeError('usage', {
        where: 'models',
        received: `two named ${name}`,
        allowed: 'a name each',
        next: 'rename one of them',
      });
    }
    names.add(name);
  }
}

async function addModel(folder, model) {
  // Whoever has none need not load what packs them.
  const { languages, pack } = await import('../dist/src/index.js');
  const { PackedModel } = await import('../dist/src/packed/packed-model.js');
  const { nodeRuntime } = await import('../dist/src/node/runtime.js');
  const name = basename(model, '.decade');
  const file = `${name}.decade`;
  if (statSync(model).isDirectory()) await pack(model, { out: join(folder, file), precision: 'int8' });
  else copyFileSync(model, join(folder, file));
  const opened = await nodeRuntime.files.open(join(folder, file));
  const { hash } = await PackedModel.open(opened, file);
  await opened.close();
  const { source: from, target: to } = (await languages(model)) ?? {};
  return { name, file, hash, from, to };
}

function write(out, path, text) {
  const file = join(out, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
