import { Fragment } from 'preact';
import { type Alternative, isUnlikely } from './reading.js';

/** A translation with its unlikely words marked. */
export function TranslationText({ alternative: { words } }: { readonly alternative: Alternative }) {
  return words.map((word, index) => (
    <Fragment key={index}>
      {index > 0 && ' '}
      {isUnlikely(word) ? <span class="unlikely">{word.text}</span> : word.text}
    </Fragment>
  ));
}
