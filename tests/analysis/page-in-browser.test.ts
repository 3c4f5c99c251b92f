import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { dataTable } from '../../src/analysis/page/data-table.js';
import { dataTables } from '../../src/analysis/page/data-table-script.js';
import { figures, page, table } from '../../src/analysis/page/page.js';
import { effectPlot, linePlot, scatterPlot } from '../../src/analysis/page/plot.js';
import { Browser, browserName } from '../cli/browser.js';

const hostile = '<img src=x onerror=alert(1)></script><script>alert(2)</script>';
const rows = 10_000;

function everything(): Promise<string> {
  const curve = linePlot({
    title: 'curve',
    x: { label: 'updates' },
    y: { label: 'loss' },
    series: ['training', 'dev'].map((name, index) => ({ name, points: [1, 2, 3].map((x) => ({ x, value: x + index })) })),
  });
  const points = [
    { x: 0, y: 0, name: hostile },
    { x: 2, y: 0, name: 'right of it' },
    { x: 0, y: 1, name: 'above it' },
  ];
  const scatter = scatterPlot({ title: 'map', x: { label: 'one' }, y: { label: 'two' }, series: [{ name: 'all', points }] });
  const effects = effectPlot({
    title: 'effects',
    axis: { label: 'BLEU' },
    effects: [{ name: 'one', value: 1, low: 0.5, high: 2, published: 3 }],
  });
  const sentences = dataTable({
    id: 'all',
    of: 'sentences',
    columns: [
      { name: 'line', kind: 'number' },
      { name: 'source', kind: 'text', language: 'ar' },
      { name: 'translation', kind: 'text', mark: 'extra' },
      { name: 'chrF', kind: 'number', digits: 1 },
    ],
    rows: Array.from({ length: rows }, (_, row) => [
      row + 1,
      row === 4_999 ? 'مرحبا' : `sentence ${(row * 7_919) % rows}`,
      [hostile, `part ${row}`],
      row === 0 ? undefined : (row * 37) % 100,
    ]),
  });
  return page({
    title: 'everything',
    sections: [
      { id: 'plots', title: 'plots', body: figures(curve, scatter, effects) },
      { id: 'wide', title: 'wide', body: table(Array(30).fill('a wide head'), [Array(30).fill('1')]) },
      { id: 'table', title: 'table', body: sentences },
    ],
    scripts: [dataTables],
  });
}

