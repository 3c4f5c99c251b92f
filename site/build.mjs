import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { pageContent, pages } from './pages.mjs';
import { shell } from './shell.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const library = join(root, 'dist/src');
/** Of every script. */
const options = { absWorkingDir: join(root, 'site'), bundle: true, minify: true, target: 'es2022', logLevel: 'warning' };

/**
 * Writes the whole site: pages, documentation, models, and the service worker that keeps all but the models in a browser. Needs the
 * compiled library.
 *
 * @param out     an empty folder
 * @param models  run directories and packed models
 */
export async function buildSite(out, models = []) {
  const code = await addCode(out);
  const add = (page) => write(out, page.path, shell({ ...page, code }));
  for (const page of pages) add({ ...page, content: pageContent(page), scripts: ['visit.js', page.script] });
  const { guidePages, guideFiles } = await import('./documentation/guide.mjs');
  const { referencePages } = await import('./documentation/reference.mjs');
  const documentation = [...guidePages(), ...referencePages()];
  for (const page of documentation) add({ ...page, section: 'documentation/index.html', scripts: ['visit.js'] });
  for (const [from, to] of guideFiles()) cpSync(join(root, from), join(out, to), { recursive: true });
  await addModels(join(out, 'models'), models);
  await addServiceWorker(out);
}

/**
 * Writes scripts, workers and style into a folder that is named after their contents, so that a page never runs the code of another
 * version, whatever a browser keeps.
 *
 * @returns the name of the folder, with a slash
 */
async function addCode(out) {
  const folder = join(out, 'code');
  await build({
    ...options,
    entryPoints: ['visit.ts', ...pages.map(({ script }) => script.replace('.js', '.tsx'))].map((name) => `pages/${name}`),
    outdir: folder,
    entryNames: '[name]',
    splitting: true,
    format: 'esm',
    jsx: 'automatic',
    jsxImportSource: 'preact',
  });
  // Scripts find them beside themselves.
  for (const name of readdirSync(join(library, 'browser')).filter((name) =>
    /(worker(-relaxed)?|imported-tokenizers|guided-search|phrase-searcher)\.js$/.test(name),
  ))
    copyFileSync(join(library, 'browser', name), join(folder, name));
  const { palette } = await import('../dist/src/analysis/page/palette.js');
  writeFileSync(join(folder, 'style.css'), palette + readFileSync(join(root, 'site/style.css'), 'utf8'));
  copyFileSync(join(root, 'site/icon.svg'), join(folder, 'icon.svg'));
  const name = `code-${hashOf(JSON.stringify(hashes(folder))).slice(0, 16)}`;
  renameSync(folder, join(out, name));
  return `${name}/`;
}

/** Writes the service worker of a site that is otherwise whole. It knows every file but the models, which are kept when they are loaded. */
export async function addServiceWorker(out) {
  const files = hashes(out, (path) => !path.endsWith('.decade') && path !== 'service-worker.js');
  const version = hashOf(JSON.stringify(files)).slice(0, 16);
  await build({
    ...options,
    entryPoints: ['service-worker/service-worker.ts'],
    outfile: join(out, 'service-worker.js'),
    format: 'iife',
    define: { site: JSON.stringify({ version, files }) },
  });
}

/** The SHA-256 of each file below a folder, in hexadecimal, by its path there. */
function hashes(folder, isWanted = () => true) {
  const paths = readdirSync(folder, { recursive: true })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => isWanted(path) && statSync(join(folder, path)).isFile());
  return Object.fromEntries(paths.sort().map((path) => [path, hashOf(readFileSync(join(folder, path)))]));
}

function hashOf(contents) {
  return createHash('sha256').update(contents).digest('hex');
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
