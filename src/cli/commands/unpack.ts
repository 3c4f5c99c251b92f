import { Command } from 'commander';
import { decade } from '../../decade.js';
import { nodeRuntime } from '../../node/runtime.js';
import { interruptible } from '../interruption.js';
import { print } from '../output.js';

const { unpack } = decade(nodeRuntime);

export function unpackCommand(): Command {
  return new Command('unpack')
    .description('Make the run directory that a packed model was made of; its weights become f32 again.')
    .argument('<FILE|URL>', 'packed model')
    .requiredOption('-o, --out <DIR>', 'directory to create; of an ensemble with its runs 1, 2, ... in it')
    .addHelpText(
      'after',
      `
Examples:
  $ decade unpack my-pair.decade -o runs/my-pair
  $ decade unpack https://example.org/my-pair.decade -o runs/my-pair`,
    )
    .action((packed: string, { out }: { out: string }) =>
      interruptible('stopping', async (signal) => {
        for (const run of await unpack(packed, { out, signal })) await print(run);
      }),
    );
}
