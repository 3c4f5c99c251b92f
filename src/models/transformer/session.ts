import { KeyValueCache } from '../../nn/key-value-cache.js';
import { type Device, Scope } from '../../tensor/device.js';
import { Arena } from '../../tensor/memory.js';
import { gateOf } from '../../tensor/operations/activated-linear.js';
import { gatherRows } from '../../tensor/operations/gather-rows.js';
import { Inference, type Runner } from '../../tensor/tape.js';
import { padId } from '../../text/tokenizer.js';
import type { DecodingMemory, DecodingSession, ReadOutput, StepOutput, VocabularySizes } from '../model.js';
import { requireNoSources } from '../sources.js';
import { byRange, packTokens, sourceIds } from './batch.js';
import { type Sight, walkOf } from './layers.js';
import { SourceMemory } from './source-memory.js';
import { embed, encode, type TransformerNetwork, type Side, placesOf } from './network.js';
import { headSize, keyValueColumns, type TransformerOptions } from './options.js';

/** The decoder, some tokens at a time, over a cache of all that each row has read before. */
export class TransformerSession implements DecodingSession {
  readonly #network: TransformerNetwork;
  readonly #options: TransformerOptions;
  readonly #sourceEnd: number | undefined;
  readonly #cache: KeyValueCache;
  /** Emptied at every call. */
  readonly #runner: Runner;
  /** Lasts as long as the session. */
  readonly #held: Arena;
  readonly #memory: SourceMemory | undefined;
  /** The source sentence of each row. */
  #sentences: Int32Array;

