import type { Batch, BatchOptions, SourceBatch } from '../../../src/data/batch.js';
import type { DecodingSession, Model, StepOutput, VocabularySizes } from '../../../src/models/model.js';
import type { ModelSummary } from '../../../src/models/summary.js';
import { attentionPlan, type MemoryRows, memoryRows } from '../../../src/nn/attention.js';
import { Embedding } from '../../../src/nn/embedding.js';
import { Linear } from '../../../src/nn/linear.js';
import { ParameterStore } from '../../../src/nn/parameters.js';
import type { Pass } from '../../../src/nn/pass.js';
import { type Device, Scope } from '../../../src/tensor/device.js';
import { Arena } from '../../../src/tensor/memory.js';
import { add } from '../../../src/tensor/operations/add.js';
import { dotAttention } from '../../../src/tensor/operations/attention.js';
import {
  type SoftmaxCrossEntropyAttributes,
  type SoftmaxCrossEntropyOutputs,
  softmaxCrossEntropy,
} from '../../../src/tensor/operations/softmax-cross-entropy.js';
import { Inference, type Runner } from '../../../src/tensor/tape.js';
import type { Tensor } from '../../../src/tensor/tensor.js';
import type { BagOfWordsOptions } from './options.js';

/** Source words, and the rows of each source column. */
interface Bag {
  readonly words: Tensor;
  readonly rows: MemoryRows;
}

/**
 * The smallest architecture that translates: a target word is predicted from the mean of the source words and the target
 * word before it. It knows nothing of order, and has no layers that could be parted.
 */
export class BagOfWordsModel implements Model {
  readonly parameters = new ParameterStore();
  readonly vocabularies: VocabularySizes;
  readonly batchOptions: BatchOptions = {};
  readonly dropout = 0;
  readonly summary: ModelSummary;
  readonly #source: Embedding;
  readonly #target: Embedding;
  readonly #output: Linear;

  constructor({ width }: BagOfWordsOptions, vocabularies: VocabularySizes) {
    this.vocabularies = vocabularies;
    this.summary = {
      runName: `bag-${width}`,
      description: `bag of words of ${width} values`,
      speedClass: `bag of ${width}`,
      typicalWeights: [vocabularies.target, width],
      sizeKeys: ['model.width'],
    };
    const initial = { kind: 'normal', deviation: 0.3 } as const;
    const target = this.parameters.section({ side: 'target', initial });
    const source = this.parameters.section({ side: 'source', initial });
    this.#source = new Embedding(source, 'source.embedding', vocabularies.source, width, { tied: false });
    this.#target = new Embedding(target, 'target.embedding', vocabularies.target, width, { tied: false });
    this.#output = new Linear(target, 'output', width, vocabularies.target, { bias: true });
  }

  loss(pass: Pass, batch: Batch, attributes: SoftmaxCrossEntropyAttributes): SoftmaxCrossEntropyOutputs {
    const { runner } = pass;
    const { layout, inputIds, outputIds } = batch.target;
    const columns = Array.from(layout.active, (active) => [...batch.sourceColumnOfTarget.subarray(0, active)]).flat();
    const { output } = this.#read(runner, this.#bag(runner, batch), columns, inputIds);
    const { weight, bias } = this.#output;
    if (bias === undefined) throw new Error('the output has a bias');
    const targets = runner.scope.integers(outputIds);
    return runner.loss(softmaxCrossEntropy, { input: output, weight: weight.value, bias: bias.value, targets }, attributes);
  }

  decode(device: Device, sources: SourceBatch): DecodingSession {
    const inferenceIn = (arena: Arena) => new Inference(new Scope(device, arena));
    const [lasting, step] = [inferenceIn(new Arena(device.memory)), inferenceIn(new Arena(device.memory))];
    const bag = this.#bag(lasting, sources);
    let columns = Array.from({ length: sources.sentences }, (_, column) => column);
    return {
      get rows() {
        return columns.length;
      },
      step: (previousIds): StepOutput => {
        step.scope.arena.reset();
        const { output, weights } = this.#read(step, bag, columns, previousIds);
        const lengths = columns.map((column) => bag.rows.lengths[column] ?? 0);
        const attention = (row: number) => {
          const start = lengths.slice(0, row).reduce((sum, length) => sum + length, 0);
          return weights.f32.slice(start, start + (lengths[row] ?? 0));
        };
        return { logits: this.#output.forward(step, output), attention };
      },
      select: (rows) => {
        columns = Array.from(rows, (row) => columns[row] ?? 0);
      },
      dispose: () => {
        for (const { scope } of [lasting, step]) scope.arena.dispose();
      },
    };
  }

  #bag(runner: Runner, { source }: SourceBatch): Bag {
    const words = this.#source.forward(runner, runner.scope.integers(source.ids));
    return { words, rows: memoryRows(runner.scope, source.layout) };
  }

  /** A query of zeros looks at all words alike: attention gives their mean. */
  #read(runner: Runner, { words, rows }: Bag, columns: readonly number[], previousIds: Int32Array) {
    const { scope } = runner;
    const before = this.#target.forward(runner, scope.integers(previousIds));
    const plan = attentionPlan(scope, rows, columns);
    const { context, weights } = runner.run(dotAttention, { query: scope.zeros(before.shape), keys: words, values: words }, { plan });
    return { output: runner.run(add, { left: context, right: before }, {}).output, weights };
  }
}
