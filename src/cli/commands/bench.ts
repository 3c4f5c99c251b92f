import { Command, Option } from 'commander';
import { type BenchTrainResult, benchShapes, benchTrain } from '../../analysis/bench-train.js';
import { DecadeError } from '../../core/errors.js';
import { nodeRuntime } from '../../node/runtime.js';
import { type DeviceChoice, numberFrom, withDevicesOption, withGemmOption } from '../arguments.js';
import { print, printJson } from '../output.js';
import { figure } from '../progress.js';

interface Options extends DeviceChoice {
  config: string;
  seconds: number;
  precision: string;
  profile?: boolean;
  json?: boolean;
}

const subjects = ['train'] as const;

export function benchCommand(): Command {
  const command = new Command('bench')
    .description('How fast this machine is, against the speed of its matrix products alone.')
    .argument('<subject>', `what to measure: ${subjects.join(', ')}`)
    .option('--config <shape>', `the network: ${Object.keys(benchShapes).join(', ')}`, 'base')
    .option('--seconds <number>', 'how long to measure', numberFrom(0.1), 10)
    .addOption(new Option('--precision <type>', 'type of the matrix products').choices(['f32']).default('f32'))
    .option('--profile', 'also the time of every kernel')
    .option('--json', 'print one JSON object');
  return withGemmOption(withDevicesOption(command))
    .addHelpText('after', '\nExample:\n  $ decade bench train --config base --devices 1')
    .action(bench);
}

async function bench(subject: string, options: Options): Promise<void> {
  if (subject !== 'train') {
    throw new DecadeError('usage', { where: 'bench', received: JSON.stringify(subject), allowed: subjects.join(', ') });
  }
  const result = await benchTrain(
    nodeRuntime,
    {
      config: options.config,
      devices: options.devices ?? nodeRuntime.cores,
      seconds: options.seconds,
      gemm: options.gemm,
      profile: options.profile ?? false,
    },
    () => process.resourceUsage().maxRSS * 1024,
  );
  if (options.json) await printJson(result);
  else await print(describe(result));
}

function describe(result: BenchTrainResult): string {
  const { profileMs } = result;
  return [
    `${result.config}: ${figure(result.parameters)} parameters, ${result.devices} ${result.devices === 1 ? 'device' : 'devices'}, ${result.gemm}, ${result.precision}`,
    `${figure(result.wordsPerSecond)} words/s (source and target; ${result.stepMs} ms an update, median of ${result.updates}; ${result.gflops} GFLOP/s)`,
    `${figure(result.gemmBoundWordsPerSecond)} words/s if there were only the matrix products: ${(100 * result.fractionOfBound).toFixed(1)} % of that bound`,
    `${figure(result.peakRssMiB)} MiB of memory at most`,
    ...Object.entries(profileMs ?? {}).map(([kernel, milliseconds]) => `  ${milliseconds.toFixed(3).padStart(10)} ms  ${kernel}`),
  ].join('\n');
}
