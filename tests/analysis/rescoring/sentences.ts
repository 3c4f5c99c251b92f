import type { RescoredHypothesis, RescoredSentence } from '../../../src/analysis/rescoring/rescoring.js';
import { ranked } from '../../../src/analysis/rescoring/rescoring.js';
import { randomKey, uniform, uniformInteger } from '../../../src/core/random.js';
import { bleu } from '../../../src/metrics/bleu.js';
import { evaluate } from '../../../src/metrics/evaluate.js';

const words = ['a', 'b', 'c', 'd', 'e'];
const sentenceOf = (key: number, from: number) =>
  Array.from({ length: 6 }, (_, place) => words[uniformInteger(key, from + place, words.length)]).join(' ');

export function hypothesis(text: string, own: number, model: number): RescoredHypothesis {
  return { text, features: '', score: own, further: [], own, model };
}

/** Hypotheses that share more or fewer words with the reference, scored at random by both. */
export function randomSentences(count: number, hypotheses: number, seed: number): RescoredSentence[] {
  return Array.from({ length: count }, (_, sentence) => {
    const key = randomKey(seed, 'sample', sentence);
    const reference = sentenceOf(key, 0);
    const list = Array.from({ length: hypotheses }, (_, rank) => {
      const text = reference
        .split(' ')
        .map((word, place) => (uniform(key, 100 + 10 * rank + place) < 0.4 ? 'x' : word))
        .join(' ');
      return hypothesis(text, -5 * uniform(key, 1_000 + rank), -20 * uniform(key, 2_000 + rank));
    });
    return { sentence, source: '', references: [reference], hypotheses: list };
  });
}

/** BLEU of the choice that a weight makes. */
export function bleuAt(sentences: readonly RescoredSentence[], weight: number): number {
  const chosen = sentences.map(({ hypotheses }) => ranked(hypotheses, weight)[0]?.text ?? '');
  return evaluate(bleu(), chosen, [sentences.map(({ references }) => references[0] ?? '')]).score;
}
