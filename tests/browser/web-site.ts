import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { text } from 'node:stream/consumers';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** A static file server on this machine, and no more than that: no ranges, no cross-origin isolation. */
export class WebSite {
  /** Paths that were asked for. */
  readonly requests: string[] = [];
  /** Whether a path cannot be reached, as without a network. */
  isUnreachable: (path: string) => boolean = () => false;
  /** What is waited for before a path is answered. */
  before: (path: string) => Promise<void> = async () => {};
  /** Told what pages post. */
  onPost: (path: string, text: string) => void = () => {};
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * @param folders  folders of the disk by the path under which they are served: `/run/`
   * @param pages    texts by their path
   * @param headers  of every answer
   */
  static async open(
    folders: Readonly<Record<string, string>>,
    pages: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>>,
  ): Promise<WebSite> {
    const read = async (path: string): Promise<string | Buffer | undefined> => {
      const page = pages[path];
      const served = Object.entries(folders).find(([prefix]) => path.startsWith(prefix));
      if (page !== undefined || served === undefined) return page;
      const [prefix, folder] = served;
      return readFile(join(folder, normalize(path.slice(prefix.length)))).catch(() => undefined);
    };
    const site: WebSite = new WebSite(
      createServer(async (request, response) => {
        const { url = '/', socket } = request;
        site.requests.push(url);
        if (request.method === 'POST') {
          site.onPost(url, await text(request));
          response.end();
          return;
        }
        if (site.isUnreachable(url)) {
          socket.destroy();
          return;
        }
        await site.before(url);
        const contents = await read(url);
        const type = types[extname(url)] ?? 'application/octet-stream';
        const length = contents === undefined ? {} : { 'content-length': Buffer.byteLength(contents) };
        response.writeHead(contents === undefined ? 404 : 200, { 'content-type': type, ...length, ...headers });
        response.end(contents ?? 'not found');
      }),
    );
    await new Promise<void>((resolve) => site.#server.listen(0, '127.0.0.1', resolve));
    return site;
  }

  url(path: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
