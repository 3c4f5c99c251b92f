import * as z from 'zod';
import { modelOf } from '../../analysis/cost/estimate.js';
import { differenceOfEstimates, type Estimated } from '../../analysis/examination/means.js';
import { linePlot } from '../../analysis/page/plot.js';
import { randomKey, shuffle } from '../../core/random.js';
import { chosenPairs } from '../../data/chosen-pairs.js';
import { describeSource } from '../../data/sources.js';
import { languageModelOptions } from '../../models/create.js';
import { type Configuration, configurationOf } from '../../training/configuration.js';
import { languageTask, type NetworkScale, varied } from '../base.js';
import { bleuBounds, effectOnBleu, meanBleu, type ScoredCopies, scoredCopies } from '../bleu-of-translations.js';
import { eachTranslates, type Experiment, type Finding, sideBySide, type Study } from '../experiment.js';
import { beam, seeds } from '../options.js';
import { type Lines, type Sentences, type TextFiles, type Train, type Transform, train, transformToText } from '../steps.js';
import { change, seedsWritten, verdict, written } from '../wording.js';

const [leastUpdates, mostUpdates] = [10, 1_200];

const options = {
  seeds: seeds(3),
  sizes: z.int().min(1).max(6).default(4).describe('numbers of pairs (1, 3, 10, 30, ...), the largest at most a quarter of the corpus'),
  updates: z
    .int()
    .min(leastUpdates)
    .max(1_000_000)
    .optional()
    .describe(
      'most updates of a translator; it ends when dev BLEU does not rise. Default: 1,200, or fewer where the configuration trains for fewer on the whole corpus (in batches of sentences), at least 10',
    ),
  beam: beam(5),
};

type PretrainingStudy = Study<typeof options>;

/** What a translator begins with. The second is the control: the same words, and nothing to learn of their order. */
const beginnings = ['from scratch', 'from shuffled text', 'from text'] as const;
type Beginning = (typeof beginnings)[number];
type ByBeginning<Value> = Readonly<Record<Beginning, Value>>;

/** Validations of a training, and how many in a row may bring nothing. */
const validations = 12;
const patience = 4;
/**
 * A language model that becomes a translator has its best perplexity before it has learnt to look at the source, and learns to translate while it gets worse at
 * saying how likely references are. So what is compared decides: BLEU of the first dev sentences.
 */
const metrics = ['bleu', 'perplexity'] as const;
const judgedSentences = 500;
/** Of pretraining the decoder alone, in the paper: without any pretraining it lost 2.0, with that of the decoder 1.0. */
const published = 1.0;

/** The translators trained on one number of pairs. */
export interface Translators {
  readonly pairs: number;
  readonly bleu: ByBeginning<Estimated>;
  readonly scores: ByBeginning<readonly number[]>;
  readonly perplexities: ByBeginning<readonly number[]>;
  /** Of beginning with the language model, and which part of that needs the order of words. */
  readonly effects: { readonly ofText: Estimated; readonly ofOrder: Estimated };
  /** Trainings that were still improving when their updates ended. */
  readonly unfinished: number;
}

