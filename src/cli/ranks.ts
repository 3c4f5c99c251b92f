import { cpus, hostname } from 'node:os';
import { DecadeError } from '../core/errors.js';
import { launched, type Launched } from '../node/mpi/launcher.js';
import { MpiNetwork } from '../node/ranks.js';
import { nodeRuntime } from '../node/runtime.js';
import { version } from '../node/version.js';
import { dismissRanks, introduceRanks } from '../parallel/ranks/claims.js';
import { lendDevices } from '../parallel/ranks/lend.js';
import type { RankClaims } from '../parallel/ranks/messages.js';
import type { Runtime } from '../parallel/runtime.js';
import { warn } from './warning.js';

/** Commands that several processes do together. */
const joint = ['train'];

/**
 * Whether a process has nothing to do for a command, since a launcher started it beside others and rank 0 alone does it. On rank 0 only a
 * command that changes nothing is done alone.
 *
 * @param onlyTells  whether it does no more than print help, or what is wrong with the command line
 * @throws DecadeError `usage` on rank 0 for what would be thought to run on all
 */
export function staysAway(command: string, onlyTells: boolean): boolean {
  const others = launched(process.env);
  if (others === undefined || (joint.includes(command) && !onlyTells)) return false;
  if (others.rank > 0) return true;
  if (onlyTells || command === 'doctor') return false;
  throw new DecadeError('usage', {
    where: command,
    received: `${others.size} ranks`,
    allowed: `one process; on several: ${joint.join(', ')}`,
    next: `start it without mpirun`,
  });
}

/** Rank 0 hears the signals, and says what becomes of all. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const;

/**
 * Does a command's work together with the other processes that an MPI launcher started: on rank 0, with a runtime that has the devices of
 * all; any other rank lends its own until rank 0 is done, and has no result. Without a launcher: here alone.
 *
 * @param same  what the ranks must have the same beside the version, by name
 */
export async function amongRanks<Result>(
  same: () => Promise<RankClaims['same']>,
  work: (runtime: Runtime) => Promise<Result>,
): Promise<Result | undefined> {
  const others = launched(process.env);
  if (others === undefined) return work(nodeRuntime);
  const lends = others.rank > 0;
  const ignore = () => undefined;
  if (lends) for (const signal of signals) process.on(signal, ignore);
  const network = await joined(others);
  const cores = ownCores(others.onThisHost);
  const claims = async (): Promise<RankClaims> => ({
    host: hostname(),
    devices: cores,
    same: { 'the version of decade': version(), 'the version of Node.js': process.versions.node, ...(await same()) },
  });
  if (lends) {
    await lendDevices(nodeRuntime, network, claims);
    await network.end();
    return undefined;
  }
  try {
    return await work({ ...nodeRuntime, cores, ranks: await introduceRanks(network, await claims()) });
  } finally {
    await dismissRanks(network);
    await network.end();
  }
}

/** Seconds after which rank 0 says that it still waits for others: the library waits without end, and says nothing. */
const patience = 10;

async function joined(others: Launched): Promise<MpiNetwork> {
  const remind = () => {
    const reason = `not all ${others.size} ranks have come after ${patience} s`;
    warn(new Error(`MPI: ${reason}; if one has ended, or was given another command than train, stop all and start them again`));
  };
  const reminder = others.rank > 0 ? undefined : setTimeout(remind, 1_000 * patience);
  return MpiNetwork.join(others).finally(() => clearTimeout(reminder));
}

/** A launcher may bind a process to cores of its own; otherwise those of a host are shared. */
function ownCores(onThisHost = 1): number {
  return nodeRuntime.cores < cpus().length ? nodeRuntime.cores : Math.max(1, Math.floor(nodeRuntime.cores / onThisHost));
}
