import { Command } from 'commander';
import { alignCommand } from './commands/align.js';
import { benchCommand } from './commands/bench.js';
import { compareCommand } from './commands/compare.js';
import { compressCommand, decompressCommand } from './commands/compress.js';
import { dataCommand } from './commands/data.js';
import { doctorCommand } from './commands/doctor.js';
import { estimateCommand } from './commands/estimate.js';
import { evaluateCommand } from './commands/evaluate.js';
import { exportCommand } from './commands/export.js';
import { generateCommand } from './commands/generate.js';
import { importCommand } from './commands/import.js';
import { mcpCommand } from './commands/mcp.js';
import { packCommand } from './commands/pack.js';
import { quickstartCommand } from './commands/quickstart.js';
import { reproduceCommand } from './commands/reproduce.js';
import { rescoreCommand } from './commands/rescore.js';
import { reportCommand } from './commands/report.js';
import { scaleCommand } from './commands/scale.js';
import { scoreCommand } from './commands/score.js';
import { serveCommand } from './commands/serve.js';
import { simulateCommand } from './commands/simulate.js';
import { trainCommand } from './commands/train.js';
import { translateCommand } from './commands/translate.js';
import { unpackCommand } from './commands/unpack.js';
import { version } from '../node/version.js';
import { say } from './terminal.js';

const commands = [
  quickstartCommand,
  trainCommand,
  translateCommand,
  generateCommand,
  scoreCommand,
  serveCommand,
  mcpCommand,
  rescoreCommand,
  reproduceCommand,
  evaluateCommand,
  compareCommand,
  reportCommand,
  packCommand,
  unpackCommand,
  estimateCommand,
  simulateCommand,
  dataCommand,
  scaleCommand,
  alignCommand,
  compressCommand,
  decompressCommand,
  benchCommand,
  importCommand,
  exportCommand,
  doctorCommand,
];

/** The whole command line: `decade COMMAND ...`. Parsing a wrong one prints one line and throws a `CommanderError`. */
export function program(): Command {
  const root = new Command('decade')
    // What stands behind a command is its own: scale and scale fit both have --out.
    .enablePositionalOptions()
    .description('Sequence-to-sequence learning: train, analyse and ship models that map one sequence to another.')
    .version(version(), '-v, --version', 'print the version')
    .option('--debug', 'print a stack trace when something fails (any command)')
    .addHelpText('after', '\nStart with:\n  $ decade quickstart\n\nHelp on a command: decade translate --help');
  for (const command of commands) root.addCommand(command());
  for (const command of withSubcommands(root)) {
    command
      .helpOption('-h, --help', 'show this help')
      .allowExcessArguments(false)
      .exitOverride()
      .configureOutput({ writeErr: (text) => say(text.trimEnd()), outputError: (message, write) => write(oneLine(message)) });
  }
  return root;
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

/** Joins `error: unknown option '--bem'` and the suggestion on the next line to one line in decade's style. */
function oneLine(message: string): string {
  return message
    .replace(/^error: /, 'decade: ')
    .trim()
    .replace(/\s*\n\s*/g, ' ');
}
