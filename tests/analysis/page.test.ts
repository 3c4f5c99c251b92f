import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { svgFile } from '../../src/analysis/page/drawing.js';
import { data, html } from '../../src/analysis/page/html.js';
import { page, table } from '../../src/analysis/page/page.js';
import { categoryPlot, effectPlot, heatMap, histogram, linePlot, scatterPlot } from '../../src/analysis/page/plot.js';
import { textWidth, wrapped } from '../../src/analysis/page/text-width.js';

const hostile = `</script><script>alert(1)</script><img src=x onerror="alert('2')">&amp;`;
const tags = (text: string) => Array.from(text.matchAll(/<([a-z0-9]+)/gi), ([, name]) => name?.toLowerCase());

test('whatever is put into a template is text, in elements and in attributes', () => {
  const { text } = html`<p title="${hostile}">${hostile}${[hostile, 1, undefined, html`<b>${hostile}</b>`]}</p>`;
  assert.deepEqual(tags(text), ['p', 'b']);
  assert.equal(text.split('"').length, 3);
});

test('data for a script cannot end the script, and comes out as it went in', () => {
  const { text } = data('numbers', { hostile, list: [1, null] });
  assert.equal(text.match(/<\/script>/g)?.length, 1);
  assert.deepEqual(JSON.parse(text.replace(/^<script[^>]*>/, '').replace('</script>', '')), { hostile, list: [1, null] });
});

