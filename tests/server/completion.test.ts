import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { decade } from '../../src/decade.js';
import type { LoadedModel } from '../../src/loaded-model.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { train } from '../../src/parallel/train.js';
import { App } from '../../src/server/app.js';
import { resolveServerOptions } from '../../src/server/options.js';
import { Service } from '../../src/server/service.js';
import { post } from './served-models.js';

/** A language model of bytes with 16 learned positions: it can read 14 tokens and write on. */
const positions = 16;
const directory = mkdtempSync(join(tmpdir(), 'decade-context-'));
let service: Service;
let app: App;

before(async () => {
  writeFileSync(join(directory, 'text.txt'), 'the dog sees the house. ');
  const text = { text: [join(directory, 'text.txt')] };
  const lines = { ...text, documents: 'line' } as const;
  await train(
    nodeRuntime,
    {
      version: 1,
      data: { train: text, dev: text, context: positions },
      tokenizer: { kind: 'bytes' },
      model: { kind: 'transformer', positions: 'learned', maximumLength: positions, width: 8, heads: 2, decoderLayers: 1 },
      training: { stop: { steps: 1 } },
    },
    { out: join(directory, 'short'), gemm: 'webassembly', devices: 1 },
  );
  await train(
    nodeRuntime,
    {
      version: 1,
      data: { train: lines, dev: lines },
      tokenizer: { kind: 'word' },
      model: { kind: 'lstm', layers: 1, hidden: 8, attention: 'none' },
      training: { stop: { steps: 1 } },
    },
    { out: join(directory, 'words'), gemm: 'webassembly', devices: 1 },
  );
  const compute = { devices: 1, gemm: 'webassembly' };
  const runs = [join(directory, 'short'), join(directory, 'words')];
  service = await Service.open(decade(nodeRuntime), runs, resolveServerOptions(), compute);
  app = new App({ service, version: '0' });
});
after(async () => {
  await service?.dispose();
  rmSync(directory, { recursive: true, force: true });
});

interface Completion {
  choices: {
    text: string;
    finish_reason: string;
    logprobs: { tokens: string[]; text_offset: number[]; token_logprobs: (number | null)[]; top_logprobs: Record<string, number>[] | null };
  }[];
  usage: { prompt_tokens: number; completion_tokens: number };
}

async function completed(body: object, status = 200): Promise<Completion> {
  const response = await app.fetch(post('/v1/completions', body));
  const json = (await response.json()) as Completion;
  assert.equal(response.status, status, JSON.stringify(json));
  return json;
}
const refused = async (body: object) => ((await completed(body, 400)) as unknown as { error: { message: string; param: string } }).error;
const used = <Result>(call: (model: LoadedModel) => Promise<Result>) => {
  const [model] = service.languageModels;
  assert.ok(model !== undefined);
  return model.use(call);
};

const long = 'the dog sees the house. the house sees the dog. the end.';

describe('completions at the end of a context', () => {
  test('the echo of a prompt longer than the context has the log-probabilities of score --text', async () => {
    const { choices } = await completed({ prompt: long, max_tokens: 0, echo: true, logprobs: 1 });
    const { documents } = await used((model) => model.scoreText([long], { perToken: true }));
    const expected = documents[0]?.perToken?.logProbabilities.slice(1, -1) ?? [];
    const found = choices[0]?.logprobs.token_logprobs.slice(1) ?? [];
    assert.equal(found.length, long.length - 1);
    for (const [place, value] of found.entries()) assert.ok(Math.abs((value ?? 9) - (expected[place] ?? 0)) < 1e-5, String(place));
  });

  test('what evaluation harnesses ask, one more token besides, goes on from the end of such a prompt', async () => {
    const { choices, usage } = await completed({ prompt: long, max_tokens: 1, echo: true, logprobs: 1, temperature: 0 });
    const { choices: scored } = await completed({ prompt: long, max_tokens: 0, echo: true, logprobs: 1 });
    assert.deepEqual([usage.prompt_tokens, usage.completion_tokens], [long.length, 1]);
    assert.deepEqual(choices[0]?.logprobs.token_logprobs.slice(0, -1), scored[0]?.logprobs.token_logprobs);
    assert.equal(choices[0]?.logprobs.tokens.length, long.length + 1);
    // Greedy: the token that was written is the likeliest, and spelled as it is among these.
    assert.deepEqual(Object.keys(choices[0]?.logprobs.top_logprobs?.at(-1) ?? {}), choices[0]?.logprobs.tokens.slice(-1));
  });

  test('a prompt that the model has no room for is refused, not cut', async () => {
    const { message, param } = await refused({ prompt: long, max_tokens: 5 });
    assert.match(message, /^prompt: 56 tokens, of which the model can read 14 and write on/);
    assert.equal(param, 'prompt');
    assert.match((await refused({ prompt: long, max_tokens: 5, stream: true })).message, /56 tokens/);
  });

  test('a text that reaches the end of the context ends there, by its length, and its whole prompt was read', async () => {
    const prompt = 'the dog sees';
    const { choices, usage } = await completed({ prompt, max_tokens: 100, temperature: 0, echo: true, logprobs: 0 });
    assert.deepEqual([choices[0]?.finish_reason, usage.prompt_tokens, usage.completion_tokens], ['length', 12, 3]);
    const { choices: all } = await completed({ prompt: 'the dog sees t', max_tokens: 100 });
    assert.equal(all[0]?.finish_reason, 'length');
  });
});

