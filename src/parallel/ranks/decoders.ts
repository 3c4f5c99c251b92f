import type { DecadeError } from '../../core/errors.js';
import type { PlacedModel } from '../../decoding/local-executor.js';
import type { ModelOptions } from '../../models/create.js';
import { PlacedValues } from '../../tensor/named-values.js';
import type { ElasticDecodingOptions, OtherDecoders } from '../decoding/elastic.js';
import type { DecodingReply, DecodingRequest } from '../decoding/messages.js';
import { RemoteDevice } from '../group/remote-device.js';
import type { LentRanks } from '../runtime.js';
import { linksTo, type RankPlacement, rankName, requireSamePlacement } from './rank-devices.js';
import { giveToAll } from './rank-values.js';

export interface RankDecodersOptions {
  /** Several vote. Their parameters may not change before the devices are ended. */
  readonly members: readonly (PlacedModel & { readonly modelOptions: ModelOptions })[];
  readonly gemm?: string | undefined;
  /** Of each rank. Default: as many as each has by itself. */
  readonly devices?: number | undefined;
}

const startAgain = 'start all ranks again';

/** Starts decoding devices on the other ranks, with copies of this rank's models. */
export function decodersOfRanks(lent: LentRanks, options: RankDecodersOptions): NonNullable<ElasticDecodingOptions['others']> {
  return (died) => startDecoders(lent, options, died);
}

/** @throws DecadeError `usage` for a rank that cannot compute in the same way; `resource` for one that is gone */
async function startDecoders(
  lent: LentRanks,
  { members, gemm: asked, devices }: RankDecodersOptions,
  died: (failure: DecadeError) => void,
): Promise<OtherDecoders> {
  const links = linksTo(lent, died, startAgain);
  const end = async () => {
    // Of one that is gone nothing is left to end.
    await Promise.all(links.map((link) => link.ask('done', { kind: 'stop' }).catch(() => undefined)));
  };
  const placement = placementOf(members);
  const gemm = asked ?? placement.gemm;
  const models = members.map(({ model: { vocabularies }, modelOptions, integers = false }) => ({
    options: modelOptions,
    vocabularies,
    integers,
  }));
  const ranks = lent.members.slice(1).map((member, index) => ({
    rank: index + 1,
    name: rankName(index + 1, member.host),
    devices: devices ?? member.devices,
  }));
  try {
    const started = await Promise.all(
      links.map((link, index) => link.ask('started', { kind: 'decode', models, gemm, devices: ranks[index]?.devices ?? 0 })),
    );
    for (const [index, its] of started.entries()) requireSamePlacement(ranks[index]?.name ?? '', placement, its);
    for (const [number, { model }] of members.entries()) await giveToAll(links, number, PlacedValues.of(model.parameters));
    const threads = ranks.flatMap(({ rank, name, devices: count }) =>
      Array.from(
        { length: count },
        (_, device) =>
          new RemoteDevice<DecodingRequest, DecodingReply>(
            lent.network.linkTo(rank, 1 + device),
            `device ${device} of ${name}`,
            died,
            startAgain,
          ),
      ),
    );
    // The models are the ranks' own.
    await Promise.all(threads.map((thread) => thread.ask('decoding', { kind: 'begin-decoding', gemm, members: [] })));
    return { threads, end };
  } catch (error) {
    await end();
    throw error;
  }
}

function placementOf([first]: RankDecodersOptions['members']): RankPlacement {
  if (first === undefined) throw new RangeError('there is no model to decode with');
  const { matrix, kernels } = first.device;
  return { gemm: matrix.name, precision: matrix.precision, kernels: kernels.variant };
}
