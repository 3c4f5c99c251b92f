import * as z from 'zod';
import { DecadeError } from '../../core/errors.js';
import { turns } from '../../core/event-loop.js';
import { resolveOptions } from '../../core/options.js';
import { mix32, randomKey } from '../../core/random.js';
import type { CorpusLine, CorpusLines } from './corpus-line.js';
import { similarityOptions } from './deduplicate.js';
import { fingerprint, FingerprintMap } from './fingerprints.js';
import { inForm } from './forms.js';
import { LeakageGroups } from './leakage-groups.js';
import { NearLines, type NearLinesOptions } from './near-lines.js';
import { pagedUint32 } from './paged-numbers.js';
import { shareOf, shareOfLines } from './share-of-lines.js';
import type { Verdict } from './verdict.js';

export const corpusParts = ['train', 'dev', 'test'] as const;
export type CorpusPart = (typeof corpusParts)[number];

const expected = 'expected a number of lines, or a share such as 1%';
const partSize = z.union([z.int().min(0), shareOfLines(expected)], expected);

export const splitOptions = z.strictObject({
  dev: partSize.default('1%').describe('lines of the dev set: a number, or a share such as 1%'),
  test: partSize.default('1%').describe('lines of the test set, in the same way'),
  seed: z.int().min(0).max(0xffff_ffff).default(1).describe('another seed gives another split'),
  ...similarityOptions,
  similarity: z
    .union([similarityOptions.similarity.unwrap(), z.literal('off')], 'expected a number from 0.3 to 0.99, or off')
    .default(0.8)
    .describe('sides with so large a share of n-grams in common stay in one part; off: only those that are the same'),
});

export interface SplitOptions extends z.input<typeof splitOptions> {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { readonly stage: 'grouping' | 'collecting'; readonly lines: number }) => void) | undefined;
  /** Told once, before the first verdict. */
  readonly onGrouped?: ((groups: SplitGroups) => void) | undefined;
}

/** The groups of lines that may not be parted. */
export interface SplitGroups {
  readonly groups: number;
  /** Lines of the largest, and the number of its first line. */
  readonly largest: { readonly lines: number; readonly firstLine: number };
  /** Groups that stay in train because they have more than a tenth of the lines of a held-out part. */
  readonly tooLarge: number;
}

export interface SplitVerdict extends Verdict {
  /** Undefined for a line that is dropped. */
  readonly part?: CorpusPart | undefined;
}

/** The share of pairs at exactly the similarity that are found when lines are grouped, and when the parts are checked. */
const [groupingRecall, checkingRecall] = [0.999, 0.9999];
/** Of held-out lines, which are few, so much is kept that the last word on a leak is no estimate, but for very long lines. */
const checkingSketch = 512;

/**
 * Divides lines into train, dev and test so that no source and no target of one part is in another, nor near to one there. Verdicts come in
 * order.
 *
 * Lines with a side in common, or a near one, are a group (see `LeakageGroups`), which goes to one part as a whole. The hash of a group's
 * first line and the seed decide to which: with shares, lines stay where they are when others are appended, unless these join two
 * groups; with numbers, most do. A group of more than a tenth of a held-out part stays in train.
 *
 * Then the parts are checked: lines of train, and of dev, that are the same as or near to a held-out line are dropped as `leak`; near
 * ones may be, as one pair in a thousand at exactly the similarity is not found when lines are grouped, and the similarity of lines with
 * more than 63 n-grams is an estimate there.
 *
 * Lines are read three times, so `lines` must be something that can be, such as `corpusLines(...)` or an array.
 *
 * @throws DecadeError `usage` for options that are not allowed; `input` for lines that differ when they are read again, and for fewer
 *   lines than the parts are to have; the signal's reason
 */
export async function* splitLines(lines: CorpusLines, options: SplitOptions = {}): AsyncGenerator<SplitVerdict, void> {
  const { signal, onProgress, onGrouped, ...given } = options;
  const resolved = resolveOptions(splitOptions, given, 'split options', ['signal', 'onProgress', 'onGrouped']);
  const { dev, test, form, similarity, seed, unit, size } = resolved;
  if ((shareOf(dev) ?? 0) + (shareOf(test) ?? 0) > 1) {
    throw new DecadeError('usage', {
      where: 'split options.dev',
      received: `${dev}, beside ${test} for test`,
      allowed: 'at most 100% for both together',
    });
  }
  const nearWith = (recall: number, sketch?: number): NearLinesOptions | undefined =>
    similarity === 'off' ? undefined : { similarity, recall, sketch, unit, size };
  const compared = ({ sides }: CorpusLine) => sides.map((side) => inForm(side, form));
  const turn = turns();
  const usable = async function* () {
    for await (const line of lines) {
      signal?.throwIfAborted();
      await turn();
      if (line.unusable === undefined) yield line;
    }
  };

  const groups = new LeakageGroups(nearWith(groupingRecall));
  const [draws, numbers] = [pagedUint32(), pagedUint32()];
  const seedKey = randomKey(seed, 'sample');
  for await (const line of usable()) {
    const sides = compared(line);
    groups.add(sides);
    draws.push(mix32((fingerprint(sides.join('\n')) >>> 0) ^ seedKey));
    numbers.push(line.number);
    onProgress?.({ stage: 'grouping', lines: groups.lines });
  }
  const partOf = assigned(
    groups,
    (place) => draws.get(place) / 2 ** 32,
    resolved,
    (facts, first) => onGrouped?.({ ...facts, largest: { lines: facts.largest, firstLine: first === undefined ? 0 : numbers.get(first) } }),
  );

  const check = new LeakageCheck(nearWith(checkingRecall, checkingSketch));
  let place = 0;
  for await (const line of usable()) {
    if (place >= groups.lines) throw changed();
    const part = partOf(place++);
    if (part !== 'train') check.hold(compared(line), part, line.number);
    onProgress?.({ stage: 'collecting', lines: place });
  }
  if (place !== groups.lines) throw changed();

  place = 0;
  for await (const line of lines) {
    signal?.throwIfAborted();
    await turn();
    if (line.unusable !== undefined) {
      yield { line, dropped: { reason: line.unusable } };
      continue;
    }
    if (place >= groups.lines) throw changed();
    const part = partOf(place++);
    const leak = check.leakOf(compared(line), part);
    yield leak === undefined ? { line, part } : { line, dropped: { reason: 'leak', detail: leak } };
  }
  if (place !== groups.lines) throw changed();
}

