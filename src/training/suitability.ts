import { DecadeError } from '../core/errors.js';
import type { Corpus } from '../data/corpus.js';
import { filterOptions } from '../data/filter.js';
import { isText } from '../data/sources.js';
import { isCounted } from '../models/create.js';
import type { Model } from '../models/model.js';
import type { Configuration } from './configuration.js';
import type { TrainingEvent } from './events.js';
import { defaultValidation, type TrainingOptions, trainingOptions } from './options.js';
import { walksOf } from './walks.js';

/** Warns of every key that was given another value than its default, and changes nothing here. */
export function warnOfOptionsWithoutEffect(configuration: Configuration, model: Model, emit: (event: TrainingEvent) => void): void {
  const on = model.vocabularies.source === undefined ? 'text' : 'pairs';
  const warn = (key: string, because: string) => emit({ kind: 'warning', message: `${key} has no effect: ${because}` });
  for (const key of optionsWithoutEffect(configuration, model)) warn(key, `${model.summary.description} on ${on}`);
  for (const key of optionsOfTranslations(configuration)) warn(`training.validate.${key}`, 'perplexity is found without translations');
}

function optionsWithoutEffect({ data, tokenizer, model, training, decoding }: Configuration, { summary }: Model): string[] {
  const ofTranslations = [
    ...(decoding === undefined ? [] : ['decoding']),
    ...('sourceSize' in tokenizer && tokenizer.sourceSize !== undefined ? ['tokenizer.sourceSize'] : []),
  ];
  const ofData = isText(data.train)
    ? (['maximumLength', 'maximumRatio', 'balancedUpTo'] as const).filter((key) => data[key] !== everyPair[key])
    : (['context', 'across'] as const).filter((key) => data[key] !== undefined);
  const ofUpdates = isCounted(model) ? Object.keys(training).filter((key) => isGiven(training, key as keyof TrainingOptions)) : [];
  return [
    ...ofData.map((key) => `data.${key}`),
    ...(isText(data.train) ? ofTranslations : []),
    ...(summary.withoutEffect ?? []),
    ...ofUpdates.map((key) => `training.${key}`),
  ];
}

/** What was given for translations of the dev corpus, where no metric asks for any. */
function optionsOfTranslations({ training: { validate } }: Configuration): string[] {
  if (validate === undefined || validate.metrics.some((metric) => metric !== 'perplexity')) return [];
  return (['beam', 'sentences'] as const).filter((key) => validate[key] !== defaultValidation[key]);
}

const standard = trainingOptions.parse({});
/** Limits of pairs, as they are by default. */
const everyPair = filterOptions.parse({});

/** Whether an option of training was given that only updates have use for. */
function isGiven(training: TrainingOptions, key: keyof TrainingOptions): boolean {
  return key !== 'validate' && JSON.stringify(training[key]) !== JSON.stringify(standard[key]);
}

/** Throws `usage` where predictions under different dropout are to be compared, and a network has no dropout. */
export function requireDropout({ dropout }: Model, { model, training }: Configuration): void {
  if (dropout > 0 || walksOf(training) === 1 || isCounted(model)) return;
  throw new DecadeError('usage', {
    where: 'training.consistency',
    received: `${training.consistency}, but the model has no dropout to compare predictions under`,
    allowed: 'a model with dropout',
    next: 'set model.dropout=0.1 or higher, or remove training.consistency',
  });
}

/** Throws `usage` where a model has no positions for a pair, with as many as the longest takes. */
export function requireRoom({ lengthLimits, vocabularies }: Model, { lengths, pairs }: Corpus, part: string): void {
  if (lengthLimits === undefined) return;
  const isText = vocabularies.source === undefined;
  let [isShort, needed] = [false, 0];
  for (let pair = 0; pair < pairs; pair++) {
    const [source, target] = [lengths.source[pair] as number, lengths.target[pair] as number];
    const predicted = target + 1;
    isShort ||= predicted > lengthLimits.target(source);
    needed = Math.max(needed, lengthLimits.positions(source, predicted));
  }
  if (!isShort) return;
  throw new DecadeError('usage', {
    where: 'model.maximumLength',
    received: `too few positions for the longest ${isText ? 'context' : 'pair'} of ${part}`,
    allowed: `at least ${needed.toLocaleString('en')}`,
    next: `set model.maximumLength=${needed}, or lower ${isText ? 'data.context' : 'data.maximumLength'}`,
  });
}
