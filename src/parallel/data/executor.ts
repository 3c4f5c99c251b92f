import type { IdPair } from '../../data/batch.js';
import type { DecodingExecutor } from '../../decoding/executor.js';
import type { Model } from '../../models/model.js';
import type { EvaluationResult, Executor, UpdateResult, UpdateSettings } from '../../training/executor.js';
import { updateCount } from '../../training/update.js';
import { packPairs } from '../messages.js';
import { ThreadedExecutor, type TrainingThread } from '../threaded-executor.js';
import { type DataDevices, type DataDevicesOptions, ThreadedDataDevices } from './devices.js';
import { divide } from './divide.js';

/**
 * Data parallel: every device has the whole model (one copy for all of a process, in shared memory) and a shard of each batch. Gradients
 * are summed in an order that depends on the devices alone, so a run is bit-reproducible; each device sums and updates its share of the
 * parameters.
 */
export class DataExecutor extends ThreadedExecutor {
  readonly #model: Model;
  readonly #normalise: DataDevicesOptions['rule']['normalise'];
  readonly #own: ThreadedDataDevices;
  /** Of all processes, this one's first. */
  readonly #processes: readonly DataDevices[];

  static async start(options: DataDevicesOptions): Promise<DataExecutor> {
    return new DataExecutor(options, await ThreadedDataDevices.start(options), []);
  }

  /** `others`: devices of other processes, which were started with the same model and rule. */
  protected constructor(
    { model, rule }: Pick<DataDevicesOptions, 'model' | 'rule'>,
    own: ThreadedDataDevices,
    others: readonly (DataDevices & TrainingThread)[],
    ofRanks: Pick<Executor['placement'], 'ranks' | 'communication'> = {},
  ) {
    super([...own.threads, ...others], { strategy: 'data', devices: own.devices, ...own.placement, ...ofRanks }, own.values);
    this.#model = model;
    this.#normalise = rule.normalise;
    this.#own = own;
    this.#processes = [own, ...others];
  }

  async update(microBatches: readonly (readonly IdPair[])[], { update, learningRate }: UpdateSettings): Promise<UpdateResult> {
    const gradientScale = 1 / updateCount(microBatches, this.#normalise);
    const divided = microBatches.map((pairs) =>
      this.#divide(pairs).map((positions) => packPairs(positions.map((position) => pairs[position] as IdPair))),
    );
    const replies = await this.#ofProcesses((process, first) => {
      const shards = Array.from({ length: process.devices }, (_, device) =>
        divided.map((shardsOfBatch) => shardsOfBatch[first + device] ?? packPairs([])),
      );
      return process.update({ shards, update, learningRate, gradientScale });
    });
    const [first] = replies;
    const total = (key: 'loss' | 'negativeLogLikelihood' | 'sentences' | 'sourceTokens' | 'targetTokens') =>
      replies.reduce((sum, result) => sum + result[key], 0);
    return {
      loss: total('loss'),
      negativeLogLikelihood: total('negativeLogLikelihood'),
      sentences: total('sentences'),
      sourceTokens: total('sourceTokens'),
      targetTokens: total('targetTokens'),
      gradientNorm: first?.gradientNorm ?? 0,
      finite: first?.finite ?? false,
    };
  }

  async evaluate(pairs: readonly IdPair[], logProbabilities?: Float64Array): Promise<EvaluationResult> {
    const divided = this.#divide(pairs);
    const shards = divided.map((positions) => packPairs(positions.map((position) => pairs[position] as IdPair)));
    const replies = await this.#ofProcesses((process, first) => process.evaluate(shards.slice(first, first + process.devices)));
    const total = { negativeLogLikelihood: 0, sentences: 0, sourceTokens: 0, targetTokens: 0 };
    for (const [device, reply] of replies.entries()) {
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += reply.result[key];
      divided[device]?.forEach((position, index) => {
        if (logProbabilities !== undefined) logProbabilities[position] = reply.logProbabilities[index] as number;
      });
    }
    return total;
  }

  decoding(): Promise<DecodingExecutor> {
    return this.#own.decoding();
  }

  override async dispose(): Promise<void> {
    await super.dispose();
    this.#own.disposeValues();
  }

  #divide(pairs: readonly IdPair[]): number[][] {
    const devices = this.#processes.reduce((sum, process) => sum + process.devices, 0);
    return divide(pairs, devices, this.#model.parameters.costs);
  }

  /** What the devices of all processes reply, in their order. `first`: the number of a process's first device. */
  async #ofProcesses<Reply>(ask: (process: DataDevices, first: number) => Promise<readonly Reply[]>): Promise<Reply[]> {
    let first = 0;
    const asked = this.#processes.map((process) => {
      const replies = ask(process, first);
      first += process.devices;
      return replies;
    });
    return (await Promise.all(asked)).flat();
  }
}
