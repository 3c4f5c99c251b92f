import type { Readable, Writable } from 'node:stream';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import type { Decade } from '../decade.js';
import type { Service } from '../server/service.js';
import { addTools } from './tools.js';

/** Makes a server for agents for each connection. */
function factory(service: Service, library: Pick<Decade, 'evaluate'>, version: string): () => McpServer {
  return () => {
    const server = new McpServer({ name: 'decade', version }, { capabilities: { tools: {} } });
    addTools(server, service, library);
    return server;
  };
}

/** Answers agents that come by HTTP. */
export function agentsByHttp(
  service: Service,
  library: Pick<Decade, 'evaluate'>,
  version: string,
): (request: Request) => Promise<Response> {
  const handler = createMcpHandler(factory(service, library, version));
  return (request) => handler.fetch(request);
}

/** Answers an agent that started this process, until it closes the pipe. */
export async function agentByPipe(
  service: Service,
  library: Pick<Decade, 'evaluate'>,
  version: string,
  { input, output, signal }: { readonly input: Readable; readonly output: Writable; readonly signal: AbortSignal },
): Promise<void> {
  const transport = new StdioServerTransport(input, output);
  const ended = new Promise<void>((resolve) => {
    input.once('end', resolve);
    input.once('close', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const handle = serveStdio(factory(service, library, version), { transport });
  await ended;
  await handle.close();
}
