import { wordsOf } from './words.js';

/** Longer phrases that are said twice in a row are no stammer. */
const longestPhrase = 8;

/**
 * Words of a text that only say again what stands right before them: a word counts when it completes a phrase of 1 to 8
 * words that repeats the phrase before it ("the cat the cat sat": 2 of 5).
 */
export function repeatedWords(text: string): number {
  const words = wordsOf(text);
  const repeated = new Uint8Array(words.length);
  for (let length = 1; length <= longestPhrase; length++) {
    // How many words in a row, up to here, equal the word `length` places before them.
    let run = 0;
    for (let place = length; place < words.length; place++) {
      run = words[place] === words[place - length] ? run + 1 : 0;
      if (run >= length) repeated.fill(1, place - length + 1, place + 1);
    }
  }
  return repeated.reduce((sum, one) => sum + one, 0);
}

/** How much more a translation stammers than its reference: repeated words, less those of the reference. */
export function excessRepetition(hypothesis: string, reference: string): number {
  return Math.max(0, repeatedWords(hypothesis) - repeatedWords(reference));
}
