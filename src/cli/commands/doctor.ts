import { availableParallelism, totalmem } from 'node:os';
import { Command } from 'commander';
import { nodeRuntime } from '../../node/runtime.js';
import { ForeignInterface } from '../../node/foreign.js';
import { installMpi } from '../../node/mpi/install-command.js';
import { type MpiAbi, MpiLibrary } from '../../node/mpi/library.js';
import { peakGflops } from '../../node/machine-code/processor.js';
import { type Bfloat16Report, mixedPrecision } from '../../node/native/mixed-precision.js';
import { matrixProviders, type ProviderReport } from '../../node/native/providers.js';
import { openKernels } from '../../node/open-kernels.js';
import { hasRelaxedSimd } from '../../tensor/kernels/relaxed-simd.js';
import { webAssemblyProvider } from '../../tensor/kernels/provider.js';
import { print, printJson } from '../output.js';
import { version } from '../../node/version.js';
import { styleFor } from '../terminal.js';

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('Show what decade found on this machine, the speed of each matrix library, and how to improve it.')
    .option('--measure', 'measure the matrix libraries and choose again')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExamples:\n  $ decade doctor\n  $ decade doctor --measure')
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
  /** The matrix library that is used by default. */
  gemm: string;
  /** When it was chosen, and the file that stores the choice; no file if it could not be stored. */
  decision: { decided: string; file?: string };
  providers: ProviderReport[];
  /** Peak GFLOP/s of one core (multiply-add in registers) by instruction set; absent where it cannot be measured. */
  peak?: { avx512?: number; avx2?: number };
  /** `precision: bf16`. */
  bf16: Bfloat16Report;
  /** Libraries with which several processes train together, and what to do where there is none. */
  mpi: { libraries: { abi: MpiAbi; file: string }[]; next?: string };
  /** The command that installs a faster matrix library. */
  fasterCommand?: string;
}

async function doctor({ json, measure = false }: { json?: boolean; measure?: boolean }): Promise<void> {
  const found = await findings(measure);
  if (json) await printJson(found);
  else await print(describe(found));
}

async function findings(measure: boolean): Promise<Findings> {
  const memory = nodeRuntime.newMemory();
  const kernels = await openKernels(memory);
  const providers = await matrixProviders(memory, webAssemblyProvider(memory, kernels), { all: true, measure });
  const fasterCommand = await providers.fasterCommand();
  const { choice, decision } = providers;
  providers.provider.dispose();
  const mixed = await mixedPrecision(memory, { measure });
  mixed.provider?.dispose();
  const peak = await measuredPeak();
  return {
    decade: version(),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    cores: availableParallelism(),
    memoryGiB: Math.round((memoryBytes() / 1024 ** 3) * 10) / 10,
    simd: hasRelaxedSimd() ? 'relaxed' : 'plain',
    kernels: kernels.variant,
    gemm: choice.name,
    decision: { decided: decision.decided, ...(decision.file !== undefined && { file: decision.file }) },
    providers: providers.reports,
    ...(peak !== undefined && { peak }),
    bf16: mixed.report,
    mpi: await mpiFound(),
    ...(fasterCommand !== undefined && { fasterCommand }),
  };
}

async function mpiFound(): Promise<Findings['mpi']> {
  const foreign = await ForeignInterface.load();
  const libraries = foreign instanceof ForeignInterface ? MpiLibrary.installed(foreign) : [];
  return { libraries, ...(libraries.length === 0 && { next: installMpi(undefined) }) };
}

function describeMpi({ libraries, next }: Findings['mpi']): string {
  const names = { openmpi: 'Open MPI', mpich: 'MPICH', standard: 'the standard ABI of MPI 5' } as const;
  if (libraries.length === 0) return `none; to train on several hosts, ${next ?? 'install one'}`;
  return libraries.map(({ abi, file }) => `${names[abi]}, ${file}`).join('; ');
}

/** A container may have a lower limit than the machine. */
function memoryBytes(): number {
  const allowed = process.constrainedMemory?.() ?? 0;
  return allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
}

async function measuredPeak(): Promise<Findings['peak']> {
  const foreign = await ForeignInterface.load();
  if (!(foreign instanceof ForeignInterface)) return undefined;
  const [avx512, avx2] = [peakGflops('avx512', foreign), peakGflops('avx2', foreign)];
  if (avx2 === undefined) return undefined;
  return { ...(avx512 !== undefined && { avx512: Math.round(avx512) }), avx2: Math.round(avx2) };
}

function describePeak({ avx512, avx2 }: NonNullable<Findings['peak']>): string {
  // WebAssembly's vectors are half as wide as those of AVX2, on the same units.
  const rates = [
    ...(avx512 === undefined ? [] : [`${avx512} with AVX-512`]),
    ...(avx2 === undefined ? [] : [`${avx2} with AVX2`, `${Math.round(avx2 / 2)} with WebAssembly`]),
  ];
  return `Peak of this processor, GFLOP/s per core in f32: ${rates.join(', ')}`;
}

function describe(found: Findings): string {
  const style = styleFor(process.stdout);
  const simd = found.simd === 'relaxed' ? 'relaxed (fused multiply-add)' : 'plain; Node 22 and later have relaxed SIMD, which is faster';
  const rows = found.providers.map(({ name, available, speed, version: of, path, reason }) => {
    const mark = name === found.gemm ? style('green', '*') : ' ';
    const rate = speed === undefined ? '' : `${speed.gflops.toFixed(0)} GFLOP/s per core`;
    const detail = available ? [of, path].filter((part) => part !== undefined).join(', ') : style('dim', reason ?? 'not available');
    return `  ${mark} ${name.padEnd(12)} ${rate.padEnd(21)} ${detail}`;
  });
  return [
    `decade ${found.decade}, Node ${found.node}, ${found.platform}`,
    `${found.cores} ${found.cores === 1 ? 'core' : 'cores'}, ${found.memoryGiB} GiB of memory; SIMD: ${simd}`,
    '',
    'Matrix libraries (* is in use; choose another with --gemm or DECADE_GEMM):',
    ...rows,
    ...describeDecision(found),
    ...(found.peak === undefined ? [] : ['', describePeak(found.peak)]),
    '',
    `Mixed precision (training.precision: bf16): ${describeMixedPrecision(found.bf16)}`,
    `MPI (training on several hosts): ${describeMpi(found.mpi)}`,
    '',
    found.fasterCommand === undefined
      ? 'Nothing to install: no faster library is known for this machine.'
      : `To make decade faster:\n  $ ${found.fasterCommand}`,
  ].join('\n');
}

function describeDecision({ decision: { decided, file }, gemm }: Findings): string[] {
  const when = decided.slice(0, 16).replace('T', ' ');
  if (file === undefined) {
    return [
      'The choice cannot be stored in the cache directory, so every command measures again and may choose a library that rounds differently.',
      `Set XDG_CACHE_HOME to a writable directory, or set DECADE_GEMM=${gemm}.`,
    ];
  }
  return [
    `Chosen ${when} UTC and stored in ${file}, so every command`,
    'uses the same library and gives the same bits; `decade doctor --measure` chooses again.',
  ];
}

function describeMixedPrecision({ available, reason, speed, f32Speed }: Bfloat16Report): string {
  if (!available) return `not available, ${reason}`;
  if (speed === undefined || f32Speed === undefined) return 'available';
  const gain = speed.gflops / f32Speed.gflops;
  const advice = gain < 1 ? '; this processor is faster with f32' : '';
  return `onednn, ${speed.gflops.toFixed(0)} GFLOP/s per core, ${gain.toFixed(1)} times f32${advice}`;
}
