import { createAdaptorServer } from '@hono/node-server';
import { stat } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DecadeError } from '../core/errors.js';
import type { App } from './app.js';
import type { ServerOptions } from './options.js';

/** An app behind a socket. */
export interface Listening {
  /** Where it is reached: `http://127.0.0.1:5000`. */
  readonly url: string;
  /** Takes no more connections, and resolves when everything that was accepted has been answered. */
  stop(): Promise<void>;
}

/**
 * Opens a port for an app.
 *
 * @throws DecadeError `resource` for a port that is in use or not allowed
 */
export async function listen(app: App, { host, port }: Pick<ServerOptions, 'host' | 'port'>): Promise<Listening> {
  const server = createAdaptorServer({
    fetch: (request, environment) => app.fetch(request, environment),
    overrideGlobalObjects: false,
  }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const received = { EADDRINUSE: 'a port that is in use', EACCES: 'a port that only the administrator may open' }[cause.code ?? ''];
      const next = 'take another: --port 5001';
      reject(new DecadeError('resource', { where: `${host}:${port}`, received: received ?? cause.message, next, cause }));
    });
    server.listen(port, host, resolve);
  });
  const { address, family, port: opened } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${opened}`,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await app.stop();
      server.closeIdleConnections();
      await closed;
    },
  };
}

/**
 * Calls back when the files of models have changed and stay as they are for one interval: whoever writes them has finished.
 *
 * @returns stops it
 */
export function watchModels(paths: readonly string[], interval: number, changed: () => void): () => void {
  const stateOf = async () => {
    const files = paths.flatMap((path) => [path, join(path, 'model.json'), join(path, 'model.safetensors')]);
    const states = await Promise.all(files.map((file) => stat(file).catch(() => undefined)));
    return states.map((state) => (state?.isFile() ? `${state.mtimeMs} ${state.size} ${state.ino}` : '')).join('\n');
  };
  let [loaded, last]: [string | undefined, string | undefined] = [undefined, undefined];
  const look = async () => {
    const now = await stateOf();
    loaded ??= now;
    if (now !== loaded && now === last) {
      loaded = now;
      changed();
    }
    last = now;
  };
  void look();
  const timer = setInterval(() => void look(), interval).unref();
  return () => clearInterval(timer);
}
