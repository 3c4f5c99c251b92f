import { Command, Option } from 'commander';
import { exportArpa } from '../../foreign/arpa/export.js';
import { type ExportFormat, exportFormats, exportModel } from '../../foreign/export.js';
import { openOutputFile } from '../../node/files/output-file.js';
import { requireOutput } from '../output.js';
import { nodeRuntime } from '../../node/runtime.js';
import { figure } from '../progress.js';
import { say } from '../terminal.js';

interface ExportArguments {
  readonly to: ExportFormat;
  readonly out: string;
}

export function exportCommand(): Command {
  return new Command('export')
    .description('Write the model of a run for other libraries.')
    .argument('<RUN>', 'run directory, packed model or its URL')
    .addOption(
      new Option(
        '--to <format>',
        'hf: a Transformer as the class of Hugging Face that it is; onnx: graphs for ONNX Runtime and transformers.js; arpa: n-grams',
      )
        .choices(exportFormats)
        .default('hf'),
    )
    .requiredOption('-o, --out <PATH>', 'the folder to make, where nothing may be yet; the ARPA file to write, packed if it ends in .gz')
    .addHelpText(
      'after',
      `
Examples:
  $ decade export runs/en-de --to hf -o opus-mt-mine
  $ decade export runs/en-de --to onnx -o en-de-onnx
  $ decade export runs/5gram --to arpa -o 5gram.arpa`,
    )
    .action((run: string, { to, out }: ExportArguments) => (to === 'arpa' ? writeArpa(run, out) : writeFolder(run, out, to)));
}

async function writeFolder(run: string, out: string, to: 'hf' | 'onnx'): Promise<void> {
  const { architecture, files } = await exportModel(nodeRuntime.files, run, { out, to });
  say(`${out}: ${architecture} (${files.join(', ')})`);
}

async function writeArpa(run: string, out: string): Promise<void> {
  await requireOutput(out);
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
