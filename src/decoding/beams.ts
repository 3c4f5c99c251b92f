import type { Scope } from '../tensor/device.js';
import { bestExtensions, type RowGroups } from '../tensor/operations/search.js';
import type { Guide } from './constraints/guide.js';
import type { DecodingOptions } from './options.js';
import { SearchHistory } from './search-history.js';
import {
  type Hypothesis,
  nothingMayFollow,
  type Offer,
  type Predictions,
  type SearchRows,
  type SearchRowsOptions,
  type RowsShare,
} from './search-rows.js';

export interface BeamsOptions extends SearchRowsOptions, Pick<DecodingOptions, 'beamWidth' | 'stopping'> {
  readonly beam: number;
  readonly nbest: number;
  /** Groups of a diverse beam, which divide it evenly. Default: 1. */
  readonly groups?: number | undefined;
  /** Chooses among extensions where more counts than their scores. */
  readonly guide?: Guide | undefined;
}

/** A lane and what it may take in a step. */
interface LaneShare extends RowsShare {
  readonly lane: number;
  /** The groups of rows that are ranked for it: all its rows together, or each by itself. */
  readonly firstGroup: number;
  readonly endGroup: number;
}

/**
 * The beams of all sentences of a batch, one after the other. In every step the best extensions of a sentence's rows
 * live on; one that ends with `</s>` leaves its beam, which is one place smaller from then on (Sutskever et al. 2014,
 * section 3.2). So a beam of 1 is greedy search.
 *
 * A sentence is done when nothing lives in its beam, or when the best that a living row can still reach does not beat
 * the worst of its `nbest` best. As every further token can only lower the sum, that is its sum now divided by the
 * penalty of the greatest length; stopping there loses nothing.
 *
 * Where the beam's width is constant, one that ends gives its place to the next best: of twice as many extensions those that end
 * among the first `beam` are finished, and the best others live on. A sentence is done as `stopping` says, once `beam` are finished.
 *
 * The groups of a diverse beam are beams by themselves (lanes), which begin with the same row; of what they find, equal texts are
 * given once. A guide may choose other extensions than the best, but a score is always the model's.
 *
 * Ties go to the row, then to the token, that ranked before.
 */
export class Beams implements SearchRows {
  readonly #options: BeamsOptions;
  /** A beam of 1 is greedy search, whatever its width does. */
  readonly #isConstant: boolean;
  /** Lanes of a sentence, and the beam of each. */
  readonly #lanesEach: number;
  readonly #beam: number;
  readonly #history: SearchHistory;
  /** By lane, best first. */
  readonly #finished: Hypothesis[][];
  #count: number;
  /** The lane of each row; of a row that several begin with, the first. */
  #lanes: Int32Array;
  #scores: Float64Array;
  #previousIds: Int32Array;
  /** Rows of the next step are written here. */
  #next: { lanes: Int32Array; scores: Float64Array; ids: Int32Array; parents: Int32Array; logProbabilities: Float32Array };

