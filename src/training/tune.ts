import type { Translator } from '../decoding/translator.js';
import { metricNamed } from '../metrics/evaluate.js';
import type { CountingControl } from '../models/counting.js';
import type { TranslationSearch } from '../models/model.js';
import { tuneWeights } from '../models/phrase/tuning/tune.js';
import type { ValidationMetric } from './options.js';

/** Translations per sentence from which weights are learnt. */
const nbest = 100;

/** The dev set, and how it is judged. */
export interface TuningSet {
  readonly sources: readonly string[];
  readonly references: readonly string[];
  readonly metric: ValidationMetric;
  readonly seed: number;
}

/**
 * Fits the weights of a model with a search of its own to a dev set: towards its metric, or BLEU where that counts errors. The weights of
 * the best iteration become the model's.
 */
export async function tune(
  { weights }: TranslationSearch,
  translator: Translator,
  { sources, references, metric, seed }: TuningSet,
  { signal, onStage, note }: CountingControl & { readonly note: (line: string) => Promise<void> },
): Promise<void> {
  const chosen = metricNamed(metric === 'perplexity' || !metricNamed(metric).higherIsBetter ? 'bleu' : metric);
  let iteration = 1;
  const lines: string[] = [];
  const { best } = await tuneWeights(
    {
      weights: Float64Array.from(weights.value.f32),
      references: references.map((reference) => [reference]),
      metric: chosen,
      signal,
      onIteration: ({ iteration: done, score, added }) => {
        lines.push(`[tune] iteration ${done} : ${chosen.name} ${score.toFixed(2)} : ${added.toLocaleString('en-US')} new translations`);
        iteration = done + 1;
      },
      decode: async (values) => {
        for (const line of lines.splice(0)) await note(line);
        weights.value.set(values);
        const stage = `tuning, iteration ${iteration}`;
        const onProgress = ({ lines: translated }: { readonly lines: number }) => onStage?.(stage, translated / sources.length);
        const results = await translator.translate(sources, { beam: nbest, nbest, onProgress, ...(signal && { signal }) });
        return results.map((result) => result.nbest.map(({ text, features = {} }) => ({ text, features: Object.values(features) })));
      },
    },
    { seed },
  );
  for (const line of lines) await note(line);
  weights.value.set(best.weights);
  await note(`[tune] iteration ${best.iteration} was best : ${chosen.name} ${best.score.toFixed(2)}`);
}
