import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareSystems } from '../../src/analysis/examination/compare.js';
import { compareBins } from '../../src/analysis/examination/compared-bins.js';
import type { ComparedRun } from '../../src/analysis/examination/compared-runs.js';
import { configurationDifferences } from '../../src/analysis/examination/configuration-difference.js';
import { comparePage } from '../../src/analysis/report/compare-page.js';
import { readTrainingRecord, trainingTime } from '../../src/analysis/examination/training-record.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { metrics } from '../../src/metrics/evaluate.js';
import { configurationOf } from '../../src/training/configuration.js';
import { Browser, browserName } from '../cli/browser.js';

const hostile = '<img src=x onerror=alert(1)>';

test('configurations differ in the keys that differ, also in those that only one has', () => {
  const first = { model: { layers: 1, hidden: 8 }, data: { train: { source: 'a' } }, metrics: ['bleu', 'chrf'] };
  const second = { model: { layers: 2, hidden: 8, dropout: 0.1 }, data: { train: { source: 'a' } }, metrics: ['bleu'] };
  assert.deepEqual(configurationDifferences([first, second]), [
    { key: 'model.layers', values: ['1', '2'] },
    { key: 'metrics', values: ['["bleu","chrf"]', '["bleu"]'] },
    { key: 'model.dropout', values: [undefined, '0.1'] },
  ]);
  assert.deepEqual(configurationDifferences([first, structuredClone(first)]), []);
});

async function recordOf(lines: readonly object[]) {
  const files = memoryFiles({ 'metrics.jsonl': lines.map((line) => JSON.stringify(line)).join('\n') });
  return readTrainingRecord(files, 'metrics.jsonl');
}

test('the time of a step is that of the updates before it, also where a resumed run did some again', async () => {
  const report = (steps: number, seconds: number | undefined) => ({ kind: 'report', steps, seconds });
  const time = trainingTime(await recordOf([report(100, 10), report(200, 10), report(300, 10), report(200, 12), report(300, 14)]));
  assert.deepEqual([0, 50, 100, 150, 200, 300, 301].map(time), [0, 5, 10, 16, 22, 36, undefined]);
  assert.equal(trainingTime(await recordOf([report(100, undefined)]))(50), undefined);
});

const many = Array.from({ length: 200 }, (_, index) => `a sentence of ${'many '.repeat(index % 7)}words, number ${index}`);
const testSet = { name: 'test.en', sources: many, references: [many] };
const systems = [
  { name: 'runs/one', hypotheses: many.map((text, index) => (index % 2 === 0 ? text.replace('sentence', 'phrase') : text)) },
  { name: `runs/two ${hostile}`, hypotheses: many.map((text, index) => (index === 7 ? hostile : text)) },
];

test('parts of fewer than 20 sentences have scores, and neither intervals nor verdicts', async () => {
  const few = { ...testSet, sources: many.slice(0, 40), references: [many.slice(0, 40)] };
  const shorter = systems.map(({ name, hypotheses }) => ({ name, hypotheses: hypotheses.slice(0, 40) }));
  const { byLength } = await compareBins(metrics.bleu(), few, shorter, undefined);
  assert.ok(byLength.length > 1 && byLength.every(({ intervals, sentences }) => (intervals === undefined) === sentences < 20));
  const { byRarity, ranksOf } = await compareBins(metrics.bleu(), testSet, systems, new Map([['sentence', 3]]));
  assert.equal(ranksOf, 'training corpus');
  for (const { scores, intervals, sentences } of byRarity) {
    assert.ok(sentences >= 20 && (scores[0] as number) < (scores[1] as number));
    assert.deepEqual(
      intervals?.map(({ score }) => score),
      scores,
    );
    assert.equal(intervals?.[0]?.difference, undefined);
    const { low = 0, score = 0, high = 0 } = intervals?.[1]?.difference ?? {};
    assert.ok(low <= score && score <= high && high > 0);
  }
});