  /** The parameters may not change while the session lasts. `sourceEnd`: what stands behind every source, if anything does. */
  constructor(
    device: Device,
    network: TransformerNetwork,
    sources: readonly ArrayLike<number>[],
    { options, sourceEnd }: { readonly options: TransformerOptions; readonly sourceEnd: number | undefined },
  ) {
    this.#network = network;
    this.#options = options;
    this.#sourceEnd = sourceEnd;
    this.#held = new Arena(device.memory);
    this.#runner = new Inference(new Scope(device, new Arena(device.memory)));
    this.#sentences = Int32Array.from(sources.keys());
    this.#cache = new KeyValueCache(device, {
      layers: options.decoderLayers,
      columns: keyValueColumns(options),
      hypotheses: sources.length,
    });
    try {
      this.#memory = this.#readSources(device, sources);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  get rows(): number {
    return this.#sentences.length;
  }

  step(previousIds: Int32Array): StepOutput {
    const { vectors, attention } = this.#extend(
      this.#network.target,
      Array.from(previousIds, (id) => [id]),
    );
    return { ...this.#network.output.logits(this.#runner, vectors), ...(attention && { attention }) };
  }

  /** All tokens in one pass. */
  read(ids: readonly ArrayLike<number>[]): ReadOutput {
    const runner = this.#runner;
    const { output } = this.#network;
    const given = ids.map((ofRow) => Array.from(ofRow));
    const { vectors, tokens, attention } = this.#extend(this.#network.target, given);
    const { starts, lengths } = tokens.ranges;
    const last = starts.map((start, row) => start + (lengths[row] as number) - 1);
    const ends = runner.run(gatherRows, { input: vectors, indices: runner.scope.integers(last) }, {}).output;
    // Whatever follows the last id of a row is not asked for.
    const next = given.flatMap((ofRow) => [...ofRow.slice(1), padId]);
    const isMore = next.length > given.length;
    const losses = isMore ? output.loss({ runner }, () => vectors, next, { smoothing: 0, gradientScale: 0 }) : undefined;
    const logProbabilities = losses && byRange(tokens.ranges, losses.logProbabilities.f32);
    return {
      ...output.logits(runner, ends),
      ...(attention && { attention: (row) => attention(last[row] as number) }),
      given: (row) => {
        const count = (lengths[row] as number) - 1;
        return {
          logProbabilities: logProbabilities?.[row]?.subarray(0, count) ?? new Float32Array(0),
          attention: attention && Array.from({ length: count }, (_, place) => attention((starts[row] as number) + place)),
        };
      },
    };
  }

  /** Caches stay where they are: a row sees those of the row that it continues. */
  select(rows: Int32Array): void {
    this.#cache.select(rows);
    this.#sentences = rows.map((row) => this.#sentences[row] as number);
  }

  dispose(): void {
    this.#cache.dispose();
    this.#held.dispose();
    this.#runner.scope.arena.dispose();
  }

  /** What the decoder will look at of sources that an encoder reads; others it reads itself. */
  #readSources(device: Device, sources: readonly ArrayLike<number>[]): SourceMemory | undefined {
    const { source, encoder, decoder } = this.#network;
    if (source === undefined) {
      requireNoSources(sources);
      return undefined;
    }
    const sentences = sources.map((ofRow) => ({ source: ofRow }));
    const ids = sourceIds(sentences, this.#sourceEnd);
    if (encoder === undefined) {
      this.#extend(source, ids);
      return undefined;
    }
    const tokens = packTokens(ids);
    const encoded = encode({ runner: this.#runner }, source, encoder, tokens, undefined, this.#options);
    const held = new Inference(new Scope(device, this.#held));
    return new SourceMemory(decoder.memories(held, encoded), tokens.ranges, sources);
  }

  /** Reads on: what the decoder makes of each new token, [new tokens, width], and which source tokens it looks at. */
  #extend(side: Side, ids: readonly (readonly number[])[]) {
    const runner = this.#runner;
    runner.scope.arena.reset();
    const before = this.#cache.lengths;
    const tokens = packTokens(ids, before);
    const cached = this.#cache.extend(
      runner.scope,
      ids.map(({ length }) => length),
    );
    const look = this.#memory?.lookFrom(runner, tokens.ranges, this.#sentences);
    const places = placesOf(runner, this.#network.target, tokens);
    const sight: Sight = {
      self: (layer, attention, input) => attention.step(runner, input, layer, cached, places),
      ...(look && { source: look.at }),
    };
    const walk = walkOf({ runner }, undefined, this.#options);
    const vectors = this.#network.decoder.forward(walk, embed(runner, side, tokens), sight);
    return { vectors, tokens, attention: look?.weights };
  }
}

/** What a session holds at most, from the values that its operations give. */
export function transformerDecodingMemory(options: TransformerOptions, { source, target }: VocabularySizes): DecodingMemory {
  const { width, heads, encoderHeads, encoderLayers, decoderLayers, feedForward, encoderFeedForward, activation, positions } = options;
  const columns = keyValueColumns(options);
  const perInner = activation === 'relu' ? 1 : gateOf(activation) === undefined ? 2 : 3;
  // Of each part a normalisation, the sum before it and the result; of attention, too, queries, keys, values and what was looked at.
  const layer = (attended: number, inner: number) =>
    6 * width + attended + (positions === 'rotary' ? 2 : 1) * (attended + columns) + perInner * inner;
  const ends = (options.scaledOutput ? 4 : 3) * width;
  const hasEncoder = source !== undefined && encoderLayers > 0;
  const encoderRow = hasEncoder ? encoderLayers * layer(encoderHeads * headSize(options, encoderHeads), encoderFeedForward) + ends : 0;
  // In decoding queries are parted from keys and values; where there is an encoder its rows are looked at.
  const attended = heads * headSize(options);
  const looking = hasEncoder ? 3 * width + 2 * attended : 0;
  const decoderRow = decoderLayers * (layer(attended, feedForward) + attended + columns + looking) + ends;
  // What attention adds by distance: each is given once a pass.
  const biases = positions === 'relative' ? 2 * Math.max(heads, encoderHeads) : 0;
  const cached = decoderLayers * columns;
  return {
    perGivenToken: 4 * (Math.max(encoderRow, decoderRow) + 2 * cached + biases),
    perRow: 4 * (decoderRow + target),
    // A table that is full is copied into one of twice the size.
    perStep: 4 * (2 * cached + biases),
  };
}