describe('a page in a browser', { skip: browserName === undefined && 'no Chromium here' }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'decade-page-'));
  const path = join(directory, 'page.html');
  let browser: Browser;
  const text = (selector: string) => browser.evaluate<string>(`document.querySelector(${JSON.stringify(selector)}).textContent`);
  const click = (selector: string) => browser.evaluate(`document.querySelector(${JSON.stringify(selector)}).click()`);
  const column = (index: number) =>
    browser.evaluate<string[]>(`[...document.querySelectorAll('#all tbody tr')].map((row) => row.cells[${index}].textContent)`);
  const search = (wanted: string) =>
    browser.evaluate(
      `(() => { const field = document.querySelector('#all input'); field.value = ${JSON.stringify(wanted)}; field.dispatchEvent(new Event('input')); })()`,
    );
  const show = (row: number) =>
    browser.evaluate(`document.querySelector('#all').dispatchEvent(new CustomEvent('show', { detail: ${row} }))`);

  before(async () => {
    writeFileSync(path, await everything());
    browser = await Browser.start(browserName ?? '');
  });
  after(async () => {
    await browser.end();
    rmSync(directory, { recursive: true, force: true });
  });

  test('a tap tells of a place, and the telling stays until another place is tapped', async () => {
    await browser.open(path, { width: 390 });
    await browser.tap('figure:nth-of-type(2) .dot', { x: 8, y: 5 });
    assert.equal(await text('figure:nth-of-type(2) .tip b'), hostile);
    await browser.tap('h1');
    assert.ok(await browser.evaluate('document.querySelector("figure:nth-of-type(2) .tip").hidden'));
    await browser.tap('figure:nth-of-type(1) svg.plot');
    assert.equal(await text('figure:nth-of-type(1) .tip'), 'updates: 2training: 2dev: 3');
  });

  test('keys go from point to point, each in its direction, and leave', async () => {
    await browser.open(path, { width: 1280 });
    await browser.evaluate('document.querySelector("figure:nth-of-type(2) svg.plot").focus()');
    const told = () => text('figure:nth-of-type(2) .tip b');
    const names: string[] = [];
    for (const key of ['Home', 'ArrowRight', 'ArrowRight', 'ArrowLeft', 'ArrowUp']) {
      await browser.press(key);
      names.push(await told());
    }
    assert.deepEqual(names, [hostile, 'right of it', 'right of it', hostile, 'above it']);
    await browser.press('Escape');
    assert.ok(await browser.evaluate('document.querySelector("figure:nth-of-type(2) .tip").hidden'));
  });

  test('every control is reached by the tabulator, and what scrolls, too', async () => {
    await browser.open(path, { width: 390 });
    const reached = await browser.evaluate<number[]>(
      '["svg.plot", "summary", "#wide .scroll", "#all input", "#all select", "#all button"].map((one) => document.querySelector(one).tabIndex)',
    );
    assert.deepEqual(reached, [0, 0, 0, 0, 0, 0]);
  });

  test('a table of 10,000 rows shows 50, sorted by any column, what is missing last', async () => {
    await browser.open(path, { width: 1280 });
    assert.equal((await column(0)).length, 50);
    await click('#all th:nth-child(4) button');
    const rising = (await column(3)).map(Number);
    assert.deepEqual(
      rising,
      [...rising].sort((a, b) => a - b),
    );
    await click('#all th:nth-child(4) button');
    assert.equal(await browser.evaluate('document.querySelector("#all th:nth-child(4)").ariaSort'), 'descending');
    assert.equal((await column(3))[0], '99.0');
    await show(0);
    assert.deepEqual([(await column(0)).at(-1), (await column(3)).at(-1)], ['1', ''], 'the row without a score');
    assert.match(await text('#all .turning span'), /page 200 of 200/);
    await click('#all th:nth-child(2) button');
    assert.deepEqual((await column(1)).slice(0, 3), ['sentence 0', 'sentence 1', 'sentence 2'], 'numbers in texts by their value');
  });

  test('a table is searched in all its texts, which stay text', async () => {
    await browser.open(path, { width: 1280 });
    await search('مرحبا');
    assert.deepEqual([await column(0), await text('#all [role=status]')], [['5000'], '1 to 1 of 1 sentences found, of 10,000, by line.']);
    assert.equal((await column(2))[0], `${hostile}part 4999`);
    assert.equal(await text('#all td mark'), 'part 4999');
    await search('PART 77');
    assert.match(await text('#all [role=status]'), /1 to 50 of 111 /);
    await search('nowhere');
    assert.match(await text('#all [role=status]'), /^None of 0 /);
    assert.equal(await browser.evaluate('document.images.length'), 0);
  });

  test('an event turns to the page of a row and gives it the focus', async () => {
    await browser.open(path, { width: 1280 });
    await show(7_000);
    assert.match(await browser.evaluate('document.activeElement.textContent'), /^7001\D/);
  });

  test('without scripts the first rows are there, and the figures behind plots, but no control that does nothing', async () => {
    await browser.open(path, { width: 390, scripts: false });
    const visible = (selector: string) =>
      browser.evaluate<boolean>(`document.querySelector(${JSON.stringify(selector)}).checkVisibility()`);
    assert.equal((await column(0)).length, 50);
    assert.match(await text('#all [role=status]'), /The first 50 of 10,000 sentences/);
    assert.deepEqual([await visible('#all .controls'), await visible('#all .turning'), await visible('summary')], [false, false, true]);
  });

  test('nothing complained, and nothing was asked of the network', () => assert.deepEqual(browser.complaints, []));
});
