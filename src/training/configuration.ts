import { stringify } from 'yaml';
import * as z from 'zod';
import { type ModelOrigin, mostConfigurationBytes } from '../checkpoint/run.js';
import { readBoundedText } from '../core/bounded-text.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import { isRecord } from '../core/records.js';
import { contextOptions, resolveContexts } from '../data/contexts.js';
import { filterOptions } from '../data/filter.js';
import { type CorpusSource, corpusSource, isText } from '../data/sources.js';
import { decodingDefaults } from '../decoding/options.js';
import { modelOptions, onlyFor } from '../models/create.js';
import { type TokenizerOptions, tokenizerOptions } from '../text/train-tokenizer.js';
import { ConfigurationDocument, type KeyPath, type KnownKeys } from './configuration-document.js';
import { describeIssues, type RefusedValue } from './configuration-issues.js';
import { defaultOf, expectsText } from './configuration-schema.js';
import { withCurrentNames } from './former-names.js';
import { defaultValidation, trainingOptions } from './options.js';

const dataOptions = z.strictObject({
  source: z.string().min(1).default('source').describe('Source language, such as en.'),
  target: z.string().min(1).default('target').describe('Target language.'),
  train: corpusSource.describe('Training pairs, or text for a language model. Paths are relative to this file.'),
  dev: corpusSource.optional().describe('Held-out pairs (or text) for validation, in any of the forms of train.'),
  examples: z.int().min(1).optional().meta({
    description:
      'Train on so many pairs (or contexts) of the corpus only, drawn at random: a larger number contains a smaller one. Tokenizers are those of the whole corpus. Default: all.',
    example: 10_000,
  }),
  ...filterOptions.shape,
  ...contextOptions.shape,
});

const [bpe, word, character, byteBpe, bytes] = tokenizerOptions.options;
/** Options for the two sides, in addition to those of each kind. */
const sidesOf = (options: { shape: { size: z.ZodDefault<z.ZodInt> } }) => {
  const sideSize = (side: string) =>
    options.shape.size
      .unwrap()
      .optional()
      .meta({ description: `Size of the ${side} vocabulary if not shared. Default: size.`, example: 8_000 });
  return {
    shared: z.boolean().optional().meta({
      description:
        'One vocabulary for both languages. Default: true for bpe and byte-bpe without sourceSize and targetSize, otherwise false.',
      example: true,
    }),
    sourceSize: sideSize('source'),
    targetSize: sideSize('target'),
  };
};
/** The options of `trainTokenizer`, for one or both sides. */
const tokenizersOptions = z
  .discriminatedUnion('kind', [
    bpe.extend(sidesOf(bpe)),
    word.extend(sidesOf(word)),
    character.extend(sidesOf(character)),
    byteBpe.extend(sidesOf(byteBpe)),
    bytes.extend({ shared: z.literal(true).default(true).describe('One vocabulary for both languages.') }),
  ])
  .superRefine((options, context) => {
    if (options.kind !== 'bytes' && options.shared && (options.sourceSize !== undefined || options.targetSize !== undefined)) {
      context.addIssue({ code: 'custom', path: ['shared'], message: 'cannot be combined with sourceSize or targetSize' });
    }
  })
  .transform((options) => {
    if (options.kind === 'bytes') return options;
    const hasSides = options.sourceSize !== undefined || options.targetSize !== undefined;
    const isJoint = options.kind === 'bpe' || options.kind === 'byte-bpe';
    return { ...options, shared: options.shared ?? (isJoint && !hasSides) };
  });
export type TokenizersOptions = z.output<typeof tokenizersOptions>;

