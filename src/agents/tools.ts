import type { CallToolResult, McpServer, ServerContext } from '@modelcontextprotocol/server';
import * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import type { Decade } from '../decade.js';
import type { Charge } from '../server/access.js';
import { complete } from '../server/apis/completion.js';
import { languageName, sourceLanguages } from '../server/languages.js';
import { Refusal } from '../server/refusal.js';
import { unknownField } from '../server/request.js';
import type { Service } from '../server/service.js';
import { translationFlags } from '../server/text/translation.js';

const source = z.string().default('auto').describe('Language code of the text, such as en; auto finds it out.');
const target = z.string().describe('Language code to translate into.');
const model = z.string().optional().describe('A model by its name; languages lists them.');
const flags = z.array(z.enum(translationFlags)).describe('What makes the translation doubtful; empty if nothing does.');
const logProbability = z.number().describe('Natural logarithm of the probability of the whole.');
const perToken = z.number().describe('Mean log-probability per token; compares texts of different length. Nearer to 0 is better.');

/** Arguments of a tool; any other is refused by its name. */
function only<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, { error: unknownField(Object.keys(shape)) });
}

/** Adds the tools of a service to a server for agents. `charge` is told how many texts a call works on, and may refuse them. */
export function addTools(server: McpServer, service: Service, { evaluate }: Pick<Decade, 'evaluate'>, charge: Charge = () => {}): void {
  const admit = (texts: readonly string[]) => {
    requireWithin(service, texts);
    charge(texts.length);
  };
  server.registerTool(
    'translate',
    {
      title: 'Translate',
      description:
        'Translates texts, plain or HTML, with a local model, and says how sure it is. Check the flags before you show a translation.',
      inputSchema: only({ texts: z.array(z.string()).min(1), source, target, format: z.enum(['text', 'html']).default('text'), model }),
      outputSchema: z.object({
        translations: z.array(
          z.object({ text: z.string(), perToken, logProbability, flags, source: z.string(), model: z.string().nullable() }),
        ),
      }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    (input, context) =>
      answered(async () => {
        admit(input.texts);
        let done = 0;
        const onSentence = () => progress(context, ++done);
        const found = await service.translate({ ...input, signal: context.mcpReq.signal, onSentence });
        const translations = found.map(({ text, score, logProbability, flags, model = null, detected }) => {
          return { text, perToken: score, logProbability, flags: [...flags], source: detected?.language ?? input.source, model };
        });
        return { translations };
      }),
  );

  server.registerTool(
    'alternatives',
    {
      title: 'Alternative translations',
      description: 'The n-best list of a text: several translations with their scores, best first.',
      inputSchema: only({ text: z.string(), source, target, count: z.int().min(1).max(20).default(5), model }),
      outputSchema: z.object({ alternatives: z.array(z.object({ text: z.string(), logProbability })) }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ text, count, ...input }, context) =>
      answered(async () => {
        admit([text]);
        const [found] = await service.translate({ ...input, texts: [text], nbest: count, signal: context.mcpReq.signal });
        return { alternatives: [...(found?.nbest ?? [])] };
      }),
  );

  server.registerTool(
    'score',
    {
      title: 'Score translations',
      description: 'How likely a model finds given translations, by anybody: to check a translation, or to choose between several.',
      inputSchema: only({
        pairs: z.array(z.object({ source: z.string(), target: z.string() })).min(1),
        source: z.string().describe('Language code of the sources.'),
        target: z.string().describe('Language code of the translations.'),
        model,
      }),
      outputSchema: z.object({ scores: z.array(z.object({ logProbability: logProbability.nullable(), perToken: perToken.nullable() })) }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ pairs, source, target, model: name }, context) =>
      answered(async () => {
        admit(pairs.flatMap((pair) => [pair.source, pair.target]));
        const translator = service.translator(service.language(source, 'source'), service.language(target, 'target'), name);
        const { signal } = context.mcpReq;
        const leave = await service.completions.enter(signal);
        try {
          const found = await translator.use((loaded) =>
            loaded.score(pairs, { signal, onProgress: ({ done, total }) => void progress(context, done, total) }),
          );
          // JSON has no infinity: what cannot be scored has no score.
          const finite = (value: number) => (Number.isFinite(value) ? value : null);
          const scores = found.map(({ logProbability, tokenLogProbabilities: { length } }) => {
            return { logProbability: finite(logProbability), perToken: finite(length === 0 ? logProbability : logProbability / length) };
          });
          return { scores };
        } finally {
          leave();
        }
      }),
  );

  server.registerTool(
    'evaluate',
    {
      title: 'Evaluate translations',
      description: 'Scores translations against references as sacreBLEU does: BLEU, chrF, chrF++, TER, exact matches.',
      inputSchema: only({
        hypotheses: z.array(z.string()).min(1),
        references: z.array(z.array(z.string())).min(1).describe('One list for each set of references, each as long as hypotheses.'),
        metrics: z
          .array(z.enum(['bleu', 'chrf', 'chrf++', 'ter', 'exact']))
          .min(1)
          .default(['bleu', 'chrf']),
      }),
      outputSchema: z.object({ scores: z.array(z.object({ metric: z.string(), score: z.number(), signature: z.string() })) }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    (input) =>
      answered(async () => {
        admit([...input.hypotheses, ...input.references.flat()]);
        const scores = evaluate(input).map(({ metric, score, signature }) => ({ metric, score, signature }));
        return { scores };
      }),
  );

  server.registerTool(
    'generate',
    {
      title: 'Write on',
      description: 'What a local language model writes after a prompt.',
      inputSchema: only({
        prompt: z.string(),
        maximumTokens: z.int().min(1).max(4_096).default(256),
        temperature: z.number().min(0).max(2).default(1),
        stop: z.array(z.string().min(1)).default([]),
        seed: z.int().min(0).max(0xffff_ffff).optional(),
        model,
      }),
      outputSchema: z.object({ text: z.string(), ending: z.enum(['stop', 'length']), tokens: z.int(), model: z.string() }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ prompt, maximumTokens, model: name, ...input }, context) =>
      answered(async () => {
        admit([prompt]);
        const served = service.languageModel(name);
        const { signal } = context.mcpReq;
        const leave = await service.completions.enter(signal);
        try {
          const request = {
            ...input,
            prompts: [prompt],
            tokens: Math.min(maximumTokens, service.options.limits.tokens),
            samples: 1,
            topP: 1,
            top: undefined,
            echo: false,
            seed: input.seed,
            signal,
          };
          const { choices, completionTokens } = await complete(served, request);
          const [{ text, finish_reason: ending } = { text: '', finish_reason: 'stop' as const }] = choices;
          return { text, ending, tokens: completionTokens, model: served.name };
        } finally {
          leave();
        }
      }),
  );

  server.registerTool(
    'languages',
    {
      title: 'Languages and models',
      description: 'Languages that can be translated, and the models that are served.',
      inputSchema: only({}),
      outputSchema: z.object({
        languages: z.array(z.object({ code: z.string(), name: z.string(), targets: z.array(z.string()) })),
        models: z.array(z.object({ name: z.string(), kind: z.enum(['translator', 'language model']) })),
      }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    () =>
      answered(async () => ({
        languages: [...sourceLanguages(service.models)].map(([code, targets]) => ({ code, name: languageName(code), targets })),
        models: service.models.map(({ name, hasSource }) => ({
          name,
          kind: hasSource ? ('translator' as const) : ('language model' as const),
        })),
      })),
  );
}

/** A result, or an error that says what to try. */
async function answered(work: () => Promise<Record<string, unknown>>): Promise<CallToolResult> {
  try {
    const structuredContent = await work();
    return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }], structuredContent };
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof DecadeError)) throw error;
    const advice =
      error instanceof Refusal && error.status < 500 && error.parameter !== undefined ? '. Call languages to see what is served' : '';
    return { content: [{ type: 'text', text: `${error.message}${advice}` }], isError: true };
  }
}

function requireWithin({ options: { limits } }: Service, texts: readonly string[]): void {
  if (texts.length > limits.texts) throw new Refusal(413, `${texts.length} texts; send at most ${limits.texts} at a time`);
  const long = texts.find(({ length }) => length > limits.characters);
  if (long !== undefined) throw new Refusal(413, `A text of ${long.length} characters; send at most ${limits.characters} at a time`);
}

async function progress(context: ServerContext, done: number, total?: number): Promise<void> {
  const { progressToken } = context.mcpReq._meta ?? {};
  if (progressToken === undefined) return;
  const params = { progressToken, progress: done, ...(total !== undefined && { total }) };
  await context.mcpReq.notify({ method: 'notifications/progress', params });
}
