import { Command, Option } from 'commander';
import { exportModel } from '../../foreign/export.js';
import { nodeRuntime } from '../../node/runtime.js';
import { say } from '../terminal.js';

export function exportCommand(): Command {
  return new Command('export')
    .description('Write the Transformer of a run as the class of Hugging Face that it is.')
    .argument('<RUN>', 'run directory')
    .addOption(new Option('--to <format>', 'the layout to write').choices(['hf']).default('hf'))
    .requiredOption('-o, --out <FOLDER>', 'the folder to make; nothing may be there yet')
    .addHelpText('after', '\nExample:\n  $ decade export runs/en-de --to hf -o opus-mt-mine')
    .action(async (run: string, { out }: { out: string }) => {
      const { architecture, files } = await exportModel(nodeRuntime.files, run, { out });
      say(`${out}: ${architecture} (${files.join(', ')})`);
    });
}
