import { cpus, hostname } from 'node:os';
import { counted } from '../core/counted.js';
import { DecadeError } from '../core/errors.js';
import { launched } from '../node/mpi/launcher.js';
import { MpiNetwork } from '../node/ranks.js';
import { nodeRuntime } from '../node/runtime.js';
import { version } from '../node/version.js';
import { dismissRanks, introduceRanks } from '../parallel/ranks/claims.js';
import { lendDevices, type RankTask } from '../parallel/ranks/lend.js';
import type { RankClaims } from '../parallel/ranks/messages.js';
import type { Runtime } from '../parallel/runtime.js';
import { warn } from './warning.js';

/** Commands that several processes do together. */
const joint = ['train', 'translate', 'score', 'evaluate', 'bench', 'scale', 'reproduce'];

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
  throw needsOneProcess(command, others.size);
}

function needsOneProcess(command: string, ranks: number): DecadeError {
  return new DecadeError('usage', {
    where: command,
    received: `${ranks} ranks`,
    allowed: `one process; on several: ${joint.join(', ')}`,
    next: `start it without mpirun`,
  });
}

/** Milliseconds in which a launcher ends other ranks after rank 0 has failed. */
const lead = 1_000;

/** Whether rank 0 of several is another process. It says what is wrong with the command line, which all ranks find. */
export function isBesideRankZero(): boolean {
  return (launched(process.env)?.rank ?? 0) > 0;
}

/** Resolves when it is this rank's turn to end with an error. Rank 0 is the first. */
export async function turnToFail(): Promise<void> {
  if (isBesideRankZero()) await new Promise((resolve) => setTimeout(resolve, lead));
}

/** Rank 0 hears the signals, and says what becomes of all. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const;

/** What the ranks of a command have and do. */
export interface AmongRanks<Result> {
  /** What they must have the same beside the version, by name. */
  readonly same?: () => Promise<RankClaims['same']>;
  /** What rank 0 does, with a runtime that has the devices of all. */
  readonly work: (runtime: Runtime) => Promise<Result>;
  /** What other ranks do with tasks that `work` gives them. Without it they lend their devices. */
  readonly task?: RankTask;
  /** Why other ranks have nothing to do, if it is so: rank 0 says it, and works alone. */
  readonly alone?: string | undefined;
}

/**
 * Does a command's work together with the other processes that an MPI launcher started: rank 0 does it; any other lends its devices and
 * does tasks until rank 0 is done, and has no result. Without a launcher: here alone.
 */
export async function amongRanks<Result>({ same, work, task, alone }: AmongRanks<Result>): Promise<Result | undefined> {
  const others = launched(process.env);
  if (others === undefined) return work(nodeRuntime);
  const lends = others.rank > 0;
  if (alone !== undefined) {
    if (lends) return undefined;
    warn(new Error(`the other ${counted(others.size - 1, 'rank')} of ${others.size} have nothing to do: ${alone}`));
    return work(ownRuntime());
  }
  const ignore = () => undefined;
  if (lends) for (const signal of signals) process.on(signal, ignore);
  const network = await MpiNetwork.join(others, (message) => warn(new Error(message)));
  const own = ownRuntime();
  const claims = async (): Promise<RankClaims> => ({
    host: hostname(),
    devices: own.cores,
    same: { 'the version of decade': version(), 'the version of Node.js': process.versions.node, ...(await same?.()) },
  });
  if (lends) {
    await lendDevices(own, network, claims, task);
    await network.end();
    return undefined;
  }
  let result: Result;
  try {
    result = await work({ ...own, ranks: await introduceRanks(network, await claims()) });
  } catch (error) {
    await dismissRanks(network);
    // That others do not leave in time is no news beside the error.
    await network.end().catch(() => undefined);
    throw error;
  }
  await dismissRanks(network);
  await network.end();
  return result;
}

/** This process alone, with its part of the host's cores. */
export function ownRuntime(): Runtime {
  return { ...nodeRuntime, cores: ownCores(launched(process.env)?.onThisHost) };
}

/** A launcher may bind a process to cores of its own; otherwise those of a host are shared. */
function ownCores(onThisHost = 1): number {
  return nodeRuntime.cores < cpus().length ? nodeRuntime.cores : Math.max(1, Math.floor(nodeRuntime.cores / onThisHost));
}
