import type { Command } from 'commander';
import { DecadeError } from '../core/errors.js';

/** Options whose names in the library and on the command line differ. */
const otherNames: Readonly<Record<string, string>> = {
  maximumLength: '--max-length',
  maximumSourceLength: '--max-source-length',
  unknownReplacement: '--replace-unknown',
};

/** An error about an option of the library, under the name by which the command takes it: of `decoding options.beam`, `--beam`. */
export function asTyped(error: DecadeError, command: Command | undefined): DecadeError {
  const [, name = ''] = /^(?:[a-z]+ options\.)?([a-zA-Z]+)(?:\.[a-zA-Z]+)?$/.exec(error.parts.where) ?? [];
  const flag = otherNames[name];
  const option = command?.options.find((each) => (flag === undefined ? each.attributeName() === name : each.long === flag));
  if (error.kind !== 'usage' || option?.long == null) return error;
  return new DecadeError('usage', { ...error.parts, where: option.long, cause: error });
}
