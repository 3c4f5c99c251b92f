import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Call, copyTinyRun, decade, decadeProcess, temporaryDirectory, writeTinyConfiguration } from './decade.js';

/** Bad input of every kind gives one clear line on standard error (where, what came, what to do) and its exit code. */
const directory = temporaryDirectory();
const run = join(directory, 'run');
const configuration = writeTinyConfiguration(directory);
const file = (name: string, contents: string | Uint8Array): string => {
  writeFileSync(join(directory, name), contents);
  return join(directory, name);
};
/** A copy of the run with one file changed. */
const damagedRun = (name: string, change: (path: string) => void): string => {
  const copy = join(directory, name);
  cpSync(run, copy, { recursive: true });
  change(copy);
  return copy;
};
/** A configuration for a corpus of these contents. */
const withCorpus = (name: string, source: string | Uint8Array, target: string): string =>
  file(
    `${name}.yaml`,
    `version: 1
data: { train: { source: ${file(`${name}.en`, source)}, target: ${file(`${name}.fr`, target)} } }
tokenizer: { kind: bpe, size: 300 }
model: { kind: lstm, layers: 1, hidden: 8 }
training: { stop: { steps: 1 } }
`,
  );

async function isRefused(options: readonly string[], code: number, pattern: RegExp, call: Call = {}, run = decade): Promise<string> {
  const outcome = await run(options, call);
  const lines = outcome.stderr.trimEnd().split('\n');
  assert.equal(outcome.code, code, outcome.stderr);
  const last = lines.at(-1) ?? '';
  assert.match(last, pattern);
  assert.match(last, /^decade: /);
  const errors = lines.filter((line) => line.startsWith('decade: ') && !line.startsWith('decade: warning: '));
  assert.equal(errors.length, 1, outcome.stderr);
  assert.doesNotMatch(outcome.stderr, /^\s+at /m, 'no stack trace');
  return outcome.stdout;
}
/** As a person sees it: a usage, a file, and a full disk are refused by a process of its own. */
const isRefusedByProcess = (options: readonly string[], code: number, pattern: RegExp, call: Call = {}) =>
  isRefused(options, code, pattern, call, decadeProcess);

before(async () => {
  await copyTinyRun(run);
});
after(() => rmSync(directory, { recursive: true, force: true }));

