import type { PreTrainedTokenizer } from '@huggingface/transformers';
import type { InferenceSession, Tensor, TensorConstructor } from 'onnxruntime-web';

type Values = Readonly<Record<string, Tensor>>;

/** A translation so far. */
interface Hypothesis {
  readonly sentence: number;
  readonly ids: readonly number[];
  readonly score: number;
  /** Where the decoder's values of it are. */
  readonly row: number;
}

export interface ExportedTranslator {
  readonly encoder: InferenceSession;
  readonly decoder: InferenceSession;
  /** Of the source, and of the target where that has its own. */
  readonly tokenizers: { readonly source: PreTrainedTokenizer; readonly target: PreTrainedTokenizer };
  readonly special: { readonly begin: number; readonly end: number; readonly pad: number };
}

/**
 * Beam search over what `decade export --to onnx` has written, an LSTM or a Transformer: all lines at once, with the caches of the graphs.
 * As in decade, a hypothesis that has ended leaves one place less to its sentence, and the best by mean log-probability wins.
 */
export class OnnxSearch {
  readonly #model: ExportedTranslator;
  readonly #Tensor: TensorConstructor;

  constructor(model: ExportedTranslator, tensor: TensorConstructor) {
    this.#model = model;
    this.#Tensor = tensor;
  }

  async translate(lines: readonly string[], beam: number): Promise<string[]> {
    const { source, target } = this.#model.tokenizers;
    const { begin, end } = this.#model.special;
    const sources = lines.map((line) => source.encode(line));
    const encoded = await this.#encode(sources);
    let [fixed, moving, sentencesOfFixed]: [Values, Values, readonly number[]] = [encoded, {}, lines.map((_, sentence) => sentence)];
    let live: Hypothesis[] = lines.map((_, sentence) => ({ sentence, ids: [begin], score: 0, row: sentence }));
    const ended: Hypothesis[][] = lines.map(() => []);
    for (let step = 0; live.length > 0; step++) {
      const sentences = live.map(({ sentence }) => sentence);
      if (sentences.join() !== sentencesOfFixed.join()) {
        fixed = this.#rows(
          encoded,
          live.map(({ sentence }) => sentence),
        );
        sentencesOfFixed = sentences;
      }
      const { logits, ...present } = await this.#read(
        fixed,
        moving,
        live.map(({ ids }) => ids.at(-1) ?? begin),
        step > 0,
      );
      const candidates = lines.map((): Hypothesis[] => []);
      for (const [row, hypothesis] of live.entries()) {
        for (const { id, logProbability } of best(logits as Tensor, row, beam)) {
          const { sentence, ids, score } = hypothesis;
          candidates[sentence]?.push({ sentence, ids: [...ids, id], score: score + logProbability, row });
        }
      }
      live = candidates.flatMap((each, sentence) => {
        const finished = ended[sentence] ?? [];
        const longest = 2 * (sources[sentence]?.length ?? 0) + 10;
        const kept = each.sort((one, other) => other.score - one.score).slice(0, beam - finished.length);
        finished.push(...kept.filter(({ ids }) => ids.at(-1) === end || ids.length > longest));
        return kept.filter((hypothesis) => !finished.includes(hypothesis));
      });
      moving = this.#rows(
        present,
        live.map(({ row }) => row),
      );
    }
    const mean = ({ score, ids }: Hypothesis) => score / (ids.length - 1);
    return ended.map((hypotheses) => {
      const [first] = hypotheses.sort((one, other) => mean(other) - mean(one));
      return target.decode([...(first?.ids ?? [])], { skip_special_tokens: true });
    });
  }

  /** What the decoder reads of the sources at every step, and an LSTM's first states. */
  async #encode(sources: readonly (readonly number[])[]): Promise<Values> {
    const { encoder, special } = this.#model;
    const length = Math.max(...sources.map((ids) => ids.length));
    const filled = (of: (ids: readonly number[], at: number) => number) =>
      this.#integers(sources.map((ids) => Array.from({ length }, (_, at) => of(ids, at))));
    const encoder_attention_mask = filled((ids, at) => (at < ids.length ? 1 : 0));
    const feeds = { input_ids: filled((ids, at) => ids[at] ?? special.pad), attention_mask: encoder_attention_mask };
    const { last_hidden_state, ...others } = await encoder.run(feeds);
    return { ...others, encoder_attention_mask, encoder_hidden_states: last_hidden_state as Tensor } as Values;
  }

  async #read(fixed: Values, moving: Values, ids: readonly number[], isLater: boolean): Promise<Values> {
    const { decoder } = this.#model;
    const feeds: Record<string, Tensor> = {};
    for (const port of decoder.inputMetadata) {
      const { name } = port;
      const past = name.replace(/^past(?:_key_values)?/, 'present');
      if (name === 'input_ids') feeds[name] = this.#integers(ids.map((id) => [id]));
      else if (name === 'use_cache_branch') feeds[name] = new this.#Tensor('bool', [isLater], [1]);
      else {
        const shape = port.isTensor
          ? port.shape.map((size) => (size === 'batch_size' ? ids.length : typeof size === 'string' ? 0 : size))
          : [];
        const nothing = () => new this.#Tensor('float32', new Float32Array(shape.reduce((product, size) => product * size, 1)), shape);
        feeds[name] = moving[past] ?? fixed[past] ?? fixed[name] ?? nothing();
      }
    }
    return (await decoder.run(feeds)) as Values;
  }

  /** These rows of values; the same ones, where all stay in their place. */
  #rows(values: Values, rows: readonly number[]): Values {
    return Object.fromEntries(
      Object.entries(values).map(([name, tensor]) => {
        const [count = 0, ...shape] = tensor.dims;
        if (rows.length === count && rows.every((row, place) => row === place)) return [name, tensor];
        const size = shape.reduce((product, dimension) => product * dimension, 1);
        const data = tensor.data as Float32Array;
        const taken = new (data.constructor as Float32ArrayConstructor)(rows.length * size);
        for (const [place, row] of rows.entries()) taken.set(data.subarray(row * size, (row + 1) * size), place * size);
        return [name, new this.#Tensor(tensor.type as 'float32', taken, [rows.length, ...shape])];
      }),
    );
  }

  #integers(rows: readonly (readonly number[])[]): Tensor {
    return new this.#Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0]?.length ?? 0]);
  }
}

/** The likeliest tokens of a row, the best first. */
function best({ data, dims }: Tensor, row: number, count: number): { readonly id: number; readonly logProbability: number }[] {
  const size = dims.at(-1) ?? 0;
  const logits = (data as Float32Array).subarray(row * size, (row + 1) * size);
  const ids: number[] = [];
  let least = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < size; id++) {
    const logit = logits[id] as number;
    if (ids.length === count && logit <= least) continue;
    let place = ids.length;
    while (place > 0 && (logits[ids[place - 1] as number] as number) < logit) place--;
    ids.splice(place, 0, id);
    if (ids.length > count) ids.pop();
    least = logits[ids.at(-1) as number] as number;
  }
  const highest = logits[ids[0] as number] as number;
  let sum = 0;
  for (let id = 0; id < size; id++) sum += Math.exp((logits[id] as number) - highest);
  return ids.map((id) => ({ id, logProbability: (logits[id] as number) - highest - Math.log(sum) }));
}
