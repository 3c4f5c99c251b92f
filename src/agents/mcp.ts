import { type Readable, Transform, type Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { createMcpHandler, type McpRequestContext, McpServer } from '@modelcontextprotocol/server';
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import type { Decade } from '../decade.js';
import type { Charge } from '../server/access.js';
import type { Service } from '../server/service.js';
import { addTools } from './tools.js';

/** Makes a server for agents for each connection. */
function factory(service: Service, library: Pick<Decade, 'evaluate'>, version: string): (context?: McpRequestContext) => McpServer {
  return ({ authInfo } = { era: 'modern' }) => {
    const server = new McpServer({ name: 'decade', version }, { capabilities: { tools: {} } });
    addTools(server, service, library, authInfo?.extra?.charge as Charge | undefined);
    return server;
  };
}

/** Answers agents that come by HTTP. */
export function agentsByHttp(
  service: Service,
  library: Pick<Decade, 'evaluate'>,
  version: string,
): (request: Request, charge: Charge) => Promise<Response> {
  const handler = createMcpHandler(factory(service, library, version));
  // What belongs to a request reaches its server in no other way.
  return (request, charge) => handler.fetch(request, { authInfo: { token: '', clientId: '', scopes: [], extra: { charge } } });
}

/** Answers an agent that started this process, until it closes the pipe. */
export async function agentByPipe(
  service: Service,
  library: Pick<Decade, 'evaluate'>,
  version: string,
  { input, output, signal }: { readonly input: Readable; readonly output: Writable; readonly signal: AbortSignal },
): Promise<void> {
  const messages = input.pipe(wholeMessages((error) => output.write(`${JSON.stringify(error)}\n`)));
  const transport = new StdioServerTransport(messages, output);
  const ended = new Promise<void>((resolve) => {
    messages.once('end', resolve);
    input.once('close', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const handle = serveStdio(factory(service, library, version), { transport });
  await ended;
  await handle.close();
  input.unpipe(messages);
}

interface JsonRpcError {
  readonly jsonrpc: '2.0';
  readonly id: string | number | null;
  readonly error: { readonly code: number; readonly message: string };
}

/** Characters of a message. */
const longestMessage = 8 * 1024 ** 2;

/** Passes on the lines that are messages; what is wrong with another, which the library passes over in silence, is answered. */
function wholeMessages(answer: (error: JsonRpcError) => void): Transform {
  const decoder = new StringDecoder('utf8');
  let line = '';
  return new Transform({
    transform(bytes: Buffer, _, done) {
      const [rest = '', ...begun] = decoder.write(bytes).split('\n');
      line += rest;
      for (const next of begun) {
        const fault = line.trim() === '' ? undefined : faultOf(line);
        if (fault !== undefined) answer(fault);
        else this.push(`${line}\n`);
        line = next;
      }
      // One more character tells that it was too long.
      line = line.slice(0, longestMessage + 1);
      done();
    },
  });
}

/** What JSON-RPC 2.0 (section 5.1) says to a line that is no message; undefined for one that is. */
function faultOf(line: string): JsonRpcError | undefined {
  const error = (code: number, message: string, id: string | number | null = null) =>
    ({ jsonrpc: '2.0', id, error: { code, message } }) as const;
  if (line.length > longestMessage) return error(-32_600, `Invalid Request: longer than ${longestMessage} characters`);
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    return error(-32_700, 'Parse error: expected one JSON object per line');
  }
  const fields = (typeof message === 'object' && message !== null ? message : {}) as Record<string, unknown>;
  const { jsonrpc, id, method, result } = fields;
  if (jsonrpc === '2.0' && (typeof method === 'string' || result !== undefined || fields.error !== undefined)) return undefined;
  const known = typeof id === 'string' || typeof id === 'number' ? id : null;
  return error(-32_600, 'Invalid Request: expected an object with jsonrpc "2.0" and a method', known);
}
