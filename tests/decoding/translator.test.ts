import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DecadeError } from '../../src/core/errors.js';
import { FrozenDevice } from '../../src/decoding/frozen-device.js';
import { LocalDecodingExecutor } from '../../src/decoding/local-executor.js';
import type { DecodingOptionsInput } from '../../src/decoding/options.js';
import { score } from '../../src/decoding/score.js';
import { type TranslationProgress, type TranslationResult, Translator } from '../../src/decoding/translator.js';
import type { StepModel } from '../../src/models/model.js';
import { endId, unknownId } from '../../src/text/tokenizer.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';
import { openTestDevice } from '../tensor/devices.js';
import { randomLstm, randomSources, TableModel } from './models.js';

const device = await openTestDevice();
const words = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'];
/** Ids 4 to 10, in the order of the words: more frequent first. */
const tokenizer = await trainTokenizer([words.flatMap((word, index) => new Array<string>(9 - index).fill(word)).join(' ')], {
  kind: 'word',
  size: 11,
});

/** Copies the source, token by token. */
function copier({ attends = false } = {}): TableModel {
  return new TableModel(
    11,
    (source, target) => {
      const logits = new Array<number>(11).fill(0);
      logits[source[target.length] ?? endId] = 30;
      return logits;
    },
    { attends },
  );
}

const translator = (model: StepModel, options: DecodingOptionsInput = {}) =>
  new Translator(
    { sourceTokenizer: tokenizer, targetTokenizer: tokenizer },
    new LocalDecodingExecutor([new FrozenDevice(device, model.parameters)], model, []),
    options,
  );
const texts = (results: readonly TranslationResult[]) => results.map(({ text }) => text);
const isError = (kind: string, pattern: RegExp) => (error: unknown) =>
  error instanceof DecadeError && error.kind === kind && pattern.test(error.message);

async function all(results: AsyncIterable<TranslationResult>): Promise<TranslationResult[]> {
  const list: TranslationResult[] = [];
  for await (const result of results) list.push(result);
  return list;
}

/** Lines of 0 to 9 words. */
const lines = randomSources(50, 9, 4).map((ids, index) => (index % 11 === 3 ? '' : ids.map((id) => words[id % 7]).join(' ')));

