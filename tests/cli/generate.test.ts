import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseNbestLine } from '../../src/decoding/nbest.js';
import { load } from '../../src/index.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';
import { decade, ended, start, temporaryDirectory } from './decade.js';
import { writeLanguageModel } from './language-model.js';

const directory = temporaryDirectory();
const run = join(directory, 'run');
const other = join(directory, 'other');
/** A text that would take minutes. */
const endless = ['--max-length', '100000'];

before(async () => {
  const tokenizer = await trainTokenizer(['the cat sat on the mat, naïve 日本語 🙂'], { kind: 'bpe', size: 300 });
  await writeLanguageModel(run, tokenizer);
  await writeLanguageModel(other, tokenizer, { hidden: 12 });
});
after(() => rmSync(directory, { recursive: true, force: true }));

const generate = (...options: string[]) => decade(['generate', '-m', run, '--max-length', '20', ...options]);
const linesOf = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => parseNbestLine(line, 'output'));

test('generate writes the prompt and what follows it, as the library gives it', async () => {
  const { code, stdout, stderr } = await generate('--prompt', ' the cat ', '--temperature', '0.7', '--top-k', '20', '--seed', '5');
  assert.deepEqual([code, stderr], [0, '']);
  const model = await load(run, { gemm: 'webassembly' });
  let text = '';
  for await (const piece of model.generate('the cat', { maximumLength: 20, temperature: 0.7, topK: 20, seed: 5 })) text += piece;
  await model.dispose();
  assert.equal(stdout, `the cat${text}\n`);
  assert.ok(text.length > 0);
  const again = await generate('--prompt', 'the cat', '--temperature', '0.7', '--top-k', '20', '--seed', '6');
  assert.notEqual(again.stdout, stdout);
});

test('generate begins with nothing, writes to a file, and takes an ensemble', async () => {
  const output = join(directory, 'text');
  const { code, stderr } = await generate('-o', output);
  assert.deepEqual([code, stderr], [0, '']);
  const plain = await generate();
  assert.equal(readFileSync(output, 'utf8'), plain.stdout);
  const together = await decade(['generate', '-m', `${run},${other}`, '--max-length', '20']);
  assert.equal(together.code, 0, together.stderr);
  assert.notEqual(together.stdout, plain.stdout);
});

test('several samples and prompts are numbered lines, the same on any number of devices', async () => {
  const input = join(directory, 'prompts');
  writeFileSync(input, 'the cat\n\n|||\n');
  const options = ['-i', input, '--samples', '3', '--min-p', '0.01', '--typical', '0.99', '--repetition-penalty', '1.1'];
  const { code, stdout, stderr } = await generate(...options, '--devices', '1');
  assert.deepEqual([code, stderr], [0, '']);
  const lines = linesOf(stdout);
  assert.deepEqual(
    lines.map(({ sentence }) => sentence),
    [0, 0, 0, 1, 1, 1, 2, 2, 2],
  );
  for (const { sentence, hypothesis } of lines) {
    assert.match(hypothesis.features, /^logProbability= -\d+\.\d{6} tokens= \d+ lengthPenalty= 1$/);
    assert.ok(hypothesis.text.startsWith(['the cat', '', '|||'][sentence] ?? '?'));
    const [, sum, tokens] = /= (\S+) tokens= (\d+)/.exec(hypothesis.features) ?? [];
    assert.ok(Math.abs(hypothesis.score - Number(sum) / Number(tokens)) < 1e-5);
  }
  assert.equal((await generate(...options, '--devices', '2')).stdout, stdout);
  const piped = await decade(['generate', '-m', run, '--max-length', '20', '-i', '-'], { input: 'the cat\n' });
  assert.equal(linesOf(piped.stdout).length, 1);
  const single = await generate('--prompt', 'the cat', '--samples', '1');
  assert.equal(single.stdout, piped.stdout);
});

test('a line that is not UTF-8 is reported with its number, and the others are continued as without it', async () => {
  const input = join(directory, 'broken');
  writeFileSync(input, Buffer.concat([Buffer.from('the cat\n'), Buffer.of(0xff, 0xfe, 0x41, 0x0a), Buffer.from('the mat\n')]));
  const { code, stdout, stderr } = await generate('-i', input);
  assert.equal(code, 1);
  assert.match(stderr, /^decade: .*broken: line 2: bytes that are not valid UTF-8; nothing was written for it/);
  assert.deepEqual(
    linesOf(stdout).map(({ sentence }) => sentence),
    [0, 2],
  );
  writeFileSync(input, 'the cat\n\nthe mat\n');
  const whole = (await generate('-i', input)).stdout.split('\n');
  assert.equal(stdout, `${whole[0]}\n${whole[2]}\n`);
});

test('a prompt that is too long is read from its end, with a warning', async () => {
  const { code, stderr, stdout } = await generate('--prompt', 'the cat sat on the mat', '--max-prompt-length', '2');
  assert.equal(code, 0);
  assert.match(stderr, /warning: prompt 1: \d+ tokens; only the last 2 were read.*--max-prompt-length/);
  assert.match(stdout, /^the cat sat on the mat/);
});

test('wrong usage is refused before anything is computed, by the names of the command line', async () => {
  for (const [options, message] of [
    [['--prompt', 'a', '-i', 'b'], /^decade: --prompt: together with --input; expected one of them/],
    [['--top-p', '0'], /^decade: --top-p: 0; expected/],
    [['--stop', ''], /^decade: --stop: /],
    [['--temprature', '1'], /unknown option '--temprature'.*--temperature/],
    [['--beam', '4'], /unknown option '--beam'/],
  ] as const) {
    const { code, stdout, stderr } = await generate(...options);
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.match(stderr, message);
  }
  const translated = await decade(['translate', '-m', run], { input: 'the cat\n' });
  assert.equal(translated.code, 2);
  assert.match(translated.stderr, /a language model, which has no source.*decade generate/);
});

test('ends quietly when its reader has seen enough', async () => {
  const head = start(['generate', '-m', run, ...endless]);
  const outcome = ended(head);
  head.stdout?.once('data', () => head.stdout?.destroy());
  assert.equal((await outcome).code, 0);
});

test('writes text as it comes, whole characters only, until Ctrl-C', async () => {
  const child = start(['generate', '-m', run, '--prompt', '日本語', '--temperature', '3', ...endless]);
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => {
    if (chunks.push(chunk) === 20) child.kill('SIGINT');
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(code, 130);
  assert.ok(chunks.length >= 20);
  for (const chunk of chunks) new TextDecoder('utf-8', { fatal: true }).decode(chunk);
});
