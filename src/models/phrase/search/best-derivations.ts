import { PriorityQueue } from '../../../text/priority-queue.js';
import type { Lattice } from './lattice.js';
import type { TranslationOptions } from './translation-options.js';

/** The translation options that a translation is made of, in its order. */
export type Derivation = readonly number[];

/** Arcs from the goal back to some node: the last arc is the way's first. */
interface Way {
  readonly arc: number;
  readonly after: Way | undefined;
}

/** A derivation that follows the best arcs up to a node, then takes the arc of `rank` to it, then goes on as `after`. */
interface Deviation {
  readonly score: number;
  readonly node: number;
  readonly rank: number;
  readonly after: Way | undefined;
}

/** Of this many derivations per text that is asked for, others may have texts that were found before. */
const derivationsPerText = 20;

/**
 * The best derivations of a node whose texts are distinct, the best first (of equal ones, the one that is found first). A
 * derivation is the best one but for the last node at which it deviates from it; whatever deviates there by the next arc, or at a node
 * before it, is not better. So a queue that begins with the best one gives all in their order (Lawler 1972).
 */
export function bestDerivations(lattice: Lattice, goal: number, count: number, options: TranslationOptions): Derivation[] {
  const arcs = new Map<number, number[]>();
  const arcsTo = (node: number): number[] => {
    const known = arcs.get(node) ?? lattice.arcsTo(node);
    arcs.set(node, known);
    return known;
  };
  const queue = new PriorityQueue<Deviation>((a, b) => a.score > b.score);
  const deviate = (score: number, node: number, rank: number, after: Way | undefined) => {
    const arc = arcsTo(node)[rank];
    if (arc === undefined) return;
    const loss = (lattice.scores[node] as number) - (lattice.arcScores[arc] as number);
    queue.push({ score: score - loss, node, rank, after });
  };
  const texts = new Set<string>();
  const found: Derivation[] = [];
  if (goal === 0) return [[]];
  deviate(lattice.scores[goal] as number, goal, 0, undefined);
  for (let tries = count * derivationsPerText; tries > 0 && found.length < count; tries--) {
    const deviation = queue.pop();
    if (deviation === undefined) break;
    const { score, node, rank, after } = deviation;
    const arc = arcsTo(node)[rank] as number;
    const bestScore = score + (lattice.scores[node] as number) - (lattice.arcScores[arc] as number);
    deviate(bestScore, node, rank + 1, after);
    let way: Way = { arc, after };
    for (let place = lattice.origins[arc] as number; place !== 0; ) {
      deviate(score, place, 1, way);
      const best = lattice.bestArcs[place] as number;
      way = { arc: best, after: way };
      place = lattice.origins[best] as number;
    }
    const derivation = optionsOf(way, lattice);
    const text = textOf(derivation, options);
    if (texts.has(text)) continue;
    texts.add(text);
    found.push(derivation);
  }
  return found;
}

function optionsOf(way: Way, lattice: Lattice): Derivation {
  const derivation: number[] = [];
  for (let step: Way | undefined = way; step !== undefined; step = step.after) derivation.push(lattice.options[step.arc] as number);
  return derivation;
}

function textOf(derivation: Derivation, { phrases, isUnknown, starts }: TranslationOptions): string {
  // An unknown word is written as it stands in the source, so that two of them are not the same.
  return derivation.map((option) => (isUnknown[option] ? `source ${starts[option]}` : phrases[option]?.target.join(' '))).join(' ');
}
