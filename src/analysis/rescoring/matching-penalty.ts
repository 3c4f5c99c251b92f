import { DecadeError } from '../../core/errors.js';
import { type LengthPenalty, lengthPenalty } from '../../decoding/length-penalty.js';
import { lengthPenaltyOf, type NbestHypothesis } from '../../decoding/nbest.js';
import type { DecodingOptions } from '../../decoding/options.js';

type LengthPenaltyOptions = DecodingOptions['lengthPenalty'];

/** See `rescoringOptions`. */
export interface PenaltyChoice {
  readonly own: string;
  readonly weight: number;
  readonly lengthPenalty?: number | undefined;
}

const none: LengthPenaltyOptions = { kind: 'power', alpha: 0 };

/**
 * The length penalty of the model's log-probabilities. To average comparable scores, it is that of the list's own scores, if the
 * list states it.
 */
export class MatchingPenalty {
  readonly #options: PenaltyChoice;
  readonly #asked: LengthPenaltyOptions | undefined;
  readonly #onAssumption: () => void;
  #isTold = false;

  /** `onAssumption` is called once, if neither the list nor the caller states the length penalty. */
  constructor(options: PenaltyChoice, onAssumption: () => void) {
    this.#options = options;
    this.#asked = options.lengthPenalty === undefined ? undefined : { kind: 'power', alpha: options.lengthPenalty };
    this.#onAssumption = onAssumption;
  }

  /** Throws `usage` if the list states another length penalty than the one requested; without the list's scores any is allowed. */
  of(hypothesis: NbestHypothesis, where: string): LengthPenalty {
    const carried = this.#carried(hypothesis);
    if (carried !== undefined && this.#asked !== undefined && this.#options.weight !== 1 && !isSame(carried, this.#asked)) {
      throw new DecadeError('usage', {
        where,
        received: `length penalty ${this.#asked.alpha}, and ${this.#options.own} of the list, which carries ${describe(carried)}`,
        allowed: 'the same for both, which is the default',
        next: this.#asked.alpha === 0 ? 'for undivided log-probabilities, use the feature logProbability (--own)' : 'leave it out',
      });
    }
    if (carried === undefined && this.#asked === undefined && !this.#isTold) {
      this.#isTold = true;
      this.#onAssumption();
    }
    return lengthPenalty(this.#asked ?? carried ?? none);
  }

  /** The length penalty of the list's own score; undefined if it is not stated. */
  #carried({ features }: NbestHypothesis): LengthPenaltyOptions | undefined {
    if (this.#options.own === 'logProbability') return none;
    return this.#options.own === 'score' ? lengthPenaltyOf(features) : undefined;
  }
}

function isSame(one: LengthPenaltyOptions, other: LengthPenaltyOptions): boolean {
  return one.alpha === other.alpha && (one.kind === other.kind || one.alpha === 0);
}

function describe({ kind, alpha }: LengthPenaltyOptions): string {
  return kind === 'power' ? String(alpha) : `${alpha} by the formula of Wu et al. (gnmt)`;
}
