import * as z from 'zod';
import { activations, gateOf } from '../../tensor/operations/activated-linear.js';

/** What a published form decides; everything but the sizes. */
interface Form {
  readonly encoderLayers: number;
  readonly norm: { readonly place: 'pre' | 'post'; readonly kind: 'layer' | 'rms'; readonly epsilon: number };
  readonly positions: 'sinusoidal' | 'learned' | 'rotary' | 'relative';
  readonly sinusoids: 'interleaved' | 'halves' | 'tensor2tensor';
  readonly activation: (typeof activations)[number];
  readonly biases: boolean;
  readonly outputBias: boolean;
  readonly scaledAttention: boolean;
  readonly scaledEmbeddings: boolean;
  readonly scaledOutput: boolean;
  readonly tiedEmbeddings: 'none' | 'target' | 'sides' | 'all';
  readonly sourceEnd: boolean;
  readonly dropout: number;
  readonly attentionDropout: number;
  readonly feedForwardDropout: number;
  readonly initialisation: 'xavier' | 'normal';
}

/** The default form: it trains at small sizes without a search for the right warm-up. */
const standard: Form = {
  encoderLayers: 3,
  norm: { place: 'pre', kind: 'layer', epsilon: 1e-5 },
  positions: 'sinusoidal',
  sinusoids: 'interleaved',
  activation: 'relu',
  biases: true,
  outputBias: false,
  scaledAttention: true,
  scaledEmbeddings: true,
  scaledOutput: false,
  tiedEmbeddings: 'target',
  sourceEnd: true,
  dropout: 0.1,
  attentionDropout: 0,
  feedForwardDropout: 0,
  initialisation: 'xavier',
};

/** Where every default comes from. */
const forms = {
  standard,
  /** Vaswani et al. 2017. */
  'transformer-2017': { ...standard, norm: { place: 'post', kind: 'layer', epsilon: 1e-6 }, tiedEmbeddings: 'all' },
  /** Junczys-Dowmunt et al. 2018, with the settings of the OPUS-MT models (Tiedemann and Thottingal 2020). */
  marian: {
    ...standard,
    norm: { place: 'post', kind: 'layer', epsilon: 1e-5 },
    sinusoids: 'halves',
    activation: 'swish',
    outputBias: true,
    tiedEmbeddings: 'all',
  },
  /** Radford et al. 2019. */
  gpt2: {
    ...standard,
    encoderLayers: 0,
    positions: 'learned',
    activation: 'gelu-tanh',
    scaledEmbeddings: false,
    attentionDropout: 0.1,
    initialisation: 'normal',
  },
  /** Touvron et al. 2023. */
  llama: {
    ...standard,
    encoderLayers: 0,
    norm: { place: 'pre', kind: 'rms', epsilon: 1e-5 },
    positions: 'rotary',
    activation: 'swiglu',
    biases: false,
    scaledEmbeddings: false,
    tiedEmbeddings: 'none',
    dropout: 0,
    initialisation: 'normal',
  },
  /** Raffel et al. 2020. Version 1.1 has geglu-tanh, tiedEmbeddings: sides and scaledOutput: false. */
  t5: {
    ...standard,
    norm: { place: 'pre', kind: 'rms', epsilon: 1e-6 },
    positions: 'relative',
    biases: false,
    scaledAttention: false,
    scaledEmbeddings: false,
    scaledOutput: true,
    tiedEmbeddings: 'all',
    attentionDropout: 0.1,
    feedForwardDropout: 0.1,
  },
} as const satisfies { readonly [name: string]: Form };

type FormName = keyof typeof forms;

const rate = z.number().min(0).lt(1);
/** Defaults that no form changes. */
const plainDefaults = {
  maximumLength: 1_024,
  rotaryBase: 10_000,
  rotaryPairs: 'halves',
  relativeBuckets: 32,
  relativeDistance: 128,
  initialDeviation: 0.02,
} as const;

const layers = z.int().min(0).max(64);
const size = z.int().min(1).max(16_384);

