import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { nodeFiles } from '../../src/node/files/files.js';
import { type ConfigurationInput, configurationOf } from '../../src/training/configuration.js';
import { train } from '../../src/training/train.js';
import { digitPairs, localContext, tinyConfiguration } from './tiny-run.js';

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
  const training = {
    stop: { steps: 24 },
    accumulate: 2,
    batch: { sentences: 20 },
    report: { every: { steps: 2 } },
    validate: { every: { steps: 5 } },
    checkpoint: { every: { steps: 4 }, keep: 2, average: 2 },
  };
  await writeFile(join(directory, 'configuration.json'), JSON.stringify(tinyConfiguration(training, { directory })));
  return directory;
}

/** Runs the program, kills it as soon as `isMoment` says so of what it has printed, and gives all that it printed. */
async function runUntil(
  directory: string,
  isMoment: (lines: readonly string[]) => boolean,
  moment?: number | string,
): Promise<readonly string[]> {
  const child = spawn(process.execPath, [program, directory, ...(moment === undefined ? [] : [String(moment)])]);
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
async function remains(directory: string, run = 'out'): Promise<Record<string, string>> {
  const out = join(directory, run);
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

/** LSTMs on pairs are killed above; here each of the other kinds of trainings, once, at an update that chance decides. */
describe('killed at any update, a training ends bit for bit as if it had not been:', () => {
  const pairs = { train: { tsv: 'train.tsv' }, dev: { tsv: 'dev.tsv' } };
  const text = { train: { text: ['train.txt'], documents: 'line' as const }, dev: { text: ['dev.txt'] }, context: 8 };
  const lstm = { kind: 'lstm' as const, layers: 1, hidden: 8, dropout: 0.1 };
  const transformer = { kind: 'transformer' as const, encoderLayers: 1, decoderLayers: 1, width: 8, heads: 2, dropout: 0.1 };
  const kinds: readonly [string, Pick<ConfigurationInput, 'data' | 'model'>][] = [
    ['a Transformer on pairs', { data: pairs, model: transformer }],
    ['an LSTM on text', { data: text, model: lstm }],
    ['a Transformer on text', { data: text, model: transformer }],
  ];
  for (const [name, { data, model }] of kinds) {
    test(name, async () => {
      const directory = await corpus(name.replaceAll(' ', '-'));
      for (const part of ['train', 'dev']) {
        const lines = (await readFile(join(directory, `${part}.tsv`), 'utf8')).replaceAll('\t', ' ');
        await writeFile(join(directory, `${part}.txt`), lines);
      }
      const configuration = configurationOf(
        {
          version: 1,
          data,
          tokenizer: { kind: 'word', split: 'spaces' },
          model,
          training: {
            optimizer: { kind: 'adam', learningRate: 0.01 },
            batch: { sentences: 16 },
            stop: { steps: 12 },
            report: { every: { steps: 2 } },
            validate: { every: { steps: 5 } },
            checkpoint: { every: { steps: 3 }, keep: 2 },
          },
        },
        (path) => join(directory, path),
      );
      await writeFile(join(directory, 'configuration.json'), JSON.stringify(configuration));
      const context = localContext(nodeFiles);
      await train(context, configuration, { out: join(directory, 'whole') });
      const moment = `update ${1 + Math.floor(Math.random() * 11)}`;
      const printed = await runUntil(directory, (lines) => lines.at(-1) === 'stuck', moment);
      assert.equal(printed.at(-1), 'stuck', moment);
      await train(context, configuration, { out: join(directory, 'out'), resume: true });
      assert.deepEqual(await remains(directory), await remains(directory, 'whole'), `killed at ${moment}`);
    });
  }
});

/** Paths and contents of all that is in a directory. */
async function everyFile(directory: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of await readdir(directory, { recursive: true })) {
    found[name] = await readFile(join(directory, name), 'base64').catch(() => 'a directory');
  }
  return found;
}
