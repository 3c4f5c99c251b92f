import { stringify } from 'yaml';
import * as z from 'zod';
import { modelOf } from '../../analysis/cost/estimate.js';
import { mostConfigurationBytes } from '../../checkpoint/run.js';
import { readBoundedText } from '../../core/bounded-text.js';
import { DecadeError } from '../../core/errors.js';
import type { Files } from '../../core/files.js';
import { batchSize } from '../../data/batches.js';
import {
  type Configuration,
  type ConfigurationPlaces,
  configurationSchema,
  placedConfiguration,
  refusedConfiguration,
} from '../../training/configuration.js';
import { ConfigurationDocument, type KeyPath } from '../../training/configuration-document.js';
import { describeIssues, type RefusedValue } from '../../training/configuration-issues.js';
import { defaultOf, expectsText } from '../../training/configuration-schema.js';

/** Keys of a configuration, which checks them. */
const section = z.record(z.string(), z.unknown());

const rate = z.number().positive();
const learningRate = z.union([
  rate,
  z.array(rate).min(1),
  z.strictObject({
    value: rate.describe('Of a network with `parameters` parameters.'),
    parameters: z.number().positive(),
    exponent: z.number().describe('A network of N parameters learns at value (N / parameters)^exponent.'),
  }),
]);

const network = z.strictObject({
  model: section.describe('What all sizes have in common, as in a configuration.'),
  sizes: z.array(section).min(1).describe('From the smallest to the largest: the keys of `model` in which they differ.'),
  learningRate: learningRate.describe('One for all sizes, one for each, or a rule: a badly tuned size bends the law.'),
  batch: z
    .union([batchSize, z.array(batchSize).min(1)])
    .prefault({ sentences: 32 })
    .describe('One for all sizes, or one for each.'),
});

const grid = z.strictObject({
  networks: z.array(z.string()).min(1).optional().describe('Default: all.'),
  sizes: z.array(z.int().min(1)).min(1).optional().describe('By their places in `sizes`, from 1. Default: all.'),
  examples: z
    .array(z.int().min(1))
    .min(1)
    .describe('Pairs, or contexts of text, to train on: a larger part of the corpus contains a smaller one.'),
  epochs: z.array(z.int().min(1).max(10_000)).min(1).default([1]).describe('Passes over them; beyond 1 they are repeated.'),
  seeds: z.int().min(1).max(100).default(1).describe('Trainings of each kind, which differ only in the seed.'),
});
export type ScalingGrid = z.output<typeof grid>;

/** Keys of `training` that the grid decides, and where. */
const decided: Readonly<Record<string, string>> = {
  batch: 'networks.NAME.batch',
  schedule: 'warmup: a cosine over each run’s own length',
  stop: 'grids: examples and epochs',
  validate: 'the plan itself: dev perplexity at the end, and up to eight times in repeated data',
  checkpoint: 'the plan itself',
  seed: 'grids: seeds',
};

