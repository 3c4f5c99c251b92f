import type { LearntParameter, Parameter, ParameterStore } from '../nn/parameters.js';
import type { Kernels } from '../tensor/kernels/kernels.js';
import type { Block, Memory } from '../tensor/memory.js';
import { PlacedValues } from '../tensor/named-values.js';
import { Tensor } from '../tensor/tensor.js';
import { TouchedRows } from '../tensor/touched-rows.js';
import type { OptimizerOptions } from './optimizer-options.js';

/** Averages that Adam keeps: of the gradient, and of its square. */
const moments = ['first', 'second'] as const;

/** One update's numbers, the same for every parameter. */
export interface OptimizerStep {
  /** Number of the update, from 1. */
  readonly update: number;
  readonly learningRate: number;
  /** What clipping multiplies every gradient by; 1 = nothing. */
  readonly factor: number;
}

/** A share of an update: this device's part of `parts` equal ones. */
export interface Share {
  readonly part: number;
  readonly parts: number;
}

/** One device's part of what all update: of dense parameters, and of tables whose gradients are lists of touched rows. */
export interface Shares {
  readonly values: Share;
  readonly rows: Share;
}

/** Of a device that updates everything. */
export const everything: Shares = { values: { part: 0, parts: 1 }, rows: { part: 0, parts: 1 } };

/** Shares of a parameter's values begin at multiples of it. */
const unit = 16;

/** Elements [start, end) of `count` that fall to a share; boundaries are multiples of `unit`. */
export function shareOf(count: number, { part, parts }: Share, unit = 1): { start: number; end: number } {
  const units = Math.ceil(count / unit);
  const boundary = (index: number) => Math.min(count, Math.floor((units * index) / parts) * unit);
  return { start: boundary(part), end: boundary(part + 1) };
}

/**
 * What of the optimizer's values a process keeps, as its devices update no more (Rajbhandari et al. 2020, ZeRO stage 1): of dense parameters
 * the parts [first, end) of `parts`, of tables with touched rows, which every process updates, all.
 */
export interface KeptParts {
  readonly first: number;
  readonly end: number;
  readonly parts: number;
}

/** Values [start, end) that are kept of the averages of so many values, where they are divided. */
export function keptRange(size: number, { first, end, parts }: KeptParts): { start: number; end: number } {
  return { start: shareOf(size, { part: first, parts }, unit).start, end: shareOf(size, { part: end - 1, parts }, unit).end };
}

/** Whether only the rows of an embedding that an update touched are changed. Adam's averages move every value, unless it is lazy. */
export function updatesTouchedRows(options: OptimizerOptions): boolean {
  return options.kind === 'sgd' || options.lazy;
}

/** Where an optimizer's values are, and what of them. */
export interface OptimizerPlacing {
  /** Of values that another thread allocated. Default: they are allocated. */
  readonly offsets?: Record<string, number> | undefined;
  /** Default: all. */
  readonly kept?: KeptParts | undefined;
}

/** A parameter's average: values [start, ...) of it. */
interface Moment {
  readonly values: Tensor;
  readonly start: number;
  readonly parameter: Parameter;
}

/**
 * The optimizer's own values and its update rule. Values live in a memory that devices share; each device updates its
 * share of every parameter.
 */
export class Optimizer {
  readonly options: OptimizerOptions;
  /** By canonical name, e.g. `adam.first.encoder.0.bias`: what a checkpoint holds. */
  readonly state = new Map<string, Moment>();
  /** Dense gradients of the parameters whose own are touched rows; always 0 between updates. Dense Adam only. */
  readonly #unpacked = new Map<string, Tensor>();
  #blocks: { memory: Memory; block: Block }[] = [];

  constructor(options: OptimizerOptions, parameters: ParameterStore, memory: Memory, { offsets, kept }: OptimizerPlacing = {}) {
    this.options = options;
    if (options.kind === 'sgd') return;
    const place = (name: string, shape: readonly number[]): Tensor => {
      const known = offsets?.[name];
      if (known !== undefined) return new Tensor(memory, known, shape);
      const block = memory.allocate(4 * shape.reduce((product, dimension) => product * dimension, 1));
      this.#blocks.push({ memory, block });
      const tensor = new Tensor(memory, block.offset, shape);
      tensor.f32.fill(0);
      return tensor;
    };
    for (const parameter of parameters) {
      const { start, end } = keptOf(parameter, kept);
      const isWhole = end - start === parameter.size;
      for (const moment of moments) {
        const name = stateName(moment, parameter.name);
        this.state.set(name, { values: place(name, isWhole ? parameter.shape : [end - start]), start, parameter });
      }
      if (parameter.rules.gradient === 'rows' && !updatesTouchedRows(options)) {
        this.#unpacked.set(parameter.name, place(`unpacked.${parameter.name}`, parameter.shape));
      }
    }
  }

  /** Bytes that its values take. */
  static bytes(options: OptimizerOptions, parameters: Iterable<Parameter>, kept?: KeptParts): number {
    if (options.kind === 'sgd') return 0;
    let bytes = 0;
    for (const parameter of parameters) {
      const { start, end } = keptOf(parameter, kept);
      bytes += 4 * (end - start) * (parameter.rules.gradient === 'rows' && !updatesTouchedRows(options) ? 3 : 2);
    }
    return bytes;
  }