describe('translate', () => {
  test('answers every line in its place, an empty one with an empty one', async () => {
    const results = await translator(copier()).translate(lines, { batch: { sentences: 7 } });
    assert.deepEqual(texts(results), lines);
    assert.deepEqual(
      results.map(({ line }) => line),
      lines.map((_, index) => index + 1),
    );
    const empty = results[3];
    assert.deepEqual([empty?.logProbability, empty?.score, empty?.nbest.length, empty?.ids.length], [0, 0, 1, 0]);
    assert.deepEqual(texts(await translator(copier()).translate(['', ' \t '])), ['', '']);
    assert.deepEqual(await translator(copier()).translate([]), []);
  });

  test('bounds its batches, and puts lines of like length together', async () => {
    const model = copier();
    const two = ['one', 'one two three four', 'one two', 'one two three four five', 'one', 'one two'];
    await translator(model, { beam: 1 }).translate(two, { batch: { sentences: 2 } });
    // 5 and 4 words, 2 and 2, 1 and 1; each sentence takes a step more than it has words.
    assert.deepEqual(model.stepRows, [2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2]);
    model.stepRows.length = 0;
    await translator(model, { beam: 1 }).translate(two, { batch: { tokens: 5 } });
    // 5 words, 4, then 2 and 2 and 1, 1.
    assert.deepEqual(model.stepRows, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 2, 1, 1]);
  });

  test('is independent of how lines are batched', async () => {
    const model = randomLstm(device, { attention: 'additive' }, { vocabulary: 11 });
    const options = { beam: 3, nbest: 3, maximumLength: 8 };
    const expected = await translator(model, options).translate(lines);
    for (const batch of [{ sentences: 1 }, { sentences: 8 }, { tokens: 12 }]) {
      const results = await translator(model, options).translate(lines, { batch });
      results.forEach(({ nbest }, index) => {
        assert.deepEqual(
          nbest.map(({ text }) => text),
          expected[index]?.nbest.map(({ text }) => text),
        );
      });
    }
  });

  test('reports the log-probability that scoring gives', async () => {
    const model = randomLstm(device, { attention: 'dot' }, { vocabulary: 11 });
    const results = (await translator(model, { maximumLength: 8 }).translate(lines)).filter(({ line }) => lines[line - 1] !== '');
    const pairs = results.map(({ line, ids }) => ({ source: tokenizer.encode(lines[line - 1] ?? ''), target: ids }));
    const scores = await score(LocalDecodingExecutor.of(device, [model]), pairs);
    results.forEach(({ logProbability }, index) => {
      const expected = scores[index]?.logProbability ?? Number.NaN;
      assert.ok(Math.abs(logProbability - expected) <= 1e-5 * Math.abs(expected));
    });
  });

  test('cuts a line that is too long, says so, and translates the others', async () => {
    const long = new Array(10_000).fill('one').join(' ');
    const results = await translator(copier(), { beam: 1 }).translate(['two', long, 'three'], { maximumSourceLength: 12 });
    assert.deepEqual(texts(results), ['two', new Array(12).fill('one').join(' '), 'three']);
    assert.match(results[1]?.warning?.message ?? '', /line 2: 10,000 tokens.*first 12 were used/);
    assert.deepEqual([results[0]?.warning, results[2]?.warning], [undefined, undefined]);
    const standard = await translator(copier(), { beam: 1, maximumLength: 3 }).translate([long]);
    assert.match(standard[0]?.warning?.message ?? '', /expected at most 1,000/);
  });

  test('begins with the prefix that a line asks for', async () => {
    const results = await translator(copier()).translate([
      { text: 'one two three', prefix: 'seven six' },
      'one two',
      { text: '', prefix: 'six' },
    ]);
    assert.deepEqual(texts(results), ['seven six three', 'one two', '']);
  });

  test('gives n-best translations, and attention only when asked', async () => {
    const [result] = await translator(copier({ attends: true })).translate(['one two'], { beam: 4, nbest: 3, attention: true });
    assert.equal(result?.nbest.length, 3);
    assert.deepEqual(result?.nbest[0]?.ids, result?.ids);
    assert.deepEqual(
      result?.attention?.map((weights) => [...weights]),
      [
        [1, 0],
        [0, 1],
        [1, 0],
      ],
    );
    const [without] = await translator(copier({ attends: true })).translate(['one two']);
    assert.equal(without?.attention, undefined);
  });

  test('replaces unknown words by attention or by a dictionary', async () => {
    const line = 'one Zürich two Genève';
    const by = async (unknownReplacement: 'none' | 'attention' | Map<string, string>, attends: boolean) =>
      (await translator(copier({ attends })).translate([line], { unknownReplacement }))[0]?.text;
    assert.equal(await by('none', true), 'one ⁇ two ⁇');
    assert.equal(await by('attention', true), line);
    const dictionary = new Map([['Genève', 'Geneva']]);
    assert.equal(await by(dictionary, true), 'one Zürich two Geneva');
    assert.equal(await by(dictionary, false), 'one Zürich two Geneva');
    await assert.rejects(by('attention', false), isError('usage', /model without attention/));
  });

  test('leaves ⁇ for an unknown word that stands for nothing', async () => {
    const inventive = new TableModel(11, (_, target) => {
      const logits = new Array<number>(11).fill(0);
      logits[target.length < 2 ? unknownId : endId] = 30;
      return logits;
    });
    const [result] = await translator(inventive).translate(['one Zürich'], { unknownReplacement: new Map() });
    assert.equal(result?.text, 'Zürich ⁇');
  });

  test('reports progress', async () => {
    const reports: TranslationProgress[] = [];
    const results = await translator(copier()).translate(lines, { batch: { sentences: 20 }, onProgress: (report) => reports.push(report) });
    // While a batch takes long, there are reports of its search, too.
    const batches = reports.filter(({ search }) => search === undefined);
    assert.deepEqual(
      batches.map((report) => report.lines),
      [25, 45, 50],
    );
    assert.ok(reports.every(({ totalLines }) => totalLines === 50));
    const tokens = results.reduce((sum, { ids }) => sum + (ids.length > 0 ? ids.length + 1 : 0), 0);
    assert.equal(reports.at(-1)?.targetTokens, tokens);
  });

  test('says how far a batch is that takes long', async () => {
    const reports: TranslationProgress[] = [];
    const slow = new TableModel(11, (_, target) => {
      for (const end = performance.now() + 20; performance.now() < end; );
      return new Array<number>(11).fill(0).with(target.length < 9 ? 5 : endId, 9);
    });
    await translator(slow, { beam: 1, maximumLength: 15 }).translate(['one', 'two'], { onProgress: (report) => reports.push(report) });
    const [first] = reports;
    assert.deepEqual({ ...first?.search, tokens: 0 }, { sentences: 2, hypotheses: 2, tokens: 0, maximumTokens: 15 });
    assert.ok(first?.search !== undefined && first.search.tokens > 0 && first.search.tokens < 10);
    assert.equal(first.lines, 0);
    assert.deepEqual([reports.at(-1)?.lines, reports.at(-1)?.search], [2, undefined]);
  });

  test('gives a thousand translations of a line, all different, best first', async () => {
    const model = randomLstm(device, {}, { vocabulary: 11 });
    const [result] = await translator(model).translate(['one two three four'], { beam: 1_000, nbest: 1_000 });
    const scores = result?.nbest.map(({ score }) => score) ?? [];
    assert.deepEqual(
      scores,
      scores.toSorted((a, b) => b - a),
    );
    assert.equal(new Set(result?.nbest.map(({ ids }) => ids.join(' '))).size, 1_000);
  });

  test('ends with the signal, before and during the work', async () => {
    const model = copier();
    await assert.rejects(translator(model).translate(lines, { signal: AbortSignal.abort() }), { name: 'AbortError' });
    assert.equal(model.stepRows.length, 0);
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('enough'));
    const work = translator(model).translate(lines, { batch: { sentences: 4 }, onProgress, signal: controller.signal });
    await assert.rejects(work, /enough/);
    assert.equal(model.openSessions, 0);
  });

  test('refuses invalid options, by name', async () => {
    const refused = async (options: object, pattern: RegExp) => {
      await assert.rejects(translator(copier()).translate(['one'], options), isError('usage', pattern));
      assert.throws(() => translator(copier(), options), isError('usage', pattern));
    };
    await refused({ beams: 3 }, /unknown option "beams".*did you mean beam\?/i);
    await refused({ beam: 0 }, /decoding options\.beam/);
    await refused({ beam: 2, nbest: 3 }, /nbest: 3; expected at most the beam size, 2/);
    await refused({ minimumLength: 5, maximumLength: 4 }, /minimumLength: 5; expected at most maximumLength, 4/);
    await refused({ lengthPenalty: { alpha: -1 } }, /lengthPenalty\.alpha/);
    await refused({ lengthPenalty: { beta: 1 } }, /lengthPenalty: unknown option "beta"/);
  });

  test('two calls at once do not disturb each other', async () => {
    const model = randomLstm(device, { attention: 'dot', inputFeeding: true }, { vocabulary: 11 });
    const both = translator(model, { maximumLength: 30, minimumLength: 30 });
    const expected = texts(await both.translate(lines));
    const [one, two] = await Promise.all([both.translate(lines), both.translate(lines.toReversed())]);
    assert.deepEqual(texts(one ?? []), expected);
    assert.deepEqual(texts(two ?? []).toReversed(), expected);
  });
});

