import { Command } from 'commander';
import { commandLine } from '../../core/shell.js';
import { accountMarkdown, timeTaken } from '../../experiments/account.js';
import { Waiting } from '../../experiments/carry-out.js';
import { scale, scaleCost, type ScalingOptions } from '../../experiments/scaling/scale.js';
import { shardNamed } from '../../experiments/scaling/shard.js';
import { experimentTasks } from '../../experiments/trainers.js';
import type { Runtime } from '../../parallel/runtime.js';
import { withDevicesOption, withGemmOption, withSetOption } from '../arguments.js';
import { Interrupted, interruptible } from '../interruption.js';
import { describeCost, showLaboratory } from '../laboratory-progress.js';
import { print, printJson } from '../output.js';
import { amongRanks, ownRuntime } from '../ranks.js';
import { say } from '../terminal.js';
import { scaleFitCommand } from './scale-fit.js';

interface ScaleArguments extends Pick<ScalingOptions, 'out' | 'set' | 'devices' | 'gemm'> {
  estimate?: boolean;
  shard?: string;
  json?: boolean;
}

export function scaleCommand(): Command {
  const command = new Command('scale')
    .enablePositionalOptions()
    .description(
      'Laws of scale: train networks of several sizes on several amounts of data, and fit how loss falls with either; or fit any table (scale fit). Ctrl-C saves; the same command continues.',
    )
    .argument('<PLAN.yaml>', 'which runs: networks, sizes, examples, epochs, seeds (see docs/scaling.md)')
    .option('--out <DIR>', 'directory of all results; plans and experiments in it share trained models', 'runs/scaling')
    .option('--estimate', 'only predict the cost')
    .option('--shard <I/N>', 'train the I-th of N shares of the runs, beside others with the same --out')
    .option('--json', 'print one JSON object');
  return withSetOption(withGemmOption(withDevicesOption(command)))
    .addHelpText(
      'after',
      `
Examples:
  $ decade scale recipes/scaling/text.yaml --estimate
  $ decade scale recipes/scaling/text.yaml --out runs/scaling --shard 2/8
  $ mpirun -n 8 decade scale recipes/scaling/text.yaml --out runs/scaling
  $ decade scale fit brains.csv --x body --y brain --group order --log`,
    )
    .addCommand(scaleFitCommand())
    .action((plan: string, options: ScaleArguments) =>
      amongRanks({
        task: experimentTasks(ownRuntime()),
        work: (runtime) =>
          interruptible('finishing the update and saving a checkpoint; repeat to stop at once', (signal) =>
            run(runtime, plan, options, signal),
          ),
      }),
    );
}

async function run(runtime: Runtime, plan: string, { estimate, shard, json, ...rest }: ScaleArguments, signal: AbortSignal): Promise<void> {
  const { out } = rest;
  const shown = showLaboratory(out);
  const options: ScalingOptions = {
    ...rest,
    signal,
    shard: shard === undefined ? undefined : shardNamed(shard),
    command: commandLine(['decade', ...process.argv.slice(2)]),
    onEvent: shown.onEvent,
  };
  if (estimate) {
    const cost = await scaleCost(runtime, plan, options);
    return json ? printJson(cost) : print(describeCost(cost, out).join('\n'));
  }
  try {
    const done = await scale(runtime, plan, options);
    shown.end();
    if (done instanceof Waiting) {
      const { missing, trainings } = done;
      const told = `${missing} of ${trainings} trainings are still to be done by other shares or after them; when no share is at work, the same command goes on`;
      return json ? printJson({ missing, trainings }) : say(`decade: ${told}`);
    }
    const { plots: _, widePlots: __, ...data } = done.account;
    const { files } = done;
    if (json) return await printJson({ ...data, files });
    await print(
      `${accountMarkdown(done.account)}\n${timeTaken(done.account.time)}\n${[files.markdown, files.json, files.page, ...files.plots].join(', ')}`,
    );
  } catch (error) {
    if (signal.aborted) throw new Interrupted(`stopped; the results so far are in ${out}, and the same command continues`);
    throw error;
  } finally {
    shown.end();
  }
}
