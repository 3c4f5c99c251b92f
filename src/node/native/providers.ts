import { DecadeError, nearestName } from '../../core/errors.js';
import { type MatrixProvider, matrixIdentity } from '../../tensor/matrix.js';
import type { Memory } from '../../tensor/memory.js';
import { measureSpeeds, type Speed } from './calibration.js';
import { ForeignInterface, type Unavailable } from '../foreign.js';
import { fastest } from './fastest.js';
import { installCommand } from './install-command.js';
import {
  choicesOf,
  isBlas,
  type NativeLibraryFound,
  nativeNames,
  nativeProvider,
  openNative,
  packings,
  type ProviderChoice,
} from './libraries.js';
import { type CalibrationResult, type Decision, MachineRecord } from './machine-record.js';
import { processorClock } from './processor-clock.js';
import { selfCheck } from './self-check.js';

/**
 * What a user may ask for: the fastest of all, the fastest BLAS, or one by name; of a native one also how it keeps packed
 * weights, as in `onednn/avx2`, which a resumed run needs for the same bits. `exact`: the portable one, on kernels that give the same
 * bits everywhere.
 */
const gemmOptions = ['auto', 'blas', 'webassembly', 'exact', ...nativeNames] as const;
export type GemmOption = (typeof gemmOptions)[number];

/** What `decade doctor` shows of one provider. */
export interface ProviderReport {
  name: ProviderChoice['name'];
  available: boolean;
  /** Why it is not available: not installed, or what the self-check found. */
  reason?: string;
  path?: string;
  version?: string;
  /** Absent when there was nothing to compare it with. */
  speed?: Speed;
}

export interface MatrixProviders {
  /** The fastest that passed the self-check, or the one that was asked for. */
  provider: MatrixProvider;
  choice: ProviderChoice;
  /** Every provider that was considered. */
  reports: ProviderReport[];
  /** When it was decided what is the fastest, and the file that says so from now on; without a file, it cannot be kept. */
  decision: { decided: string; file: string | undefined };
  /** The one command that would make this machine faster, if any. Asks the system's package manager. */
  fasterCommand(): Promise<string | undefined>;
}

export interface ProviderOptions {
  /** One of `gemmOptions`, or `library/packing`. Default: the environment variable DECADE_GEMM, else `auto`. */
  gemm?: string | undefined;
  /** Reports all providers even when one is asked for. Default false. */
  all?: boolean;
  /** Measures again although it was decided. What was chosen before stays unless another is clearly faster. Default false. */
  measure?: boolean;
  /** Where the decision is kept. Default: `decade` in XDG_CACHE_HOME or in ~/.cache. */
  cacheDirectory?: string;
}

const calibrationMilliseconds = 500;

/**
 * Finds the matrix libraries of this machine, checks them against a plain product, and chooses the fastest.
 *
 * @param webAssembly the portable provider on the same memory
 * @throws DecadeError `usage` when the library asked for is unknown; `resource` when it is not here or fails its check
 */
export async function matrixProviders(
  memory: Memory,
  webAssembly: MatrixProvider,
  options: ProviderOptions = {},
): Promise<MatrixProviders> {
  const { gemm, packing } = wantedOf(options.gemm ?? process.env.DECADE_GEMM ?? 'auto');
  const { all = false, measure = false } = options;
  const compared: GemmOption = all ? 'auto' : gemm;
  const foreign = compared === 'webassembly' ? undefined : await ForeignInterface.load();
  const found = nativeNames.filter((name) => isAllowed(name, compared)).map((name) => ({ name, library: openNative(name, foreign) }));
  const libraries = found.flatMap(({ library }) => (library.available ? [library] : []));
  const candidates: Candidate[] = libraries.flatMap((library) => candidatesOf(memory, library));
  if (isAllowed('webassembly', compared)) candidates.push({ choice: { name: 'webassembly' }, provider: webAssembly });

  const measured = [
    ...libraries.flatMap((library) => ('path' in library ? [library.path] : [])),
    ...candidates.map(({ provider }) => provider.description),
  ];
  const record = await MachineRecord.open(compared, measured, options.cacheDirectory);
  const fitting = candidates.filter(
    ({ choice, provider }) => isAllowed(choice.name, gemm) && (packing === undefined || provider.packing === packing),
  );
  const chosenBy = ({ choice, results }: Decision) => {
    const recorded = gemm === compared ? fitting.find(({ provider }) => matrixIdentity(provider) === choice) : undefined;
    return recorded ?? fastest(fitting, results);
  };
  /** What was decided before, and still works. */
  const recorded = async (): Promise<Decision | undefined> => {
    const decision = await record.read();
    const chosen = decision && chosenBy(decision);
    return chosen !== undefined && selfCheck(memory, chosen.provider) === undefined ? decision : undefined;
  };
  const decide = async (): Promise<Decision> => {
    const clock = foreign instanceof ForeignInterface ? processorClock(foreign) : () => performance.now();
    const results = calibrate(memory, candidates, clock, measure);
    // Another process may have decided meanwhile: whatever is computed here from now on is to have the same bits.
    const others = await recorded();
    if (others !== undefined && !measure) return others;
    const best = fastest(candidates, results, others?.choice);
    const choice = best && matrixIdentity(best.provider);
    return { decided: new Date().toISOString(), ...(choice !== undefined && { choice }), results };
  };
  let decision = measure ? undefined : await recorded();
  let isKept = decision !== undefined;
  if (decision === undefined) {
    decision = await decide();
    isKept = candidates.length > 0 && (await record.write(decision));
  }
  const { results, decided } = decision;
  const chosen = chosenBy(decision);
  for (const { provider } of candidates) {
    if (provider !== chosen?.provider && provider !== webAssembly) provider.dispose();
  }
  const reports = [
    ...found.map(({ name, library }) => reportOf(name, library, results)),
    reportOf('webassembly', { available: true, version: webAssembly.description }, results),
  ];
  if (chosen === undefined) throw missingProvider(gemm, packing === undefined ? reports : withoutPacking(reports, packing, foreign));
  return {
    ...chosen,
    reports,
    decision: { decided, file: isKept ? record.path : undefined },
    fasterCommand: () => fasterCommand(foreign, reports),
  };
}

