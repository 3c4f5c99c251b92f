import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import * as z from 'zod';
import type { Prompt } from '../../decoding/generation/generator.js';
import type { Gate } from '../access.js';
import { checkPrompts, type CompletionRequest, complete, completionPieces } from './completion.js';
import type { ApiOperation } from '../openapi.js';
import { Refusal } from '../refusal.js';
import { checkFields, type ServerEnvironment, unknownField } from '../request.js';
import type { Service } from '../service.js';

/** The part of OpenAI's API that language models answer: models and completions. */

const tokenIds = z.array(z.int().min(0));
const promptForms: readonly z.ZodType<string | number[] | string[] | number[][]>[] = [
  z.string(),
  z.array(z.string()).min(1),
  tokenIds.min(1),
  z.array(tokenIds).min(1),
];
const fields = {
  model: z.string().optional(),
  prompt: z
    .union(promptForms, { error: () => 'expected text, a list of texts, a list of token ids, or a list of such lists' })
    .default('')
    .describe('Text or token ids, one or several.'),
  max_tokens: z.int().min(0).default(16),
  temperature: z.number().min(0).max(2).default(1),
  top_p: z.number().gt(0).max(1).default(1),
  n: z.int().min(1).max(128).default(1),
  stream: z.boolean().default(false),
  stream_options: z.object({ include_usage: z.boolean().optional() }).optional(),
  logprobs: z.int().min(0).max(20).optional().describe('Likeliest tokens to give at every place.'),
  echo: z.boolean().default(false).describe('Repeat the prompt, with logprobs its log-probabilities too.'),
  stop: z.union([z.string(), z.array(z.string()).max(100)]).optional(),
  seed: z.int().optional(),
  user: z.string().optional().describe('Read by nobody.'),
  api_key: z.string().optional(),
};
/** What other servers have. Clients that set it to what changes nothing are not refused. */
const withoutEffect = {
  suffix: z.literal('', { error: () => 'expected none: the models write on from a prompt' }).optional(),
  best_of: z.int().optional(),
  frequency_penalty: z.literal(0).optional(),
  presence_penalty: z.literal(0).optional(),
  logit_bias: z.strictObject({}).optional(),
};
const completionRequest = z.strictObject({ ...fields, ...withoutEffect }, { error: unknownField(Object.keys(fields)) });
const usage = z.object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() });
const logprobs = z.object({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number().nullable()),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).nullable(),
  text_offset: z.array(z.int()),
});
const completion = z.object({
  id: z.string(),
  object: z.literal('text_completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.object({ index: z.int(), text: z.string(), logprobs: logprobs.nullable(), finish_reason: z.enum(['stop', 'length']).nullable() }),
  ),
  usage: usage.optional(),
});
const modelList = z.object({
  object: z.literal('list'),
  data: z.array(z.object({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() })),
});
const failure = z.object({
  error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string().nullable() }),
});

export const openAiOperations: readonly ApiOperation[] = [
  { method: 'get', path: '/v1/models', summary: 'Language models (OpenAI)', response: modelList, failure },
  {
    method: 'post',
    path: '/v1/completions',
    summary: 'Write on from prompts (OpenAI)',
    request: completionRequest,
    response: completion,
    failure,
  },
];

