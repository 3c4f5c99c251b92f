import { limited, one, squash } from './logistic.js';

/** How a mixer learns, in 1/2^18 of input times error. */
const learningRate = 6;

/**
 * Logistic mixing (Mahoney 2005; "Data Compression Explained", section 4.3.2): log-odds in, weighted by one set of weights out of several, log-odds out;
 * the weights follow the gradient of the coding cost. Sums are of whole numbers below 2^53, so they are exact.
 */
export class Mixer {
  /** Log-odds that it gave last. */
  logOdds = 0;
  readonly #inputs: Int32Array;
  readonly #weights: Int32Array;
  #begin = 0;
  #probability = one / 2;

  /** `inputs` are read at each `mix`; `weight` is what every weight begins with. */
  constructor(inputs: Int32Array, sets: number, weight: number) {
    this.#inputs = inputs;
    this.#weights = new Int32Array(inputs.length * sets).fill(Math.floor(weight * one));
  }

  /** The probability of a 1, by the weights of this set. */
  mix(set: number): number {
    const [inputs, weights] = [this.#inputs, this.#weights];
    const begin = set * inputs.length;
    let sum = 0;
    for (let place = 0; place < inputs.length; place++) sum += (inputs[place] as number) * (weights[begin + place] as number);
    this.#begin = begin;
    this.logOdds = limited(Math.floor(sum / one));
    this.#probability = squash(this.logOdds);
    return this.#probability;
  }

  /** Learns the bit that came after the last `mix`. */
  update(bit: 0 | 1, rate = learningRate): void {
    const [inputs, weights, begin] = [this.#inputs, this.#weights, this.#begin];
    const error = ((bit === 1 ? one : 0) - this.#probability) * rate;
    for (let place = 0; place < inputs.length; place++) {
      const weight = (weights[begin + place] as number) + (((inputs[place] as number) * error + (1 << 17)) >> 18);
      weights[begin + place] = weight;
    }
  }
}