test('tokens begin where their texts do, the space before a word among them', async () => {
  const prompt = 'the dog';
  for (const echo of [false, true]) {
    const { choices } = await completed({ model: 'words', prompt, max_tokens: 5, n: 8, seed: 1, logprobs: 0, echo });
    let spaced = 0;
    for (const { text, logprobs } of choices) {
      const whole = echo ? text : prompt + text;
      const { tokens, text_offset: offsets } = logprobs;
      for (const [place, token] of tokens.entries()) {
        if (!token.startsWith(' ') || (echo && place === 0)) continue;
        assert.equal(whole.slice(offsets[place], offsets[place + 1]), token);
        spaced++;
      }
    }
    assert.ok(spaced > 8, `${spaced} words`);
  }
});

describe('prompts of token ids', () => {
  const [begin, end] = [1, 2];
  const ids = (text: string) => Array.from(new TextEncoder().encode(text), (byte) => 4 + byte);
  const scored = async (prompt: number[]) =>
    (await completed({ prompt, max_tokens: 0, echo: true, logprobs: 0 })).choices[0]?.logprobs.token_logprobs ?? [];

  test('are read as they are: what parts documents too', async () => {
    const parted = [...ids('dog'), end, ...ids('dog')];
    const { choices, usage } = await completed({ prompt: parted, max_tokens: 2, temperature: 0, echo: true, logprobs: 0 });
    assert.deepEqual(choices[0]?.logprobs.tokens.slice(0, 7), ['d', 'o', 'g', '</s>', 'd', 'o', 'g']);
    assert.equal(usage.prompt_tokens, 7);
    assert.notEqual((await scored(parted))[5], (await scored([...ids('dog'), ...ids('dog')]))[4]);
  });

  test('a beginning that is there is not doubled', async () => {
    const [none, ...rest] = await scored([begin, ...ids('dog')]);
    assert.equal(none, null);
    assert.deepEqual(rest.slice(1), (await scored(ids('dog'))).slice(1));
    const greedy = { max_tokens: 3, temperature: 0 };
    const texts = await Promise.all([[begin, ...ids('dog')], ids('dog')].map((prompt) => completed({ ...greedy, prompt })));
    assert.equal(texts[0]?.choices[0]?.text, texts[1]?.choices[0]?.text);
  });

  test('parts of a character are spelled in bytes, so that no two tokens have one name', async () => {
    const { choices } = await completed({ prompt: 'é', max_tokens: 0, echo: true, logprobs: 20 });
    assert.deepEqual(choices[0]?.logprobs.tokens, ['bytes:\\xc3', 'bytes:\\xa9']);
    assert.equal(Object.keys(choices[0]?.logprobs.top_logprobs?.[1] ?? {}).length, 20);
  });

  test('that no text has are refused by their place', async () => {
    assert.match((await refused({ prompt: [...ids('a'), 0] })).message, /token id 0 at position 1.*but not 0 \(<pad>\)/);
    assert.match((await refused({ prompt: [9_999] })).message, /token id 9999 at position 0; expected 0 to 259/);
  });
});

test('a wrong field is named, with what it may be', async () => {
  for (const [body, message] of [
    [{ prompt: { a: 1 } }, /^prompt: \{ a: 1 \}; expected text, a list of texts, a list of token ids, or a list of such lists$/],
    [{ prompt: ['a', 5] }, /^prompt: .* expected text, a list of texts/],
    [{ temperature: 'x' }, /^temperature: 'x'; expected a number$/],
    [{ topk: 3 }, /^unknown argument topk; known: model, prompt, max_tokens/],
    [{ best_of: 3 }, /^best_of: 3; only n/],
    [{ presence_penalty: 1 }, /^presence_penalty: 1; expected 0$/],
  ] as const)
    assert.match((await refused({ prompt: 'a', ...body })).message, message);
  await completed({ prompt: 'a', max_tokens: 1, best_of: 1, presence_penalty: 0, logit_bias: {}, suffix: null, user: 'me' });
});