/** A plan as it is written. */
const planSchema = z
  .strictObject({
    version: z.literal(1),
    data: section.describe('As in a configuration.'),
    tokenizer: section.optional().describe('As in a configuration.'),
    training: section.default({}).describe('As in a configuration, but for what the plan decides.'),
    warmup: z.number().min(0).lt(1).default(0.1).describe('Share of each run in which the learning rate rises; it falls to 0 by a cosine.'),
    networks: z.record(z.string().min(1), network).describe('Kinds of networks by name; each gets a law of its own.'),
    grids: z.array(grid).min(1).describe('What is trained: in each, all sizes by all examples by all epochs by all seeds.'),
    predict: z
      .int()
      .min(0)
      .default(1)
      .describe('So many places of a network with the most compute are predicted from all others before they are trained.'),
  })
  .superRefine(({ data, training, networks, grids }, context) => {
    const issue = (path: PropertyKey[], message: string) => context.addIssue({ code: 'custom', path, message });
    for (const key of Object.keys(training)) if (decided[key] !== undefined) issue(['training', key], `is decided by ${decided[key]}`);
    if (training.optimizer !== null && typeof training.optimizer === 'object' && 'learningRate' in training.optimizer) {
      issue(['training', 'optimizer', 'learningRate'], 'is decided by networks.NAME.learningRate');
    }
    if (data.dev === undefined) issue(['data'], 'needs dev, on which loss is measured');
    if (data.examples !== undefined) issue(['data', 'examples'], 'is decided by grids: examples');
    if (Object.keys(networks).length === 0) issue(['networks'], 'needs at least one');
    for (const [name, { sizes, learningRate, batch }] of Object.entries(networks)) {
      const isOfEach = (list: unknown): list is unknown[] => Array.isArray(list) && list.length !== sizes.length;
      if (isOfEach(learningRate)) issue(['networks', name, 'learningRate'], `${learningRate.length} for ${sizes.length} sizes`);
      if (isOfEach(batch)) issue(['networks', name, 'batch'], `${batch.length} for ${sizes.length} sizes`);
    }
    for (const [place, { networks: chosen = Object.keys(networks), sizes = [] }] of grids.entries()) {
      const unknown = chosen.findIndex((name) => networks[name] === undefined);
      if (unknown >= 0) issue(['grids', place, 'networks', unknown], `expected one of ${Object.keys(networks).join(', ')}`);
      const most = Math.min(...chosen.map((name) => networks[name]?.sizes.length ?? Number.POSITIVE_INFINITY));
      const beyond = sizes.findIndex((size) => size > most);
      if (beyond >= 0) issue(['grids', place, 'sizes', beyond], `expected 1 to ${most}, as many sizes as there are`);
    }
  });
export type ScalingPlanInput = z.input<typeof planSchema>;
type WrittenPlan = z.output<typeof planSchema>;

/** What is to be trained. */
export interface ScalingPlan {
  /** For people: the path of the file. */
  readonly name: string;
  readonly networks: readonly PlannedNetwork[];
  readonly grids: readonly ScalingGrid[];
  readonly warmup: number;
  readonly predict: number;
  /** Where a number of examples is written, for errors. */
  placeOfExamples(examples: number): string;
}

export interface PlannedNetwork {
  readonly name: string;
  /** Of each size the configuration that its runs share, with its learning rate and batch. */
  readonly sizes: readonly Configuration[];
}

/**
 * Reads a plan from a file or an object.
 *
 * @param set  overrides of the plan, `key.path=value` each
 * @throws DecadeError `usage` for mistakes, each with its line
 */
export async function readScalingPlan(files: Files, plan: string | ScalingPlanInput, set: readonly string[] = []): Promise<ScalingPlan> {
  const isFile = typeof plan === 'string';
  const text = isFile ? await readBoundedText(files, plan, mostConfigurationBytes, 'a plan') : stringify(plan, { lineWidth: 0 });
  return scalingPlanOf(text, isFile ? plan : 'plan', set, files.absolute);
}

/** The plan that a text is; see `readScalingPlan`. */
export function scalingPlanOf(text: string, where: string, set: readonly string[], absolute: Files['absolute']): ScalingPlan {
  const document = ConfigurationDocument.parse(text, where, { allowed: 'a scaling plan', next: 'see recipes/scaling/ for examples' });
  for (const override of set) document.override(override, knownKeys);
  const parsed = planSchema.safeParse(document.value);
  const ofSizes = refusedSizes(document);
  if (!parsed.success || ofSizes.length > 0) {
    const ofPlan = parsed.success ? [] : [{ error: parsed.error, schema: planSchema, value: document.value, document }];
    throw new DecadeError('usage', describeIssues([...ofPlan, ...ofSizes], where));
  }
  const { networks, grids, warmup, predict } = parsed.data;
  return {
    name: where,
    networks: Object.keys(networks).map((name) => ({
      name,
      sizes: (networks[name]?.sizes ?? []).map((_, size) => sizeOf(parsed.data, { name, size }, where, document, absolute)),
    })),
    ...{ grids, warmup, predict },
    placeOfExamples(examples) {
      const path = grids.flatMap((each, grid) => each.examples.map((one, place) => ({ one, path: ['grids', grid, 'examples', place] })));
      const found = path.find(({ one }) => one === examples)?.path ?? ['grids'];
      return `${where}: ${document.place(found)}: ${found.join('.')}`;
    },
  };
}

