import { markOf } from './attention-lines.js';
import type { Alternative } from './reading.js';

/** A translation with its unlikely words marked. */
export function TranslationText({ alternative: { words } }: { readonly alternative: Alternative }) {
  return (
    <>
      {words.map((word, index) => {
        const mark = markOf(word);
        return (
          <>
            {index > 0 && ' '}
            {mark === undefined ? word.text : <span class={mark}>{word.text}</span>}
          </>
        );
      })}
    </>
  );
}
