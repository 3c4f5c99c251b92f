import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isolation } from '../browser/web-page.js';
import { WebSite } from '../browser/web-site.js';
import { Browser, browserName } from '../cli/browser.js';
import { BuiltSite } from './built-site.js';
import { SpokenPage } from './spoken.js';

describe('what a screen reader is told of the site', { skip: browserName === undefined && 'no Chromium here' }, () => {
  let built: BuiltSite;
  let host: WebSite;
  let browser: Browser;

  before(async () => {
    built = await BuiltSite.build();
    host = await WebSite.open({ '/': built.path }, { '/favicon.ico': '' }, isolation);
    browser = await Browser.start(browserName ?? '');
  });
  after(async () => {
    await browser?.end();
    await host?.close();
    built?.remove();
  });

  async function open(path: string, ready: string): Promise<void> {
    await browser.open(host.url(path), { width: 800 });
    await browser.until(`document.querySelector('${ready}')`);
  }

  /** The page as it is now, in which all that can be used has a name, and headings go down by one level. */
  async function soundPage(): Promise<SpokenPage> {
    const page = await SpokenPage.of(browser);
    assert.deepEqual(page.unnamed, []);
    const { headings, roles } = page;
    assert.equal(headings[0], 1);
    assert.equal(headings.filter((level) => level === 1).length, 1);
    assert.ok(
      headings.every((level, index) => level <= (headings[index - 1] ?? 0) + 1),
      String(headings),
    );
    for (const landmark of ['banner', 'navigation', 'main']) assert.equal(roles.filter((role) => role === landmark).length, 1, landmark);
    return page;
  }

  const type = (selector: string, text: string) =>
    browser.evaluate(`(() => {
      const field = document.querySelector('${selector}');
      field.value = ${JSON.stringify(text)};
      field.dispatchEvent(new InputEvent('input', { bubbles: true }));
    })()`);

  test('Translate: translations are announced, and each word says what it looked at', async () => {
    await open('/index.html', '.where');
    await type('textarea', '1 2 3');
    await browser.until("document.querySelector('.target button')");
    const page = await soundPage();
    const translation = await browser.evaluate<string>("document.querySelector('output').innerText.trim()");
    assert.ok(page.announced.replace(/\s+/g, ' ').includes(translation.replace(/\s+/g, ' ')), page.announced);
    assert.ok(page.controls.some((name) => /: probability .* %; looked at /.test(name)));
    assert.ok(page.controls.includes('Open a file…'));
  });

  test('Watch it learn: how it stands is announced when it stands still, and curve and attention are told in words', async () => {
    await open('/watch.html', '.settings');
    await soundPage();
    const press = () => browser.evaluate("document.querySelector('.actions button').click()");
    await browser.until("!document.querySelector('.actions button').disabled");
    await press();
    await browser.until("document.querySelector('.plot').getAttribute('aria-label').startsWith('Loss after')");
    await press();
    await browser.until("document.querySelector('.learner small').textContent.includes('paused')");
    const page = await soundPage();
    assert.match(page.announced, /LSTM: paused, \d+ of 24 sentences right/);
    assert.ok(page.roles.includes('table'));
    assert.deepEqual(page.poorTables, []);
  });

  test('Look inside: attention and predictions are announced, and heat maps are tables', async () => {
    await open('/inside.html', '.map circle');
    const translator = await soundPage();
    assert.match(translator.announced, /Most looked at: /);
    assert.match(translator.announced, /A map of \d+ sentences/);
    assert.deepEqual(translator.poorTables, []);
    await browser.evaluate(`(() => {
      const choice = document.querySelector('select');
      choice.value = '1';
      choice.dispatchEvent(new Event('change', { bubbles: true }));
    })()`);
    await browser.until("document.querySelector('.tokens button') && document.querySelector('.heat')");
    await browser.evaluate("document.querySelector('.actions button').click()");
    await browser.until("document.querySelector('.written + [role=status]').textContent !== ''");
    const page = await soundPage();
    const text = await browser.evaluate<string>("document.querySelector('.written').textContent");
    assert.ok(page.announced.replace(/\s+/g, '').includes(text.replace(/\s+/g, '')), page.announced);
    assert.match(page.announced, /Here stands/);
    assert.deepEqual(page.poorTables, []);
  });

  test('the documentation has names for what can be used, and headings in order', async () => {
    for (const path of ['index', 'browser', 'site', 'reference', 'reference-browser']) {
      await open(`/documentation/${path}.html`, 'h1');
      await soundPage();
    }
  });
});