test('a page lets its own scripts run, and nothing else', async () => {
  const rename = () => {
    document.title = 'ran';
  };
  const text = await page({ title: hostile, lead: hostile, sections: [{ id: 'one', title: hostile, body: hostile }], scripts: [rename] });
  const [, script = ''] = /<script>(.*)<\/script>/s.exec(text) ?? [];
  assert.ok(script.includes("document.title = 'ran'"));
  const hash = createHash('sha256').update(script).digest('base64');
  assert.ok(text.includes(`script-src &#39;sha256-${hash}&#39;`));
  assert.deepEqual(
    tags(text).filter((name) => name === 'script' || name === 'img'),
    ['script'],
  );
  assert.doesNotMatch(text, /https?:\/\//);
});

test('a column of numbers stands to the right, one of words to the left', () => {
  const { text } = table(
    ['name', 'figure'],
    [
      ['a', '1.5'],
      ['b', ''],
      ['c', '−2 (−3 to 12K)'],
    ],
  );
  assert.equal(text.match(/class="number"/g)?.length, 4);
  assert.doesNotMatch(table(['system'], [['1 runs/a'], ['2 best']]).text, /class="number"/);
});

test('plots draw every point, and their names are text', () => {
  const axis = { label: hostile };
  const line = linePlot({
    title: hostile,
    x: axis,
    y: { ...axis, scale: 'log' },
    series: [{ name: hostile, points: [1, 10, 100].map((value, x) => ({ x, value, low: value / 2, high: value * 2 })) }],
  });
  const categories = categoryPlot({
    title: hostile,
    x: hostile,
    y: axis,
    categories: [{ name: hostile, note: hostile }, { name: 'b' }],
    series: [
      { name: hostile, values: [{ value: 1 }, undefined] },
      { name: 'second', values: [{ value: 2, low: 1, high: 3 }, { value: -3 }] },
    ],
    mark: 'bars',
  });
  const points = Array.from({ length: 30 }, (_, index) => ({ x: 1, y: 1 + index * 1e-9, name: hostile }));
  const scatter = scatterPlot({ title: hostile, x: axis, y: axis, series: [{ name: hostile, points }], isNamed: true });
  for (const { text } of [line, categories, scatter]) {
    assert.doesNotMatch(text, /NaN|Infinity|undefined/);
    assert.ok(!tags(text).some((name) => name === 'script' || name === 'img'));
  }
  assert.equal(line.text.match(/<circle/g)?.length, 3);
  assert.equal(categories.text.match(/<rect class="bar"/g)?.length, 3);
  assert.equal(scatter.text.match(/<circle/g)?.length, 30);
});

test('plots of nothing, of one point and of a constant can be drawn', () => {
  for (const values of [[], [5], [0, 0, 0], [100, 100]]) {
    for (const scale of ['linear', 'log'] as const) {
      const { text } = linePlot({
        title: 'plot',
        x: { label: 'x' },
        y: { label: 'y', scale, bounds: [0, 100] },
        series: [{ name: 'one', points: values.map((value, x) => ({ x, value, low: value - 1, high: value + 1 })) }],
      });
      assert.doesNotMatch(text, /NaN|Infinity|undefined/);
    }
  }
});

test('a plot is also a file of its own, with its title and legend inside', () => {
  const series = ['one', '<two>', 'a name so long that the legend needs another line'].map((name) => ({
    name,
    points: [{ x: 1, value: 2 }],
  }));
  const { drawing } = linePlot({ title: 'T & U', x: { label: 'x' }, y: { label: 'y' }, series });
  const svg = svgFile(drawing);
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  for (const text of ['T &amp; U', '>one<', '&lt;two&gt;', 'another line<']) assert.ok(svg.includes(text), text);
  assert.ok(Number(/ height="(\d+)"/.exec(svg)?.[1]) > drawing.height, 'room for the title and the legend');
  assert.equal(svg.match(/<(g|svg|text|title|style|tspan)\b/g)?.length, svg.match(/<\/(g|svg|text|title|style|tspan)>/g)?.length);
});

const positions = (text: string, name: string) =>
  Array.from(text.matchAll(/data-at="([-\d.]+) ?([-\d.]*)"/g), ([, x, y]) => ({ x: Number(x), y: Number(y), name }));

test('a step across a map is as long as a step up, however the points lie', () => {
  for (const [right, up] of [
    [10, 1],
    [1, 10],
    [3, 3],
    [1e-6, 1e-6],
  ] as const) {
    const points = [
      { x: 0, y: 0, name: 'a' },
      { x: right, y: 0, name: 'b' },
      { x: 0, y: up, name: 'c' },
    ];
    const { text } = scatterPlot({ title: 'map', x: { label: 'x' }, y: { label: 'y' }, series: [{ name: 'one', points }] });
    const [a, b, c] = positions(text, 'map');
    const across = ((b?.x ?? 0) - (a?.x ?? 0)) / right;
    const upward = ((a?.y ?? 0) - (c?.y ?? 0)) / up;
    assert.ok(across > 0 && Math.abs(across / upward - 1) < 0.02, `${right}, ${up}: ${across} and ${upward} units per step`);
  }
});

test('an axis stays within what is possible, has round ticks, and says what it leaves out', () => {
  const ticks = (text: string) => Array.from(text.matchAll(/text-anchor="end">([^<]*)</g), ([, tick]) => Number(tick?.replace('−', '-')));
  const plot = (value: number, low: number, high: number, bounds: readonly [number, number]) =>
    categoryPlot({
      title: 'T',
      x: 'x',
      y: { label: '', bounds },
      categories: [{ name: 'a' }],
      series: [{ name: 's', values: [{ value, low, high }] }],
    }).text;
  const near0 = plot(0.4, 0, 1.3, [0, 100]);
  assert.equal(Math.min(...ticks(near0)), 0);
  assert.match(near0, /axis: 0 to 1\.4, of 0 to 100/);
  assert.equal(Math.max(...ticks(plot(99.7, 98.9, 100, [0, 100]))), 100);
  assert.ok(Math.min(...ticks(plot(1.01, 1, 1.02, [1, Infinity]))) >= 1, 'no perplexity is below 1');
  assert.match(plot(20, 19, 21, [1, Infinity]), /axis: 19 to 21, possible from 1/);
  assert.doesNotMatch(plot(50, 0, 100, [0, 100]), /axis:/);
  const alone = linePlot({
    title: 'T',
    x: { label: 'x' },
    y: { label: 'y', bounds: [0, 100] },
    series: [{ name: 's', points: [{ x: 1, value: 0 }] }],
  });
  assert.equal(Math.min(...ticks(alone.text)), 0);
});

test('counts have no ticks between whole numbers', () => {
  const { text } = linePlot({
    title: 'T',
    x: { label: 'updates', isWhole: true },
    y: { label: 'y' },
    series: [
      {
        name: 's',
        points: [
          { x: 1, value: 0 },
          { x: 2, value: 1 },
        ],
      },
    ],
  });
  const ticks = Array.from(text.matchAll(/text-anchor="middle">([^<]*)</g), ([, tick]) => tick);
  assert.deepEqual(ticks, ['1', '2', 'updates']);
});

test('effects stand with their intervals beside the published ones, and no effect is always in sight', () => {
  const effects = [
    { name: hostile, value: 2.1, low: 0.4, high: 3.9, published: 4.7 },
    { name: 'one seed', value: 1.5 },
  ];
  const { text, drawing } = effectPlot({ title: 'T', axis: { label: 'BLEU' }, effects });
  assert.deepEqual(
    drawing.legend.map(({ name }) => name),
    ['here', 'the paper'],
  );
  assert.match(text, /2\.1 \(0\.4 to 3\.9\)<\/td><td>4\.7</);
  assert.equal(text.match(/class="whisker"/g)?.length, 1);
  assert.equal(text.match(/class="rule none"/g)?.length, 1);
  assert.doesNotMatch(text, /NaN|Infinity|undefined|<img/);
  const ratios = effectPlot({ title: 'T', axis: { label: 'perplexity, ratio' }, none: 1, effects: [{ name: 'a', value: 0.8 }] });
  assert.match(ratios.text, /text-anchor="middle">1</);
});

test('a histogram counts every value once, in bins of a round width', () => {
  const values = [0, 0.01, 4.999, 5, 99.9, 100, 100, Number.NaN];
  const { text } = histogram({ title: 'T', x: { label: 'chrF', bounds: [0, 100] }, values, of: 'sentences' });
  const rows = Array.from(text.matchAll(/dir="auto">([\d.]+) to ([\d.]+)<\/th><td>(\d+)</g), ([, from, to, count]) =>
    [from, to, count].map(Number),
  );
  assert.equal(rows.length, 20);
  assert.deepEqual(
    [rows[0], rows[1], rows[19]],
    [
      [0, 5, 3],
      [5, 10, 1],
      [95, 100, 3],
    ],
  );
  for (const odd of [[], [3], [-2, -2], Array.from({ length: 200_000 }, (_, index) => index)]) {
    assert.doesNotMatch(histogram({ title: 'T', x: { label: 'x' }, values: odd, of: 'things' }).text, /NaN|Infinity|undefined/);
  }
});

test('behind every plot stands a table of its figures', () => {
  const axis = { label: 'x' };
  const line = linePlot({
    title: 'T',
    x: axis,
    y: axis,
    series: [
      {
        name: 'a',
        points: [
          { x: 1, value: 2, low: 1, high: 3 },
          { x: 2, value: 4 },
        ],
      },
      { name: 'b', points: [{ x: 2, value: 5 }] },
    ],
  });
  assert.match(line.text, />1<\/th><td>2 \(1 to 3\)<\/td><td><\/td>/);
  assert.match(line.text, />2<\/th><td>4<\/td><td>5<\/td>/);
  const heat = heatMap({ title: 'T', corner: 'written', columns: ['le', hostile], rows: ['the'], weights: [[0.25, 0]] });
  assert.match(heat.text, /<td data-at="[\d. ]+">0\.25<\/td><td data-at="[\d. ]+">0\.00<\/td>/);
  assert.doesNotMatch(heat.text, /<img/);
});

test('names that are wider than their place are broken at spaces, then cut', () => {
  assert.deepEqual(wrapped('an ensemble of five', 80, 3), ['an ensemble', 'of five']);
  assert.ok(wrapped('東京に行きますか', 50, 3).every((line) => textWidth(line) <= 50 && line.endsWith('…')));
  assert.equal(textWidth('e\u0301'), textWidth('e'));
  assert.deepEqual(wrapped('', 10, 3), ['']);
});
