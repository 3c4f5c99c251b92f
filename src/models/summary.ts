/** What a model says of itself before anything is allocated: to people, and to those who plan with it. */
export interface ModelSummary {
  /** What people tell runs of an experiment apart by: `reversed-2x256-dot`. Finished runs are found by it, so it stays as it is. */
  readonly runName: string;
  /** For a page: `LSTM, 2 layers of 256 cells a side, dot attention`. */
  readonly description: string;
  /** The same for models that are equally fast: `2x256, dot attention`. */
  readonly speedClass: string;
  /** Weights as most of its products have them, by which a machine is measured: [outputs, inputs]. */
  readonly typicalWeights: readonly [outputs: number, inputs: number];
  /** Options that make it smaller: `model.hidden`. */
  readonly sizeKeys: readonly string[];
  /** What halves its initial values, as after `--set`: `model.initialRange=0.04`. Undefined: no option does. */
  readonly calmerStart?: string | undefined;
  /** Undefined for a model that is not made of recurrent layers: its schedules cannot be simulated yet. */
  readonly recurrent?: RecurrentSizes | undefined;
}

/** Sizes of an encoder-decoder of LSTM layers: what its schedules and their costs follow from. */
export interface RecurrentSizes {
  /** Of each side. */
  readonly layers: number;
  readonly hidden: number;
  readonly embedding: number;
  readonly attention: 'none' | 'dot' | 'additive';
  readonly inputFeeding: boolean;
  readonly bidirectional: boolean;
  readonly residual: boolean;
}
