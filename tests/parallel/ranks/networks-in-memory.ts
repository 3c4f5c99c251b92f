import { deserialize, serialize } from 'node:v8';
import { type RankExchange, Wire } from '../../../src/parallel/group/wire.js';
import type { DeviceThread, RankNetwork, WireBlocks } from '../../../src/parallel/runtime.js';

type Listener = Parameters<DeviceThread['listen']>[0];

/** Ranks that are all in this process: messages are cloned, and exchanges copied as soon as every rank has left its own. */
export function networksInMemory(size: number): { networks: RankNetwork[]; end: () => void } {
  const listeners = new Map<string, Listener>();
  const wires = new Map<number, Wire>();
  let ticket = 0;
  let ended = false;
  const carry = () => {
    if (ended) return;
    const left = Array.from({ length: size }, (_, rank) => wires.get(rank)?.left(ticket));
    if (left.every((exchange) => exchange !== undefined)) {
      const words = Array.from({ length: size }, (_, rank) => new Int32Array((wires.get(rank) as Wire).blocks.memory.buffer));
      exchange(left, words);
      for (const wire of wires.values()) wire.complete(ticket);
      ticket++;
    }
    setTimeout(carry, 0);
  };
  carry();
  const networks = Array.from(
    { length: size },
    (_, rank): RankNetwork => ({
      rank,
      size,
      bell: new SharedArrayBuffer(4),
      linkTo: (other, channel = 0) => ({
        post: (message) => {
          const sent = deserialize(serialize(message));
          setImmediate(() => listeners.get(`${other} from ${rank}, ${channel}`)?.message(sent));
        },
        listen: (listener) => listeners.set(`${rank} from ${other}, ${channel}`, listener),
        terminate: async () => {},
      }),
      attach: (blocks: WireBlocks) => {
        wires.set(rank, new Wire(blocks));
        ticket = 0;
      },
    }),
  );
  return {
    networks,
    end: () => {
      ended = true;
    },
  };
}

function exchange(all: readonly RankExchange[], memories: readonly Int32Array[]): void {
  for (const [to, into] of all.entries()) {
    const received = into.kind === 'gather' ? into.parts : into.received;
    for (const [from, count] of received.words.entries()) {
      const given = all[from] as RankExchange;
      if (given.kind !== into.kind) throw new Error(`rank ${from} leaves a ${given.kind}, ${to} a ${into.kind}`);
      const [sent, part] = given.kind === 'gather' ? [given.parts, from] : [given.sent, to];
      if (sent.words[part] !== count) throw new Error(`rank ${from} sends ${sent.words[part]} words where ${to} awaits ${count}`);
      const start = sent.at[part] as number;
      (memories[to] as Int32Array).set((memories[from] as Int32Array).subarray(start, start + count), received.at[from]);
    }
  }
}
