import type { TrainingInput } from '../../src/browser/index.js';
import { type CategorisedPair, composeIntlCorpus } from '../../src/data/generators/intl.js';
import { type QuickstartModel, quickstartRecipe } from '../../src/quickstart-recipe.js';

export const networks: Readonly<Record<QuickstartModel, string>> = { lstm: 'LSTM', transformer: 'Transformer' };
export type Network = QuickstartModel;

/** The quickstart's languages. */
export const languages = { from: 'en', to: 'fr' } as const;

export const updates = {
  /** Between two looks at what the network can do. */
  checkpoint: 25,
  total: Math.ceil((quickstartRecipe.training.stop.epochs * quickstartRecipe.corpus.pairs) / quickstartRecipe.training.batch.sentences),
};

export interface Lesson {
  readonly pairs: readonly (readonly [string, string])[];
  /** Held out: new combinations of known words, a few of each kind. */
  readonly heldOut: readonly CategorisedPair[];
}

const shownHeldOut = 24;

/** The sentences of the quickstart. */
export async function composeLesson(): Promise<Lesson> {
  const { train, test } = await composeIntlCorpus({ ...languages, ...quickstartRecipe.corpus });
  return { pairs: train.map(({ source, target }) => [source, target] as const), heldOut: test.slice(0, shownHeldOut) };
}

/** The quickstart's training, of so many updates; with one learning rate from beginning to end, so that it can be changed by hand. */
export function configurationOf(network: Network, learningRate: number, { pairs }: Lesson, steps: number): TrainingInput {
  const { tokenizer, models, training } = quickstartRecipe;
  const { clip, batch } = training;
  return {
    data: { source: languages.from, target: languages.to, train: pairs },
    tokenizer,
    model: models[network],
    training: {
      optimizer: { kind: 'adam', learningRate },
      ...{ clip, batch, stop: { steps } },
      checkpoint: { every: { steps: updates.checkpoint }, keep: 1 },
      report: { every: { steps: updates.total } },
    },
  };
}

export function usualRate(network: Network): number {
  return quickstartRecipe.learningRates[network];
}
