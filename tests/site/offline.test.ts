import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isolation } from '../browser/web-page.js';
import { WebSite } from '../browser/web-site.js';
import { Browser, browserName } from '../cli/browser.js';
import { addServiceWorker, BuiltSite } from './built-site.js';

const blank = '<!doctype html><meta charset="utf-8"><title>blank</title><link rel="icon" href="data:,">';
/** Pages of the site, each with what is there when its script has run. */
const pages = {
  'index.html': '.panes',
  'watch.html': '.settings',
  'inside.html': '.heat',
  'documentation/browser.html': 'article h1',
} as const;
const said = "document.querySelector('#visit').textContent";
const isKept = `${said}.startsWith('These pages are kept')`;
const cacheNames = 'caches.keys().then((names) => names.sort())';

describe('the site on a host that sends files and no more', { skip: browserName === undefined && 'no Chromium here' }, () => {
  let built: BuiltSite;
  let host: WebSite;
  let browser: Browser;
  /** Of every answer from now on. */
  const headers: Record<string, string> = {};
  const more: Record<string, string> = { '/blank.html': blank, '/favicon.ico': '', '/decade/another.html': blank };

  before(async () => {
    built = await BuiltSite.build();
    const altered = `${built.path}-altered`;
    cpSync(built.path, altered, { recursive: true });
    const code = readdirSync(altered).find((name) => name.startsWith('code-')) ?? assert.fail();
    const script = join(altered, code, 'guided-search.js');
    writeFileSync(script, readFileSync(script).subarray(0, 1_000));
    host = await WebSite.open({ '/decade/': built.path, '/refused/': built.path, '/altered/': altered }, more, headers);
    browser = await Browser.start(browserName ?? '');
  });
  after(async () => {
    await browser?.end();
    await host?.close();
    built?.remove();
  });

  const open = (path: string) => browser.open(host.url(path), { width: 800 });
  /** No page is loaded anew any more. */
  const isStill = async () => {
    const visits = browser.visits;
    await sleep(500);
    return browser.visits === visits;
  };

  test('a page that somebody types in stays as it is, and the next one is isolated', async () => {
    let send = () => {};
    const held = new Promise<void>((resolve) => {
      send = resolve;
    });
    host.before = (path) => (path === '/decade/service-worker.js' ? held : Promise.resolve());
    await open('/decade/index.html');
    await browser.until("document.querySelector('textarea')");
    const visits = browser.visits;
    await browser.evaluate(`(() => {
      const field = document.querySelector('textarea');
      field.value = '1 2 3';
      field.dispatchEvent(new InputEvent('input', { bubbles: true }));
    })()`);
    send();
    await browser.until(isKept);
    assert.match(await browser.evaluate(said), /nothing is lost that you have begun/);
    assert.equal(await browser.evaluate("document.querySelector('textarea').value"), '1 2 3');
    assert.equal(await browser.evaluate('crossOriginIsolated'), false);
    assert.ok((await isStill()) && browser.visits === visits);
    await open('/decade/watch.html');
    await browser.until(isKept);
    assert.equal(await browser.evaluate('crossOriginIsolated'), true);
    assert.ok((await isStill()) && browser.visits === visits + 1);
    await forget();
  });

  /** As if the site had never been visited. */
  async function forget(): Promise<void> {
    await open('/blank.html');
    await browser.evaluate(`(async () => {
      for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
      for (const name of await caches.keys()) await caches.delete(name);
    })()`);
  }

  test('the first visit ends isolated after one more load, and computes on several threads', async () => {
    const visits = browser.visits;
    await open('/decade/index.html');
    await browser.until(isKept);
    assert.equal(await browser.evaluate('crossOriginIsolated'), true);
    assert.ok((await isStill()) && browser.visits === visits + 2);
    await type('1 2 3');
    const cores = await browser.evaluate<number>('navigator.hardwareConcurrency');
    const threads = cores === 1 ? 'one thread' : `${cores} threads`;
    await browser.until(`document.querySelector('#app').textContent.includes(' ms on ${threads} of this device')`);
  });

  test('threads start in a page that is isolated so', async () => {
    await open('/decade/watch.html');
    await browser.until("crossOriginIsolated && document.querySelector('.actions .first:enabled')");
    await browser.evaluate("document.querySelector('.actions .first').click()");
    await browser.until("document.querySelector('.plot').getAttribute('aria-label').startsWith('Loss after')");
  });

  async function type(text: string): Promise<void> {
    await browser.until("document.querySelector('.where')");
    await browser.evaluate(`(() => {
      const field = document.querySelector('textarea');
      field.value = ${JSON.stringify(text)};
      field.dispatchEvent(new InputEvent('input', { bubbles: true }));
    })()`);
  }

  test('every page opens without the host, and translates with the model that was loaded before', async () => {
    host.isUnreachable = () => true;
    for (const [path, ready] of Object.entries(pages)) {
      await open(`/decade/${path}`);
      await browser.until(`document.querySelector('${ready}') && ${isKept}`);
      assert.equal(await browser.evaluate('crossOriginIsolated'), true, path);
    }
    await open('/decade/');
    await type('4 5');
    await browser.until("document.querySelector('output .unlikely, output p').textContent.trim() !== ''");
    host.isUnreachable = () => false;
  });

  test('other pages of the host are not touched', async () => {
    await open('/decade/another.html');
    assert.equal(await browser.evaluate('crossOriginIsolated'), false);
  });

  test('a site that was built anew is seen at the next visit, and takes the place of the old one', async () => {
    await open('/blank.html');
    await browser.evaluate("caches.open('decade site of somebody else')");
    const before = await browser.evaluate<string[]>(cacheNames);
    const index = join(built.path, 'index.html');
    writeFileSync(index, readFileSync(index, 'utf8').replace('<h1>Translate</h1>', '<h1>Translate anew</h1>'));
    await addServiceWorker(built.path);
    await open('/decade/index.html');
    const heading = "document.querySelector('h1').textContent";
    assert.equal(await browser.evaluate(heading), 'Translate anew');
    assert.equal(await browser.evaluate('crossOriginIsolated'), true);
    const registration = "navigator.serviceWorker.getRegistration('/decade/')";
    await browser.until(`${registration}.then(({ waiting }) => waiting)`);
    await open('/blank.html');
    await browser.until(`${registration}.then(({ active, waiting }) => waiting === null && active.state === 'activated')`);
    const later = await browser.evaluate<string[]>(cacheNames);
    assert.equal(before.length, 3, 'of the site, of the models, and of somebody else');
    assert.equal(later.length, 3);
    assert.equal(later.filter((name) => before.includes(name)).length, 2);
    host.isUnreachable = () => true;
    await open('/decade/index.html');
    assert.equal(await browser.evaluate(heading), 'Translate anew');
    host.isUnreachable = () => false;
  });

  test('what is not whole is not kept, and the page says so', async () => {
    await open('/altered/index.html');
    await browser.until(`${said}.includes('guided-search.js is not as it was built')`);
    assert.equal(await browser.evaluate('crossOriginIsolated'), true);
    const kept = await browser.evaluate<string[]>(`(async () => {
      const name = (await caches.keys()).find((each) => each.includes('/altered/'));
      return (await (await caches.open(name)).keys()).map(({ url }) => url);
    })()`);
    assert.deepEqual(
      kept.filter((url) => /\.html$|guided-search\.js$/.test(url)),
      [],
    );
  });

  test('where no service worker is to be had, the page says so and is not loaded anew', async () => {
    host.isUnreachable = (path) => path === '/refused/service-worker.js';
    const visits = browser.visits;
    await open('/refused/index.html');
    await browser.until(`${said}.startsWith('These pages are not kept')`);
    assert.match(await browser.evaluate(said), /One thread computes\.$/);
    assert.ok((await isStill()) && browser.visits === visits + 1);
    await open('/refused/watch.html');
    await browser.until(`${said}.startsWith('These pages are not kept')`);
    assert.ok((await isStill()) && browser.visits === visits + 2);
  });

  test('a server of its own that comes to this address has no service worker', async () => {
    Object.assign(headers, isolation);
    more['/decade/models/index.json'] = '{ "models": [], "served": [] }';
    const registration = "navigator.serviceWorker.getRegistration('/decade/')";
    await open('/blank.html');
    assert.ok(await browser.evaluate(`${registration}.then(Boolean)`));
    await open('/decade/index.html');
    await browser.until(`${registration}.then((found) => !found)`);
    await browser.until("caches.keys().then((names) => !names.some((name) => name.includes('/decade/')))");
    await open('/decade/watch.html');
    await browser.until("document.querySelector('.settings')");
    assert.ok(await browser.evaluate(`${registration}.then((found) => !found)`));
    assert.ok((await browser.evaluate<string[]>(cacheNames)).includes('decade'), 'models stay');
  });
});
