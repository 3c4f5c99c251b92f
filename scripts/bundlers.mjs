// Bundles a page with Vite, webpack and esbuild from the package as npm makes it, opens each in Chromium under the content security policy of
// docs/browser.md, and looks whether it translates, with a tokenizer from elsewhere too, and trains there. Installs the bundlers into a directory of its own, which takes
// a network and some minutes, so no test does:
//
//     node scripts/bundlers.mjs [vite] [webpack] [esbuild]
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pack, train } from '../dist/src/index.js';
import { WebSite } from '../dist/tests/browser/web-site.js';
import { Browser, browserName } from '../dist/tests/cli/browser.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
const limit = { build: 900_000, page: 60_000 };

const script = `
import { load, train } from 'decade/browser';
async function result() {
  const model = await load('/models/digits.decade', { cache: false });
  const [{ text }] = await model.translate(['1 2 3']);
  await model.dispose();
  const foreign = await load('/models/foreign.decade', { cache: false });
  const [{ text: continued }] = await foreign.translate([{ text: '1 2 3', prefix: '3 2' }], { maximumLength: 5 });
  await foreign.dispose();
  const { summary } = await train({ data: { train: { generator: 'digits:copy', pairs: 20 } }, tokenizer: { kind: 'character' }, training: { stop: { steps: 1 } } });
  return { text, continued, steps: summary.steps };
}
globalThis.result = result().catch((error) => ({ failure: String(error) }));
`;
const page = (src) => `<!doctype html><meta charset="utf-8"><title>bundled</title><script type="module" src="${src}"></script>`;

/** Each builds main.js into \`out\`; gives the path of the page's script. */
const bundlers = {
  vite: {
    packages: { vite: '8.3.8' },
    build: (run) => run('vite', ['build']),
    page: undefined,
  },
  webpack: {
    packages: { webpack: '5.113.0', 'webpack-cli': '7.3.1' },
    build: (run) => run('webpack', ['build', '--mode', 'production', '--entry', './main.js', '--output-path', 'dist']),
    page: page('main.js'),
  },
  esbuild: {
    packages: { esbuild: '0.28.2' },
    build(run, directory) {
      run('esbuild', ['main.js', '--bundle', '--minify', '--format=esm', '--outdir=dist']);
      const workers = join(directory, 'node_modules/decade/dist/src/browser');
      for (const name of readdirSync(workers).filter((name) =>
        /(worker(-relaxed)?|imported-tokenizers|guided-search|phrase-searcher)\.js$/.test(name),
      ))
        cpSync(join(workers, name), join(directory, 'dist', name));
    },
    page: page('main.js'),
  },
};

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(bundlers);
const unknown = wanted.find((name) => !Object.hasOwn(bundlers, name));
if (unknown !== undefined) throw new Error(`no bundler ${unknown}; there are ${Object.keys(bundlers).join(', ')}`);
const folder = mkdtempSync(join(tmpdir(), 'decade-bundlers-'));
try {
  const tarball = join(
    folder,
    execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root, encoding: 'utf8' }).trim(),
  );
  await makeModel();
  const browser = await Browser.start(browserName ?? 'chromium');
  try {
    for (const name of wanted) {
      const { failure, ...result } = await tried(name, tarball, browser);
      console.log(name, failure ?? JSON.stringify(result));
      if (failure !== undefined || result.steps !== 1 || !result.continued.startsWith('3 2')) process.exitCode = 1;
    }
  } finally {
    await browser.end();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function makeModel() {
  const data = { train: { generator: 'digits:reverse', pairs: 200 } };
  const model = { kind: 'lstm', layers: 1, hidden: 16 };
  await train(
    { version: 1, data, tokenizer: { kind: 'character' }, model, training: { stop: { steps: 5 } } },
    { out: join(folder, 'run'), devices: 1 },
  );
  mkdirSync(join(folder, 'models'));
  await pack(join(folder, 'run'), { out: join(folder, 'models/digits.decade') });
  const foreign = join(folder, 'foreign');
  cpSync(join(folder, 'run'), foreign, { recursive: true });
  const description = JSON.parse(readFileSync(join(foreign, 'model.json'), 'utf8'));
  const { vocab } = JSON.parse(readFileSync(join(foreign, description.tokenizers.target), 'utf8')).model;
  const tokens = Object.keys(vocab).sort((one, other) => vocab[one] - vocab[other]);
  const special = { begin: 1, end: 2, unknown: 3, forbidden: [0, 1] };
  const tokenizer = {
    format: 'decade-imported-tokenizer',
    version: 1,
    special,
    named: 'marian',
    lines: false,
    codec: { kind: 'spaced', tokens },
  };
  writeFileSync(join(foreign, 'foreign-tokenizer.json'), JSON.stringify(tokenizer));
  description.tokenizers.target = 'foreign-tokenizer.json';
  writeFileSync(join(foreign, 'model.json'), JSON.stringify(description));
  await pack(foreign, { out: join(folder, 'models/foreign.decade') });
}

async function tried(name, tarball, browser) {
  const { packages, build, page: ownPage } = bundlers[name];
  const directory = join(folder, name);
  mkdirSync(directory);
  const dependencies = { decade: `file:${tarball}`, ...packages };
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ name: 'page', private: true, type: 'module', dependencies }));
  writeFileSync(join(directory, 'main.js'), script);
  writeFileSync(join(directory, 'index.html'), page('main.js'));
  const run = (command, given) =>
    execFileSync(command, given, { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'], timeout: limit.build });
  run('npm', ['install', '--no-audit', '--no-fund', '--silent']);
  build((command, given) => run(join(directory, 'node_modules/.bin', command), given), directory);
  if (ownPage !== undefined) writeFileSync(join(directory, 'dist/index.html'), ownPage);
  const folders = { '/models/': join(folder, 'models'), '/': join(directory, 'dist') };
  const site = await WebSite.open(folders, {}, { 'content-security-policy': policy });
  try {
    await browser.open(site.url('/index.html'), { width: 800 });
    const late = new Promise((resolve) => setTimeout(resolve, limit.page, { failure: 'no answer of the page' }).unref());
    return await Promise.race([browser.evaluate('globalThis.result'), late]);
  } finally {
    await site.close();
  }
}
