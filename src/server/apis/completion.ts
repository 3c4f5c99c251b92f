import type { PredictedToken } from '../../decoding/token-predictions.js';
import type { GeneratedText, Prompt } from '../../decoding/generation/generator.js';
import type { LoadedModel } from '../../loaded-model.js';
import { Refusal } from '../refusal.js';
import type { ServedModel } from '../served-model.js';

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

/** Throws a 400 for prompts that the model cannot read: before anything is sent of a stream. */
export function checkPrompts(model: ServedModel, request: CompletionRequest): Promise<void> {
  return model.use(async (loaded) => {
    for (const prompt of request.prompts) readPrompt(loaded, prompt, request);
  });
}

/** Completions of all prompts, in their order, all samples of a prompt together. */
export function complete(model: ServedModel, request: CompletionRequest) {
  return model.use(async (loaded) => {
    const prompts = request.prompts.map((prompt) => readPrompt(loaded, prompt, request));
    const choices: Choice[] = [];
    let completionTokens = 0;
    for (const [place, samples] of (await write(loaded, prompts, request)).entries()) {
      const prompt = prompts[place] as ReadPrompt;
      for (const sample of samples) {
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
    const prompt = readPrompt(loaded, first, request);
    let end: { tokens: number; ending: GeneratedText['ending'] } = { tokens: 0, ending: 'length' };
    if (request.echo) await give(prompt.text);
    const { samples: _, ...options } = optionsOf(request);
    const onEnd = (written: typeof end) => {
      end = written;
    };
    for await (const piece of loaded.generate(prompt.written, { ...options, onEnd })) await give(piece);
    const reason: 'stop' | 'length' = end.ending === 'length' ? 'length' : 'stop';
    return { reason, promptTokens: prompt.ids.length, completionTokens: end.tokens };
  });
}

interface ReadPrompt {
  readonly text: string;
  readonly ids: readonly number[];
  /** The tokens that are written on from: all, or those at the end that the model has room for. */
  readonly written: readonly number[];
}

/**
 * A prompt is never cut unsaid: one that the model has no room for is refused, unless it is only to be scored, or scored and written on
 * from, for which a context slides over it.
 */
function readPrompt(model: LoadedModel, prompt: Prompt, { tokens, echo, top }: CompletionRequest): ReadPrompt {
  const { ids, text } = model.readPrompt(prompt);
  const { promptRoom } = model;
  if (ids.length <= promptRoom || tokens === 0) return { text, ids, written: ids };
  if (echo && top !== undefined) return { text, ids, written: ids.slice(Math.min(tokens, Math.floor(promptRoom / 2)) - promptRoom) };
  throw new Refusal(
    400,
    `prompt: ${ids.length} tokens, of which the model can read ${promptRoom} and write on. Shorten it; with echo and logprobs a longer one is scored`,
    { parameter: 'prompt' },
  );
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
  const given = prompts.map((prompt) => prompt.written);
  for await (const { samples } of model.generateStream(given, optionsOf(request))) written.push([...samples]);
  return written;
}

/** Of the tokens of the completion's text and, with `echo`, of those of the prompt, whose first has none before it: null. */
async function logprobsOf(
  model: LoadedModel,
  prompt: ReadPrompt,
  { ids, text }: Pick<GeneratedText, 'ids' | 'text'>,
  { top = 0, echo, signal }: CompletionRequest,
): Promise<TokenLogprobs> {
  const isWhole = prompt.written.length === prompt.ids.length;
  const inOneGo = isWhole || ids.length > 0 ? await model.predictions([...prompt.written, ...ids], { top, signal }) : [];
  const ofPrompt = !echo ? [] : isWhole ? inOneGo.slice(0, prompt.ids.length) : await model.predictions(prompt.ids, { top, signal });
  const predicted = [...ofPrompt, ...inOneGo.slice(prompt.written.length)];
  const shown = [...(echo ? prompt.ids : []), ...ids];
  // At the beginning of a text the space before a word is left out, so a completion is not decoded without its prompt.
  const written = model.pieces([...prompt.ids, ...ids]).slice(prompt.ids.length);
  const pieces = [...(echo ? model.pieces(prompt.ids) : []), ...written];
  const offsets: number[] = [];
  let offset = echo ? 0 : prompt.text.length;
  for (const piece of pieces) {
    offsets.push(offset);
    offset += piece.length;
  }
  // Tokens of a stop string are not part of the text.
  const end = prompt.text.length + text.length;
  const places = [...shown.keys()].filter((place) => (echo && place < prompt.ids.length) || (offsets[place] as number) < end);
  const known = (place: number) => (echo && place === 0 && prompt.ids.length > 0 ? undefined : predicted[place]);
  const likeliest = (token: PredictedToken | undefined) =>
    token === undefined ? null : Object.fromEntries(token.likeliest.map(({ id, logProbability }) => [model.spelling(id), logProbability]));
  return {
    tokens: places.map((place) => model.spelling(shown[place] as number)),
    token_logprobs: places.map((place) => known(place)?.logProbability ?? null),
    top_logprobs: top === 0 ? null : places.map((place) => likeliest(known(place))),
    text_offset: places.map((place) => offsets[place] as number),
  };
}