export const pretraining: Experiment<typeof options> = {
  title: 'Pre-training a translator on text',
  source: {
    paper: 'Ramachandran, Liu and Le, 2017',
    where: 'ablation study',
    claim: 'with its decoder pre-trained as a language model, a translator gains 1.0 BLEU on 4.5 million pairs',
  },
  task: languageTask,
  network: ({ layers, hidden }: NetworkScale) => ({
    kind: 'transformer',
    ...{ encoderLayers: layers, decoderLayers: layers, width: hidden / 2, heads: 4, feedForward: hidden },
  }),
  options,

  async *stages(study) {
    const { laboratory, options } = study;
    const { signal } = laboratory.options;
    const corpora = await corporaOf(study);
    const sizes = corpora.sizes.map(({ pairs, made }) => {
      const trainings = translators(study, corpora, made);
      return { pairs, trainings, translations: eachTranslates(study, trainings, options.beam) };
    });
    yield {
      steps: [
        ...sizes.flatMap(({ trainings }) => sideBySide(trainings)),
        ...sizes.flatMap(({ translations }) => Object.values(translations).flat()),
      ],
    };

    const measured: Translators[] = [];
    for (const { pairs, trainings, translations } of sizes) {
      const runs = await ofEach((beginning) => laboratory.results(trainings[beginning]));
      const copies = await ofEach((beginning) => scoredCopies(laboratory, translations[beginning]));
      measured.push({
        pairs,
        bleu: await ofEach((beginning) => meanBleu(copies[beginning], signal)),
        scores: await ofEach((beginning) => copies[beginning].bleu),
        perplexities: await ofEach((beginning) => runs[beginning].map(({ perplexity }) => perplexity)),
        effects: await effectsOf(copies, signal),
        unfinished: Object.values(runs)
          .flat()
          .filter(({ steps }) => steps >= corpora.updates).length,
      });
    }
    return findingOf(measured, { ...options, updates: corpora.updates });
  },
};

async function ofEach<Value>(value: (beginning: Beginning) => Value | Promise<Value>): Promise<ByBeginning<Value>> {
  const values: [Beginning, Value][] = [];
  for (const beginning of beginnings) values.push([beginning, await value(beginning)]);
  return Object.fromEntries(values) as unknown as ByBeginning<Value>;
}

async function effectsOf(copies: ByBeginning<ScoredCopies>, signal: AbortSignal | undefined): Promise<Translators['effects']> {
  const text = copies['from text'];
  return {
    ofText: await effectOnBleu(copies['from scratch'], text, signal),
    ofOrder: await effectOnBleu(copies['from shuffled text'], text, signal),
  };
}

interface Corpora {
  /** The target side of the whole corpus, a sentence a line, and that of dev, as they are and with the words of each line shuffled. */
  readonly text: { readonly train: Transform<TextFiles>; readonly dev: Transform<TextFiles> };
  readonly shuffled: Corpora['text'];
  /** Most of a translator. */
  readonly updates: number;
  readonly sizes: readonly { readonly pairs: number; readonly made: Transform<TextFiles> }[];
}

async function corporaOf({ base, laboratory, options: { sizes, updates } }: PretrainingStudy): Promise<Corpora> {
  const { train: source, dev = source, examples } = base.configuration.data;
  const [all, held] = [await laboratory.sentences(source, 'train'), await laboratory.sentences(dev, 'dev')];
  const pairs = chosenSentences(all, chosenPairs(all.sources.length, examples, describeSource(source)));
  const [corpus, heldCorpus] = [await laboratory.addresses.ofCorpus(source), await laboratory.addresses.ofCorpus(dev)];
  const order = pairs.sources.map((_, index) => index);
  shuffle(order, randomKey(1, 'sample'));
  const made = (name: string, parameters: object, make: () => Readonly<Record<string, Lines>>) =>
    transformToText({ name, version: 1, inputs: [], parameters, make });
  const textsOf = (name: string, changed: (line: string, number: number) => string) => ({
    train: made(name, { corpus, examples }, () => ({ text: pairs.references.map(changed) })),
    dev: made(name, { corpus: heldCorpus }, () => ({ text: held.references.map(changed) })),
  });
  return {
    text: textsOf('target text', (line) => line),
    shuffled: textsOf('target text, words shuffled', shuffledWords),
    updates: updates ?? updatesOf(base.configuration.training, pairs.sources.length),
    sizes: sizesOf(pairs.sources.length, sizes).map((size) => {
      // Larger corpora contain the smaller ones.
      const chosen = order.slice(0, size);
      const sideOf = (side: readonly string[]) => chosen.map((index) => side[index] as string);
      return {
        pairs: size,
        made: made('pairs', { corpus, examples, pairs: size }, () => ({ source: sideOf(pairs.sources), target: sideOf(pairs.references) })),
      };
    }),
  };
}

