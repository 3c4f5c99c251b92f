import * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import { joinPath } from '../core/files.js';
import { contentHash } from '../data/content-hash.js';
import type { Criterion } from '../decoding/selection/criterion.js';
import type { SelectionTerm } from '../decoding/selection/options.js';
import type { TranslateOptions } from '../decoding/translator.js';
import type { LoadedModel } from '../loaded-model.js';
import type { Laboratory } from './laboratory.js';
import { type NamedRun, type Sentences, type Train, type Transform, transform } from './steps.js';

/** A model to decode with: a training of the experiment, or a run that somebody has trained, known by the contents of its file. */
export type DecodedModel = Train | (NamedRun & { readonly kind: 'given'; readonly hash: string });

/** How sentences are translated, by one model or several that average their probabilities. */
export interface Decoding {
  readonly models: readonly DecodedModel[];
  readonly sentences: Sentences;
  readonly search: Pick<TranslateOptions, 'beam' | 'sample'>;
  /** What orders all that the search finds. Default: its own scores. */
  readonly select?: SelectionTerm & { readonly by: 'mbr' | 'own' };
  /** A further model, whose mean log-probability per token counts as much as the search's own score. */
  readonly reranker?: DecodedModel | undefined;
}

const decoded = z.object({
  texts: z.array(z.string()),
  /** Of processors, from the first line to the last, without loading the models; of the clock where a platform tells no others. */
  seconds: z.number(),
  /** Floating-point operations of the models' parameters, in all. */
  operations: z.number(),
  /** Pairs of texts that a selection compared, or candidates that a reranker scored. */
  evaluations: z.number(),
});
export type Decoded = z.output<typeof decoded>;

/** A run as it lies on the disk. Throws `input` where there is no trained model. */
export async function givenRun({ runtime: { files } }: Laboratory, path: string): Promise<DecodedModel> {
  const file = (await files.kind(path)) === 'file' ? path : joinPath(path, 'model.safetensors');
  if ((await files.kind(file)) !== 'file') {
    throw new DecadeError('input', {
      where: path || '--models',
      received: 'no trained model',
      allowed: 'a run directory, or a packed model',
    });
  }
  return {
    kind: 'given',
    name: path.split('/').findLast((part) => part !== '') ?? path,
    path,
    hash: await contentHash(files.stream(file)),
  };
}

/** A decoding as a step, whose texts, operations and seconds are kept. `label` is for people: `small LSTM, beam 4`. */
export function decodingStep(laboratory: Laboratory, label: string, decoding: Decoding): Transform<Decoded> {
  const { models, sentences, search, select, reranker } = decoding;
  const all = [...models, ...(reranker === undefined ? [] : [reranker])];
  const trainings = all.filter((model) => model.kind === 'train');
  return transform({
    name: `decoding: ${label}`,
    version: 1,
    schema: decoded,
    inputs: trainings,
    parameters: {
      models: all.map((model) => (model.kind === 'given' ? model.hash : 'trained')),
      ...{ sources: sentences.sources, search, select, isReranked: reranker !== undefined },
    },
    make: async (trained) => {
      const runOf = (model: DecodedModel): NamedRun => (model.kind === 'given' ? model : (trained[trainings.indexOf(model)] as NamedRun));
      const model = await laboratory.outputs.open(models.map(runOf));
      const other = reranker && (await laboratory.outputs.open([runOf(reranker)]));
      const { runtime, options } = laboratory;
      const { signal } = options;
      const clock = runtime.processorSeconds ?? (() => performance.now() / 1_000);
      try {
        const terms: SelectionTerm[] = [select ?? { by: 'own' }, ...(other === undefined ? [] : [{ by: modelScore(other) }])];
        return await decode(model, sentences.sources, { ...search, select: terms, ...(signal && { signal }) }, clock);
      } finally {
        await model.dispose();
        await other?.dispose();
      }
    },
  });
}

/** The lines that are translated before the time is taken. */
const warmUp = 4;

async function decode(model: LoadedModel, lines: readonly string[], options: TranslateOptions, clock: () => number): Promise<Decoded> {
  await model.translate(lines.slice(0, warmUp), options);
  const start = clock();
  const results = await model.translate(lines, options);
  const seconds = clock() - start;
  const perToken = model.operationsPerToken;
  let [operations, evaluations] = [0, 0];
  for (const { selection } of results) {
    if (selection === undefined) continue;
    operations += selection.operations + perToken.source * selection.sourceTokens + perToken.target * selection.targetTokens;
    evaluations += selection.evaluations;
  }
  return { texts: results.map(({ text }) => text), seconds, operations, evaluations };
}

/** What another model says of candidates: their mean log-probability per token, which weighs as much as that of the search. */
function modelScore(model: LoadedModel): Criterion {
  return {
    name: 'model',
    async valuations(lists, { signal }) {
      const start = performance.now();
      const pairs = lists.flatMap(({ source, candidates }) => candidates.map(({ text }) => ({ source, target: text })));
      const scores = (await model.score(pairs, { signal })).values();
      const seconds = (performance.now() - start) / 1_000 / lists.length;
      // A pair's source is read for itself; its tokens are taken to be as many as those of its target.
      const { source, target } = model.operationsPerToken;
      return lists.map(({ candidates }) => {
        let tokens = 0;
        const values = candidates.map(() => {
          const { logProbability = Number.NEGATIVE_INFINITY, tokenLogProbabilities = [] } = scores.next().value ?? {};
          tokens += tokenLogProbabilities.length;
          return logProbability / Math.max(1, tokenLogProbabilities.length);
        });
        return { values, cost: { evaluations: candidates.length, operations: (source + target) * tokens, seconds } };
      });
    },
  };
}
