import type { IdPair } from '../../data/batch.js';
import type { Model } from '../../models/model.js';
import { Memory } from '../../tensor/memory.js';
import { Optimizer } from '../../training/optimizer.js';
import type { OptimizerOptions } from '../../training/optimizer-options.js';
import { stepBytes } from '../../training/step-memory.js';
import type { UpdateRule } from '../../training/optimizer-options.js';

/** Bytes of what training a model takes, by part. */
export interface TrainingBytes {
  readonly parameters: number;
  /** Of one device, without tables of which it has touched rows only. */
  readonly gradients: number;
  readonly optimizer: number;
  /** What forward and backward of so many sentences keep on one device. */
  activations(sentences: number): number;
}

/** Found without allocating anything. */
export function trainingBytes(
  model: Model,
  optimizer: OptimizerOptions,
  { sourceTokens, targetTokens }: { readonly sourceTokens: number; readonly targetTokens: number },
  rule: Pick<UpdateRule, 'consistency'>,
): TrainingBytes {
  const parameters = [...model.parameters];
  const memory = new Memory({ shared: false });
  model.parameters.attach(memory, Object.fromEntries(parameters.map(({ name }) => [name, 0])));
  const pair = { source: new Int32Array(sourceTokens), target: new Int32Array(targetTokens - 1) };
  const needed = (sentences: number) =>
    stepBytes(
      model,
      memory,
      Array.from({ length: sentences }, (_, key): IdPair => ({ key, ...pair })),
      rule,
    );
  // In proportion to sentences, but for what is there once.
  const [one, two] = [needed(1), needed(2)];
  const bytes = (of: typeof parameters) => of.reduce((sum, { size }) => sum + 4 * size, 0);
  return {
    parameters: bytes(parameters),
    gradients: bytes(parameters.filter(({ rules }) => rules.gradient === 'dense')),
    optimizer: Optimizer.bytes(optimizer, parameters),
    activations: (sentences) => (sentences === 0 ? 0 : one + (sentences - 1) * (two - one)),
  };
}

/** Memory of a node in data parallel training, in bytes. */
export interface NodeBytes {
  /** With all of the optimizer's averages on every node. */
  readonly whole: number;
  /** With the averages of what a node updates only (Rajbhandari et al. 2020, "ZeRO", section 5.1: P_os). */
  readonly divided: number;
  /** The least with divided averages: a batch is taken one sentence at a time. */
  readonly least: number;
}

/** Of a node of so many devices, each of which takes so many sentences at once. */
export function nodeBytes(
  { parameters, gradients, optimizer, activations }: TrainingBytes,
  { nodes, devices, sentences }: { readonly nodes: number; readonly devices: number; readonly sentences: number },
): NodeBytes {
  const fixed = parameters + devices * gradients;
  const held = devices * activations(sentences);
  return {
    whole: fixed + optimizer + held,
    divided: fixed + optimizer / nodes + held,
    least: fixed + optimizer / nodes + devices * activations(1),
  };
}
