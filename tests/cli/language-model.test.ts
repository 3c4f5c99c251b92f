import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { decade, temporaryDirectory } from './decade.js';

const directory = temporaryDirectory();
const text = 'the dog runs on the beach.\nNobody comes.\n\nThe dog sleeps.\n';
const call = { directory };

before(async () => {
  writeFileSync(join(directory, 'train.txt'), text.repeat(20));
  writeFileSync(join(directory, 'dev.txt'), text);
  writeFileSync(
    join(directory, 'text.yaml'),
    `version: 1
data: { train: { text: [train.txt] }, dev: { text: [dev.txt] }, context: 16 }
tokenizer: { kind: character }
model: { kind: lstm, layers: 1, hidden: 16 }
training: { optimizer: { kind: adam, learningRate: 0.01 }, batch: { sentences: 8 }, stop: { steps: 8 } }
`,
  );
  for (const [out, ...more] of [['characters'], ['bytes', '--set', 'tokenizer={ kind: bytes }']] as [string, ...string[]][]) {
    const { code, stderr } = await decade(['train', 'text.yaml', '--out', out, '--devices', '1', ...more], call);
    assert.equal(code, 0, stderr);
  }
});
after(() => rmSync(directory, { recursive: true, force: true }));

test('score --text tells what a whole text costs', async () => {
  const { code, stdout } = await decade(['score', '-m', 'characters', '--text', 'dev.txt', '--json'], call);
  const { logProbability, tokens, words, bytes, perplexity, bitsPerByte } = JSON.parse(stdout);
  assert.deepEqual([code, tokens, words, bytes], [0, text.length + 1, 11, text.length]);
  assert.ok(Math.abs(perplexity - Math.exp(-logProbability / tokens)) < 1e-9);
  assert.ok(Math.abs(bitsPerByte + logProbability / Math.LN2 / bytes) < 1e-9);
  const shown = await decade(['score', '-m', 'characters', '--text', '-'], { ...call, input: text });
  assert.match(shown.stdout, new RegExp(`Perplexity +${perplexity.toFixed(4)} per token \\(${tokens} with </s>\\)`));
});

test('score --text scores several files together, and names the file of what is wrong', async () => {
  writeFileSync(join(directory, 'broken.txt'), new Uint8Array([0x61, 0x0a, 0xff, 0x0a]));
  writeFileSync(join(directory, 'empty.txt'), '');
  const score = (...options: string[]) => decade(['score', '-m', 'characters', ...options], { ...call, input: '' });
  const both = await score('--text', 'dev.txt', '--text', 'train.txt', '--json');
  assert.equal(JSON.parse(both.stdout).bytes, 21 * text.length);
  const lines = await score('--text', 'dev.txt', 'broken.txt', '--lines');
  assert.deepEqual(
    lines.stdout
      .trimEnd()
      .split('\n')
      .map((line) => line === 'nan'),
    [false, false, false, false, false, true],
  );
  assert.match(lines.stderr, /broken\.txt: line 2: bytes that are not valid UTF-8; nan was written/);
  for (const [name, where] of [
    ['empty.txt', 'empty\\.txt'],
    ['-', 'standard input'],
  ] as const) {
    const { code, stderr } = await score('--text', name);
    assert.deepEqual([code, new RegExp(`${where}: no text; expected at least one byte`).test(stderr)], [1, true], stderr);
  }
});

test('score --text --lines gives a figure for every line, also for empty ones, and nan for those that are not UTF-8', async () => {
  const input = new Uint8Array([...new TextEncoder().encode(text), 0xff, 0x0a]);
  const { code, stdout, stderr } = await decade(['score', '-m', 'characters', '--text', '-', '--lines'], { ...call, input });
  assert.deepEqual([code, stdout.match(/^-\d+\.\d{6}$/gm)?.length, stdout.split('\n').at(-2)], [1, 4, 'nan']);
  assert.match(stderr, /standard input: line 5: bytes that are not valid UTF-8; nan was written in its place/);
  const whole = await decade(['score', '-m', 'characters', '--text', '-', '--json'], { ...call, input });
  assert.deepEqual([whole.code, JSON.parse(whole.stdout).brokenLines], [1, 1]);
  assert.match(whole.stderr, /line 5: .*; left out of the figures/);
  const bytes = await decade(['score', '-m', 'bytes', '--text', '-', '--lines'], { ...call, input });
  assert.deepEqual([bytes.stdout.match(/^-\d+/gm)?.length, bytes.stderr], [5, '']);
});

