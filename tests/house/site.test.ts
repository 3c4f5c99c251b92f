import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { isolation } from '../browser/web-page.js';
import { WebSite } from '../browser/web-site.js';
import { Browser, browserName } from '../cli/browser.js';
import { repository } from './sources.js';

/** site/translation/words.ts */
interface Words {
  wordsOf(tokens: readonly string[], text: string): { readonly text: string; readonly tokens: readonly number[] }[];
  wordAttention(target: object, source: object, weights: readonly number[][]): number[][];
}

test('tokens make words where the text has spaces, and a word looks where its tokens do', async () => {
  const { outputFiles } = await build({ entryPoints: [join(repository, 'site/translation/words.ts')], format: 'esm', write: false });
  const { wordsOf, wordAttention } = (await import(`data:text/javascript,${encodeURIComponent(outputFiles[0]?.text ?? '')}`)) as Words;
  const words = wordsOf(['Mon', 'day', ',', 'the', '19', 'th'], 'Monday, the 19th');
  assert.deepEqual(
    words.map(({ text, tokens }) => [text, tokens]),
    [
      ['Monday,', [0, 1, 2]],
      ['the', [3]],
      ['19th', [4, 5]],
    ],
  );
  const strange = wordsOf(['<0xE2>', '<0x82>', 'uro', 'zone'], '€uro zone');
  assert.deepEqual(
    strange.map(({ text, tokens }) => [text, tokens]),
    [
      ['€uro', [0, 1, 2]],
      ['zone', [3]],
    ],
  );
  const weights = [
    [0.1, 0.2, 0.3, 0, 0.4, 0],
    [0.5, 0.1, 0, 0.4, 0, 0],
  ];
  const rounded = wordAttention([{ tokens: [0, 1] }], words, weights).map((row) => row.map((share) => Math.round(share * 100)));
  assert.deepEqual(rounded, [[60, 20, 20]]);
});

/** site/build.mjs */
interface Builder {
  buildSite(out: string): Promise<void>;
}

describe('the site', () => {
  const folder = mkdtempSync(join(tmpdir(), 'decade-site-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  before(async () => {
    const { buildSite } = (await import(pathToFileURL(join(repository, 'site/build.mjs')).href)) as Builder;
    await buildSite(folder);
  });

  test('has a page for each page of the guide and a reference of both entries', () => {
    const made = readdirSync(join(folder, 'documentation'));
    for (const name of readdirSync(join(repository, 'docs')).filter((name) => name.endsWith('.md'))) {
      assert.ok(made.includes(name.replace(/\.md$/, '.html')), name);
    }
    for (const name of ['index.html', 'reference.html', 'reference-browser.html']) assert.ok(made.includes(name), name);
  });

  test('starts in a browser, page by page, asks nobody else for anything, and is as wide as a phone', {
    skip: browserName === undefined && 'no Chromium here',
  }, async () => {
    const site = await WebSite.open({ '/': folder }, { '/favicon.ico': '' }, isolation);
    const browser = await Browser.start(browserName ?? '');
    try {
      for (const [path, ready] of [
        ['/index.html', "document.querySelector('.invitation')"],
        ['/watch.html', "document.querySelector('.settings')"],
        ['/inside.html', "document.querySelector('.invitation')"],
        ['/documentation/index.html', "document.querySelector('.contents a')"],
        ['/documentation/reference.html', "document.querySelector('#TranslationResult dt')"],
      ] as const) {
        await browser.open(site.url(path), { width: 360 });
        const found = await browser.evaluate<{ isReady: boolean; width: number }>(`(async () => {
          for (let left = 100; left > 0 && !(${ready}); left--) await new Promise((resolve) => setTimeout(resolve, 100));
          return { isReady: Boolean(${ready}), width: document.documentElement.scrollWidth };
        })()`);
        assert.deepEqual(found, { isReady: true, width: 360 }, path);
      }
      assert.deepEqual(browser.complaints, []);
    } finally {
      await browser.end();
      await site.close();
    }
  });
});
