import type { IdPair } from '../../../src/data/batch.js';
import type { DecodingSession, Model, PairLosses, ReadOutput, VocabularySizes } from '../../../src/models/model.js';
import type { ModelSummary } from '../../../src/models/summary.js';
import { attentionPlan, type MemoryRows, weightsOfQuery } from '../../../src/nn/attention.js';
import { Embedding } from '../../../src/nn/embedding.js';
import { Linear } from '../../../src/nn/linear.js';
import { ParameterStore } from '../../../src/nn/parameters.js';
import type { Pass } from '../../../src/nn/pass.js';
import { type Device, Scope } from '../../../src/tensor/device.js';
import { Arena } from '../../../src/tensor/memory.js';
import { add } from '../../../src/tensor/operations/add.js';
import { dotAttention } from '../../../src/tensor/operations/attention.js';
import { gatherRows } from '../../../src/tensor/operations/gather-rows.js';
import { type SoftmaxCrossEntropyAttributes, softmaxCrossEntropy } from '../../../src/tensor/operations/softmax-cross-entropy.js';
import { Inference, type Runner } from '../../../src/tensor/tape.js';
import type { Tensor } from '../../../src/tensor/tensor.js';
import { beginId, endId } from '../../../src/text/tokenizer.js';
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
  readonly #output: Linear;

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
    this.#source = new Embedding(source, 'source.embedding', vocabularies.source, width, { tied: false });
    this.#target = new Embedding(target, 'target.embedding', vocabularies.target, width, { tied: false });
    this.#output = new Linear(target, 'output', width, vocabularies.target, { bias: true });
  }

  loss({ runner }: Pass, pairs: readonly IdPair[], attributes: SoftmaxCrossEntropyAttributes): PairLosses {
    const targets = pairs.map(({ target }) => Array.from(target));
    const bags = this.#bags(
      runner,
      pairs.map(({ source }) => source),
    );
    const { output } = this.#read(
      runner,
      bags,
      targets.map((ids) => [beginId, ...ids]),
    );
    const { weight, bias } = this.#output;
    if (bias === undefined) throw new Error('the output has a bias');
    const next = runner.scope.integers(targets.flatMap((ids) => [...ids, endId]));
    const inputs = { input: output, weight: weight.value, bias: bias.value, targets: next };
    const outputs = runner.loss(softmaxCrossEntropy, inputs, attributes);
    const ends = endsOf(targets.map(({ length }) => length + 1));
    return { ...outputs, byPair: () => ends.map((end, pair) => outputs.logProbabilities.f32.slice(ends[pair - 1] ?? 0, end)) };
  }

  decode(device: Device, sources: readonly ArrayLike<number>[]): DecodingSession {
    const [lasting, reading] = [new Scope(device, new Arena(device.memory)), new Scope(device, new Arena(device.memory))];
    const [encoder, runner] = [new Inference(lasting), new Inference(reading)];
    const bags = this.#bags(encoder, sources);
    let sentences = Array.from(sources.keys());
    const read = (ids: readonly ArrayLike<number>[]): ReadOutput => {
      reading.arena.reset();
      const { output, attention } = this.#read(runner, bags, ids, sentences);
      const ends = endsOf(ids.map(({ length }) => length));
      const logits = this.#output.forward(runner, output);
      const last = reading.integers(ends.map((end) => end - 1));
      return {
        logits: runner.run(gatherRows, { input: logits, indices: last }, {}).output,
        attention: (row) => attention((ends[row] ?? 0) - 1),
        given(row) {
          const first = ends[row - 1] ?? 0;
          const later = Array.from(ids[row] ?? []).slice(1);
          return {
            logProbabilities: Float32Array.from(later, (id, step) => logProbability(logits.rows(first + step, first + step + 1).f32, id)),
            attention: later.map((_, step) => attention(first + step)),
          };
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
        for (const { arena } of [lasting, reading]) arena.dispose();
      },
    };
  }

  #bags(runner: Runner, sources: readonly ArrayLike<number>[]): Bags {
    const ids = sources.flatMap((source) => Array.from(source));
    const lengths = Int32Array.from(sources, ({ length }) => length);
    const starts = endsOf(sources.map(({ length }) => length)).map((end, source) => end - (lengths[source] ?? 0));
    const rows = { rows: runner.scope.integers([...ids.keys()]), starts: Int32Array.from(starts), lengths };
    return { words: this.#source.forward(runner, runner.scope.integers(ids)), rows };
  }

  /** A query of zeros looks at all words alike: attention gives their mean. Row r looks at bag `sentences[r]`. */
  #read(runner: Runner, { words, rows }: Bags, ids: readonly ArrayLike<number>[], sentences = Array.from(ids.keys())) {
    const { scope } = runner;
    const before = this.#target.forward(runner, scope.integers(ids.flatMap((ofRow) => Array.from(ofRow))));
    const columns = ids.flatMap(({ length }, row) => new Array<number>(length).fill(sentences[row] ?? 0));
    const plan = attentionPlan(scope, rows, columns);
    const { context, weights } = runner.run(dotAttention, { query: scope.zeros(before.shape), keys: words, values: words }, { plan });
    const { output } = runner.run(add, { left: context, right: before }, {});
    return { output, attention: (query: number) => weightsOfQuery(weights, plan, query) };
  }
}

function endsOf(lengths: readonly number[]): number[] {
  let end = 0;
  return lengths.map((length) => {
    end += length;
    return end;
  });
}

function logProbability(logits: Float32Array, id: number): number {
  return (logits[id] ?? 0) - Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
}
