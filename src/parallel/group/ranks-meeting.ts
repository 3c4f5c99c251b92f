import type { ParameterStore } from '../../nn/parameters.js';
import type { Memory } from '../../tensor/memory.js';
import { TouchedRows } from '../../tensor/touched-rows.js';
import type { RankNetwork, WireBlocks } from '../runtime.js';
import { type Placed, WirePlan } from './wire-plan.js';
import { Wire } from './wire.js';

/** What devices of several ranks need to be a group. */
export interface RanksMeeting extends Placed {
  readonly wire: WireBlocks;
  /**
   * Shared Int32 counters of this rank's devices: how often each piece was announced in this update, of each chain of pieces how many were
   * sent, and whether a device is at it.
   */
  readonly pieces: SharedArrayBuffer;
  /** Places of the lists, by parameter name, into which the touched rows of all ranks are merged. */
  readonly merged: { readonly [name: string]: number };
}

/** Makes what devices of this process need to exchange with those of others. The lists are the caller's to dispose. */
export function meetRanks(
  parameters: ParameterStore,
  memory: Memory,
  { bell, attach, ...placed }: Placed & Pick<RankNetwork, 'bell' | 'attach'>,
): { wire: Wire; merged: TouchedRows[]; meeting: RanksMeeting } {
  const plan = new WirePlan([...parameters], placed);
  const wire = Wire.make(bell, { ranks: placed.devices.length, slots: plan.slots, words: plan.words });
  attach(wire.blocks);
  const merged = Array.from(parameters).flatMap(({ name, shape: [rows = 0, columns = 0], rules }) =>
    rules.gradient === 'rows' ? [{ name, list: new TouchedRows(memory, rows, columns) }] : [],
  );
  return {
    wire,
    merged: merged.map(({ list }) => list),
    meeting: {
      ...placed,
      wire: wire.blocks,
      pieces: new SharedArrayBuffer(4 * Math.max(1, plan.pieces.length + 2 * plan.chains)),
      merged: Object.fromEntries(merged.map(({ name, list }) => [name, list.offset])),
    },
  };
}
