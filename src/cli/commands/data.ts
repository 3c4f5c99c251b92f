import { Command } from 'commander';
import { dedupCommand } from './data-dedup.js';
import { filterCommand } from './data-filter.js';
import { splitCommand } from './data-split.js';
import { statsCommand } from './data-stats.js';

export function dataCommand(): Command {
  return new Command('data')
    .description('Examine and clean a corpus: parallel text or text in one language, plain or .gz, of any size.')
    .addCommand(statsCommand())
    .addCommand(dedupCommand())
    .addCommand(filterCommand())
    .addCommand(splitCommand())
    .addHelpText(
      'after',
      `
Example:
  $ decade data stats --source train.en --target train.fr
  $ decade data dedup --source train.en --target train.fr --near 0.8 -o unique.en unique.fr
  $ decade data filter --source unique.en --target unique.fr --languages en,fr -o clean.en clean.fr
  $ decade data split --source clean.en --target clean.fr --dev 1000 --test 2000 --out split`,
    );
}