function chosenSentences({ name, sources, references }: Sentences, chosen: Uint32Array | undefined): Sentences {
  if (chosen === undefined) return { name, sources, references };
  const of = (side: readonly string[]) => Array.from(chosen, (index) => side[index] as string);
  return { name, sources: of(sources), references: of(references) };
}

/** Most updates of a translator: not more than the configuration trains for on the whole corpus, where batches count sentences. */
export function updatesOf({ batch, stop }: Pick<Configuration['training'], 'batch' | 'stop'>, pairs: number): number {
  const { epochs = Number.POSITIVE_INFINITY, steps = Number.POSITIVE_INFINITY } = stop;
  const ofEpochs = 'sentences' in batch ? Math.ceil((pairs / batch.sentences) * epochs) : mostUpdates;
  return Math.max(leastUpdates, Math.min(mostUpdates, steps, ofEpochs));
}

/** Numbers 1, 3, 10, 30, ... up to a quarter of the corpus: the largest so many, in ascending order. */
export function sizesOf(pairs: number, wanted: number): number[] {
  const largest = Math.max(1, pairs / 4);
  const all = [];
  for (let power = 1; power <= largest; power *= 10) all.push(power, 3 * power);
  return all.filter((size) => size <= largest).slice(-wanted);
}

/** The same words in another order, which depends on the number of the line only. */
export function shuffledWords(line: string, number: number): string {
  const words = line.split(/\s+/u);
  shuffle(words, randomKey(1, 'shuffle', number));
  return words.join(' ');
}

/** Translators on the same pairs that begin differently, as many as there are seeds each. One language model serves all seeds. */
function translators({ base, options: { seeds } }: PretrainingStudy, corpora: Corpora, pairs: Transform<TextFiles>): ByBeginning<Train[]> {
  // The corpora made for them are already those that were chosen.
  const { examples: _, ...data } = base.configuration.data;
  const configuration = withOwnVocabularies({ ...base.configuration, data });
  const { seed, validate, checkpoint } = configuration.training;
  const { updates } = corpora;
  const every = { steps: Math.ceil(updates / validations) };
  const of = (init?: Train) =>
    Array.from({ length: seeds }, (_, index) => {
      const training = {
        seed: seed + index,
        // The end is not known: a schedule that needs it would be cut off.
        schedule: { kind: 'inverse-square-root', warmup: every },
        stop: { steps: updates },
        validate: validate && { ...validate, sentences: validate.sentences ?? judgedSentences, metrics: [...metrics], every, patience },
        checkpoint: { ...checkpoint, every },
      } as const;
      return train(varied(configuration, { training }), { train: pairs }, init);
    });
  const onText = languageModelOf(configuration);
  return {
    'from scratch': of(),
    'from shuffled text': of(train(onText, corpora.shuffled)),
    'from text': of(train(onText, corpora.text)),
  };
}

/** Text has one side: the other has a vocabulary of its own, unless the network needs one for both. */
function withOwnVocabularies(configuration: Configuration): Configuration {
  const { tokenizer } = configuration;
  if (tokenizer.kind === 'bytes' || modelOf(configuration).needsOneVocabulary) return configuration;
  return { ...configuration, tokenizer: { ...tokenizer, shared: false } };
}

/** The language model whose parameters are those of the decoder, trained on text as the configuration trains on pairs. */
function languageModelOf({ data, model, training, ...rest }: Configuration): Configuration {
  const text = { text: ['made from the corpus'], documents: 'line' as const };
  const { mergeDropout: _, ...ofText } = training;
  return configurationOf({ ...rest, data: { ...data, train: text, dev: text }, training: ofText, model: languageModelOptions(model) });
}

