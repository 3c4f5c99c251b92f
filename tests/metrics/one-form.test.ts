import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareSystems } from '../../src/analysis/examination/compare.js';
import { differences } from '../../src/analysis/examination/differences.js';
import { rescore } from '../../src/analysis/rescoring/rescore.js';
import { bleu } from '../../src/metrics/bleu.js';
import { chrf } from '../../src/metrics/chrf.js';
import { evaluate, metrics } from '../../src/metrics/evaluate.js';
import { exactMatch } from '../../src/metrics/exact-match.js';
import { inOneForm } from '../../src/metrics/one-form.js';

const composed = ['le déjeuner était très bon', 'où est la forêt ?', 'rien de plus ici', '한국어 문장'];
const decomposed = composed.map((text) => text.normalize('NFD'));
const output = ['le déjeuner etait très bon', 'où est la forêt ?', 'rien de plus', '한국어 글'];

test('whichever form the references have, a translation scores the same as in that form', () => {
  for (const make of Object.values(metrics)) {
    const score = (hypotheses: readonly string[], references: readonly string[]) => evaluate(make(), hypotheses, [references]).score;
    const inForm = (form: 'NFC' | 'NFD') => output.map((text) => text.normalize(form));
    assert.equal(score(inForm('NFC'), decomposed), score(inForm('NFD'), decomposed));
    assert.equal(score(inForm('NFD'), composed), score(inForm('NFC'), composed));
    assert.equal(score(composed, decomposed), score(composed, composed));
  }
});

test('references in several forms are composed, as are sentences of mixed form', () => {
  const mixed = [`${composed[0]} ${decomposed[1]}`];
  assert.equal(evaluate(chrf(), [mixed[0]?.normalize('NFC') ?? ''], [mixed]).score, 100);
  const { hypotheses, references } = inOneForm({ hypotheses: composed, references: [decomposed, composed.with(0, undefined as never)] });
  assert.deepEqual([hypotheses, references[0], references[1]?.[0]], [composed, composed, undefined]);
});

test('text of one form stays as it is, also where it is spelt as no form spells it', () => {
  for (const texts of [composed, decomposed, ['\u0958\u093E é'], ['plain'], []]) {
    const same = { hypotheses: texts, references: [texts] };
    assert.deepEqual(inOneForm(same), same);
  }
  const spelt = { hypotheses: ['\u0915\u093C\u093E'], references: [['\u0958\u093E']] };
  assert.equal(
    evaluate(bleu({ tokenize: 'char' }), spelt.hypotheses, spelt.references).score,
    evaluate(bleu({ tokenize: 'char' }), ['\u0915\u093C\u093E'], [['\u0915\u093C\u093E']]).score,
  );
});

test("a model's own output can equal the references that it was trained on", () => {
  const references = [
    '「はい。\u3000いいえ」',
    '\u0958\u093E',
    'two  spaces\u2009here ',
    'soft\u00ADhyphen\uFEFF',
    'cafe\u0301\u00A0!',
    '',
  ];
  const outputs = ['「はい。\u3000いいえ」', '\u0915\u093C\u093E', 'two spaces here', 'softhyphen', 'café\u00A0!', ''];
  assert.equal(evaluate(exactMatch(), outputs, [references]).score, 100);
  assert.equal(evaluate(exactMatch(), ['a b'], [['a\u3000b']]).score, 0);
});

test('compare, differences and rescoring see one form', async () => {
  const testSet = { name: 'test', sources: composed, references: [decomposed] };
  const { metrics: compared, sentenceScores } = await compareSystems(testSet, [
    { name: 'a', hypotheses: composed },
    { name: 'b', hypotheses: decomposed },
  ]);
  for (const { systems } of compared) for (const { score } of systems) assert.ok(score > 100 - 1e-9);
  for (const scores of sentenceScores) assert.ok(scores.every((score) => score > 100 - 1e-9));
  assert.ok(differences(composed[0] ?? '', [decomposed[0] ?? '']).one.every(({ differs }) => !differs));
  const hypotheses = composed.map((text) => [{ text, score: -1 }]);
  const noOpinion = async (pairs: readonly object[]) =>
    pairs.map((_, index) => ({ line: index + 1, warning: undefined, logProbability: -1, tokenLogProbabilities: new Float32Array(1) }));
  const { scores, sentences } = await rescore({ sources: composed, references: [decomposed], hypotheses }, noOpinion);
  assert.ok((scores?.rescored.score ?? 0) > 100 - 1e-9 && (scores?.oracle.score ?? 0) > 100 - 1e-9);
  assert.equal(sentences[0]?.text, composed[0], 'the text of the list stays as it is');
});
