import assert from 'node:assert/strict';
import { dismissRanks, introduceRanks } from '../../src/parallel/ranks/claims.js';
import { lendDevices } from '../../src/parallel/ranks/lend.js';
import type { RankClaims } from '../../src/parallel/ranks/messages.js';
import { train } from '../../src/parallel/train.js';
import { keptThreads } from '../parallel/kept-threads.js';
import { networksInMemory } from '../parallel/ranks/networks-in-memory.js';

/** Trains on as many ranks, a device each, that are all in this process. */
export async function trainedInMemory(configuration: string, out: string, size: number, set: readonly string[] = []): Promise<void> {
  const options = { out, set, devices: 1, gemm: 'webassembly' };
  if (size === 1) {
    await train(keptThreads, configuration, options);
    return;
  }
  const { networks, end } = networksInMemory(size);
  const [first, ...others] = networks;
  assert.ok(first);
  const claims = async (): Promise<RankClaims> => ({ host: 'here', devices: 1, same: {} });
  const lending = others.map((network) => lendDevices(keptThreads, network, claims));
  await train({ ...keptThreads, ranks: await introduceRanks(first, await claims()) }, configuration, options);
  await dismissRanks(first);
  await Promise.all(lending);
  end();
}
