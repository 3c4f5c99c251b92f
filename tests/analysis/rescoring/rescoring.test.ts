import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RescoringJudgement } from '../../../src/analysis/rescoring/judgement.js';
import { OracleSearch } from '../../../src/analysis/rescoring/oracle-search.js';
import { type RescoreOptions, rescore } from '../../../src/analysis/rescoring/rescore.js';
import type { ScorePairs } from '../../../src/analysis/rescoring/rescoring.js';
import { DecadeError } from '../../../src/core/errors.js';
import { bleu } from '../../../src/metrics/bleu.js';
import { evaluate, sumStatistics } from '../../../src/metrics/evaluate.js';
import { bleuAt, randomSentences } from './sentences.js';

describe('the oracle', () => {
  test('is the best of all choices, where all can be tried', () => {
    const sentences = randomSentences(4, 5, 9);
    let best = 0;
    const choose = (chosen: readonly number[]): void => {
      if (chosen.length < sentences.length) {
        for (let next = 0; next < 5; next++) choose([...chosen, next]);
        return;
      }
      const texts = sentences.map(({ hypotheses }, index) => hypotheses[chosen[index] as number]?.text ?? '');
      best = Math.max(best, evaluate(bleu(), texts, [sentences.map(({ references }) => references[0] ?? '')]).score);
    };
    choose([]);
    const search = new OracleSearch();
    for (const { hypotheses, references } of sentences) {
      search.add(
        hypotheses.map(({ text }) => text),
        references,
      );
    }
    assert.ok(Math.abs(bleu().score(sumStatistics(search.best() ?? [])).score - best) < 1e-9);
  });

  test('is never below any other choice of a larger list, and all have intervals around their scores', async () => {
    const sentences = randomSentences(60, 20, 3);
    const judgement = new RescoringJudgement(0.3);
    for (const sentence of sentences) judgement.add(sentence);
    const scores = await judgement.scores({ resamples: 200 });
    assert.ok(scores !== undefined);
    for (const [weight, score] of [
      [0, scores.list],
      [1, scores.model],
      [0.5, scores.even],
      [0.3, scores.rescored],
    ] as const) {
      assert.ok(Math.abs(score.score - bleuAt(sentences, weight)) < 1e-9);
      assert.ok(score.low < score.score && score.score < score.high && scores.oracle.score >= score.score);
      const difference: number | undefined = weight === 0 ? undefined : score.score - scores.list.score;
      assert.equal(score.difference?.score, difference);
    }
    const { low = 0, probability } = scores.oracle.difference ?? {};
    assert.ok(low > 0 && probability !== undefined && probability < 0.05, 'the oracle is better beyond chance');
    assert.ok(scores.oracle.score < 100);
  });
});

