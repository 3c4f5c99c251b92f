import { Scope } from './device.js';
import { type Shape, Tensor } from './tensor.js';

/** A room may be so many times as large as what is put into it: one that is much too large will be wanted whole. */
const mostRoom = 2;

/** Room of values that are used up, for others that are as many, or somewhat fewer. */
export class SpareRooms {
  /** By size. */
  readonly #rooms = new Map<number, Tensor[]>();
  /** Rooms of which only a part is in use, by that part. */
  readonly #wholes = new Map<Tensor, Tensor>();

  /** The smallest that is large enough. */
  take(shape: Shape): Tensor | undefined {
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    let least: number | undefined;
    for (const [known, rooms] of this.#rooms) {
      if (rooms.length > 0 && known >= size && known <= mostRoom * size && (least === undefined || known < least)) least = known;
    }
    const room = least === undefined ? undefined : this.#rooms.get(least)?.pop();
    if (room === undefined) return undefined;
    const part = new Tensor(room.memory, room.offset, shape);
    if (room.size > size) this.#wholes.set(part, room);
    return part;
  }

  /** What was taken is given back whole. */
  give(part: Tensor): void {
    const room = this.#wholes.get(part) ?? part;
    this.#wholes.delete(part);
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
