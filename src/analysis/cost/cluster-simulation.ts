import { whyNotLayered } from '../../models/lstm/separable-layers.js';
import { PlanChooser } from '../../parallel/simulation/choose-plan.js';
import { type ClusterUpdate, type ClusterWork, dataParallelOn, linkOf } from '../../parallel/simulation/cluster.js';
import type { ClusterProfile } from '../../parallel/simulation/cluster-profile.js';
import type { Costs } from '../../parallel/simulation/simulate.js';
import { type Network, placedPart } from '../../parallel/schedule/network.js';
import type { PipelinePlan } from '../../parallel/schedule/plan.js';
import type { Placement } from '../../parallel/schedule/placement.js';
import { divideShape, evenBatch, rowsOf } from '../../parallel/schedule/schedule.js';
import { mebibytes } from './peak-memory.js';
import { nodeBytes, type TrainingBytes, trainingBytes } from './cluster-memory.js';
import type { ClusterTraining } from './simulated-workload.js';

/** Whether all nodes share the configured batch, or each has one of its own. */
export const scalings = ['strong', 'weak'] as const;
export type BatchScaling = (typeof scalings)[number];

export interface ClusterResult {
  /** `pipeline`: nodes are divided among replicas, in each of which every device has a part of the network. */
  readonly strategy: 'data' | 'pipeline';
  readonly scaling: BatchScaling;
  readonly nodes: number;
  /** Of a node. */
  readonly devices: number;
  /** Of all nodes in an update. */
  readonly sentences: number;
  /** Seconds of an update. */
  readonly seconds: number;
  /** If the network took no time. */
  readonly computingSeconds: number;
  /** Share of an update that the network adds. */
  readonly communication: number;
  readonly wordsPerSecond: number;
  /** Times as fast as one node in words per second. */
  readonly speedup: number;
  /** Speed-up by node. */
  readonly efficiency: number;
  /** Sent by a node in an update. */
  readonly bytes: number;
  /** Of a node; of a pipeline that which needs most, about. */
  readonly memory: {
    /** With all of the optimizer's averages on every node. */
    readonly wholeMiB: number;
    /** With each node's share of them, as ranks keep it. */
    readonly dividedMiB: number;
    /** Whether it does: `in parts` where a batch has to be taken a few sentences at a time; `no` where not even one fits. */
    readonly fits: 'yes' | 'in parts' | 'no';
  };
  /** Of a pipeline. */
  readonly pipelines?: { readonly replicas: number; readonly devices: number };
}

/** The most devices of one pipeline. */
const mostPipelined = 16;

/** Simulates a training on any number of a cluster's nodes. */
export class ClusterSimulator {
  readonly #profile: ClusterProfile;
  readonly #training: ClusterTraining;
  readonly #bytes: TrainingBytes;
  readonly #costs: Costs;
  readonly #one: ClusterUpdate;

  constructor(profile: ClusterProfile, training: ClusterTraining) {
    this.#profile = profile;
    this.#training = training;
    const { model, network, batch, rule } = training;
    this.#bytes = trainingBytes(model, network.optimizer, batch, rule);
    this.#costs = training.costs(profile.devices * profile.nodesPerMachine);
    this.#one = dataParallelOn(1, profile.devices, this.#work('strong', 1), linkOf(profile, 1));
  }

