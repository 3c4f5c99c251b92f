import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { page } from '../../src/analysis/page/page.js';
import { attention } from '../../src/analysis/report/attention.js';
import { chooseHead } from '../../src/analysis/report/attention-script.js';
import type { AttentionView } from '../../src/decoding/attention-views.js';
import { Browser, browserName } from '../cli/browser.js';

const hostile = '<img src=x onerror=alert(1)>';

/** Two layers of two heads over two tokens, each of which looks at one token only: head h of layer l at token (l + h + row) % 2. */
function view(name: string): AttentionView {
  const head = (shift: number) => Float32Array.from({ length: 4 }, (_, place) => ((place >> 1) + place + shift) % 2);
  return { name, rows: ['a', '</s>'], columns: [hostile, 'y'], layers: [0, 1].map((layer) => [head(layer), head(layer + 1)]) };
}

const examples = [1, 2].map((line) => ({
  name: `line ${line}`,
  text: hostile,
  columns: [],
  views: [view('cross-attention'), view('self-attention of the decoder')],
}));
const written = () =>
  page({ title: 'attention', sections: [{ id: 'attention', title: 'Attention', body: attention(examples) }], scripts: [chooseHead] });

test('without scripts a page shows every sentence and kind, the mean of the last layer; a single head has nothing to choose', async () => {
  const text = await written();
  assert.equal(text.match(/<figure/g)?.length, 4);
  assert.match(text, /layer 2, mean of 2 heads/);
  assert.ok(!text.includes(hostile));
  const single: AttentionView = { name: 'attention', rows: ['a'], columns: ['x'], layers: [[Float32Array.of(1)]] };
  assert.doesNotMatch(attention([{ name: 'line 1', text: 'x', columns: [], views: [single] }]).text, /<select/);
});

describe('attention in a browser', { skip: browserName === undefined && 'no Chromium here' }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'decade-attention-'));
  const path = join(directory, 'page.html');
  let browser: Browser;
  before(async () => {
    writeFileSync(path, await written());
    browser = await Browser.start(browserName ?? '');
  });
  after(async () => {
    await browser.end();
    rmSync(directory, { recursive: true, force: true });
  });
  const visible = '[...document.querySelectorAll("figure")].filter((figure) => figure.offsetParent !== null)';
  const opacities = () =>
    browser.evaluate<string[]>(`[...${visible}[0].querySelectorAll('.cell')].map((cell) => cell.getAttribute('fill-opacity'))`);

  test('a head that is chosen is drawn, and what is told of a place is of that head', async () => {
    await browser.open(path, { width: 390, dark: true });
    assert.deepEqual(await opacities(), ['0.50', '0.50', '0.50', '0.50']);
    assert.equal(await browser.evaluate('document.querySelectorAll(".heads button").length'), 6);
    await browser.tap('.heads button[aria-label="layer 1, head 2 of 2"]');
    assert.deepEqual(await opacities(), ['1.00', '0.00', '0.00', '1.00']);
    assert.equal(await browser.evaluate(`${visible}[0].querySelector('.head').textContent`), 'layer 1, head 2 of 2');
    assert.equal(
      await browser.evaluate('document.querySelector(".heads [aria-pressed=true]").getAttribute("aria-label")'),
      'layer 1, head 2 of 2',
    );
    await browser.tap('figure:not([hidden]) .cell');
    assert.match(await browser.evaluate(`${visible}[0].querySelector('.tip').textContent`), /1\.00/);
    await browser.tap('.heads button[aria-label="layer 1, head 1 of 2"]');
    await browser.tap('figure:not([hidden]) .cell');
    assert.match(await browser.evaluate(`${visible}[0].querySelector('.tip').textContent`), /0\.00/);
  });

  test('one sentence and one kind are shown at a time, with the head that was chosen', async () => {
    await browser.open(path, { width: 1000 });
    assert.equal(await browser.evaluate(`${visible}.length`), 1);
    await browser.tap('.heads button[aria-label="layer 1, head 2 of 2"]');
    await browser.evaluate(`(() => {
      for (const [name, value] of [['sentence', '1'], ['kind', '1']]) {
        const select = document.querySelector('select.' + name);
        select.value = value;
        select.dispatchEvent(new Event('change'));
      }
    })()`);
    assert.equal(
      await browser.evaluate(`${visible}[0].querySelector('figcaption b').textContent`),
      'Self-attention of the decoder, line 2',
    );
    assert.deepEqual(await opacities(), ['1.00', '0.00', '0.00', '1.00']);
    assert.ok(await browser.evaluate('document.documentElement.scrollWidth <= innerWidth'));
    assert.deepEqual(browser.complaints, []);
  });
});