describe('rescoring', () => {
  const sources = ['one', '', 'three', 'four'];
  /** Prefers short translations, and has no opinion of an empty source. */
  const score: ScorePairs = async (pairs) =>
    pairs.map(({ source, target }, index) => {
      const logProbability = source === '' ? Number.NEGATIVE_INFINITY : -target.length;
      return { line: index + 1, logProbability, tokenLogProbabilities: new Float32Array(2), warning: undefined };
    });
  const lines = [
    '0 ||| long ||| m= -8 ||| -1',
    '0 ||| s ||| m= -9 ||| -2',
    '1 ||| x ||| m= -2 ||| -3',
    '1 ||| y ||| m= -1 ||| -4',
    '3 ||| z ||| m= -1 ||| -1',
  ];
  const list = { name: 'list', sources, lines };
  const choices = async (weight: number) => (await rescore(list, score, { weight })).sentences.map(({ text }) => text);

  test('gives every line of the source its place, also those that the list has nothing for', async () => {
    assert.deepEqual(await choices(0), ['long', 'x', '', 'z']);
    assert.deepEqual(await choices(0.5), ['s', 'x', '', 'z'], "the list's own scores where the model has no opinion");
  });

  test('refuses a model whose log-probabilities are no numbers, naming the sentence', async () => {
    const broken: ScorePairs = async (pairs) =>
      (await score(pairs, {})).map((scored, index) => (index < 4 ? scored : { ...scored, logProbability: Number.NaN }));
    await assert.rejects(rescore(list, broken), { kind: 'numeric', message: /^list: sentence 3: a log-probability that is not a number/ });
  });

  test('tells once how many hypotheses the model has scored cut short', async () => {
    const parts = { where: 'target, line 1', received: '9 tokens; only the first 4 were used', allowed: 'at most 4' };
    const short: ScorePairs = async (pairs) =>
      (await score(pairs, {})).map((scored, index) => ({
        ...scored,
        warning: (pairs[index]?.target.length ?? 0) < 2 ? new DecadeError('input', parts) : undefined,
      }));
    const told: string[] = [];
    const onCut = ({ message }: DecadeError) => told.push(message);
    await rescore(list, short, { hypothesesAtOnce: 2, onCut });
    assert.equal(told.length, 1);
    assert.match(
      told[0] ?? '',
      /^list: 4 texts scored cut short, .* \(the first: 9 tokens; only the first 4 were used\); expected at most 4/,
    );
    await rescore(list, score, { onCut });
    assert.equal(told.length, 1);
  });

  test('ranks by both scores', async () => {
    const { sentences, weight, tuned, scores } = await rescore(list, score);
    assert.deepEqual(
      sentences[0]?.hypotheses.map(({ text, own, model, combined }) => [text, own, model, combined]),
      [
        ['s', -2, -1, -1.5],
        ['long', -1, -4, -2.5],
      ],
    );
    assert.deepEqual([weight, tuned, scores], [0.5, undefined, undefined]);
  });

  test('is the same in pieces of any size, and of hypotheses that come as such', async () => {
    const whole = await rescore(list, score);
    for (const hypothesesAtOnce of [1, 2, 3]) assert.deepEqual(await rescore(list, score, { hypothesesAtOnce }), whole);
    const hypotheses = whole.sentences.map(({ hypotheses }) =>
      hypotheses.map(({ text, features, score }) => ({ text, features, score })).toSorted((a, b) => b.score - a.score),
    );
    assert.deepEqual(await rescore({ sources, hypotheses }, score), whole);
  });

  test('hands sentences over one by one, and waits', async () => {
    const taken: string[] = [];
    const onSentence = async ({ text }: { text: string }) => {
      taken.push(`begin ${text}`);
      await new Promise((resolve) => setImmediate(resolve));
      taken.push(`end ${text}`);
    };
    const { sentences } = await rescore(list, score, { onSentence });
    assert.deepEqual([sentences, taken.slice(0, 4)], [[], ['begin s', 'end s', 'begin x', 'end x']]);
  });

  test('tunes the weight on another list, and judges the choice', async () => {
    const another = {
      sources: ['one', 'two'],
      lines: ['0 ||| a b c d e f ||| ||| -1', '0 ||| a b c d e ||| ||| -2', '1 ||| f g h i ||| ||| -1'],
      references: [['a b c d e', 'f g h i']],
    };
    const fractions: number[] = [];
    const { weight, tuned, scores } = await rescore(another, score, {
      weight: { tunedOn: another },
      onProgress: ({ label, fraction }) => void (label === 'tuning' && fractions.push(fraction ?? Number.NaN)),
    });
    // -1 - 10 w and -2 - 7 w meet at 1/3.
    assert.deepEqual([tuned?.best.score.toFixed(6), tuned?.high], ['100.000000', 1]);
    assert.ok((tuned?.low ?? 1) <= 1 / 3 && weight >= 0.5, 'two sentences cannot tell 0 from the best');
    assert.deepEqual([scores?.rescored.score.toFixed(6), scores?.oracle.score.toFixed(6)], ['100.000000', '100.000000']);
    assert.ok((scores?.list.score ?? 100) < 100);
    assert.deepEqual(fractions, [0.5, 1]);
  });

  test("takes a feature for the list's own figure, and divides the model's by the length", async () => {
    const { sentences } = await rescore(list, score, { own: 'm', lengthPenalty: 1, weight: 0 });
    assert.deepEqual(
      sentences[0]?.hypotheses.map(({ own, model }) => [own, model]),
      [
        [-8, -2],
        [-9, -0.5],
      ],
    );
    assert.equal(sentences[1]?.text, 'y');
    await assert.rejects(rescore(list, score, { own: 'n' }), /list: sentence 0, n: features "m= -8"/);
  });

  test('what the list finds impossible stands last, unless the model alone is asked', async () => {
    const impossible = { ...list, lines: ['0 ||| s ||| m= -Infinity ||| -Infinity', '0 ||| long ||| m= -1 ||| -1'] };
    const first = async (options: RescoreOptions) => (await rescore(impossible, score, options)).sentences[0]?.text;
    assert.deepEqual([await first({ weight: 0.5 }), await first({ weight: 1 }), await first({ own: 'm' })], ['long', 's', 'long']);
  });

  describe('averages like with like', () => {
    /** One token more than characters, each of log-probability -1. */
    const perCharacter: ScorePairs = async (pairs) =>
      pairs.map(({ target }, index) => {
        const tokenLogProbabilities = new Float32Array(target.length + 1).fill(-1);
        return { line: index + 1, logProbability: -target.length - 1, tokenLogProbabilities, warning: undefined };
      });
    const modelScores = async (features: string, options: RescoreOptions = {}, text = 'abcde') => {
      const told: string[] = [];
      const line = `0 ||| ${text} ||| ${features} ||| -1`;
      const onAssumption = (assumed: string) => told.push(assumed);
      const { sentences } = await rescore({ sources: ['x'], lines: [line, line] }, perCharacter, { onAssumption, ...options });
      return [sentences[0]?.hypotheses[0]?.model, told.length];
    };

    test("divides the model's as the list says of its own", async () => {
      assert.deepEqual(await modelScores('logProbability= -6 tokens= 6 lengthPenalty= 1'), [-1, 0]);
      assert.deepEqual(await modelScores('logProbability= -6 tokens= 6 lengthPenalty= 0'), [-6, 0]);
      assert.deepEqual(await modelScores('gnmtLengthPenalty= 1'), [-6 / (11 / 6), 0]);
      assert.deepEqual(await modelScores('logProbability= -6 lengthPenalty= 1', { own: 'logProbability' }), [-6, 0]);
    });

    test('says, once, what it assumes of a list that does not say', async () => {
      assert.deepEqual(await modelScores('LM0= -3'), [-6, 1]);
      assert.deepEqual(await modelScores('LM0= -3', { lengthPenalty: 1 }), [-1, 0]);
    });

    test('refuses to average unlike; the model alone may be asked for in any way', async () => {
      const noted = 'lengthPenalty= 1';
      await assert.rejects(modelScores(noted, { lengthPenalty: 0 }), /score of the list, which carries 1.*logProbability/s);
      assert.deepEqual(await modelScores(noted, { lengthPenalty: 1 }), [-1, 0]);
      assert.deepEqual(await modelScores(noted, { lengthPenalty: 0, weight: 1 }), [-6, 0]);
    });

    test("takes translations of decade's as they are", async () => {
      const translation = {
        ids: Int32Array.of(5),
        tokenLogProbabilities: Float32Array.of(-2, -2),
        logProbability: -4,
        score: -2,
        attention: undefined,
        text: 'abcde',
        lengthPenalty: { kind: 'power', alpha: 1 } as const,
      };
      const { sentences } = await rescore({ sources: ['x'], hypotheses: [[translation]] }, perCharacter);
      assert.deepEqual([sentences[0]?.hypotheses[0]?.own, sentences[0]?.hypotheses[0]?.model], [-2, -1]);
    });

    test('an empty pair is certain, by any length penalty', async () => {
      const empty: ScorePairs = async (pairs) =>
        pairs.map(() => ({ line: 1, logProbability: 0, tokenLogProbabilities: new Float32Array(0), warning: undefined }));
      const { sentences } = await rescore({ sources: [''], hypotheses: [[{ text: '', score: 0 }]] }, empty, { lengthPenalty: 1 });
      assert.equal(sentences[0]?.hypotheses[0]?.model, 0);
    });
  });

  test('refuses what it cannot use; bad lines unless somebody takes them', async () => {
    await assert.rejects(rescore({ ...list, lines: [...lines, '7 ||| z ||| ||| -1'] }, score), /sentence 7; expected sentences below 4/);
    await assert.rejects(rescore({ ...list, references: [['a']] }, score), /4 and 1 lines/);
    await assert.rejects(rescore(list, score, { weight: { tunedOn: list } }), /0 sets of references/);
    await assert.rejects(rescore(list, score, { weight: 2 }), /rescoring options\.weight/);
    await assert.rejects(rescore({ sources: ['a'], hypotheses: [[{ text: 'a', score: Number.NaN }]] }, score), /a score of NaN/);
    const broken = { ...list, lines: ['nothing', ...lines] };
    await assert.rejects(rescore(broken, score), /list: line 1: 1 field/);
    const told: string[] = [];
    const { sentences } = await rescore(broken, score, { onBadLine: ({ parts }) => told.push(parts.where) });
    assert.deepEqual([told, sentences.length], [['list: line 1'], 4]);
  });
});