test('what needs a source is refused, and told what to use instead', async () => {
  for (const command of [
    ['translate', '-m', 'characters'],
    ['score', '-m', 'characters', '--source', 'dev.txt', '--target', 'dev.txt'],
    ['evaluate', '-m', 'characters', '--source', 'dev.txt', '--references', 'dev.txt'],
    ['report', 'characters', '--source', 'dev.txt'],
    ['compare', 'characters', 'bytes', '--source', 'dev.txt', '--references', 'dev.txt'],
  ]) {
    const { code, stderr } = await decade(command, { ...call, input: 'a\n' });
    assert.notEqual(code, 0, command.join(' '));
    assert.match(stderr, /language model.*score .*--text/, command.join(' '));
  }
  const both = await decade(['score', '-m', 'characters', '--text', 'dev.txt', '--source', 'dev.txt'], call);
  for (const idle of [['--beam', '1'], ['--lowercase']]) {
    const { code, stderr } = await decade(['compare', 'characters', 'bytes', ...idle], call);
    assert.deepEqual([code, stderr], [2, `decade: ${idle[0]}: for language models, which do not translate. Leave it out\n`]);
  }
  assert.match(both.stderr, /--source and --text; expected --source FILE with --target FILE.*or --text FILE/);
});

test('report shows how it learnt, compare which learnt better', async () => {
  const report = await decade(['report', 'characters'], call);
  assert.deepEqual([report.code, report.stderr], [0, '']);
  const page = readFileSync(join(directory, 'characters', 'report.html'), 'utf8');
  assert.match(page, /Bits per byte on dev/);
  assert.match(page, /decade score -m characters --text FILE/);
  assert.doesNotMatch(page, /decade translate/);
  const missing = await decade(['report', 'characters', '--text', 'nowhere.txt'], call);
  assert.deepEqual([missing.code, /nowhere\.txt: no such file/.test(missing.stderr)], [1, true]);
  assert.equal(readFileSync(join(directory, 'characters', 'report.html'), 'utf8'), page, 'the old report stays');
  const compared = await decade(['compare', 'characters', 'bytes', '--out', 'both.html', '--json'], call);
  const { runs } = JSON.parse(compared.stdout);
  assert.deepEqual(
    runs.map(({ name, steps }: { name: string; steps: number }) => [name, steps]),
    [
      ['characters', 8],
      ['bytes', 8],
    ],
  );
  assert.ok(runs.every(({ bitsPerByte }: { bitsPerByte: number }) => bitsPerByte > 0));
  assert.match(readFileSync(join(directory, 'both.html'), 'utf8'), /tokenizer\.kind/);
});

test('estimate counts contexts and a model without an encoder', async () => {
  const { code, stdout } = await decade(['estimate', 'text.yaml', '--json', '--devices', '1'], call);
  const { model, corpus, memory } = JSON.parse(stdout);
  assert.equal(code, 0);
  assert.deepEqual(
    model.parts.map(({ name }: { name: string }) => name),
    ['target.embedding', 'decoder', 'output'],
  );
  assert.deepEqual([corpus.pairs, corpus.sourceTokensPerPair, corpus.longestTarget], [Math.ceil((20 * text.length + 1) / 16), 0, 16]);
  assert.ok(memory.fits);
});

test('what was counted on lines scores lines, is packed in f32 with a warning, and has no updates', async () => {
  const counted = ['--set', 'model={ kind: ngram, order: 2 }', '--set', 'data.train.documents=line', '--set', 'data.dev.documents=line'];
  const trained = await decade(['train', 'text.yaml', '--out', 'counted', ...counted], call);
  assert.equal(trained.code, 0, trained.stderr);
  const scored = await decade(['score', '-m', 'counted', '--text', 'dev.txt', '--json'], call);
  assert.equal(JSON.parse(scored.stdout).tokens, text.length - 4 + 3, 'three lines end, without their line feeds and the empty one');
  const foreign = await decade(['score', '-m', 'counted', '--text', '-'], { ...call, input: 'öööö\n' });
  assert.match(foreign.stderr, /warning: standard input: 80 % of the tokens are <unk>, and no bits are counted for what they stand for/);
  const packed = await decade(['pack', 'counted', '-o', 'counted.decade', '--precision', 'int8'], call);
  assert.match(packed.stdout, /parameters in f32/);
  assert.match(packed.stderr, /warning: --precision int8: no matrix is in counted; all of it stays in f32/);
  const compared = await decade(['compare', 'counted', 'characters', '--out', 'counted.html'], call);
  assert.match(compared.stdout, /^counted .*bits per byte \d\.\d{4} +counted$/m);
});

test('a text of white space alone has no figures for a vocabulary of words, and one for each line', async () => {
  const words = ['--set', 'tokenizer={ kind: word }', '--set', 'model={ kind: ngram, order: 2 }', '--set', 'data.train.documents=line'];
  const trained = await decade(['train', 'text.yaml', '--out', 'words', ...words], call);
  assert.equal(trained.code, 0, trained.stderr);
  const score = (...options: string[]) => decade(['score', '-m', 'words', '--text', '-', ...options], { ...call, input: '  \n\t\n' });
  const { code, stdout, stderr } = await score('--json');
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /standard input: no text; expected at least one document that is not empty/);
  assert.match((await score('--lines')).stdout, /^(-\d+\.\d{6}\n){2}$/);
});

test('--no-adapt is refused without the model that it is about', async () => {
  const { code, stderr } = await decade(['compress', 'dev.txt', '--no-adapt'], call);
  assert.deepEqual([code, /--no-adapt without a model; expected --no-adapt with --model/.test(stderr)], [2, true]);
});
