import { mix32, randomKey, uniform } from '../../src/core/random.js';
import type { SourceBatch } from '../../src/data/batch.js';
import { LstmModel } from '../../src/models/lstm/lstm.js';
import { lstmOptions } from '../../src/models/lstm/options.js';
import type { DecodingSession, StepModel, StepOutput } from '../../src/models/model.js';
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
  readonly batchOptions = {};
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

  decode(device: Device, batch: SourceBatch): DecodingSession {
    const { layout, ids } = batch.source;
    const scope = new Scope(device, new Arena(device.memory));
    let rows = Array.from(layout.lengths, (length, column) => ({
      source: Array.from({ length }, (_, step) => ids[(layout.offsets[step] ?? 0) + column] ?? -1),
      target: undefined as number[] | undefined,
    }));
    this.openSessions++;
    return {
      get rows() {
        return rows.length;
      },
      step: (previousIds): StepOutput => {
        this.stepRows.push(rows.length);
        scope.arena.reset();
        rows.forEach((row, index) => {
          row.target = row.target === undefined ? [] : [...row.target, previousIds[index] ?? -1];
        });
        const logits = scope
          .empty([rows.length, this.vocabularies.target])
          .set(rows.flatMap(({ source, target }) => this.table(source, target ?? [])));
        const attention = (index: number) => {
          const { source = [], target = [] } = rows[index] ?? {};
          return new Float32Array(source.length).fill(1, target.length % source.length, (target.length % source.length) + 1);
        };
        return this.attends ? { logits, attention } : { logits };
      },
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
