import { mix32, randomKey, uniform } from '../../src/core/random.js';
import { LstmModel } from '../../src/models/lstm/lstm.js';
import { lstmOptions } from '../../src/models/lstm/options.js';
import { createModel, modelOptions } from '../../src/models/create.js';
import type { DecodingSession, Model, ReadOutput, StepModel, StepOutput } from '../../src/models/model.js';
import { type Device, Scope } from '../../src/tensor/device.js';
import { Arena } from '../../src/tensor/memory.js';
import { endId, unknownId } from '../../src/text/tokenizer.js';

/** The logits of what follows, given the source and the target so far. */
export type Table = (source: readonly number[], target: readonly number[]) => number[];

/**
 * A model without parameters: any function from source and target so far to logits. Small enough to be searched
 * exhaustively. Attends to the source token at the target's position, modulo the source's length, when `attends`.
 */
export class TableModel implements StepModel {
  readonly vocabularies;
  readonly decodingMemory = { perGivenToken: 0, perRow: 0, perStep: 0 };
  readonly parameters = [];
  readonly attends: boolean;
  readonly table: Table;
  /** Rows of every step of every session so far. */
  readonly stepRows: number[] = [];
  openSessions = 0;

  constructor(vocabulary: number, table: Table, { attends = false } = {}) {
    this.vocabularies = { source: 1_000, target: vocabulary };
    this.table = table;
    this.attends = attends;
  }

  decode(device: Device, sources: readonly ArrayLike<number>[]): DecodingSession {
    const scope = new Scope(device, new Arena(device.memory));
    let rows = sources.map((source) => ({ source: Array.from(source), target: undefined as number[] | undefined }));
    this.openSessions++;
    const attention = ({ length }: readonly number[], at: number) => new Float32Array(length).fill(1, at % length, (at % length) + 1);
    const read = (ids: readonly ArrayLike<number>[]): ReadOutput => {
      this.stepRows.push(rows.length);
      scope.arena.reset();
      rows.forEach((row, index) => {
        // The first token ever is `<s>`.
        row.target = [...(row.target ?? []), ...Array.from(ids[index] ?? []).slice(row.target === undefined ? 1 : 0)];
      });
      const logits = scope
        .empty([rows.length, this.vocabularies.target])
        .set(rows.flatMap(({ source, target }) => this.table(source, target ?? [])));
      const given = (index: number) => {
        const { source = [], target = [] } = rows[index] ?? {};
        const count = (ids[index]?.length ?? 0) - 1;
        const places = Array.from({ length: count }, (_, token) => target.length - count + token);
        const logProbabilities = Float32Array.from(places, (place) => {
          const before = this.table(source, target.slice(0, place));
          return (before[target[place] ?? -1] ?? 0) - Math.log(before.reduce((sum, logit) => sum + Math.exp(logit), 0));
        });
        return { logProbabilities, attention: this.attends ? places.map((place) => attention(source, place)) : undefined };
      };
      const ofRow = (index: number) => attention(rows[index]?.source ?? [], rows[index]?.target?.length ?? 0);
      return this.attends ? { logits, given, attention: ofRow } : { logits, given };
    };
    return {
      get rows() {
        return rows.length;
      },
      read,
      step: (previousIds): StepOutput => read(Array.from(previousIds, (id) => [id])),
      select: (chosen) => {
        rows = Array.from(chosen, (index) => ({ source: [], target: [], ...rows[index] }));
      },
      dispose: () => {
        this.openSessions--;
        scope.arena.dispose();
      },
    };
  }
}

/** Logits that are random but always the same for the same source and target; `bias` is added to that of `</s>`. */
export function randomTable(vocabulary: number, seed: number, { bias = 0, spread = 3 } = {}): Table {
  return (source, target) => {
    let key = randomKey(seed, 'sample', ...source);
    for (const id of target) key = mix32(key ^ mix32(id + 1));
    return Array.from({ length: vocabulary }, (_, id) => spread * uniform(key, id) + (id === endId ? bias : 0));
  };
}

