import { DecadeError } from '../core/errors.js';
import type { Scope } from './device.js';
import type { InputGradients, Loss, Operation, OutputGradients, Tensors } from './operation.js';
import { Tensor } from './tensor.js';
import type { TouchedRows } from './touched-rows.js';

/** Runs operations. Layers are written against this, so that training and inference share one forward pass. */
export interface Runner {
  readonly scope: Scope;
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
 * tensor has the same part of its gradient, however the view was made. The gradient of what an operation gave is of no more use when
 * that operation has passed it on, and its room becomes that of another.
 */
export class Tape implements Runner {
  readonly scope: Scope;
  /** One closure a remembered operation: it finds the gradients of its outputs and adds to those of its inputs. */
  #backward: (() => void)[] = [];
  /** Gradients of parameters from the start, of other tensors from when something first adds to them. */
  #gradients = new Map<Tensor, Tensor | TouchedRows>();
  /** Room of gradients that are used up, by the number of their values. */
  #spare = new Map<number, Tensor[]>();
  /** Gradients whose room the tape made. */
  #own = new Set<Tensor>();
  /** Parameters and the outputs that depend on one. */
  #tracked = new Set<Tensor>();

  constructor(scope: Scope, parameters: Iterable<Learnt>) {
    this.scope = scope;
    for (const { value, gradient } of parameters) {
      this.#tracked.add(value);
      this.#gradients.set(value, gradient);
    }
  }

  run<Inputs extends Tensors, Attributes, Outputs extends Tensors, Saved, Sparse extends keyof Inputs & string>(
    operation: Operation<Inputs, Attributes, Outputs, Saved, Sparse>,
    inputs: NoInfer<Inputs>,
    attributes: Attributes,
  ): Outputs {
    operation.check(inputs, attributes);
    const { outputs, saved } = operation.forward(this.scope, inputs, attributes);
    if (Object.values(inputs).some((input) => input !== undefined && this.#origin(input) !== undefined)) {
      for (const output of Object.values(outputs)) if (output !== undefined) this.#tracked.add(output);
      this.#backward.push(() => {
        const outputGradients = this.#outputGradients(outputs);
        if (outputGradients === undefined) return;
        const fresh = this.#freshGradients(inputs, operation.overwrites);
        const inputGradients = this.#inputGradients(operation.name, inputs, operation.sparse);
        operation.gradient(this.scope, { inputs, attributes, outputs, saved }, outputGradients, inputGradients, fresh);
        for (const output of Object.values(outputs)) if (output !== undefined) this.#release(output);
      });
    }
    return outputs;
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

  /** Adds the gradient of every loss that was run, and of every seed, to the gradients of the parameters. */
  backward(): void {
    for (let step = this.#backward.length - 1; step >= 0; step--) this.#backward[step]?.();
    this.#backward = [];
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

  /** Makes room for the gradients of inputs that have none yet and that an operation will write, so that they need not be cleared. */
  #freshGradients<Inputs extends Tensors>(inputs: Inputs, overwrites: readonly (keyof Inputs & string)[] = []): Set<keyof Inputs> {
    const fresh = new Set<keyof Inputs>();
    for (const name of overwrites) {
      const input: Tensor | undefined = inputs[name];
      if (input === undefined || !this.#tracked.has(input) || this.#gradients.has(input)) continue;
      // What is given twice, whole or in part, is written and added to.
      if (Object.values(inputs).filter((other) => other !== undefined && this.#origin(other) === input).length > 1) continue;
      this.#gradients.set(input, this.#room(input));
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
  #room({ shape, size }: Tensor): Tensor {
    const spare = this.#spare.get(size)?.pop();
    const room = spare === undefined ? this.scope.empty(shape) : new Tensor(spare.memory, spare.offset, shape);
    this.#own.add(room);
    return room;
  }

  #release(output: Tensor): void {
    const gradient = this.#gradients.get(output);
    if (gradient === undefined || !('rows' in gradient) || !this.#own.delete(gradient)) return;
    this.#gradients.delete(output);
    const spare = this.#spare.get(gradient.size) ?? [];
    spare.push(gradient);
    this.#spare.set(gradient.size, spare);
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
