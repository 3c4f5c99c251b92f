import * as z from 'zod';
import type { Estimated } from '../../analysis/examination/means.js';
import { categoryPlot } from '../../analysis/page/plot.js';
import { DecadeError } from '../../core/errors.js';
import type { CorpusSource } from '../../data/sources.js';
import { languageTask, type NetworkScale, varied } from '../base.js';
import { bleuBounds, effectOnBleu, meanBleu, type ScoredCopies, scoredCopies } from '../bleu-of-translations.js';
import type { Configuration } from '../../training/configuration.js';
import type { Experiment, Finding, Study } from '../experiment.js';
import { cleaned, type NoiseKind, noiseKinds, type NoisyPair, withNoise } from '../noise.js';
import { beam, seeds } from '../options.js';
import { type Sentences, type TextFiles, type Train, type Transform, train, transform, transformToText, translate } from '../steps.js';
import { change, seedsWritten, written } from '../wording.js';

const options = {
  seeds: seeds(1),
  beam: beam(5),
  shares: z.int().min(1).max(3).default(1).describe('shares of noise: 50 %, with 30 % and then 10 % before it'),
  cells: z
    .enum(['all', 'three', 'none'])
    .default('three')
    .describe('what is trained: all kinds of noise, three of them at 50 %, or nothing'),
};

type NoiseStudy = Study<typeof options>;

const allShares = [0.5, 0.3, 0.1];
/** Where networks suffer most, in the paper. */
const threeKinds: readonly NoiseKind[] = ['misaligned', 'wrong language', 'copied'];

/** A kind of noise that makes up a share of the pairs, and what the filters do to it. */
interface Cell {
  readonly kind: NoiseKind;
  readonly share: number;
  readonly dropped: Transform<DroppedPairs>;
  readonly noisy: Transform<TextFiles>;
  readonly filtered: Transform<TextFiles>;
  readonly isTrained: boolean;
}

const droppedPairs = z.object({ noise: z.number(), noiseDropped: z.number(), clean: z.number(), cleanDropped: z.number() });
/** Pairs that are noise, and that are not, and how many of them the filters drop. */
export type DroppedPairs = z.output<typeof droppedPairs>;

/** What was measured of a cell. */
export interface MeasuredNoise {
  readonly kind: NoiseKind;
  readonly share: number;
  readonly dropped: DroppedPairs;
  /** Undefined for a cell that was not trained. */
  readonly bleu: Readonly<Record<'noisy' | 'filtered', { readonly mean: Estimated; readonly effect: Estimated }>> | undefined;
}

export const noise: Experiment<typeof options> = {
  title: 'Training on noise, and on what filters leave of it',
  source: {
    paper: 'Khayrallah and Koehn, 2018',
    where: 'table 1',
    claim: 'a noisy corpus of the same size beside a clean one costs a network 9.9 BLEU and brings a phrase model 1.2',
  },
  task: languageTask,
  network: ({ layers, hidden }: NetworkScale) => ({
    kind: 'transformer',
    ...{ encoderLayers: layers, decoderLayers: layers, width: hidden / 2, heads: 4, feedForward: hidden },
  }),
  options,
  // A training that learns nothing from noise is what is looked for.
  judgesItself: true,

  async *stages(study) {
    const { laboratory, options } = study;
    const { signal } = laboratory.options;
    const cells = await cellsOf(study);
    const clean = options.cells === 'none' ? [] : trainingsOn(study, undefined);
    const trained = cells.map((cell) => ({
      cell,
      noisy: cell.isTrained ? trainingsOn(study, cell.noisy) : [],
      filtered: cell.isTrained ? trainingsOn(study, cell.filtered) : [],
    }));
    const translations = (models: readonly Train[]) => models.map((model) => translate([model], study.test, options.beam));
    const models = [...clean, ...trained.flatMap(({ noisy, filtered }) => [...noisy, ...filtered])];
    yield { steps: [...cells.map(({ dropped }) => dropped), ...models, ...translations(models)] };

    const copiesOf = (models: readonly Train[]) => scoredCopies(laboratory, translations(models));
    const base = options.cells === 'none' ? undefined : await copiesOf(clean);
    const measured: MeasuredNoise[] = [];
    for (const { cell, noisy, filtered } of trained) {
      const { kind, share } = cell;
      const against = async (copies: ScoredCopies, base: ScoredCopies) => ({
        mean: await meanBleu(copies, signal),
        effect: await effectOnBleu(base, copies, signal),
      });
      const bleu =
        base === undefined || !cell.isTrained
          ? undefined
          : { noisy: await against(await copiesOf(noisy), base), filtered: await against(await copiesOf(filtered), base) };
      measured.push({ kind, share, dropped: await laboratory.result(cell.dropped), bleu });
    }
    return findingOf(measured, base && (await meanBleu(base, signal)), { ...options, training: study.base.configuration.training });
  },
};

