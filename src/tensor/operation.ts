import { DecadeError } from '../core/errors.js';
import type { Scope } from './device.js';
import { type DataType, type Shape, showShape, type Tensor } from './tensor.js';
import type { TouchedRows } from './touched-rows.js';

/** The tensors an operation takes or gives, by name; optional ones may be undefined. */
export type Tensors = { readonly [name: string]: Tensor | undefined };

/** Where an operation adds the gradient of each input; undefined when nobody wants it. */
export type InputGradients<Inputs extends Tensors, Sparse extends keyof Inputs> = {
  readonly [Name in keyof Inputs]: Name extends Sparse ? Tensor | TouchedRows | undefined : Tensor | undefined;
};

/** The gradient of each output; undefined when nothing depends on it. */
export type OutputGradients<Outputs extends Tensors> = { readonly [Name in keyof Outputs]: Tensor | undefined };

/** A differentiable operation. Its plain twin, which the tests compare it with, stands in `reference/`. */
export interface Operation<
  Inputs extends Tensors,
  Attributes,
  Outputs extends Tensors,
  Saved,
  Sparse extends keyof Inputs & string = never,
> {
  readonly name: string;
  /** Inputs whose gradient may be kept as touched rows. */
  readonly sparse: readonly Sparse[];
  /** Inputs whose gradient is written, not added to, where `fresh` says that nothing has been added yet. */
  readonly overwrites?: readonly (keyof Inputs & string)[];
  /** Inputs whose gradient, where it is written, may take their room: nothing reads their values after it is begun. */
  readonly replaces?: readonly (keyof Inputs & string)[];
  /** Inputs whose values the gradient does not read. */
  forgets?(inputs: Inputs): readonly (keyof Inputs & string)[];
  /** Throws a `shape` error that names the input, what it is and what it should be. */
  check(inputs: Inputs, attributes: Attributes): void;
  /** Inputs are only read. What `gradient` needs besides inputs and outputs is `saved`. Both have room as `Scope` says. */
  forward(scope: Scope, inputs: Inputs, attributes: Attributes): { outputs: Outputs; saved: Saved };
  /** Computes what has room as `Scope.output` again, from the rest: cheaper to do twice than to keep. Absent where it is not. */
  again?(scope: Scope, call: { inputs: Inputs; attributes: Attributes; outputs: Outputs; saved: Saved }): void;
  /**
   * Adds to every wanted gradient of the inputs; a `fresh` one of those it `overwrites` has no values yet. May use up `saved` and the
   * gradients of the outputs.
   */
  gradient(
    scope: Scope,
    call: { inputs: Inputs; attributes: Attributes; outputs: Outputs; saved: Saved },
    outputGradients: OutputGradients<Outputs>,
    inputGradients: InputGradients<Inputs, Sparse>,
    fresh: ReadonlySet<keyof Inputs>,
  ): void;
}

/**
 * The end of a computation: a loss whose own gradient is 1. It gives loss and gradients in one pass, because keeping
 * the logits of a whole batch for a later one would need more memory than the model.
 */
export interface Loss<Inputs extends Tensors, Attributes, Outputs extends Tensors> {
  readonly name: string;
  /** As in `Operation`. */
  readonly overwrites?: readonly (keyof Inputs & string)[];
  check(inputs: Inputs, attributes: Attributes): void;
  forward(scope: Scope, inputs: Inputs, attributes: Attributes): Outputs;
  /** As `forward`, and adds to every wanted gradient of the inputs. */
  forwardAndGradient(
    scope: Scope,
    inputs: Inputs,
    attributes: Attributes,
    inputGradients: InputGradients<Inputs, never>,
    fresh: ReadonlySet<keyof Inputs>,
  ): Outputs;
}

/** Throws unless the tensor has this shape and type. `names` name the dimensions in the message, as in `[rows, columns]`. */
export function expectShape(
  operation: string,
  input: string,
  tensor: Tensor,
  shape: Shape,
  names: string,
  dataType: DataType = 'f32',
): void {
  const fits = tensor.shape.length === shape.length && shape.every((size, dimension) => tensor.shape[dimension] === size);
  if (!fits || tensor.dataType !== dataType) {
    throw new DecadeError('shape', {
      where: `${operation}: ${input}`,
      received: `${tensor.dataType} ${showShape(tensor.shape)}`,
      allowed: `${dataType} ${names} = ${showShape(shape)}`,
    });
  }
}

/** Sizes of a matrix, or a shape error. */
export function expectMatrix(operation: string, input: string, tensor: Tensor): [rows: number, columns: number] {
  const [rows, columns, ...rest] = tensor.shape;
  if (rows === undefined || columns === undefined || rest.length > 0 || tensor.dataType !== 'f32') {
    throw new DecadeError('shape', {
      where: `${operation}: ${input}`,
      received: `${tensor.dataType} ${showShape(tensor.shape)}`,
      allowed: 'a matrix of f32',
    });
  }
  return [rows, columns];
}
