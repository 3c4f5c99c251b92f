import { Command } from 'commander';
import { shellWord } from '../../core/shell.js';
import { importModel } from '../../foreign/import.js';
import { nodeRuntime } from '../../node/runtime.js';
import { say } from '../terminal.js';

export function importCommand(): Command {
  return new Command('import')
    .description('Make a run of a model from Hugging Face, Marian or CTranslate2, or of n-grams in an ARPA file.')
    .argument('<MODEL>', 'a folder with model.safetensors, a .npz of Marian or model.bin of CTranslate2, or a file .arpa or .arpa.gz')
    .requiredOption('-o, --out <RUN>', 'the run directory to make; nothing may be there yet')
    .addHelpText(
      'after',
      `
Examples:
  $ decade import opus-mt-en-de -o runs/en-de
  $ echo 'A dog runs.' | decade translate -m runs/en-de
  $ decade import 5gram.arpa -o runs/5gram`,
    )
    .action(async (path: string, { out }: { out: string }) => {
      const { architecture, description, parameters, vocabularies } = await importModel(nodeRuntime.files, path, { out });
      const { source, target } = vocabularies;
      const tokens = [...(source === undefined || source === target ? [] : [source]), target].map((size) => size.toLocaleString('en'));
      say(`${architecture}: ${description}; ${parameters.toLocaleString('en')} parameters, ${tokens.join(' and ')} tokens`);
      const next = source === undefined ? 'generate' : 'translate';
      say(`${out} is a run like any other: decade ${next} -m ${shellWord(out)}`);
    });
}
