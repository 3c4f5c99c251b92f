import { Browser, browserName } from '../cli/browser.js';
import { compiledSource } from '../house/sources.js';
import { WebSite } from './web-site.js';

/** A page for expressions. */
const blank = '<!doctype html><meta charset="utf-8"><title>blank</title>';
/** Where a site has the library. */
const library = '/node_modules/decade/dist/src/';
const imports = `const decade = await import('${library}browser/index.js'); const { DecadeError, load, pack, train } = decade;`;

/** What makes a page cross-origin isolated, so that its threads may share memory. */
export const isolation = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' } as const;

/** A browser on a site that has the library and what a test gives it. */
export class WebPage {
  readonly browser: Browser;
  readonly site: WebSite;
  readonly #open: (headers: Readonly<Record<string, string>>) => Promise<WebSite>;

  /**
   * @param folders  of the disk, by the path under which they are served
   * @param pages    texts by their path
   */
  static async open(folders: Readonly<Record<string, string>>, pages: Readonly<Record<string, string>> = {}): Promise<WebPage> {
    const open = (headers: Readonly<Record<string, string>>) =>
      WebSite.open({ [library]: compiledSource, ...folders }, { '/blank.html': blank, '/favicon.ico': '', ...pages }, headers);
    const site = await open({});
    const page = new WebPage(await Browser.start(browserName ?? ''), site, open);
    await page.show('/blank.html');
    return page;
  }

  private constructor(browser: Browser, site: WebSite, open: (headers: Readonly<Record<string, string>>) => Promise<WebSite>) {
    this.browser = browser;
    this.site = site;
    this.#open = open;
  }

  async show(path: string): Promise<void> {
    await this.browser.open(this.site.url(path), { width: 800 });
  }

  /** What a function's body in the page returns; it has `load`, `train`, `pack`, `DecadeError` and all of `decade`. */
  run<Value>(body: string): Promise<Value> {
    return this.browser.evaluate<Value>(`(async () => { ${imports}\n${body} })()`);
  }

  /** As `run`, in a page that is served with these headers; `requests` gets the paths that it asks for. */
  async runUnder<Value>(headers: Readonly<Record<string, string>>, body: string, requests: string[] = []): Promise<Value> {
    const site = await this.#open(headers);
    try {
      await this.browser.open(site.url('/blank.html'), { width: 800 });
      return await this.run<Value>(body);
    } finally {
      requests.push(...site.requests);
      await site.close();
      await this.show('/blank.html');
    }
  }

  async close(): Promise<void> {
    await this.browser.end();
    await this.site.close();
  }
}