/**
 * The provider that another thread, or the run that is resumed, has chosen, without measuring.
 *
 * @throws DecadeError `resource` when it is not here
 */
export async function openMatrixProvider(memory: Memory, webAssembly: MatrixProvider, choice: ProviderChoice): Promise<MatrixProvider> {
  if (choice.name === 'webassembly') return webAssembly;
  const library = openNative(choice.name, await ForeignInterface.load());
  if (!library.available) throw missingProvider(choice.name, [reportOf(choice.name, library, {})]);
  const provider = nativeProvider(memory, library, choice);
  const wrong = selfCheck(memory, provider);
  if (wrong === undefined) return provider;
  provider.dispose();
  throw missingProvider(choice.name, [reportOf(choice.name, { available: false, reason: refusal(wrong) }, {})]);
}

/**
 * Each native library by itself, and decade's own code, as far as they are here and pass their self-check. Whoever asks disposes of them.
 *
 * @throws DecadeError `usage` when the library asked for is unknown
 */
export async function nativeProviders(memory: Memory, asked = 'auto'): Promise<MatrixProvider[]> {
  const { gemm } = wantedOf(asked);
  const foreign = await ForeignInterface.load();
  const libraries = nativeNames.filter((name) => isAllowed(name, gemm)).map((name) => openNative(name, foreign));
  return libraries.flatMap((library) => {
    const choice = library.available ? choicesOf(library).at(-1) : undefined;
    if (!library.available || choice === undefined) return [];
    const provider = nativeProvider(memory, library, choice);
    return selfCheck(memory, provider) === undefined ? [provider] : [];
  });
}

interface Candidate {
  choice: ProviderChoice;
  provider: MatrixProvider;
}

function wantedOf(received: string): { gemm: GemmOption; packing: string | undefined } {
  const [name = '', packing] = received.split('/');
  const gemm = gemmOptions.find((option) => option === name);
  const hasPackings = gemm === 'onednn' || gemm === 'blas' || isBlas(gemm);
  const isPacking = hasPackings && packings.some((known) => known === packing);
  if (gemm === 'exact' && packing === undefined) return { gemm: 'webassembly', packing };
  if (gemm !== undefined && (packing === undefined || isPacking)) return { gemm, packing };
  if (gemm !== undefined) {
    throw new DecadeError('usage', {
      where: 'gemm',
      received: `"${received}" names an unknown way to keep packed weights`,
      allowed: hasPackings ? packings.map((known) => `${name}/${known}`).join(', ') : name,
      next: 'a run that began with one that is gone resumes with --allow-different-placement',
    });
  }
  const nearest = nearestName(name, gemmOptions);
  throw new DecadeError('usage', {
    where: 'gemm',
    received: `unknown matrix library "${received}"`,
    allowed: gemmOptions.join(', '),
    next: nearest === undefined ? 'choose one of these, or `auto`' : `did you mean "${nearest}"?`,
  });
}

function isAllowed(name: ProviderChoice['name'], gemm: GemmOption): boolean {
  if (gemm === 'auto') return true;
  if (gemm === 'blas') return isBlas(name);
  return name === gemm;
}

