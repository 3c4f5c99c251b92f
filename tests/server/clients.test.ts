import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Translator } from 'deepl-node';
import { libreTranslate } from 'libretranslate-ts';
import OpenAI from 'openai';
import { Translate } from 'translate';
import { agentsByHttp } from '../../src/agents/mcp.js';
import { App } from '../../src/server/app.js';
import { listen, type Listening } from '../../src/server/listen.js';
import type { Service } from '../../src/server/service.js';
import { TinyModels } from './served-models.js';

/** Other people's clients, unchanged, over a socket. */
const key = 'a-key-for-clients';
let models: TinyModels;
let service: Service;
let listening: Listening;

before(async () => {
  models = await TinyModels.train();
  ({ service } = await models.serve({ keys: [key] }));
  const app = new App({ service, version: '0', agents: agentsByHttp(service, models.library, '0') });
  listening = await listen(app, { host: '127.0.0.1', port: 0, deadline: 60_000 });
});
after(async () => {
  await listening?.stop();
  await service?.dispose();
});

test('translate', async () => {
  const translate = Object.assign(Translate({ engine: 'libre', key, from: 'en', to: 'fr' }), { url: `${listening.url}/translate` });
  assert.equal(await translate('hello dog .'), 'bonjour chien .');
});

test('libretranslate-ts', async () => {
  libreTranslate.setApiEndpoint(listening.url);
  libreTranslate.setApiKey(key);
  assert.deepEqual(await libreTranslate.listLanguages(), [{ code: 'en', name: 'English', targets: ['fr'] }]);
  assert.equal((await libreTranslate.translate('one two .', 'en', 'fr', 1)).translatedText, 'un deux .');
  assert.equal((await libreTranslate.detect('hello my dog')).language, 'en');
});

test('deepl-node', async () => {
  const translator = new Translator(key, { serverUrl: listening.url });
  const [first, second] = await translator.translateText(['one .', 'hello dog .'], null, 'fr');
  assert.deepEqual([first?.text, second?.text, second?.detectedSourceLang], ['un .', 'bonjour chien .', 'en']);
  assert.deepEqual(
    (await translator.getSourceLanguages()).map(({ code }) => code),
    ['en'],
  );
  assert.equal((await translator.getUsage()).character?.count, 16);
  await assert.rejects(translator.translateText('a', 'en', 'ja'), /ja is not supported/i);
});

test('openai', async () => {
  const client = new OpenAI({ baseURL: `${listening.url}/v1`, apiKey: key, maxRetries: 0 });
  assert.deepEqual(
    (await client.models.list()).data.map(({ id }) => id),
    ['writer'],
  );
  const asked = { model: 'writer', prompt: 'the dog', max_tokens: 12, temperature: 0 };
  const whole = await client.completions.create({ ...asked, logprobs: 1 });
  assert.equal(whole.choices[0]?.logprobs?.tokens?.join(''), whole.choices[0]?.text);
  const stream = await client.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } });
  let [text, tokens] = ['', 0];
  for await (const { choices, usage } of stream) {
    text += choices[0]?.text ?? '';
    tokens = usage?.completion_tokens ?? tokens;
  }
  assert.deepEqual([text, tokens], [whole.choices[0]?.text, whole.usage?.completion_tokens]);
  await assert.rejects(client.chat.completions.create({ model: 'writer', messages: [] }), { status: 404 });
});

test('the client of the Model Context Protocol', async () => {
  const url = new URL('/mcp', listening.url);
  const connected = async (headers: Record<string, string>) => {
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
    return client;
  };
  await assert.rejects(connected({}));
  const client = await connected({ authorization: `Bearer ${key}` });
  const { structuredContent } = await client.callTool({ name: 'translate', arguments: { texts: ['hello dog .'], target: 'fr' } });
  assert.match(JSON.stringify(structuredContent), /"text":"bonjour chien \."/);
  await client.close();
});
