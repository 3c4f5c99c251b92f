import type { NumberedPairs } from '../../core/numbered-pairs.js';
import type { ParameterStore } from '../../nn/parameters.js';
import type { PhraseOptions, PhraseTableSizes } from './options.js';
import { orientationKinds, type PhraseCounts } from './phrase-counts.js';
import { phraseFeatures } from './phrase-table.js';
import { phraseProbabilities } from './smoothing.js';

/**
 * A phrase table as columns of 32-bit floats, like the parameters of any model; ids and places are whole numbers, which a float holds up
 * to 2^24. Source phrases are nodes of a tree in breadth-first order, the children of a node sorted by their words; target phrases are
 * nodes that know their parents.
 */
export const phraseColumns = {
  /** The last word of each source node; the root, node 0, has none. */
  sourceWords: 'phrases.source.words',
  /** Where the children of each source node begin, and after the last where they end. */
  sourceChildren: 'phrases.source.children',
  /** Where the options of each source node begin, and after the last where they end: the most probable first. */
  sourceOptions: 'phrases.source.options',
  /** The last word of each target node. */
  targetWords: 'phrases.target.words',
  /** Its node without it. */
  targetParents: 'phrases.target.parents',
  /** The target node of each option. */
  optionTargets: 'phrases.options.targets',
  /** See `alignmentCode`. */
  optionAlignments: 'phrases.options.alignments',
  /** [options, 4]: `phraseFeatures`. */
  optionFeatures: 'phrases.options.features',
  /** [options, 6]: as `PhraseOption.reordering`. */
  optionReordering: 'phrases.options.reordering',
} as const;
type PhraseColumn = keyof typeof phraseColumns;

/** Columns of a phrase table. */
export type PhraseTables = ReadonlyMap<string, Int32Array | Float32Array>;

/** Names and sizes of all columns. */
function columnSizes({ sources, targets, options }: PhraseTableSizes, isLexicalised: boolean): ReadonlyMap<string, number> {
  const sizes: Partial<Record<PhraseColumn, number>> = {
    sourceWords: sources + 1,
    sourceChildren: sources + 2,
    sourceOptions: sources + 2,
    targetWords: targets + 1,
    targetParents: targets + 1,
    optionTargets: options,
    optionAlignments: options,
    optionFeatures: phraseFeatures.length * options,
    ...(isLexicalised && { optionReordering: 2 * orientationKinds * options }),
  };
  return new Map(Object.entries(sizes).map(([column, size]) => [phraseColumns[column as PhraseColumn], size]));
}

/** Declares the columns as parameters. Before they are filled no phrase has an option. */
export function declarePhraseTables(store: ParameterStore, { counted, reordering }: PhraseOptions): void {
  const section = store.section({ side: 'source', initial: { kind: 'constant', value: 0 } });
  const sizes = counted ?? { sources: 0, targets: 0, options: 0 };
  for (const [name, size] of columnSizes(sizes, reordering === 'lexicalised')) section.declare(name, [size]);
}

/** What counting left of memory's columns: all phrase pairs, of each source phrase the most probable. */
export function makePhraseTables(
  counts: PhraseCounts,
  { smoothing, optionsPerPhrase }: Pick<PhraseOptions, 'smoothing' | 'optionsPerPhrase'>,
): { readonly tables: PhraseTables; readonly sizes: PhraseTableSizes } {
  const { direct, inverse } = phraseProbabilities(counts, smoothing);
  const { directLexical, inverseLexical, alignments, orientations, pairs } = counts;
  const featuresOf = (pair: number) => [inverse[pair], inverseLexical[pair], direct[pair], directLexical[pair]] as FeatureValues;
  const total = (pair: number) => featuresOf(pair).reduce((sum, value) => sum + value, 0);

  const tree = breadthFirst(counts.sources);
  const grouped = groupedBy(pairs.firsts, tree.order.length);
  const kept: number[] = [];
  const sourceOptions = new Int32Array(tree.order.length + 1);
  for (const [place, node] of tree.order.entries()) {
    const ofNode = Array.from(
      grouped.members.subarray(grouped.begins[node], grouped.begins[node + 1]),
      (pair) => [pair, total(pair)] as const,
    );
    ofNode.sort(([one, first], [other, second]) => second - first || one - other);
    for (const [pair] of ofNode.slice(0, optionsPerPhrase)) kept.push(pair);
    sourceOptions[place + 1] = kept.length;
  }

  const targets = usedNodes(counts.targets, kept, pairs.seconds);
  const features = new Float32Array(phraseFeatures.length * kept.length);
  for (const [option, pair] of kept.entries()) features.set(featuresOf(pair), phraseFeatures.length * option);
  const columns: Partial<Record<PhraseColumn, Int32Array | Float32Array>> = {
    sourceWords: tree.order.map((node) => (node === 0 ? 0 : (counts.sources.seconds[node - 1] as number))),
    sourceChildren: tree.children,
    sourceOptions,
    targetWords: targets.words,
    targetParents: targets.parents,
    optionTargets: Int32Array.from(kept, (pair) => targets.places[pairs.seconds[pair] as number] as number),
    optionAlignments: Int32Array.from(kept, (pair) => alignments[pair] as number),
    optionFeatures: features,
    ...(orientations && { optionReordering: reorderingOf(kept, orientations) }),
  };
  return {
    tables: new Map(Object.entries(columns).map(([column, values]) => [phraseColumns[column as PhraseColumn], values])),
    sizes: { sources: tree.order.length - 1, targets: targets.words.length - 1, options: kept.length },
  };
}

