import { DecadeError } from '../../core/errors.js';
import { resolveContexts } from '../../data/contexts.js';
import { isText } from '../../data/sources.js';
import { measureMachine } from '../../parallel/pipeline/measured-machine.js';
import { type Network, networkOf } from '../../parallel/schedule/network.js';
import type { ClusterProfile } from '../../parallel/simulation/cluster-profile.js';
import { costsOfFigures } from '../../parallel/simulation/device-figures.js';
import { costsOf2014, paperLengths } from '../../parallel/simulation/profile-2014.js';
import type { Model, VocabularySizes } from '../../models/model.js';
import type { Runtime } from '../../parallel/runtime.js';
import { evenBatch } from '../../parallel/schedule/schedule.js';
import { logitBytes } from '../../parallel/pipeline/start.js';
import type { Costs } from '../../parallel/simulation/simulate.js';
import type { Configuration } from '../../training/configuration.js';
import type { Precision } from '../../tensor/matrix.js';
import { walksOf } from '../../training/walks.js';
import type { UpdateRule } from '../../training/optimizer-options.js';
import { updateRuleOf } from '../../training/options.js';
import { type CorpusEstimate, estimateCorpus, modelOf } from './estimate.js';
import type { Workload } from './simulation.js';

export const profiles = ['here', '2014'] as const;
/** Whose costs: measured on this machine, or those of GPUs of 2014. */
export type MachineProfile = (typeof profiles)[number];

export interface MachineChoice {
  readonly profile: MachineProfile;
  /** Between memories of devices, in GB/s. Default: the profile's; `here` devices share one memory. */
  readonly bandwidth?: number | undefined;
  /** A matrix library by name. Default: the fastest here. */
  readonly gemm?: string | undefined;
  readonly warn: (message: string) => void;
}

/** The batches that are simulated. */
export interface BatchFigures {
  /** Of text: contexts. */
  readonly sentences: number;
  /** 0 without a source. */
  readonly sourceTokens: number;
  /** `</s>` counted. */
  readonly targetTokens: number;
  readonly batchesPerUpdate: number;
  /** Whether sentences are as long as the corpus's; otherwise as long as is usual. */
  readonly counted: boolean;
}

export interface SimulatedWorkload {
  readonly workload: Workload;
  readonly batch: BatchFigures;
  readonly vocabularies: VocabularySizes;
  /** The matrix library that was measured, with its precision if it is not f32. */
  readonly gemm: string | undefined;
}

/** What is simulated on a cluster. */
export interface ClusterTraining {
  readonly model: Model;
  readonly network: Network;
  readonly batch: BatchFigures;
  readonly rule: Pick<UpdateRule, 'consistency'>;
  /** Of a device while so many of its machine compute. */
  costs(devices: number): Costs;
}

/** What updates of a configuration are, and what they cost; measures this machine for some seconds if the profile is `here`. */
export async function simulatedWorkload(
  runtime: Runtime,
  configuration: Configuration,
  { profile, bandwidth, gemm, warn }: MachineChoice,
): Promise<SimulatedWorkload> {
  const { training } = configuration;
  const { model, network, batch } = await updateOf(runtime, configuration, profile === '2014' ? paperLengths : usualLengths);
  const { sentences, sourceTokens, targetTokens, batchesPerUpdate: batches } = batch;
  const memories = profile === 'here' && bandwidth === undefined ? 'shared' : 'separate';
  const common = { network, batch: evenBatch(sentences, sourceTokens, targetTokens), batches, memories } as const;
  const linked = (costs: Costs): Costs =>
    bandwidth === undefined ? costs : { ...costs, handOver: { ...costs.handOver, bytesPerSecond: bandwidth * 1e9 } };
  for (const missing of unmeasured({ ...network, dropout: model.dropout }, training.precision, profile)) warn(missing);
  warnOfWalks(configuration, warn);
  if (profile === '2014') {
    const costs = linked(costsOf2014(undefined, training.optimizer.kind));
    return { workload: { ...common, costs: () => costs }, batch, vocabularies: model.vocabularies, gemm: undefined };
  }
  const machine = await measuredHere(runtime, configuration, { model, network, batch }, { gemm, warn });
  const costs = (devices: number) => linked(machine.costs(devices));
  return {
    workload: { ...common, costs, ...(memories === 'shared' && { logitBytes }) },
    batch,
    vocabularies: model.vocabularies,
    gemm: machine.gemm,
  };
}