async function cellsOf({ base, laboratory, options }: NoiseStudy): Promise<Cell[]> {
  const { signal } = laboratory.options;
  const { train: source } = base.configuration.data;
  if ('generator' in source && source.generator.startsWith('digits:')) {
    throw new DecadeError('usage', {
      where: 'noise',
      received: source.generator,
      allowed: 'sentences: the filters drop what has no letters',
      next: `use ${languageTask}, or a CONFIG.yaml with a corpus`,
    });
  }
  const pairs = await laboratory.sentences(source, 'train');
  const corpus = await laboratory.addresses.ofCorpus(source);
  const languages = languagesOf(base.configuration.data);
  const foreign = await foreignSentences(laboratory, languages?.[1]);
  const shares = allShares.slice(0, options.shares).reverse();
  return shares.flatMap((share) =>
    noiseKinds.map((kind): Cell => {
      const parameters = { corpus, kind, share, languages };
      const made = () => withNoise(pairs, kind, share, foreign.references);
      let kept: Promise<NoisyPair[]> | undefined;
      const left = () => (kept ??= cleaned(made(), languages, signal));
      const text = (name: string, version: number, make: () => NoisyPair[] | Promise<NoisyPair[]>) =>
        transformToText({
          ...{ name, version, inputs: [], parameters },
          async make() {
            const all = await make();
            return { source: all.map(({ source }) => source), target: all.map(({ target }) => target) };
          },
        });
      return {
        kind,
        share,
        isTrained: options.cells === 'all' || (options.cells === 'three' && share === 0.5 && threeKinds.includes(kind)),
        noisy: text('pairs with noise', 1, made),
        filtered: text('pairs with noise, filtered', 2, left),
        dropped: transform({
          ...{ name: 'dropped noise', version: 2, inputs: [], parameters, schema: droppedPairs },
          async make() {
            const all = made();
            const kept = await left();
            const noise = all.filter(({ isNoise }) => isNoise).length;
            const noiseKept = kept.filter(({ isNoise }) => isNoise).length;
            const clean = all.length - noise;
            return { noise, noiseDropped: noise - noiseKept, clean, cleanDropped: clean - (kept.length - noiseKept) };
          },
        }),
      };
    }),
  );
}

/** The languages of a generated corpus, or of the configuration, if it names any. */
function languagesOf({ source, target, train }: NoiseStudy['base']['configuration']['data']): readonly [string, string] | undefined {
  if ('generator' in train) {
    const [, from, to] = /^intl:([a-z]{2,3})-([a-z]{2,3})$/i.exec(train.generator) ?? [];
    return from === undefined || to === undefined ? undefined : [from, to];
  }
  // The names of sides that have none.
  return source === 'source' || target === 'target' ? undefined : [source, target];
}

/** Generated ones, as no corpus of another language need be at hand. */
function foreignSentences(laboratory: NoiseStudy['laboratory'], target: string | undefined): Promise<Sentences> {
  const source: CorpusSource = {
    generator: target === 'de' ? 'intl:en-es' : 'intl:en-de',
    split: 'train',
    pairs: 1_000,
    heldOut: 0,
    seed: 1,
  };
  return laboratory.sentences(source, 'another language');
}

