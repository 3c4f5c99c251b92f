import type { GivenValues, LearntValues } from '../../training/executor.js';
import { DataExecutor } from '../data/executor.js';
import { type DataDevicesOptions, ThreadedDataDevices } from '../data/devices.js';
import { WirePlan } from '../group/wire-plan.js';
import type { LentRanks } from '../runtime.js';
import { linksTo, RankDevices, type RankLink, requireSamePlacement } from './rank-devices.js';
import { DividedValues, giveToAll } from './rank-values.js';

export interface RanksExecutorOptions extends Omit<DataDevicesOptions, 'ranks' | 'devices'> {
  readonly lent: LentRanks;
  /** Devices of each rank, this one's first. */
  readonly devices: readonly number[];
}

/**
 * Data parallel on the devices of several ranks. This one, rank 0, reads the data and hands each device its shard of token ids; gradients
 * and parameters go between the devices themselves.
 */
export class RanksExecutor extends DataExecutor {
  readonly #links: readonly RankLink[];
  readonly #ownValues: ThreadedDataDevices['values'];
  readonly #plan: WirePlan;
  readonly #isDivided: (name: string) => boolean;

  static async startOnRanks({ lent, devices, ...options }: RanksExecutorOptions): Promise<RanksExecutor> {
    const { runtime, model, modelOptions, rule, instrument } = options;
    const { network } = lent;
    const placed = { rank: 0, devices };
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
        instrument,
      } as const;
      const started = await Promise.all(links.map((link) => link.ask('started', start)));
      for (const [index, reply] of started.entries()) requireSamePlacement(`rank ${index + 1}`, { gemm, precision, kernels }, reply);
    } catch (error) {
      await Promise.all([own.dispose(), ...others.map((each) => each.terminate())]);
      throw error;
    }
    return new RanksExecutor(options, own, { links, others, plan: new WirePlan([...model.parameters], placed), devices });
  }

  private constructor(
    options: Pick<DataDevicesOptions, 'model' | 'rule'>,
    own: ThreadedDataDevices,
    ranks: { links: readonly RankLink[]; others: readonly RankDevices[]; plan: WirePlan; devices: readonly number[] },
  ) {
    super(options, own, ranks.others, { ranks: ranks.devices });
    this.#links = ranks.links;
    this.#ownValues = own.values;
    this.#plan = ranks.plan;
    const dense = new Set(Array.from(options.model.parameters).flatMap(({ name, rules }) => (rules.gradient === 'dense' ? [name] : [])));
    // The optimizer's values are named after their parameters: `adam.first.encoder.0.bias`.
    this.#isDivided = (name) => dense.has(name.split('.').slice(2).join('.'));
  }

  override async collect(): Promise<LearntValues> {
    const { parameters, optimizerState } = this.#ownValues;
    return { parameters, optimizerState: new DividedValues(optimizerState, this.#links, this.#plan, this.#isDivided) };
  }

  override async distribute(values: GivenValues): Promise<void> {
    await super.distribute(values);
    await giveToAll(this.#links, 'parameters', this.#ownValues.parameters);
    if (values.optimizerState !== undefined) await giveToAll(this.#links, 'optimizerState', this.#ownValues.optimizerState);
  }
}

function bound(network: LentRanks['network']): Pick<LentRanks['network'], 'bell' | 'attach'> {
  return { bell: network.bell, attach: (wire) => network.attach(wire) };
}
