import { DecadeError } from '../core/errors.js';
import type { Scope } from './device.js';
import type { InputGradients, Loss, Operation, OutputGradients, Tensors } from './operation.js';
import { NotingScope, SpareRooms } from './spare-rooms.js';
import { Tensor } from './tensor.js';
import type { TouchedRows } from './touched-rows.js';

/** Runs operations. Layers are written against this, so that training and inference share one forward pass. */
export interface Runner {
  readonly scope: Scope;
  /** Runs operations of which each output is given to one operation only, the next: what does not need to be kept is not. */
  readonly brief: Runner;
  run<Inputs extends Tensors, Attributes, Outputs extends Tensors, Saved, Sparse extends keyof Inputs & string>(
    operation: Operation<Inputs, Attributes, Outputs, Saved, Sparse>,
    inputs: NoInfer<Inputs>,
    attributes: Attributes,
  ): Outputs;
  loss<Inputs extends Tensors, Attributes, Outputs extends Tensors>(
    loss: Loss<Inputs, Attributes, Outputs>,
    inputs: NoInfer<Inputs>,
    attributes: Attributes,
  ): Outputs;
}

/** Runs operations and forgets how. */
export class Inference implements Runner {
  readonly scope: Scope;

  constructor(scope: Scope) {
    this.scope = scope;
  }

  get brief(): this {
    return this;
  }

  run<Inputs extends Tensors, Attributes, Outputs extends Tensors, Saved, Sparse extends keyof Inputs & string>(
    operation: Operation<Inputs, Attributes, Outputs, Saved, Sparse>,
    inputs: NoInfer<Inputs>,
    attributes: Attributes,
  ): Outputs {
    operation.check(inputs, attributes);
    return operation.forward(this.scope, inputs, attributes).outputs;
  }

  loss<Inputs extends Tensors, Attributes, Outputs extends Tensors>(
    loss: Loss<Inputs, Attributes, Outputs>,
    inputs: NoInfer<Inputs>,
    attributes: Attributes,
  ): Outputs {
    loss.check(inputs, attributes);
    return loss.forward(this.scope, inputs, attributes);
  }
}

/** A value that is learnt and the place where its gradient gathers. */
export interface Learnt {
  readonly value: Tensor;
  readonly gradient: Tensor | TouchedRows;
}

/**
 * Runs operations and remembers them, so that `backward` can walk them in reverse. Lives as long as its scope's arena. A view of a
 * tensor has the same part of its gradient, however the view was made. When an operation has passed its gradient on, neither what it
 * gave nor the gradient of that is of more use, and their room becomes that of other gradients. A brief output gives its room to the
 * next as soon as it is read, and is computed again where a gradient reads it. Its gradient takes its room where it can: of a brief
 * output and those that it is computed from or that are computed from it, no two have the same.
 */
export class Tape implements Runner {
  readonly scope: Scope;
  readonly brief: Runner;
  readonly #keepsOutputs: boolean;
  readonly #noting: NotingScope;
  readonly #notingBrief: NotingScope;
  /** One closure a remembered operation: it finds the gradients of its outputs and adds to those of its inputs. */
  #backward: (() => void)[] = [];
  /** Gradients of parameters from the start, of other tensors from when something first adds to them. */
  #gradients = new Map<Tensor, Tensor | TouchedRows>();
  #spare = new SpareRooms();
  /** Of brief outputs alone: in backward, where they are computed again, nothing else has their room. */
  #spareBrief = new SpareRooms();
  /** Brief outputs: how each is computed again, if it can be, or that it was read. */
  #briefOutputs = new Map<Tensor, { readonly again: (() => void) | undefined } | 'read'>();
  /** Gradients whose room the tape made. */
  #own = new Set<Tensor>();
  /** Parameters and the outputs that depend on one. */
  #tracked = new Set<Tensor>();
  /** Parameters whose gradient no remembered operation adds to before this one, by its number: those of -1 have none. */
  readonly #firstUse = new Map<Tensor, { readonly learnt: Learnt; operation: number }>();

  /** `keepsOutputs`: outputs keep their room until the end, for products that are put off (`DeferredProducts`). */
  constructor(scope: Scope, parameters: Iterable<Learnt>, { keepsOutputs = false } = {}) {
    this.scope = scope;
    this.#keepsOutputs = keepsOutputs;
    this.#noting = new NotingScope(scope);
    this.#notingBrief = new NotingScope(scope, this.#spareBrief);
    const run: Runner['run'] = (operation, inputs, attributes) => this.#run(this.#notingBrief, operation, inputs, attributes);
    this.brief = keepsOutputs ? this : { scope, run, loss: this.loss.bind(this), brief: this };
    for (const learnt of parameters) {
      this.#tracked.add(learnt.value);
      this.#gradients.set(learnt.value, learnt.gradient);
      this.#firstUse.set(learnt.value, { learnt, operation: -1 });
    }
  }

