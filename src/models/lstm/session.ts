import type { SourceBatch } from '../../data/batch.js';
import { memoryRows } from '../../nn/attention.js';
import { type Device, Scope } from '../../tensor/device.js';
import { Arena } from '../../tensor/memory.js';
import { linear } from '../../tensor/operations/linear.js';
import { stateOrigins } from '../../tensor/operations/lstm-step.js';
import { Inference, type Runner } from '../../tensor/tape.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { DecodingSession, StepOutput } from '../model.js';
import type { DecoderMemory, DecoderState, LstmDecoder } from './decoder.js';
import type { LstmEncoder } from './encoder.js';
import type { LstmOptions } from './options.js';

/** The decoder, one step at a time. The state of a step and that of the next alternate between two arenas. */
export class LstmDecodingSession implements DecodingSession {
  readonly #decoder: LstmDecoder;
  readonly #reversed: boolean;
  readonly #encoded: Arena;
  readonly #runners: readonly [Runner, Runner];
  readonly #memory: DecoderMemory | undefined;
  /** Which of the two arenas holds the current state. */
  #current = 0;
  #state: DecoderState;
  /** The row of the state that each row continues; undefined: its own. */
  #origins: Int32Array | undefined;
  /** The source column of each row. */
  #columns: Int32Array;

  /** The parameters may not change while the session lasts. */
  constructor(device: Device, encoder: LstmEncoder, decoder: LstmDecoder, sources: SourceBatch, options: LstmOptions) {
    this.#decoder = decoder;
    this.#reversed = options.reverseSource;
    this.#encoded = new Arena(device.memory);
    this.#runners = [inferenceIn(device, new Arena(device.memory)), inferenceIn(device, new Arena(device.memory))];
    const pass = { runner: inferenceIn(device, this.#encoded) };
    const { output, states } = encoder.forward(pass, sources.source, sources.sentenceKeys);
    this.#memory = decoder.memory(pass, output, memoryRows(pass.runner.scope, sources.source.layout));
    this.#state = decoder.initialState(pass.runner.scope, states, sources.sentences);
    this.#columns = Int32Array.from({ length: sources.sentences }, (_, column) => column);
  }

  get rows(): number {
    return this.#columns.length;
  }

  step(previousIds: Int32Array): StepOutput {
    const runner = this.#nextRunner();
    const { scope } = runner;
    const origins = this.#origins === undefined ? undefined : stateOrigins(scope, this.#origins);
    const ids = scope.integers(previousIds);
    const { output, state, weights } = this.#decoder.step(runner, ids, this.#state, origins, this.#memory, this.#columns);
    this.#state = state;
    this.#origins = undefined;
    const { outputWeight, outputBias } = this.#decoder;
    const logits = runner.run(linear, { input: output, weight: outputWeight.value, bias: undefined }, {}).output;
    const bias = outputBias.value;
    return weights === undefined ? { logits, bias } : { logits, bias, attention: (row) => this.#attentionOf(weights, row) };
  }

  /** States stay where they are: the next step reads those that its rows continue. */
  select(rows: Int32Array): void {
    const before = this.#origins;
    this.#origins = before === undefined ? rows.slice() : Int32Array.from(rows, (row) => before[row] as number);
    this.#columns = Int32Array.from(rows, (row) => this.#columns[row] as number);
  }

  dispose(): void {
    this.#encoded.dispose();
    for (const runner of this.#runners) runner.scope.arena.dispose();
  }

  /** For the arena that does not hold the current state, emptied. */
  #nextRunner(): Runner {
    this.#current = 1 - this.#current;
    const runner = this.#runners[this.#current] as Runner;
    runner.scope.arena.reset();
    return runner;
  }

  #attentionOf(weights: Tensor, row: number): Float32Array {
    const lengths = this.#memory?.rows.lengths;
    let start = 0;
    for (let before = 0; before < row; before++) start += lengths?.[this.#columns[before] as number] ?? 0;
    const length = lengths?.[this.#columns[row] as number] ?? 0;
    const ofRow = weights.f32.slice(start, start + length);
    return this.#reversed ? ofRow.reverse() : ofRow;
  }
}

function inferenceIn(device: Device, arena: Arena): Runner {
  return new Inference(new Scope(device, arena));
}
