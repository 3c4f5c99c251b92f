// Builds everything that `npm start` and `npm test` need: the WebAssembly kernels (AssemblyScript), the TypeScript with the
// documentation of what the entry exports, then the workers, each one file, and the command.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildKernels } from './build-kernels.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
/**
 * Packages that are part of the command's file: those that every start loads, and those of commands that are loaded when they are
 * called, which would be loaded at every start from outside the file.
 */
const packagesOfCommand = [
  ...['commander', 'd3-scale', 'd3-shape', 'pako', 'yaml', 'zod'],
  ...['@hono/node-server', '@modelcontextprotocol/server', 'hono', 'htmlparser2'],
];
/**
 * What few pages need is a file beside the worker, which imports it when it does: tokenizers of others (33 kB, gzip), and the searches for
 * translations with given words and for those made of phrases.
 */
const apart = [
  { entry: 'text/imported/read-imported', file: 'imported-tokenizers.js' },
  { entry: 'decoding/constraints/guide', file: 'guided-search.js' },
  { entry: 'models/phrase/search/phrase-searcher', file: 'phrase-searcher.js' },
];
await buildKernels();
removeOrphans();
const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', ...process.argv.slice(2)], {
  cwd: root,
  // It is written in Go, and spends a third of its time on finding garbage, of which it leaves little.
  env: { ...process.env, GOGC: '400' },
  stdio: 'inherit',
});
if (status === 0) {
  documentEntry();
  await bundlePrograms();
}
process.exit(status ?? 1);

/**
 * Editors show what is written at a declaration, and do not follow the type of a constant: so each function of the entry gets, in
 * its declarations, the documentation of the member of `Decade` that it is.
 */
function documentEntry() {
  const members = readFileSync(join(root, 'dist/src/decade.d.ts'), 'utf8');
  const documentation = new Map();
  for (const [, comment, name] of members.matchAll(/^ {4}(\/\*\*(?:(?!\*\/).)*\*\/)\n {4}(\w+)[<(]/gms)) {
    documentation.set(name, comment.replace(/^ {4}/gm, ''));
  }
  const entry = join(root, 'dist/src/index.d.ts');
  const declarations = readFileSync(entry, 'utf8').replace(/^export declare const (\w+): Decade\['\1'\];$/gm, (declaration, name) => {
    const comment = documentation.get(name);
    return comment === undefined ? declaration : `${comment}\n${declaration}`;
  });
  writeFileSync(entry, declarations);
}

/** Makes each worker, and the command, one file with the packages that it needs in it. */
async function bundlePrograms() {
  // A browser's worker sees no import map, and not every bundler splits one.
  const worker = {
    platform: 'browser',
    target: 'es2022',
    minify: true,
    plugins: [withoutJsonSchema(), withoutFormats(), withoutDescriptions()],
  };
  for (const name of ['training-worker', 'training-worker-relaxed']) {
    await bundled(`src/browser/${name}.ts`, `dist/src/browser/${name}.js`, worker);
  }
  const small = { ...worker, plugins: [...worker.plugins, withFilesApart()] };
  for (const name of ['worker', 'worker-relaxed']) await bundled(`src/browser/${name}.ts`, `dist/src/browser/${name}.js`, small);
  for (const { entry, file } of apart) await bundled(`src/${entry}.ts`, `dist/src/browser/${file}`, worker);
  // Node starts two to three times as fast from one file as from three hundred modules.
  const node = { platform: 'node', target: 'node20', external: packagesOf('optionalDependencies') };
  await bundled('src/node/device-thread.ts', 'dist/src/node/device-thread.js', node);
  const external = [...node.external, ...packagesOf('dependencies').filter((name) => !packagesOfCommand.includes(name))];
  // The yaml package asks for parts of Node by `require`.
  const start = "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);";
  // What commands share, and each of them, is a file beside the first.
  await bundled('src/cli/main.ts', 'dist/src/cli/main.js', { ...node, external, splitting: true, chunkNames: 'program-[hash]' }, start);
}

function packagesOf(section) {
  return Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))[section] ?? {});
}