/** A configuration file, with its defaults. */
export const configurationSchema = z
  .strictObject({
    version: z.literal(1).describe('Version of this format.'),
    data: dataOptions.describe('Sentence pairs, or text.'),
    tokenizer: tokenizersOptions.prefault({ kind: 'bpe' }).describe('How text becomes tokens.'),
    model: modelOptions.prefault({ kind: 'lstm' }).describe('The network.'),
    decoding: decodingDefaults.optional().meta({ description: 'What its model is translated with, unless a command says otherwise.' }),
    training: trainingOptions.prefault({}).describe('How it is trained. Intervals: { steps: N } (updates) or { epochs: N }.'),
  })
  .superRefine(({ data, tokenizer, model, training }, context) => {
    const issue = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    if (data.dev === undefined && training.validate !== undefined) issue(['training', 'validate'], 'needs data.dev');
    if (data.dev !== undefined && isText(data.dev) !== isText(data.train)) {
      issue(['data', 'dev'], isText(data.train) ? 'needs { text: [files] }, as data.train' : 'needs sentence pairs, as data.train');
    }
    const dropsMerges = (training.mergeDropout ?? 0) > 0;
    if (dropsMerges && tokenizer.kind !== 'bpe' && tokenizer.kind !== 'byte-bpe') {
      issue(['training', 'mergeDropout'], `tokenizer.kind: ${tokenizer.kind} has no merges to leave out: use bpe or byte-bpe`);
    }
    if (training.parallel.strategy === 'pipeline' && (training.consistency ?? 0) > 0) {
      issue(['training', 'consistency'], 'not with training.parallel.strategy: pipeline, use data');
    }
    if (!isText(data.train)) {
      if (onlyFor(model) === 'text')
        issue(['model', 'kind'], 'only for data.train: { text: [files] }: n-grams are of one text, not of pairs');
      return;
    }
    if (onlyFor(model) === 'pairs') issue(['model', 'kind'], 'only for sentence pairs, data.train: { source: FILE, target: FILE }');
    if (dropsMerges) issue(['training', 'mergeDropout'], 'only for pairs: the contexts of a text have one length');
    if (training.validate?.metrics.some((metric) => metric !== 'perplexity')) {
      issue(['training', 'validate', 'metrics'], 'only perplexity is known of a language model: it does not translate');
    }
    if ((tokenizer.kind === 'bpe' || tokenizer.kind === 'word') && data.train.documents !== 'line') {
      issue(['tokenizer', 'kind'], `${tokenizer.kind} makes one line of a document: use byte-bpe, character or bytes, or documents: line`);
    }
    if (tokenizer.kind === 'character' && tokenizer.verbatim === false && data.train.documents !== 'line') {
      issue(['tokenizer', 'verbatim'], 'must be true for data.train.text, whose line ends are characters, unless documents: line');
    }
  })
  .transform((options) => ({
    ...options,
    tokenizer: verbatimFor(options.tokenizer, options.data.train),
    training: {
      ...options.training,
      validate: options.training.validate ?? (options.data.dev === undefined ? undefined : defaultValidation),
    },
  }));

/** Characters of text are taken as they are. */
function verbatimFor(options: TokenizersOptions, train: CorpusSource): TokenizersOptions {
  return options.kind === 'character' && isText(train) ? { ...options, verbatim: options.verbatim ?? true } : options;
}

const knownKeys: KnownKeys = {
  expectsText: (path) => expectsText(configurationSchema, path),
  // The kind of an optimizer depends on the network, which may be chosen later.
  defaultOf: (path) => (path.join('.') === 'training.optimizer' ? {} : defaultOf(configurationSchema, path)),
};

/** Everything that determines a run: read from a file, with defaults and with paths that are not relative to the file. */
export type Configuration = z.output<typeof configurationSchema>;
/** A configuration as it may be written, e.g. by a program. */
export type ConfigurationInput = z.input<typeof configurationSchema>;

/**
 * Reads a configuration. All mistakes are reported together, each with line, key, received and allowed value.
 *
 * @param text       YAML
 * @param where      path of the file; relative paths in it start from its directory
 * @param overrides  `key.path=value` (see `ConfigurationDocument.override`) replaces values of the file; relative paths in
 *                   overrides start from the current directory, as elsewhere on a command line
 * @param absolute   makes a path absolute (`Files.absolute`), so that a run finds its corpora again
 * Throws a `DecadeError` (`usage`).
 */
export function resolveConfiguration(
  text: string,
  where: string,
  overrides: readonly string[] = [],
  absolute: Files['absolute'] = unchanged,
): Configuration {
  const document = ConfigurationDocument.parse(text, where);
  for (const override of overrides) document.override(override, knownKeys);
  return placedConfiguration(document.value, where, document, absolute);
}

/** Reads a configuration file or takes an object, applies `set`, checks it and fills in the defaults. */
export async function readConfiguration(
  files: Files,
  configuration: string | ConfigurationInput,
  set: readonly string[] = [],
): Promise<Configuration> {
  if (typeof configuration === 'string') {
    const text = await readBoundedText(files, configuration, mostConfigurationBytes, 'a configuration');
    return resolveConfiguration(text, configuration, set, files.absolute);
  }
  if (set.length === 0) return configurationOf(configuration, files.absolute);
  return resolveConfiguration(printConfiguration(configuration), 'configuration', set, files.absolute);
}

/** Like `resolveConfiguration`, for the configuration stored in a run: a mistake is one of the file (`input`), not of the user. */
export function resolveRunConfiguration(text: string, where: string): Configuration {
  try {
    return resolveConfiguration(text, where);
  } catch (error) {
    throw error instanceof DecadeError ? new DecadeError('input', { ...error.parts, cause: error }) : error;
  }
}