  /** Names of what a checkpoint holds, in the order of `placed`. */
  static stateNames({ kind }: OptimizerOptions, parameters: readonly string[]): string[] {
    return kind === 'sgd' ? [] : parameters.flatMap((name) => moments.map((moment) => stateName(moment, name)));
  }

  /** Its own values, where they are. */
  get placed(): PlacedValues {
    return new PlacedValues(
      Array.from(
        this.state,
        ([
          name,
          {
            values,
            start,
            parameter: { shape },
          },
        ]) => [name, [values], { start, shape }],
      ),
    );
  }

  /** Places of all values, for another thread's optimizer. */
  get offsets(): Record<string, number> {
    const offsets: Record<string, number> = {};
    for (const [name, { values }] of this.state) offsets[name] = values.offset;
    for (const [name, tensor] of this.#unpacked) offsets[`unpacked.${name}`] = tensor.offset;
    return offsets;
  }

  /** After touched rows are summed and measured, before `update`: dense rules want them in a dense gradient. By one device. */
  unpack(kernels: Kernels, { parameter, gradient }: LearntParameter): void {
    const dense = this.#unpacked.get(parameter.name);
    if (dense === undefined || !(gradient instanceof TouchedRows)) return;
    const { table, touched, slots, count, columns } = gradient;
    kernels.scatterTouchedRows(dense.offset, table.offset, touched.offset, count, slots.offset, columns);
    gradient.count = 0;
  }

  /** Changes this device's share of a parameter and leaves that share of its gradient 0. */
  update(kernels: Kernels, learnt: LearntParameter, step: OptimizerStep, shares: Shares): void {
    const { parameter, value, gradient } = learnt;
    const share = gradient instanceof TouchedRows ? shares.rows : shares.values;
    const unpacked = this.#unpacked.get(parameter.name);
    const byRows = gradient instanceof TouchedRows && unpacked === undefined;
    const { start, end } = byRows ? shareOf(gradient.count, share) : shareOf(parameter.size, share, unit);
    const { options } = this;
    const decay = options.kind === 'adam' && parameter.rules.decay ? options.weightDecay : 0;
    if (byRows) {
      const { columns, slots } = gradient;
      const table = gradient.table.offset + start * columns * 4;
      const touched = gradient.touched.offset + start * 4;
      if (options.kind === 'sgd') {
        kernels.sgdUpdateRows(value.offset, table, touched, end - start, slots.offset, columns, step.learningRate, step.factor);
      } else {
        const { first, second } = this.#averages(parameter, 0);
        const { correction1, correction2 } = corrections(options, step);
        kernels.adamUpdateRows(
          value.offset,
          table,
          touched,
          end - start,
          slots.offset,
          first,
          second,
          columns,
          step.learningRate,
          step.factor,
          options.beta1,
          options.beta2,
          options.epsilon,
          correction1,
          correction2,
          decay,
        );
      }
      return;
    }
    const dense = unpacked ?? (gradient as Tensor);
    const [offset, count] = [start * 4, end - start];
    if (options.kind === 'sgd') {
      kernels.sgdUpdate(value.offset + offset, dense.offset + offset, count, step.learningRate, step.factor);
    } else {
      const { first, second } = this.#averages(parameter, start);
      const { correction1, correction2 } = corrections(options, step);
      kernels.adamUpdate(
        value.offset + offset,
        dense.offset + offset,
        first,
        second,
        count,
        step.learningRate,
        step.factor,
        options.beta1,
        options.beta2,
        options.epsilon,
        correction1,
        correction2,
        decay,
      );
    }
  }

  dispose(): void {
    for (const { memory, block } of this.#blocks) memory.free(block);
    this.#blocks = [];
  }

  /** Addresses of a parameter's averages from a value on. */
  #averages(parameter: Parameter, from: number): { readonly first: number; readonly second: number } {
    const [first = Number.NaN, second = Number.NaN] = moments.map((moment) => {
      const at = this.state.get(stateName(moment, parameter.name));
      if (at === undefined) throw new Error(`no moments for parameter ${parameter.name}`);
      return at.values.offset + 4 * (from - at.start);
    });
    return { first, second };
  }
}

function keptOf({ size, rules }: Parameter, kept: KeptParts | undefined): { start: number; end: number } {
  return kept === undefined || rules.gradient === 'rows' ? { start: 0, end: size } : keptRange(size, kept);
}

/** The averages start at 0; dividing by 1 - beta^t corrects for it (Kingma & Ba 2015, section 3). */
function corrections({ beta1, beta2 }: Extract<OptimizerOptions, { kind: 'adam' }>, { update }: OptimizerStep) {
  return { correction1: 1 / (1 - beta1 ** update), correction2: 1 / (1 - beta2 ** update) };
}

function stateName(moment: (typeof moments)[number], parameter: string): string {
  return `adam.${moment}.${parameter}`;
}
