import { Hono } from 'hono';
import * as z from 'zod';
import type { Gate } from '../access.js';
import { languageName, sourceLanguages } from '../languages.js';
import type { ApiOperation } from '../openapi.js';
import { Refusal } from '../refusal.js';
import { checkFields, type ServerEnvironment } from '../request.js';
import type { Service } from '../service.js';
import type { TagHandling } from '../text/markup.js';

/** What DeepL's clients call: version 2, as deepl-node 1.28 sends it. */

/** Names of elements: a list, or in a form a text with commas. */
const tagNames = z.union([z.string(), z.array(z.string())]).optional();
const tagLists = { ignore_tags: tagNames, splitting_tags: tagNames, non_splitting_tags: tagNames };
const translateRequest = z.object({
  text: z.union([z.string(), z.array(z.string())]),
  target_lang: z.string(),
  source_lang: z.string().optional(),
  tag_handling: z.enum(['html', 'xml']).optional(),
  ...tagLists,
  formality: z
    .enum(['default', 'prefer_more', 'prefer_less'], {
      error: () => 'expected default, prefer_more or prefer_less: the models have one form',
    })
    .optional(),
  glossary_id: z.undefined({ error: () => 'expected none: there are no glossaries' }).optional(),
  show_billed_characters: z.union([z.boolean(), z.string()]).optional(),
});
const translateResponse = z.object({
  translations: z.array(
    z.object({
      detected_source_language: z.string(),
      text: z.string(),
      billed_characters: z.int().optional(),
      model_type_used: z.string(),
    }),
  ),
});
const languagesQuery = z.object({ type: z.enum(['source', 'target']).default('source') });
const languages = z.array(z.object({ language: z.string(), name: z.string(), supports_formality: z.boolean() }));
const usage = z.object({ character_count: z.int(), character_limit: z.int() });
const failure = z.object({ message: z.string() });

export const deeplOperations: readonly ApiOperation[] = [
  {
    method: 'post',
    path: '/v2/translate',
    summary: 'Translate texts (DeepL)',
    request: translateRequest,
    response: translateResponse,
    failure,
  },
  { method: 'get', path: '/v2/languages', summary: 'Languages (DeepL)', query: languagesQuery, response: languages, failure },
  { method: 'get', path: '/v2/usage', summary: 'Characters translated since the start (DeepL)', response: usage, failure },
];

/** DeepL's clients read a limit; there is none. */
const characterLimit = 1_000_000_000_000;

export function deepl(service: Service, gate: Gate): Hono<ServerEnvironment> {
  const app = new Hono<ServerEnvironment>();
  const { limits } = service.options;
  let translated = 0;

  app.post('/v2/translate', async (context) => {
    const fields = await gate.read(context);
    const checked = checkFields(translateRequest, fields, 'Bad request: ');
    const { text, target_lang, source_lang = 'auto', tag_handling, show_billed_characters } = checked;
    const texts = typeof text === 'string' ? [text] : text;
    if (texts.length > limits.texts) throw new Refusal(413, `Too many texts: ${texts.length}; at most ${limits.texts}`);
    const long = texts.find(({ length }) => length > limits.characters);
    if (long !== undefined) throw new Refusal(413, `Text too long: ${long.length} characters; at most ${limits.characters}`);
    const source = source_lang === 'auto' || source_lang === '' ? 'auto' : source_lang;
    const { notes } = context.env;
    gate.charge(context, fields, texts.length);
    notes.texts = texts.length;
    notes.characters = texts.reduce((sum, each) => sum + each.length, 0);
    const format = tag_handling === undefined ? 'text' : 'html';
    const found = await service.translate({
      texts,
      source,
      target: target_lang,
      format,
      tags: tagHandlingOf(checked),
      signal: notes.signal,
    });
    notes.models = [...new Set(found.flatMap(({ model }) => model ?? []))];
    translated += notes.characters;
    const translations = found.map(({ text: result, detected }, index) => ({
      detected_source_language: (source === 'auto' ? (detected?.language ?? 'en') : source).toUpperCase(),
      text: result,
      ...(show_billed_characters !== undefined && { billed_characters: texts[index]?.length ?? 0 }),
      model_type_used: 'quality_optimized',
    }));
    return context.json({ translations } satisfies z.input<typeof translateResponse>);
  });

  app.get('/v2/languages', (context) => {
    gate.requireKeyInHeader(context);
    const { type } = checkFields(languagesQuery, { type: context.req.query('type') }, 'Bad request: ');
    const sources = sourceLanguages(service.models);
    const codes = type === 'target' ? [...new Set([...sources.values()].flat())] : [...sources.keys()];
    return context.json(codes.map((code) => ({ language: code.toUpperCase(), name: languageName(code), supports_formality: false })));
  });

  app.get('/v2/usage', (context) => {
    gate.requireKeyInHeader(context);
    return context.json({ character_count: translated, character_limit: characterLimit });
  });
  return app;
}

function tagHandlingOf({ ignore_tags, splitting_tags, non_splitting_tags }: z.output<z.ZodObject<typeof tagLists>>): TagHandling {
  const named = (tags: string | readonly string[] = []) =>
    [tags].flat().flatMap((each) =>
      each
        .toLowerCase()
        .split(',')
        .map((name) => name.trim()),
    );
  return { ignored: named(ignore_tags), splitting: named(splitting_tags), nonSplitting: named(non_splitting_tags) };
}
