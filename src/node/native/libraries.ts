import { type MatrixProvider, MatrixWrapper, type PackedMatrix, type RightMatrix } from '../../tensor/matrix.js';
import type { Memory } from '../../tensor/memory.js';
import type { SmallProducts } from '../../tensor/small-products.js';
import { ForeignInterface, type Unavailable } from '../foreign.js';
import { type MachineCode, machineCodeProvider, openMachineCode } from '../machine-code/provider.js';
import type { VectorSet } from '../machine-code/vector-assembler.js';
import { type BlasLibrary, type BlasName, cblasProvider, openBlas } from './cblas.js';
import type { Bfloat16Choice } from './mixed-precision.js';
import { oneDnnProvider } from './onednn.js';
import { bfloat16Provider } from './onednn-bf16.js';
import { type OneDnnLibrary, openOneDnn } from './onednn-library.js';

type LibraryName = 'onednn' | BlasName;
export type NativeName = LibraryName | VectorSet;
/** Of two that are about as fast the first is chosen: decade's own code gives a row the same bits alone and in any batch. */
export const nativeNames: readonly NativeName[] = ['avx512', 'avx2', 'onednn', 'openblas', 'mkl', 'accelerate'];
export type NativeLibraryFound = OneDnnLibrary | BlasLibrary | MachineCode;

/** A provider and how it keeps packed weights; plain data, for worker threads and for a checkpoint's state. */
export type ProviderChoice = { name: 'webassembly' } | NativeChoice;
export type NativeChoice = Bfloat16Choice | PackedChoice | { name: VectorSet };
type PackedChoice = { name: LibraryName; packing: Packing };
/**
 * Packed weights are multiplied by decade's own machine code, everything else by the library; or all by the library, which finds
 * weights where they are: `plain`.
 */
export const packings = ['avx512', 'avx2', 'plain'] as const;
type Packing = (typeof packings)[number];

export function isBlas(name: string | undefined): name is BlasName {
  return name === 'openblas' || name === 'mkl' || name === 'accelerate';
}

export function openNative(name: NativeName, foreign: ForeignInterface | Unavailable | undefined): NativeLibraryFound | Unavailable {
  if (!(foreign instanceof ForeignInterface)) return foreign ?? { available: false, reason: 'not searched for' };
  switch (name) {
    case 'onednn':
      return openOneDnn(foreign);
    case 'avx512':
    case 'avx2':
      return openMachineCode(name, foreign);
    default:
      return openBlas(name, foreign);
  }
}

export function choicesOf(library: NativeLibraryFound): NativeChoice[] {
  const { name, foreign } = library;
  if (name === 'avx512' || name === 'avx2') return [{ name }];
  const available = packings.filter((packing) => packing === 'plain' || openMachineCode(packing, foreign).available);
  return available.map((packing) => ({ name, packing }));
}

export function nativeProvider(memory: Memory, library: NativeLibraryFound, choice: NativeChoice): MatrixProvider {
  if ('functions' in library) return machineCodeProvider(memory, library);
  const packing = 'packing' in choice ? choice.packing : undefined;
  if (library.name === 'onednn' && packing === undefined) return bfloat16Provider(memory, library);
  const own = packing === undefined || packing === 'plain' ? undefined : openMachineCode(packing, library.foreign);
  const provider = library.name === 'onednn' ? oneDnnProvider(memory, library) : cblasProvider(memory, library);
  return own?.available === true ? new OwnPackingProvider(provider, machineCodeProvider(memory, own)) : provider;
}

/** Products of packed weights by `own`, all others by the library. */
class OwnPackingProvider extends MatrixWrapper {
  readonly #own: MatrixProvider;

  constructor(library: MatrixProvider, own: MatrixProvider) {
    super(library);
    this.#own = own;
  }

  override get packing(): string {
    return this.#own.name;
  }
  override get description(): string {
    return `${this.below.description}, packed weights by ${this.#own.description}`;
  }
  override get small(): SmallProducts | undefined {
    return this.#own.small;
  }
  override get externalBytes(): number {
    return this.below.externalBytes + this.#own.externalBytes;
  }

  override pack(right: RightMatrix): PackedMatrix {
    return this.#own.pack(right);
  }

  override dispose(): void {
    super.dispose();
    this.#own.dispose();
  }
}
