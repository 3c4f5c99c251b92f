import type { MatrixProvider } from '../../tensor/matrix.js';
import type { Memory } from '../../tensor/memory.js';
import { measureSpeeds, type Speed } from './calibration.js';
import { ForeignInterface } from '../foreign.js';
import { oneDnnProvider } from './onednn.js';
import { bfloat16Provider, hasBfloat16Instructions } from './onednn-bf16.js';
import { MachineRecord } from './machine-record.js';
import { openOneDnn } from './onednn-library.js';
import { processorClock } from './processor-clock.js';
import { selfCheck } from './self-check.js';

/** The provider of products in bfloat16; plain data, as `ProviderChoice`. */
export interface Bfloat16Choice {
  name: 'onednn';
  precision: 'bf16';
}
export const bfloat16Choice: Bfloat16Choice = { name: 'onednn', precision: 'bf16' };

/** What `decade doctor` shows of it. */
export interface Bfloat16Report {
  available: boolean;
  /** Why it is not available. */
  reason?: string;
  version?: string;
  speed?: Speed;
  /** Of the same library with 32-bit operands. */
  f32Speed?: Speed;
}

export interface MixedPrecision {
  /** Absent when products in bfloat16 are not to be had here. */
  provider?: MatrixProvider;
  report: Bfloat16Report;
}

export interface MixedPrecisionOptions {
  /** The matrix library that is asked for. Default: the environment variable DECADE_GEMM, else `auto`. */
  gemm?: string | undefined;
  /** Measures again although it is known. Default false. */
  measure?: boolean;
  /** Where what was measured is kept. Default: `decade` in XDG_CACHE_HOME or in ~/.cache. */
  cacheDirectory?: string;
}

const calibrationMilliseconds = 150;
/** Where the library does not say: below this part of the speed of f32, bfloat16 is imitated (a fifth was measured). */
const leastRatio = 0.3;

/**
 * Products in bfloat16 by oneDNN, where this processor has instructions for it and they pass the self-check. Never
 * throws: what is missing is the reason in the report.
 */
export async function mixedPrecision(memory: Memory, options: MixedPrecisionOptions = {}): Promise<MixedPrecision> {
  const [gemm] = (options.gemm ?? process.env.DECADE_GEMM ?? 'auto').split('/');
  if (gemm !== 'auto' && gemm !== 'onednn') return unavailable(`only onednn multiplies in bfloat16, and ${gemm} was asked for`);
  const foreign = await ForeignInterface.load();
  if (!(foreign instanceof ForeignInterface)) return unavailable(foreign.reason);
  const library = openOneDnn(foreign);
  if (!library.available) return unavailable(`oneDNN: ${library.reason}`);
  const hasInstructions = hasBfloat16Instructions(library);
  if (hasInstructions === false) {
    return unavailable('this processor has no instructions for bfloat16 (AVX512_BF16 or AMX)', library.version);
  }
  const provider = bfloat16Provider(memory, library);
  const refuse = (reason: string) => {
    provider.dispose();
    return unavailable(reason, library.version);
  };
  const wrong = selfCheck(memory, provider);
  if (wrong !== undefined) return refuse(`failed its self-check: ${wrong}`);

  const record = await MachineRecord.open('bfloat16', [library.path, provider.description], options.cacheDirectory);
  let results = options.measure ? undefined : (await record.read())?.results;
  if (results === undefined) {
    const f32 = oneDnnProvider(memory, library);
    const [speed, f32Speed] = measureSpeeds(memory, [provider, f32], {
      milliseconds: calibrationMilliseconds,
      clock: processorClock(foreign),
    }) as [Speed, Speed];
    f32.dispose();
    results = { bf16: speed, f32: f32Speed };
    await record.write({ decided: new Date().toISOString(), results });
  }
  const { bf16: speed, f32: f32Speed } = results;
  if (speed === undefined || f32Speed === undefined || 'refused' in speed || 'refused' in f32Speed) {
    return refuse('its speed could not be measured');
  }
  if (!hasInstructions && speed.gflops < leastRatio * f32Speed.gflops) {
    return refuse(`it is only emulated here (${speed.gflops} GFLOP/s per core, ${f32Speed.gflops} with f32)`);
  }
  return { provider, report: { available: true, version: library.version, speed, f32Speed } };
}

/** What whoever asked for bf16 should know; undefined when all is well. */
export function bfloat16Warning({ available, reason, speed, f32Speed }: Bfloat16Report): string | undefined {
  if (!available) return `precision bf16 is not possible here: ${reason}; products are computed in f32`;
  if (speed === undefined || f32Speed === undefined || speed.gflops >= f32Speed.gflops) return undefined;
  return `precision bf16 is slower than f32 on this processor (${speed.gflops} against ${f32Speed.gflops} GFLOP/s per core)`;
}

function unavailable(reason: string, version?: string): MixedPrecision {
  return { report: { available: false, reason, ...(version !== undefined && { version }) } };
}