/** What the figures show, in words that depend on them. */
export function findingOf(
  measured: readonly Translators[],
  { seeds: trained, updates, beam }: Required<PretrainingStudy['options']>,
): Finding {
  const count = (pairs: number) => pairs.toLocaleString('en-US');
  const seeds = seedsWritten(trained);
  const [fewest, most] = [measured[0], measured.at(-1)] as [Translators, Translators];
  const unfinished = measured.reduce((sum, one) => sum + one.unfinished, 0);
  const all = measured.length * beginnings.length * trained;
  const points = (value: (one: Translators) => Estimated) => measured.map((one) => ({ x: one.pairs, ...value(one) }));
  const x = { label: 'pairs', scale: 'log', format: count } as const;
  return {
    head: ['pairs', ...beginnings.map((name) => `${name}, BLEU`), 'effect of text', 'of which due to word order', 'paper'],
    rows: measured.map(({ pairs, bleu, effects }) => [
      count(pairs),
      ...beginnings.map((beginning) => written(bleu[beginning], 1)),
      change(effects.ofText, 1),
      change(effects.ofOrder, 1),
      change({ value: published }, 1),
    ]),
    conclusions: [
      ...measured.map(
        ({ pairs, effects }) =>
          `With ${count(pairs)} pairs, beginning with the language model of the text changes BLEU by ${change(effects.ofText, 1)}: ${verdict(effects.ofText, 0, 'above')} (${seeds} each). ${aboutOrder(effects.ofOrder)}.`,
      ),
      ...(fewest === most ? [] : [`${aboutPairs(fewest, most, count)}.`]),
      ...(unfinished === 0
        ? []
        : [
            `The limit of ${count(updates)} updates ended ${unfinished} of ${all} trainings before dev BLEU had stalled: with more (--updates) differences may be other ones.`,
          ]),
      `All translators have the same network, pairs, dev set, schedule and limit of updates, and of each the validation with the best BLEU is used. From scratch the vocabulary comes from the pairs, otherwise from the whole text, shuffled or not; so what shuffled text brings is the vocabulary and what the words of a sentence say about each other without their order. One language model of each kind serves all seeds. Intervals are 95 %: over seeds with three or more, otherwise over test sentences.`,
    ],
    plots: [
      linePlot({
        title: 'BLEU by number of pairs',
        note: `${seeds} each, 95 % intervals, beam ${beam}`,
        x,
        y: { label: 'test BLEU', include: 0, bounds: bleuBounds },
        series: beginnings.map((beginning) => ({ name: beginning, points: points(({ bleu }) => bleu[beginning]) })),
      }),
      linePlot({
        title: 'Effect of pre-training on BLEU',
        note: `${seeds} each, 95 % intervals; 0 means no effect`,
        x,
        y: { label: 'BLEU, difference', include: 0 },
        series: [
          { name: 'text − scratch', points: points(({ effects }) => effects.ofText) },
          { name: 'text − shuffled text', points: points(({ effects }) => effects.ofOrder) },
        ],
      }),
    ],
    figures: { measured, paper: published },
  };
}

/** Whether it is the order of words in the text that helps. */
function aboutOrder(effect: Estimated): string {
  const difference = `against the language model of shuffled text ${change(effect, 1)}`;
  const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = effect;
  if (low > 0) return `The order of words in the text helps: ${difference}`;
  if (high < 0) return `The order of words in the text does harm: ${difference}`;
  return `Whether the order of words in the text matters is not settled: ${difference}`;
}

/** Whether text is worth more where there are fewer pairs. */
function aboutPairs(fewest: Translators, most: Translators, count: (pairs: number) => string): string {
  const effect = differenceOfEstimates(fewest.effects.ofText, most.effects.ofText);
  const difference = `${change(effect, 1)} BLEU from ${count(fewest.pairs)} to ${count(most.pairs)} pairs`;
  const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = effect;
  if (high < 0) return `The effect of pre-training falls with the number of pairs: ${difference}`;
  if (low > 0) return `The effect of pre-training grows with the number of pairs: ${difference}`;
  return `Whether the effect of pre-training depends on the number of pairs is not settled: ${difference}`;
}