describe('translateStream', () => {
  test('gives what translate gives, from any kind of stream', async () => {
    const model = randomLstm(device, {}, { vocabulary: 11 });
    const expected = await translator(model, { maximumLength: 6 }).translate(lines);
    async function* generated() {
      for (const [index, line] of lines.entries()) {
        if (index % 20 === 7) await sleep(5);
        yield line;
      }
    }
    for (const readAhead of [1, 8, 1_000]) {
      for (const stream of [generated(), lines]) {
        const results = await all(translator(model, { maximumLength: 6 }).translateStream(stream, { readAhead }));
        assert.deepEqual(texts(results), texts(expected));
        assert.deepEqual(
          results.map(({ line }) => line),
          expected.map(({ line }) => line),
        );
      }
    }
    assert.deepEqual(await all(translator(model).translateStream([])), []);
  });

  test('answers each line as it comes while the stream stays open', async () => {
    let give: (line: string) => void = () => {};
    const next = () =>
      new Promise<string>((resolve) => {
        give = resolve;
      });
    async function* typed(first: Promise<string>) {
      let line = first;
      for (;;) {
        const text = await line;
        if (text === 'end') return;
        line = next();
        yield text;
      }
    }
    const answers = translator(copier()).translateStream(typed(next()));
    for (const line of ['one two', '', 'seven']) {
      const answer = answers.next();
      give(line);
      const { value } = await answer;
      assert.equal(value?.text, line);
    }
    const last = answers.next();
    give('end');
    assert.equal((await last).done, true);
  });

  test('batches lines that are ready, within the read-ahead', async () => {
    const model = copier();
    async function* ready() {
      for (let line = 0; line < 40; line++) yield 'one two';
    }
    await all(translator(model, { beam: 1, readAhead: 16 }).translateStream(ready()));
    assert.equal(Math.max(...model.stepRows), 16);
    assert.equal(
      model.stepRows.reduce((sum, rows) => sum + rows, 0),
      120,
    );
  });

  test('reads no further than the read-ahead', async () => {
    let read = 0;
    async function* endless() {
      for (;;) {
        read++;
        yield 'one';
      }
    }
    const results = translator(copier(), { readAhead: 5 }).translateStream(endless());
    for (let line = 0; line < 3; line++) await results.next();
    assert.ok(read <= 10, `${read} lines read`);
    await results.return(undefined);
  });

  test('reads fewer lines ahead when each has very many translations', async () => {
    let read = 0;
    async function* endless() {
      for (;;) {
        read++;
        yield '';
      }
    }
    const results = translator(copier(), { beam: 1_000, nbest: 1_000 }).translateStream(endless());
    await results.next();
    assert.ok(read <= 130, `${read} lines read`);
    await results.return(undefined);
  });

  test('gives the lines before an error of the stream, then the error', async () => {
    async function* failing() {
      yield 'one';
      yield 'two';
      throw new Error('the disk is gone');
    }
    const results = translator(copier()).translateStream(failing());
    assert.equal((await results.next()).value?.text, 'one');
    assert.equal((await results.next()).value?.text, 'two');
    await assert.rejects(results.next(), /the disk is gone/);
  });

  test('closes the stream when its reader stops, and ends with the signal while it waits', async () => {
    let closed = 0;
    async function* open() {
      try {
        yield 'one';
        await sleep(20);
        yield 'two';
      } finally {
        closed++;
      }
    }
    for await (const { text } of translator(copier()).translateStream(open())) {
      assert.equal(text, 'one');
      break;
    }
    await sleep(40);
    assert.equal(closed, 1);
    const controller = new AbortController();
    async function* silent(): AsyncGenerator<string> {
      await new Promise(() => {});
    }
    const waiting = translator(copier()).translateStream(silent(), { signal: controller.signal }).next();
    setTimeout(() => controller.abort(new Error('interrupted')), 5);
    await assert.rejects(waiting, /interrupted/);
  });
});
