import { DecadeError } from '../core/errors.js';
import type { Scope } from './device.js';
import type { InputGradients, Loss, Operation, OutputGradients, Tensors } from './operation.js';
import type { Tensor } from './tensor.js';
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
  /** Rows [start, end) of a matrix, without a copy. */
  rows(tensor: Tensor, start: number, end: number): Tensor;
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

  rows(tensor: Tensor, start: number, end: number): Tensor {
    return tensor.rows(start, end);
  }
}

/** A value that is learnt and the place where its gradient gathers. */
export interface Learnt {
  readonly value: Tensor;
  readonly gradient: Tensor | TouchedRows;
}

/** Runs operations and remembers them, so that `backward` can walk them in reverse. Lives as long as its scope's arena. */
export class Tape implements Runner {
  readonly scope: Scope;
  /** One closure a remembered operation: it finds the gradients of its outputs and adds to those of its inputs. */
  #backward: (() => void)[] = [];
  /** Gradients of parameters from the start, of other tensors from when something first adds to them. */
  #gradients = new Map<Tensor, Tensor | TouchedRows>();
  /** Outputs that depend on a parameter. */
  #tracked = new Set<Tensor>();
  #views = new Map<Tensor, { base: Tensor; start: number; end: number }>();

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
    if (Object.values(inputs).some((input) => input !== undefined && this.#tracked.has(input))) {
      for (const output of Object.values(outputs)) if (output !== undefined) this.#tracked.add(output);
      this.#backward.push(() => {
        const outputGradients = this.#outputGradients(outputs);
        if (outputGradients === undefined) return;
        const fresh = this.#freshGradients(inputs, operation.overwrites);
        const inputGradients = this.#inputGradients(operation.name, inputs, operation.sparse);
        operation.gradient(this.scope, { inputs, attributes, outputs, saved }, outputGradients, inputGradients, fresh);
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

  rows(tensor: Tensor, start: number, end: number): Tensor {
    const view = tensor.rows(start, end);
    if (this.#tracked.has(tensor)) {
      this.#tracked.add(view);
      this.#views.set(view, { base: tensor, start, end });
    }
    return view;
  }

  /** The gradient of an output whose loss is computed elsewhere, before `backward`. It is read, and may be added to. */
  seed(output: Tensor, gradient: Tensor): void {
    this.#gradients.set(output, gradient);
  }

  /** Adds the gradient of every loss that was run, and of every seed, to the gradients of the parameters. */
  backward(): void {
    for (let step = this.#backward.length - 1; step >= 0; step--) this.#backward[step]?.();
    this.#backward = [];
  }

  /** The gradient of a tensor after `backward`; undefined when no loss depends on it. */
  gradient(tensor: Tensor): Tensor | TouchedRows | undefined {
    const view = this.#views.get(tensor);
    if (view === undefined) return this.#gradients.get(tensor);
    const base = this.gradient(view.base);
    return base !== undefined && 'rows' in base ? base.rows(view.start, view.end) : undefined;
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
      if (input === undefined || !this.#tracked.has(input) || this.#views.has(input) || this.#gradients.has(input)) continue;
      // What is given twice is written and added to.
      if (Object.values(inputs).filter((other) => other === input).length > 1) continue;
      this.#gradients.set(input, this.scope.empty(input.shape));
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
      if (input === undefined || !this.#tracked.has(input)) continue;
      const gradient = this.#accumulator(input);
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
    const view = this.#views.get(tensor);
    if (view !== undefined) {
      const base = this.#accumulator(view.base);
      if ('rows' in base) return base.rows(view.start, view.end);
    }
    let gradient = this.#gradients.get(tensor);
    if (gradient === undefined) {
      gradient = this.scope.zeros(tensor.shape);
      this.#gradients.set(tensor, gradient);
    }
    return gradient;
  }
}