  run<Inputs extends Tensors, Attributes, Outputs extends Tensors, Saved, Sparse extends keyof Inputs & string>(
    operation: Operation<Inputs, Attributes, Outputs, Saved, Sparse>,
    inputs: NoInfer<Inputs>,
    attributes: Attributes,
  ): Outputs {
    return this.#run(this.#noting, operation, inputs, attributes);
  }

  #run<Inputs extends Tensors, Attributes, Outputs extends Tensors, Saved, Sparse extends keyof Inputs & string>(
    scope: NotingScope,
    operation: Operation<Inputs, Attributes, Outputs, Saved, Sparse>,
    inputs: Inputs,
    attributes: Attributes,
  ): Outputs {
    operation.check(inputs, attributes);
    const { outputs, saved } = operation.forward(scope, inputs, attributes);
    const noted = scope.noted();
    const isBrief = scope === this.#notingBrief;
    if (Object.values(inputs).some((input) => input !== undefined && this.#origin(input) !== undefined)) {
      for (const output of Object.values(outputs)) if (output !== undefined) this.#tracked.add(output);
      const mayReplace = (name: keyof Inputs & string) =>
        operation.replaces?.includes(name) === true || operation.forgets?.(inputs).includes(name) === true;
      this.#noteUse(inputs);
      this.#backward.push(() => {
        const outputGradients = this.#outputGradients(outputs);
        if (outputGradients === undefined) return;
        const fresh = this.#freshGradients(inputs, operation.overwrites, mayReplace);
        const inputGradients = this.#inputGradients(operation.name, inputs, operation.sparse);
        operation.gradient(this.scope, { inputs, attributes, outputs, saved }, outputGradients, inputGradients, fresh);
        for (const output of Object.values(outputs)) if (output !== undefined) this.#release(output);
        if (this.#keepsOutputs) return;
        for (const room of isBrief ? noted.kept : [...noted.kept, ...noted.outputs]) this.#spare.give(room);
      });
    }
    this.#endBrief(operation.name, inputs, operation.forgets?.(inputs));
    if (isBrief) {
      const again = operation.again && (() => operation.again?.(this.scope, { inputs, attributes, outputs, saved }));
      for (const output of noted.outputs) this.#briefOutputs.set(output, { again });
    }
    return outputs;
  }

  /** The brief ones of these inputs are read: in backward they are computed again before the gradient reads them, if it does. */
  #endBrief<Inputs extends Tensors>(name: string, inputs: Inputs, forgotten: readonly string[] = []): void {
    for (const [place, input] of Object.entries(inputs)) {
      let output = input;
      while (output !== undefined && !this.#briefOutputs.has(output)) output = output.base;
      const brief = output && this.#briefOutputs.get(output);
      if (output === undefined || brief === undefined) continue;
      if (brief === 'read') throw new Error(`${name}: ${place} is brief and has been read before`);
      if (!forgotten.includes(place)) {
        if (brief.again === undefined) throw new Error(`${name}: ${place} is brief, and cannot be computed again for the gradient`);
        this.#backward.push(brief.again);
      }
      this.#briefOutputs.set(output, 'read');
      this.#spareBrief.give(output);
    }
  }

  loss<Inputs extends Tensors, Attributes, Outputs extends Tensors>(
    loss: Loss<Inputs, Attributes, Outputs>,
    inputs: NoInfer<Inputs>,
    attributes: Attributes,
  ): Outputs {
    loss.check(inputs, attributes);
    const fresh = this.#freshGradients(inputs, loss.overwrites);
    const inputGradients = this.#inputGradients<Inputs, never>(loss.name, inputs, []);
    return loss.forwardAndGradient(this.scope, inputs, attributes, inputGradients, fresh);
  }

  /** The gradient of an output whose loss is computed elsewhere, before `backward`. It is read, and may be added to. */
  seed(output: Tensor, gradient: Tensor): void {
    const origin = this.#origin(output);
    if (origin !== undefined && origin !== output) throw new Error('a view has no gradient of its own to seed: seed what it is a view of');
    this.#gradients.set(output, gradient);
  }

  /**
   * Adds the gradient of every loss that was run, and of every seed, to the gradients of the parameters. `isFinal` is told of each
   * parameter as soon as nothing more will be added to its gradient.
   */
  backward(isFinal?: (learnt: Learnt) => void): void {
    const finalAfter = new Map<number, Learnt[]>();
    for (const { learnt, operation } of this.#firstUse.values()) {
      finalAfter.set(operation, [...(finalAfter.get(operation) ?? []), learnt]);
    }
    const tell = (operation: number) => {
      if (isFinal !== undefined) for (const learnt of finalAfter.get(operation) ?? []) isFinal(learnt);
    };
    tell(-1);
    for (let step = this.#backward.length - 1; step >= 0; step--) {
      this.#backward[step]?.();
      tell(step);
    }
    this.#backward = [];
  }

  /** The operation that is remembered next adds to the gradients of these inputs. */
  #noteUse<Inputs extends Tensors>(inputs: Inputs): void {
    for (const input of Object.values(inputs)) {
      const origin = input && this.#origin(input);
      const first = origin && this.#firstUse.get(origin);
      if (first?.operation === -1) first.operation = this.#backward.length;
    }
  }

  /** The gradient of a parameter, or a part of one, after `backward`; undefined when no loss depends on it. */
  gradient(tensor: Tensor): Tensor | TouchedRows | undefined {
    const origin = this.#origin(tensor) ?? tensor;
    const gradient = this.#gradients.get(origin);
    return gradient === undefined ? undefined : partOf(gradient, origin, tensor);
  }

  /** The parameter or output whose values a tensor shows: itself, or what it is a view of. Undefined where it depends on no parameter. */
  #origin(tensor: Tensor): Tensor | undefined {
    for (let at: Tensor | undefined = tensor; at !== undefined; at = at.base) if (this.#tracked.has(at)) return at;
    return undefined;
  }

  /** Undefined when nothing depends on any output. */
  #outputGradients<Outputs extends Tensors>(outputs: Outputs): OutputGradients<Outputs> | undefined {
    const gradients: { [name: string]: Tensor | undefined } = {};
    let wanted = false;
    for (const [name, output] of Object.entries(outputs)) {
      const gradient = output === undefined ? undefined : this.gradient(output);
      if (gradient !== undefined && 'rows' in gradient) {
        gradients[name] = gradient;
        wanted = true;
      }
    }
    return wanted ? (gradients as OutputGradients<Outputs>) : undefined;
  }

  /**
   * Makes room for the gradients of inputs that have none yet and that an operation will write, so that they need not be cleared.
   * `mayReplace`: whether the room of the input itself will do.
   */
  #freshGradients<Inputs extends Tensors>(
    inputs: Inputs,
    overwrites: readonly (keyof Inputs & string)[] = [],
    mayReplace: (name: keyof Inputs & string) => boolean = () => false,
  ): Set<keyof Inputs> {
    const fresh = new Set<keyof Inputs>();
    for (const name of overwrites) {
      const input: Tensor | undefined = inputs[name];
      if (input === undefined || !this.#tracked.has(input) || this.#gradients.has(input)) continue;
      // What is given twice, whole or in part, is written and added to.
      if (Object.values(inputs).filter((other) => other !== undefined && this.#origin(other) === input).length > 1) continue;
      const isReplaced = this.#briefOutputs.has(input) && mayReplace(name);
      this.#gradients.set(input, isReplaced ? new Tensor(input.memory, input.offset, input.shape) : this.#room(input));
      fresh.add(name);
    }
    return fresh;
  }

  #inputGradients<Inputs extends Tensors, Sparse extends keyof Inputs & string>(
    operation: string,
    inputs: Inputs,
    sparse: readonly Sparse[],
  ): InputGradients<Inputs, Sparse> {
    const gradients: { [name: string]: Tensor | TouchedRows | undefined } = {};
    for (const [name, input] of Object.entries(inputs)) {
      const origin = input && this.#origin(input);
      if (input === undefined || origin === undefined) continue;
      const gradient = partOf(this.#accumulator(origin), origin, input);
      if (!('rows' in gradient) && !(sparse as readonly string[]).includes(name)) {
        throw new DecadeError('shape', {
          where: `${operation}: ${name}`,
          received: 'a parameter whose gradient is kept as touched rows',
          allowed: 'a dense gradient, since this operation touches every row',
        });
      }
      gradients[name] = gradient;
    }
    return gradients as InputGradients<Inputs, Sparse>;
  }

  #accumulator(tensor: Tensor): Tensor | TouchedRows {
    const known = this.#gradients.get(tensor);
    if (known !== undefined) return known;
    const gradient = this.#room(tensor);
    this.scope.device.kernels.fill(gradient.offset, 0, gradient.size);
    this.#gradients.set(tensor, gradient);
    return gradient;
  }

  /** Room for the gradient of a tensor, with unspecified values. */
  #room({ shape }: Tensor): Tensor {
    const room = this.#spare.take(shape) ?? this.scope.empty(shape);
    this.#own.add(room);
    return room;
  }

  #release(output: Tensor): void {
    const gradient = this.#gradients.get(output);
    if (gradient === undefined || !('rows' in gradient) || !this.#own.delete(gradient)) return;
    this.#gradients.delete(output);
    this.#spare.give(gradient);
  }
}

/** Where the gradient of a view lies in that of its origin. Views are contiguous, so it has the view's own shape. */
function partOf(gradient: Tensor | TouchedRows, origin: Tensor, view: Tensor): Tensor | TouchedRows {
  if (view === origin) return gradient;
  if ('rows' in gradient) return new Tensor(gradient.memory, gradient.offset + view.offset - origin.offset, view.shape, 'f32', gradient);
  throw new DecadeError('shape', {
    where: 'view',
    received: 'a view of a parameter whose gradient is kept as touched rows',
    allowed: 'the whole parameter, or one with a dense gradient',
  });
}
