import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { after, before, test } from 'node:test';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { agentByPipe, agentsByHttp } from '../../src/agents/mcp.js';
import { App } from '../../src/server/app.js';
import type { Service } from '../../src/server/service.js';
import { TinyModels } from '../server/served-models.js';

let models: TinyModels;
let service: Service;
let client: Client;

before(async () => {
  models = await TinyModels.train();
  ({ service } = await models.serve());
  const app = new App({ service, version: '1.2.3', agents: agentsByHttp(service, models.library, '1.2.3') });
  client = new Client({ name: 'test', version: '1' });
  const fetch = (url: string | URL, init?: RequestInit) => app.fetch(new Request(url, init));
  await client.connect(new StreamableHTTPClientTransport(new URL('http://localhost/mcp'), { fetch }));
});
after(async () => {
  await client?.close();
  await service?.dispose();
});

const called = (name: string, given: Record<string, unknown>) => client.callTool({ name, arguments: given });
type Found = Record<string, unknown>;

test('six tools, each with the types of its input and output', async () => {
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map(({ name }) => name).sort(), ['alternatives', 'evaluate', 'generate', 'languages', 'score', 'translate']);
  for (const { inputSchema, outputSchema } of tools) assert.ok(inputSchema.type === 'object' && outputSchema?.type === 'object');
});

test('an agent translates, checks, compares and writes', async () => {
  const translated = (await called('translate', { texts: ['hello dog .'], target: 'fr' })).structuredContent as Found;
  const [{ text, flags } = { text: '', flags: [] }] = translated.translations as { text: string; flags: string[] }[];
  assert.deepEqual([text, flags], ['bonjour chien .', []]);
  const pairs = [text, 'deux maison .'].map((target) => ({ source: 'hello dog .', target }));
  const { scores } = (await called('score', { pairs, source: 'en', target: 'fr' })).structuredContent as Found;
  const [right, wrong] = scores as { perToken: number }[];
  assert.ok((right?.perToken ?? -9) > (wrong?.perToken ?? 0));
  const { alternatives } = (await called('alternatives', { text: 'one two .', source: 'en', target: 'fr', count: 3 }))
    .structuredContent as Found;
  assert.equal((alternatives as unknown[]).length, 3);
  const evaluated = (await called('evaluate', { hypotheses: ['un deux'], references: [['un deux']], metrics: ['chrf'] }))
    .structuredContent as Found;
  assert.equal((evaluated.scores as { score: number }[])[0]?.score, 100);
  const generated = (await called('generate', { prompt: 'the', maximumTokens: 4, temperature: 0 })).structuredContent as Found;
  assert.deepEqual([generated.tokens, generated.ending], [4, 'length']);
  const { languages } = (await called('languages', {})).structuredContent as Found;
  assert.deepEqual(languages, [{ code: 'en', name: 'English', targets: ['fr'] }]);
});

test('an error says what to try', async () => {
  const { isError, content } = await called('translate', { texts: ['a'], target: 'ja' });
  assert.equal(isError, true);
  assert.match(JSON.stringify(content), /ja is not supported.*languages/);
});

test('an argument that a tool does not have is named, with those that it has', async () => {
  const { isError, content } = await called('translate', { texts: ['one .'], target: 'fr', lang: 'en' });
  assert.equal(isError, true);
  assert.match(JSON.stringify(content), /unknown argument lang; known: texts, source, target, format, model/);
  assert.match(JSON.stringify((await called('translate', { target: 'fr' })).content), /texts/);
  await assert.rejects(called('translat', {}), /translat not found/);
});

test('the texts of a call are counted, and too many a minute are refused', async () => {
  const limited = await models.serve({ limits: { textsPerMinute: 3 } });
  const app = new App({ service: limited.service, version: '0', agents: agentsByHttp(limited.service, models.library, '0') });
  const hurried = new Client({ name: 'test', version: '1' });
  const fetch = (url: string | URL, init?: RequestInit) => app.fetch(new Request(url, init));
  await hurried.connect(new StreamableHTTPClientTransport(new URL('http://localhost/mcp'), { fetch }));
  const call = () => hurried.callTool({ name: 'translate', arguments: { texts: ['one .', 'two .'], target: 'fr' } });
  assert.notEqual((await call()).isError, true);
  assert.match(JSON.stringify((await call()).content), /Slowdown: 3 per 1 minute/);
  await hurried.close();
  await limited.service.dispose();
});

test('progress is told sentence by sentence, and a cancelled call ends', async () => {
  const told: number[] = [];
  const texts = ['one .\ntwo .\nthree .'];
  await client.callTool({ name: 'translate', arguments: { texts, target: 'fr' } }, { onprogress: ({ progress }) => told.push(progress) });
  assert.deepEqual(told, [1, 2, 3]);
  const cancel = new AbortController();
  const many = { texts: Array(1_000).fill('one two three four .'), target: 'fr' };
  const call = client.callTool({ name: 'translate', arguments: many }, { signal: cancel.signal, onprogress: () => cancel.abort() });
  await assert.rejects(call);
  await service.models[0]?.sentences.idle();
});

test('the same over a pipe, until it is closed', async () => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const served = agentByPipe(service, models.library, '1.2.3', { input, output, signal: new AbortController().signal });
  const answer = new Promise<string>((resolve) => output.once('data', (bytes) => resolve(String(bytes))));
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
  input.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })}\n`);
  assert.match(await answer, /"name":"decade"/);
  input.end();
  await served;
});

test('a line that is no message is answered by the error of JSON-RPC, and those after it are read', async () => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const served = agentByPipe(service, models.library, '1.2.3', { input, output, signal: new AbortController().signal });
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'caf\u00e9 \u2028', version: '1' } };
  const initialize = Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', id: 3, method: 'initialize', params })}\n`);
  input.write('{"jsonrpc": "2.0", "id": 1, \n\n[]\n{"id": 2, "method": "ping"}\n');
  // Within a character.
  const cut = initialize.indexOf(0xc3) + 1;
  input.write(initialize.subarray(0, cut));
  input.write(initialize.subarray(cut));
  const answers: { id: number | null; error?: { code: number } }[] = [];
  for await (const line of createInterface({ input: output })) {
    answers.push(JSON.parse(line));
    if (answers.length === 4) break;
  }
  assert.deepEqual(
    answers.map(({ id, error }) => [id, error?.code]),
    [
      [null, -32_700],
      [null, -32_600],
      [2, -32_600],
      [3, undefined],
    ],
  );
  input.end();
  await served;
});
