import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { svgFile } from '../../src/analysis/page/drawing.js';
import { data, html } from '../../src/analysis/page/html.js';
import { page, table } from '../../src/analysis/page/page.js';
import { categoryPlot, linePlot, scatterPlot } from '../../src/analysis/page/plot.js';

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
      ['c', '−2'],
    ],
  );
  assert.equal(text.match(/class="number"/g)?.length, 4);
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
        series: [{ name: 'one', points: values.map((value, x) => ({ x, value })) }],
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