async function runs(): Promise<ComparedRun[]> {
  return Promise.all(
    systems.map(async ({ name }, run) => ({
      name,
      configuration: configurationOf({
        version: 1,
        data: { source: 'en', target: 'fr', train: { source: 'a.en', target: 'a.fr' } },
        model: { kind: 'lstm', layers: 1 + run },
      }),
      record: await recordOf(
        [1, 2, 3].flatMap((step) => [
          { kind: 'report', steps: 100 * step, loss: 4 - step + run, perplexity: 9, seconds: 4000 },
          { kind: 'validation', steps: 100 * step, perplexity: 10 - step, bleu: 10 * step },
        ]),
      ),
    })),
  );
}

const scored = Promise.all([compareSystems(testSet, systems), compareBins(metrics.bleu(), testSet, systems, undefined)]);

async function pageOf(read: readonly ComparedRun[]): Promise<string> {
  const [comparison, bins] = await scored;
  return comparePage(comparison, { bins, runs: read });
}

test('a page of runs shows curves by updates and by time, what they were configured by, and every sentence', async () => {
  const page = await pageOf(await runs());
  const sections = [...page.matchAll(/<section id="([^"]*)"/g)].map(([, id]) => id);
  assert.deepEqual(sections, ['scores', 'parts', 'training', 'configuration', 'differences-1', 'sentences']);
  for (const title of ['Loss', 'Loss by time', 'Perplexity, dev', 'Perplexity by time, dev', 'BLEU on dev', 'BLEU on dev by time']) {
    assert.ok(page.includes(`<b>${title}</b>`), title);
  }
  assert.match(page, /hours of updates, without validation/);
  assert.match(page, /<code>model\.layers<\/code><\/td><td[^>]*><code>1<\/code><\/td><td[^>]*><code>2<\/code>/);
  assert.doesNotMatch(page, /<code>model\.hidden<\/code>/);
  assert.match(page, /BLEU: difference from runs\/one/);
  assert.match(page, /The first 50 of 200 sentences/);
  assert.ok(!page.includes(hostile) && page.includes('&lt;img'));
  const [one, two] = await runs();
  const equal = await pageOf([one as ComparedRun, { ...(one as ComparedRun), name: 'again', record: { reports: [], validations: [] } }]);
  assert.match(equal, /The configurations are identical/);
  assert.match(equal, /There is no training record of again/);
  assert.doesNotMatch(await pageOf([two as ComparedRun]), /<section id="training"/, 'one run alone has nothing beside it');
});

test('the page in a browser: nothing complains, nothing is wider than a phone, the table is sorted by differences', async (context) => {
  if (browserName === undefined) return context.skip('no Chromium here');
  const directory = mkdtempSync(join(tmpdir(), 'decade-compare-'));
  const path = join(directory, 'compare.html');
  writeFileSync(path, await pageOf(await runs()));
  const browser = await Browser.start(browserName);
  try {
    for (const view of [
      { width: 390, dark: true },
      { width: 1280, dark: false },
    ]) {
      await browser.open(path, view);
      assert.ok((await browser.evaluate<number>('document.documentElement.scrollWidth')) <= view.width);
      const widths = await browser.evaluate<number[]>(
        '[...document.querySelectorAll("svg.plot")].map((plot) => Math.min(plot.getBoundingClientRect().width, plot.getBBox().height))',
      );
      assert.ok(widths.length >= 12 && widths.every((size) => size > 20), JSON.stringify(widths));
    }
    await browser.evaluate('document.querySelector("#all th:nth-child(8) button").click()');
    const lines = await browser.evaluate<string[]>(
      '[...document.querySelectorAll("#all tbody tr")].map((row) => row.cells[0].textContent)',
    );
    assert.equal(lines[0], '8', 'where the second system loses most');
    assert.deepEqual(browser.complaints, []);
  } finally {
    await browser.end();
    rmSync(directory, { recursive: true, force: true });
  }
});
