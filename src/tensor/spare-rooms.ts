import { Scope } from './device.js';
import { type Shape, Tensor } from './tensor.js';

/** Room of values that are used up, for others that are as many. */
export class SpareRooms {
  readonly #rooms = new Map<number, Tensor[]>();

  take(shape: Shape): Tensor | undefined {
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    const room = this.#rooms.get(size)?.pop();
    return room && new Tensor(room.memory, room.offset, shape);
  }

  give(room: Tensor): void {
    const rooms = this.#rooms.get(room.size) ?? [];
    rooms.push(room);
    this.#rooms.set(room.size, rooms);
  }
}

/** A scope that notes what operations allocate, so that the room can be given to others. */
export class NotingScope extends Scope {
  readonly #spare: SpareRooms | undefined;
  #outputs: Tensor[] = [];
  #kept: Tensor[] = [];

  /** `spare`: where room for outputs is taken from first. */
  constructor({ device, arena }: Scope, spare?: SpareRooms) {
    super(device, arena);
    this.#spare = spare;
  }

  override output(shape: Shape): Tensor {
    const output = this.#spare?.take(shape) ?? this.empty(shape);
    this.#outputs.push(output);
    return output;
  }

  override kept(shape: Shape): Tensor {
    const kept = this.empty(shape);
    this.#kept.push(kept);
    return kept;
  }

  /** What was allocated since the last call. */
  noted(): { readonly outputs: readonly Tensor[]; readonly kept: readonly Tensor[] } {
    const noted = { outputs: this.#outputs, kept: this.#kept };
    this.#outputs = [];
    this.#kept = [];
    return noted;
  }
}
