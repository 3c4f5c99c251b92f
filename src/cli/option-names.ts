import type { Command } from 'commander';
import { DecadeError } from '../core/errors.js';

/** Options whose names in the library and on the command line differ. */
const otherNames: Readonly<Record<string, string>> = {
  maximumLength: '--max-length',
  maximumSourceLength: '--max-source-length',
  maximumPromptLength: '--max-prompt-length',
  groups: '--diverse-groups',
  unknownReplacement: '--replace-unknown',
};

/**
 * An error about an option of the library, under the name by which the command takes it: of `decoding options.beam`, `--beam`; of
 * `decoding options.sample.topP`, `--top-p`.
 */
export function asTyped(error: DecadeError, command: Command | undefined): DecadeError {
  const [, outer = '', inner = ''] = /^(?:[a-zA-Z]+ options\.)?([a-zA-Z]+)(?:\.([a-zA-Z0-9]+))?$/.exec(error.parts.where) ?? [];
  const optionNamed = (name: string) => {
    const flag = otherNames[name];
    return command?.options.find((each) => (flag === undefined ? each.attributeName() === name : each.long === flag));
  };
  const option = optionNamed(inner) ?? optionNamed(outer);
  if (error.kind !== 'usage' || option?.long == null) return error;
  return new DecadeError('usage', { ...error.parts, where: option.long, cause: error });
}
