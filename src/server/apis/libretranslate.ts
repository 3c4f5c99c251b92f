import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import * as z from 'zod';
import { DecadeError } from '../../core/errors.js';
import { Glossary } from '../../decoding/constraints/glossary.js';
import { type UtilityName, utilities } from '../../decoding/selection/minimum-bayes-risk.js';
import type { Gate } from '../access.js';
import { languageName, sourceLanguages } from '../languages.js';
import type { ApiOperation } from '../openapi.js';
import { Refusal } from '../refusal.js';
import { checkFields, type Fields, type ServerEnvironment } from '../request.js';
import type { SentenceSearch } from '../served-model.js';
import type { ServedTranslation, Service } from '../service.js';
import { translationFlags, type WordChoice } from '../text/translation.js';

/*
 * The API of LibreTranslate (libretranslate/app.py), in its order of checks and with its messages. What goes beyond it are fields
 * that its clients ignore.
 */

const textOrTexts = z.union([z.string(), z.array(z.string())]);

const phrase = z.string().max(200).regex(/\S/, 'expected a word or several');

/** Where one answer is not enough, and where it must have words. */
const thinking = {
  select: z
    .enum(['mbr', 'self-consistency'])
    .optional()
    .describe(
      'What the best hypothesis of the beam is chosen by: minimum Bayes risk, or its share of the probability. Default: its score.',
    ),
  utility: z
    .enum(Object.keys(utilities) as [UtilityName, ...UtilityName[]])
    .optional()
    .describe('With select: mbr, how alike two translations are. Default: chrf.'),
  diverseGroups: z.int().min(1).max(100).optional().describe('Groups that the beam is divided into, so that its hypotheses differ.'),
  diversity: z
    .number()
    .min(0)
    .max(100)
    .optional()
    .describe('With diverseGroups, what a token counts less each time that an earlier group has chosen it. Default: 0.5.'),
  must: z
    .union([phrase, z.array(z.union([phrase, z.array(phrase).min(1).max(20)])).max(20)])
    .optional()
    .describe('What every translation must have: words, or a list of forms of which one is enough. For texts of one sentence.'),
  mustNot: z
    .union([phrase, z.array(phrase).max(100)])
    .optional()
    .describe('Words that no translation may have.'),
  glossary: z
    .string()
    .max(100_000)
    .optional()
    .describe('Terms, a line each: term <tab> form|form <tab> forbidden form. Sentences that have a term must have one of its forms.'),
};

const translateRequest = z.object({
  q: textOrTexts.describe('What to translate.'),
  source: z.string().describe('Language code, or auto.'),
  target: z.string().describe('Language code.'),
  format: z.enum(['text', 'html']).optional().describe('Default: text.'),
  alternatives: z.int().min(0).optional().describe('How many other translations to give. Default: 0.'),
  api_key: z.string().optional(),
  beam: z.int().min(1).max(100).optional().describe('Beam size.'),
  nbest: z.int().min(1).max(100).optional().describe('Length of the n-best list to give.'),
  scores: z.boolean().optional().describe('Give log-probabilities.'),
  attention: z.boolean().optional().describe('Give the attention of every sentence.'),
  model: z.string().optional().describe('A model by its name.'),
  ...thinking,
});
const extras = translateRequest.omit({ q: true, source: true, target: true, format: true, alternatives: true, api_key: true });
const detectedLanguage = z.object({ confidence: z.number().min(0).max(100), language: z.string() });
const score = z.object({ score: z.number().describe('Mean log-probability per token.'), logProbability: z.number() });
const nbestList = z.array(z.object({ text: z.string(), logProbability: z.number() }));
const attention = z.array(z.object({ source: z.array(z.string()), target: z.array(z.string()), weights: z.array(z.array(z.number())) }));
const flags = z.array(z.enum(translationFlags));
const unmet = z.array(z.string()).describe('What was asked for and is not there: must have chat | chatte.');
/** A text's, or for a list of texts a list. */
const each = <Schema extends z.ZodType>(schema: Schema) => z.union([schema, z.array(schema)]);
const translateResponse = z.object({
  translatedText: textOrTexts,
  detectedLanguage: each(detectedLanguage).optional(),
  alternatives: z.union([z.array(z.string()), z.array(z.array(z.string()))]).optional(),
  score: each(score).optional(),
  nbest: each(nbestList).optional(),
  attention: each(attention).optional(),
  flags: each(flags),
  unmet: each(unmet).optional(),
  model: each(z.string().nullable()),
});
const language = z.object({ code: z.string(), name: z.string(), targets: z.array(z.string()) });
const failure = z.object({ error: z.string() });

