import type { ParameterStore } from '../../nn/parameters.js';
import type { Memory } from '../../tensor/memory.js';
import { TouchedRows } from '../../tensor/touched-rows.js';
import type { WireBlocks } from '../runtime.js';
import { type Placed, WirePlan } from './wire-plan.js';
import { Wire } from './wire.js';

/** What devices of several ranks need to be a group. */
export interface RanksMeeting extends Placed {
  readonly wire: WireBlocks;
  /** Where in the memory the room for what is exchanged begins, in words. */
  readonly room: number;
  /**
   * Shared Int32 counters of this rank's devices: how often each piece was announced in this update, of each chain of pieces how many were
   * sent, and whether a device is at it.
   */
  readonly pieces: SharedArrayBuffer;
  /** Places of the lists, by parameter name, into which the touched rows of all ranks are merged. */
  readonly merged: { readonly [name: string]: number };
}

/** Makes what devices of this process need to exchange with those of others. `dispose` gives back its room. */
export function meetRanks(
  parameters: ParameterStore,
  memory: Memory,
  { bell, ...placed }: Placed & { readonly bell: SharedArrayBuffer },
): { wire: Wire; meeting: RanksMeeting; dispose(): void } {
  const plan = new WirePlan([...parameters], placed);
  const room = memory.allocate(4 * plan.words);
  const wire = Wire.make(bell, memory.webAssembly, { ranks: placed.devices.length, slots: plan.slots });
  const merged = Array.from(parameters).flatMap(({ name, shape: [rows = 0, columns = 0], rules }) =>
    rules.gradient === 'rows' ? [{ name, list: new TouchedRows(memory, rows, columns) }] : [],
  );
  return {
    wire,
    meeting: {
      ...placed,
      wire: wire.blocks,
      room: room.offset / 4,
      pieces: new SharedArrayBuffer(4 * Math.max(1, plan.pieces.length + 2 * plan.chains)),
      merged: Object.fromEntries(merged.map(({ name, list }) => [name, list.offset])),
    },
    dispose() {
      memory.free(room);
      for (const { list } of merged) list.dispose();
    },
  };
}
