import { DecadeError } from '../core/errors.js';
import type { Configuration } from './configuration.js';
import type { TokenizerUse } from './tokenizers.js';

/**
 * What may differ in a resumed run: when it stops, validates and saves, and where its corpora are: that of training must have
 * the same contents, and on another dev corpus the best model is judged again. Any other change would make it a different run.
 */
const changeable = [
  'data.train',
  'data.dev',
  'training.stop',
  'training.validate.every',
  'training.validate.patience',
  'training.checkpoint',
  'training.report',
  // Another strategy is another placement, which is asked about by itself.
  'training.parallel',
];

/** Throws `usage` if the configuration of a resumed run differs in keys that may not change, with the names of these keys. */
export function requireResumable(before: Configuration, now: Configuration, where: string): void {
  const [was, is] = [leavesOf(before), leavesOf(now)];
  const differing = [...new Set([...was.keys(), ...is.keys()])].filter((key) => was.get(key) !== is.get(key));
  const refused = differing.filter((key) => !changeable.some((prefix) => key === prefix || key.startsWith(`${prefix}.`)));
  if (refused.length === 0) return;
  const changes = refused.map((key) => `${key} ${is.get(key) ?? 'not set'} (was ${was.get(key) ?? 'not set'})`);
  throw new DecadeError('usage', {
    where: `${where}, resuming`,
    received: changes.join(', '),
    allowed: `changes only in ${changeable.join(', ')}`,
    next: refused.every((key) => key.startsWith('tokenizer.'))
      ? 'undo the change; a run that began with --init has the tokenizer of that run: name it again with --init'
      : 'undo the change, or start a new run with --init',
  });
}

/**
 * Describes what a run with `--init` takes from the other run, what those keys of its own configuration are for that differ, and which
 * keys of the other configuration do not apply.
 */
export function describeInit(run: string, before: Configuration, now: Configuration, use: TokenizerUse): string {
  const differing = (part: 'tokenizer' | 'model', had: string) => {
    const [theirs, mine] = [leavesOf(before[part], part), leavesOf(now[part], part)];
    const keys = [...new Set([...theirs.keys(), ...mine.keys()])].filter((key) => theirs.get(key) !== mine.get(key));
    return keys.map((key) => ({ key, words: `${key} ${mine.get(key) ?? 'not set'} (${run} ${had} ${theirs.get(key) ?? 'not set'})` }));
  };
  const effects = new Map<string, string[]>();
  const note = (effect: string | undefined, words: string) =>
    effect !== undefined && effects.set(effect, [...(effects.get(effect) ?? []), words]);
  for (const { key, words } of differing('tokenizer', 'has')) note(effectOf(key, use), words);
  for (const { words } of differing('model', 'was trained with')) note('differs', words);
  return [
    `--init ${run}: begins with its parameters and its vocabulary; its optimizer state, number of updates and configuration are not taken`,
    ...Array.from(effects, ([effect, words]) => `${effect}: ${words.join(', ')}`),
  ].join('; ');
}

/** What a key of the tokenizer's options does where another run's tokenizer is taken; undefined for what is seen anyway. */
function effectOf(key: string, { own, grows, choosesSharing }: TokenizerUse): string | undefined {
  const option = key.replace('tokenizer.', '');
  if (option === 'shared' && choosesSharing) return undefined;
  if (grows && ['size', 'sourceSize', 'targetSize', 'minimumCount'].includes(option) && option !== `${own}Size`) {
    return 'limits what the vocabulary grows by';
  }
  return own === undefined ? 'ignored here' : `only of the ${own}`;
}

/** All values by key path, as JSON. */
function leavesOf(value: unknown, path = '', leaves = new Map<string, string>()): Map<string, string> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) leavesOf(inner, path === '' ? key : `${path}.${key}`, leaves);
  } else if (value !== undefined) {
    leaves.set(path, JSON.stringify(value));
  }
  return leaves;
}
