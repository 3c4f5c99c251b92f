import { Attention, attentionPlan, type AttentionMemory, type MemoryRows, weightsOfQuery } from '../../nn/attention.js';
import { Embedding, type EmbeddedTokens } from '../../nn/embedding.js';
import { OutputLayer } from '../../nn/output-layer.js';
import type { ParameterSection } from '../../nn/parameters.js';
import { dropped, type Pass } from '../../nn/pass.js';
import { RecurrentStack, type RecurrentState } from '../../nn/recurrent.js';
import { type SequenceLayout, singleStepLayout } from '../../tensor/layout.js';
import { concatenate } from '../../tensor/operations/concatenate.js';
import { gatherRows } from '../../tensor/operations/gather-rows.js';
import { type StateOrigins, stateOrigins } from '../../tensor/operations/lstm-step.js';
import { stackRows } from '../../tensor/operations/stack-rows.js';
import type { Scope } from '../../tensor/device.js';
import type { Runner } from '../../tensor/tape.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { LstmOptions } from './options.js';

/** What the decoder carries from step to step, a row a sentence. */
export interface DecoderState {
  readonly layers: readonly RecurrentState[];
  /** The attentional vector of the step before, [rows, hidden], when it is fed back. */
  readonly fed: Tensor | undefined;
}

/** What the decoder looks at in every step, by source column. */
export interface DecoderMemory {
  readonly attention: AttentionMemory;
  readonly rows: MemoryRows;
}

/** What a step of decoding gives, by row. */
export interface DecodedStep {
  /** What the output layer multiplies, [rows, hidden]. */
  readonly output: Tensor;
  readonly state: DecoderState;
  /** Over the source as it was read. */
  readonly attention: ((row: number) => Float32Array) | undefined;
}

/** The LSTM that writes the translation, or reads and writes a text. */
export class LstmDecoder {
  readonly output: OutputLayer;
  readonly #options: LstmOptions;
  readonly #embedding: Embedding;
  readonly #stack: RecurrentStack;
  readonly #attention: Attention | undefined;

