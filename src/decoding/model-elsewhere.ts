import type { DecodingMemory, DecodingSession, LengthLimits, ReadOutput, StepModel, StepOutput } from '../models/model.js';
import { type Device, Scope } from '../tensor/device.js';
import { Arena } from '../tensor/memory.js';
import type { Tensor } from '../tensor/tensor.js';

/**
 * A model whose parameters lie in another memory than what is computed from its logits: it steps on a device there, and its
 * logits are copied to the device that asks.
 */
export class ModelElsewhere implements StepModel {
  readonly #model: StepModel;
  readonly #device: Device;

  constructor(model: StepModel, device: Device) {
    this.#model = model;
    this.#device = device;
  }

  get vocabularies(): StepModel['vocabularies'] {
    return this.#model.vocabularies;
  }

  get parameters(): StepModel['parameters'] {
    return this.#model.parameters;
  }

  get decodingMemory(): DecodingMemory {
    return this.#model.decodingMemory;
  }

  get beginsPrompts(): boolean | undefined {
    return this.#model.beginsPrompts;
  }

  get lengthLimits(): LengthLimits | undefined {
    return this.#model.lengthLimits;
  }

  decode(device: Device, sources: readonly ArrayLike<number>[]): DecodingSession {
    return new SessionElsewhere(this.#model.decode(this.#device, sources), new Scope(device, new Arena(device.memory)));
  }
}

class SessionElsewhere implements DecodingSession {
  readonly #session: DecodingSession;
  readonly #scope: Scope;

  /** `scope`: where the logits are wanted. */
  constructor(session: DecodingSession, scope: Scope) {
    this.#session = session;
    this.#scope = scope;
  }

  get rows(): number {
    return this.#session.rows;
  }

  read(ids: readonly ArrayLike<number>[]): ReadOutput {
    return this.#copied(this.#session.read(ids));
  }

  step(previousIds: Int32Array): StepOutput {
    return this.#copied(this.#session.step(previousIds));
  }

  select(rows: Int32Array): void {
    this.#session.select(rows);
  }

  dispose(): void {
    this.#session.dispose();
    this.#scope.arena.dispose();
  }

  #copied<Output extends StepOutput>(output: Output): Output {
    this.#scope.arena.reset();
    const copy = (tensor: Tensor) => this.#scope.empty(tensor.shape).set(tensor.f32);
    return { ...output, logits: copy(output.logits), ...(output.bias !== undefined && { bias: copy(output.bias) }) };
  }
}
