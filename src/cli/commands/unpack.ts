import { Command } from 'commander';
import { nodeRuntime } from '../../node/runtime.js';
import { unpackRuns } from '../../packed/unpack.js';
import { print } from '../output.js';

export function unpackCommand(): Command {
  return new Command('unpack')
    .description('Make the run directory that a packed model was made of; its weights become f32 again.')
    .argument('<FILE|URL>', 'packed model')
    .requiredOption('-o, --output <DIR>', 'directory to create; of an ensemble with its runs 1, 2, ... in it')
    .addHelpText(
      'after',
      `
Examples:
  $ decade unpack my-pair.decade -o runs/my-pair
  $ decade unpack https://example.org/my-pair.decade -o runs/my-pair`,
    )
    .action(async (packed: string, { output }: { output: string }) => {
      for (const run of await unpackRuns(nodeRuntime.files, packed, output)) await print(run);
    });
}
