import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { intlCorpus } from '../../src/data/generators/intl.js';
import { program } from '../../src/cli/program.js';
import { resolveConfiguration } from '../../src/training/configuration.js';
import { type CodeBlock, codeBlocks, decadeCommands, links, pages } from './documentation.js';
import { compiledSource, repository } from './sources.js';

/**
 * The examples of the documentation work. `ts` blocks compile; `ts run` and `sh run` blocks are also run, page by page in
 * a directory that holds a small corpus and the blocks that have a file name (`yaml my-pair.yaml`); `ts part` is a
 * fragment that only a reader understands; `ts from src/file.ts` shows lines that stand in that file.
 */
const blocks = pages().flatMap(codeBlocks);
const main = join(compiledSource, 'cli', 'main.js');
/** Without the search for the fastest products at every start. */
const env = { ...process.env, DECADE_GEMM: 'webassembly' };

describe('links and commands', () => {
  test('every relative link leads to a file', () => {
    const dead = pages().flatMap((page) =>
      links(page)
        .filter((link) => !existsSync(join(repository, dirname(page), link)))
        .map((link) => `${page}: ${link}`),
    );
    assert.deepEqual(dead, []);
  });

  test('every command line names a command and options that exist', async () => {
    const found = pages().flatMap((page) => decadeCommands(page).map((command) => ({ page, ...command })));
    assert.ok(found.length > 5, 'command lines are found');
    const { commands } = await program();
    const wrong = found.flatMap(({ page, line, arguments: [name = '', ...rest] }) => {
      const outer = commands.find((known) => known.name() === name);
      const command = outer?.commands.find((known) => known.name() === rest[0]) ?? outer;
      if (name === 'help') return [];
      if (command === undefined) return [`${page}:${line}: no command ${name}`];
      const flags = command.options.flatMap(({ short, long }) => [short, long, '--help', '--debug']);
      return rest
        .filter((argument) => /^--?[a-z]/.test(argument) && !flags.includes(argument.split('=')[0]))
        .map((argument) => `${page}:${line}: ${name} has no ${argument}`);
    });
    assert.deepEqual(wrong, []);
  });
});

test('every recipe is a configuration without a mistake', () => {
  const recipes = readdirSync(join(repository, 'recipes')).filter((name) => name.endsWith('.yaml'));
  assert.ok(recipes.length > 0);
  for (const name of recipes) {
    const path = join(repository, 'recipes', name);
    assert.equal(resolveConfiguration(readFileSync(path, 'utf8'), path).version, 1, name);
  }
});

test('code that is shown from a file stands there, line by line and in its order', () => {
  const shown = blocks.flatMap(({ words: [from, path], ...block }) => (from === 'from' && path !== undefined ? [{ ...block, path }] : []));
  assert.ok(shown.length > 5, 'such blocks are found');
  for (const { page, line, path, text } of shown) {
    const lines = readFileSync(join(repository, path), 'utf8')
      .split('\n')
      .map((each) => each.trim());
    let at = 0;
    for (const wanted of text.split('\n').map((each) => each.trim())) {
      if (wanted === '' || wanted === '…') continue;
      const found = lines.indexOf(wanted, at);
      assert.ok(found >= 0, `${page}:${line}: ${path} has no line after line ${at} that reads ${wanted}`);
      at = found + 1;
    }
  }
});

describe('examples', () => {
  // Inside the repository, so that packages are found from there.
  mkdirSync(join(repository, '.build'), { recursive: true });
  const compiled = mkdtempSync(join(repository, '.build', 'documentation-'));
  const work = mkdtempSync(join(tmpdir(), 'decade-documentation-'));
  after(() => {
    rmSync(compiled, { recursive: true, force: true });
    rmSync(work, { recursive: true, force: true });
  });
  const typescript = blocks.filter(({ language, words }) => language === 'ts' && !words.includes('part') && !words.includes('from'));
  const runnable = blocks.filter(({ language, words }) => words.includes('run') && (language === 'ts' || language === 'sh'));

  test('TypeScript compiles', { skip: typescript.length === 0 && 'no page has TypeScript' }, () => {
    for (const block of typescript) writeFileSync(join(compiled, `${nameOf(block)}.ts`), block.text);
    const options = JSON.parse(readFileSync(join(repository, 'tsconfig.json'), 'utf8')) as { compilerOptions: object };
    writeFileSync(
      join(compiled, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          ...options.compilerOptions,
          rootDir: compiled,
          outDir: compiled,
          noUnusedLocals: false,
          paths: { decade: [join(compiledSource, 'index.d.ts')] },
        },
        include: ['*.ts'],
        exclude: [],
      }),
    );
    execute(process.execPath, [join(repository, 'node_modules/typescript/bin/tsc'), '--singleThreaded', '-p', compiled], repository);
  });

  for (const page of new Set(runnable.map((block) => block.page))) {
    test(`${page} runs`, { timeout: 120_000 }, () => {
      const directory = join(work, page.replaceAll('/', '-'));
      mkdirSync(directory);
      writeCorpus(directory);
      const scripts: string[] = [];
      for (const block of blocks.filter((candidate) => candidate.page === page)) {
        const [name] = block.words.includes('from') ? [] : block.words.filter((word) => word.includes('.'));
        if (name !== undefined) writeFileSync(join(directory, name), `${block.text}\n`);
        if (!block.words.includes('run')) continue;
        if (block.language === 'ts') {
          const script = join(compiled, `${nameOf(block)}.js`);
          const text = readFileSync(script, 'utf8').replaceAll(
            "'decade'",
            JSON.stringify(pathToFileURL(join(compiledSource, 'index.js')).href),
          );
          writeFileSync(script, text);
          scripts.push(pathToFileURL(script).href);
        } else {
          execute(
            'bash',
            ['-e', '-o', 'pipefail', '-c', `decade() { "${process.execPath}" "${main}" "$@"; }\n${asFunction(block.text)}`],
            directory,
          );
        }
      }
      // One after the other and in one process, which takes longer to load the library than any of them to run.
      const program = scripts.map((script) => `await import(${JSON.stringify(script)});`).join('\n');
      const all = join(compiled, `${page.replaceAll(/[/.]/g, '-')}.js`);
      writeFileSync(all, program);
      if (scripts.length > 0) execute(process.execPath, [all], directory);
    });
  }
});

/** Command lines of a clone and of an installed package, as the shell function that stands for both here. */
function asFunction(text: string): string {
  return text.replaceAll(/npm run (?:-s|--silent) decade -- /g, 'decade ').replaceAll('npx decade ', 'decade ');
}

function nameOf({ page, line }: CodeBlock): string {
  return `${page.replaceAll(/[/.]/g, '-')}-${line}`;
}

/** The parallel files that the pages speak of, from the embedded corpus. */
function writeCorpus(directory: string): void {
  const corpus = intlCorpus({ from: 'en', to: 'fr', pairs: 80, heldOut: 8 });
  for (const [part, pairs] of Object.entries({ train: corpus.train, dev: corpus.dev, test: corpus.test })) {
    writeFileSync(join(directory, `${part}.en`), pairs.map(({ source }) => `${source}\n`).join(''));
    writeFileSync(join(directory, `${part}.fr`), pairs.map(({ target }) => `${target}\n`).join(''));
  }
}

function execute(command: string, options: readonly string[], directory: string): void {
  try {
    execFileSync(command, options, { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    assert.fail(`${command} ${options.join(' ').slice(0, 400)}\n${stdout}${stderr}`);
  }
}
