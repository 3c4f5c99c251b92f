import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
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
    assert.equal(description.scripts.prepack, description.scripts.prestart, 'as `npm start` builds in a fresh clone');
  });

  test('holds compiled code and documentation, nothing else', () => {
    const files = readdirSync(installed, { recursive: true, encoding: 'utf8', withFileTypes: true }).filter((entry) => entry.isFile());
    assert.ok(files.length > 100);
    const others = files
      .map(({ name }) => name)
      .filter((name) => !/(\.js|\.d\.ts|\.md|\.svg|\.png|\.yaml|^package\.json|^LICENSE)$/.test(name));
    assert.deepEqual(
      others.filter((name) => name !== 'multi30k-attention.log'),
      [],
    );
    const [javascript = ''] = ['dist/src/decade.js'].map((name) => readFileSync(join(installed, name), 'utf8'));
    assert.doesNotMatch(javascript, /sourceMappingURL/, 'no source map that leads nowhere');
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
  for (const { name, lib, types, addition } of [
    { name: 'neither the DOM nor Node', lib: ['es2022'], types: [], addition: '' },
    { name: 'the DOM', lib: ['es2022', 'dom'], types: [], addition: 'void model.translate([], { signal: AbortSignal.timeout(1) });' },
    { name: 'Node', lib: ['es2022'], types: ['node'], addition: 'void model.translate([], { signal: AbortSignal.timeout(1) });' },
  ]) {
    test(`its types compile, libraries checked, in a project that knows ${name}`, () => {
      if (types.includes('node') && !existsSync(join(consumer, 'node_modules/@types/node'))) {
        link('@types/node');
        link('undici-types');
      }
      const project = join(consumer, name.replaceAll(' ', '-'));
      mkdirSync(project);
      writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
      writeFileSync(join(project, 'user.ts'), `${user}\n${addition}\n`);
      const strictest = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false };
      const compilerOptions = { ...strictest, target: 'es2022', lib, types, module: 'nodenext', noEmit: true };
      writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['user.ts'] }));
      run(process.execPath, [join(repository, 'node_modules/typescript/bin/tsc'), '-p', project], project);
    });
  }

  function link(name: string): void {
    const target = join(consumer, 'node_modules', name);
    mkdirSync(dirname(target), { recursive: true });
    symlinkSync(join(repository, 'node_modules', name), target);
  }
});

function run(command: string, options: readonly string[], directory: string): string {
  try {
    return execFileSync(command, options, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', timeout: 60_000 });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    assert.fail(`${command} ${options.join(' ')}\n${stdout}${stderr}`);
  }
}
