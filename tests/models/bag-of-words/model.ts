import type { IdPair } from '../../../src/data/batch.js';
import type { DecodingSession, Model, PairLosses, ReadOutput, VocabularySizes } from '../../../src/models/model.js';
import type { ModelSummary } from '../../../src/models/summary.js';
import { attentionPlan, type MemoryRows, weightsOfQuery } from '../../../src/nn/attention.js';
import { Embedding } from '../../../src/nn/embedding.js';
import { OutputLayer } from '../../../src/nn/output-layer.js';
import { ParameterStore } from '../../../src/nn/parameters.js';
import type { Pass } from '../../../src/nn/pass.js';
import { type Device, Scope } from '../../../src/tensor/device.js';
import { Arena } from '../../../src/tensor/memory.js';
import { add } from '../../../src/tensor/operations/add.js';
import { dotAttention } from '../../../src/tensor/operations/attention.js';
import { gatherRows } from '../../../src/tensor/operations/gather-rows.js';
import type { SoftmaxCrossEntropyAttributes } from '../../../src/tensor/operations/softmax-cross-entropy.js';
import { Inference, type Runner } from '../../../src/tensor/tape.js';
import type { Tensor } from '../../../src/tensor/tensor.js';
import { beginId, endId, padId } from '../../../src/text/tokenizer.js';
import type { BagOfWordsOptions } from './options.js';

/** Source words, sentence after sentence, and where those of each are. */
interface Bags {
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
  readonly dropout = 0;
  readonly summary: ModelSummary;
  readonly decodingMemory;
  readonly #source: Embedding;
  readonly #target: Embedding;
  readonly #output: OutputLayer;

  constructor({ width }: BagOfWordsOptions, vocabularies: VocabularySizes) {
    this.vocabularies = vocabularies;
    this.decodingMemory = {
      perGivenToken: 4 * (3 * width + vocabularies.target),
      perRow: 4 * (3 * width + vocabularies.target),
      perStep: 0,
    };
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
    if (vocabularies.source === undefined) throw new Error('a bag of words has a source');
    this.#source = new Embedding(source, 'source.embedding', vocabularies.source, width, { tied: false });
    this.#target = new Embedding(target, 'target.embedding', vocabularies.target, width, { tied: false });
    this.#output = new OutputLayer(target, 'output', width, vocabularies.target);
  }

  loss(pass: Pass, pairs: readonly IdPair[], attributes: SoftmaxCrossEntropyAttributes): PairLosses {
    const bags = this.#bags(
      pass.runner,
      pairs.map(({ source }) => source),
    );
    const given = joined(pairs.map(({ target }) => [beginId, ...Array.from(target)]));
    const next = joined(pairs.map(({ target }) => [...Array.from(target), endId]));
    const walk = ({ runner }: Pass) => this.#read(runner, bags, given.ids, given.owners).output;
    const outputs = this.#output.loss(pass, walk, next.ids, attributes);
    return {
      ...outputs,
      byPair: () => pairs.map((_, pair) => outputs.logProbabilities.f32.slice(next.starts[pair], next.starts[pair + 1])),
    };
  }

  decode(device: Device, sources: readonly ArrayLike<number>[]): DecodingSession {
    const [encoder, runner] = [inferenceOn(device), inferenceOn(device)];
    const bags = this.#bags(encoder, sources);
    let sentences = Array.from(sources.keys());
    const read = (ids: readonly ArrayLike<number>[]): ReadOutput => {
      runner.scope.arena.reset();
      const given = joined(ids);
      const bagOf = given.owners.map((row) => sentences[row] ?? 0);
      const { output, attention } = this.#read(runner, bags, given.ids, bagOf);
      const last = ids.map((_, row) => (given.starts[row + 1] ?? 0) - 1);
      const ends = runner.run(gatherRows, { input: output, indices: runner.scope.integers(last) }, {}).output;
      const next = joined(ids.map((ofRow) => [...Array.from(ofRow).slice(1), padId]));
      const { logProbabilities } = this.#output.loss({ runner }, () => output, next.ids, { smoothing: 0, gradientScale: 0 });
      return {
        ...this.#output.logits(runner, ends),
        attention: (row) => attention(last[row] ?? 0),
        given(row) {
          const start = given.starts[row] ?? 0;
          const values = logProbabilities.f32.slice(start, last[row]);
          return { logProbabilities: values, attention: Array.from(values, (_, token) => attention(start + token)) };
        },
      };
    };
    return {
      get rows() {
        return sentences.length;
      },
      read,
      step: (previousIds) => read(Array.from(previousIds, (id) => [id])),
      select: (rows) => {
        sentences = Array.from(rows, (row) => sentences[row] ?? 0);
      },
      dispose: () => {
        for (const { scope } of [encoder, runner]) scope.arena.dispose();
      },
    };
  }

  #bags(runner: Runner, sources: readonly ArrayLike<number>[]): Bags {
    const { ids, starts } = joined(sources);
    const lengths = Int32Array.from(sources, ({ length }) => length);
    const rows = { rows: runner.scope.integers([...ids.keys()]), starts: Int32Array.from(starts), lengths };
    return { words: this.#source.forward(runner, runner.scope.integers(ids)), rows };
  }

  /** A query of zeros looks at all words of its bag alike: attention gives their mean. */
  #read(runner: Runner, { words, rows }: Bags, previousIds: readonly number[], bags: readonly number[]) {
    const { scope } = runner;
    const before = this.#target.forward(runner, scope.integers(previousIds));
    const plan = attentionPlan(scope, rows, bags);
    const { context, weights } = runner.run(dotAttention, { query: scope.zeros(before.shape), keys: words, values: words }, { plan });
    const { output } = runner.run(add, { left: context, right: before }, {});
    return { output, attention: (query: number) => weightsOfQuery(weights, plan, query) };
  }
}

function inferenceOn(device: Device): Runner {
  return new Inference(new Scope(device, new Arena(device.memory)));
}

/** Sequences one after the other: where each starts, and whose each id is. */
function joined(sequences: readonly ArrayLike<number>[]) {
  const starts = [0];
  for (const { length } of sequences) starts.push((starts.at(-1) ?? 0) + length);
  const owners = sequences.flatMap(({ length }, sequence) => new Array<number>(length).fill(sequence));
  return { ids: sequences.flatMap((ids) => Array.from(ids)), starts, owners };
}
