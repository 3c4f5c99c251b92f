import type { ProductShape } from '../../tensor/matrix.js';

/** A Transformer and a batch of full sentences. Without `source`, a language model. */
interface TransformerShape {
  readonly vocabulary: number;
  readonly width: number;
  /** Width between the two products of a feed-forward layer. */
  readonly inner: number;
  /** A side. */
  readonly layers: number;
  readonly sentences: number;
  /** Tokens of a target. */
  readonly length: number;
  /** Tokens of a source. */
  readonly source?: number;
}

/** The shapes on which Transformers are compared with PyTorch. */
export const transformerShapes: Readonly<Record<string, TransformerShape>> = {
  'transformer-tiny': { vocabulary: 10_000, width: 128, inner: 256, layers: 4, sentences: 292, length: 14, source: 14 },
  'transformer-small': { vocabulary: 8_000, width: 256, inner: 1024, layers: 3, sentences: 128, length: 25, source: 25 },
  'transformer-base': { vocabulary: 16_000, width: 512, inner: 2048, layers: 6, sentences: 64, length: 25, source: 25 },
  'lm-micro': { vocabulary: 65, width: 128, inner: 512, layers: 4, sentences: 12, length: 64 },
  'lm-nano': { vocabulary: 256, width: 384, inner: 1536, layers: 6, sentences: 12, length: 256 },
  'lm-gpt2': { vocabulary: 50_257, width: 768, inner: 3072, layers: 12, sentences: 4, length: 256 },
};

/** Logits exist for about so many rows at a time; see `softmaxCrossEntropy`. */
const rowsAtATime = 400;

/** The products with weights in an update, forward and backward; attention's own, a few per cent, are left out. */
export function transformerProducts(name: string): ProductShape[] | undefined {
  if (!Object.hasOwn(transformerShapes, name)) return undefined;
  const { vocabulary, width, inner, layers, sentences, length, source } = transformerShapes[name] as TransformerShape;
  const targets = sentences * length;
  const selfAttention = (rows: number) => [...linear(rows, 3 * width, width), ...linear(rows, width, width)];
  const feedForward = (rows: number) => [...linear(rows, inner, width), ...linear(rows, width, inner)];
  const products: ProductShape[] = [];
  for (let layer = 0; layer < layers; layer++) {
    products.push(...selfAttention(targets), ...feedForward(targets));
    if (source === undefined) continue;
    const sources = sentences * source;
    products.push(...selfAttention(sources), ...feedForward(sources));
    products.push(...linear(targets, width, width), ...linear(sources, 2 * width, width), ...linear(targets, width, width));
  }
  const chunk = Math.ceil(targets / Math.max(1, Math.round(targets / rowsAtATime)));
  for (let first = 0; first < targets; first += chunk) products.push(...linear(Math.min(chunk, targets - first), vocabulary, width));
  return products;
}

/** Output [rows, outputs] of a layer with weights [outputs, inputs], and the gradients of its input and of its weights. */
function linear(rows: number, outputs: number, inputs: number): ProductShape[] {
  const plain = { transposeA: false, transposeB: false, accumulate: false, packed: false };
  return [
    { ...plain, m: rows, n: outputs, k: inputs, transposeB: true },
    { ...plain, m: rows, n: inputs, k: outputs },
    { ...plain, m: outputs, n: inputs, k: rows, transposeA: true, accumulate: true },
  ];
}