/** The configuration for an object; relative paths start from the current directory. */
export function configurationOf(value: ConfigurationInput, absolute: Files['absolute'] = unchanged): Configuration {
  return placedConfiguration(value, 'configuration', undefined, absolute);
}

const unchanged = (path: string) => path;

/** Where the values of a configuration stand that is made of a file: the file itself, or one that has more than a configuration. */
export type ConfigurationPlaces = Pick<ConfigurationDocument, 'place' | 'isOverridden'>;

/** With defaults that depend on other parts of the configuration. */
function withDependentDefaults(configuration: unknown): unknown {
  return withOptimizerOfNetwork(withDocumentsOfTrain(configuration));
}

/** Plain gradient descent, which is the default as in the paper, does not train Transformers. */
function withOptimizerOfNetwork(configuration: unknown): unknown {
  if (!isRecord(configuration)) return configuration;
  const { model, training = {} } = configuration;
  if (!isRecord(training)) return configuration;
  const { optimizer = {} } = training;
  if (!isRecord(optimizer) || optimizer.kind !== undefined) return configuration;
  const kind = isRecord(model) && model.kind === 'transformer' ? 'adam' : 'sgd';
  return { ...configuration, training: { ...training, optimizer: { kind, ...optimizer } } };
}

/** The text of dev is cut into documents as that of train is, unless it says otherwise. */
function withDocumentsOfTrain(configuration: unknown): unknown {
  if (!isRecord(configuration) || !isRecord(configuration.data)) return configuration;
  const { train, dev } = configuration.data;
  if (!isRecord(train) || !isRecord(dev) || !('text' in dev) || dev.documents !== undefined || train.documents === undefined)
    return configuration;
  return { ...configuration, data: { ...configuration.data, dev: { ...dev, documents: train.documents } } };
}

/** What is wrong with values that are to be a configuration; undefined where nothing is. */
export function refusedConfiguration(written: unknown, document: ConfigurationPlaces | undefined): RefusedValue | undefined {
  const value = withDependentDefaults(withCurrentNames(written));
  const { error } = configurationSchema.safeParse(value);
  return error && { error, schema: configurationSchema, value, document };
}

/** The configuration for values that stand in a file, maybe of another kind: mistakes name their places there. Throws `usage`. */
export function placedConfiguration(
  written: unknown,
  where: string,
  document: ConfigurationPlaces | undefined,
  absolute: Files['absolute'],
): Configuration {
  const value = withDependentDefaults(withCurrentNames(written));
  const parsed = configurationSchema.safeParse(value);
  if (!parsed.success) {
    throw new DecadeError('usage', describeIssues([{ error: parsed.error, schema: configurationSchema, value, document }], where));
  }
  const { data } = parsed.data;
  const placed = (part: 'train' | 'dev', source: CorpusSource) =>
    placedSource(source, (key, path) => {
      const directory = document?.isOverridden(['data', part, ...key]) ? '' : directoryOf(where);
      return absolute(isAbsolute(path) ? path : joinPath(directory, path));
    });
  const dev = data.dev === undefined ? {} : { dev: placed('dev', data.dev) };
  return { ...parsed.data, data: { ...data, train: placed('train', data.train), ...dev } };
}

/** The YAML of a configuration; reading it gives the same one again. */
export function printConfiguration(configuration: ConfigurationInput): string {
  return stringify(configuration, { lineWidth: 0 });
}

/** What its model is made with. */
export function originOf({ data, model, decoding, training }: Configuration): ModelOrigin {
  return {
    options: model,
    seed: training.seed,
    ...(isText(data.train) && { context: resolveContexts(data).context }),
    ...(decoding && { decoding }),
  };
}

/** The tokenizer options of a side; the same for both if they share a tokenizer. */
export function tokenizerOptionsOf(options: TokenizersOptions, side: 'source' | 'target'): TokenizerOptions {
  if (options.kind === 'bytes') return { kind: 'bytes' };
  const { shared, sourceSize, targetSize, ...common } = options;
  if (shared) return common;
  return { ...common, size: (side === 'source' ? sourceSize : targetSize) ?? common.size };
}

function placedSource(source: CorpusSource, placed: (key: KeyPath, path: string) => string): CorpusSource {
  if (isText(source)) return { ...source, text: source.text.map((path, index) => placed(['text', index], path)) };
  if ('tsv' in source) return { tsv: placed(['tsv'], source.tsv) };
  if ('generator' in source) return source;
  return { source: placed(['source'], source.source), target: placed(['target'], source.target) };
}

const isAbsolute = (path: string) => /^([a-z]:)?[\\/]/i.test(path);

function directoryOf(path: string): string {
  const end = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'));
  return end < 0 ? '' : end === 0 ? '/' : path.slice(0, end);
}
