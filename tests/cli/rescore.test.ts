import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { featureValues, parseNbestLine } from '../../src/decoding/nbest.js';
import { rescore, score } from '../../src/index.js';
import { decade, temporaryDirectory, writeTinyConfiguration } from './decade.js';

const directory = temporaryDirectory();
const run = join(directory, 'run');
const file = (name: string, lines: readonly string[]): string => {
  writeFileSync(join(directory, name), lines.map((line) => `${line}\n`).join(''));
  return join(directory, name);
};
const sources = ['three weeks ago', '5 kilometers', '2 days'];
const source = file('source.en', sources);
const references = file('references.fr', ['il y a trois semaines', '5 kilomètres', '2 jours']);
const list = file('list', [
  '0 ||| un deux trois ||| LM= -1 ||| -1',
  '0 ||| il y a trois semaines ||| LM= -2 ||| -2',
  'no such line',
  '2 ||| deux ||| LM= -1 ||| -1',
  '2 ||| 2 jours ||| LM= -2 ||| -1.5',
]);

before(async () => {
  const { code, stderr } = await decade(['train', writeTinyConfiguration(directory), '--out', run, '--devices', '1']);
  assert.equal(code, 0, stderr);
});
after(() => rmSync(directory, { recursive: true, force: true }));

test('rescore writes a line for every line of the source and tells what the list lacks', async () => {
  const { code, stdout, stderr } = await decade(['rescore', '-m', run, '--source', source, '-i', list, '--references', references]);
  assert.equal(code, 1, 'a line was left out');
  const lines = stdout.split('\n');
  assert.deepEqual([lines.length, lines[1]], [4, '']);
  assert.match(stderr, /list: line 3: 1 field; .*line skipped/);
  assert.match(stderr, /1 line that could not be parsed; all others were rescored/);
  assert.match(stderr, /no entry for 1 line of .*; it is left empty/);
  for (const row of [/own scores +\d+\.\d\d/, /model alone/, /even average/, /oracle\) +\d/]) assert.match(stderr, row);
});

test('rescore without a say of the model keeps the order of the list, with its say writes a list again', async () => {
  const kept = await decade(['rescore', '-m', run, '--source', source, '-i', list, '--weight', '0', '--own', 'LM']);
  assert.equal(kept.stdout, 'un deux trois\n\ndeux\n', kept.stderr);
  const input = readFileSync(list);
  const { stdout, stderr } = await decade(['rescore', '-m', `${run},${run}`, '--source', source, '--weight', '1', '--nbest', '2'], {
    input,
  });
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ||| '));
  assert.deepEqual(
    rows.map(([sentence]) => sentence),
    ['0', '0', '2', '2'],
    stderr,
  );
  for (const [, , features = '', score] of rows) assert.match(features, new RegExp(`^LM= -\\d model= ${score}$`));
  for (const at of [0, 2]) assert.ok(Number(rows[at]?.[3]) >= Number(rows[at + 1]?.[3]), 'best first');
});

test('rescore reads a list that translate wrote without an option: the model’s figures carry its length penalty', async () => {
  const input = readFileSync(source);
  for (const penalty of ['1', '0.6', '0']) {
    const search = ['-m', run, '--beam', '4', '--nbest', '4', '--length-penalty', penalty];
    const translated = (await decade(['translate', ...search], { input })).stdout;
    const rescored = await decade(['rescore', '-m', run, '--source', source, '--nbest', '4'], { input: Buffer.from(translated) });
    assert.deepEqual([rescored.code, rescored.stderr.includes('warning')], [0, false], rescored.stderr);
    const rows = rescored.stdout
      .trimEnd()
      .split('\n')
      .map((line) => parseNbestLine(line, 'list'));
    assert.ok(rows.length >= 6);
    const pairs = rows.map(({ sentence, hypothesis }) => ({ source: sources[sentence] ?? '', target: hypothesis.text }));
    const scores = await score(run, pairs, { devices: 1, gemm: 'webassembly' });
    for (const [index, { hypothesis }] of rows.entries()) {
      const { features } = hypothesis;
      assert.match(features, new RegExp(`tokens= \\d+ lengthPenalty= ${penalty} model= `));
      const { logProbability, tokenLogProbabilities } = scores[index] ?? { logProbability: 0, tokenLogProbabilities: [] };
      const [model = Number.NaN] = featureValues(features, 'model');
      const expected = logProbability / tokenLogProbabilities.length ** Number(penalty);
      assert.ok(Math.abs(model / expected - 1) < 1e-4, `${features}, expected ${expected}`);
    }
    const again = await decade(['rescore', '-m', run, '--source', source, '--nbest', '1'], { input: Buffer.from(rescored.stdout) });
    assert.match(again.stdout, /model= \S+ model2= /);
  }
});

