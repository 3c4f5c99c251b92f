import type { Scope } from '../device.js';
import type { Tensor } from '../tensor.js';
import type { LstmInputs } from './lstm.js';

/** Which states the rows of a step continue, where they are not those of the step before, one by one. */
export interface StateOrigins {
  /** Int32[rows]: a row of the states before. */
  readonly rows: Tensor;
  /** Int32[distinct]: those among them, each once. */
  readonly distinct: Tensor;
  /** Int32[rows]: the place of each row's origin in `distinct`. */
  readonly places: Tensor;
}

export type LstmStepInputs = LstmInputs & { readonly hidden: Tensor; readonly cell: Tensor };

/** Rows that share an origin are multiplied once where fewer than this part of them are left: the results must then be copied. */
const worthSharing = 0.9;

export function stateOrigins(scope: Scope, rows: Int32Array): StateOrigins {
  const known = new Map<number, number>();
  const places = rows.map((row) => {
    const place = known.get(row) ?? known.size;
    known.set(row, place);
    return place;
  });
  return { rows: scope.integers(rows), distinct: scope.integers([...known.keys()]), places: scope.integers(places) };
}

/**
 * One step of the operation `lstm` for all rows, without gradients: [rows, hidden] each. Row r continues the state of
 * `origins.rows[r]`. In a beam several rows continue one, which is then multiplied by the recurrent weights once.
 */
export function lstmStep(scope: Scope, inputs: LstmStepInputs, origins: StateOrigins | undefined): { hidden: Tensor; cell: Tensor } {
  const { input, weightInput, inputProducts, weightHidden, bias } = inputs;
  const { kernels } = scope.device;
  const size = weightHidden.dimension(1);
  const rows = origins?.rows.size ?? inputs.hidden.dimension(0);
  const gates = scope.empty([rows, 4 * size]);
  if (origins !== undefined && origins.distinct.size < worthSharing * rows) {
    const recurrent = scope.empty([origins.distinct.size, 4 * size]);
    multiply(scope, chosen(scope, inputs.hidden, origins.distinct), weightHidden, recurrent, false);
    if (inputProducts !== undefined) {
      kernels.sumOfRows(gates.offset, inputProducts.offset, input.offset, recurrent.offset, origins.places.offset, rows, 4 * size);
    } else {
      kernels.gatherRows(gates.offset, recurrent.offset, origins.places.offset, rows, 4 * size);
      if (weightInput !== undefined) multiply(scope, input, weightInput, gates, true);
    }
  } else {
    if (inputProducts !== undefined) kernels.gatherRows(gates.offset, inputProducts.offset, input.offset, rows, 4 * size);
    else if (weightInput !== undefined) multiply(scope, input, weightInput, gates, false);
    multiply(scope, origins === undefined ? inputs.hidden : chosen(scope, inputs.hidden, origins.rows), weightHidden, gates, true);
  }
  const before = origins === undefined ? inputs.cell : chosen(scope, inputs.cell, origins.rows);
  const hidden = scope.empty([rows, size]);
  const cell = origins === undefined ? scope.empty([rows, size]) : before;
  kernels.lstmForward(gates.offset, bias.offset, before.offset, cell.offset, 0, hidden.offset, rows, size);
  return { hidden, cell };
}

function chosen(scope: Scope, states: Tensor, rows: Tensor): Tensor {
  const columns = states.dimension(1);
  const gathered = scope.empty([rows.size, columns]);
  scope.device.kernels.gatherRows(gathered.offset, states.offset, rows.offset, rows.size, columns);
  return gathered;
}

/** c (+)= a weightᵀ */
function multiply(scope: Scope, a: Tensor, weight: Tensor, c: Tensor, accumulate: boolean): void {
  scope.device.matrix.multiply({
    m: a.dimension(0),
    n: weight.dimension(0),
    k: weight.dimension(1),
    a: a.offset,
    transposeA: false,
    b: weight.offset,
    transposeB: true,
    c: c.offset,
    accumulate,
  });
}
