import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ForeignInterface, Structure } from '../../src/node/foreign.js';
import { launched } from '../../src/node/mpi/launcher.js';
import type { MpiLibrary, MpiRequest } from '../../src/node/mpi/library.js';
import type { NetworkOrder, NetworkReport } from '../../src/node/mpi/messages.js';
import { Messenger } from '../../src/node/mpi/messenger.js';
import { MpiNetwork } from '../../src/node/ranks.js';

/** Runs a messenger of rank 0 of two that is told to end. `hears`: the first word of what comes from the other; undefined: nothing does. */
function ends(hears: number | undefined): void {
  const structures = new Map<number, Structure>();
  const structure = (bytes: number): Structure => {
    const made = { address: structures.size, view: new DataView(new ArrayBuffer(bytes)) };
    structures.set(made.address, made);
    return made;
  };
  const request = (address: number): MpiRequest => ({ structure: structures.get(address) as Structure, held: [] });
  const received = new Set<Structure>();
  const library = {
    send: request,
    receive: (address: number) => {
      const asked = request(address);
      received.add(asked.structure);
      if (hears !== undefined) asked.structure.view.setInt32(0, hears, true);
      return asked;
    },
    isDone: ({ structure: asked }: MpiRequest) => hears !== undefined || !received.has(asked),
  };
  const orders: NetworkOrder[] = [{ kind: 'end' }];
  new Messenger({
    library: library as unknown as MpiLibrary,
    foreign: { structure, address: () => 0 } as unknown as ForeignInterface,
    ...{ rank: 0, size: 2, silenceSeconds: 0.05, bell: new Int32Array(new SharedArrayBuffer(4)) },
    take: () => orders.shift(),
    report: (message: NetworkReport) => {
      throw new Error(JSON.stringify(message));
    },
  }).run();
}

test('a rank that is lost when all was done is told, and not waited for without end; one that ends is not missed', () => {
  assert.throws(() => ends(undefined), /"kind":"silent","rank":1/);
  const end = 2;
  ends(end);
});

test('a limit that is no number of seconds is an error, not another limit', async () => {
  const others = launched({ PMI_RANK: '0', PMI_SIZE: '2' });
  assert.ok(others);
  const before = process.env.DECADE_MPI_SILENCE;
  process.env.DECADE_MPI_SILENCE = '30s';
  try {
    await assert.rejects(
      MpiNetwork.join(others, () => {}),
      { kind: 'usage', message: /DECADE_MPI_SILENCE: 30s; expected seconds/ },
    );
  } finally {
    if (before === undefined) delete process.env.DECADE_MPI_SILENCE;
    else process.env.DECADE_MPI_SILENCE = before;
  }
});
