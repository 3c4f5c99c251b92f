import * as z from 'zod';
import { predictRun } from '../../analysis/scaling/bootstrap.js';
import type { Estimate } from '../../analysis/scaling/line.js';
import { type ScalingPoint, scalingLawOf } from '../../analysis/scaling/scaling.js';
import type { Stage } from '../experiment.js';
import type { Laboratory } from '../laboratory.js';
import { type TrainedRun, type Transform, transform } from '../steps.js';
import { nameOf, type ScalingRun, type ScalingRuns } from './runs.js';

const forecast = z.object({
  /** Trainings among the predicted ones that were done already when this was written: of those it is no prediction. */
  trainedBefore: z.number(),
  predictions: z.array(
    z.object({ run: z.string(), parameters: z.number(), tokens: z.number(), value: z.number(), low: z.number(), high: z.number() }),
  ),
  /** Networks without a law to predict by, and why. */
  impossible: z.array(z.object({ network: z.string(), reason: z.string() })),
});
/** What the largest runs would reach, written before they were trained. */
export type Forecast = z.output<typeof forecast>;

/** A prediction beside what came of it. */
export interface CheckedPrediction {
  readonly run: string;
  readonly parameters: number;
  readonly tokens: number;
  readonly predicted: Pick<Estimate, 'value' | 'low' | 'high'>;
  /** Undefined if it diverged. */
  readonly measured: number | undefined;
  readonly held: boolean;
}

export interface MeasuredRuns {
  readonly points: readonly ScalingPoint[];
  /** Runs that did not learn, and why that is said; no law is fitted to them. */
  readonly failed: readonly { readonly run: string; readonly reason: string }[];
  readonly forecast: Forecast | undefined;
  readonly checked: readonly CheckedPrediction[];
}

/**
 * Trains all runs but the largest, writes down what the laws fitted to them predict of the largest, trains these, and returns what
 * all came to.
 */
export async function* measureRuns(laboratory: Laboratory, runs: ScalingRuns): AsyncGenerator<Stage, MeasuredRuns, void> {
  const { known, predicted } = runs;
  const expected = predicted.length === 0 ? undefined : forecastOf(laboratory, runs);
  yield { steps: [...known, ...(expected === undefined ? [] : [{ training: expected }]), ...predicted].map(({ training }) => training) };
  const measured = new Measurements(laboratory);
  const points: ScalingPoint[] = [];
  const failed: { run: string; reason: string }[] = [];
  const byName = new Map<string, ScalingPoint>();
  for (const run of [...known, ...predicted]) {
    const trained = await laboratory.result(run.training);
    const reason = await measured.whyUnlearnt(trained);
    if (reason !== undefined) {
      failed.push({ run: nameOf(run), reason });
      continue;
    }
    const point = await measured.point(run, trained);
    points.push(point);
    byName.set(point.name, point);
  }
  const written = expected && (await laboratory.result(expected));
  const checked = (written?.predictions ?? []).map(({ run, parameters, tokens, ...prediction }) => {
    const loss = byName.get(run)?.loss;
    const held = loss !== undefined && prediction.low <= loss && loss <= prediction.high;
    return { run, parameters, tokens, predicted: prediction, measured: loss, held };
  });
  return { points, failed, forecast: written, checked };
}

/** The predictions as a step: kept under the address of all that they were made from, between these trainings and the next. */
function forecastOf(laboratory: Laboratory, { known, predicted }: ScalingRuns): Transform<Forecast> {
  return transform({
    name: 'forecast of losses',
    version: 1,
    inputs: known.map(({ training }) => training),
    parameters: { known: known.map(nameOf), predicted: predicted.map(nameOf) },
    schema: forecast,
    make: async (trained): Promise<Forecast> => {
      const measured = new Measurements(laboratory);
      const pairs = known.map((run, place) => ({ run, trained: trained[place] as TrainedRun }));
      const points: ScalingPoint[] = [];
      for (const { run, trained } of pairs) {
        if ((await measured.whyUnlearnt(trained)) === undefined) points.push(await measured.point(run, trained));
      }
      const states = await Promise.all(predicted.map(({ training }) => laboratory.stateOf(training)));
      const made: Forecast = { trainedBefore: states.filter((state) => state === 'done').length, predictions: [], impossible: [] };
      for (const network of new Set(predicted.map(({ network }) => network))) {
        const law = scalingLawOf(points.filter((point) => point.network === network));
        if (typeof law === 'string') {
          made.impossible.push({ network, reason: law });
          continue;
        }
        for (const run of predicted.filter((run) => run.network === network)) {
          const alike = pairs.filter((pair) => pair.run.network === network);
          const sameSize = alike.find((pair) => pair.run.size === run.size)?.trained.parameters ?? run.parameters;
          const tokenizedBy = alike[0]?.trained as TrainedRun;
          const at = { parameters: sameSize, tokens: await measured.tokens(run, tokenizedBy) };
          const { value, low, high } = predictRun(law.law, law.samples, at);
          made.predictions.push({ run: nameOf(run), ...at, value, low, high });
        }
      }
      return made;
    },
  });
}

/** What runs are fitted by. Runs share corpora, which are counted once. */
class Measurements {
  readonly #laboratory: Laboratory;
  readonly #tokens = new Map<string, number>();
  readonly #unigrams = new Map<string, number>();

  constructor(laboratory: Laboratory) {
    this.#laboratory = laboratory;
  }

  async point(run: ScalingRun, trained: TrainedRun): Promise<ScalingPoint> {
    const tokens = await this.tokens(run, trained);
    return {
      name: nameOf(run),
      network: run.network,
      parameters: trained.parameters,
      tokens,
      uniqueTokens: tokens / run.epochs,
      loss: Math.log(trained.perplexity),
    };
  }

  /** Tokens that a run is trained to predict, `</s>` counted. `tokenizedBy`: a run with the same tokenizers. */
  async tokens({ training, epochs }: ScalingRun, tokenizedBy: TrainedRun): Promise<number> {
    const configuration = (await this.#laboratory.configurationOf(training)) ?? training.configuration;
    const key = JSON.stringify([configuration.data, configuration.tokenizer]);
    const known = this.#tokens.get(key) ?? (await this.#count({ ...tokenizedBy, configuration }));
    this.#tokens.set(key, known);
    return known * epochs;
  }

  async #count(run: TrainedRun): Promise<number> {
    const corpus = await this.#laboratory.corpus(run, 'train');
    try {
      return corpus.targetTokens + corpus.pairs;
    } finally {
      await corpus.close();
    }
  }

  /** A run that is no better than how often each token occurs has learnt nothing that could scale. */
  async whyUnlearnt(trained: TrainedRun): Promise<string | undefined> {
    const { perplexity, diverged, configuration } = trained;
    if (diverged !== undefined || !Number.isFinite(perplexity)) return diverged ?? 'no finite loss';
    const key = JSON.stringify([configuration.data, configuration.tokenizer]);
    const unigram = this.#unigrams.get(key) ?? (await this.#laboratory.unigramPerplexity(trained));
    this.#unigrams.set(key, unigram);
    return perplexity < unigram
      ? undefined
      : `dev perplexity ${perplexity.toFixed(1)}, no better than the ${unigram.toFixed(1)} of a unigram model`;
  }
}