describe('bad input', () => {
  test('unknown commands and options, with a suggestion', async () => {
    await isRefusedByProcess(['tranlate'], 2, /unknown command 'tranlate'.*translate/);
    await isRefused(['translate', '-m', run, '--baem', '3'], 2, /unknown option '--baem'.*--beam/);
    await isRefused(['translate', '-m', run, '--beam', 'many'], 2, /--beam.*'many' is invalid.*integer/);
    await isRefused(['translate', '-m', run, '--gemm', 'openblass'], 2, /openblass.*openblas/);
  });

  test('a missing file, a directory in the place of a file', async () => {
    await isRefused(['train', join(directory, 'nowhere.yaml')], 1, /nowhere\.yaml: no such file/);
    await isRefused(['translate', '-m', run, '-i', join(directory, 'nowhere.en')], 1, /nowhere\.en: no such file/);
    await isRefused(['translate', '-m', run, '-i', directory], 1, /a directory; expected a file/);
    await isRefusedByProcess(['translate', '-m', join(directory, 'nowhere')], 1, /nowhere: no such directory; expected a run directory/);
    await isRefused(['translate', '-m', directory], 1, /a directory without config\.yaml; expected a run directory/);
  });

  test('unknown keys and wrong types in a configuration, with the line and a suggestion', async () => {
    const text = readFileSync(configuration, 'utf8');
    const mistyped = file('mistyped.yaml', text.replace('hidden: 32', 'hiden: 32'));
    await isRefused(['train', mistyped, '--out', join(directory, 'never')], 2, /mistyped\.yaml.*line 4.*hiden.*hidden/);
    const wrongType = file('wrong-type.yaml', text.replace('hidden: 32', 'hidden: many'));
    await isRefused(['train', wrongType, '--out', join(directory, 'never')], 2, /wrong-type\.yaml.*line 4.*model\.hidden.*many/);
    await isRefused(['train', configuration, '--set', 'model.hidden=-1', '--out', join(directory, 'never')], 2, /--set model\.hidden=-1/);
    assert.ok(!existsSync(join(directory, 'never')), 'nothing is made before the configuration is right');
  });

  test('corpora with unequal line counts, naming both', async () => {
    const corpus = withCorpus('unequal', 'a b\nc d\ne f\n', 'x y\n');
    await isRefused(['train', corpus, '--out', join(directory, 'unequal')], 1, /unequal\.en and .*unequal\.fr: 3 and 1 lines/);
    const [source, target] = [join(directory, 'unequal.en'), join(directory, 'unequal.fr')];
    await isRefused(['score', '-m', run, '--source', source, '--target', target], 1, /3 and 1 lines/);
    await isRefused(['evaluate', '--hypotheses', source, '--references', target], 1, /3 and 1 lines/);
  });

  test('broken UTF-8: dropped and counted in training, an empty line and a failure in translation', async () => {
    const broken = Uint8Array.of(...Buffer.from('5 kilometers\n'), 0xff, 0xfe, 0x0a, ...Buffer.from('6 kilometers\n'));
    const corpus = withCorpus('broken', broken, '5 kilomètres\n?\n6 kilomètres\n');
    const trained = await decade(['train', corpus, '--out', join(directory, 'broken'), '--devices', '1']);
    assert.equal(trained.code, 0, trained.stderr);
    assert.match(trained.stderr, /kept 2 of 3 pairs; dropped 1 not valid UTF-8 \(first at line 2\)/);
    const stdout = await isRefused(['translate', '-m', run], 1, /standard input: line 2: bytes that are not valid UTF-8/, {
      input: broken,
    });
    assert.equal(stdout.split('\n').length, 4, 'the other lines are translated');
    assert.equal(stdout.split('\n')[1], '');
    await isRefused(
      ['evaluate', '--hypotheses', join(directory, 'broken.en'), '--references', join(directory, 'broken.fr')],
      1,
      /broken\.en: line 2/,
    );
  });

  test('a line of 10,000 words: dropped and counted in training, cut with a warning in translation', async () => {
    const long = Array(10_000).fill('kilometers').join(' ');
    const corpus = withCorpus('long', `5 kilometers\n${long}\n`, `5 kilomètres\n${long}\n`);
    const trained = await decade(['train', corpus, '--out', join(directory, 'long'), '--devices', '1']);
    assert.equal(trained.code, 0, trained.stderr);
    assert.match(trained.stderr, /dropped 1 longer than data\.maximumLength \(first at line 2\)/);
    const { code, stdout, stderr } = await decade(['translate', '-m', run, '--beam', '1', '--max-length', '5'], {
      input: `5 kilometers\n${long}\n`,
    });
    assert.equal(code, 0, stderr);
    assert.equal(stdout.split('\n').length, 3);
    assert.match(stderr, /^decade: warning: line 2: [\d,]+ tokens; only the first 1,000 were used/);
  });

  test('truncated and foreign model files, absurd sizes in them, and a changed description', async () => {
    const model = (path: string) => join(path, 'model.safetensors');
    const truncated = damagedRun('truncated', (path) => truncateSync(model(path), 5_000));
    await isRefused(['translate', '-m', truncated], 1, /model\.safetensors: a file of 5000 bytes whose header describes/);
    const foreign = damagedRun('foreign', (path) => writeFileSync(model(path), 'PK\u0003\u0004 this is a zip file of some kind, it seems'));
    await isRefused(['translate', '-m', foreign], 1, /model\.safetensors: a header/);
    const absurd = damagedRun('absurd', (path) => {
      const json = JSON.stringify({
        'source.embedding.table': { dtype: 'F32', shape: [2 ** 40, 2 ** 12], data_offsets: [0, 2 ** 53 - 1] },
      });
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(json.length));
      writeFileSync(model(path), Buffer.concat([length, Buffer.from(json), Buffer.alloc(64)]));
    });
    await isRefused(['translate', '-m', absurd], 1, /model\.safetensors: .*source\.embedding\.table/);
    const larger = damagedRun('larger', (path) => {
      const text = readFileSync(join(path, 'model.json'), 'utf8');
      writeFileSync(
        join(path, 'model.json'),
        text.replace(/"hidden": 32/, '"hidden": 16000').replace(/"embedding": 32/, '"embedding": 16000'),
      );
    });
    await isRefused(['translate', '-m', larger], 1, /model\.safetensors: .*of shape .*where the model has/);
    const tokenizer = damagedRun('tokenizer', (path) => truncateSync(join(path, 'tokenizer.json'), 300));
    await isRefused(['translate', '-m', tokenizer], 1, /tokenizer\.json: invalid or truncated JSON/);
  });

  test('a full disk', { skip: !existsSync('/dev/full') && 'this system has no /dev/full' }, async () => {
    await isRefusedByProcess(['translate', '-m', run, '-o', '/dev/full'], 1, /\/dev\/full: disk full\. Free some space/, {
      input: '5 kilometers\n',
    });
  });

  test('an output that cannot be written', async () => {
    const inFile = join(configuration, 'output.fr');
    await isRefused(['translate', '-m', run, '-o', inFile], 1, /output\.fr: a file; expected a directory/, {
      input: '5 kilometers\n',
    });
    await isRefused(['train', configuration, '--out', run], 2, /run: a directory that already contains a run.*--resume/);
  });

  test('options that do not go together', async () => {
    await isRefused(
      ['evaluate', '-m', run, '--references', configuration],
      2,
      /--model; expected --hypotheses FILE, or --model RUN with --source/,
    );
    await isRefused(
      ['evaluate', '--hypotheses', configuration, '--references', configuration, '--metrics', 'blue'],
      2,
      /"blue".*did you mean bleu/i,
    );
    await isRefused(
      ['translate', '-m', run, '--beam', '2', '--nbest', '5'],
      2,
      /--nbest 5: more translations per line than --beam 2\. Use --beam 5 as well/,
      {
        input: 'a\n',
      },
    );
    await isRefused(['quickstart', '--from', 'xx'], 2, /xx/, { directory });
  });

  test('options that would change nothing', async () => {
    const [file, translated] = [configuration, ['--hypotheses', configuration, '--references', configuration]];
    const compared = ['compare', '--hypotheses', file, file, '--source', file, '--references', file];
    const tuned = ['--tune', file, '--tune-source', file, '--tune-references', file];
    const selected = ['rescore', '--source', file, '-i', file, '--select', 'mbr'];
    for (const [options, message] of [
      [['evaluate', ...translated, '--beam', '3'], /--beam: without --model\. Leave it out: nothing is translated/],
      [['evaluate', ...translated, '--select', 'mbr'], /--select: without --model/],
      [['evaluate', ...translated, '--sample'], /--sample: without --model/],
      [[...compared, '--max-length', '3'], /--max-length: without a run/],
      [[...selected, '--tune-metric', 'chrf'], /--tune-metric without --tune/],
      [[...selected, ...tuned, '--tune-metric', 'chrf', '-m', run], /--model, whose weight is tuned for BLEU/],
      [['data', 'dedup', '--text', file, '--unit', 'words'], /--unit: without --near\. Use --near 0\.8 as well/],
      [['data', 'split', '--text', file, '--out', 'parts', '--near', 'off', '--size', '3'], /--size: with --near off/],
      [['align', '-i', file, '--symmetrise', 'union', '--direction', 'forward'], /--symmetrise: with --direction forward/],
    ] as const) {
      await isRefused(options, 2, message);
    }
  });

  test('--debug adds the stack trace', async () => {
    const { code, stderr } = await decade(['translate', '-m', join(directory, 'nowhere'), '--debug']);
    assert.equal(code, 1);
    assert.match(stderr, /^DecadeError: .*nowhere: no such directory.*\n\s+at /m);
  });

  test('colours are left out of a pipe', async () => {
    const { stdout } = await decadeProcess(['doctor'], { environment: { FORCE_COLOR: '' } });
    assert.ok(!stdout.includes('\u001b'));
  });
});

test('standard input is refused for a second input, which would find nothing left', async () => {
  const { code, stderr } = await decade(['evaluate', '--hypotheses', '-', '--references', '-'], { input: 'a\nb\n' });
  assert.equal(code, 2);
  assert.match(stderr, /standard input: given for two inputs; expected one/);
});
