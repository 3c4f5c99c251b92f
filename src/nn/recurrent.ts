import type { SequenceLayout } from '../tensor/layout.js';
import { add } from '../tensor/operations/add.js';
import { concatenate } from '../tensor/operations/concatenate.js';
import { embedding } from '../tensor/operations/embedding.js';
import { type LstmAttributes, type LstmInputs, type LstmOutputs, lstm } from '../tensor/operations/lstm.js';
import { lstmStep, type StateOrigins } from '../tensor/operations/lstm-step.js';
import type { Runner } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import type { EmbeddedTokens } from './embedding.js';
import type { Parameter, ParameterSection } from './parameters.js';
import { dropped, type Pass } from './pass.js';

/** What a recurrent layer hands from step to step, [sentences, hidden] each. */
export interface RecurrentState {
  readonly hidden: Tensor;
  readonly cell: Tensor;
}

/** One LSTM layer in one direction. */
class LstmLayer {
  readonly #weightInput: Parameter;
  readonly #weightHidden: Parameter;
  readonly #bias: Parameter;

  constructor(section: ParameterSection, name: string, inputs: number, hidden: number) {
    this.#weightInput = section.matrix(`${name}.weightInput`, 4 * hidden, inputs);
    this.#weightHidden = section.matrix(`${name}.weightHidden`, 4 * hidden, hidden);
    this.#bias = section.vector(`${name}.bias`, 4 * hidden);
  }

