import type { PredictedToken } from '../decoding/token-predictions.js';
import type { GeneratedText } from '../decoding/generation/generator.js';
import type { LoadedModel } from '../loaded-model.js';
import { Refusal } from './refusal.js';
import type { ServedModel } from './served-model.js';

/** Text, or the ids of its tokens. */
export type Prompt = string | readonly number[];

export interface CompletionRequest {
  readonly prompts: readonly Prompt[];
  /** At most; 0: only the prompt, for its log-probabilities. */
  readonly tokens: number;
  readonly samples: number;
  readonly temperature: number;
  readonly topP: number;
  readonly stop: readonly string[];
  /** Random if undefined. */
  readonly seed: number | undefined;
  /** Likeliest tokens to give at every place; undefined: no log-probabilities. */
  readonly top: number | undefined;
  readonly echo: boolean;
  readonly signal: AbortSignal;
}

interface Choice {
  readonly index: number;
  readonly text: string;
  readonly logprobs: TokenLogprobs | null;
  readonly finish_reason: 'stop' | 'length';
}

interface TokenLogprobs {
  readonly tokens: string[];
  readonly token_logprobs: (number | null)[];
  readonly top_logprobs: (Record<string, number> | null)[] | null;
  readonly text_offset: number[];
}

/** Completions of all prompts, in their order, all samples of a prompt together. */
export function complete(model: ServedModel, request: CompletionRequest) {
  return model.use(async (loaded) => {
    const prompts = request.prompts.map((prompt) => readPrompt(loaded, prompt));
    const written = await write(loaded, prompts, request);
    const choices: Choice[] = [];
    let completionTokens = 0;
    for (const [place, prompt] of prompts.entries()) {
      for (const sample of written[place] ?? []) {
        completionTokens += sample.ids.length;
        choices.push({
          index: choices.length,
          text: (request.echo ? prompt.text : '') + sample.text,
          logprobs: request.top === undefined ? null : await logprobsOf(loaded, prompt, sample, request),
          finish_reason: sample.ending === 'length' ? 'length' : 'stop',
        });
      }
    }
    return { choices, promptTokens: prompts.reduce((sum, { ids }) => sum + ids.length, 0), completionTokens };
  });
}

/** One completion of one prompt, piece by piece. */
export function completionPieces(model: ServedModel, request: CompletionRequest, give: (text: string) => Promise<void>) {
  return model.use(async (loaded) => {
    const [first = ''] = request.prompts;
    const prompt = readPrompt(loaded, first);
    let end: { tokens: number; ending: GeneratedText['ending'] } = { tokens: 0, ending: 'length' };
    if (request.echo) await give(prompt.text);
    const { samples: _, ...options } = optionsOf(request);
    const onEnd = (written: typeof end) => {
      end = written;
    };
    for await (const piece of loaded.generate(prompt.text, { ...options, onEnd })) await give(piece);
    const reason: 'stop' | 'length' = end.ending === 'length' ? 'length' : 'stop';
    return { reason, promptTokens: prompt.ids.length, completionTokens: end.tokens };
  });
}

interface ReadPrompt {
  readonly text: string;
  readonly ids: readonly number[];
  readonly pieces: readonly string[];
}

function readPrompt(model: LoadedModel, prompt: Prompt): ReadPrompt {
  if (typeof prompt === 'string') return readText(model, prompt);
  let pieces: string[];
  try {
    pieces = model.pieces(prompt);
  } catch {
    throw new Refusal(400, 'prompt: token ids that the model does not have', { parameter: 'prompt' });
  }
  return readText(model, pieces.join(''));
}

function readText(model: LoadedModel, text: string): ReadPrompt {
  const ids = model.tokens(text);
  return { text, ids, pieces: model.pieces(ids) };
}

function optionsOf({ tokens, samples, temperature, topP, stop, seed, signal }: CompletionRequest) {
  const drawn = seed ?? Math.floor(Math.random() * 2 ** 32);
  return { maximumLength: Math.max(1, tokens), samples, temperature, topP, stop: [...stop], seed: drawn, signal };
}

async function write(
  model: LoadedModel,
  prompts: readonly ReadPrompt[],
  request: CompletionRequest,
): Promise<Pick<GeneratedText, 'text' | 'ids' | 'ending'>[][]> {
  const nothing = { text: '', ids: new Int32Array(), ending: 'length' } as const;
  if (request.tokens === 0) return prompts.map(() => Array.from({ length: request.samples }, () => nothing));
  const written: GeneratedText[][] = [];
  const texts = prompts.map(({ text }) => text);
  for await (const { samples } of model.generateStream(texts, optionsOf(request))) written.push([...samples]);
  return written;
}

/** Of the tokens of the completion and, with `echo`, of those of the prompt, whose first has none before it: null. */
async function logprobsOf(
  model: LoadedModel,
  prompt: ReadPrompt,
  { ids }: Pick<GeneratedText, 'ids'>,
  { top = 0, echo, signal }: CompletionRequest,
): Promise<TokenLogprobs> {
  const all = [...prompt.ids, ...ids];
  const predicted = await model.predictions(all, { top, signal });
  const pieces = [...prompt.pieces, ...model.pieces(ids)];
  const from = echo ? 0 : prompt.ids.length;
  const isFirst = (place: number) => place === 0 && prompt.ids.length > 0;
  let offset = echo ? 0 : prompt.text.length;
  const places = all.slice(from).map((_, index) => from + index);
  const likeliest = ({ likeliest }: PredictedToken, place: number): Record<string, number> | null =>
    isFirst(place) ? null : Object.fromEntries(likeliest.map(({ id, logProbability }) => [model.pieces([id])[0] ?? '', logProbability]));
  return {
    tokens: places.map((place) => pieces[place] ?? ''),
    token_logprobs: places.map((place) => (isFirst(place) ? null : (predicted[place]?.logProbability ?? null))),
    top_logprobs: top === 0 ? null : places.map((place) => likeliest(predicted[place] as PredictedToken, place)),
    text_offset: places.map((place) => {
      const here = offset;
      offset += pieces[place]?.length ?? 0;
      return here;
    }),
  };
}
