import { type Command, InvalidArgumentError, Option } from 'commander';

/** Parses an option's whole number of at least `smallest`. */
export function wholeNumber(smallest: number, largest = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < smallest || value > largest) {
      const upTo = largest === Number.MAX_SAFE_INTEGER ? '' : ` to ${largest}`;
      throw new InvalidArgumentError(`expected an integer from ${smallest}${upTo}`);
    }
    return value;
  };
}

/** Parses an option's number of at least `smallest`. */
export function numberFrom(smallest: number, largest = Number.POSITIVE_INFINITY): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < smallest || value > largest)
      throw new InvalidArgumentError(`expected a number from ${smallest}${Number.isFinite(largest) ? ` to ${largest}` : ''}`);
    return value;
  };
}

/** Parses names separated by commas: `bleu,chrf`. */
export function names(text: string): string[] {
  const list = text.split(',').map((name) => name.trim());
  if (list.includes('')) throw new InvalidArgumentError('expected names separated by commas');
  return list;
}

/** Collects the values of an option that may be repeated. */
export function gathered(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/** Changes of a configuration. */
export function withSetOption(command: Command): Command {
  return command.option('--set <key.path=value>', 'override a value of the configuration; may be repeated', gathered).addHelpText(
    'after',
    `
--set takes text (paths, languages) verbatim: --set 'data.train.source=my corpus #1.txt'. Any other value is YAML:
 --set training.seed=2, --set 'training.validate.metrics=[bleu, chrf]', --set training.validate.metrics.0=bleu.`,
  );
}

/** The devices and the matrix library. */
export interface DeviceChoice {
  devices?: number;
  gemm?: string;
}

/** How many devices to compute on. */
export function withDevicesOption(command: Command): Command {
  return command.addOption(
    new Option('--devices <number>', 'worker threads, used if there is enough work (default: one per core)').argParser(wholeNumber(1, 256)),
  );
}

/** The option for the matrix library. */
export function withGemmOption(command: Command): Command {
  return command.option(
    '--gemm <library>',
    'webassembly, avx512, avx2, openblas, mkl, accelerate or onednn; exact gives the same bits everywhere (default: the fastest on this machine)',
  );
}
