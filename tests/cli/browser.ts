import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The browser of this machine, if it has one. */
export const browserName = names.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0);

export interface View {
  readonly width: number;
  readonly dark?: boolean;
  /** Default: true. */
  readonly scripts?: boolean;
}

/** A node of the tree that a screen reader is given (Chrome DevTools Protocol, Accessibility.AXNode). */
export interface AccessibleNode {
  readonly nodeId: string;
  readonly parentId?: string;
  /** Whether a screen reader passes over it. */
  readonly ignored: boolean;
  readonly role?: { readonly value: string };
  readonly name?: { readonly value: string };
  readonly properties?: readonly { readonly name: string; readonly value: { readonly value?: unknown } }[];
}

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: { readonly [name: string]: unknown };
  readonly error?: { readonly message: string };
}

/** A headless browser without a network, driven over a pipe (Chrome DevTools Protocol), with one page. */
export class Browser {
  /** Errors, messages on the console and requests that left the disk, or the site that was opened. */
  readonly complaints: string[] = [];
  /** Pages that have been begun, those too that were loaded anew. */
  visits = 0;
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #waiting = new Map<number, { resolve(result: Answer['result']): void; reject(error: Error): void }>();
  readonly #loads: (() => void)[] = [];
  #next = 1;
  #session: string | undefined;
  #site = 'file:';

  private constructor(name: string) {
    this.#profile = mkdtempSync(join(tmpdir(), 'decade-browser-'));
    const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic'];
    const options = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-pipe', ...quiet];
    this.#process = spawn(name, [...options, `--user-data-dir=${this.#profile}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    this.#process.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the browser ended'));
    });
    let text = '';
    (this.#process.stdio[4] as Readable).setEncoding('utf8').on('data', (chunk: string) => {
      const messages = (text + chunk).split('\0');
      text = messages.pop() ?? '';
      for (const message of messages) this.#receive(JSON.parse(message) as Answer);
    });
  }

  static async start(name: string): Promise<Browser> {
    const browser = new Browser(name);
    const { targetId } = await browser.#send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await browser.#send('Target.attachToTarget', { targetId, flatten: true });
    browser.#session = sessionId as string;
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await browser.#send(`${domain}.enable`);
    return browser;
  }

  /** Opens a file, or an http URL of a site that may be asked for more, and waits until it has been read. */
  async open(path: string, { width, dark = false, scripts = true }: View): Promise<void> {
    await this.#send('Emulation.setScriptExecutionDisabled', { value: !scripts });
    await this.#send('Emulation.setTouchEmulationEnabled', { enabled: width < 600 });
    await this.#send('Emulation.setDeviceMetricsOverride', { width, height: 800, deviceScaleFactor: 1, mobile: width < 600 });
    const scheme = { name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' };
    await this.#send('Emulation.setEmulatedMedia', { features: [scheme] });
    const loaded = new Promise<void>((resolve) => this.#loads.push(resolve));
    const url = path.startsWith('http:') ? path : pathToFileURL(path).href;
    this.#site = new URL('/', url).href;
    await this.#send('Page.navigate', { url });
    await loaded;
  }

  /** The value of an expression in the page. */
  async evaluate<Value>(expression: string): Promise<Value> {
    const { result, exceptionDetails } = await this.#send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value: Value }).value;
  }

  /** Waits until an expression, or what it promises, is true in the page, or in one that comes after it. */
  async until(expression: string, seconds = 60): Promise<void> {
    for (const end = Date.now() + 1_000 * seconds; ; await sleep(50)) {
      if (await this.evaluate(`(async () => Boolean(await (${expression})))()`).catch(() => false)) return;
      if (Date.now() > end) throw new Error(`after ${seconds} s still not so: ${expression}`);
    }
  }

  /** Puts a finger on the middle of an element, or beside it, and lifts it. */
  async tap(selector: string, { x = 0, y = 0 } = {}): Promise<void> {
    const [left = 0, top = 0] = await this.evaluate<number[]>(`(() => {
      const element = document.querySelector(${JSON.stringify(selector)});
      element.scrollIntoView({ block: 'center' });
      const box = element.getBoundingClientRect();
      return [box.left + box.width / 2, box.top + box.height / 2];
    })()`);
    await this.#send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x: left + x, y: top + y }] });
    await this.#send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    // A tap becomes a click a moment later.
    await this.evaluate('new Promise((resolve) => setTimeout(resolve, 100))');
  }

  /** What a screen reader is told of the page. */
  async accessibilityTree(): Promise<readonly AccessibleNode[]> {
    const { nodes } = await this.#send('Accessibility.getFullAXTree');
    return nodes as readonly AccessibleNode[];
  }

  async press(key: string): Promise<void> {
    const text = key === 'Enter' ? { text: '\r' } : {};
    for (const type of ['keyDown', 'keyUp'])
      await this.#send('Input.dispatchKeyEvent', { type, key, code: key, ...(type === 'keyDown' && text) });
  }

  async end(): Promise<void> {
    const exited = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill();
    await exited;
    // Processes of the browser's own may still write there for a moment.
    for (let left = 40; ; left--) {
      try {
        return rmSync(this.#profile, { recursive: true, force: true });
      } catch (error) {
        if (left === 0) throw error;
        await sleep(50);
      }
    }
  }

  #send(method: string, params: object = {}): Promise<{ readonly [name: string]: unknown }> {
    const id = this.#next++;
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    (this.#process.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: (result = {}) => resolve(result), reject });
    });
  }

  #receive({ id, method, params, result, error }: Answer): void {
    if (id !== undefined) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error.message));
    } else if (method === 'Page.loadEventFired') {
      for (const resolve of this.#loads.splice(0)) resolve();
    } else if (method === 'Page.frameNavigated') {
      this.visits++;
    } else if (method === 'Network.requestWillBeSent') {
      const { url } = (params as { request: { url: string } }).request;
      if (!url.startsWith(this.#site)) this.complaints.push(`request of ${url}`);
    } else if (method === 'Runtime.consoleAPICalled' || method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded') {
      this.complaints.push(`${method} ${JSON.stringify(params)}`);
    }
  }
}
