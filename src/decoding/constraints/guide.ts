import type { Tensor } from '../../tensor/tensor.js';
import type { Normalisers } from '../../tensor/operations/search.js';
import type { LiveRows } from '../processors.js';
import type { Offer, RowsShare } from '../search-rows.js';
import type { Phrase } from './phrase.js';
import { PhraseAutomaton, type PhraseState } from './phrase-automaton.js';
import { Requirements, type RequirementsState } from './requirements.js';
import type { SentencePhrases } from './sentence-phrases.js';
import { SurfaceIndex, type Surfaces } from './surfaces.js';

// What asks for phrases and what searches for them are one file beside a page's worker.
export { PhraseCompiler } from './sentence-phrases.js';

/** Groups of a diverse beam search; see `decodingOptions`. */
export interface Diversity {
  readonly groups: number;
  readonly strength: number;
}

export interface GuideOptions {
  /** Of each sentence. */
  readonly phrases: readonly (SentencePhrases | undefined)[];
  /** Of the target's tokens; needed where there are phrases. */
  readonly surfaces: Surfaces | undefined;
  /** What the text of each sentence begins with. */
  readonly prefixes: readonly ArrayLike<number>[];
  readonly diversity: Diversity | undefined;
  /** Extensions that a sentence's beam has places for. */
  readonly beam: number;
  readonly endId: number;
}

/** The rows before a step, and what the model says of the next token. */
interface ScoredRows {
  readonly logits: Tensor;
  readonly normalisers: Normalisers;
  /** Sum of log-probabilities of each row. */
  readonly scores: Float64Array;
}

interface RowState {
  readonly required: RequirementsState | undefined;
  readonly forbidden: PhraseState | undefined;
}

interface SentenceGuide {
  readonly required: Requirements | undefined;
  readonly forbidden: PhraseAutomaton | undefined;
}

/** An extension of a row by a token. */
interface Candidate {
  readonly row: number;
  readonly id: number;
  readonly total: number;
  readonly logProbability: number;
  /** By what it is chosen: its total, less what others of its kind have taken. */
  readonly value: number;
  /** How much of what its text must have it has. */
  readonly bank: number;
}

const indices = new WeakMap<Surfaces, SurfaceIndex>();

/**
 * Leads a search to what a text must have, past what it must not have, and to different texts. Scores stay the model's own: only the
 * choice of extensions changes.
 *
 * Of phrases that must occur, the beam's places are shared among banks, extensions that have written as many tokens of them each
 * (dynamic beam allocation, Post and Vilar 2018; from the fullest bank in turn, as Hu et al. 2019). A group of a diverse beam chooses
 * after those before it, and a token that they have chosen in this step counts `strength` less for each time (Hamming diversity,
 * Vijayakumar et al. 2016).
 */
export class Guide {
  readonly #options: GuideOptions;
  readonly #sentences: readonly SentenceGuide[];
  #rows: RowState[];
  /** What earlier groups have chosen in this step, of this sentence. */
  #chosen: { sentence: number; counts: Map<number, number> } = { sentence: -1, counts: new Map() };

