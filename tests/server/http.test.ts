import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { App, LogRecord } from '../../src/server/app.js';
import type { Service } from '../../src/server/service.js';
import { get, post, TinyModels } from './served-models.js';

let models: TinyModels;
let app: App;
let service: Service;
let log: LogRecord[];

before(async () => {
  models = await TinyModels.train();
  ({ app, service, log } = await models.serve({ limits: { characters: 200, texts: 5, terms: 3 } }));
});
after(async () => {
  await service?.dispose();
});

async function json(answer: Response | Promise<Response>, status = 200): Promise<Record<string, unknown>> {
  const response = await answer;
  const body = (await response.json()) as Record<string, unknown>;
  assert.equal(response.status, status, JSON.stringify(body));
  return body;
}
const translate = (body: object, status = 200) => json(app.fetch(post('/translate', { source: 'en', target: 'fr', ...body })), status);

describe('LibreTranslate', () => {
  test('translates a text, and a list into a list', async () => {
    const { translatedText } = await translate({ q: 'hello dog .' });
    assert.equal(translatedText, 'bonjour chien .');
    const list = await translate({ q: ['one two .', '', '😀', 'hello dog .'] });
    assert.deepEqual(list.translatedText, ['un deux .', '', '😀', 'bonjour chien .']);
    const form = new Request('http://localhost/translate', {
      method: 'POST',
      body: new URLSearchParams({ q: 'one .', source: 'EN', target: 'fr' }),
    });
    assert.equal((await json(app.fetch(form))).translatedText, 'un .');
  });

  test('line breaks and white space survive, and long texts are put together again', async () => {
    const { translatedText } = await translate({ q: ' one two .\n\n\thello dog .  dog .\r\n' });
    assert.equal(translatedText, ' un deux .\n\n\tbonjour chien .  chien .\r\n');
  });

  test('alternatives, n-best lists, scores and attention', async () => {
    const answer = await translate({ q: 'one two .', alternatives: 3, nbest: 2, scores: true, attention: true });
    const { translatedText, alternatives, nbest, score, attention, flags, model } = answer as {
      translatedText: string;
      flags: string[];
      model: string;
      alternatives: string[];
      nbest: { text: string; logProbability: number }[];
      score: { score: number };
      attention: { source: string[]; target: string[]; weights: number[][] }[];
    };
    assert.equal(new Set([translatedText, ...alternatives]).size, 1 + alternatives.length);
    assert.ok(alternatives.length <= 3);
    assert.equal(nbest.length, 2);
    assert.ok((nbest[0]?.logProbability ?? -9) <= 0 && score.score <= 0);
    assert.deepEqual(attention[0]?.source, ['one', 'two', '.']);
    assert.equal(attention[0]?.weights.length, attention[0]?.target.length);
    assert.deepEqual([flags, model], [[], 'en-fr']);
  });

  test('the best of a beam is chosen by other criteria than its score, and hypotheses are made to differ', async () => {
    const q = 'one two three .';
    const chosen = await translate({ q, select: 'mbr', utility: 'bleu', beam: 8, nbest: 3, scores: true });
    const { translatedText, nbest } = chosen as { translatedText: string; nbest: { text: string }[] };
    const loaded = await models.library.load(models.translator, { devices: 1, gemm: 'webassembly' });
    const [expected] = await loaded.translate([q], { beam: 8, nbest: 3, select: { by: 'mbr', utility: 'bleu' } });
    const [diverse] = await loaded.translate([q], { beam: 4, nbest: 4, diversity: { groups: 4, strength: 2 } });
    await loaded.dispose();
    assert.equal(translatedText, expected?.text);
    assert.deepEqual(
      nbest.map(({ text }) => text),
      expected?.nbest.map(({ text }) => text),
    );
    assert.equal((await translate({ q, select: 'self-consistency' })).translatedText, 'un deux trois .');
    const form = { q, source: 'en', target: 'fr', beam: '4', nbest: '4', diverseGroups: '4', diversity: '2.0' };
    const differing = await json(app.fetch(new Request('http://localhost/translate', { method: 'POST', body: new URLSearchParams(form) })));
    assert.deepEqual(
      (differing.nbest as { text: string }[]).map(({ text }) => text),
      diverse?.nbest.map(({ text }) => text),
    );
  });

  test('given words, forbidden words and the terms of a glossary are asked of sentences, and what is not met is told', async () => {
    const must = await translate({ q: 'hello dog .', must: [['maison', 'cinq']], beam: 8 });
    assert.match(must.translatedText as string, /maison|cinq/);
    assert.deepEqual([must.unmet, (must.flags as string[]).includes('unmet')], [[], false]);
    const mustNot = await translate({ q: ['hello dog .', 'one .'], mustNot: 'chien' });
    const [first = '', second] = mustNot.translatedText as string[];
    assert.ok(!first.includes('chien') && second === 'un .', first);
    const glossary = '# terms\ndog\tquatre|cinq\nhouse\tmaison\tun';
    const { translatedText, unmet } = await translate({ q: 'hello dog .\none two .', glossary, beam: 8 });
    const [withTerm = '', without] = (translatedText as string).split('\n');
    assert.ok(/quatre|cinq/.test(withTerm) && without === 'un deux .', translatedText as string);
    assert.deepEqual(unmet, []);
    const impossible = await translate({ q: 'one .', must: 'Zürich' });
    assert.deepEqual([impossible.unmet, impossible.flags], [['must have Zürich'], ['unmet']]);
    assert.ok(!('unmet' in (await translate({ q: 'one .' }))));
  });

  test('sentences of which words are asked share batches with others, which get what they would get alone', async () => {
    const batches = () => Number(/^decade_batch_sentences_count (\d+)$/m.exec(service.metrics.text())?.[1]);
    const before = batches();
    let begin = () => {};
    app.hold(new Promise((resolve) => (begin = resolve)));
    const asked = translate({ q: 'one two .', mustNot: ['deux'] });
    const others = translate({ q: ['hello dog .', 'one two .'] });
    while ((service.translators[0]?.sentences.waiting ?? 0) < 3) await setImmediate();
    begin();
    assert.deepEqual((await others).translatedText, ['bonjour chien .', 'un deux .']);
    assert.ok(!((await asked).translatedText as string).includes('deux'));
    assert.equal(batches(), before + 1);
  });

  test('auto finds the language out, and says it for each text', async () => {
    const answer = await translate({ q: ['hello dog .', 'house .'], source: 'auto' });
    assert.deepEqual(
      (answer.detectedLanguage as { language: string }[]).map(({ language }) => language),
      ['en', 'en'],
    );
    const [first] = (await json(app.fetch(post('/detect', { q: 'hello my dog' })))) as unknown as {
      language: string;
      confidence: number;
    }[];
    assert.equal(first?.language, 'en');
    assert.deepEqual(await json(app.fetch(post('/detect', { q: '1 2 3' }))), [{ confidence: 0, language: 'en' }]);
  });

  test('HTML: every tag once, what is protected untouched', async () => {
    const q = '<p>hello <b>dog</b> . <code>one</code></p>\n<ul><li>two &amp; {{three}}</li></ul>';
    const { translatedText } = (await translate({ q, format: 'html', alternatives: 2 })) as { translatedText: string };
    assert.deepEqual(translatedText.match(/<[^>]*>/g)?.sort(), q.match(/<[^>]*>/g)?.sort());
    assert.ok(translatedText.includes('<code>one</code>') && translatedText.includes('{{three}}'), translatedText);
    assert.ok(translatedText.startsWith('<p>') && translatedText.indexOf('<b>') < translatedText.indexOf('</b>'), translatedText);
  });

  test('errors have its words, in its order of checks', async () => {
    const errors: [object, RegExp][] = [
      [{ source: null, target: 'xx' }, /^Invalid request: missing q parameter$/],
      [{ q: 'a', source: null, target: null }, /^Invalid request: missing source parameter$/],
      [{ q: 'a', target: null, alternatives: 'x' }, /^Invalid request: missing target parameter$/],
      [{ q: Array(6).fill('a'), alternatives: 'x' }, /^Invalid request: alternatives parameter is not a number$/],
      [{ q: 'a', alternatives: 11 }, /^Invalid request: alternatives parameter must be <= 10$/],
      [{ q: Array(6).fill('a'), source: 'xx' }, /^Invalid request: request \(6\) exceeds text limit \(5\)$/],
      [{ q: 'a'.repeat(201), source: 'xx' }, /^Invalid request: request \(201\) exceeds text limit \(200\)$/],
      [{ q: 'a', source: 'xx', format: 'pdf' }, /^xx is not supported$/],
      [{ q: 'a', format: 'pdf' }, /^pdf format is not supported$/],
      [{ q: 'a', source: 'fr', target: 'en' }, /^English \(en\) is not available as a target language from French \(fr\)$/],
      [{ q: 'a', beam: 0 }, /^Invalid request: beam: /],
      [{ q: 'a', select: 'best' }, /^Invalid request: select: .*expected one of mbr, self-consistency/],
      [{ q: 'a', utility: 'bleu' }, /^Invalid request: utility: bleu without select: mbr$/],
      [{ q: 'a', diversity: 1 }, /^Invalid request: diversity: 1 without diverseGroups$/],
      [{ q: 'a', diverseGroups: 2 }, /^diverseGroups: 2; expected a number that divides the beam size, 5$/],
      [{ q: 'a', must: ['b', ' '] }, /^Invalid request: must\.1: ' '; expected a word or several/],
      [{ q: 'a', mustNot: Array(101).fill('b') }, /^Invalid request: mustNot: .*at most 100/],
      [{ q: 'One. Two.', must: ['b'] }, /^must: a text of 2 sentences; expected one sentence/],
      [{ q: 'a', glossary: 'cat\tchat\ndog' }, /^Invalid request: glossary: line 2: 1 column; expected a term, its forms/],
      [{ q: 'a', glossary: 'a\tb\nc\td\ne\tf\ng\th' }, /^Invalid request: glossary: 4 terms; expected at most 3$/],
    ];
    for (const [body, message] of errors) assert.match((await translate(body, 400)).error as string, message);
    assert.match((await json(app.fetch(post('/translate', '{"q": ')), 400)).error as string, /not JSON$/);
    assert.match((await json(app.fetch(post('/translate', '[]')), 400)).error as string, /not a JSON object/);
    assert.match((await json(app.fetch(post('/translate', 'x', { 'content-type': 'image/png' })), 415)).error as string, /image\/png/);
    assert.match((await json(app.fetch(post('/translate', 'x', { 'content-encoding': 'gzip' })), 415)).error as string, /gzip/);
    const broken = new Request('http://localhost/translate', { method: 'POST', body: Uint8Array.of(0x22, 0xff, 0x22) });
    assert.match((await json(app.fetch(broken), 400)).error as string, /not UTF-8$/);
    const large = new Request('http://localhost/translate', { method: 'POST', body: JSON.stringify({ q: 'a'.repeat(5_000_000) }) });
    await json(app.fetch(large), 413);
    for (const request of [get('/detect'), post('/languages', {}), post('/health', {}), post('/spec', {}), get('/translate')])
      await json(app.fetch(request), 405);
    await json(app.fetch(get('/nothing')), 404);
  });

  test('sentences of an event stream come one by one, then the whole', async () => {
    const answer = await app.fetch(
      post('/translate', { q: 'one .\nhello dog .', source: 'en', target: 'fr' }, { accept: 'text/event-stream' }),
    );
    const events = (await answer.text())
      .trim()
      .split('\n\n')
      .map((event) => event.split('\n').map((line) => line.replace(/^\w+: /, '')));
    assert.deepEqual(
      events.map((lines) => lines.find((line) => /^\w+$/.test(line))),
      ['sentence', 'sentence', 'translation'],
    );
    assert.match(events.at(-1)?.join() ?? '', /un \.\\nbonjour chien \./);
  });

  test('languages, settings and health', async () => {
    assert.deepEqual(await json(app.fetch(get('/languages'))), [{ code: 'en', name: 'English', targets: ['fr'] }]);
    assert.equal((await json(app.fetch(get('/frontend/settings')))).charLimit, 200);
    for (const path of ['/health', '/health/live']) assert.deepEqual(await json(app.fetch(get(path))), { status: 'ok' });
  });
});

