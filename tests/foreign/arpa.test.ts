import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { exportArpa } from '../../src/foreign/arpa/export.js';
import { exportModel } from '../../src/foreign/export.js';
import { importModel } from '../../src/foreign/import.js';
import { load } from '../../src/load.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { configurationOf } from '../../src/training/configuration.js';
import { documentsOfRun } from '../../src/training/run-description.js';
import { train } from '../../src/training/train.js';
import { localContext } from '../training/tiny-run.js';

/** A pruned trigram model, as SRILM writes one: `b c` was left out, though `a b c` is there. */
const written = `\\data\\
ngram 1=6
ngram 2=3
ngram 3=1

\\1-grams:
-99	<s>	-0.4
-0.8	</s>
-1.5	<unk>
-0.5	a	-0.3
-0.6	b	-0.2
-0.7	c	-0.1

\\2-grams:
-0.25	<s> a	-0.15
-0.35	a b	-0.05
-0.45	c </s>

\\3-grams:
-0.125	a b c

\\end\\
`;

const runtime = (files: ReturnType<typeof memoryFiles>) => ({ ...nodeRuntime, files, sharedMemory: false });

async function logProbabilities(files: ReturnType<typeof memoryFiles>, run: string, texts: readonly string[]): Promise<number[][]> {
  const model = await load(runtime(files), run, { gemm: 'webassembly' });
  const { documents } = await model.scoreText(texts, { perToken: true });
  await model.dispose();
  return documents.map(({ perToken }) => (perToken?.logProbabilities ?? []).map((value) => value / Math.LN10));
}

function assertNear(found: readonly number[] | undefined, expected: readonly number[]): void {
  assert.equal(found?.length, expected.length);
  for (const [index, value] of expected.entries()) assert.ok(Math.abs((found?.[index] ?? 0) - value) < 1e-5, `${found}, not ${expected}`);
}

