/** The whole recipe, tuned to take less than a minute on two cores without a matrix library. */
export const quickstartRecipe = {
  corpus: { pairs: 12_000, heldOut: 400, seed: 1 },
  tokenizer: { kind: 'bpe', size: 2_000 },
  /** Each with the learning rate that suits it. */
  learningRates: { lstm: 0.005, transformer: 0.001 },
  models: {
    lstm: { kind: 'lstm', layers: 1, hidden: 256, embedding: 128, attention: 'dot' },
    transformer: { kind: 'transformer', encoderLayers: 2, decoderLayers: 2, width: 128, feedForward: 512, dropout: 0 },
  },
  training: {
    schedule: { kind: 'cosine', warmup: { epochs: 0.5 }, over: { epochs: 3 } },
    clip: { kind: 'norm', max: 1 },
    batch: { sentences: 32 },
    stop: { epochs: 3 },
    validate: { every: { epochs: 1 }, metrics: ['perplexity'] },
    checkpoint: { every: { epochs: 1 }, keep: 1 },
  },
  beam: 2,
} as const;

/** The networks that can be tried. */
export type QuickstartModel = keyof typeof quickstartRecipe.models;
