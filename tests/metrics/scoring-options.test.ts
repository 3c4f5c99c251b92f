import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareSystems } from '../../src/analysis/examination/compare.js';
import { evaluateAll as evaluate } from '../../src/metrics/scoring-options.js';
import { type ScoringOptions, scoringMetrics } from '../../src/metrics/scoring-options.js';

const signatures = (options: ScoringOptions) => scoringMetrics(options).map((metric) => metric.signature(1));
/** As from JavaScript, or a command line. */
const unchecked = (options: object) => options as ScoringOptions;

test('the options of scoring reach the metrics that know them, by the signatures of sacreBLEU', () => {
  assert.deepEqual(signatures({}), [
    'nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0',
    'nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0',
  ]);
  const bleu = (options: ScoringOptions) => signatures({ metrics: ['bleu'], ...options })[0]?.replace(/^nrefs:1\||\|version.*/g, '');
  assert.equal(bleu({ tokenize: 'zh', lowercase: true, smooth: 'floor' }), 'case:lc|eff:no|tok:zh|smooth:floor[0.10]');
  assert.equal(bleu({ smooth: 'add-k' }), 'case:mixed|eff:no|tok:13a|smooth:add-k[1.00]');
  assert.equal(bleu({ smooth: 'add-k', smoothValue: 0.125 }), 'case:mixed|eff:no|tok:13a|smooth:add-k[0.12]', 'as Python rounds');
  assert.equal(bleu({ smooth: 'none' }), 'case:mixed|eff:no|tok:13a|smooth:none');
  assert.match(signatures({ metrics: ['ter'], lowercase: true })[0] ?? '', /case:lc/);
});

test('invalid options are refused, with the valid ones', () => {
  const refused = (options: object, message: RegExp) =>
    assert.throws(
      () => scoringMetrics(unchecked(options)),
      (error: Error & { kind?: string }) => error.kind === 'usage' && message.test(error.message),
    );
  refused(
    { tokenize: 'ja-mecab' },
    /needs MeCab and its dictionary IPADIC .*mecab -Owakati.*one of 13a, intl, zh, char, none: split .* take none/,
  );
  for (const tokenize of ['spm', 'flores101', 'flores200', 'spm-flores']) refused({ tokenize }, /SentencePiece model of FLORES/);
  refused({ tokenize: 'ko-mecab' }, /Korean dictionary/);
  refused({ tokenize: '14a' }, /14a.*expected one of 13a/);
  refused({ smoothValue: 0.5 }, /smoothValue: 0\.5: only for the smoothing floor or add-k, not exp/);
  refused({ smooth: 'floor', smoothValue: -1 }, /smoothValue/);
  refused({ smooth: 'add-n' }, /smooth/);
  refused({ metrics: ['blue'] }, /Did you mean bleu/);
  refused({ metrics: [] }, /metrics/);
  refused({ lowercased: true }, /unknown option "lowercased".*Did you mean lowercase/s);
});

test('evaluate and compare take the same options and give the same figures', async () => {
  const references = [['The cat sat on the mat .', 'A dog barked .']];
  const hypotheses = ['the cat sat on a mat .', 'a DOG barks .'];
  const options = { metrics: ['bleu', 'exact'], lowercase: true, smooth: 'add-k', smoothValue: 2, tokenize: 'none' } as const;
  const evaluated = evaluate({ hypotheses, references, ...options });
  const testSet = { name: 'test', sources: hypotheses, references };
  const { metrics } = await compareSystems(
    testSet,
    [
      { name: 'one', hypotheses },
      { name: 'other', hypotheses: references[0] ?? [] },
    ],
    options,
  );
  assert.deepEqual(
    metrics.map(({ metric, signature, systems }) => [metric, signature, systems[0]?.score]),
    evaluated.map(({ metric, signature, score }) => [metric, signature, score]),
  );
  assert.deepEqual([metrics[0]?.signature.includes('add-k[2.00]'), metrics[1]?.systems[1]?.score], [true, 100]);
});
