import { DecadeError } from '../../core/errors.js';
import type { Files } from '../../core/files.js';
import { contentHash } from '../../data/content-hash.js';
import type { Configuration } from '../../training/configuration.js';
import { RemoteDevice } from '../group/remote-device.js';
import type { LentRanks, RankNetwork } from '../runtime.js';
import type { RankClaims, RankReply, RankRequest } from './messages.js';
import { type RankLink, rankName } from './rank-devices.js';

/**
 * What a training's ranks must have the same, by name: the configuration, key by key, and each file of data that it names. Rank 0 alone
 * reads the data, so a file that is not on a host is nothing to compare.
 */
export async function trainingClaims(files: Files, configuration: Configuration): Promise<RankClaims['same']> {
  const claims: { [what: string]: string } = {};
  for (const [key, value] of leaves(configuration)) {
    claims[`the configuration's ${key}`] = JSON.stringify(value);
    const isFile = key.startsWith('data.') && typeof value === 'string' && (await files.kind(value).catch(() => 'missing')) === 'file';
    if (isFile) claims[`the contents of ${value}`] = await contentHash(files.stream(value));
  }
  return claims;
}

function leaves(value: unknown, key = ''): [key: string, value: unknown][] {
  if (typeof value !== 'object' || value === null) return [[key, value]];
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, key === '' ? name : `${key}.${name}`));
}

/**
 * Lets the other ranks introduce themselves to this one, rank 0.
 *
 * @throws DecadeError `usage` for a rank that is not the same; `resource` for one that is gone
 */
export async function introduceRanks(network: RankNetwork, own: RankClaims): Promise<LentRanks> {
  const replies = await Promise.all(strangers(network).map((link) => link.ask('introduced', { kind: 'introduce' })));
  const introduced = replies.map(({ claims }) => claims);
  for (const [index, claims] of introduced.entries()) requireSameClaims(own, claims, index + 1);
  return { network, members: [own, ...introduced] };
}

function requireSameClaims(own: RankClaims, its: RankClaims, rank: number): void {
  const isData = (what: string) => what.startsWith('the contents of ');
  for (const what of new Set([...Object.keys(own.same), ...Object.keys(its.same)])) {
    const [here, there] = [own.same[what], its.same[what]];
    if (here === there || (isData(what) && (here === undefined || there === undefined))) continue;
    throw new DecadeError('usage', {
      where: rankName(rank, its.host),
      received: `${what}: ${isData(what) ? 'other contents' : (there ?? 'nothing')}`,
      allowed: `as on rank 0 (${own.host})${isData(what) ? '' : `: ${here ?? 'nothing'}`}`,
      next: 'start all ranks with the same version of decade, the same configuration and the same data',
    });
  }
}

/** Lets the other ranks go: they end. */
export async function dismissRanks(network: RankNetwork): Promise<void> {
  await Promise.all(strangers(network).map((link) => link.ask('done', { kind: 'leave' }).catch(() => undefined)));
}

/** No checkpoint is there to continue from yet. */
const notStarted = 'every rank must be able to read the configuration; mend it, and start all ranks again';

/** Links to the other ranks, whose hosts are not known. */
function strangers(network: RankNetwork): RankLink[] {
  return Array.from({ length: network.size - 1 }, (_, index) => {
    const rank = index + 1;
    return new RemoteDevice<RankRequest, RankReply>(network.linkTo(rank), `rank ${rank}`, () => undefined, notStarted);
  });
}
