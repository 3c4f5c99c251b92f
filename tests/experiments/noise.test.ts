import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Estimated } from '../../src/analysis/examination/means.js';
import { findingOf, type MeasuredNoise, noise } from '../../src/experiments/catalogue/noise.js';
import { cleaned, noiseKinds, withNoise } from '../../src/experiments/noise.js';

const words = ['maison', 'rivière', 'pierre', 'oiseau', 'fenêtre', 'jardin', 'soleil', 'montagne', 'bateau', 'chemin'];
const others = ['house', 'river', 'stone', 'bird', 'window', 'garden', 'sun', 'mountain', 'boat', 'path'];
const at = (list: readonly string[], place: number) => list[place % list.length] ?? '';
const corpus = {
  name: 'train',
  sources: others.flatMap((one, row) =>
    others.map((_, column) => `The ${one} is not far from the ${at(others, row + column + 1)} over there.`),
  ),
  references: words.flatMap((one, row) =>
    words.map((_, column) => `Ici, ${one} se trouve tout près de ${at(words, row + column + 1)}, là-bas.`),
  ),
};
const foreign = ['Das Wetter ist heute wieder einmal nicht besonders schön.', 'Wir haben gestern leider keinen Kuchen mehr bekommen.'];

test('noise makes up the wanted share, and the clean pairs stay whole', () => {
  for (const kind of noiseKinds) {
    const pairs = withNoise(corpus, kind, 0.3, foreign);
    const noise = pairs.filter(({ isNoise }) => isNoise);
    assert.ok(Math.abs(noise.length / pairs.length - 0.3) < 0.01, kind);
    const clean = pairs.filter(({ isNoise }) => !isNoise);
    assert.deepEqual(clean.map(({ source }) => source).sort(), [...corpus.sources].sort());
    assert.deepEqual(withNoise(corpus, kind, 0.3, foreign), pairs);
  }
});

test('filters drop what is copied, foreign or there already', async () => {
  const left: Record<string, number> = {};
  for (const kind of noiseKinds) {
    const pairs = withNoise(corpus, kind, 0.5, foreign);
    const kept = await cleaned(pairs, ['en', 'fr'], undefined);
    left[kind] = kept.filter(({ isNoise }) => isNoise).length / (pairs.length / 2);
  }
  assert.equal(left.copied, 0);
  assert.equal(left['wrong language'], 0);
  assert.ok((left.duplicated ?? 1) < 0.6);
  assert.ok((left.damaged ?? 1) < 0.7);
});

test('conclusions say whether noise does harm, and whether filters undo it', () => {
  const around = (value: number): Estimated => ({ value, low: value - 1, high: value + 1 });
  const cell = (noisy: number, filtered: number): MeasuredNoise => ({
    ...{ kind: 'copied', share: 0.5, dropped: { noise: 10, noiseDropped: 9, clean: 10, cleanDropped: 1 } },
    bleu: {
      noisy: { mean: around(20 + noisy), effect: around(noisy) },
      filtered: { mean: around(20 + filtered), effect: around(filtered) },
    },
  });
  const ofEpochs = { stop: { epochs: 2 } };
  const told = (noisy: number, filtered: number, training: Parameters<typeof findingOf>[2]['training'] = ofEpochs) =>
    findingOf([cell(noisy, filtered)], around(20), { seeds: 1, beam: 5, training }).conclusions.join('\n');
  assert.match(told(-10, -0.5), /50 % of copied pairs change BLEU by −10\.0.*the filters undo some of the harm/);
  assert.match(told(-10, -9), /that the filters help is not settled/);
  assert.match(told(-0.5, 0), /that the noise does harm is not settled/);
  assert.match(told(-10, 0), /number of epochs, so a network has more updates/);
  assert.match(told(-10, 0, { ...ofEpochs, stop: { steps: 9 } }), /the same model, dev set and number of updates\./);
  assert.match(told(-10, 0, { ...ofEpochs, validate: { patience: 3 } }), /rule for their end/);
  const [row] = findingOf([cell(-10, 0)], around(20), { seeds: 1, beam: 5, training: ofEpochs }).rows;
  assert.deepEqual(row?.slice(0, 5), ['copied', '50 %', '90.0 %', '90.0 %', '10.0 %']);
});

test('digits are refused before anything is trained: of a corpus without letters the filters leave nothing', async () => {
  const data = { train: { generator: 'digits:copy' } };
  const study = { base: { configuration: { data } }, laboratory: { options: {} }, options: { cells: 'all' } };
  const stages = noise.stages(study as unknown as Parameters<typeof noise.stages>[0]);
  await assert.rejects(stages.next(), { kind: 'usage', message: /digits:copy; expected sentences/ });
});