  /** `source` is the side that attention looks at. */
  constructor(section: ParameterSection, source: ParameterSection, options: LstmOptions, vocabulary: number) {
    this.#options = options;
    this.#embedding = new Embedding(section, 'target.embedding', vocabulary, options.embedding, { tied: options.tiedEmbeddings });
    this.#stack = new RecurrentStack(section, 'decoder', {
      layers: options.layers,
      inputs: options.embedding + (options.inputFeeding ? options.hidden : 0),
      hidden: options.hidden,
      residual: options.residual,
    });
    this.#attention =
      options.attention === 'none' ? undefined : new Attention(section, source, 'attention', options.attention, options.hidden);
    this.output = new OutputLayer(section, 'output', options.hidden, vocabulary, options.tiedEmbeddings ? this.#embedding : undefined);
  }

  memory(pass: Pass, encoded: Tensor, rows: MemoryRows): DecoderMemory | undefined {
    return this.#attention === undefined ? undefined : { attention: this.#attention.memory(pass.runner, encoded), rows };
  }

  /** The state before the first step: the encoder's last, and nothing fed back yet. */
  initialState(scope: Scope, layers: readonly RecurrentState[], rows: number): DecoderState {
    return { layers, fed: this.#options.inputFeeding ? scope.zeros([rows, this.#options.hidden]) : undefined };
  }

  /** The state before the first step where there is no encoder. */
  zeroState(scope: Scope, rows: number): DecoderState {
    const { layers, hidden } = this.#options;
    const zeros = () => scope.zeros([rows, hidden]);
    return this.initialState(
      scope,
      Array.from({ length: layers }, () => ({ hidden: zeros(), cell: zeros() })),
      rows,
    );
  }

  /**
   * Reads input ids (`<s>` and the tokens so far, packed as in `layout`) and gives what the output layer multiplies:
   * [rows, hidden]. `sourceColumns[b]` is the source column of target column b.
   */
  forward(
    pass: Pass,
    inputIds: Tensor,
    state: DecoderState,
    layout: SequenceLayout,
    memory: DecoderMemory | undefined,
    sourceColumns: Int32Array,
    keys: Tensor | undefined,
  ): Tensor {
    const output =
      state.fed === undefined
        ? this.#readAtOnce(pass, this.#embedding.embed(pass, inputIds), state, layout, memory, sourceColumns, keys)
        : this.#readStepByStep(pass, this.#embedding.forward(pass.runner, inputIds), state, layout, memory, sourceColumns, keys);
    return dropped(pass, 'output', output, keys);
  }

  /** One step of decoding, a token for every row: row r continues row `originRows[r]` of `state`. */
  step(
    runner: Runner,
    ids: Int32Array,
    state: DecoderState,
    originRows: Int32Array,
    memory: DecoderMemory | undefined,
    sourceColumns: Int32Array,
  ): DecodedStep {
    const inputIds = runner.scope.integers(ids);
    const isOwn = originRows.length === state.layers[0]?.hidden.dimension(0) && originRows.every((origin, row) => origin === row);
    const origins = isOwn ? undefined : stateOrigins(runner.scope, originRows);
    const { output, states } = this.#stack.step(runner, this.#stepInput(runner, inputIds, state.fed, origins), state.layers, origins);
    if (this.#attention === undefined || memory === undefined)
      return { output, state: { layers: states, fed: undefined }, attention: undefined };
    const plan = attentionPlan(runner.scope, memory.rows, sourceColumns);
    const attended = this.#attention.forward(runner, output, memory.attention, plan);
    return {
      output: attended.output,
      state: { layers: states, fed: state.fed === undefined ? undefined : attended.output },
      attention: (row) => weightsOfQuery(attended.weights, plan, row),
    };
  }

  #stepInput(runner: Runner, inputIds: Tensor, fed: Tensor | undefined, origins: StateOrigins | undefined): Tensor | EmbeddedTokens {
    if (fed === undefined) return this.#embedding.embed({ runner }, inputIds);
    const right = origins === undefined ? fed : runner.run(gatherRows, { input: fed, indices: origins.rows }, {}).output;
    return runner.run(concatenate, { left: this.#embedding.forward(runner, inputIds), right }, {}).output;
  }

  /** One layer alone, over a stretch of steps, of a decoder without attention; the first reads token ids, the last gives what the output layer multiplies. */
  layer(
    index: number,
    pass: Pass,
    below: Tensor,
    before: RecurrentState | undefined,
    layout: SequenceLayout,
    keys: Tensor | undefined,
  ): { output: Tensor; state: RecurrentState } {
    const input = index === 0 ? this.#embedding.forward(pass.runner, below) : below;
    const { output, state } = this.#stack.layer(index, pass, input, before, layout, keys);
    return { output: index === this.#options.layers - 1 ? dropped(pass, 'output', output, keys) : output, state };
  }

  #readAtOnce(
    pass: Pass,
    tokens: Tensor | EmbeddedTokens,
    state: DecoderState,
    layout: SequenceLayout,
    memory: DecoderMemory | undefined,
    sourceColumns: Int32Array,
    keys: Tensor | undefined,
  ): Tensor {
    const { output } = this.#stack.forward(pass, tokens, state.layers, layout, keys);
    if (this.#attention === undefined || memory === undefined) return output;
    const columns = new Int32Array(layout.rows);
    for (let step = 0; step < layout.steps; step++) columns.set(sourceColumns.subarray(0, layout.active[step]), layout.offsets[step]);
    const plan = attentionPlan(pass.runner.scope, memory.rows, columns);
    return this.#attention.forward(pass.runner, output, memory.attention, plan).output;
  }

  /** With input feeding a step waits for the attention of the one before. */
  #readStepByStep(
    pass: Pass,
    embedded: Tensor,
    state: DecoderState,
    layout: SequenceLayout,
    memory: DecoderMemory | undefined,
    sourceColumns: Int32Array,
    keys: Tensor | undefined,
  ): Tensor {
    const { runner } = pass;
    if (this.#attention === undefined || memory === undefined || state.fed === undefined) throw new Error('input feeding needs attention');
    const outputs: { [step: string]: Tensor } = {};
    let { layers, fed } = state as { layers: readonly RecurrentState[]; fed: Tensor };
    for (let step = 0; step < layout.steps; step++) {
      const [first, active] = [layout.offsets[step] as number, layout.active[step] as number];
      const current = (tensor: Tensor) => (tensor.dimension(0) === active ? tensor : tensor.rows(0, active));
      const input = runner.run(concatenate, { left: embedded.rows(first, first + active), right: current(fed) }, {}).output;
      const stack = this.#stack.forward(
        pass,
        input,
        layers.map(({ hidden, cell }) => ({ hidden: current(hidden), cell: current(cell) })),
        singleStepLayout(active),
        keys?.rows(first, first + active),
      );
      const plan = attentionPlan(runner.scope, memory.rows, sourceColumns.subarray(0, active));
      layers = stack.states;
      fed = this.#attention.forward(runner, stack.output, memory.attention, plan).output;
      outputs[`step ${step}`] = fed;
    }
    return runner.run(stackRows, outputs, {}).output;
  }
}
