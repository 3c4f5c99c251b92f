import type { Scope } from '../device.js';
import type { SequenceLayout } from '../layout.js';
import { inPlace, type PackedMatrix } from '../matrix.js';
import type { Tensor } from '../tensor.js';

/** `backward` reads every sentence from its last step to its first. */
export type Direction = 'forward' | 'backward';

/** From this many steps on, a packed copy of the recurrent weights pays for itself. */
const stepsWorthPacking = 4;

/**
 * Hidden or cell states of all steps in one buffer, the initial ones first:
 *
 *     rows 0 .. sentences                 before the first step
 *     rows sentences .. sentences + rows  after each step, as the layout says
 *
 * Read forward, the sentences of a step are the first of those of the step before it, so what enters a step already
 * stands where it is needed.
 */
export class States {
  readonly output: Tensor;
  readonly #all: Tensor;
  readonly #layout: SequenceLayout;
  readonly #forward: boolean;
  readonly #rowBytes: number;
  /** [sentences, size] for what has to be put together. */
  #scratch: Tensor | undefined;

  constructor(scope: Scope, initial: Tensor | undefined, size: number, layout: SequenceLayout, direction: Direction) {
    this.#all = scope.empty([layout.sentences + layout.rows, size]);
    this.output = this.#all.rows(layout.sentences, layout.sentences + layout.rows);
    this.#layout = layout;
    this.#forward = direction === 'forward';
    this.#rowBytes = size * 4;
    copyOrClear(scope, this.#all.rows(0, layout.sentences), initial);
  }

  /** Byte offset of the states after a step: [active, size]. */
  after(step: number): number {
    return this.output.offset + (this.#layout.offsets[step] as number) * this.#rowBytes;
  }

  /** Byte offset of the states that enter a step: [active, size]. Valid until the next call. */
  entering(scope: Scope, step: number): number {
    const { sentences, steps, active, offsets } = this.#layout;
    if (this.#forward) return step === 0 ? this.#all.offset : this.after(step - 1);
    if (step === steps - 1) return this.#all.offset;
    const [started, all] = [active[step + 1] as number, active[step] as number];
    if (started === all) return this.output.offset + (offsets[step + 1] as number) * this.#rowBytes;
    // Read backward, sentences join at their own last step: theirs is the initial state.
    this.#scratch ??= scope.empty([sentences, this.#rowBytes / 4]);
    const { kernels } = scope.device;
    kernels.copy(this.#scratch.offset, this.after(step + 1), started * this.#rowBytes);
    const joined = started * this.#rowBytes;
    kernels.copy(this.#scratch.offset + joined, this.#all.offset + joined, (all - started) * this.#rowBytes);
    return this.#scratch.offset;
  }

  /** [rows, size]: what enters each step, in the order of the layout. */
  allEntering(scope: Scope): Tensor {
    const { sentences, steps, rows, active, offsets } = this.#layout;
    if (this.#forward && sentences * steps === rows) return this.#all.rows(0, rows);
    const entering = scope.empty([rows, this.#rowBytes / 4]);
    for (let step = 0; step < steps; step++) {
      const target = entering.offset + (offsets[step] as number) * this.#rowBytes;
      scope.device.kernels.copy(target, this.entering(scope, step), (active[step] as number) * this.#rowBytes);
    }
    return entering;
  }

  /** [sentences, size]: the state of each sentence after its last step in the order of reading. */
  final(scope: Scope): Tensor {
    const { sentences, steps, rows, active, offsets } = this.#layout;
    if (!this.#forward) return this.output.rows(0, sentences);
    if (sentences * steps === rows) return this.output.rows(rows - sentences, rows);
    const final = scope.empty([sentences, this.#rowBytes / 4]);
    for (let step = 0; step < steps; step++) {
      const [staying, ended] = [active[step + 1] ?? 0, active[step] as number];
      if (staying === ended) continue;
      const source = this.output.offset + ((offsets[step] as number) + staying) * this.#rowBytes;
      scope.device.kernels.copy(final.offset + staying * this.#rowBytes, source, (ended - staying) * this.#rowBytes);
    }
    return final;
  }
}

export function stepOrder(layout: SequenceLayout, direction: Direction): number[] {
  const steps = Array.from({ length: layout.steps }, (_, step) => step);
  return direction === 'forward' ? steps : steps.reverse();
}

export function copyOrClear(scope: Scope, target: Tensor, source: Tensor | undefined): void {
  if (source === undefined) scope.device.kernels.fill(target.offset, 0, target.size);
  else scope.device.kernels.copy(target.offset, source.offset, target.bytes);
}

/** A weightHidden (or its transpose), packed when it is used often enough. */
export function recurrentProduct(scope: Scope, weightHidden: Tensor, transposed: boolean, steps: number): PackedMatrix {
  const { matrix } = scope.device;
  const [rows, columns] = [weightHidden.dimension(0), weightHidden.dimension(1)];
  const [n, k] = transposed ? [rows, columns] : [columns, rows];
  const right = { n, k, b: weightHidden.offset, transposeB: transposed };
  return steps >= stepsWorthPacking ? matrix.pack(right) : inPlace(right, (product) => matrix.multiply(product));
}