  forward(runner: Runner, input: Tensor | EmbeddedTokens, state: RecurrentState | undefined, attributes: LstmAttributes): LstmOutputs {
    const parameters = { weightHidden: this.#weightHidden.value, bias: this.#bias.value };
    return runner.run(lstm, { ...this.#read(runner, input), ...parameters, hidden: state?.hidden, cell: state?.cell }, attributes);
  }

  /** One step without gradients, from states that several rows may share. */
  step(
    runner: Runner,
    input: Tensor | EmbeddedTokens,
    { hidden, cell }: RecurrentState,
    origins: StateOrigins | undefined,
  ): RecurrentState {
    const parameters = { weightHidden: this.#weightHidden.value, bias: this.#bias.value };
    return lstmStep(runner.scope, { ...this.#read(runner, input), ...parameters, hidden, cell }, origins);
  }

  #read(runner: Runner, input: Tensor | EmbeddedTokens): Pick<LstmInputs, 'input' | 'weightInput' | 'inputProducts'> {
    const weightInput = this.#weightInput.value;
    if (!('ids' in input)) return { input, weightInput };
    const { table, ids } = input;
    const known = runner.scope.device.known?.of(table, weightInput, ids.i32);
    return known === undefined
      ? { input: runner.run(embedding, { table, ids }, {}).output, weightInput }
      : { input: runner.scope.integers(known.places), weightInput: undefined, inputProducts: known.products };
  }
}

/** Two layers of half the size, one reading each way; outputs and states stand side by side. */
class BidirectionalLstmLayer {
  readonly #forward: LstmLayer;
  readonly #backward: LstmLayer;

  constructor(section: ParameterSection, name: string, inputs: number, hidden: number) {
    this.#forward = new LstmLayer(section, `${name}.forward`, inputs, hidden / 2);
    this.#backward = new LstmLayer(section, `${name}.backward`, inputs, hidden / 2);
  }

  forward(runner: Runner, input: Tensor | EmbeddedTokens, _state: undefined, { layout }: { layout: SequenceLayout }): LstmOutputs {
    const left = this.#forward.forward(runner, input, undefined, { layout, direction: 'forward' });
    const right = this.#backward.forward(runner, input, undefined, { layout, direction: 'backward' });
    const joined = (name: keyof LstmOutputs) => runner.run(concatenate, { left: left[name], right: right[name] }, {}).output;
    return { output: joined('output'), hidden: joined('hidden'), cell: joined('cell') };
  }
}

export interface RecurrentStackOptions {
  readonly layers: number;
  readonly inputs: number;
  readonly hidden: number;
  /** Adds each layer's input to its output, from the second layer on (Wu et al. 2016, section 3.1), so that deep stacks train. */
  readonly residual: boolean;
}

/** Layers of LSTM, each reading the one below. Dropout stands before every layer (Zaremba et al. 2014, section 3). */
export class RecurrentStack {
  readonly #name: string;
  readonly #layers: LstmLayer[];
  readonly #residual: boolean;

  constructor(section: ParameterSection, name: string, options: RecurrentStackOptions) {
    this.#name = name;
    this.#residual = options.residual;
    this.#layers = Array.from(
      { length: options.layers },
      (_, layer) => new LstmLayer(section, `${name}.${layer}`, layer === 0 ? options.inputs : options.hidden, options.hidden),
    );
  }

  /** input [rows, inputs] → output [rows, hidden] of the top layer, and every layer's state after its sentence's last step. */
  forward(
    pass: Pass,
    input: Tensor | EmbeddedTokens,
    states: readonly RecurrentState[] | undefined,
    layout: SequenceLayout,
    keys: Tensor | undefined,
  ): { output: Tensor; states: RecurrentState[] } {
    const { output, state } = this.layer(0, pass, input, states?.[0], layout, keys);
    let below = output;
    const after = [state];
    for (let index = 1; index < this.#layers.length; index++) {
      const above = this.layer(index, pass, below, states?.[index], layout, keys);
      below = above.output;
      after.push(above.state);
    }
    return { output: below, states: after };
  }

  /** One step of decoding: as `forward` with a layout of one step, without gradients, from states that several rows may share. */
  step(
    runner: Runner,
    input: Tensor | EmbeddedTokens,
    states: readonly RecurrentState[],
    origins: StateOrigins | undefined,
  ): { output: Tensor; states: RecurrentState[] } {
    let below = input;
    const after = this.#layers.map((layer, index) => {
      const state = layer.step(runner, below, states[index] as RecurrentState, origins);
      const isAdded = this.#residual && index > 0 && !('ids' in below);
      below = isAdded ? runner.run(add, { left: state.hidden, right: below as Tensor }, {}).output : state.hidden;
      return state;
    });
    return { output: below as Tensor, states: after };
  }

  /** One layer alone; see `forward`. */
  layer(
    index: number,
    pass: Pass,
    below: Tensor | EmbeddedTokens,
    before: RecurrentState | undefined,
    layout: SequenceLayout,
    keys: Tensor | undefined,
  ): { output: Tensor; state: RecurrentState } {
    const layer = this.#layers[index];
    if (layer === undefined) throw new Error(`${this.#name} has no layer ${index}`);
    const input = 'ids' in below ? below : dropped(pass, `${this.#name}.${index}`, below, keys);
    const above = layer.forward(pass.runner, input, before, { layout, direction: 'forward' });
    const isAdded = this.#residual && index > 0 && !('ids' in below);
    const output = isAdded ? pass.runner.run(add, { left: above.output, right: below }, {}).output : above.output;
    return { output, state: { hidden: above.hidden, cell: above.cell } };
  }
}

/** A bidirectional first layer below an ordinary stack, as in Wu et al. 2016 (section 3.2). Only an encoder can read both ways. */
export class BidirectionalStack {
  readonly #name: string;
  readonly #first: BidirectionalLstmLayer;
  readonly #above: RecurrentStack | undefined;

  constructor(section: ParameterSection, name: string, options: RecurrentStackOptions) {
    this.#name = name;
    this.#first = new BidirectionalLstmLayer(section, `${name}.bidirectional`, options.inputs, options.hidden);
    this.#above =
      options.layers === 1
        ? undefined
        : new RecurrentStack(section, `${name}.above`, { ...options, layers: options.layers - 1, inputs: options.hidden });
  }

  forward(
    pass: Pass,
    input: Tensor | EmbeddedTokens,
    _states: undefined,
    layout: SequenceLayout,
    keys: Tensor | undefined,
  ): { output: Tensor; states: RecurrentState[] } {
    const entering = 'ids' in input ? input : dropped(pass, this.#name, input, keys);
    const first = this.#first.forward(pass.runner, entering, undefined, { layout });
    const bottom = { hidden: first.hidden, cell: first.cell };
    if (this.#above === undefined) return { output: first.output, states: [bottom] };
    const above = this.#above.forward(pass, first.output, undefined, layout, keys);
    return { output: above.output, states: [bottom, ...above.states] };
  }
}
