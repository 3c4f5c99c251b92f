import { wordsOf } from '../analysis/examination/words.js';

/** A sentence, its changed version, and another sentence whose distance is the unit. */
export type Triple<Item> = readonly [sentence: Item, changed: Item, other: Item];

/** For each triple, the distances of the sentence to its changed version and to the other. */
export function distances(triples: readonly Triple<string>[], vectors: ReadonlyMap<string, Float32Array>): [number, number][] {
  return triples.map((triple) => {
    const [sentence, changed, other] = triple.map((line) => vectors.get(line) as Float32Array) as unknown as Triple<Float32Array>;
    return [distance(sentence, changed), distance(sentence, other)];
  });
}

/** Mean distance between sentences of different classes, divided by that within classes. */
export function separation(classes: readonly (readonly Float32Array[])[]): number {
  const placed = classes.flatMap((vectors, index) => vectors.map((vector) => ({ vector, index })));
  const [within, between]: [number[], number[]] = [[], []];
  for (const [place, one] of placed.entries()) {
    for (const other of placed.slice(place + 1)) (one.index === other.index ? within : between).push(distance(one.vector, other.vector));
  }
  return meanOf(between) / meanOf(within);
}

/** Word counts of a line without their order: the control that knows only words. */
export function bagOfWords(lines: readonly string[]): Map<string, Float32Array> {
  const places = new Map([...new Set(lines.flatMap(wordsOf))].map((word, place) => [word, place]));
  return new Map(
    lines.map((line) => {
      const counts = new Float32Array(places.size);
      for (const word of wordsOf(line)) (counts[places.get(word) as number] as number) += 1;
      return [line, counts];
    }),
  );
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function distance(a: Float32Array, b: Float32Array): number {
  return Math.sqrt(a.reduce((sum, value, index) => sum + (value - (b[index] as number)) ** 2, 0));
}
