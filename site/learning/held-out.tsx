import type { Attempt } from './learner.js';

/** Sentences that the network has never been shown, each with what it writes for it now. */
export function HeldOut({ attempts }: { readonly attempts: readonly Attempt[] }) {
  return (
    <>
      <p class="squares" aria-hidden="true">
        {attempts.map((attempt) => (
          <span key={attempt.source} class={isRight(attempt) ? 'right' : undefined} />
        ))}
      </p>
      <ul class="held-out">
        {attempts.map((attempt) => (
          <li key={attempt.source}>
            <span class="mark" role="img" aria-label={isRight(attempt) ? 'right' : 'not right yet'}>
              {isRight(attempt) ? '✓' : ''}
            </span>
            <div>
              <div class="source" lang="en">
                {attempt.source}
              </div>
              <div class={isRight(attempt) ? 'written' : 'written wrong'} lang="fr">
                {attempt.written === undefined ? '…' : shortened(attempt.written)}
              </div>
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}

export function isRight({ written, target }: Attempt): boolean {
  return written === target;
}

/** A network that knows little may not find an end. */
function shortened(text: string): string {
  return text.length > 90 ? `${text.slice(0, 90)} …` : text;
}