function candidatesOf(memory: Memory, library: NativeLibraryFound): Candidate[] {
  return choicesOf(library).map((choice) => ({ choice, provider: nativeProvider(memory, library, choice) }));
}

type Results = Readonly<Record<string, CalibrationResult>>;

/** Self-check and speed of each candidate. */
function calibrate(memory: Memory, candidates: readonly Candidate[], clock: () => number, always: boolean): Results {
  const results: Record<string, CalibrationResult> = {};
  const sound: Candidate[] = [];
  for (const candidate of candidates) {
    const wrong = selfCheck(memory, candidate.provider);
    if (wrong === undefined) sound.push(candidate);
    else results[matrixIdentity(candidate.provider)] = { refused: refusal(wrong) };
  }
  const providers = sound.map(({ provider }) => provider);
  // One alone has nothing to win.
  const speeds = always || sound.length > 1 ? measureSpeeds(memory, providers, { milliseconds: calibrationMilliseconds, clock }) : [];
  sound.forEach(({ provider }, at) => {
    results[matrixIdentity(provider)] = speeds[at] ?? notMeasured;
  });
  return results;
}

function refusal(wrong: string): string {
  return `failed its self-check: ${wrong}`;
}

const notMeasured: Speed = { plainGflops: 0, packedGflops: 0, gflops: 0 };

function reportOf(
  name: ProviderChoice['name'],
  library: { available: true; path?: string; version: string } | Unavailable,
  results: Results,
): ProviderReport {
  if (!library.available) return { name, available: false, reason: library.reason };
  const place = { name, version: library.version, ...(library.path === undefined ? {} : { path: library.path }) };
  const own = Object.entries(results).filter(([identity]) => identity.split('/')[0] === name);
  const speeds = own.flatMap(([, result]) => ('refused' in result ? [] : [result]));
  const [speed] = speeds.sort((left, right) => right.gflops - left.gflops);
  if (speed !== undefined) return { ...place, available: true, ...(speed.gflops === 0 ? {} : { speed }) };
  const refused = own.flatMap(([, result]) => ('refused' in result ? [result.refused] : []))[0];
  return refused === undefined ? { ...place, available: true } : { ...place, available: false, reason: refused };
}

/** The same, where no library that is here keeps packed weights this way. */
function withoutPacking(
  reports: readonly ProviderReport[],
  packing: string,
  foreign: ForeignInterface | Unavailable | undefined,
): ProviderReport[] {
  const code = packing === 'avx512' || packing === 'avx2' ? openNative(packing, foreign) : undefined;
  const why = code?.available === false ? `: ${code.reason}` : '';
  const lacks = (report: ProviderReport) => report.available && report.name !== 'webassembly';
  return reports.map((report) =>
    lacks(report) ? { ...report, available: false, reason: `cannot pack weights with ${packing} here${why}` } : report,
  );
}

function missingProvider(wanted: GemmOption, reports: readonly ProviderReport[]): DecadeError {
  const available = reports.filter((report) => report.available).map(({ name }) => name);
  const reasons = new Map<string, string[]>();
  for (const { name, reason = '' } of reports.filter((report) => !report.available && isAllowed(report.name, wanted))) {
    reasons.set(reason, [...(reasons.get(reason) ?? []), name]);
  }
  return new DecadeError('resource', {
    where: 'gemm',
    received: `"${wanted}" cannot be used here (${[...reasons].map(([reason, names]) => `${names.join(', ')}: ${reason}`).join('; ')})`,
    allowed: ['auto', ...new Set([...available, 'webassembly'])].join(', '),
    next: 'run `decade doctor` to see what is available',
  });
}

/** Vectors of sixteen lanes that are this many times as fast as those of eight have units as wide as they are. */
const wideUnits = 1.2;

/**
 * Where decade's machine code multiplies eight lanes at a time, no library is faster (docs/performance.md). Where units are sixteen lanes
 * wide oneDNN's large products were, and without machine code oneDNN is. Accelerate is part of macOS.
 */
async function fasterCommand(
  foreign: ForeignInterface | Unavailable | undefined,
  reports: readonly ProviderReport[],
): Promise<string | undefined> {
  if (foreign !== undefined && !(foreign instanceof ForeignInterface)) return installCommand('koffi');
  const of = (name: ProviderReport['name']) => reports.find((report) => report.name === name);
  const [wide, narrow] = [of('avx512'), of('avx2')];
  const isWide = wide?.available === true && (wide.speed?.gflops ?? 0) >= wideUnits * (narrow?.speed?.gflops ?? 0);
  if (narrow?.available === true && !isWide) return undefined;
  const oneDnn = of('onednn');
  return oneDnn?.available === false && oneDnn.reason === 'not installed' ? installCommand('onednn') : undefined;
}
