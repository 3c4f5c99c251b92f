import { DecadeError } from '../../core/errors.js';
import type { UpdateResult } from '../../training/executor.js';
import type { DataDevices, DividedUpdate, EvaluatedShard } from '../data/devices.js';
import type { MeasurementReply, ProfileMessage, ReplayMessage } from '../device-measurement.js';
import { RemoteDevice } from '../group/remote-device.js';
import type { PackedPairs } from '../messages.js';
import type { LentRanks } from '../runtime.js';
import type { TrainingThread } from '../threaded-executor.js';
import type { RankReply, RankRequest } from './messages.js';

/** What is asked of another rank. */
export type RankLink = RemoteDevice<RankRequest, RankReply>;

/** What the devices of a rank compute with. */
export type RankPlacement = Pick<Extract<RankReply, { kind: 'started' }>, 'gemm' | 'precision' | 'kernels'>;

const continueTraining = 'the last checkpoint stands: start all ranks again with --resume';

export function rankName(rank: number, host: string): string {
  return `rank ${rank} (${host})`;
}

/** Links to the other ranks, in their order. `died` is called when one will never answer again; `next` is what a person can do then. */
export function linksTo({ network, members }: LentRanks, died: (failure: DecadeError) => void, next = continueTraining): RankLink[] {
  return members
    .slice(1)
    .map(({ host }, index): RankLink => new RemoteDevice(network.linkTo(index + 1), rankName(index + 1, host), died, next));
}

/** Other products sum in another order, and then the same ranks would not give the same bits. */
export function requireSamePlacement(rank: string, own: RankPlacement, its: RankPlacement): void {
  for (const key of ['gemm', 'precision', 'kernels'] as const) {
    if (own[key] === its[key]) continue;
    throw new DecadeError('usage', {
      where: rank,
      received: `${key} ${its[key]}`,
      allowed: `${own[key]}, as rank 0 has`,
      next: 'choose with --gemm a library that all hosts have',
    });
  }
}

/** The devices of another rank, which has started them. */
export class RankDevices implements DataDevices, TrainingThread {
  readonly devices: number;
  readonly #link: RankLink;

  constructor(link: RankLink, devices: number) {
    this.#link = link;
    this.devices = devices;
  }

  async update(update: DividedUpdate): Promise<readonly UpdateResult[]> {
    return (await this.#link.ask('updated', { kind: 'update', ...update })).results;
  }

  async evaluate(shards: readonly PackedPairs[]): Promise<readonly EvaluatedShard[]> {
    return (await this.#link.ask('evaluated', { kind: 'evaluate', shards })).shards;
  }

  ask(kind: MeasurementReply['kind'], request: ReplayMessage | ProfileMessage): Promise<MeasurementReply> {
    return this.#link.ask(kind, request);
  }

  /** Ends its devices; the rank itself stays, for the next training. */
  async terminate(): Promise<void> {
    // Of one that is gone nothing is left to end.
    await this.#link.ask('done', { kind: 'stop' }).catch(() => undefined);
  }
}
