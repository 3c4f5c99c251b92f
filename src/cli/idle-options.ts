import { Command } from 'commander';
import { DecadeError } from '../core/errors.js';

/** The first of these options that was typed, as `--beam`; a default was not. */
export function typedOption(command: Command, names: readonly string[]): string | undefined {
  const isTyped = (name: string) => names.includes(name) && command.getOptionValueSource(name) === 'cli';
  return command.options.find((option) => isTyped(option.attributeName()))?.long ?? undefined;
}

/** Throws `usage` for the first of these options that was typed: the command would do the same without it. */
export function refuseIdle(command: Command, names: readonly string[], received: string, next: string): void {
  const idle = typedOption(command, names);
  if (idle !== undefined) throw new DecadeError('usage', { where: idle, received, next });
}

/** The names of the options that functions add to a command. */
export function optionNames(...added: readonly ((command: Command) => Command)[]): string[] {
  return added.flatMap((add) => add(new Command()).options.map((option) => option.attributeName()));
}
