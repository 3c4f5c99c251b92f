import { createAdaptorServer, type HttpBindings } from '@hono/node-server';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { DecadeError } from '../core/errors.js';
import type { App } from './app.js';
import type { ServerOptions } from './options.js';

/** An app behind a socket. */
export interface Listening {
  /** Where it is reached: `http://127.0.0.1:5000`. */
  readonly url: string;
  /**
   * Takes no more connections, answers those there are, and resolves when they are closed: none waits longer for an answer than the
   * deadline of a request.
   */
  stop(): Promise<void>;
}

/** Connections that may wait to be accepted while this thread computes. */
const backlog = 4_096;

/** Milliseconds that a connection without a request stays open while the server stops: one may be on its way. */
const quiet = 500;

/** Milliseconds that those at the door are let in for, where others go on coming. */
const patience = 5_000;

/**
 * Opens a port for an app.
 *
 * @throws DecadeError `resource` for a port that is in use or not allowed, and for an address that is not of this machine
 */
export async function listen(app: App, { host, port, deadline }: Pick<ServerOptions, 'host' | 'port' | 'deadline'>): Promise<Listening> {
  const connections = new Connections();
  // It puts its own Request and Response in the place of Node's, which cost more than everything else that is done with HTTP.
  const server = createAdaptorServer({
    fetch: async (request, environment) => {
      const response = await app.fetch(request, environment);
      connections.answering(environment as HttpBindings);
      return response;
    },
  }) as Server;
  connections.watch(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(cannotListen(host, port, cause)));
    server.listen({ port, host, backlog }, resolve);
  });
  const { address, family, port: opened } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${opened}`,
    async stop() {
      connections.isStopping = true;
      const accepted = connections.accepted();
      app.hold(accepted);
      await accepted;
      // That of HTTP resets every connection whose next request has not been read yet.
      const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
      const sweep = setInterval(() => connections.closeQuiet(), quiet);
      const cut = setTimeout(() => server.closeAllConnections(), deadline + quiet);
      await closed;
      clearInterval(sweep);
      clearTimeout(cut);
      // Ends the timers of HTTP.
      server.close();
      await app.idle();
    },
  };
}

/** The connections of a server, and the newest request of each. */
class Connections {
  isStopping = false;
  readonly #newest = new Map<Socket, ServerResponse | undefined>();
  #count = 0;

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      this.#count++;
      this.#newest.set(socket, undefined);
      socket.once('close', () => this.#newest.delete(socket));
    });
    server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => this.#newest.set(socket, response));
  }

  /**
   * Resolves when nobody waits to be let in: Node accepts one connection in a turn of the event loop. What follows at once comes before the
   * next can connect.
   */
  async accepted(): Promise<void> {
    const end = performance.now() + patience;
    for (let before = -1; before !== this.#count && performance.now() < end; ) {
      before = this.#count;
      for (let turn = 0; turn < 2; turn++) await setImmediate();
    }
  }

  /** While the server stops, the answer to the last request of a connection closes it. Others may have been sent behind this one. */
  answering({ incoming: { socket }, outgoing }: HttpBindings): void {
    if (this.isStopping && this.#newest.get(socket) === outgoing) outgoing.shouldKeepAlive = false;
  }

  /** Closes those without a request under way. */
  closeQuiet(): void {
    for (const [socket, response] of this.#newest) if (response === undefined || response.writableFinished) socket.destroy();
  }
}

function cannotListen(host: string, port: number, cause: NodeJS.ErrnoException): DecadeError {
  const error = (received: string, next: string) => new DecadeError('resource', { where: `${host}:${port}`, received, next, cause });
  switch (cause.code) {
    case 'EADDRINUSE':
      return error(
        'a port that is in use',
        `stop what listens there, or take another: --port ${port + 1}, or --port 0 for any that is free`,
      );
    case 'EACCES':
      return error('a port that only the administrator may open', 'take one from 1024 on, such as --port 5000');
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return error('an address that this machine does not have', '--host 127.0.0.1 is this machine only, --host 0.0.0.0 all its addresses');
    default:
      return error(cause.message, 'take another address or port: --host, --port');
  }
}
