import { DecadeError } from '../core/errors.js';
import { openWeights, type Tokenizers } from '../checkpoint/model-files.js';
import type { Run } from '../checkpoint/run.js';
import { modelFile } from '../checkpoint/run-files.js';
import type { SafetensorsFile } from '../checkpoint/safetensors.js';
import type { Parameter, ParameterStore } from '../nn/parameters.js';
import { showShape } from '../tensor/tensor.js';
import type { Tokenizer } from '../text/tokenizer.js';

/** What a model began with of another, by the names of parameters. */
export interface Inheritance {
  readonly moved: readonly string[];
  /** Of these the rows of known tokens; the vocabulary has grown. */
  readonly grown: readonly string[];
  /** Of another shape there. */
  readonly different: readonly string[];
  /** Not there. */
  readonly missing: readonly string[];
  /** There, and not here. */
  readonly left: readonly string[];
}

/**
 * Fills what fits of a run's model into a store that has its initial values: parameters of the same name and shape, and of a vocabulary
 * that has grown the rows of the tokens that both have.
 *
 * @param theirs  tokenizers of the run
 * @param ours    tokenizers of the model that the store belongs to
 * @throws DecadeError `input` when no matrix fits
 */
export async function inheritParameters(run: Run, store: ParameterStore, theirs: Tokenizers, ours: Tokenizers): Promise<Inheritance> {
  const file = await openWeights(run.files, run.path, modelFile);
  try {
    const inherited = { moved: [] as string[], grown: [] as string[], different: [] as string[], missing: [] as string[] };
    let matrices = 0;
    for (const parameter of store) {
      const { name, shape, rules } = parameter;
      const stored = file.hasFloats(name) ? file.shapes.get(name) : undefined;
      // What both sides share has one vocabulary.
      const side = rules.side === 'source' ? 'source' : 'target';
      const rows = keptRows(theirs[side], ours[side]);
      if (stored === undefined) inherited.missing.push(name);
      else if (showShape(stored) === showShape(shape)) {
        await file.read(name, 0, parameter.value.f32);
        inherited.moved.push(name);
        if (shape.length > 1) matrices++;
      } else if (rows !== undefined && isGrown(stored, shape, theirs[side], ours[side])) {
        await readRows(file, parameter, rows);
        inherited.grown.push(name);
        if (shape.length > 1) matrices++;
      } else inherited.different.push(`${name} ${showShape(shape)} (${showShape(stored)} there)`);
    }
    if (matrices === 0) requireBeginning(run, file, store);
    const own = new Set(Array.from(store, ({ name }) => name));
    const left = [...file.shapes.keys()].filter((name) => !own.has(name));
    return { ...inherited, left };
  } finally {
    await file.close();
  }
}

/** Biases alone are no beginning: the error says which parameters do not agree. */
function requireBeginning(run: Run, file: SafetensorsFile, store: ParameterStore): void {
  try {
    file.requireSame(store.shapes);
  } catch (error) {
    if (!(error instanceof DecadeError)) throw error;
    const allowed = 'a run that has a matrix in common with this model';
    const next = `use the model options in ${run.fileAt('config.yaml')}; if these are they, the file is damaged: copy the run again`;
    throw new DecadeError(error.kind, { ...error.parts, allowed, next, cause: error });
  }
}

/** In words; empty when everything was moved. */
export function describeInheritance({ moved, grown, different, missing, left }: Inheritance): string {
  if (grown.length + different.length + missing.length + left.length === 0) return '';
  return [
    `moved: ${partsOf(moved, 2)}`,
    ...(grown.length > 0 ? [`moved for the tokens that it knows: ${partsOf(grown)}`] : []),
    ...(different.length > 0 ? [`not moved, of another shape: ${different.join(', ')}`] : []),
    ...(missing.length > 0 ? [`new: ${partsOf(missing)}`] : []),
    ...(left.length > 0 ? [`left behind: ${partsOf(left)}`] : []),
  ].join('; ');
}

/** `decoder.0.attention.norm.scale`, `decoder.0.attention.output.bias`: `decoder.0.attention`; of two levels `decoder.0`. */
function partsOf(names: readonly string[], levels = 3): string {
  const parts = new Set(names.map((name) => name.split('.').slice(0, -1).slice(0, levels).join('.')));
  return parts.size === 0 ? 'nothing' : [...parts].join(', ');
}

/** For each token of a vocabulary that has grown its id in the former one; undefined where nothing has changed. */
function keptRows(former: Tokenizer | undefined, present: Tokenizer | undefined): (number | undefined)[] | undefined {
  if (former === undefined || present === undefined || former.size === present.size) return undefined;
  const ids = new Map(Array.from({ length: former.size }, (_, id) => [former.token(id), id]));
  return Array.from({ length: present.size }, (_, id) => ids.get(present.token(id)));
}

function isGrown(
  [formerRows, ...former]: readonly number[],
  [rows, ...present]: readonly number[],
  theirs: Tokenizer | undefined,
  ours: Tokenizer | undefined,
): boolean {
  return formerRows === theirs?.size && rows === ours?.size && showShape(former) === showShape(present);
}

async function readRows(file: SafetensorsFile, parameter: Parameter, rows: readonly (number | undefined)[]): Promise<void> {
  const columns = parameter.size / rows.length;
  for (const [row, former] of rows.entries()) {
    if (former !== undefined)
      await file.read(parameter.name, former * columns, parameter.value.f32.subarray(row * columns, (row + 1) * columns));
  }
}