test('rescore says what it assumes of a list that says nothing', async () => {
  const { stderr } = await decade(['rescore', '-m', run, '--source', source, '-i', list]);
  assert.match(stderr, /warning: .*list does not state its length penalty: .* \(length penalty 0\)/);
  const asked = await decade(['rescore', '-m', run, '--source', source, '-i', list, '--length-penalty', '1']);
  assert.doesNotMatch(asked.stderr, /length penalty/);
});

test('rescore tunes the weight on another list', async () => {
  const tuning = ['--tune', list, '--tune-source', source, '--tune-references', references];
  const { code, stdout, stderr } = await decade([
    'rescore',
    '-m',
    run,
    '--source',
    source,
    '-i',
    list,
    '--references',
    references,
    ...tuning,
    '--json',
  ]);
  assert.equal(code, 1, stderr);
  const { weight, tuned, rescored, list: before, oracle } = JSON.parse(stdout);
  assert.ok(tuned.low <= weight && weight <= tuned.high && tuned.score <= tuned.best.score);
  // Tuned on the list it is judged on.
  assert.ok(Math.abs(rescored.score - tuned.score) < 1e-9);
  assert.ok(rescored.low <= rescored.score && rescored.score <= rescored.high && oracle.score >= rescored.score);
  assert.ok(Math.abs(rescored.difference.score - (rescored.score - before.score)) < 1e-9);
});

test('from TypeScript it makes the same choice, by the log-probabilities that score gives', async () => {
  const { stdout, stderr } = await decade(['rescore', '-m', run, '--source', source, '-i', list, '--weight', '0.8']);
  const compute = { devices: 1, gemm: 'webassembly' };
  const hypotheses = [
    [
      { text: 'un deux trois', score: -1 },
      { text: 'il y a trois semaines', score: -2 },
    ],
    [],
    [
      { text: 'deux', score: -1 },
      { text: '2 jours', score: -1.5 },
    ],
  ];
  const { sentences } = await rescore(run, { sources, hypotheses }, { weight: 0.8, ...compute });
  assert.equal(sentences.map(({ text }) => `${text}\n`).join(''), stdout, stderr);
  const ranked = sentences.flatMap(({ source, hypotheses }) => hypotheses.map((hypothesis) => ({ source, ...hypothesis })));
  const scores = await score(
    run,
    ranked.map(({ source, text }) => ({ source, target: text })),
    compute,
  );
  assert.equal(ranked.length, 4);
  for (const [index, { own, model, combined }] of ranked.entries()) {
    assert.ok(Math.abs(model - (scores[index]?.logProbability ?? Number.NaN)) < 1e-4);
    assert.ok(Math.abs(combined - (0.2 * own + 0.8 * model)) < 1e-9);
  }
});

test('rescore refuses options that do not go together, and a list of another text', async () => {
  const both = await decade(['rescore', '-m', run, '--source', source, '-i', list, '--tune', list]);
  assert.deepEqual([both.code, /together/.test(both.stderr)], [2, true]);
  const weight = await decade(['rescore', '-m', run, '--source', source, '-i', list, '--weight', '2']);
  assert.deepEqual([weight.code, /from 0 to 1/.test(weight.stderr)], [2, true]);
  const other = file('other', ['9 ||| a ||| ||| -1']);
  const wrong = await decade(['rescore', '-m', run, '--source', source, '-i', other]);
  assert.deepEqual([wrong.code, /sentence 9; expected sentences below 3/.test(wrong.stderr)], [1, true], wrong.stderr);
});

test('a model whose weights are no numbers ends rescore and score by an error that names the sentence', async () => {
  const broken = join(directory, 'broken');
  cpSync(run, broken, { recursive: true });
  const weights = readFileSync(join(broken, 'model.safetensors'));
  weights.fill(0xff, 8 + Number(weights.readBigUInt64LE()));
  writeFileSync(join(broken, 'model.safetensors'), weights);
  for (const [command, where] of [
    [['rescore', '-i', list], 'list: sentence 0'],
    [['score', '--target', references], 'source.en: line 1'],
  ] as const) {
    const { code, stdout, stderr } = await decade([...command, '-m', broken, '--source', source]);
    assert.deepEqual([code, stdout], [1, ''], stderr);
    assert.ok(stderr.includes(`${where}: a log-probability that is not a number`), stderr);
  }
});
