import { Command } from 'commander';
import { decade } from '../../decade.js';
import { nodeRuntime } from '../../node/runtime.js';
import { version } from '../../node/version.js';
import { interruptible } from '../interruption.js';
import { runsNamed } from '../model.js';
import { languagesNamed, type ServedArguments, withServedOptions } from './serve.js';

export function mcpCommand(): Command {
  const command = new Command('mcp')
    .description('Give models to an agent as tools, over standard input and output (Model Context Protocol).')
    .argument('<MODEL...>', 'run directories or packed models');
  return withServedOptions(command)
    .addHelpText('after', '\nAn agent starts it itself.\n\nExample:\n  $ decade mcp runs/quickstart')
    .action((models: string[], options: ServedArguments) => interruptible('stopping', (signal) => run(models, options, signal)));
}

async function run(models: readonly string[], { languages, threads, gemm, beam }: ServedArguments, signal: AbortSignal): Promise<void> {
  const { agentByPipe } = await import('../../agents/mcp.js');
  const { resolveServerOptions } = await import('../../server/options.js');
  const { Service } = await import('../../server/service.js');
  const library = decade(nodeRuntime);
  const paths = (await Promise.all(models.map(runsNamed))).flat();
  const options = resolveServerOptions({ languages: languagesNamed(languages), beam });
  const service = await Service.open(library, paths, options, { devices: threads, gemm });
  try {
    await agentByPipe(service, library, version(), { input: process.stdin, output: process.stdout, signal });
  } finally {
    await service.dispose();
  }
}
