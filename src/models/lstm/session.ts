import type { SourceBatch } from '../../data/batch.js';
import { memoryRows } from '../../nn/attention.js';
import type { Pass } from '../../nn/pass.js';
import { type Device, Scope } from '../../tensor/device.js';
import { singleStepLayout } from '../../tensor/layout.js';
import { Arena } from '../../tensor/memory.js';
import { gatherRows } from '../../tensor/operations/gather-rows.js';
import { linear } from '../../tensor/operations/linear.js';
import { Inference } from '../../tensor/tape.js';
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
  readonly #passes: [Pass, Pass];
  readonly #memory: DecoderMemory | undefined;
  /** Which of the two arenas holds the current state. */
  #current = 0;
  #state: DecoderState;
  /** The source column of each row. */
  #columns: Int32Array;

  /** The parameters may not change while the session lasts. */
  constructor(device: Device, encoder: LstmEncoder, decoder: LstmDecoder, sources: SourceBatch, options: LstmOptions) {
    this.#decoder = decoder;
    this.#reversed = options.reverseSource;
    this.#encoded = new Arena(device.memory);
    this.#passes = [inferenceIn(device, new Arena(device.memory)), inferenceIn(device, new Arena(device.memory))];
    const pass = inferenceIn(device, this.#encoded);
    const { output, states } = encoder.forward(pass, sources.source, sources.sentenceKeys);
    this.#memory = decoder.memory(pass, output, memoryRows(pass.runner.scope, sources.source.layout));
    this.#state = decoder.initialState(pass.runner.scope, states, sources.sentences);
    this.#columns = Int32Array.from({ length: sources.sentences }, (_, column) => column);
  }

  get rows(): number {
    return this.#columns.length;
  }

  step(previousIds: Int32Array): StepOutput {
    const pass = this.#nextPass();
    const { runner } = pass;
    const { output, state, weights } = this.#decoder.forward(
      pass,
      runner.scope.integers(previousIds),
      this.#state,
      singleStepLayout(this.rows),
      this.#memory,
      this.#columns,
      undefined,
    );
    this.#state = state;
    const { outputWeight, outputBias } = this.#decoder;
    const logits = runner.run(linear, { input: output, weight: outputWeight.value, bias: undefined }, {}).output;
    const bias = outputBias.value;
    return weights === undefined ? { logits, bias } : { logits, bias, attention: (row) => this.#attentionOf(weights, row) };
  }

  select(rows: Int32Array): void {
    const { runner } = this.#nextPass();
    const indices = runner.scope.integers(rows);
    const chosen = (input: Tensor) => runner.run(gatherRows, { input, indices }, {}).output;
    this.#state = {
      layers: this.#state.layers.map(({ hidden, cell }) => ({ hidden: chosen(hidden), cell: chosen(cell) })),
      fed: this.#state.fed === undefined ? undefined : chosen(this.#state.fed),
    };
    this.#columns = Int32Array.from(rows, (row) => this.#columns[row] as number);
  }

  dispose(): void {
    this.#encoded.dispose();
    for (const pass of this.#passes) pass.runner.scope.arena.dispose();
  }

  /** The arena that does not hold the current state, emptied. */
  #nextPass(): Pass {
    this.#current = 1 - this.#current;
    const pass = this.#passes[this.#current] as Pass;
    pass.runner.scope.arena.reset();
    return pass;
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

function inferenceIn(device: Device, arena: Arena): Pass {
  return { runner: new Inference(new Scope(device, arena)) };
}