export const libreTranslateOperations: readonly ApiOperation[] = [
  { method: 'post', path: '/translate', summary: 'Translate texts', request: translateRequest, response: translateResponse, failure },
  { method: 'get', path: '/languages', summary: 'Languages, with those each can be translated into', response: z.array(language), failure },
  {
    method: 'post',
    path: '/detect',
    summary: 'Languages of a text',
    request: z.object({ q: z.string(), api_key: z.string().optional() }),
    response: z.array(detectedLanguage),
    failure,
  },
  { method: 'get', path: '/health', summary: 'Whether every model answers', response: z.object({ status: z.literal('ok') }), failure },
  { method: 'get', path: '/health/live', summary: 'Whether the server runs', response: z.object({ status: z.literal('ok') }), failure },
  {
    method: 'get',
    path: '/frontend/settings',
    summary: 'Limits, for user interfaces',
    response: z.record(z.string(), z.unknown()),
    failure,
  },
];

export function libreTranslate(service: Service, gate: Gate): Hono<ServerEnvironment> {
  const { options } = service;
  const app = new Hono<ServerEnvironment>();

  app.post('/translate', async (context) => {
    const fields = await gate.read(context);
    const { texts, request, shape } = checked(service, fields);
    const { notes } = context.env;
    gate.charge(context, fields, texts.length);
    notes.texts = texts.length;
    notes.characters = texts.reduce((sum, text) => sum + text.length, 0);
    const translate = async (onSentence?: (source: string, target: string) => Promise<void>) => {
      const translations = await service.translate({ ...request, texts, signal: notes.signal, onSentence });
      notes.models = [...new Set(translations.flatMap(({ model }) => model ?? []))];
      return answer(translations, shape);
    };
    if (!(context.req.header('accept') ?? '').includes('text/event-stream')) return context.json(await translate());
    return streamSSE(context, async (stream) => {
      const event = (name: string, data: unknown) => stream.writeSSE({ event: name, data: JSON.stringify(data) });
      try {
        const whole = await translate((source, translatedText) => event('sentence', { source, translatedText }));
        await event('translation', whole);
      } catch (error) {
        await event('error', { error: error instanceof Refusal ? error.message : 'The translation failed' });
      }
    });
  });

  app.get('/languages', (context) =>
    context.json([...sourceLanguages(service.models)].map(([code, targets]) => ({ code, name: languageName(code), targets }))),
  );

  app.post('/detect', async (context) => {
    const fields = await gate.read(context);
    if (typeof fields.q !== 'string' || fields.q === '') throw new Refusal(400, 'Invalid request: missing q parameter');
    requireLength(fields.q, options.limits.characters);
    gate.charge(context, fields, 1);
    const found = service.detect(fields.q).map(({ confidence, language }) => ({ confidence, language }));
    return context.json(found.length > 0 ? found : [{ confidence: 0, language: 'en' }]);
  });

  app.get('/frontend/settings', (context) => {
    const [[source, targets] = ['en', []]] = sourceLanguages(service.models);
    const named = (code: string) => ({ code, name: languageName(code) });
    return context.json({
      charLimit: options.limits.characters,
      frontendTimeout: 500,
      apiKeys: gate.keys.isRequired,
      keyRequired: gate.keys.isRequired,
      suggestions: false,
      filesTranslation: false,
      supportedFilesFormat: [],
      language: { source: named(source), target: named(targets[0] ?? 'en') },
    });
  });

  app.post('/suggest', () => {
    throw new Refusal(403, 'Suggestions are disabled on this server.');
  });
  app.post('/translate_file', () => {
    throw new Refusal(403, 'Files translation are disabled on this server.');
  });
  return app;
}

/** In LibreTranslate's order: q, source, target, alternatives, number of texts, length, languages, format. */
function checked(service: Service, fields: Fields) {
  const { limits } = service.options;
  const { q, source, target, alternatives = 0, format = 'text' } = fields;
  if (q === undefined || q === '') throw new Refusal(400, 'Invalid request: missing q parameter');
  const isList = Array.isArray(q);
  if (!(isList ? q.every((text) => typeof text === 'string') : typeof q === 'string')) {
    throw new Refusal(400, 'Invalid request: q is neither a string nor an array of strings');
  }
  if (typeof source !== 'string' || source === '') throw new Refusal(400, 'Invalid request: missing source parameter');
  if (typeof target !== 'string' || target === '') throw new Refusal(400, 'Invalid request: missing target parameter');
  const wanted = Number(alternatives === '' ? 0 : alternatives);
  if (!Number.isInteger(wanted) || wanted < 0) throw new Refusal(400, 'Invalid request: alternatives parameter is not a number');
  if (wanted > limits.alternatives) {
    throw new Refusal(400, `Invalid request: alternatives parameter must be <= ${limits.alternatives}`);
  }
  const texts = (isList ? q : [q]) as string[];
  if (texts.length > limits.texts) {
    throw new Refusal(400, `Invalid request: request (${texts.length}) exceeds text limit (${limits.texts})`);
  }
  for (const text of texts) requireLength(text, limits.characters);
  if (source !== 'auto') service.language(source, 'source');
  service.language(target, 'target');
  if (format !== 'text' && format !== 'html') throw new Refusal(400, `${String(format)} format is not supported`);
  const extra = checkFields(extras, numbersOf(fields), 'Invalid request: ');
  const { beam, nbest, scores, attention, model } = extra;
  const words = wordsOf(extra, limits.terms);
  const search = { beam, nbest: Math.max(wanted + 1, nbest ?? 1), attention, ...searchOf(extra) };
  return {
    texts,
    request: { source, target, format, model, words, ...search } as const,
    shape: { isList, alternatives: wanted, isDetected: source === 'auto', nbest, scores, attention, hasWords: words !== undefined },
  };
}

