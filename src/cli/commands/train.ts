import { Command } from 'commander';

export function trainCommand(): Command {
  return new Command('train');
}