describe('an ARPA file', () => {
  test('is read as it was meant: what is there, and back-offs elsewhere', async () => {
    const files = memoryFiles({ 'm.arpa': written });
    const { vocabularies, description } = await importModel(files, 'm.arpa', { out: 'run' });
    assert.equal(vocabularies.target, 7, '<pad> is decade’s own');
    assert.equal(description, '3-gram language model, 11 n-grams', 'without <pad>, with b c');
    assert.equal(await documentsOfRun(files, 'run'), 'line');
    const found = await logProbabilities(files, 'run', ['a b c', 'c b', 'a b d']);
    // <s> a | a b after <s> a: its back-off | a b c | b c </s>: no back-off is written for b c
    assertNear(found[0], [-0.25, -0.15 - 0.35, -0.125, -0.45]);
    // <s>'s back-off | c's back-off | b's back-off
    assertNear(found[1], [-0.4 - 0.7, -0.1 - 0.6, -0.2 - 0.8]);
    // a b's and b's back-offs before <unk>, which no context extends
    assertNear(found[2], [-0.25, -0.5, -0.05 - 0.2 - 1.5, -0.8]);
  });

  test('comes back as it was written, with what pruning had left out', async () => {
    const files = memoryFiles({ 'm.arpa': written });
    await importModel(files, 'm.arpa', { out: 'run' });
    assert.deepEqual(await exportModel(files, 'run', { out: 'again.arpa', to: 'arpa' }), { architecture: 'ARPA', files: ['again.arpa'] });
    assert.deepEqual(await exportArpa(files, 'run', async () => {}), { ngrams: [6, 4, 1] });
    const again = (await files.readText('again.arpa')).split('\n');
    assert.ok(again.includes('ngram 1=6') && again.includes('ngram 2=4'));
    for (const line of ['-99\t<s>\t-0.4', '-0.8\t</s>\t0', '-0.35\ta b\t-0.05', '-0.9\tb c\t0', '-0.125\ta b c']) {
      assert.ok(again.includes(line), `${line} in ${again.join('\n')}`);
    }
    await importModel(files, 'again.arpa', { out: 'run-again' });
    const texts = ['a b c', 'c c a d', ''];
    assert.deepEqual(await logProbabilities(files, 'run-again', texts), await logProbabilities(files, 'run', texts));
  });

  test('of a counted model scores as that does, whatever its tokens are', async () => {
    const text = 'the dog runs on a beach\na cat sleeps\nthe dog sleeps on the cat\n'.repeat(3);
    for (const [tokenizer, spelt] of [
      [{ kind: 'word', split: 'spaces' }, (line: string) => line],
      [{ kind: 'character' }, (line: string) => Array.from(line.replaceAll(' ', '▁')).join(' ')],
    ] as const) {
      const files = memoryFiles({ 'train.txt': text });
      const data = { train: { text: ['train.txt'], documents: 'line' as const } };
      await train(localContext(files), configurationOf({ version: 1, data, tokenizer, model: { kind: 'ngram', order: 3 } }), {
        out: 'run',
      });
      await exportModel(files, 'run', { out: 'm.arpa', to: 'arpa' });
      await importModel(files, 'm.arpa', { out: 'again' });
      const lines = ['the cat runs', 'a dog sleeps on'];
      const [own] = [await logProbabilities(files, 'run', lines)];
      const others = await logProbabilities(files, 'again', lines.map(spelt));
      for (const [index, values] of own.entries()) assertNear(others[index], values);
    }
  });

  test('may hold more n-grams of an order than a first buffer does', async () => {
    const words = Array.from({ length: 1100 }, (_, index) => `w${index}`);
    const section = (order: number, lines: readonly string[]) => `\n\\${order}-grams:\n${lines.join('\n')}\n`;
    const unigrams = ['-99\t<s>\t0', '-1\t</s>', ...words.map((word) => `-4\t${word}\t0`)];
    const bigrams = words.map((word, index) => `${-(index + 1) / 1000}\t${word} </s>`);
    const header = `\\data\\\nngram 1=${unigrams.length}\nngram 2=${bigrams.length}\n`;
    const files = memoryFiles({ 'm.arpa': `${header}${section(1, unigrams)}${section(2, bigrams)}\n\\end\\\n` });
    await importModel(files, 'm.arpa', { out: 'run' });
    const found = await logProbabilities(files, 'run', ['w0', 'w600', 'w1099']);
    for (const [index, value] of [-0.001, -0.601, -1.1].entries()) assertNear(found[index], [-4, value]);
  });

  test('that is damaged is refused with the line', async () => {
    const refused = async (from: string, to: string, message: RegExp) => {
      const files = memoryFiles({ 'm.arpa': written.replace(from, to) });
      const isInput = (error: unknown) => error instanceof DecadeError && error.kind === 'input' && message.test(error.message);
      await assert.rejects(importModel(files, 'm.arpa', { out: 'run' }), isInput);
      assert.equal(await files.kind('run'), 'missing');
    };
    await refused('-0.35\ta b', '-0.35\ta d', /^m\.arpa: line 16: "d"; expected a word that is a unigram, too/);
    await refused('-0.125\ta b c', '-0.125\ta b', /^m\.arpa: line 20: .*expected log10 of a probability, 3 words/);
    await refused('-0.35\ta b', '0.35\ta b', /^m\.arpa: line 16: .*expected log10 of a probability, at most 0/);
    await refused('-0.35\ta b\t-0.05', '-0.35\ta b\tInfinity', /^m\.arpa: line 16: .*and a back-off that is finite/);
    await refused('ngram 2=3', 'ngram 2=4', /^m\.arpa: line 19: 3 2-grams; expected 4, as the header says/);
    await refused('-0.45\tc </s>', '-0.45\ta b', /^m\.arpa: one of its 2-grams twice/);
    await refused('-0.8\t</s>', '-0.8\td', /^m\.arpa: no unigram <\/s>; expected .* and <\/s>, which ends a text/);
    await refused(written, '\\data\\\nngram 1=0\n\\1-grams:\n\\end\\', /^m\.arpa: no unigrams; expected a unigram for each word/);
    await refused(written, '\\data\\\n\\1-grams:\n', /^m\.arpa: line 2: \\1-grams:; expected ngram 1=COUNT/);
    await refused('\\end\\', '', /ends before \\end\\/);
    await refused('\\data\\', 'data', /not an ARPA file/);
  });

  test('holds n-grams only', async () => {
    const files = memoryFiles({ 'train.txt': 'a b c\n' });
    const data = { train: { text: ['train.txt'] } };
    const configuration = configurationOf({
      version: 1,
      data,
      tokenizer: { kind: 'bytes' },
      model: { kind: 'lstm', layers: 1, hidden: 4 },
      training: { stop: { steps: 1 } },
    });
    await train(localContext(files), configuration, { out: 'run' });
    await assert.rejects(exportModel(files, 'run', { out: 'm.arpa', to: 'arpa' }), /model\.kind lstm; expected ngram/);
    assert.equal(await files.kind('m.arpa'), 'missing');
  });
});