export function openAi(service: Service, gate: Gate): Hono<ServerEnvironment> {
  const app = new Hono<ServerEnvironment>();
  const described = (model: Service['models'][number]) => ({
    id: model.name,
    object: 'model' as const,
    created: model.created,
    owned_by: 'decade',
  });

  app.get('/v1/models', (context) => {
    gate.requireKeyInHeader(context);
    return context.json({ object: 'list', data: service.languageModels.map(described) } satisfies z.input<typeof modelList>);
  });
  app.get('/v1/models/:name', (context) => {
    gate.requireKeyInHeader(context);
    return context.json(described(service.languageModel(context.req.param('name'))));
  });

  app.post('/v1/completions', async (context) => {
    const given = await gate.read(context);
    const checked = checkFields(completionRequest, given);
    const {
      prompt,
      max_tokens: tokens,
      temperature,
      top_p: topP,
      n,
      stream,
      stream_options,
      logprobs: top,
      echo,
      stop = [],
      seed,
    } = checked;
    if ((checked.best_of ?? n) !== n) throw new Refusal(400, `best_of: ${checked.best_of}; only n (${n})`, { parameter: 'best_of' });
    const { limits } = service.options;
    const model = service.languageModel(checked.model);
    const prompts = promptsOf(prompt);
    if (tokens > limits.tokens) throw new Refusal(400, `max_tokens: ${tokens}; at most ${limits.tokens}`, { parameter: 'max_tokens' });
    if (prompts.length > limits.texts)
      throw new Refusal(400, `prompt: ${prompts.length} prompts; at most ${limits.texts}`, { parameter: 'prompt' });
    if (prompts.some(({ length }) => length > limits.characters)) {
      throw new Refusal(400, `prompt: longer than ${limits.characters}`, { parameter: 'prompt' });
    }
    if (tokens === 0 && !echo) throw new Refusal(400, 'max_tokens: 0 without echo asks for nothing', { parameter: 'max_tokens' });
    const { notes } = context.env;
    gate.charge(context, given, prompts.length * n);
    notes.texts = prompts.length;
    notes.models = [model.name];
    const request: CompletionRequest = {
      prompts,
      tokens,
      samples: n,
      temperature,
      topP,
      stop: [stop].flat().filter((each) => each !== ''),
      seed: seed === undefined ? undefined : seed >>> 0,
      top,
      echo,
      signal: notes.signal,
    };
    const head = { id: `cmpl-${notes.id}`, object: 'text_completion' as const, created: Math.floor(Date.now() / 1_000), model: model.name };
    if (!stream) {
      const leave = await service.completions.enter(notes.signal);
      try {
        const { choices, promptTokens, completionTokens } = await complete(model, request);
        return context.json({ ...head, choices, usage: usageOf(promptTokens, completionTokens) } satisfies z.input<typeof completion>);
      } finally {
        leave();
      }
    }
    if (prompts.length * n > 1 || top !== undefined || tokens === 0) {
      throw new Refusal(400, 'stream: only one completion, of at least one token and without logprobs, is streamed', {
        parameter: 'stream',
      });
    }
    await checkPrompts(model, request);
    const leave = await service.completions.enter(notes.signal);
    return streamSSE(context, async (sse) => {
      const send = (choices: z.input<typeof completion>['choices'], more: object = {}) =>
        sse.writeSSE({ data: JSON.stringify({ ...head, choices, ...more }) });
      const choice = (text: string, finish_reason: 'stop' | 'length' | null) => [{ index: 0, text, logprobs: null, finish_reason }];
      try {
        const end = await completionPieces(model, request, (text) => send(choice(text, null)));
        await send(choice('', end.reason));
        if (stream_options?.include_usage) await send([], { usage: usageOf(end.promptTokens, end.completionTokens) });
        await sse.writeSSE({ data: '[DONE]' });
      } catch (error) {
        const { status, message } = error instanceof Refusal ? error : { status: 500, message: 'The completion failed' };
        notes.error = error;
        await sse.writeSSE({ data: JSON.stringify(openAiFailure(status, message)) });
      } finally {
        leave();
      }
    });
  });
  return app;
}

/** An error in OpenAI's shape. */
export function openAiFailure(status: number, message: string, parameter?: string): z.input<typeof failure> {
  const types: Readonly<Record<number, string>> = { 401: 'authentication_error', 403: 'permission_error', 429: 'rate_limit_error' };
  const type = types[status] ?? (status >= 500 ? 'server_error' : 'invalid_request_error');
  return { error: { message, type, param: parameter ?? null, code: status === 404 && parameter === 'model' ? 'model_not_found' : null } };
}

function promptsOf(prompt: z.output<typeof completionRequest>['prompt']): Prompt[] {
  if (typeof prompt === 'string') return [prompt];
  if (prompt.every((each) => typeof each === 'number')) return [prompt];
  return prompt as Prompt[];
}

function usageOf(promptTokens: number, completionTokens: number): z.input<typeof usage> {
  return { prompt_tokens: promptTokens, completion_tokens: completionTokens, total_tokens: promptTokens + completionTokens };
}