  /** One row for each sentence, in their order. */
  constructor(options: BeamsOptions) {
    this.#options = options;
    const { prefixes, beam, beamWidth, groups = 1 } = options;
    this.#lanesEach = groups;
    this.#beam = beam / groups;
    this.#isConstant = beamWidth === 'constant' && this.#beam > 1;
    this.#history = new SearchHistory(prefixes);
    this.#finished = Array.from({ length: prefixes.length * groups }, () => []);
    const capacity = prefixes.length * beam;
    this.#count = prefixes.length;
    this.#lanes = new Int32Array(capacity);
    this.#lanes.set(Array.from(prefixes.keys(), (sentence) => sentence * groups));
    this.#scores = new Float64Array(capacity);
    this.#scores.set(prefixes.map(({ tokenLogProbabilities }) => tokenLogProbabilities.reduce((sum, value) => sum + value, 0)));
    this.#previousIds = new Int32Array(capacity);
    this.#next = {
      lanes: new Int32Array(capacity),
      scores: new Float64Array(capacity),
      ids: new Int32Array(capacity),
      parents: new Int32Array(capacity),
      logProbabilities: new Float32Array(capacity),
    };
  }

  get count(): number {
    return this.#count;
  }

  get steps(): number {
    return this.#history.steps;
  }

  length(row: number): number {
    return this.#history.length(this.sentence(row));
  }

  get previousIds(): Int32Array {
    return this.#previousIds.subarray(0, this.#count);
  }

  /** What every lane that is not done may take. */
  #shares(): LaneShare[] {
    const { guide } = this.#options;
    const shares: LaneShare[] = [];
    let group = 0;
    for (let firstRow = 0, endRow = 0; firstRow < this.#count; firstRow = endRow) {
      const lane = this.#lanes[firstRow] as number;
      while (endRow < this.#count && this.#lanes[endRow] === lane) endRow++;
      const firstGroup = group;
      group += guide?.requires(this.sentence(firstRow)) === true ? endRow - firstRow : 1;
      // All lanes of a sentence begin with the same row.
      for (let each = lane; each < lane + (this.steps === 0 ? this.#lanesEach : 1); each++) {
        const places = this.#isConstant ? 2 * this.#beam : this.#beam - (this.#finished[each] as Hypothesis[]).length;
        shares.push({ lane: each, firstRow, endRow, places, firstGroup, endGroup: group });
      }
    }
    return shares;
  }

  /** The rows that are ranked together, and how many of their extensions are looked at. */
  #groups(shares: readonly LaneShare[]): RowGroups {
    const { guide } = this.#options;
    const starts: number[] = [];
    const places: number[] = [];
    for (const { firstRow, endRow, firstGroup, endGroup, places: wanted } of shares) {
      if (firstGroup < starts.length) continue;
      const rows = (endRow - firstRow) / (endGroup - firstGroup);
      for (let group = firstGroup; group < endGroup; group++) {
        starts.push(firstRow + (group - firstGroup) * rows);
        places.push(guide === undefined ? wanted : guide.places(wanted, rows));
      }
    }
    starts.push(this.#count);
    return { starts: Int32Array.from(starts), places: Int32Array.from(places), scores: this.#scores.subarray(0, this.#count) };
  }

  sentence(row: number): number {
    return this.#sentenceOf(this.#lanes[row] as number);
  }

  ids(row: number): Int32Array {
    return this.#history.ids(this.sentence(row), row);
  }

  /** The best complete hypotheses of every sentence, best first. */
  get results(): Hypothesis[][] {
    const { prefixes, nbest } = this.#options;
    if (this.#lanesEach === 1) return this.#finished.map((hypotheses) => hypotheses.slice(0, nbest));
    return prefixes.map((_, sentence) => {
      const found: Hypothesis[] = [];
      const texts = new Set<string>();
      for (const hypothesis of this.#finished.slice(sentence * this.#lanesEach, (sentence + 1) * this.#lanesEach).flat()) {
        if (texts.size < texts.add(hypothesis.ids.join(' ')).size) insertByScore(found, hypothesis);
      }
      return found.slice(0, nbest);
    });
  }

  /** The best extensions live on. */
  advance(scope: Scope, { logits, normalisers, attention }: Predictions): Int32Array | undefined {
    const shares = this.#shares();
    const { capacity, counts, ...ranked } = bestExtensions(scope, logits, normalisers, this.#groups(shares));
    const { guide } = this.#options;
    const next = this.#next;
    const before = this.#count;
    let kept = 0;
    for (const share of shares) {
      const first = share.firstGroup * capacity;
      const offers: Offer[] = [{ ...ranked, first, end: first + (counts[share.firstGroup] as number) }];
      for (let group = share.firstGroup + 1; group < share.endGroup; group++) {
        offers.push({ ...ranked, first: group * capacity, end: group * capacity + (counts[group] as number) });
      }
      const offer =
        guide === undefined
          ? (offers[0] as Offer)
          : guide.choose(this.#sentenceOf(share.lane), share, offers, { logits, normalisers, scores: this.#scores });
      kept = this.#extend(share.lane, kept, offer, attention);
    }
    guide?.stepped();
    const parents = next.parents.slice(0, kept);
    this.#history.push({
      ids: next.ids.slice(0, kept),
      parents,
      logProbabilities: next.logProbabilities.slice(0, kept),
      attention,
    });
    this.#count = kept;
    this.#next = { ...next, lanes: this.#lanes, scores: this.#scores, ids: this.#previousIds };
    this.#lanes = next.lanes;
    this.#scores = next.scores;
    this.#previousIds = next.ids;
    return kept === before && parents.every((parent, row) => parent === row) ? undefined : parents;
  }

  /** Extends the rows of a lane into rows from `kept` on. Gives the number of rows then kept. */
  #extend(lane: number, kept: number, offer: Offer, attention: readonly Float32Array[] | undefined): number {
    const { penalty, endId, guide } = this.#options;
    const { first, end, rows, ids, totals, logProbabilities } = offer;
    const beam = this.#beam;
    const sentence = this.#sentenceOf(lane);
    const next = this.#next;
    const finished = this.#finished[lane] as Hypothesis[];
    let row = kept;
    for (let place = first; place < end && row < kept + beam; place++) {
      const [from, score, logProbability] = [rows[place] as number, totals[place] as number, logProbabilities[place] as number];
      if (ids[place] === endId) {
        // At the greatest length a text ends, whatever it lacks.
        if (place - first >= beam || guide?.mayEnd(sentence, from) === false) continue;
        const path = this.#history.path(sentence, { row: from, logProbability, attention });
        insertByScore(finished, { ...path, logProbability: score, score: score / penalty(path.ids.length + 1) });
        if (this.#isConstant && finished.length > beam) finished.pop();
      } else {
        next.lanes[row] = lane;
        next.scores[row] = score;
        next.ids[row] = ids[place] as number;
        next.parents[row] = from;
        next.logProbabilities[row] = logProbability;
        row++;
      }
    }
    if (row === kept && finished.length === 0 && guide?.isGuided(sentence) !== true) {
      throw nothingMayFollow(this.#options.nameOf(sentence), this.#history.length(sentence));
    }
    return row > kept && this.#goesOn(lane, next.scores[kept] as number) ? row : kept;
  }

  #sentenceOf(lane: number): number {
    return Math.floor(lane / this.#lanesEach);
  }

  /** Whether a lane is not done yet; `best` is the sum of the best row that lives on. */
  #goesOn(lane: number, best: number): boolean {
    const { nbest, penalty, maximumLengths, stopping } = this.#options;
    const worst = (this.#finished[lane] as Hypothesis[])[(this.#isConstant ? this.#beam : Math.min(nbest, this.#beam)) - 1];
    if (worst === undefined) return true;
    if (this.#isConstant && stopping === 'first') return false;
    const sentence = this.#sentenceOf(lane);
    const isNow = this.#isConstant && stopping === 'likely';
    const length = isNow ? this.#history.length(sentence) + 1 : (maximumLengths[sentence] as number) + 1;
    return best / penalty(length) > worst.score;
  }
}

/** After its equals. */
function insertByScore(hypotheses: Hypothesis[], hypothesis: Hypothesis): void {
  let place = hypotheses.length;
  while (place > 0 && (hypotheses[place - 1] as Hypothesis).score < hypothesis.score) place--;
  hypotheses.splice(place, 0, hypothesis);
}