  /** Seconds of an update on as many devices as these nodes have, in one process on one memory. */
  oneProcess(nodes: number): number {
    return dataParallelOn(1, nodes * this.#profile.devices, this.#work('strong', 1), linkOf(this.#profile, 1)).seconds;
  }

  data(scaling: BatchScaling, nodes: number): ClusterResult {
    const { devices } = this.#profile;
    const update = dataParallelOn(nodes, devices, this.#work(scaling, nodes), linkOf(this.#profile, nodes));
    const sentences = this.#sentences(scaling, nodes);
    const bytes = nodeBytes(this.#bytes, { nodes, devices, sentences: Math.ceil(sentences / nodes / devices) });
    const { whole, divided, least } = bytes;
    return this.#result({ strategy: 'data', scaling, nodes, sentences }, update, { whole, divided, least });
  }

  /** The fastest division into pipelines; undefined where there is none of 2 devices or more, or layers cannot be separated. */
  pipeline(scaling: BatchScaling, nodes: number): ClusterResult | undefined {
    const { model, network } = this.#training;
    if (network.sight === undefined && whyNotLayered(model) !== undefined) return undefined;
    const all = nodes * this.#profile.devices;
    let best: ClusterResult | undefined;
    for (let devices = 2; devices <= Math.min(all, mostPipelined); devices *= 2) {
      if (all % devices !== 0) continue;
      const result = this.#pipelined(scaling, nodes, devices);
      if (result !== undefined && (best === undefined || result.seconds < best.seconds)) best = result;
    }
    return best;
  }

  #pipelined(scaling: BatchScaling, nodes: number, devices: number): ClusterResult | undefined {
    const { network } = this.#training;
    const replicas = (nodes * this.#profile.devices) / devices;
    const { batch, batches } = this.#work(scaling, nodes);
    const own = divideShape(batch, replicas)[0];
    if (own === undefined || rowsOf(own.target) === 0) return undefined;
    const link = linkOf(this.#profile, nodes);
    const order = network.sight === undefined ? 'diagonal' : '1f1b';
    const chosen = (handOver: Costs['handOver'], decided: Partial<PipelinePlan> = {}) => {
      const { placement, stretch, microBatches } = decided;
      const costs = { ...this.#costs, handOver };
      const work = { network, batch: own, batches, costs: () => costs };
      return new PlanChooser(work, { order, placement, stretch, microBatches }).on(devices);
    };
    const { plan, simulation } = chosen({ ...link, latency: link.latency + link.perMessage, blocking: false });
    const { seconds: computingSeconds } = chosen(
      { latency: 0, bytesPerSecond: Number.POSITIVE_INFINITY, blocking: false },
      plan,
    ).simulation;
    // Replicas of the fullest device's part exchange it as data parallel ranks do, when the pipeline has drained.
    const values = Math.max(...valuesOfDevices(network, plan.placement));
    const bytes = (2 * values * link.bytesPerValue * (replicas - 1)) / replicas;
    // In bfloat16 each value is converted three times, as in `dataParallelOn`.
    const converted = link.bytesPerValue === 2 ? 3 * values * (this.#costs.conversion ?? 0) : 0;
    const exchange = replicas === 1 ? 0 : bytes / link.bytesPerSecond + 2 * (link.latency + (replicas - 1) * link.perMessage) + converted;
    const part = values / network.parameters.reduce((sum, { size }) => sum + size, 0);
    const sentences = this.#sentences(scaling, nodes);
    const { parameters, optimizer, activations } = this.#bytes;
    const held = activations(Math.ceil(sentences / replicas)) / devices;
    const ofNode = Math.min(devices, this.#profile.devices);
    const need = (averages: number) => ofNode * (part * (2 * parameters + averages) + held);
    const [whole, divided] = [need(optimizer), need(optimizer / replicas)];
    const least = divided - ofNode * (held - activations(1) / devices);
    const update = { seconds: simulation.seconds + exchange, computingSeconds, linkSeconds: exchange, bytes };
    const result = this.#result({ strategy: 'pipeline', scaling, nodes, sentences }, update, { whole, divided, least });
    return { ...result, pipelines: { replicas, devices: plan.placement.devices } };
  }

  #result(
    { strategy, scaling, nodes, sentences }: Pick<ClusterResult, 'strategy' | 'scaling' | 'nodes' | 'sentences'>,
    { seconds, computingSeconds, bytes }: ClusterUpdate,
    { whole, divided, least }: { readonly whole: number; readonly divided: number; readonly least: number },
  ): ClusterResult {
    const { batch } = this.#training;
    const { devices, memoryGiB } = this.#profile;
    const room = memoryGiB * 1024 ** 3;
    const speedup = (sentences / seconds) * (this.#one.seconds / batch.sentences);
    return {
      strategy,
      scaling,
      nodes,
      devices,
      sentences,
      seconds,
      computingSeconds,
      communication: 1 - computingSeconds / seconds,
      wordsPerSecond: (sentences * batch.batchesPerUpdate * (batch.sourceTokens + batch.targetTokens)) / seconds,
      speedup,
      efficiency: speedup / nodes,
      bytes,
      memory: {
        wholeMiB: mebibytes(whole),
        dividedMiB: mebibytes(divided),
        fits: divided <= room ? 'yes' : least <= room ? 'in parts' : 'no',
      },
    };
  }

  #sentences(scaling: BatchScaling, nodes: number): number {
    return this.#training.batch.sentences * (scaling === 'weak' ? nodes : 1);
  }

  #work(scaling: BatchScaling, nodes: number): ClusterWork {
    const { network, batch } = this.#training;
    const { sourceTokens, targetTokens, batchesPerUpdate: batches } = batch;
    return { network, batch: evenBatch(this.#sentences(scaling, nodes), sourceTokens, targetTokens), batches, costs: this.#costs };
  }
}

/** Learnt values of each device of a pipeline; embeddings are with the lowest layers. */
function valuesOfDevices(network: Network, { devices, layers, vocabulary }: Placement): number[] {
  const values = new Array<number>(devices).fill(0);
  const give = (device: number | undefined, count: number) => {
    if (device !== undefined) values[device] = (values[device] ?? 0) + count;
  };
  for (const part of ['encoder', 'decoder'] as const) {
    for (const [layer, sizes] of network[part].entries()) give(layers[placedPart(network, part, layer)], sizes.values);
  }
  for (const { device, from, to } of vocabulary) give(device, (to - from) * (network.hidden + 1));
  const given = values.reduce((sum, count) => sum + count, 0);
  const rest = network.parameters.reduce((sum, { size }) => sum + size, 0) - given;
  give(layers[0], Math.max(0, rest));
  return values;
}