describe('DeepL', () => {
  const answered = async (body: object, status = 200) =>
    json(app.fetch(post('/v2/translate', { target_lang: 'FR', source_lang: 'EN', ...body })), status);

  test('unknown elements follow their words, and those that are named are handled as asked', async () => {
    const text = ['hello <x id="1">dog</x> .', 'hello <keep>dog</keep> .'];
    const { translations } = await answered({ text, tag_handling: 'xml', ignore_tags: 'keep,other' });
    const [first, second] = (translations as { text: string }[]).map((each) => each.text);
    assert.equal(first?.replace(/<[^>]*>/g, ''), 'bonjour chien .');
    assert.match(first ?? '', /<x id="1">.*<\/x>/);
    assert.match(second ?? '', /<keep>dog<\/keep>/);
  });

  test('what would change the text and is not to be had is refused, with what may be asked', async () => {
    for (const [body, message] of [
      [{ formality: 'more' }, /^Bad request: formality: 'more'; expected default, prefer_more or prefer_less/],
      [{ glossary_id: 'g' }, /^Bad request: glossary_id: 'g'; expected none/],
      [{ text: 5 }, /^Bad request: text: 5; expected text or a list$/],
      [{ target_lang: null }, /^Bad request: missing target_lang; expected text$/],
    ] as const)
      assert.match((await answered({ text: 'a', ...body }, 400)).message as string, message);
    assert.match(
      (await json(app.fetch(get('/v2/languages?type=both')), 400)).message as string,
      /type: 'both'; expected one of source, target$/,
    );
  });
});

