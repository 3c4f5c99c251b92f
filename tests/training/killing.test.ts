import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { digitPairs } from './tiny-run.js';

let root: string;
/** killable-run.js in one file: otherwise its processes spend most of their time on loading modules. */
let program: string;
/** What a run that nobody kills leaves, and how many changes to the disk it makes. */
let whole: Record<string, string>;
let operations: number;

async function corpus(name: string): Promise<string> {
  const directory = join(root, name);
  await mkdir(directory);
  await writeFile(join(directory, 'train.tsv'), digitPairs(200, 1));
  await writeFile(join(directory, 'dev.tsv'), digitPairs(40, 2));
  return directory;
}

/** Runs the program, kills it as soon as `isMoment` says so of what it has printed, and gives all that it printed. */
async function runUntil(
  directory: string,
  isMoment: (lines: readonly string[]) => boolean,
  operation?: number,
): Promise<readonly string[]> {
  const child = spawn(process.execPath, [program, directory, ...(operation === undefined ? [] : [String(operation)])]);
  let [output, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (isMoment(output.trimEnd().split('\n'))) child.kill('SIGKILL');
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => child.on('close', (...end) => resolve(end)));
  assert.ok(code === 0 || signal === 'SIGKILL', `ended with ${code ?? signal}: ${errors}`);
  return output.trimEnd().split('\n');
}

const never = () => false;

/** All that a finished run leaves, without times. */
async function remains(directory: string): Promise<Record<string, string>> {
  const out = join(directory, 'out');
  const read = async (name: string) => (await readFile(join(out, name))).toString('base64');
  const checkpoints = (await readdir(join(out, 'checkpoints'))).sort();
  const found: Record<string, string> = {
    checkpoints: checkpoints.join(' '),
    names: (await readdir(out)).sort().join(' '),
    model: await read('model.safetensors'),
  };
  for (const checkpoint of checkpoints) {
    for (const name of ['model', 'optimizer']) {
      found[`${checkpoint}/${name}`] = await read(`checkpoints/${checkpoint}/${name}.safetensors`);
    }
  }
  found.metrics = (await readFile(join(out, 'metrics.jsonl'), 'utf8')).replace(/"(seconds|wordsPerSecond)":[\d.e+-]+/g, '"$1":0');
  return found;
}

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'decade-killing-'));
  program = join(root, 'killable-run.mjs');
  const entry = fileURLToPath(new URL('./killable-run.js', import.meta.url));
  // The yaml package asks for parts of Node by `require`.
  const banner = { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" };
  await build({ entryPoints: [entry], outfile: program, bundle: true, platform: 'node', format: 'esm', banner, logLevel: 'error' });
  const directory = await corpus('whole');
  const last = (await runUntil(directory, never)).at(-1) ?? '';
  const [, steps, changes] = /^done (\d+) (\d+)$/.exec(last) ?? [];
  assert.equal(steps, '24');
  operations = Number(changes);
  whole = await remains(directory);
});

after(() => rm(root, { recursive: true, force: true }));

test('killed again and again at moments of the clock, a run ends bit for bit as if it had not been', async () => {
  const directory = await corpus('clock');
  let kills = 0;
  for (;;) {
    // Each session is killed later than the one before, so that the run comes to its end.
    const moment = 3 + 9 * kills + Math.floor(Math.random() * 6);
    const lines = await runUntil(directory, (printed) => printed.length >= moment);
    if (lines.at(-1)?.startsWith('done')) break;
    kills++;
    assert.ok(kills < 30, 'the run never ends');
  }
  assert.ok(kills >= 3, `killed only ${kills} times`);
  assert.deepEqual(await remains(directory), whole);
});

test('killed in the middle of changes to the disk, checkpoints among them, a run ends the same', async () => {
  const directory = await corpus('disk');
  let stuck = 0;
  for (let part = 1; part <= 8; part++) {
    const operation = Math.min(operations - 1, Math.floor((operations * part) / 12) + Math.floor(Math.random() * 12));
    const lines = await runUntil(directory, (printed) => printed.at(-1) === 'stuck', operation);
    if (lines.at(-1) === 'stuck') stuck++;
  }
  assert.ok(stuck >= 4, `stuck only ${stuck} times`);
  assert.match((await runUntil(directory, never)).at(-1) ?? '', /^done 24 /);
  assert.deepEqual(await remains(directory), whole);
});

test('a second process ends at once and changes nothing; when the first is killed, the run goes on', async () => {
  const directory = await corpus('both');
  const first = spawn(process.execPath, [program, directory, String(operations >> 1)]);
  try {
    for await (const text of first.stdout.setEncoding('utf8')) if (String(text).includes('stuck')) break;
    const before = await everyFile(directory);
    const held = new RegExp(
      `out: already in use by a training \\(process ${first.pid} on \\S+ since 20.*; expected one training at a time`,
    );
    await assert.rejects(runUntil(directory, never), held);
    assert.deepEqual(await everyFile(directory), before);
  } finally {
    first.kill('SIGKILL');
  }
  await once(first, 'close');
  assert.ok((await readdir(join(directory, 'out'))).includes('training.lock'));
  assert.match((await runUntil(directory, never)).at(-1) ?? '', /^done 24 /);
  assert.deepEqual(await remains(directory), whole);
});

/** Paths and contents of all that is in a directory. */
async function everyFile(directory: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of await readdir(directory, { recursive: true })) {
    found[name] = await readFile(join(directory, name), 'base64').catch(() => 'a directory');
  }
  return found;
}