/** Every translation of at most `maximumLength` tokens with its log-probability: what a search can find at most. */
export function exhaustive(vocabulary: number, table: Table, source: readonly number[], maximumLength: number) {
  const found: { ids: number[]; logProbability: number }[] = [];
  const extend = (ids: number[], sum: number): void => {
    const logits = table(source, ids);
    const total = Math.log(logits.reduce((exponentials, logit) => exponentials + Math.exp(logit), 0));
    found.push({ ids, logProbability: sum + (logits[endId] ?? 0) - total });
    if (ids.length === maximumLength) return;
    for (let id = unknownId; id < vocabulary; id++) extend([...ids, id], sum + (logits[id] ?? 0) - total);
  };
  extend([], 0);
  return found;
}

/** Every kind of LSTM model, tiny. */
export const lstmVariants: readonly Readonly<Record<string, unknown>>[] = [
  { attention: 'none' },
  { attention: 'none', reverseSource: false, layers: 1 },
  { attention: 'dot' },
  { attention: 'additive', reverseSource: false },
  { attention: 'dot', inputFeeding: true },
  { attention: 'additive', inputFeeding: true, residual: true, layers: 3 },
  { attention: 'none', bidirectional: true },
  { attention: 'dot', bidirectional: true, residual: true, tiedEmbeddings: true, layers: 3 },
  { attention: 'none', residual: true, layers: 4 },
  { attention: 'none', tiedEmbeddings: true },
];

/** Every kind of Transformer that reads sources, tiny. */
export const transformerVariants: readonly Readonly<Record<string, unknown>>[] = [
  { kind: 'transformer', encoderLayers: 2 },
  { kind: 'transformer', preset: 'marian', encoderLayers: 1, tiedEmbeddings: 'target' },
  { kind: 'transformer', preset: 'llama', encoderLayers: 2, keyValueHeads: 1 },
  { kind: 'transformer', preset: 'gpt2', encoderLayers: 0, maximumLength: 70 },
  { kind: 'transformer', preset: 'llama', encoderLayers: 0, scaledEmbeddings: true, sourceEnd: false },
  {
    kind: 'transformer',
    preset: 't5',
    encoderLayers: 2,
    headWidth: 3,
    activation: 'geglu-tanh',
    tiedEmbeddings: 'target',
    relativeBuckets: 8,
  },
  { kind: 'transformer', preset: 't5', encoderLayers: 0, tiedEmbeddings: 'none', relativeBuckets: 8, relativeDistance: 12 },
];

export const modelVariants = [...lstmVariants, ...transformerVariants];

/** Whether a model of a variant says which source tokens it looks at. */
export function looksBack({ kind, attention, encoderLayers }: Readonly<Record<string, unknown>>): boolean {
  return kind === 'transformer' ? encoderLayers !== 0 : attention !== 'none';
}

/** A model of any variant with random parameters, large enough to have opinions. */
export function randomModel(device: Device, variant: object = {}, { vocabulary = 13, seed = 1, range = 0.9 } = {}): Model {
  if (!('kind' in variant)) return randomLstm(device, variant, { vocabulary, seed, range });
  const sizes = { decoderLayers: 2, width: 8, heads: 2, initialisation: 'normal', initialDeviation: range };
  const model = createModel(modelOptions.parse({ ...sizes, ...variant }), { source: 11, target: vocabulary });
  model.parameters.allocate(device.memory);
  model.parameters.initialise(seed);
  return model;
}

/** A model with random parameters, large enough to have opinions. */
export function randomLstm(device: Device, options: object = {}, { vocabulary = 13, seed = 1, range = 0.9 } = {}): LstmModel {
  const parsed = lstmOptions.parse({ kind: 'lstm', layers: 2, hidden: 8, initialRange: range, ...options });
  const model = new LstmModel(parsed, { source: 11, target: vocabulary });
  model.parameters.allocate(device.memory);
  model.parameters.initialise(seed);
  return model;
}

/** Source sentences of different lengths over ids 3 to 10. */
export function randomSources(count: number, longest: number, seed = 7): number[][] {
  return Array.from({ length: count }, (_, sentence) => {
    const key = randomKey(seed, 'sample', sentence);
    const length = 1 + Math.floor(uniform(key, 0) * longest);
    return Array.from({ length }, (_, position) => 3 + Math.floor(uniform(key, position + 1) * 8));
  });
}
