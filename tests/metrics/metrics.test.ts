import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bleu } from '../../src/metrics/bleu.js';
import { chrf } from '../../src/metrics/chrf.js';
import { corpusStatistics, evaluate, metricNamed, metrics, sumStatistics } from '../../src/metrics/evaluate.js';
import type { Metric } from '../../src/metrics/metric.js';
import { ter } from '../../src/metrics/ter.js';
import { translationEdits } from '../../src/metrics/translation-edits.js';

const create: Record<string, (options: object) => Metric> = { bleu, chrf, ter };

function near(actual: number | undefined, expected: number, what: string): void {
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) <= 1e-6, `${what}: ${actual} is not ${expected}`);
}

function sentenceScore(metric: Metric, hypothesis: string, references: string[]): number {
  return metric.score(metric.statistics(hypothesis, references)).score;
}

interface Goldens {
  hypotheses: string[];
  references: string[][];
  cases: { metric: string; options: object; references: number; score: number; signature: string; sentences: number[] }[];
}
// Tests run in the repository's root; the compiled ones stand elsewhere, without the goldens.
const read = (name: string): Goldens => JSON.parse(readFileSync(`tests/metrics/${name}.json`, 'utf8'));
const goldens = read('goldens');

for (const [name, { hypotheses, references: all, cases }] of Object.entries({ goldens, Chinese: read('goldens-chinese') })) {
  for (const golden of cases) {
    test(`${name}: ${golden.metric} ${JSON.stringify(golden.options)} with ${golden.references} references equals sacreBLEU`, () => {
      const metric = create[golden.metric]?.(golden.options);
      assert.ok(metric);
      const references = all.slice(0, golden.references);
      const result = evaluate(metric, hypotheses, references);
      near(result.score, golden.score, 'corpus');
      assert.equal(result.signature, golden.signature);
      for (const [sentence, hypothesis] of hypotheses.entries()) {
        const own = references.map((set) => set[sentence] ?? '');
        near(sentenceScore(metric, hypothesis, own), golden.sentences[sentence] ?? Number.NaN, `sentence ${sentence + 1}`);
      }
    });
  }
}

const shared = '../shared/goldens/sacrebleu.json';
test('the larger goldens agree', { skip: existsSync(shared) ? false : `${shared} is not here` }, () => {
  const variants: Record<string, Metric> = {
    bleu: bleu(),
    'bleu-lc': bleu({ lowercase: true }),
    'bleu-intl': bleu({ tokenize: 'intl' }),
    'bleu-char': bleu({ tokenize: 'char' }),
    'bleu-none': bleu({ tokenize: 'none' }),
    'bleu-floor': bleu({ smooth: 'floor' }),
    'bleu-none-smooth': bleu({ smooth: 'none' }),
    chrf: metrics.chrf(),
    'chrf++': metrics['chrf++'](),
    ter: metrics.ter(),
  };
  interface Expected {
    score: number;
    signature: string;
    precisions?: number[];
    bp?: number;
    sysLen?: number;
    refLen?: number;
  }
  interface SharedCase {
    name: string;
    hypotheses: string[];
    references: string[][];
    scores: Record<string, Expected>;
    sentenceBleu: number[];
    sentenceChrf: number[];
  }
  const { cases }: { cases: SharedCase[] } = JSON.parse(readFileSync(shared, 'utf8'));
  assert.ok(cases.length > 0);
  for (const { name, hypotheses, references, scores, sentenceBleu, sentenceChrf } of cases) {
    for (const [variant, expected] of Object.entries(scores)) {
      const metric = variants[variant];
      assert.ok(metric, variant);
      const { score, signature, details } = evaluate(metric, hypotheses, references);
      near(score, expected.score, `${name} ${variant}`);
      assert.equal(signature, expected.signature);
      if (expected.precisions === undefined) continue;
      assert.ok(Array.isArray(details.precisions));
      for (const [index, precision] of expected.precisions.entries()) near(details.precisions[index], precision, `${name} precision`);
      near(Number(details.brevityPenalty), expected.bp ?? Number.NaN, `${name} brevity penalty`);
      assert.equal(details.hypothesisLength, expected.sysLen);
      assert.equal(details.referenceLength, expected.refLen);
    }
    for (const [sentence, hypothesis] of hypotheses.entries()) {
      const own = references.map((set) => set[sentence] ?? '');
      near(sentenceScore(bleu({ effectiveOrder: true }), hypothesis, own), sentenceBleu[sentence] ?? Number.NaN, `${name} sentence BLEU`);
      near(sentenceScore(chrf(), hypothesis, own), sentenceChrf[sentence] ?? Number.NaN, `${name} sentence chrF`);
    }
  }
});

test('a corpus scores as the sum of its sentences, in any order', () => {
  for (const name of Object.keys(metrics)) {
    const metric = metricNamed(name);
    const { sentences } = corpusStatistics(metric, goldens.hypotheses, goldens.references);
    const backwards = metric.score(sumStatistics([...sentences].reverse())).score;
    near(backwards, evaluate(metric, goldens.hypotheses, goldens.references).score, name);
  }
});

test('a perfect translation has the best score of every metric', () => {
  const [references = []] = goldens.references;
  for (const name of Object.keys(metrics)) {
    const metric = metricNamed(name);
    near(evaluate(metric, references, [references]).score, metric.higherIsBetter ? 100 : 0, name);
  }
});

test('exact match counts hypotheses that equal a reference', () => {
  const { score, signature, details } = evaluate(
    metrics.exact(),
    ['a ', 'b', 'C'],
    [
      ['a', 'x', 'c'],
      ['y', 'b', undefined],
    ],
  );
  near(score, 200 / 3, 'exact');
  assert.deepEqual(details, { matches: 2, sentences: 3 });
  assert.equal(signature, 'nrefs:var|case:mixed');
});

test('moving a run of words is one edit', () => {
  const edits = (hypothesis: string, reference: string) => translationEdits(hypothesis.split(' '), reference.split(' '));
  assert.equal(edits('d e f g h a b c', 'a b c d e f g h'), 1);
  assert.equal(edits('a b c', 'a x b c'), 1);
  assert.equal(edits('a b', 'c d e'), 3);
  assert.equal(translationEdits([], ['a', 'b']), 2);
  assert.equal(translationEdits(['a', 'b'], []), 2);
});

test('edits of two long sentences are found in bounded time', () => {
  const words = (factor: number) => Array.from({ length: 600 }, (_, index) => `w${(index * factor) % 7}`);
  const before = performance.now();
  const edits = translationEdits(words(3), words(5));
  assert.ok(edits > 0 && edits <= 600);
  assert.ok(performance.now() - before < 20_000);
});

test('lists that do not fit, unknown metrics and unknown options are errors that say so', () => {
  assert.throws(() => evaluate(bleu(), ['a', 'b'], [['a']]), { name: 'DecadeError', message: /2 hypotheses but 1 references in set 1/ });
  assert.throws(() => evaluate(bleu(), ['a'], []), { name: 'DecadeError', message: /0 sets of references/ });
  assert.throws(() => evaluate(bleu(), ['a'], [[undefined]]), { name: 'DecadeError', message: /no reference for sentence 1/ });
  assert.throws(() => create.bleu?.({ tokenize: '14a' }), { name: 'DecadeError', message: /BLEU options.*tokenize/ });
  assert.throws(() => metricNamed('blue'), { name: 'DecadeError', message: /bleu/ });
});
