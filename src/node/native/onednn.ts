import type { MatrixProduct, MatrixProvider, PackedMatrix } from '../../tensor/matrix.js';
import type { Memory } from '../../tensor/memory.js';
import { MemoryAddresses, PackingRoom } from '../foreign.js';
import { OneDnnEngine } from './onednn-engine.js';
import type { OneDnnLibrary } from './onednn-library.js';

/**
 * How a weight matrix that is used many times is kept: `plain`, as rows of [k, n] for `dnnl_sgemm` (where it is, or
 * transposed into a copy); or `blocks`, in the layout that the matmul primitive likes best.
 */
export type OneDnnPacking = 'plain' | 'blocks';
export const oneDnnPackings: readonly OneDnnPacking[] = ['plain', 'blocks'];

/**
 * `dnnl_sgemm` slows down on a transposed A with many rows (by 15 to 40 % from 800 rows on), so such products are
 * summed over several calls.
 */
const transposedLength = 448;

/** Products by oneDNN, straight on the WebAssembly memory. Each thread makes its own. */
export function oneDnnProvider(memory: Memory, library: OneDnnLibrary, packing: OneDnnPacking): MatrixProvider {
  return new OneDnnProvider(memory, library, packing);
}

class OneDnnProvider implements MatrixProvider {
  readonly name = 'onednn';
  readonly precision = 'f32';
  readonly description: string;
  readonly #engine: OneDnnEngine;
  readonly #addresses: MemoryAddresses;
  readonly #room: PackingRoom;
  readonly packing: OneDnnPacking;

  constructor(memory: Memory, library: OneDnnLibrary, packing: OneDnnPacking) {
    this.description = `${library.version}, ${library.path}${packing === 'blocks' ? ', weights in blocks' : ''}`;
    this.packing = packing;
    this.#engine = new OneDnnEngine(library, 'f32');
    this.#addresses = new MemoryAddresses(memory, library.foreign);
    this.#room = new PackingRoom(library.foreign);
  }

  get externalBytes(): number {
    return this.#room.bytes;
  }

  multiply({ m, n, k, a, transposeA, b, transposeB, c, accumulate }: MatrixProduct): void {
    const { base } = this.#addresses;
    // Equal pieces, in whole cache lines.
    const pieces = transposeA ? Math.ceil(k / transposedLength) : 1;
    const longest = pieces === 1 ? k : Math.ceil(k / pieces / 16) * 16;
    for (let at = 0; at < k; at += longest) {
      const left = base + a + 4 * (transposeA ? at * m : at);
      const right = base + b + 4 * (transposeB ? at : at * n);
      const length = Math.min(longest, k - at);
      this.#sgemm(
        m,
        n,
        length,
        left,
        transposeA,
        transposeA ? m : k,
        right,
        transposeB,
        transposeB ? k : n,
        base + c,
        accumulate || at > 0,
      );
    }
  }

  /** On native addresses, with the distances between the rows of A and of B in elements. */
  #sgemm(
    m: number,
    n: number,
    k: number,
    a: number,
    transposeA: boolean,
    widthA: number,
    b: number,
    transposeB: boolean,
    widthB: number,
    c: number,
    accumulate: boolean,
  ): void {
    const { functions, signals } = this.#engine;
    const letterA = transposeA ? letterT : letterN;
    const letterB = transposeB ? letterT : letterN;
    signals.hold();
    const status = functions.sgemm(letterA, letterB, m, n, k, 1, a, widthA, b, widthB, accumulate ? 1 : 0, c, n);
    signals.release();
    functions.check('dnnl_sgemm', status);
  }

  pack(n: number, k: number, b: number, transposeB: boolean): PackedMatrix {
    if (this.packing === 'plain' && !transposeB) {
      return {
        n,
        k,
        multiply: (m, a, c, accumulate) => this.multiply({ m, n, k, a, transposeA: false, b, transposeB: false, c, accumulate }),
        release: () => {},
      };
    }
    const layout = this.packing === 'plain' ? 'rows' : 'blocks';
    const block = this.#engine.pack(n, k, this.#addresses.base + b, transposeB, layout, this.#room);
    return {
      n,
      k,
      multiply:
        layout === 'rows'
          ? (m, a, c, accumulate) => {
              const { base } = this.#addresses;
              this.#sgemm(m, n, k, base + a, false, k, block.address, false, n, base + c, accumulate);
            }
          : (m, a, c, accumulate) => {
              const { base } = this.#addresses;
              this.#engine.multiply({ m, n, k, transposeA: false, b: 'blocks', accumulate }, base + a, block.address, base + c);
            },
      release: () => this.#room.give(block),
    };
  }

  dispose(): void {
    this.#room.clear();
    this.#engine.dispose();
  }
}

const letterN = 'N'.charCodeAt(0);
const letterT = 'T'.charCodeAt(0);