/** The Transformer of Vaswani et al. (2017), and what later years changed of it. Without a source it is a language model. */
export const transformerOptions = z
  .strictObject({
    kind: z.literal('transformer').describe('Transformer (Vaswani et al. 2017, called "the paper" below).'),
    preset: z
      .enum(Object.keys(forms) as [FormName, ...FormName[]])
      .default('standard')
      .describe(
        'Published form, from which all defaults below come that are not sizes; shown are those of standard. transformer-2017: the paper; marian: Junczys-Dowmunt et al. 2018; gpt2: Radford et al. 2019; llama: Touvron et al. 2023; t5: Raffel et al. 2020.',
      ),
    encoderLayers: layers.optional().meta({
      description:
        'Layers that read the source. With 0, as in gpt2 and llama, one network reads the source and goes on with the target. The paper: 6.',
      example: standard.encoderLayers,
    }),
    decoderLayers: layers.min(1).default(3).describe('Layers that write the target. The paper: 6.'),
    width: size.default(256).describe('Values per token between layers. The paper: 512.'),
    heads: size.default(4).describe('Attention heads, of width / heads values each unless headWidth says otherwise. The paper: 8.'),
    headWidth: size.optional().meta({ description: 'Values of a head, where they are not width / heads, as in T5.', example: 64 }),
    encoderHeads: size.optional().meta({ description: 'Attention heads of the encoder. Default: heads.', example: 4 }),
    keyValueHeads: size.optional().meta({
      description: 'Heads of keys and values, which groups of heads share (Ainslie et al. 2023). Default: as many as heads.',
      example: 2,
    }),
    feedForward: size.optional().meta({
      description: 'Width inside the feed-forward part. Default: 4 width (the paper); gated 8/3 width (Shazeer 2020).',
      example: 1_024,
    }),
    encoderFeedForward: size
      .optional()
      .meta({ description: 'Width inside the feed-forward part of the encoder. Default: feedForward.', example: 1_024 }),
    norm: z
      .strictObject({
        place: z.enum(['pre', 'post']).optional().meta({
          description:
            'Before each part (Xiong et al. 2020), or after its residual sum (the paper), which needs a warm-up of the learning rate.',
          example: standard.norm.place,
        }),
        kind: z.enum(['layer', 'rms']).optional().meta({
          description: 'By mean and deviation (Ba et al. 2016), or by the root of the mean square (Zhang and Sennrich 2019).',
          example: standard.norm.kind,
        }),
        epsilon: z
          .number()
          .positive()
          .max(0.1)
          .optional()
          .meta({ description: 'Added to the mean of squares.', example: standard.norm.epsilon }),
      })
      .optional()
      .meta({ description: 'Normalisation.' }),
    positions: z.enum(['sinusoidal', 'learned', 'rotary', 'relative']).optional().meta({
      description:
        'How order is known: sinusoids (the paper, section 3.5), learned vectors, queries and keys turned by their positions (Su et al. 2021), or a bias of every score by distance, learned for each head and shared by all layers (Raffel et al. 2020, section 2.1).',
      example: standard.positions,
    }),
    sinusoids: z.enum(['interleaved', 'halves', 'tensor2tensor']).optional().meta({
      description: 'Sines and cosines in turn (the paper), all sines first, or that with the frequencies of tensor2tensor and fairseq.',
      example: standard.sinusoids,
    }),
    firstPosition: z
      .int()
      .min(0)
      .max(16)
      .default(0)
      .describe('Position of the first token, where positions are sinusoids: 1 in OpenNMT, 2 in fairseq and M2M100.'),
    maximumLength: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(plainDefaults.maximumLength)
      .describe('Positions that are learned: the most tokens that a sentence may have. Only for positions: learned.'),
    rotaryBase: z.number().min(1).default(plainDefaults.rotaryBase).describe('Base of the wavelengths of rotary positions.'),
    rotaryPairs: z
      .enum(['halves', 'adjacent'])
      .default(plainDefaults.rotaryPairs)
      .describe(
        'Values that rotary positions turn together: half a head apart (as stored by Hugging Face), or neighbours (Su et al. 2021).',
      ),
    relativeBuckets: z
      .int()
      .min(4)
      .max(4_096)
      .multipleOf(4)
      .default(plainDefaults.relativeBuckets)
      .describe(
        'Biases of a head, for positions: relative: half of them for one distance each, the rest for ranges that grow. A multiple of 4.',
      ),
    relativeDistance: z
      .int()
      .min(2)
      .max(1_000_000)
      .default(plainDefaults.relativeDistance)
      .describe('Distance from which on all have the same bias. More than half of relativeBuckets.'),
    activation: z.enum(activations).optional().meta({
      description:
        'Between the two products of the feed-forward part: relu (the paper), gelu, also by tanh (Hendrycks and Gimpel 2016), swish (Ramachandran et al. 2017), swiglu or geglu-tanh, gated by swish or gelu-tanh (Shazeer 2020).',
      example: standard.activation,
    }),
    biases: z.boolean().optional().meta({ description: 'Biases of linear layers and layer normalisations.', example: standard.biases }),
    outputBias: z.boolean().optional().meta({ description: 'A bias for every token of the output.', example: standard.outputBias }),
    scaledAttention: z.boolean().optional().meta({
      description: 'Divide scores by the root of the values of a head (the paper). T5 does not, and begins with smaller weights instead.',
      example: standard.scaledAttention,
    }),
    scaledEmbeddings: z
      .boolean()
      .optional()
      .meta({ description: 'Multiply embeddings by √width (the paper, section 3.4).', example: standard.scaledEmbeddings }),
    scaledOutput: z
      .boolean()
      .optional()
      .meta({ description: 'Divide what the output layer reads by √width, as T5 1.0.', example: standard.scaledOutput }),
    tiedEmbeddings: z.enum(['none', 'target', 'sides', 'all']).optional().meta({
      description:
        'Share the target embeddings with the output layer (Press and Wolf 2017), with the source (sides, as T5 1.1) or with both (all); the last two need a shared vocabulary.',
      example: standard.tiedEmbeddings,
    }),
    beginPrompts: z
      .boolean()
      .default(true)
      .describe('Read <s> before a prompt. GPT-2 is used without it: the text goes on from the prompt alone.'),
    sourceEnd: z.boolean().optional().meta({ description: 'End every source with </s>.', example: standard.sourceEnd }),
    dropout: rate.optional().meta({
      description: 'Dropout probability of embeddings and of what each part adds (the paper, section 5.4).',
      example: standard.dropout,
    }),
    attentionDropout: rate
      .optional()
      .meta({ description: 'Dropout probability of attention weights. In gpt2 and t5, as dropout.', example: standard.attentionDropout }),
    feedForwardDropout: rate
      .optional()
      .meta({ description: 'Dropout probability inside the feed-forward part. In t5, as dropout.', example: standard.feedForwardDropout }),
    initialisation: z.enum(['xavier', 'normal']).optional().meta({
      description:
        'Uniform by the size of each matrix (Glorot and Bengio 2010), or normal, smaller where a part adds its result (Radford et al. 2019).',
      example: standard.initialisation,
    }),
    initialDeviation: z
      .number()
      .positive()
      .max(1)
      .default(plainDefaults.initialDeviation)
      .describe('Standard deviation of initialisation: normal.'),
  })
  .transform((options) => {
    const form: Form = forms[options.preset];
    const activation = options.activation ?? form.activation;
    const feedForward = options.feedForward ?? defaultFeedForward(options.width, activation);
    return {
      ...form,
      ...(options.dropout !== undefined && dropoutElsewhere(form, options.dropout)),
      ...given(options),
      norm: { ...form.norm, ...given(options.norm ?? {}) },
      encoderHeads: options.encoderHeads ?? options.heads,
      feedForward,
      encoderFeedForward: options.encoderFeedForward ?? feedForward,
    };
  })
  .superRefine((options, context) => {
    const { width, heads, encoderHeads, keyValueHeads, encoderLayers, positions } = options;
    const issue = (path: keyof typeof options, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    const { headWidth, relativeBuckets, relativeDistance } = options;
    if (headWidth === undefined && width % heads !== 0) issue('heads', `must divide model.width, ${width}`);
    if (headWidth === undefined && width % encoderHeads !== 0 && encoderHeads !== heads)
      issue('encoderHeads', `must divide model.width, ${width}`);
    if (keyValueHeads !== undefined && heads % keyValueHeads !== 0) issue('keyValueHeads', 'must divide heads');
    if (keyValueHeads !== undefined && encoderHeads % keyValueHeads !== 0) issue('keyValueHeads', 'must divide encoderHeads');
    if (positions === 'sinusoidal' && width % 2 !== 0) issue('width', 'must be even for sinusoidal positions');
    const isOdd = headSize(options) % 2 !== 0 || (encoderLayers > 0 && headSize(options, encoderHeads) % 2 !== 0);
    if (positions === 'rotary' && isOdd) issue('heads', 'must leave an even number of values per head for rotary positions');
    if (positions === 'relative' && relativeDistance <= relativeBuckets / 2) {
      issue('relativeDistance', `must be more than half of model.relativeBuckets, ${relativeBuckets}`);
    }
  });

/**
 * Options that nothing in a model with or without a source depends on, where they are not as they would be by default: sizes of an encoder
 * that it does not have, settings of another kind of positions.
 */
export function optionsWithoutEffect(options: TransformerOptions, hasSource: boolean): (keyof TransformerOptions)[] {
  const { preset, encoderLayers, heads, encoderHeads, feedForward, encoderFeedForward, positions, initialisation } = options;
  const form: Form = forms[preset];
  const defaults = { encoderHeads: heads, encoderFeedForward: feedForward, sinusoids: form.sinusoids, ...plainDefaults };
  const unused: Partial<Record<keyof TransformerOptions, boolean>> = {
    encoderLayers: !hasSource && encoderLayers > 0 && encoderLayers !== form.encoderLayers,
    encoderHeads: (!hasSource || encoderLayers === 0) && encoderHeads !== defaults.encoderHeads,
    encoderFeedForward: (!hasSource || encoderLayers === 0) && encoderFeedForward !== defaults.encoderFeedForward,
    sourceEnd: !hasSource && options.sourceEnd !== form.sourceEnd,
    beginPrompts: hasSource && !options.beginPrompts,
    sinusoids: positions !== 'sinusoidal' && options.sinusoids !== defaults.sinusoids,
    firstPosition: positions !== 'sinusoidal' && options.firstPosition > 0,
    maximumLength: positions !== 'learned' && options.maximumLength !== defaults.maximumLength,
    rotaryBase: positions !== 'rotary' && options.rotaryBase !== defaults.rotaryBase,
    rotaryPairs: positions !== 'rotary' && options.rotaryPairs !== defaults.rotaryPairs,
    relativeBuckets: positions !== 'relative' && options.relativeBuckets !== defaults.relativeBuckets,
    relativeDistance: positions !== 'relative' && options.relativeDistance !== defaults.relativeDistance,
    initialDeviation: initialisation !== 'normal' && options.initialDeviation !== defaults.initialDeviation,
  };
  return (Object.keys(unused) as (keyof TransformerOptions)[]).filter((key) => unused[key]);
}

/** Forms that drop at other places have one rate for all. */
function dropoutElsewhere({ attentionDropout, feedForwardDropout }: Form, rate: number): Partial<Form> {
  return { ...(attentionDropout > 0 && { attentionDropout: rate }), ...(feedForwardDropout > 0 && { feedForwardDropout: rate }) };
}

/** The form's choices, unless something else was given. */
function given<Options extends object>(options: Options): { [Key in keyof Options]: Exclude<Options[Key], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

/** Values of a head. */
export function headSize({ width, heads, headWidth }: Pick<TransformerOptions, 'width' | 'heads' | 'headWidth'>, count = heads): number {
  return headWidth ?? width / count;
}

/** Whether the output layer multiplies by the table of the target. */
export function isOutputTied({ tiedEmbeddings }: Pick<TransformerOptions, 'tiedEmbeddings'>): boolean {
  return tiedEmbeddings === 'all' || tiedEmbeddings === 'target';
}

/** Whether source and target are looked up in one table. */
export function isOneTable({ tiedEmbeddings }: Pick<TransformerOptions, 'tiedEmbeddings'>): boolean {
  return tiedEmbeddings === 'all' || tiedEmbeddings === 'sides';
}

/** Keys and values of a layer: one of each for each of their heads. */
export function keyValueColumns(options: TransformerOptions): number {
  return 2 * (options.keyValueHeads ?? options.heads) * headSize(options);
}

/** With a third matrix two thirds of the width cost as much. */
function defaultFeedForward(width: number, activation: Form['activation']): number {
  return gateOf(activation) !== undefined ? 8 * Math.ceil(width / 3) : 4 * width;
}

export type TransformerOptions = z.output<typeof transformerOptions>;
