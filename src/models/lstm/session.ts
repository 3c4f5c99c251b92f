import { memoryRows } from '../../nn/attention.js';
import { type Device, Scope } from '../../tensor/device.js';
import { Arena } from '../../tensor/memory.js';
import { gatherRows } from '../../tensor/operations/gather-rows.js';
import { stackRows } from '../../tensor/operations/stack-rows.js';
import { Inference, type Runner } from '../../tensor/tape.js';
import type { Tensor } from '../../tensor/tensor.js';
import { padId } from '../../text/tokenizer.js';
import type { DecodingMemory, DecodingSession, ReadOutput, StepOutput } from '../model.js';
import { bySentence, inverse, packedIds, packedSide, packSources } from './batch.js';
import type { DecodedStep, DecoderMemory, DecoderState, LstmDecoder } from './decoder.js';
import type { LstmEncoder } from './encoder.js';
import type { LstmOptions } from './options.js';
import { requireNoSources } from '../sources.js';

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
  /** The row of the state that each row continues. */
  #origins: Int32Array;
  /** The source column of each row. */
  #columns: Int32Array;

  /** The parameters may not change while the session lasts. Without an encoder the sources must be empty. */
  constructor(
    device: Device,
    encoder: LstmEncoder | undefined,
    decoder: LstmDecoder,
    sources: readonly ArrayLike<number>[],
    options: LstmOptions,
  ) {
    this.#decoder = decoder;
    this.#reversed = options.reverseSource;
    this.#encoded = new Arena(device.memory);
    this.#runners = [inferenceIn(device, new Arena(device.memory)), inferenceIn(device, new Arena(device.memory))];
    try {
      const pass = { runner: inferenceIn(device, this.#encoded) };
      const { scope } = pass.runner;
      if (encoder === undefined) {
        requireNoSources(sources);
        this.#state = decoder.zeroState(scope, sources.length);
        this.#columns = inOrder(sources.length);
      } else {
        const source = packSources(sources, options.reverseSource);
        const { output, states } = encoder.forward(pass, source);
        this.#memory = decoder.memory(pass, output, memoryRows(scope, source.layout));
        this.#state = decoder.initialState(scope, states, sources.length);
        this.#columns = inverse(source.sentences);
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
    this.#origins = this.#columns;
  }

  get rows(): number {
    return this.#columns.length;
  }

  step(previousIds: Int32Array): StepOutput {
    const runner = this.#nextRunner();
    const { output, state, attention } = this.#decoder.step(runner, previousIds, this.#state, this.#origins, this.#memory, this.#columns);
    this.#state = state;
    this.#origins = inOrder(this.rows);
    return { ...this.#decoder.output.logits(runner, output), ...(attention && { attention: (row) => this.#asWritten(attention(row)) }) };
  }

  /** Token by token, for what the layers make of one depends on the one before; only the output layer sees all of them at once. */
  read(ids: readonly ArrayLike<number>[]): ReadOutput {
    const runner = this.#nextRunner();
    const side = packedSide(ids);
    const { layout, sentences: rows } = side;
    const inputIds = packedIds(side, (row, step) => ids[row]?.[step] as number);
    const columns = rows.map((row) => this.#columns[row] as number);
    const steps: DecodedStep[] = [];
    for (let step = 0; step < layout.steps; step++) {
      const active = layout.active[step] as number;
      const stepIds = inputIds.subarray(layout.offsets[step], layout.offsets[step + 1]);
      const state = steps.at(-1)?.state ?? this.#state;
      const origins = step === 0 ? rows.map((row) => this.#origins[row] as number) : inOrder(active);
      steps.push(this.#decoder.step(runner, stepIds, state, origins, this.#memory, columns.subarray(0, active)));
    }
    this.#state = statesOf(runner, steps);
    const columnOf = inverse(rows);
    this.#origins = Int32Array.from(ids, ({ length }, row) => (layout.offsets[length - 1] as number) + (columnOf[row] as number));
    const outputs = stacked(runner, steps, ({ output }) => output);
    const last = runner.run(gatherRows, { input: outputs, indices: runner.scope.integers(this.#origins) }, {}).output;
    const attention =
      steps[0]?.attention &&
      ((row: number, step: number) => this.#asWritten(steps[step]?.attention?.(columnOf[row] as number) as Float32Array));
    // Whatever follows the last id of a row is not asked for.
    const nextIds = packedIds(side, (row, step) => ids[row]?.[step + 1] ?? padId);
    const losses =
      layout.steps === 1 ? undefined : this.#decoder.output.loss({ runner }, () => outputs, nextIds, { smoothing: 0, gradientScale: 0 });
    const logProbabilities = losses && bySentence(side, losses.logProbabilities.f32);
    return {
      ...this.#decoder.output.logits(runner, last),
      ...(attention && { attention: (row) => attention(row, (ids[row]?.length ?? 0) - 1) }),
      given: (row) => {
        const tokens = (ids[row]?.length ?? 0) - 1;
        return {
          logProbabilities: logProbabilities?.[row]?.subarray(0, tokens) ?? new Float32Array(0),
          attention: attention && Array.from({ length: tokens }, (_, step) => attention(row, step)),
        };
      },
    };
  }

  /** States stay where they are: the next step reads those that its rows continue. */
  select(rows: Int32Array): void {
    this.#origins = Int32Array.from(rows, (row) => this.#origins[row] as number);
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

  #asWritten(attention: Float32Array): Float32Array {
    return this.#reversed ? attention.reverse() : attention;
  }
}

/** What a session holds at most, from the values that its operations give. */
export function lstmDecodingMemory({ layers, hidden, embedding, attention }: LstmOptions, targetVocabulary: number): DecodingMemory {
  const attentionValues = attention === 'none' ? 0 : 6 * hidden;
  // Of a layer: four gates, cell and output, then its sum with what is below, its join of two directions, or a copy of the state.
  const given = embedding + (layers * 8 + 2) * hidden + attentionValues;
  // Of a step: gates twice where rows share a state, which is gathered first; what was fed back beside the embedding.
  const row = 2 * (embedding + hidden) + layers * 12 * hidden + attentionValues + targetVocabulary;
  // The state of a step and that of the next alternate. Nothing grows.
  return { perGivenToken: 4 * given, perRow: 2 * 4 * row, perStep: 0 };
}

function inferenceIn(device: Device, arena: Arena): Runner {
  return new Inference(new Scope(device, arena));
}

function inOrder(rows: number): Int32Array {
  return Int32Array.from({ length: rows }, (_, row) => row);
}

/** The states after every step, in the rows of its layout. */
function statesOf(runner: Runner, steps: readonly DecodedStep[]): DecoderState {
  const [first] = steps;
  if (first === undefined) throw new Error('no rows to read');
  const all = (valuesOf: (state: DecoderState) => Tensor) => stacked(runner, steps, ({ state }) => valuesOf(state));
  return {
    layers: first.state.layers.map((_, layer) => ({
      hidden: all(({ layers }) => layers[layer]?.hidden as Tensor),
      cell: all(({ layers }) => layers[layer]?.cell as Tensor),
    })),
    fed: first.state.fed && all(({ fed }) => fed as Tensor),
  };
}

function stacked(runner: Runner, steps: readonly DecodedStep[], valuesOf: (step: DecodedStep) => Tensor): Tensor {
  const [first, ...others] = steps.map(valuesOf);
  if (first !== undefined && others.length === 0) return first;
  return runner.run(stackRows, Object.fromEntries(steps.map((step, index) => [`step ${index}`, valuesOf(step)])), {}).output;
}
