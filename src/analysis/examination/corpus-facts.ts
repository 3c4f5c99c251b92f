import type { Files } from '../../core/files.js';
import { readPassages, type TextSource } from '../../data/documents.js';
import { textOf } from '../../data/passage.js';
import { type CorpusSource, describeSource, isText, readPairs } from '../../data/sources.js';
import { turns } from '../../core/event-loop.js';
import type { TestSet } from './scored-sentences.js';
import type { WorkControl } from '../work.js';
import { wordsOf } from './words.js';

/** What can be counted of one side of a corpus. */
export interface SideFacts {
  readonly words: number;
  readonly distinctWords: number;
  /** Words in the longest sentence. */
  readonly longest: number;
}

/** What can be counted of a corpus. */
export interface CorpusFacts {
  readonly name: string;
  /** Of text: documents. */
  readonly pairs: number;
  /** Lines that hold no pair, or no text. */
  readonly unusable: number;
  /** Undefined for text. */
  readonly source: SideFacts | undefined;
  /** Undefined for sentences without references. */
  readonly target: SideFacts | undefined;
  /** Set when there are more pairs than were read. */
  readonly isPart: boolean;
}

/** Enough for ranks of words and mean lengths; more would take minutes. */
const mostPairs = 1_000_000;
const mostBytes = 100_000_000;

/** Counts a corpus, up to its first million pairs, and how often each word of the source occurs in it. */
export async function corpusFacts(
  files: Files,
  source: CorpusSource,
  { signal, onProgress }: WorkControl = {},
): Promise<{ facts: CorpusFacts; frequencies: Map<string, number> }> {
  if (isText(source)) return textFacts(files, source, { signal, onProgress });
  const sides = { source: new SideCounter(), target: new SideCounter() };
  let [pairs, unusable, isPart] = [0, 0, false];
  const turn = turns();
  for await (const pair of readPairs(files, source)) {
    if ('unusable' in pair) {
      unusable++;
      continue;
    }
    if (pairs === mostPairs) {
      isPart = true;
      break;
    }
    pairs++;
    sides.source.add(pair.source);
    sides.target.add(pair.target);
    const others = turn();
    if (others === undefined) continue;
    await others;
    signal?.throwIfAborted();
    // How many there are is not known before they have been read.
    onProgress?.({ label: 'counting words', fraction: undefined, figures: [`${pairs.toLocaleString('en')} pairs`] });
  }
  const facts = { name: describeSource(source), pairs, unusable, source: sides.source.facts, target: sides.target.facts, isPart };
  return { facts, frequencies: sides.source.counts };
}

async function textFacts(
  files: Files,
  source: TextSource,
  { signal, onProgress }: WorkControl,
): Promise<{ facts: CorpusFacts; frequencies: Map<string, number> }> {
  const counter = new SideCounter();
  let [documents, unusable, bytes, isPart] = [0, 0, 0, false];
  const turn = turns();
  for await (const passage of readPassages(files, source)) {
    if (bytes >= mostBytes) {
      isPart = true;
      break;
    }
    const { text, brokenLines } = textOf(passage);
    counter.add(text);
    unusable += brokenLines.length;
    bytes += passage.bytes.length;
    if (passage.ends) documents++;
    await turn();
    signal?.throwIfAborted();
    onProgress?.({ label: 'counting words', fraction: undefined, figures: [`${bytes.toLocaleString('en')} bytes`] });
  }
  const facts = { name: describeSource(source), pairs: documents, unusable, source: undefined, target: counter.facts, isPart };
  return { facts, frequencies: counter.counts };
}

/** The same of sentences that are already at hand, of the first set of references. */
export function testSetFacts({ name, sources, references: [references] }: TestSet): CorpusFacts {
  const counted = (texts: readonly string[]) => {
    const counter = new SideCounter();
    for (const text of texts) counter.add(text);
    return counter.facts;
  };
  return {
    name,
    pairs: sources.length,
    unusable: 0,
    source: counted(sources),
    target: references && counted(references),
    isPart: false,
  };
}

/** How often each word occurs. */
export function wordFrequencies(texts: readonly string[]): Map<string, number> {
  const counter = new SideCounter();
  for (const text of texts) counter.add(text);
  return counter.counts;
}

class SideCounter {
  readonly counts = new Map<string, number>();
  #words = 0;
  #longest = 0;

  add(text: string): void {
    const words = wordsOf(text);
    for (const word of words) this.counts.set(word, (this.counts.get(word) ?? 0) + 1);
    this.#words += words.length;
    this.#longest = Math.max(this.#longest, words.length);
  }

  get facts(): SideFacts {
    return { words: this.#words, distinctWords: this.counts.size, longest: this.#longest };
  }
}