type Extras = z.output<typeof extras>;

function searchOf({ select, utility, diverseGroups, diversity }: Extras): Pick<SentenceSearch, 'select' | 'diversity'> {
  if (utility !== undefined && select !== 'mbr') throw wrongField('utility', `${utility} without select: mbr`);
  if (diversity !== undefined && diverseGroups === undefined) throw wrongField('diversity', `${diversity} without diverseGroups`);
  return {
    select: select === 'mbr' ? { by: select, utility: utility ?? 'chrf' } : select && { by: select },
    diversity: diverseGroups === undefined ? undefined : { groups: diverseGroups, strength: diversity },
  };
}

/** Undefined where nothing is asked for. */
function wordsOf({ must, mustNot, glossary: terms }: Extras, most: number): WordChoice | undefined {
  if (must === undefined && mustNot === undefined && terms === undefined) return undefined;
  // A form that repeats no name has a text where JSON has a list of one.
  const listed = <Item>(given: string | Item[] = []) => (typeof given === 'string' ? [given] : given);
  const glossary = terms === undefined ? undefined : glossaryOf(terms);
  if (glossary !== undefined && glossary.size > most) throw wrongField('glossary', `${glossary.size} terms; expected at most ${most}`);
  return { must: listed(must), mustNot: listed(mustNot), glossary };
}

function glossaryOf(text: string): Glossary {
  try {
    return new Glossary(text.split(/\r?\n/));
  } catch (error) {
    if (error instanceof DecadeError) throw new Refusal(400, `Invalid request: ${error.message}`, { parameter: 'glossary' });
    throw error;
  }
}

function wrongField(parameter: keyof typeof thinking, received: string): Refusal {
  return new Refusal(400, `Invalid request: ${parameter}: ${received}`, { parameter });
}

/** A form has text only. */
function numbersOf(fields: Fields): Fields {
  const value = (given: unknown) => {
    if (given === 'true' || given === 'false') return given === 'true';
    return typeof given === 'string' && /^\d+(\.\d+)?$/.test(given) ? Number(given) : given;
  };
  const names = ['beam', 'nbest', 'scores', 'attention', 'diverseGroups', 'diversity'] as const satisfies readonly (keyof Extras)[];
  return { ...fields, ...Object.fromEntries(names.map((name) => [name, value(fields[name])])) };
}

function requireLength(text: string, limit: number): void {
  if (text.length > limit) throw new Refusal(400, `Invalid request: request (${text.length}) exceeds text limit (${limit})`);
}

interface AnswerShape {
  readonly isList: boolean;
  readonly alternatives: number;
  readonly isDetected: boolean;
  readonly nbest: number | undefined;
  readonly scores: boolean | undefined;
  readonly attention: boolean | undefined;
  readonly hasWords: boolean;
}

function answer(translations: readonly ServedTranslation[], shape: AnswerShape): z.input<typeof translateResponse> {
  const of = <Value>(value: (translation: ServedTranslation) => Value) =>
    (shape.isList ? translations.map(value) : value(translations[0] as ServedTranslation)) as Value;
  return {
    translatedText: of(({ text }) => text),
    ...(shape.isDetected && {
      detectedLanguage: of(({ detected }) => ({ confidence: detected?.confidence ?? 0, language: detected?.language ?? 'en' })),
    }),
    ...(shape.alternatives > 0 && { alternatives: of(({ alternatives }) => alternatives.slice(0, shape.alternatives)) }),
    ...(shape.scores && { score: of(({ score, logProbability }) => ({ score, logProbability })) }),
    ...(shape.nbest !== undefined && { nbest: of(({ nbest }) => nbest.slice(0, shape.nbest)) }),
    ...(shape.attention && {
      attention: of(({ sentences }) =>
        sentences.map(({ attention }) => ({
          source: [...(attention?.source ?? [])],
          target: [...(attention?.target ?? [])],
          weights: (attention?.weights ?? []).map((row) => Array.from(row)),
        })),
      ),
    }),
    flags: of(({ flags }) => [...flags]),
    ...(shape.hasWords && { unmet: of(({ unmet }) => [...unmet]) }),
    model: of(({ model }) => model ?? null),
  };
}