function changed(): DecadeError {
  return new DecadeError('input', {
    where: 'lines',
    received: 'other lines when they were read again, as a split asks for',
    allowed: 'lines that can be read three times',
    next: 'pass an array or corpusLines(...)',
  });
}

/** The part of every line, by its place. */
function assigned(
  groups: LeakageGroups,
  drawOf: (place: number) => number,
  { dev, test }: Pick<z.output<typeof splitOptions>, 'dev' | 'test'>,
  report: (facts: { groups: number; largest: number; tooLarge: number }, first: number | undefined) => void,
): (place: number) => CorpusPart {
  const sizes = new Uint32Array(groups.lines);
  for (let place = 0; place < groups.lines; place++) sizes[groups.of(place)] = (sizes[groups.of(place)] as number) + 1;
  let [count, largest] = [0, undefined as number | undefined];
  for (const [root, size] of sizes.entries()) {
    if (size === 0) continue;
    count++;
    if (largest === undefined || size > (sizes[largest] as number)) largest = root;
  }
  // By their draws; those of later parts begin where those of earlier ones end.
  const order = new Uint32Array(count);
  let found = 0;
  for (const [root, size] of sizes.entries()) if (size !== 0) order[found++] = root;
  order.sort((a, b) => drawOf(a) - drawOf(b) || a - b);
  const parts = new Map<number, CorpusPart>();
  const tooLarge = new Set<number>();
  let [next, from] = [0, 0];
  for (const [part, size] of [
    ['test', test],
    ['dev', dev],
  ] as const) {
    const share = shareOf(size);
    const wanted = typeof size === 'string' ? Math.round((share ?? 0) * groups.lines) : size;
    const mostTogether = Math.max(1, Math.floor(wanted / 10));
    let left = wanted;
    for (; next < order.length; next++) {
      const root = order[next] as number;
      if (share === undefined ? left === 0 : drawOf(root) >= from + share) break;
      const lines = sizes[root] as number;
      if (lines > mostTogether) tooLarge.add(root);
      else if (share !== undefined || lines <= left) {
        parts.set(root, part);
        left -= lines;
      }
    }
    from = share === undefined ? drawOf(order[next] ?? order[0] ?? 0) : from + share;
    if (share !== undefined || left === 0) continue;
    throw new DecadeError('input', {
      where: `split options.${part}`,
      received: `${wanted.toLocaleString('en')} lines wanted of ${groups.lines.toLocaleString('en')} that can be used; ${(wanted - left).toLocaleString('en')} found in groups of at most ${mostTogether.toLocaleString('en')}`,
      allowed: 'fewer lines than there are',
      next: 'ask for fewer, or for a higher similarity',
    });
  }
  report({ groups: count, largest: largest === undefined ? 0 : (sizes[largest] as number), tooLarge: tooLarge.size }, largest);
  return (place) => parts.get(groups.of(place)) ?? 'train';
}

/** Finds lines that are, on one side, the same as or near to a line that another part holds. */
class LeakageCheck {
  readonly #sides: { readonly seen: FingerprintMap; readonly near: NearLines | undefined }[] = [];
  readonly #near: NearLinesOptions | undefined;
  readonly #held: { readonly part: CorpusPart; readonly number: number }[] = [];

  constructor(near: NearLinesOptions | undefined) {
    this.#near = near;
  }

  hold(sides: readonly string[], part: CorpusPart, number: number): void {
    const place = this.#held.push({ part, number }) - 1;
    for (const [index, side] of sides.entries()) {
      if (side === '') continue;
      this.#sides[index] ??= { seen: new FingerprintMap(), near: this.#near && new NearLines(this.#near) };
      const { seen, near } = this.#sides[index];
      seen.getOrSet(fingerprint(side), place);
      near?.visitNear([side], () => true);
      near?.add(place);
    }
  }

  /** What a line gives away, if anything: train of both others, dev of test. */
  leakOf(sides: readonly string[], part: CorpusPart): string | undefined {
    if (part === 'test') return undefined;
    const isAnother = (held: { readonly part: CorpusPart }) => held.part !== part;
    for (const [index, side] of sides.entries()) {
      const { seen, near } = this.#sides[index] ?? {};
      if (side === '' || seen === undefined) continue;
      const same = this.#held[seen.get(fingerprint(side)) ?? -1];
      if (same !== undefined && isAnother(same)) return `side ${index + 1} as in line ${same.number} of ${same.part}`;
      let found: string | undefined;
      near?.visitNear([side], (place, similarity) => {
        const held = this.#held[place];
        if (held === undefined || !isAnother(held)) return false;
        found = `side ${index + 1} near to line ${held.number} of ${held.part}: ${similarity.toFixed(2)}`;
        return true;
      });
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
