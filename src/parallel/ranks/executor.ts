import type { Precision } from '../../tensor/matrix.js';
import type { PlacedValues } from '../../tensor/named-values.js';
import type { Executor, GivenValues, LearntValues } from '../../training/executor.js';
import { DataExecutor } from '../data/executor.js';
import { type DataDevicesOptions, ThreadedDataDevices } from '../data/devices.js';
import { keptBy } from '../group/wire-plan.js';
import type { LentRanks } from '../runtime.js';
import { linksTo, RankDevices, requireSamePlacement } from './rank-devices.js';
import { DividedValues, giveToAll, type KeepingRank } from './rank-values.js';

export interface RanksExecutorOptions extends Omit<DataDevicesOptions, 'ranks' | 'devices'> {
  readonly lent: LentRanks;
  /** Devices of each rank, this one's first. */
  readonly devices: readonly number[];
  readonly communication: Precision;
}

/**
 * Data parallel on the devices of several ranks. This one, rank 0, reads the data and hands each device its shard of token ids; gradients
 * and parameters go between the devices themselves.
 */
export class RanksExecutor extends DataExecutor {
  readonly #ranks: readonly KeepingRank[];
  readonly #parameters: PlacedValues;
  readonly #optimizerState: DividedValues;

  static async startOnRanks({ lent, devices, communication, ...options }: RanksExecutorOptions): Promise<RanksExecutor> {
    const { runtime, model, modelOptions, rule, instrument } = options;
    const { network } = lent;
    const placed = { rank: 0, devices, communication };
    const own = await ThreadedDataDevices.start({
      ...options,
      runtime,
      devices: devices[0] as number,
      ranks: { ...placed, ...bound(network) },
    });
    const { gemm, precision, kernels } = own.placement;
    const links = linksTo(lent, () => own.break());
    const others = links.map((link, index) => new RankDevices(link, devices[index + 1] as number));
    try {
      const start = {
        kind: 'start',
        model: modelOptions,
        vocabularies: model.vocabularies,
        rule,
        gemm,
        precision,
        devices,
        communication,
        instrument,
      } as const;
      const started = await Promise.all(links.map((link) => link.ask('started', start)));
      for (const [index, reply] of started.entries()) requireSamePlacement(`rank ${index + 1}`, { gemm, precision, kernels }, reply);
    } catch (error) {
      await Promise.all([own.dispose(), ...others.map((each) => each.terminate())]);
      throw error;
    }
    const ranks = links.map((link, index) => ({ link, kept: keptBy({ rank: index + 1, devices }) }));
    return new RanksExecutor(options, own, {
      ranks,
      others,
      placement: { ranks: devices, ...(communication !== 'f32' && { communication }) },
    });
  }

  private constructor(
    options: Pick<DataDevicesOptions, 'model' | 'rule'>,
    own: ThreadedDataDevices,
    {
      ranks,
      others,
      placement,
    }: { ranks: readonly KeepingRank[]; others: readonly RankDevices[]; placement: Pick<Executor['placement'], 'ranks' | 'communication'> },
  ) {
    super(options, own, others, placement);
    this.#ranks = ranks;
    this.#parameters = own.values.parameters;
    const dense = new Set(Array.from(options.model.parameters).flatMap(({ name, rules }) => (rules.gradient === 'dense' ? [name] : [])));
    // The optimizer's values are named after their parameters: `adam.first.encoder.0.bias`.
    const isDivided = (name: string) => dense.has(name.split('.').slice(2).join('.'));
    this.#optimizerState = new DividedValues(own.values.optimizerState, ranks, isDivided);
  }

  override async collect(): Promise<LearntValues> {
    return { parameters: this.#parameters, optimizerState: this.#optimizerState };
  }

  override async distribute(values: GivenValues): Promise<void> {
    await super.distribute(values);
    await giveToAll(
      this.#ranks.map(({ link }) => link),
      'parameters',
      this.#parameters,
    );
    if (values.optimizerState !== undefined) await this.#optimizerState.give(values.optimizerState);
  }
}

function bound(network: LentRanks['network']): Pick<LentRanks['network'], 'bell' | 'attach'> {
  return { bell: network.bell, attach: (wire) => network.attach(wire) };
}
