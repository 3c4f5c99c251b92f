import { DecadeError } from '../../core/errors.js';
import type { Counterpart } from '../counterparts.js';
import type { ForeignTensors, TransformerOptionsInput } from '../foreign-model.js';

const layouts = ['halves', 'tensor2tensor', 'interleaved'] as const;
/** Of 32-bit sinusoids, computed in any order. */
const tolerance = 1e-4;
/** So many rows tell which sinusoids they are. */
const telling = 8;

/** What a file says of positions, where it stores a table: sinusoids that decade computes, or a table that it takes. */
export interface StoredPositions {
  readonly options: Pick<TransformerOptionsInput, 'positions' | 'sinusoids' | 'firstPosition'> & { readonly maximumLength?: number };
  readonly tables: readonly Counterpart[];
}

/** CTranslate2 computes those of tensor2tensor from 1 on where no table is stored. */
export async function positionsOf(
  tensors: ForeignTensors,
  sides: readonly ('encoder' | 'decoder')[],
  width: number,
): Promise<StoredPositions> {
  const found = sides.flatMap((side) => {
    const name = `${side}/position_encodings/encodings`;
    const shape = tensors.shapes.get(name);
    return shape === undefined ? [] : [{ side, name, rows: shape[0] ?? 0, columns: shape[1] ?? 0 }];
  });
  const [first] = found;
  if (first === undefined) return { options: { positions: 'sinusoidal', sinusoids: 'tensor2tensor', firstPosition: 1 }, tables: [] };
  const rows = new Float32Array(Math.min(telling, first.rows) * first.columns);
  await tensors.read(first.name, 0, rows);
  if (first.columns === width) {
    for (const firstPosition of [0, 1, 2]) {
      const sinusoids = layouts.find((layout) =>
        rows.every((value, at) => Math.abs(value - sinusoid(layout, width, firstPosition, at)) < tolerance),
      );
      if (sinusoids !== undefined) return { options: { positions: 'sinusoidal', sinusoids, firstPosition }, tables: [] };
    }
  }
  if (found.some((table) => table.rows !== first.rows)) {
    throw new DecadeError('input', {
      where: tensors.path,
      received: 'positions of two lengths',
      allowed: 'as many for the encoder as for the decoder',
    });
  }
  return {
    options: { positions: 'learned', maximumLength: first.rows },
    tables: found.map(({ side, name }) => ({ name: `${side === 'encoder' ? 'source' : 'target'}.positions.table`, theirs: [name] })),
  };
}

function sinusoid(layout: (typeof layouts)[number], width: number, first: number, at: number): number {
  const [position, column, half] = [first + Math.floor(at / width), at % width, width / 2];
  const pair = layout === 'interleaved' ? column >> 1 : column % half;
  const angle = position * 10_000 ** -(layout === 'tensor2tensor' ? pair / Math.max(half - 1, 1) : pair / half);
  const isSine = layout === 'interleaved' ? column % 2 === 0 : column < half;
  return isSine ? Math.sin(angle) : Math.cos(angle);
}