/** One file, and those that it is split into, with the licences of the packages in them at its end. */
async function bundled(entry, outfile, options, start = '') {
  const { outputFiles, metafile } = await build({
    ...options,
    absWorkingDir: root,
    entryPoints: [{ in: entry, out: basename(outfile, '.js') }],
    outdir: dirname(outfile),
    bundle: true,
    format: 'esm',
    banner: { js: start },
    metafile: true,
    write: false,
  });
  const packages = new Set(Object.keys(metafile.inputs).flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []));
  const notices = Array.from(packages, (name) => `${name}:\n\n${licenceOf(name)}`);
  const ending = `/*! ${['It holds these packages.', ...notices].join('\n\n')}\n*/\n`;
  for (const { path, text } of outputFiles) writeFileSync(path, path === join(root, outfile) ? `${text}${ending}` : text);
}

function licenceOf(name) {
  const folder = join(root, 'node_modules', name);
  const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
  return readFileSync(join(folder, file), 'utf8').trim();
}

/**
 * Every schema of zod can be written as JSON Schema, which no worker asks for: a method that throws is 6 kB (gzip) less for each page.
 */
function withoutJsonSchema() {
  const stub = "function absent() { throw new Error('no JSON Schema in a worker'); }";
  return {
    name: 'without-json-schema',
    setup(bundler) {
      bundler.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]core[\\/](?:to-json-schema|json-schema-processors)\.js$/ }, ({ path }) => {
        const names = [...readFileSync(path, 'utf8').matchAll(/^export (?:const|function|class) (\w+)/gm)].map(([, name]) => name);
        return { contents: `${stub}\nexport { ${names.map((name) => `absent as ${name}`).join(', ')} };` };
      });
    },
  };
}

/**
 * Every text of zod can be asked to be an e-mail address, a date or an account number, which no option is: without these methods nobody
 * asks for what they need, which is 3 kB (gzip) less for each page.
 */
function withoutFormats() {
  const methods = /^ {4}\w+\(params\) \{\n {8}return this\.check\(core\._\w+\(Zod\w+, params\)\);\n {4}\},\n/gm;
  return {
    name: 'without-formats',
    setup(bundler) {
      bundler.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]classic[\\/]schemas\.js$/ }, ({ path }) => ({
        contents: readFileSync(path, 'utf8').replace(methods, ''),
      }));
    },
  };
}

/** What options say of themselves is for the documentation, which no worker writes. */
function withoutDescriptions() {
  const words = [String.raw`'(?:[^'\\]|\\.)*'`, String.raw`"(?:[^"\\]|\\.)*"`, '`[^`]*`', '[^{}\'"`]'];
  const descriptions = new RegExp(
    String.raw`\s*\.(?:meta\(\{(?:${words.join('|')})*\}\)|describe\(\s*(?:${words.slice(0, 3).join('|')})\s*,?\s*\))`,
    'g',
  );
  return {
    name: 'without-descriptions',
    setup(bundler) {
      bundler.onLoad({ filter: /[\\/]src[\\/].*options\.ts$/ }, ({ path }) => ({
        contents: readFileSync(path, 'utf8').replace(descriptions, ''),
        loader: 'ts',
      }));
    },
  };
}

function withFilesApart() {
  return {
    name: 'files-apart',
    setup(bundler) {
      for (const { entry, file } of apart) {
        const [folder, name] = entry.split('/').slice(-2);
        bundler.onResolve({ filter: new RegExp(`/${folder}/${name}\\.js$`) }, () => ({ path: `./${file}`, external: true }));
      }
    },
  };
}

/** Takes away what was compiled from sources that are gone, so that nothing of it runs or is packed. */
function removeOrphans() {
  for (const folder of ['src', 'tests', 'bench']) {
    const compiled = join(root, 'dist', folder);
    if (!existsSync(compiled)) continue;
    for (const name of readdirSync(compiled, { recursive: true, encoding: 'utf8' })) {
      const [, stem] = /^(.*?)\.(?:d\.ts|js|map)$/.exec(name) ?? [];
      if (stem !== undefined && !existsSync(join(root, folder, `${stem}.ts`))) rmSync(join(compiled, name));
    }
  }
}
