import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isolation } from '../browser/web-page.js';
import { WebSite } from '../browser/web-site.js';
import { Browser, browserName } from '../cli/browser.js';
import { BuiltSite, languageModel } from './built-site.js';

const tokens = "Array.from(document.querySelectorAll('.tokens button'), ({ textContent }) => textContent).join('')";
const written = "document.querySelector('.written').textContent";
const ending = "document.querySelector('.written + [role=status]').textContent";

describe('a language model in the page that looks inside', { skip: browserName === undefined && 'no Chromium here' }, () => {
  let built: BuiltSite;
  let host: WebSite;
  let browser: Browser;

  before(async () => {
    built = await BuiltSite.build();
    host = await WebSite.open({ '/': built.path }, { '/favicon.ico': '' }, isolation);
    browser = await Browser.start(browserName ?? '');
    await browser.open(host.url('/inside.html'), { width: 800 });
  });
  after(async () => {
    await browser?.end();
    await host?.close();
    built?.remove();
  });

  /** What stands in the field with this label, from now on. */
  const fill = (label: string, text: string) =>
    browser.evaluate(`(() => {
      const field = Array.from(document.querySelectorAll('label')).find((each) => each.textContent.startsWith('${label}')).querySelector('input');
      field.value = ${JSON.stringify(text)};
      field.dispatchEvent(new InputEvent('input', { bubbles: true }));
    })()`);
  const press = (name: string) =>
    browser.evaluate(`Array.from(document.querySelectorAll('button')).find(({ textContent }) => textContent === '${name}').click()`);
  const write = async () => {
    await press('Write');
    await browser.until(`${ending} !== ''`);
    return browser.evaluate<string>(written);
  };

  test('is one of those that lie beside the site, and shows what it expects at every place of what is typed', async () => {
    await browser.until("document.querySelector('option:nth-of-type(2)')");
    await browser.evaluate(`(() => {
      const choice = document.querySelector('select');
      choice.value = '1';
      choice.dispatchEvent(new Event('change', { bubbles: true }));
    })()`);
    await browser.until(`${tokens}.length > 5`);
    await fill('Text', 'red fish');
    await browser.until(`${tokens} === 'red·fish'`);
    const shares = await browser.evaluate<number[]>(`(async () => {
      const found = [];
      for (const button of document.querySelectorAll('.tokens button')) {
        button.click();
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
        const shares = Array.from(document.querySelectorAll('.bars dd:not([aria-hidden])'), ({ textContent }) => parseFloat(textContent));
        found.push(shares.length);
      }
      return found;
    })()`);
    assert.deepEqual(
      shares,
      Array.from('red fish', (_, index) => (index === 0 ? shares[0] : 8)),
    );
  });

  test('writes on from a beginning: the same with the same seed, another text with another', async () => {
    await fill('Beginning', 'One fish,');
    const first = await write();
    assert.ok(first.startsWith('One fish,') && first.length > 'One fish,'.length, first);
    assert.equal(await write(), first);
    await fill('Seed', '7');
    assert.notEqual(await write(), first);
    await fill('Temperature', '0');
    const likeliest = await write();
    await fill('Seed', '8');
    assert.equal(await write(), likeliest, 'nothing is drawn at temperature 0');
  });

  test('stops when it is told to, and keeps what it has written', async () => {
    const longest = (await browser.evaluate<string>(written)).length;
    await browser.evaluate(`new Promise((resolve) => {
      const place = document.querySelector('.written');
      new MutationObserver((_, observer) => {
        if (place.textContent.length <= 'One fish,'.length) return;
        document.querySelector('.actions button').click();
        observer.disconnect();
        resolve();
      }).observe(place, { childList: true, characterData: true, subtree: true });
      document.querySelector('.actions button').click();
    })`);
    await browser.until(`${ending} === 'Stopped.'`);
    const kept = await browser.evaluate<string>(written);
    assert.ok(kept.length > 'One fish,'.length && kept.length < longest, `${kept.length} of ${longest}`);
  });

  test('may be a file that a visitor opens', async () => {
    await browser.evaluate(`(async () => {
      const files = new DataTransfer();
      files.items.add(new File([await (await fetch('models/${languageModel}')).blob()], 'mine.decade'));
      const field = document.querySelector('input[type=file]');
      field.files = files.files;
      field.dispatchEvent(new Event('change', { bubbles: true }));
    })()`);
    await browser.until("document.querySelector('select').selectedOptions[0].textContent === 'mine.decade (opened)'");
    await browser.until(`${tokens} === 'Monday,·January·19,·2004'`);
    assert.ok((await write()).startsWith('Monday,'));
    assert.deepEqual(browser.complaints, []);
  });
});
