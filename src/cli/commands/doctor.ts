import { availableParallelism, totalmem } from 'node:os';
import { Command } from 'commander';
import { type Bfloat16Report, mixedPrecision } from '../../platform/node/native/mixed-precision.js';
import { matrixProviders, type ProviderReport } from '../../platform/node/native/providers.js';
import { openKernels } from '../../platform/node/open-kernels.js';
import { hasRelaxedSimd } from '../../tensor/kernels/load.js';
import { webAssemblyProvider } from '../../tensor/kernels/provider.js';
import { Memory } from '../../tensor/memory.js';
import { print, printJson } from '../output.js';
import { styleFor } from '../style.js';
import { version } from '../version.js';

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('What decade found on this machine, how fast each matrix library is, and what would make it faster.')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ decade doctor')
    .action(doctor);
}

interface Findings {
  decade: string;
  node: string;
  platform: string;
  cores: number;
  memoryGiB: number;
  simd: 'plain' | 'relaxed';
  kernels: string;
  /** The matrix library that is used unless another is asked for. */
  gemm: string;
  providers: ProviderReport[];
  /** `precision: bf16`. */
  bf16: Bfloat16Report;
  /** The one command that would make this machine faster. */
  fasterCommand?: string;
}

async function doctor({ json }: { json?: boolean }): Promise<void> {
  const found = await findings();
  if (json) await printJson(found);
  else await print(describe(found));
}

async function findings(): Promise<Findings> {
  const memory = new Memory({ shared: true });
  const kernels = await openKernels(memory);
  const providers = await matrixProviders(memory, webAssemblyProvider(memory, kernels), { measure: true });
  const fasterCommand = await providers.fasterCommand();
  const gemm = providers.choice.name;
  providers.provider.dispose();
  const mixed = await mixedPrecision(memory, { measure: true });
  mixed.provider?.dispose();
  return {
    decade: version(),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    cores: availableParallelism(),
    memoryGiB: Math.round((totalmem() / 1024 ** 3) * 10) / 10,
    simd: hasRelaxedSimd() ? 'relaxed' : 'plain',
    kernels: kernels.variant,
    gemm,
    providers: providers.reports,
    bf16: mixed.report,
    ...(fasterCommand !== undefined && { fasterCommand }),
  };
}

function describe(found: Findings): string {
  const style = styleFor(process.stdout);
  const simd = found.simd === 'relaxed' ? 'relaxed (fused multiply-add)' : 'plain; Node 22 and later have relaxed SIMD, which is faster';
  const rows = found.providers.map(({ name, available, speed, version: of, path, reason }) => {
    const mark = name === found.gemm ? style('green', '*') : ' ';
    const rate = speed === undefined ? '' : `${speed.gflops.toFixed(0)} GFLOP/s a core`;
    const detail = available ? [of, path].filter((part) => part !== undefined).join(', ') : style('dim', reason ?? 'not available');
    return `  ${mark} ${name.padEnd(12)} ${rate.padEnd(20)} ${detail}`;
  });
  return [
    `decade ${found.decade}, Node ${found.node}, ${found.platform}`,
    `${found.cores} ${found.cores === 1 ? 'core' : 'cores'}, ${found.memoryGiB} GiB of memory; SIMD: ${simd}`,
    '',
    'Matrix libraries (* is used; --gemm or DECADE_GEMM chooses another):',
    ...rows,
    '',
    `Mixed precision (training.precision: bf16): ${describeMixedPrecision(found.bf16)}`,
    '',
    found.fasterCommand === undefined
      ? 'Nothing to install: this is as fast as decade gets here.'
      : `This would make it faster:\n  $ ${found.fasterCommand}`,
  ].join('\n');
}

function describeMixedPrecision({ available, reason, speed, f32Speed }: Bfloat16Report): string {
  if (!available) return `not available, ${reason}`;
  if (speed === undefined || f32Speed === undefined) return 'available';
  const gain = speed.gflops / f32Speed.gflops;
  const advice = gain < 1 ? '; this processor is faster with f32' : '';
  return `onednn, ${speed.gflops.toFixed(0)} GFLOP/s a core, ${gain.toFixed(1)} times f32${advice}`;
}