function trainingsOn({ base, options }: NoiseStudy, pairs: Transform<TextFiles> | undefined): Train[] {
  const { seed } = base.configuration.training;
  return Array.from({ length: options.seeds }, (_, index) =>
    train(varied(base.configuration, { training: { seed: seed + index } }), pairs && { train: pairs }),
  );
}

type EndOfTraining = Pick<Configuration['training'], 'stop'> & {
  readonly validate?: { readonly patience?: number | undefined } | undefined;
};

/** How trainings of different corpora are alike in their length. */
function sameEnd({ stop: { epochs, steps }, validate }: EndOfTraining): string {
  if (validate?.patience !== undefined || (epochs !== undefined && steps !== undefined)) return 'rule for their end';
  return epochs === undefined ? 'number of updates' : 'number of epochs, so a network has more updates on more pairs';
}

/** What the figures show, in words that depend on them. */
export function findingOf(
  measured: readonly MeasuredNoise[],
  clean: Estimated | undefined,
  { seeds, beam, training }: Pick<NoiseStudy['options'], 'seeds' | 'beam'> & { readonly training: EndOfTraining },
): Finding {
  const trained = measured.flatMap(({ bleu, ...cell }) => (bleu === undefined ? [] : [{ ...cell, bleu }]));
  const seedsTold = seedsWritten(seeds);
  return {
    head: ['noise', 'share', 'recall', 'precision', 'of the clean pairs dropped', ...(clean === undefined ? [] : bleuHead)],
    rows: measured.map(({ kind, share, dropped, bleu }) => [
      kind,
      percent(share, 0),
      percent(dropped.noiseDropped / dropped.noise),
      percent(dropped.noiseDropped / (dropped.noiseDropped + dropped.cleanDropped)),
      percent(dropped.cleanDropped / dropped.clean),
      ...(clean === undefined
        ? []
        : bleu === undefined
          ? ['', '', '', '']
          : [written(bleu.noisy.mean, 1), change(bleu.noisy.effect, 1), written(bleu.filtered.mean, 1), change(bleu.filtered.effect, 1)]),
    ]),
    conclusions: [
      ...(clean === undefined ? [] : [`Without noise: BLEU ${written(clean, 1)} (${seedsTold}, beam ${beam}).`]),
      ...trained.map(
        ({ kind, share, bleu }) =>
          `${percent(share, 0)} of ${kind} pairs change BLEU by ${change(bleu.noisy.effect, 1)}, and by ${change(bleu.filtered.effect, 1)} when they are filtered: ${judged(bleu)}.`,
      ),
      'Recall is the share of the noise that deduplication and the filters drop, precision the share of noise in what they drop. All kinds meet the same filters with their usual bounds. Of a pair and its copy the first stays, which is the copy about every second time: there, what is dropped of either counts. The clean pairs stay whole, and noise is added to them. ' +
        `All trainings have the same model, dev set and ${sameEnd(training)}.`,
    ],
    plots:
      clean === undefined
        ? []
        : [
            categoryPlot({
              title: 'BLEU with noise, and with what the filters leave',
              note: `${seedsTold} each, 95 % intervals, beam ${beam}; without noise ${clean.value.toFixed(1)}`,
              x: 'noise',
              y: { label: 'test BLEU', include: 0, bounds: bleuBounds },
              categories: trained.map(({ kind, share }) => ({ name: kind, note: percent(share, 0) })),
              series: (['noisy', 'filtered'] as const).map((name) => ({ name, values: trained.map(({ bleu }) => bleu[name].mean) })),
            }),
          ],
    figures: { measured, clean },
  };
}

const bleuHead = ['BLEU with noise', 'effect', 'BLEU filtered', 'effect'];

function judged({ noisy, filtered }: NonNullable<MeasuredNoise['bleu']>): string {
  const { high = Number.POSITIVE_INFINITY } = noisy.effect;
  if (high >= 0) return 'that the noise does harm is not settled';
  const { low = Number.NEGATIVE_INFINITY } = filtered.effect;
  return low > (noisy.effect.high ?? 0) ? 'the filters undo some of the harm' : 'that the filters help is not settled';
}

function percent(share: number, digits = 1): string {
  return Number.isNaN(share) ? 'none' : `${(100 * share).toFixed(digits)} %`;
}
