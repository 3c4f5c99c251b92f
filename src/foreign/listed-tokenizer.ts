import { DecadeError } from '../core/errors.js';
import { ClosedVocabularyTokenizer } from '../text/closed-vocabulary.js';
import { newest, normalise } from '../text/normalisation.js';
import { Pipeline } from '../text/pipeline.js';
import { specialTokens, type Tokenizer } from '../text/tokenizer.js';
import { Vocabulary } from '../text/vocabulary.js';

/**
 * The tokenizer of a model that names only its tokens: its text comes in tokens already. Where each token is one character the text is
 * taken by characters, otherwise by words between spaces.
 *
 * @param tokens  in the order of the other library
 * @param rows    of every token id here, its place among them
 * @throws DecadeError `input` for a token that is there twice
 */
export function listedTokenizer(tokens: readonly string[], rows: Int32Array, where: string): Tokenizer {
  const own = Array.from(rows.subarray(specialTokens.length), (row) => tokens[row] as string);
  const vocabulary = new Vocabulary(own);
  if (vocabulary.size !== rows.length) {
    const twice = own.find((token, place) => own.indexOf(token) < place || specialTokens.some((special) => special === token)) ?? '';
    throw new DecadeError('input', { where, received: `the token ${JSON.stringify(twice)} twice`, allowed: 'every token once' });
  }
  const isOfCharacters = own.every((token) => Array.from(token).length === 1);
  if (!isOfCharacters) return new ClosedVocabularyTokenizer('word', pipeline('spaces'), vocabulary);
  // A character that normalising would drop or change is one that the model knows.
  const staysItself = own.every((token) => normalise(`a${token}a`, {}) === `a${token}a`);
  return new ClosedVocabularyTokenizer('character', pipeline(staysItself ? 'characters' : 'verbatim'), vocabulary);
}

function pipeline(segmentation: 'spaces' | 'characters' | 'verbatim'): Pipeline {
  return new Pipeline({ segmentation, lowercase: false, normalisation: newest });
}
