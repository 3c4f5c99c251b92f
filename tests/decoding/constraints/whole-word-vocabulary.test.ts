import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { phraseOf } from '../../../src/decoding/constraints/phrase.js';
import { PhraseAutomaton } from '../../../src/decoding/constraints/phrase-automaton.js';
import { SurfaceIndex, surfacesOf } from '../../../src/decoding/constraints/surfaces.js';

const encoder = new TextEncoder();
function automatonOf(written: readonly string[], phrases: readonly string[]): PhraseAutomaton {
  const surfaces = new SurfaceIndex(surfacesOf({ size: written.length, bytes: (id) => encoder.encode(written[id]) }));
  return new PhraseAutomaton(surfaces, phrases.map(phraseOf));
}

describe('in a vocabulary of whole words', () => {
  const words = [' a', ' b', ' c', '.'];

  test('the word itself is kept out, since whatever followed would complete it', () => {
    const automaton = automatonOf(words, ['b', 'a c']);
    assert.deepEqual(automaton.completing(automaton.start), [1]);
    assert.deepEqual([...automaton.completing(automaton.next(automaton.start, 0).state)].sort(), [1, 2]);
  });

  test('after a prefix that has it something may follow', () => {
    const automaton = automatonOf(words, ['b']);
    const { state } = automaton.next(automaton.start, 1);
    assert.deepEqual(automaton.completing(state), []);
    assert.deepEqual(automaton.completing(automaton.next(state, 0).state), [1]);
  });
});

test('where a token can go on with a word, the word may begin', () => {
  const automaton = automatonOf([' a', ' b', 's'], ['b']);
  assert.deepEqual(automaton.completing(automaton.start), []);
  assert.deepEqual([...automaton.completing(automaton.next(automaton.start, 1).state)].sort(), [0, 1]);
});
