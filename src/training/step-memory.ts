import { type BatchCounts, type IdPair, sizeOf } from '../data/batch.js';
import type { TrainableModel } from '../models/model.js';
import type { Scope } from '../tensor/device.js';
import type { Arena, Memory } from '../tensor/memory.js';
import { rehearse, type SeeProduct } from '../tensor/rehearsal.js';
import { Tape } from '../tensor/tape.js';
import type { UpdateRule } from './optimizer-options.js';
import { trainingPass } from './walks.js';

/**
 * Bytes of arena that forward and backward of a batch need, whatever the architecture. `model` has its parameters placed. `seen` is told
 * of every product.
 */
export function stepBytes(
  model: TrainableModel,
  memory: Memory,
  pairs: readonly IdPair[],
  { consistency }: Pick<UpdateRule, 'consistency'>,
  seen?: SeeProduct,
): number {
  const step = (scope: Scope) => {
    const learnt = Array.from(model.parameters, ({ value }) => ({ value, gradient: value }));
    const tape = new Tape(scope, learnt);
    model.loss(trainingPass(model, tape, { seed: 0, consistency }, 0), pairs, { smoothing: 0, gradientScale: 1 });
    tape.backward();
  };
  return rehearse(memory, step, seen);
}

/** Addresses that are set aside beyond the need of a batch, since others will be longer. They cost no memory. */
const headroom = 3;
/**
 * An arena that grows leaves a hole, and other devices' arenas stand around it: one that may take more than this part of its
 * limit takes all of it at once. So all holes together are less than a tenth of the limit.
 */
const worthAll = 1 / 16;
/** Of the memory that remains when parameters and gradients have their places; holes, touched rows and translations of the dev corpus need some. */
const usable = 0.75;

/**
 * A step that takes more is divided where its parts are nearly as fast: 64 sentences of 25 tokens on two devices, 6 + 6 layers of 512, take
 * 1,590 instead of 1,835 MiB with everything, and are 1 % slower (docs/decisions/memory.md).
 */
export const worthDividing = 192 * 1024 ** 2;

/** Sentences of a token and `</s>`, which every network can read, by which the room for a token is found: whole chunks of logits. */
const [someSentences, moreSentences] = [400, 800];

/**
 * Tokens of both sides up to which a batch is one step. Depends on the network alone, and not on the batches before: a run that is resumed
 * divides as the one that was not stopped, and has its bits.
 */
export function mostTokensOfStep(model: TrainableModel, memory: Memory, rule: Pick<UpdateRule, 'consistency'>): number {
  if (model.leastOfParts === undefined) return Infinity;
  const target = Int32Array.of(0);
  const source = model.vocabularies.source === undefined ? new Int32Array() : target;
  const [some, more] = [someSentences, moreSentences].map((sentences) => {
    const pairs = Array.from({ length: sentences }, (_, key): IdPair => ({ key, source, target }));
    const { sourceTokens, targetTokens } = sizeOf(pairs);
    return { bytes: stepBytes(model, memory, pairs, rule), tokens: sourceTokens + targetTokens };
  }) as [Needed, Needed];
  return (worthDividing * (more.tokens - some.tokens)) / (more.bytes - some.bytes);
}

interface Needed {
  readonly bytes: number;
  readonly tokens: number;
}

/** Whether a batch is computed at once, where it fits; if not, it is divided. `mostTokens`: of `mostTokensOfStep`. */
export function isOneStep({ leastOfParts = Infinity }: TrainableModel, pairs: readonly IdPair[], mostTokens: number): boolean {
  const { sourceTokens, targetTokens } = sizeOf(pairs);
  return pairs.length === 1 || Math.max(sourceTokens, targetTokens) < 2 * leastOfParts || sourceTokens + targetTokens <= mostTokens;
}

/** All of a batch, or halves of halves of it, as far as it has to be divided: every other pair, so that both halves are of like lengths. */
export function* partsOf<Item>(batch: readonly Item[], fits: (part: readonly Item[]) => boolean): Generator<readonly Item[]> {
  if (fits(batch)) yield batch;
  else for (const half of halves(batch)) yield* partsOf(half, fits);
}

function halves<Item>(batch: readonly Item[]): Item[][] {
  return [0, 1].map((parity) => batch.filter((_, index) => index % 2 === parity));
}

/** How many bytes the step of one of so many devices may take. */
export function stepLimit(remainingBytes: number, devices: number): number {
  return (remainingBytes * usable) / devices;
}

const nothing: BatchCounts = { sourceTokens: 0, targetTokens: 0, sentences: 0 };

/** Room for the steps of one device, and what to do with a batch that is too large for it: divide it. */
export class StepMemory {
  readonly #arena: Arena;
  readonly #model: TrainableModel;
  readonly #rule: Pick<UpdateRule, 'consistency'>;
  #limit: number;
  /** A batch that is nowhere greater than this one fits. */
  #fitting: BatchCounts = nothing;
  #mostTokens: number | undefined;

  constructor(arena: Arena, model: TrainableModel, rule: Pick<UpdateRule, 'consistency'>) {
    this.#arena = arena;
    this.#model = model;
    this.#rule = rule;
    this.#limit = stepLimit(arena.memory.remainingBytes, 1);
  }

  /** What is left of the memory belongs to this many devices. To be called when all have allocated their gradients. */
  share(devices: number): void {
    this.#limit = stepLimit(this.#arena.memory.remainingBytes, devices);
  }

  /** Gives the room back until the next batch, for work between updates: translations of the dev corpus. */
  release(): void {
    this.#arena.dispose();
    this.#fitting = nothing;
  }

  /** These pairs, or some of them after the others, as many as fit; `positions` in what was given. */
  *batches(all: readonly IdPair[]): Generator<{ pairs: readonly IdPair[]; positions: readonly number[] }> {
    if (all.length === 0) return;
    this.#mostTokens ??= mostTokensOfStep(this.#model, this.#arena.memory, this.#rule);
    const mostTokens = this.#mostTokens;
    const pairsAt = (positions: readonly number[]) => positions.map((position) => all[position] as IdPair);
    const fits = (pairs: readonly IdPair[]) => isOneStep(this.#model, pairs, mostTokens) && this.#fits(pairs);
    for (const positions of partsOf([...all.keys()], (part) => fits(pairsAt(part)))) yield { pairs: pairsAt(positions), positions };
  }

  #fits(pairs: readonly IdPair[]): boolean {
    const size = sizeOf(pairs);
    const sizes = ['sourceTokens', 'targetTokens', 'sentences'] as const;
    if (sizes.every((name) => size[name] <= this.#fitting[name])) return true;
    const bytes = stepBytes(this.#model, this.#arena.memory, pairs, this.#rule);
    if (bytes > this.#limit && pairs.length > 1) return false;
    const roomy = headroom * bytes;
    // Between steps others may have taken a place within what was one block: then a step takes no more than it needs.
    this.#arena.reserve(Math.max(bytes, roomy > worthAll * this.#limit ? this.#limit : roomy), bytes);
    this.#fitting = size;
    return true;
  }
}
