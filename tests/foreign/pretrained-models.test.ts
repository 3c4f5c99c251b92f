import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { search } from '../../src/decoding/search.js';
import { openCTranslate2 } from '../../src/foreign/ctranslate2.js';
import type { StepModel } from '../../src/models/model.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import type { Device } from '../../src/tensor/device.js';
import { openGolden, openModel } from './opened.js';

const folder = '../shared/data/models';
const skip = existsSync(folder) ? false : `${folder} is not here`;
const expectedOf = (name: string) => JSON.parse(readFileSync(`${folder}/${name}/expected.json`, 'utf8'));

/** Logits and log-probabilities of what follows each of these ids, the first of them read first. */
function predictions(model: StepModel, device: Device, source: readonly number[], ids: readonly number[]) {
  const session = model.decode(device, [source]);
  const rows = ids.map((id) => {
    const { logits: found, bias } = session.step(Int32Array.of(id));
    const logits = Array.from(found.f32, (value, column) => value + (bias?.f32[column] ?? 0));
    const greatest = Math.max(...logits);
    const total = greatest + Math.log(logits.reduce((sum, value) => sum + Math.exp(value - greatest), 0));
    return { logits, logProbabilities: logits.map((value) => value - total) };
  });
  session.dispose();
  return rows;
}

for (const variant of ['f32', 'i8', 'i16'] as const) {
  test(`CTranslate2's transliteration in ${variant}: scores, greedy and beam search`, { skip }, async () => {
    const name = variant === 'f32' ? 'aren-transliteration' : `aren-transliteration-${variant}`;
    const opened = await openCTranslate2(nodeRuntime.files, `${folder}/${name}`);
    const { model, device } = await openModel(opened);
    const tokensOf = (ids: ArrayLike<number>) => Array.from(ids, (id) => opened.tokens.target[id]);
    for (const expected of expectedOf('aren-transliteration').computed.variants[variant]) {
      const source = expected.inputIds;
      if (expected.firstLogits !== undefined) {
        const [first] = predictions(model, device, source, [1]);
        for (const [row, value] of expected.firstLogits.entries()) near(first?.logits[row] ?? NaN, value, `logit ${row}`);
      }
      const greedy = await search(model, device, [{ source }], { ...options, ...atLeastOne, beam: 1, nbest: 1 });
      assert.deepEqual(tokensOf(greedy[0]?.[0]?.ids ?? []), expected.greedy);
      for (const [place, score] of expected.tokenScores.entries())
        near(greedy[0]?.[0]?.tokenLogProbabilities[place] ?? NaN, score, `score ${place}`);
      const beam = await search(model, device, [{ source }], { ...options, ...atLeastOne, beam: 4, nbest: 4 });
      assert.deepEqual(
        beam[0]?.map(({ ids }) => [...tokensOf(ids), '</s>']),
        expected.beam4.map(({ tokens }: { tokens: string[] }) => tokens),
      );
      // CTranslate2 forbids an end before it normalises, so that the first token has the probability of the end as well.
      const [first] = predictions(model, device, source, [1]);
      const gained = -Math.log(1 - Math.exp(first?.logProbabilities[2] ?? NaN));
      for (const [place, { score, tokens }] of expected.beam4.entries())
        near((beam[0]?.[place]?.score ?? NaN) + gained / tokens.length, score, `score of ${place}`);
    }
    model.parameters.dispose();
  });
}

/** CTranslate2's default. */
const atLeastOne = { minimumLength: 1 };

const options = {
  beamWidth: 'constant',
  stopping: 'first',
  lengthPenalty: { kind: 'power', alpha: 1 },
  maximumLength: 256,
  minimumLength: 0,
  forbidRepeats: 0,
  forbidUnknown: false,
  attention: false,
} as const;

describe("CTranslate2's English words in 8 bits", { skip }, () => {
  test('scores, states and greedy continuations', async () => {
    const opened = await openCTranslate2(nodeRuntime.files, `${folder}/english-word-lm`);
    const { model, device } = await openModel(opened);
    assert.equal(model.beginsPrompts, false);
    for (const expected of expectedOf('english-word-lm').texts) {
      const { ids } = expected;
      const rows = predictions(model, device, [], ids);
      for (const [place, score] of expected.tokenScores.entries()) {
        near(rows[place]?.logProbabilities[ids[place + 1] as number] ?? NaN, score, `score ${place}`);
      }
      for (const [row, value] of expected.lastLogits.entries()) near(rows.at(-1)?.logits[row] ?? NaN, value, `logit ${row}`);
      // An unknown word can be read, and the model predicts it.
      const [[found] = []] = await search(model, device, [{ source: [], prefix: ids }], {
        ...options,
        beam: 1,
        nbest: 1,
        maximumLength: ids.length + expected.greedy.length,
      });
      const continued = Array.from(found?.ids.slice(ids.length) ?? [], (id) => opened.tokens.target[id]);
      const until = expected.greedy.indexOf('</s>');
      assert.deepEqual(continued, until < 0 ? expected.greedy : expected.greedy.slice(0, until));
    }
    model.parameters.dispose();
  });
});

describe('stories260K of Hugging Face', { skip }, () => {
  test('the story, continuations, scores and logits', async () => {
    const { model, device } = await openGolden(`${folder}/stories260K/huggingface`);
    const expected = expectedOf('stories260K');
    for (const { promptIds, ids, tokenScores } of [expected.story, ...expected.continuations]) {
      const prefix = promptIds.slice(1);
      const [[found] = []] = await search(model, device, [{ source: [], prefix }], {
        ...options,
        beam: 1,
        nbest: 1,
        maximumLength: ids.length - 1,
      });
      assert.deepEqual([promptIds[0], ...(found?.ids ?? [])], ids);
      for (const [place, score] of tokenScores.entries())
        near(found?.tokenLogProbabilities[prefix.length + place] ?? NaN, score, `score ${place}`);
    }
    const rows = predictions(model, device, [], expected.logits.ids);
    for (const [place, logits] of expected.logits.rows.entries()) {
      for (const [row, value] of logits.entries()) near(rows[place]?.logits[row] ?? NaN, value, `logit ${row}`);
    }
    model.parameters.dispose();
  });
});

function near(actual: number, expected: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= 1e-4, `${what}: ${actual} instead of ${expected}`);
}