type FeatureValues = [number, number, number, number];

/** A node's number in the tree is one higher than that of its pair of parent and word. */
interface BreadthFirst {
  /** The node at each place. */
  readonly order: Int32Array;
  /** Where the children of the node at each place begin, and after the last where they end. */
  readonly children: Int32Array;
}

function breadthFirst({ size, firsts: parents, seconds: words }: NumberedPairs): BreadthFirst {
  const nodes = size + 1;
  const { begins, members } = groupedBy(parents, nodes);
  const order = new Int32Array(nodes);
  const children = new Int32Array(nodes + 1);
  let next = 1;
  for (let place = 0; place < nodes; place++) {
    const node = order[place] as number;
    children[place] = next;
    const own = members.subarray(begins[node], begins[node + 1]).sort((a, b) => (words[a] as number) - (words[b] as number));
    for (const number of own) order[next++] = number + 1;
  }
  children[nodes] = next;
  return { order, children };
}

/** Numbers by their keys: those of key k from begins[k] to before begins[k + 1], in their order. */
function groupedBy(keys: Int32Array, size: number): { readonly begins: Int32Array; readonly members: Int32Array } {
  const begins = new Int32Array(size + 1);
  for (const key of keys) begins[key + 1] = (begins[key + 1] as number) + 1;
  for (let key = 0; key < size; key++) begins[key + 1] = (begins[key + 1] as number) + (begins[key] as number);
  const next = begins.slice();
  const members = new Int32Array(keys.length);
  for (let number = 0; number < keys.length; number++) {
    const key = keys[number] as number;
    const place = next[key] as number;
    members[place] = number;
    next[key] = place + 1;
  }
  return { begins, members };
}

/** The target nodes that options need, and their parents: made before their children, so their numbers are lower. */
function usedNodes({ size, firsts: parents, seconds: words }: NumberedPairs, kept: readonly number[], targetOf: Int32Array) {
  const isUsed = new Uint8Array(size + 1);
  for (const pair of kept) isUsed[targetOf[pair] as number] = 1;
  for (let node = size; node > 0; node--) if (isUsed[node] === 1) isUsed[parents[node - 1] as number] = 1;
  isUsed[0] = 1;
  const places = new Int32Array(size + 1);
  let used = 0;
  for (let node = 0; node <= size; node++) if (isUsed[node] === 1) places[node] = used++;
  const [usedWords, usedParents] = [new Int32Array(used), new Int32Array(used)];
  for (let node = 1; node <= size; node++) {
    if (isUsed[node] === 0) continue;
    usedWords[places[node] as number] = words[node - 1] as number;
    usedParents[places[node] as number] = places[parents[node - 1] as number] as number;
  }
  return { places, words: usedWords, parents: usedParents };
}

/** Added to every count of an orientation, as Moses does. */
const orientationSmoothing = 0.5;

function reorderingOf(kept: readonly number[], orientations: Int32Array): Float32Array {
  const values = new Float32Array(2 * orientationKinds * kept.length);
  for (const [option, pair] of kept.entries()) {
    for (let side = 0; side < 2; side++) {
      const first = (2 * pair + side) * orientationKinds;
      const counts = orientations.subarray(first, first + orientationKinds);
      const total = counts.reduce((sum, count) => sum + count + orientationSmoothing, 0);
      const logarithms = Array.from(counts, (count) => Math.log((count + orientationSmoothing) / total));
      values.set(logarithms, (2 * option + side) * orientationKinds);
    }
  }
  return values;
}
