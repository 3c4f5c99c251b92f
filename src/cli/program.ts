import { Command } from 'commander';
import { version } from '../node/version.js';
import { isBesideRankZero } from './ranks.js';
import { say } from './terminal.js';

/**
 * The commands in the order of the help. Each is loaded when it is called: all of them take twice as long to load as one.
 */
const commands: { readonly [name: string]: () => Promise<() => Command> } = {
  quickstart: async () => (await import('./commands/quickstart.js')).quickstartCommand,
  train: async () => (await import('./commands/train.js')).trainCommand,
  translate: async () => (await import('./commands/translate.js')).translateCommand,
  generate: async () => (await import('./commands/generate.js')).generateCommand,
  score: async () => (await import('./commands/score.js')).scoreCommand,
  serve: async () => (await import('./commands/serve.js')).serveCommand,
  mcp: async () => (await import('./commands/mcp.js')).mcpCommand,
  rescore: async () => (await import('./commands/rescore.js')).rescoreCommand,
  reproduce: async () => (await import('./commands/reproduce.js')).reproduceCommand,
  evaluate: async () => (await import('./commands/evaluate.js')).evaluateCommand,
  compare: async () => (await import('./commands/compare.js')).compareCommand,
  report: async () => (await import('./commands/report.js')).reportCommand,
  pack: async () => (await import('./commands/pack.js')).packCommand,
  unpack: async () => (await import('./commands/unpack.js')).unpackCommand,
  estimate: async () => (await import('./commands/estimate.js')).estimateCommand,
  simulate: async () => (await import('./commands/simulate.js')).simulateCommand,
  data: async () => (await import('./commands/data.js')).dataCommand,
  scale: async () => (await import('./commands/scale.js')).scaleCommand,
  align: async () => (await import('./commands/align.js')).alignCommand,
  compress: async () => (await import('./commands/compress.js')).compressCommand,
  decompress: async () => (await import('./commands/compress.js')).decompressCommand,
  bench: async () => (await import('./commands/bench.js')).benchCommand,
  import: async () => (await import('./commands/import.js')).importCommand,
  export: async () => (await import('./commands/export.js')).exportCommand,
  doctor: async () => (await import('./commands/doctor.js')).doctorCommand,
};

/**
 * The command line: `decade COMMAND ...`, of one command where its name is known, otherwise of all. Parsing a wrong one prints one line
 * and throws a `CommanderError`.
 */
export async function program(name?: string): Promise<Command> {
  const root = new Command('decade')
    // What stands behind a command is its own: scale and scale fit both have --out.
    .enablePositionalOptions()
    .description('Sequence-to-sequence learning: train, analyse and ship models that map one sequence to another.')
    .version(version(), '-v, --version', 'print the version')
    .option('--debug', 'print a stack trace when something fails (any command)')
    .addHelpText('after', '\nStart with:\n  $ decade quickstart\n\nHelp on a command: decade translate --help');
  const named = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  const made = await Promise.all((named === undefined ? Object.values(commands) : [named]).map((load) => load()));
  for (const command of made) root.addCommand(command());
  for (const command of withSubcommands(root)) {
    command
      .helpOption('-h, --help', 'show this help')
      .allowExcessArguments(false)
      .exitOverride()
      .configureOutput({
        writeErr: (text) => say(text.trimEnd()),
        outputError: (message, write) => {
          if (!isBesideRankZero()) write(oneLine(message));
        },
      });
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
