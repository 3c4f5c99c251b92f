import {
  inPlace,
  type MatrixProduct,
  type MatrixProvider,
  multiplyOverNoTerms,
  type PackedMatrix,
  type RightMatrix,
  stridesOf,
} from '../../tensor/matrix.js';
import type { Memory } from '../../tensor/memory.js';
import { MemoryAddresses } from '../foreign.js';
import { bindFunctions, type Functions, type OneDnnLibrary } from './onednn-library.js';
import { SignalGuard } from './signal-guard.js';

/**
 * `dnnl_sgemm` slows down on a transposed A with many rows (by 15 to 40 % from 800 rows on), so such products are
 * summed over several calls.
 */
const transposedLength = 448;

/**
 * Products by oneDNN's `dnnl_sgemm`, straight on the WebAssembly memory. Weights stay where they are. Each thread makes its own.
 */
export function oneDnnProvider(memory: Memory, library: OneDnnLibrary): MatrixProvider {
  return new OneDnnProvider(memory, library);
}

class OneDnnProvider implements MatrixProvider {
  readonly name = 'onednn';
  readonly packing = 'plain';
  readonly precision = 'f32';
  readonly description: string;
  readonly externalBytes = 0;
  readonly #memory: Memory;
  readonly #functions: Functions;
  readonly #signals: SignalGuard;
  readonly #addresses: MemoryAddresses;

  constructor(memory: Memory, library: OneDnnLibrary) {
    this.description = `${library.version}, ${library.path}`;
    this.#memory = memory;
    this.#functions = bindFunctions(library);
    this.#signals = new SignalGuard(library.foreign);
    this.#addresses = new MemoryAddresses(memory, library.foreign);
  }

  multiply(product: MatrixProduct): void {
    const { m, n, k, a, transposeA, b, transposeB, c, accumulate } = product;
    const stride = stridesOf(product);
    if (k === 0) {
      multiplyOverNoTerms(this.#memory, product);
      return;
    }
    const { base } = this.#addresses;
    const [letterA, letterB] = [transposeA ? letterT : letterN, transposeB ? letterT : letterN];
    // Equal pieces, in whole cache lines.
    const pieces = transposeA ? Math.ceil(k / transposedLength) : 1;
    const longest = pieces === 1 ? k : Math.ceil(k / pieces / 16) * 16;
    for (let at = 0; at < k; at += longest) {
      const left = base + a + 4 * (transposeA ? at * stride.a : at);
      const right = base + b + 4 * (transposeB ? at : at * stride.b);
      const length = Math.min(longest, k - at);
      const beta = accumulate || at > 0 ? 1 : 0;
      this.#signals.hold();
      const status = this.#functions.sgemm(letterA, letterB, m, n, length, 1, left, stride.a, right, stride.b, beta, base + c, stride.c);
      this.#signals.release();
      this.#functions.check('dnnl_sgemm', status);
    }
  }

  pack(right: RightMatrix): PackedMatrix {
    return inPlace(right, (product) => this.multiply(product));
  }

  dispose(): void {}
}

const letterN = 'N'.charCodeAt(0);
const letterT = 'T'.charCodeAt(0);