describe('OpenAI completions', () => {
  type Completion = {
    choices: {
      text: string;
      finish_reason: string;
      logprobs: {
        tokens: string[];
        token_logprobs: (number | null)[];
        top_logprobs: (Record<string, number> | null)[];
        text_offset: number[];
      };
    }[];
    usage: { completion_tokens: number };
  };
  const completed = async (body: object, status = 200) =>
    (await json(app.fetch(post('/v1/completions', { model: 'writer', ...body })), status)) as unknown as Completion;

  test('prompts as text and as tokens, several samples, the same with the same seed', async () => {
    const asked = { prompt: ['the ', 'the '], n: 2, max_tokens: 5, seed: 7 };
    const { choices } = await completed(asked);
    assert.equal(choices.length, 4);
    assert.deepEqual(await completed(asked).then((again) => again.choices), choices);
    const greedy = { max_tokens: 6, temperature: 0 };
    const [text] = (await completed({ ...greedy, prompt: 'the' })).choices;
    const ids = service.languageModels[0]?.use(async (model) => model.readPrompt('the').ids);
    assert.equal((await completed({ ...greedy, prompt: await ids })).choices[0]?.text, text?.text);
  });

  test('stop ends a text; without, its length does', async () => {
    const [long] = (await completed({ prompt: 'the', max_tokens: 8, temperature: 0 })).choices;
    assert.equal(long?.finish_reason, 'length');
    const [short] = (await completed({ prompt: 'the', max_tokens: 8, temperature: 0, stop: long?.text.slice(2, 4) })).choices;
    assert.deepEqual([short?.text, short?.finish_reason], [long?.text.slice(0, 2), 'stop']);
  });

  test('echo gives the log-probabilities of the prompt, which are those of the text', async () => {
    const { choices } = await completed({ prompt: 'the dog', max_tokens: 0, echo: true, logprobs: 2 });
    const [{ text, logprobs } = { text: '', logprobs: undefined }] = choices;
    assert.equal(text, 'the dog');
    assert.equal(logprobs?.tokens.join(''), text);
    assert.deepEqual([logprobs?.token_logprobs[0], logprobs?.top_logprobs[0]], [null, null]);
    assert.equal(Object.keys(logprobs?.top_logprobs[1] ?? {}).length, 2);
    const ofModel = await service.languageModels[0]?.use((model) => model.predictions(model.readPrompt('the dog').ids));
    assert.deepEqual(
      logprobs?.token_logprobs.slice(1),
      ofModel?.slice(1).map((token) => token?.logProbability),
    );
    const best = Math.max(...Object.values(logprobs?.top_logprobs[3] ?? {}));
    assert.ok(best >= (logprobs?.token_logprobs[3] ?? 0) - 1e-6);
  });

  test('what is not to be had has one error in its shape', async () => {
    for (const [body, status] of [
      [{ suffix: 'x' }, 400],
      [{ max_tokens: -1 }, 400],
      [{ model: 'gpt' }, 404],
      [{ stream: true, n: 2 }, 400],
    ] as const) {
      const { error } = (await completed({ prompt: 'a', ...body }, status)) as unknown as { error: { message: string; type: string } };
      assert.ok(error.message !== '' && error.type === 'invalid_request_error');
    }
    const { error } = (await json(app.fetch(post('/v1/chat/completions', {})), 404)) as unknown as { error: { message: string } };
    assert.match(error.message, /Nothing is served/);
  });
});

