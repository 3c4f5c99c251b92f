import { type Device, Scope } from '../../tensor/device.js';
import { Arena } from '../../tensor/memory.js';
import { Inference } from '../../tensor/tape.js';
import type { SentenceEncoder } from '../model.js';
import { packSources } from './batch.js';
import type { LstmEncoder } from './encoder.js';

/** What figure 2 of Sutskever et al. (2014) maps: the state in which the encoder has read the whole sentence. */
export class LstmSentenceEncoder implements SentenceEncoder {
  readonly description = 'hidden and cell values of the top encoder layer after its last step';
  readonly #encoder: LstmEncoder;
  readonly #reverseSource: boolean;

  constructor(encoder: LstmEncoder, reverseSource: boolean) {
    this.#encoder = encoder;
    this.#reverseSource = reverseSource;
  }

  encode(device: Device, sources: readonly ArrayLike<number>[]): Float32Array[] {
    const source = packSources(sources, this.#reverseSource);
    const arena = new Arena(device.memory);
    try {
      const pass = { runner: new Inference(new Scope(device, arena)) };
      const top = this.#encoder.forward(pass, source).states.at(-1);
      if (top === undefined) throw new Error('an encoder without layers');
      const vectors = new Array<Float32Array>(source.sentences.length);
      source.sentences.forEach((sentence, column) => {
        const [hidden, cell] = [top.hidden, top.cell].map((state) => state.rows(column, column + 1).f32) as [Float32Array, Float32Array];
        const vector = new Float32Array(hidden.length + cell.length);
        vector.set(hidden);
        vector.set(cell, hidden.length);
        vectors[sentence] = vector;
      });
      return vectors;
    } finally {
      arena.dispose();
    }
  }
}
