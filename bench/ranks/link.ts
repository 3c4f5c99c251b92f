/**
 * What a line gives to two ranks, through the same library, thread and shared memory as in training: run by a launcher on two hosts as
 * `link.js GBITS`, of which rank 0 prints a line of JSON. GBITS is about what is expected: for how long is measured.
 */
import { readFileSync } from 'node:fs';
import { launched } from '../../src/node/mpi/launcher.js';
import { MpiNetwork } from '../../src/node/ranks.js';
import { type RankExchange, type RankParts, Wire } from '../../src/parallel/group/wire.js';
import { Memory } from '../../src/tensor/memory.js';
import { median } from '../peers/comparison.js';

/** Names and units are those of the network in a profile of `decade simulate`. */
export interface LinkFigures {
  /** In each direction, while both are used, in Gbit/s. */
  readonly gbits: number;
  /** Of the smallest exchange, from when a device leaves it until it is done, in microseconds: the median. */
  readonly latency: number;
  /** Nanoseconds that processors are busy, on each side, for a byte sent and one received. */
  readonly perByte: number;
}

const seconds = 1.5;
const smallRounds = 200;
/** Words that each rank sends the other: half of a piece of two ranks. */
const words = 512 * 1024;
/** Exchanges under way at once. */
const slots = 8;

const here = launched(process.env);
if (here?.size !== 2) throw new Error('link.js is started by a launcher of MPI, twice');
const network = await MpiNetwork.join(here, console.error);
const memory = new Memory({ shared: true, maximumBytes: 64 * 1024 ** 2 });
const start = memory.allocate(4 * 2 * slots * words).offset / 4;
const wire = Wire.make(network.bell, memory.webAssembly, { ranks: 2, slots });
network.attach(wire.blocks);
let ticket = 0;
const ofOther = (at: number): RankParts => {
  const each = network.rank === 0 ? [0, words] : [words, 0];
  return { at: each.map(() => at), words: each };
};
const large = (): RankExchange => {
  const at = start + 2 * words * (ticket % slots);
  return { kind: 'scatter', sent: ofOther(at), received: ofOther(at + words) };
};

const times: number[] = [];
for (let round = 0; round < smallRounds; round++) {
  const begun = performance.now();
  wire.leave(ticket, { kind: 'gather', parts: { at: [start, start + 16], words: [2, 2] } });
  wire.wait(ticket++);
  times.push(performance.now() - begun);
}
const rounds = Math.max(2 * slots, Math.ceil((Number(process.argv[2]) * 1e9 * seconds) / (8 * 4 * words)));
const [begun, busyBefore] = [performance.now(), busySeconds()];
for (let round = 0; round < rounds; round++) {
  if (round >= slots) wire.wait(ticket - slots);
  wire.leave(ticket++, large());
}
for (let last = ticket - slots; last < ticket; last++) wire.wait(last);
const [passed, busy] = [(performance.now() - begun) / 1_000, busySeconds() - busyBefore];
const bytes = 4 * words * rounds;
if (network.rank === 0) {
  const figures: LinkFigures = {
    gbits: Number(((8 * bytes) / passed / 1e9).toPrecision(3)),
    latency: Math.round(1_000 * median(times)),
    perByte: Number(((1e9 * busy) / 2 / bytes).toPrecision(2)),
  };
  console.log(JSON.stringify(figures));
}
await network.end();

/** Seconds for which the processors of this machine were busy, so that the system's work for both hosts is counted. */
function busySeconds(): number {
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, softInterrupts = 0] = (
    readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] as string
  )
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + interrupts + softInterrupts) / 100;
}