describe('service', () => {
  test('the description validates, and has every route', async () => {
    const document = await json(app.fetch(get('/openapi.json')));
    const { valid, errors } = await new Validator().validate(structuredClone(document));
    assert.ok(valid, JSON.stringify(errors));
    const paths = Object.keys(document.paths as object);
    for (const path of ['/translate', '/v2/translate', '/v1/completions']) assert.ok(paths.includes(path), path);
  });

  test('requests have ids, logs and metrics, none of which has a text', async () => {
    log.length = 0;
    const answer = await app.fetch(post('/translate', { q: 'hello dog .', source: 'en', target: 'fr' }, { 'x-request-id': 'mine-1' }));
    assert.equal(answer.headers.get('x-request-id'), 'mine-1');
    const [record] = log;
    assert.deepEqual(
      [record?.id, record?.status, record?.path, record?.texts, record?.characters, record?.models],
      ['mine-1', 200, '/translate', 1, 11, ['en-fr']],
    );
    assert.doesNotMatch(JSON.stringify(log), /hello/);
    const metrics = await (await app.fetch(get('/metrics'))).text();
    assert.match(metrics, /^decade_http_requests_total\{route="\/translate",method="POST",status="200"\} \d+$/m);
    assert.match(metrics, /^decade_batch_sentences_bucket\{le="\+Inf"\} \d+$/m);
    assert.doesNotMatch(metrics, /hello/);
    for (const line of metrics.trim().split('\n')) assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? -?[\d.e+-]+)$/);
  });

  test('a key is asked for, in any of its places', async () => {
    const locked = await models.serve({ keys: ['secret-key-1'] });
    const body = { q: 'one .', source: 'en', target: 'fr' };
    assert.match((await json(locked.app.fetch(post('/translate', body)), 400)).error as string, /to get an API key$/);
    assert.equal((await json(locked.app.fetch(post('/translate', { ...body, api_key: 'secret-key-2' })), 403)).error, 'Invalid API key');
    for (const request of [
      post('/translate', { ...body, api_key: 'secret-key-1' }),
      post('/translate', { ...body, apiKey: 'secret-key-1' }),
      post('/translate', body, { authorization: 'Bearer secret-key-1' }),
      post('/translate', body, { 'x-api-key': 'secret-key-1' }),
    ])
      await json(locked.app.fetch(request));
    await json(locked.app.fetch(post('/v1/completions', { prompt: 'a' })), 401);
    await json(locked.app.fetch(post('/v2/translate', { text: 'a', target_lang: 'FR' })), 403);
    await json(locked.app.fetch(get('/languages')));
    const metrics = await locked.app.fetch(get('/metrics'));
    assert.deepEqual([metrics.status, metrics.headers.get('www-authenticate')], [401, 'Bearer']);
    await json(locked.app.fetch(get('/v2/languages')), 403);
    await locked.service.dispose();
  });

  test('too many texts a minute are told when to come again', async () => {
    const slow = await models.serve({ limits: { textsPerMinute: 2 } });
    const body = { q: ['one .', 'two .'], source: 'en', target: 'fr' };
    await json(slow.app.fetch(post('/translate', body)));
    const refused = await slow.app.fetch(post('/translate', body));
    assert.deepEqual([refused.status, refused.headers.get('retry-after')], [429, '60']);
    assert.match(((await refused.json()) as { error: string }).error, /^Slowdown: /);
    await slow.service.dispose();
  });

  test('a full queue, a deadline and a client that leaves', async () => {
    const small = await models.serve({ queue: { waiting: 2, window: 200 }, deadline: 2_000 });
    const body = { q: ['one .', 'one two .'], source: 'en', target: 'fr' };
    const first = small.app.fetch(post('/translate', body));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const refused = await small.app.fetch(post('/translate', body));
    assert.deepEqual([refused.status, Number(refused.headers.get('retry-after')) >= 1], [503, true]);
    assert.deepEqual((await json(first)).translatedText, ['un .', 'un deux .']);
    await small.service.models[0]?.sentences.idle();
    const leaving = new AbortController();
    const left = small.app.fetch(new Request(post('/translate', body), { signal: leaving.signal }));
    await new Promise((resolve) => setTimeout(resolve, 20));
    leaving.abort();
    assert.equal((await left).status, 499);
    assert.equal(small.service.models[0]?.sentences.waiting, 0);
    await small.service.dispose();
    const late = await models.serve({ queue: { window: 500 }, deadline: 20 });
    assert.equal((await late.app.fetch(post('/translate', body))).status, 504);
    await late.service.dispose();
  });

  test('models are exchanged while requests run, and none is lost; two reloads at once are one', async () => {
    const requests = Array.from({ length: 20 }, (_, index) => translate({ q: index % 2 === 0 ? 'one .' : 'hello dog .' }));
    const reloads = [service.reload(), service.reload()];
    for (const failed of await Promise.all(reloads)) assert.deepEqual(failed, []);
    requests.push(translate({ q: 'one .' }));
    const texts = (await Promise.all(requests)).map(({ translatedText }) => translatedText);
    assert.deepEqual(new Set(texts), new Set(['un .', 'bonjour chien .']));
  });

  test('a reload that is asked for during another is done after it, once', async () => {
    let loads = 0;
    const load: typeof models.library.load = (...given) => {
      loads++;
      return models.library.load(...given);
    };
    const { Service } = await import('../../src/server/service.js');
    const again = await Service.open({ ...models.library, load }, [models.translator], service.options, {
      devices: 1,
      gemm: 'webassembly',
    });
    await Promise.all([again.reload(), again.reload(), again.reload()]);
    assert.equal(loads, 3);
    await again.dispose();
  });

  test('what nothing is served for is a 404, and another method a 405', async () => {
    await json(app.fetch(get('/nothing')), 404);
    await json(app.fetch(post('/', {})), 405);
  });

  test('a model whose languages are not known is refused, with what to say', async () => {
    const nameless = { ...models.library, languages: async () => undefined };
    const { Service } = await import('../../src/server/service.js');
    await assert.rejects(Service.open(nameless, [models.translator], service.options, { devices: 1 }), /--languages en-fr=en-fr/);
  });
});