/** The same for nodes of a cluster; measures this machine only if the cluster's devices are like it. */
export async function clusterTraining(
  runtime: Runtime,
  configuration: Configuration,
  { device }: Pick<ClusterProfile, 'device'>,
  { gemm, warn }: Pick<MachineChoice, 'gemm' | 'warn'>,
): Promise<ClusterTraining & { readonly gemm: string | undefined }> {
  const update = await updateOf(runtime, configuration, device === 'gpu-2014' ? paperLengths : usualLengths);
  const { network, model } = update;
  const { kind } = network.optimizer;
  warnOfWalks(configuration, warn);
  if (device === 'here') {
    for (const missing of unmeasured({ ...network, dropout: model.dropout }, configuration.training.precision, 'here')) warn(missing);
    return { ...update, ...(await measuredHere(runtime, configuration, update, { gemm, warn })) };
  }
  const costs =
    device === 'gpu-2014'
      ? costsOf2014(undefined, kind)
      : costsOfFigures(
          {
            secondsPerOperation: 1e-9 / device.gflops,
            memoryBytesPerSecond: 1e9 * device.bandwidth,
            handOver: { latency: 0, bytesPerSecond: Number.POSITIVE_INFINITY, blocking: false },
          },
          kind,
        );
  return { ...update, costs: () => costs, gemm: undefined };
}

type TrainedUpdate = Omit<ClusterTraining, 'costs'>;

/** `usual`: lengths of sentences without a corpus. */
async function updateOf(runtime: Runtime, configuration: Configuration, usual: typeof usualLengths): Promise<TrainedUpdate> {
  const corpus = await corpusOf(runtime, configuration);
  const model = modelOf(configuration, corpus?.vocabularies);
  const { training } = configuration;
  return {
    model,
    network: networkOf(model, training.optimizer),
    batch: batchFigures(configuration, corpus, usual),
    rule: updateRuleOf(training),
  };
}

async function measuredHere(
  runtime: Runtime,
  { model: options, training: { precision } }: Configuration,
  { model: { vocabularies }, network, batch: { sentences, sourceTokens, targetTokens } }: Omit<TrainedUpdate, 'rule'>,
  { gemm, warn }: Pick<MachineChoice, 'gemm' | 'warn'>,
): Promise<{ readonly costs: (devices: number) => Costs; readonly gemm: string }> {
  const whole = network.sight && { model: options, vocabularies, sourceTokens, targetTokens };
  const machine = await measureMachine(runtime, { network, sentences, whole }, { gemm, precision, warn });
  return { costs: machine.of, gemm: machine.precision === 'bf16' ? `${machine.gemm}, bf16` : machine.gemm };
}

/** Undefined where it cannot be read. */
async function corpusOf(runtime: Runtime, configuration: Configuration): Promise<CorpusEstimate | undefined> {
  return estimateCorpus(runtime.files, configuration).catch((error: unknown) => {
    if (error instanceof DecadeError && error.kind === 'input') return undefined;
    throw error;
  });
}

/** Tokens of a sentence. */
const usualLengths = { source: 25, target: 25 };

function batchFigures(configuration: Configuration, lengths: CorpusEstimate | undefined, usual: typeof usualLengths): BatchFigures {
  const { data } = configuration;
  const ofText = isText(data.train) ? resolveContexts(data).context : undefined;
  const sourceTokens = ofText === undefined ? Math.max(1, Math.round(lengths?.sourceTokensPerPair ?? usual.source)) : 0;
  const targetTokens = Math.max(1, Math.round(lengths?.targetTokensPerPair ?? ofText ?? usual.target));
  const { batch, accumulate } = configuration.training;
  const sentences = 'sentences' in batch ? batch.sentences : Math.max(1, Math.round(batch.tokens / targetTokens));
  return { sentences, sourceTokens, targetTokens, batchesPerUpdate: accumulate, counted: lengths !== undefined };
}

function warnOfWalks({ training }: Configuration, warn: (message: string) => void): void {
  if (walksOf(training) > 1) warn('training.consistency is not included in time: every batch is computed once');
}

/** Messages about parts of a training that the profile has no measurement of. */
function unmeasured(
  { dropout, attention, sight, optimizer }: Network & { readonly dropout: number },
  precision: Precision,
  profile: MachineProfile,
): string[] {
  const isWhole = profile === 'here' && sight !== undefined;
  const missing = dropout > 0 && !isWhole ? ['dropout is not included'] : [];
  if (profile === 'here') return missing;
  return [
    ...missing,
    ...(precision === 'bf16' ? ['the profile of 2014 has no measurement of bf16: products are simulated as f32'] : []),
    ...(optimizer.kind === 'adam'
      ? ['the profile of 2014 has no measurement of Adam: the cost of updates is estimated from the bytes read and written']
      : []),
    ...(attention !== 'none' || sight !== undefined
      ? ['the profile of 2014 has no measurement of attention: its cost is estimated from its operations']
      : []),
  ];
}
