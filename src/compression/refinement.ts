import { largestLogOdds, one, squash } from './logistic.js';

const steps = 33;
/** Log-odds between two steps. */
const distance = 128;
const slowness = 6;

/**
 * Secondary estimation ("Data Compression Explained", section 4.3.3): what a probability has turned out to mean in each context, between 33 steps
 * of its log-odds.
 */
export class Refinement {
  readonly #learnt: Uint16Array;
  #nearest = 0;

  constructor(contexts: number) {
    const fresh = Uint16Array.from({ length: steps }, (_, step) => squash((step - (steps >> 1)) * distance));
    this.#learnt = new Uint16Array(contexts * steps);
    for (let context = 0; context < contexts; context++) this.#learnt.set(fresh, context * steps);
  }

  /** The probability of a 1 where these log-odds were predicted. */
  refine(logOdds: number, context: number): number {
    const position = logOdds + largestLogOdds + 1;
    const [step, share] = [position >> 7, position & (distance - 1)];
    const place = context * steps + step;
    this.#nearest = share * 2 >= distance ? place + 1 : place;
    return ((this.#learnt[place] as number) * (distance - share) + (this.#learnt[place + 1] as number) * share) >> 7;
  }

  update(bit: 0 | 1): void {
    const learnt = this.#learnt[this.#nearest] as number;
    this.#learnt[this.#nearest] = learnt + (((bit === 1 ? one - 1 : 0) - learnt) >> slowness);
  }
}
