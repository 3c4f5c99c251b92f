import { Command, Option } from 'commander';
import { exportArpa } from '../../foreign/arpa/export.js';
import { exportModel } from '../../foreign/export.js';
import { openOutputFile } from '../../node/files/output-file.js';
import { nodeRuntime } from '../../node/runtime.js';
import { figure } from '../progress.js';
import { say } from '../terminal.js';

interface ExportArguments {
  readonly to: 'hf' | 'arpa';
  readonly out: string;
}

export function exportCommand(): Command {
  return new Command('export')
    .description('Write the Transformer of a run as the class of Hugging Face that it is, or its n-grams as an ARPA file.')
    .argument('<RUN>', 'run directory')
    .addOption(new Option('--to <format>', 'what to write').choices(['hf', 'arpa']).default('hf'))
    .requiredOption('-o, --out <PATH>', 'the folder to make, where nothing may be yet; the ARPA file to write, packed if it ends in .gz')
    .addHelpText(
      'after',
      `
Examples:
  $ decade export runs/en-de --to hf -o opus-mt-mine
  $ decade export runs/5gram --to arpa -o 5gram.arpa`,
    )
    .action((run: string, { to, out }: ExportArguments) => (to === 'hf' ? writeFolder(run, out) : writeArpa(run, out)));
}

async function writeFolder(run: string, out: string): Promise<void> {
  const { architecture, files } = await exportModel(nodeRuntime.files, run, { out });
  say(`${out}: ${architecture} (${files.join(', ')})`);
}

async function writeArpa(run: string, out: string): Promise<void> {
  const file = await openOutputFile(out);
  const utf8 = new TextEncoder();
  let isDone = false;
  try {
    const { ngrams } = await exportArpa(nodeRuntime.files, run, (text) => file.write(utf8.encode(text)));
    await file.finish();
    isDone = true;
    say(`${out}: ${ngrams.map((count, index) => `${figure(count)} ${index + 1}-grams`).join(', ')}`);
  } finally {
    if (!isDone) await file.abandon(false);
  }
}
