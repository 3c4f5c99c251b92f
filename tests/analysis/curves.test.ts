import assert from 'node:assert/strict';
import { test } from 'node:test';
import { html } from '../../src/analysis/page/html.js';
import { curves } from '../../src/analysis/report/curves.js';
import type { TrainingRecord } from '../../src/analysis/examination/training-record.js';

const record: TrainingRecord = {
  reports: [10, 20].map((steps) => ({ kind: 'report', steps, loss: 3, perplexity: 20 })),
  validations: [{ kind: 'validation', steps: 20, perplexity: 25, ter: 130 }],
};
const shown = (runs: Parameters<typeof curves>[0]) => {
  const { text } = html`${curves(runs)}`;
  return {
    text,
    titles: Array.from(text.matchAll(/<figcaption><b>([^<]*)/g), ([, title]) => title),
    names: Array.from(text.matchAll(/<bdi>([^<]*)/g), ([, name]) => name),
  };
};

test('one training has its corpora in one plot', () => {
  const { titles, names } = shown([{ name: 'run', record }]);
  assert.deepEqual(
    [titles, names],
    [
      ['Loss', 'Perplexity', 'TER on dev'],
      ['training', 'dev'],
    ],
  );
});

test('several lie over each other, in a plot for each corpus', () => {
  const { titles, names } = shown([
    { name: 'small', record },
    { name: '<b>large', record },
  ]);
  assert.deepEqual(titles, ['Loss', 'Perplexity, training', 'Perplexity, dev', 'TER on dev']);
  assert.deepEqual(new Set(names), new Set(['small', '&lt;b&gt;large']));
});

test('a run without figures says so, and an error rate above 100 is in sight', () => {
  assert.match(shown([{ name: 'run', record: { reports: [], validations: [] } }]).text, /There is no training record yet/);
  assert.match(shown([{ name: 'run', record }]).text, />130<\/td>/);
});
