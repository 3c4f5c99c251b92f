import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';

/** A browser that shows a page and is told nothing more: what the page finds, it posts to its site. */
export interface OtherEngine {
  /** What is missing here, if anything is. */
  readonly missing: string | undefined;
  /** Shows a page; gives what ends the browser. */
  show(url: string): Promise<() => Promise<void>>;
}

/** Nothing is asked of the network but the page. */
const firefoxPreferences = {
  'app.update.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': '',
};

const firefox = programOf('firefox-esr') ?? programOf('firefox');
const miniBrowser = webKitProgram();
const display = programOf('Xvfb');

export const otherEngines: Readonly<Record<string, OtherEngine>> = {
  Firefox: {
    missing: firefox === undefined ? 'no Firefox here (Debian: firefox-esr)' : undefined,
    async show(url) {
      const profile = mkdtempSync(join(tmpdir(), 'decade-firefox-'));
      const preferences = Object.entries(firefoxPreferences).map(
        (entry) => `user_pref(${entry.map((part) => JSON.stringify(part)).join(', ')});\n`,
      );
      writeFileSync(join(profile, 'user.js'), preferences.join(''));
      const end = started(firefox ?? '', ['--headless', '--no-remote', '--profile', profile, url], {});
      return async () => {
        await end();
        rmSync(profile, { recursive: true, force: true, maxRetries: 20 });
      };
    },
  },
  WebKit: {
    missing:
      miniBrowser === undefined || display === undefined ? 'no WebKit with a display here (Debian: webkit2gtk-driver xvfb)' : undefined,
    async show(url) {
      const home = mkdtempSync(join(tmpdir(), 'decade-webkit-'));
      const screen = await startedScreen(display ?? '');
      const folders = { HOME: home, XDG_CACHE_HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home };
      // A screen without a graphics card.
      const plain = {
        NO_AT_BRIDGE: '1',
        LIBGL_ALWAYS_SOFTWARE: '1',
        WEBKIT_DISABLE_COMPOSITING_MODE: '1',
        WEBKIT_DISABLE_DMABUF_RENDERER: '1',
      };
      // As Safari does for isolated pages; root may start no sandbox.
      const allowed = { JSC_useSharedArrayBuffer: '1', WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' };
      const end = started(miniBrowser ?? '', [url], { DISPLAY: screen.name, ...folders, ...plain, ...allowed });
      return async () => {
        await end();
        await screen.end();
        rmSync(home, { recursive: true, force: true, maxRetries: 20 });
      };
    },
  },
};

function programOf(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/** Debian has it beside the library, in a folder named after the machine. */
function webKitProgram(): string | undefined {
  if (!existsSync('/usr/lib')) return undefined;
  const folders = readdirSync('/usr/lib').filter((name) => name.endsWith('-linux-gnu'));
  return folders.map((name) => `/usr/lib/${name}/webkit2gtk-4.1/MiniBrowser`).find((path) => existsSync(path));
}

/** Starts a program in a group of its own; gives what ends it and its children. */
function started(program: string, given: readonly string[], variables: Readonly<Record<string, string>>): () => Promise<void> {
  const child = spawn(program, given, { stdio: 'ignore', detached: true, env: { ...process.env, ...variables } });
  const exited = once(child, 'exit');
  return async () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    await exited;
  };
}

/** A screen in memory, at the first number that is free. */
async function startedScreen(program: string): Promise<{ readonly name: string; readonly end: () => Promise<void> }> {
  const child = spawn(program, ['-displayfd', '3', '-screen', '0', '800x600x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  const [number] = (await once(child.stdio[3] as Readable, 'data')) as [Buffer];
  const end = async () => {
    child.kill();
    await exited;
  };
  return { name: `:${String(number).trim()}`, end };
}