  constructor(options: GuideOptions) {
    this.#options = options;
    const { phrases, surfaces, prefixes } = options;
    let index = surfaces && indices.get(surfaces);
    if (surfaces !== undefined && index === undefined) {
      index = new SurfaceIndex(surfaces);
      indices.set(surfaces, index);
    }
    const requirements = new Map<string, Requirements>();
    const automata = new Map<string, PhraseAutomaton>();
    this.#sentences = phrases.map((of) => {
      if (of === undefined || index === undefined) return { required: undefined, forbidden: undefined };
      return {
        required: of.required.length === 0 ? undefined : kept(requirements, of.required, () => new Requirements(index, of.required)),
        forbidden: of.forbidden.length === 0 ? undefined : kept(automata, of.forbidden, () => new PhraseAutomaton(index, of.forbidden)),
      };
    });
    this.#rows = prefixes.map((prefix, sentence) => {
      const { required, forbidden } = this.#sentences[sentence] as SentenceGuide;
      let row: RowState = { required: required?.start, forbidden: forbidden?.start };
      for (let at = 0; at < prefix.length; at++) row = this.#after(sentence, row, prefix[at] as number);
      return row;
    });
  }

  /** Whether a sentence's texts must have anything. */
  requires(sentence: number): boolean {
    return this.#sentences[sentence]?.required !== undefined;
  }

  isGuided(sentence: number): boolean {
    const { required, forbidden } = this.#sentences[sentence] ?? {};
    return required !== undefined || forbidden !== undefined;
  }

  /** A processor: forbids tokens that complete what must not occur, and ends of texts that lack something. */
  forbid = (logits: Tensor, live: LiveRows): void => {
    const values = logits.f32;
    const vocabulary = logits.dimension(1);
    for (let row = 0; row < live.count; row++) {
      const { forbidden } = this.#sentences[live.sentence(row)] as SentenceGuide;
      const state = this.#rows[row]?.forbidden;
      if (forbidden !== undefined && state !== undefined) {
        for (const id of forbidden.completing(state)) values[row * vocabulary + id] = -Infinity;
      }
      if (!this.mayEnd(live.sentence(row), row)) values[row * vocabulary + this.#options.endId] = -Infinity;
    }
  };

  /** Whether the text of a row has all that it must, and nothing that it must not, if it ends here. */
  mayEnd(sentence: number, row: number): boolean {
    const guide = this.#sentences[sentence] as SentenceGuide;
    const { required, forbidden } = this.#rows[row] as RowState;
    if (required !== undefined && guide.required?.areMetAtEnd(required) === false) return false;
    return forbidden === undefined || guide.forbidden?.atEnd(forbidden).length === 0;
  }

  /** The rows of the next step. */
  follow(sentences: (row: number) => number, count: number, parents: Int32Array | undefined, ids: Int32Array): void {
    const before = this.#rows;
    this.#rows = Array.from({ length: count }, (_, row) =>
      this.#after(sentences(row), before[parents?.[row] ?? row] as RowState, ids[row] as number),
    );
  }

  /** How many extensions of each group of rows `choose` needs to see. */
  places(wanted: number, rows: number): number {
    const { diversity, beam } = this.#options;
    return diversity === undefined ? wanted : wanted + rows * (beam - beam / diversity.groups);
  }

  /** Which of the extensions of a sentence's rows are taken, `share.places` at most, best first. */
  choose(sentence: number, share: RowsShare, offers: readonly Offer[], { logits, normalisers, scores }: ScoredRows): Offer {
    if (this.#options.diversity === undefined && !this.requires(sentence)) return offers[0] as Offer;
    const counts = this.#countsOf(sentence);
    const strength = this.#options.diversity?.strength ?? 0;
    const candidates: Candidate[] = [];
    const add = (row: number, id: number, total: number, logProbability: number) => {
      const value = total - strength * (counts.get(id) ?? 0);
      candidates.push({ row, id, total, logProbability, value, bank: this.#bank(sentence, row, id) });
    };
    for (const { first, end, rows, ids, totals, logProbabilities } of offers) {
      for (let place = first; place < end; place++) {
        add(rows[place] as number, ids[place] as number, totals[place] as number, logProbabilities[place] as number);
      }
    }
    if (this.requires(sentence)) {
      const seen = new Set(candidates.map(({ row, id }) => `${row} ${id}`));
      for (let row = share.firstRow; row < share.endRow; row++) {
        for (const id of this.#advancing(sentence, row)) {
          const logProbability = logProbabilityOf(logits, normalisers, row, id);
          if (logProbability === -Infinity || seen.has(`${row} ${id}`)) continue;
          add(row, id, (scores[row] as number) + logProbability, logProbability);
        }
      }
    }
    const taken = allocated(candidates, share.places);
    for (const { id } of taken) counts.set(id, (counts.get(id) ?? 0) + 1);
    return {
      first: 0,
      end: taken.length,
      rows: taken.map(({ row }) => row),
      ids: taken.map(({ id }) => id),
      totals: taken.map(({ total }) => total),
      logProbabilities: taken.map(({ logProbability }) => logProbability),
    };
  }

  /** A step has been taken. */
  stepped(): void {
    this.#chosen = { sentence: -1, counts: new Map() };
  }

  #countsOf(sentence: number): Map<number, number> {
    if (this.#chosen.sentence !== sentence) this.#chosen = { sentence, counts: new Map() };
    return this.#chosen.counts;
  }

  #after(sentence: number, { required, forbidden }: RowState, id: number): RowState {
    const guide = this.#sentences[sentence] as SentenceGuide;
    return {
      required: required && guide.required?.after(required, id),
      forbidden: forbidden && guide.forbidden?.next(forbidden, id).state,
    };
  }

  #bank(sentence: number, row: number, id: number): number {
    const { required } = this.#sentences[sentence] as SentenceGuide;
    const state = this.#rows[row]?.required;
    if (required === undefined || state === undefined) return 0;
    return id === this.#options.endId ? required.size : required.progress(required.after(state, id));
  }

  #advancing(sentence: number, row: number): Iterable<number> {
    const { required } = this.#sentences[sentence] as SentenceGuide;
    const state = this.#rows[row]?.required;
    return required === undefined || state === undefined ? [] : required.advancing(state);
  }
}

function kept<Kept>(known: Map<string, Kept>, of: readonly Phrase[] | SentencePhrases['required'], make: () => Kept): Kept {
  const key = JSON.stringify(of);
  const found = known.get(key) ?? make();
  known.set(key, found);
  return found;
}

/** As the kernel that ranks extensions counts it, in 32 bits. */
function logProbabilityOf(logits: Tensor, normalisers: Normalisers, row: number, id: number): number {
  const [maximum, logTotal] = [normalisers.rows.f32[2 * row] as number, normalisers.rows.f32[2 * row + 1] as number];
  return Math.fround(Math.fround((logits.f32[row * logits.dimension(1) + id] as number) - maximum) - logTotal);
}

/** From the fullest bank on, the best of each in turn; then by total. Ties go to the row, then to the token, that came before. */
function allocated(candidates: Candidate[], places: number): Candidate[] {
  const inOrder = candidates.sort((a, b) => b.value - a.value || a.row - b.row || a.id - b.id);
  const banks = new Map<number, Candidate[]>();
  for (const candidate of inOrder) {
    const bank = banks.get(candidate.bank);
    if (bank === undefined) banks.set(candidate.bank, [candidate]);
    else bank.push(candidate);
  }
  const fullestFirst = [...banks].sort(([a], [b]) => b - a).map(([, bank]) => bank);
  const taken: Candidate[] = [];
  for (let round = 0; taken.length < Math.min(places, candidates.length); round++) {
    for (const bank of fullestFirst) {
      const candidate = bank[round];
      if (candidate !== undefined && taken.length < places) taken.push(candidate);
    }
  }
  return taken.sort((a, b) => b.total - a.total || a.row - b.row || a.id - b.id);
}