/** Mistakes in the sizes of networks, as far as a plan with other mistakes has them. */
function refusedSizes(document: ConfigurationDocument): RefusedValue[] {
  const { data, tokenizer, training = {}, networks } = sectionsSchema.safeParse(document.value).data ?? {};
  if (data?.dev === undefined) return [];
  return Object.entries(networks ?? {}).flatMap(([name, written]) => {
    const own = network.safeParse(written).data;
    return (own?.sizes ?? []).flatMap((_, size) => {
      const values = { data, tokenizer, training, networks: { [name]: own as z.output<typeof network> } };
      return refusedConfiguration(valuesOf(values, { name, size }), placesIn(document, { name, size }, own?.sizes[size] ?? {})) ?? [];
    });
  });
}

/** What of a plan may become configurations, whatever else is wrong with it. */
const sectionsSchema = z.object({
  data: section,
  tokenizer: section.optional(),
  training: section.optional(),
  networks: z.record(z.string(), z.unknown()),
});

/** `data`, `tokenizer` and `training` are what they are in a configuration. */
const knownKeys = {
  expectsText: (path: KeyPath) => expectsText(configurationSchema, path),
  defaultOf: (path: KeyPath) => defaultOf(configurationSchema, path),
};

/** A size of a network by its place in the list. */
interface SizePlace {
  readonly name: string;
  readonly size: number;
}

function sizeOf(
  plan: WrittenPlan,
  place: SizePlace,
  where: string,
  document: ConfigurationDocument,
  absolute: Files['absolute'],
): Configuration {
  const { sizes, learningRate } = plan.networks[place.name] as WrittenPlan['networks'][string];
  const configuration = placedConfiguration(valuesOf(plan, place), where, placesIn(document, place, sizes[place.size] ?? {}), absolute);
  const { parameters } = modelOf(configuration);
  const rate = learningRateOf(learningRate, place.size, parameters.count);
  return {
    ...configuration,
    training: { ...configuration.training, optimizer: { ...configuration.training.optimizer, learningRate: rate } },
  };
}

/** The configuration of a size as it would be written, with a learning rate to be replaced. */
function valuesOf(
  { data, tokenizer, training, networks }: Pick<WrittenPlan, 'data' | 'tokenizer' | 'training' | 'networks'>,
  { name, size }: SizePlace,
): object {
  const { model, sizes, batch } = networks[name] as WrittenPlan['networks'][string];
  const { optimizer, ...others } = training;
  return {
    version: 1,
    data,
    ...(tokenizer !== undefined && { tokenizer }),
    model: { ...model, ...sizes[size] },
    training: {
      ...Object.fromEntries(Object.entries(others).filter(([key]) => decided[key] === undefined)),
      optimizer: { kind: 'adam', ...Object(optimizer), learningRate: 1 },
      batch: Array.isArray(batch) ? batch[size] : batch,
      validate: { metrics: ['perplexity'] },
    },
  };
}

function learningRateOf(rule: z.output<typeof learningRate>, size: number, parameters: number): number {
  if (typeof rule === 'number') return rule;
  if ('value' in rule) return Number((rule.value * (parameters / rule.parameters) ** rule.exponent).toPrecision(3));
  return rule[size] as number;
}

/** Where in a plan the values of a size's configuration stand. */
function placesIn(document: ConfigurationDocument, { name, size }: SizePlace, own: object): ConfigurationPlaces {
  const placeOf = ([first, ...rest]: KeyPath): KeyPath => {
    if (first === 'model') {
      const [key] = rest;
      return key !== undefined && key in own ? ['networks', name, 'sizes', size, ...rest] : ['networks', name, 'model', ...rest];
    }
    if (first === 'training' && rest[0] === 'batch') return ['networks', name, ...rest];
    return first === undefined ? [] : [first, ...rest];
  };
  return { place: (path) => document.place(placeOf(path)), isOverridden: (path) => document.isOverridden(path) };
}
