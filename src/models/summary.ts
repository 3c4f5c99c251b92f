/** What a model says of itself before anything is allocated: to people, and to those who plan with it. */
export interface ModelSummary {
  /** What people tell runs of an experiment apart by: `reversed-2x256-dot`. Finished runs are found by it, so it stays as it is. */
  readonly runName: string;
  /** For a page: `LSTM, 2 layers of 256 cells per side, dot attention`. */
  readonly description: string;
  /** The same for models that are equally fast: `2x256, dot attention`. */
  readonly speedClass: string;
  /** Weights as most of its products have them, by which a machine is measured: [outputs, inputs]. */
  readonly typicalWeights: readonly [outputs: number, inputs: number];
  /**
   * Multiplications of attention's own in a forward pass: scores and weighted sums, of what may be looked at, besides those of its
   * parameters. For a pair of so many tokens, `</s>` of the target counted. Undefined without attention.
   */
  attentionCost?(sourceTokens: number, targetTokens: number): number;
  /** Options that make it smaller: `model.hidden`. */
  readonly sizeKeys: readonly string[];
  /** What halves its initial values, as after `--set`: `model.initialRange=0.04`. Undefined: no option does. */
  readonly calmerStart?: string | undefined;
  /** Options that were given another value than their default, and that nothing here depends on: `model.encoderLayers`. */
  readonly withoutEffect?: readonly string[] | undefined;
  /** Of a network of recurrent layers. Where there is neither this nor `attentive`, schedules cannot be simulated. */
  readonly recurrent?: RecurrentSizes | undefined;
  /** Of a network of layers that see whole sentences at once. */
  readonly attentive?: AttentiveSizes | undefined;
}

/** Sizes of a stack of layers in which rows look at rows; its parameters are named by side and layer: `decoder.0.`. */
export interface AttentiveSizes {
  /** Layers that read the source; with 0 the decoder reads it, if there is one, and goes on with the target. */
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  /** Values in a row of what a layer gives. */
  readonly hidden: number;
  /** Floating-point operations of a forward pass for a row and one that it looks at: a score and a part of a sum, of all heads. */
  readonly operationsPerSight: number;
}

/** Sizes of an encoder-decoder of recurrent layers, or of a decoder alone: what its schedules and their costs follow from. */
export interface RecurrentSizes {
  /** Of each side. */
  readonly layers: number;
  /** From the lowest to the highest; none without a source. */
  readonly encoder: readonly LayerSizes[];
  readonly decoder: readonly LayerSizes[];
  /** Values in a row of what a layer gives. */
  readonly hidden: number;
  readonly attention: 'none' | 'dot' | 'additive';
  /** Floating-point operations of attention in a forward pass; all 0 without. */
  readonly attentionOperations: {
    readonly perQuery: number;
    /** For each source step that a query looks at. */
    readonly perStep: number;
    /** For each row of the source, once. */
    readonly perKey: number;
  };
  readonly inputFeeding: boolean;
  readonly bidirectional: boolean;
  readonly residual: boolean;
}

export interface LayerSizes {
  /** Values in a row of what it reads. */
  readonly inputs: number;
  /** Floating-point operations of a forward pass, per row. Each of its two gradients takes as many. */
  readonly operations: number;
  /** Learnt values, embeddings not counted. */
  readonly values: number;
}
