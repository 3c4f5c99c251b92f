import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { build } from 'esbuild';
import { repository } from './sources.js';

/** The package as npm makes it, installed into a directory of its own beside its dependencies. */
describe('the package', { skip: process.platform === 'win32' && 'npm and tar are called by their Unix names' }, () => {
  const consumer = mkdtempSync(join(tmpdir(), 'decade-package-'));
  after(() => rmSync(consumer, { recursive: true, force: true }));
  const installed = join(consumer, 'node_modules/decade');
  const description = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
    version: string;
    scripts: Record<string, string>;
    dependencies: Record<string, string>;
  };

  mkdirSync(installed, { recursive: true });
  // The test run has built: `prepack`, which does that in a fresh clone, is looked at below.
  run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', consumer], repository);
  run('tar', ['-xzf', join(consumer, `decade-${description.version}.tgz`), '--strip-components=1', '-C', installed], consumer);
  for (const name of Object.keys(description.dependencies)) link(name);
  writeFileSync(join(consumer, 'package.json'), '{ "type": "module" }');

  test('is built before it is packed', () => {
    assert.ok(description.scripts.prepack?.startsWith(`${description.scripts.prestart} && `), 'as `npm start` builds in a fresh clone');
  });

  test('holds compiled code and documentation, nothing else', () => {
    const files = readdirSync(installed, { recursive: true, encoding: 'utf8', withFileTypes: true }).filter((entry) => entry.isFile());
    assert.ok(files.length > 100);
    const others = files
      .map(({ name }) => name)
      .filter((name) => !/(\.js|\.d\.ts|\.md|\.html|\.css|\.svg|\.png|\.yaml|^package\.json|^index\.json|^LICENSE)$/.test(name));
    assert.deepEqual(
      others.filter((name) => name !== 'multi30k-attention.log'),
      [],
    );
    const [javascript = ''] = ['dist/src/decade.js'].map((name) => readFileSync(join(installed, name), 'utf8'));
    assert.doesNotMatch(javascript, /sourceMappingURL/, 'no source map that leads nowhere');
  });

  test('documents every function where its entry declares it', () => {
    const declarations = readFileSync(join(installed, 'dist/src/index.d.ts'), 'utf8');
    const functions = [...declarations.matchAll(/^export declare const (\w+): Decade\[/gm)].map(([, name]) => name);
    const documented = [...declarations.matchAll(/\*\/\nexport declare const (\w+): Decade\[/g)].map(([, name]) => name);
    assert.ok(functions.length >= 10);
    assert.deepEqual(documented, functions);
  });

  test('runs: the command and the library', () => {
    assert.equal(run(process.execPath, [join(installed, 'dist/src/cli/main.js'), '--version'], consumer).trim(), description.version);
    const script = `
      import { evaluate } from 'decade';
      console.log(evaluate({ hypotheses: ['the cat sat'], references: [['the cat sat']], metrics: ['exact'] })[0].score);`;
    assert.equal(run(process.execPath, ['--input-type=module', '--eval', script], consumer).trim(), '100');
  });

  const user = `
    import { load, train, type TranslationResult } from 'decade';
    await train('my.yaml', { out: 'runs/mine' });
    const model = await load('runs/mine', { beam: 4 });
    const results: TranslationResult[] = await model.translate(['a line']);
    export const text: string | undefined = results[0]?.text;
    await model.dispose();`;
  const page = `
    import { DecadeError, load, pack, train, type TrainedRun, type TranslationResult } from 'decade/browser';
    const model = await load(['runs/one', 'runs/two.decade'], { beam: 4, threads: 2, cache: false, onProgress: ({ bytes }) => void bytes });
    const run: TrainedRun = await train({ data: { train: [['a', 'b']] }, training: { stop: { steps: 1 } } }, { onEvent: ({ kind }) => void kind });
    for await (const piece of (await load(run)).generate('a', { seed: 1 })) void piece.length;
    void (await pack(run, { precision: 'int8' })).hash;
    const results: TranslationResult[] = await model.translate(['a line'], { onProgress: ({ lines }) => void lines });
    for await (const { text } of model.translateStream(['a line'])) void text;
    export const kind: string | undefined = results[0]?.warning instanceof DecadeError ? results[0].warning.kind : undefined;
    await model.dispose();`;
  const timeout = 'void model.translate([], { signal: AbortSignal.timeout(1) });';
  const dom = ['es2022', 'dom'];
  for (const { name, lib = ['es2022'], types = [], resolution = { module: 'nodenext' }, files } of [
    { name: 'neither the DOM nor Node', files: { user, page } },
    { name: 'the DOM', lib: dom, files: { user: `${user}\n${timeout}`, page: `${page}\nvoid load(new URL('run', document.baseURI));` } },
    { name: 'Node', types: ['node'], files: { user: `${user}\n${timeout}` } },
    {
      name: 'the DOM, for a bundler that asks for what is for browsers',
      lib: dom,
      resolution: { module: 'esnext', moduleResolution: 'bundler', customConditions: ['browser'] },
      files: { page, decade: page.replace('decade/browser', 'decade') },
    },
  ]) {
    test(`its types compile, libraries checked, in a project that knows ${name}`, () => {
      if (types.includes('node') && !existsSync(join(consumer, 'node_modules/@types/node'))) {
        link('@types/node');
        link('undici-types');
      }
      const project = join(consumer, name.replaceAll(/\W+/g, '-'));
      mkdirSync(project);
      writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
      for (const [name, text] of Object.entries(files)) writeFileSync(join(project, `${name}.ts`), text);
      const strictest = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false };
      const compilerOptions = { ...strictest, target: 'es2022', lib, types, ...resolution, noEmit: true };
      writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
      run(process.execPath, [join(repository, 'node_modules/typescript/bin/tsc'), '--singleThreaded', '-p', project], project);
    });
  }

  test('is for a browser where a bundler asks for that, and splits off no part of Node', async () => {
    const contents = "import { load } from 'decade'; await load('run');";
    const { metafile } = await build({
      stdin: { contents, resolveDir: consumer },
      absWorkingDir: consumer,
      bundle: true,
      platform: 'browser',
      format: 'esm',
      write: false,
      metafile: true,
    });
    const inputs = Object.keys(metafile.inputs).filter((path) => path !== '<stdin>');
    assert.ok(inputs.includes('node_modules/decade/dist/src/browser/index.js'), inputs.join(', '));
    assert.ok(
      inputs.every((path) => /decade\/dist\/src\/(browser|core|decoding\/certainty|tensor\/kernels\/relaxed-simd)/.test(path)),
      inputs.join(', '),
    );
  });

  function link(name: string): void {
    const target = join(consumer, 'node_modules', name);
    mkdirSync(dirname(target), { recursive: true });
    symlinkSync(join(repository, 'node_modules', name), target);
  }
});

function run(command: string, options: readonly string[], directory: string): string {
  try {
    return execFileSync(command, options, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', timeout: 240_000 });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    assert.fail(`${command} ${options.join(' ')}\n${stdout}${stderr}`);
  }
}
