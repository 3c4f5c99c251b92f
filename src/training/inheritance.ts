import { DecadeError } from '../core/errors.js';
import { openWeights, type Tokenizers } from '../checkpoint/model-files.js';
import type { Run } from '../checkpoint/run.js';
import { modelFile } from '../checkpoint/run-files.js';
import type { SafetensorsFile } from '../checkpoint/safetensors.js';
import type { ModelOptions } from '../models/create.js';
import type { Parameter, ParameterStore } from '../nn/parameters.js';
import { type Shape, showShape } from '../tensor/tensor.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { InitPart } from './request.js';

const [sourceTable, targetTable] = ['source.embedding.table', 'target.embedding.table'];

/** A parameter, and the one of a run that it begins with. */
interface Move {
  readonly name: string;
  readonly from: string;
}

/** A model, or of a translator the part, that begins with another. Its parameters have their initial values. */
export interface Heir {
  readonly parameters: ParameterStore;
  readonly options: ModelOptions;
  readonly into: InitPart;
}

/** What a model began with of another, by the names of parameters. */
export interface Inheritance {
  readonly moved: readonly Move[];
  /** Of these the rows of known tokens; the vocabulary has grown. */
  readonly grown: readonly Move[];
  /** Of these the rows of the positions that both have. */
  readonly positions: readonly string[];
  /** Of another shape there. */
  readonly different: readonly string[];
  /** Not there. */
  readonly missing: readonly string[];
  /** There, and not here. */
  readonly left: readonly string[];
}

/**
 * Fills what fits of a run's model into another: parameters of the same name and shape, and of a vocabulary
 * that has grown the rows of the tokens that both have, of learned positions those that both have. `FormerNames` says what begins with a parameter of another name.
 *
 * @param theirs  tokenizers of the run
 * @param ours    tokenizers of the model that begins with it
 * @throws DecadeError `input` when no matrix fits
 */
export async function inheritParameters(run: Run, heir: Heir, theirs: Tokenizers, ours: Tokenizers): Promise<Inheritance> {
  const file = await openWeights(run.files, run.path, modelFile);
  try {
    const inherited = {
      moved: [] as Move[],
      grown: [] as Move[],
      positions: [] as string[],
      different: [] as string[],
      missing: [] as string[],
    };
    const formerNames = heir.into === 'encoder' ? namesForEncoder(heir) : namesForAll(heir, file, ours);
    const wanted = new Map<string, Shape>();
    let matrices = 0;
    for (const parameter of heir.parameters) {
      const { name, shape, rules } = parameter;
      const from = formerNames(name);
      if (from === undefined) {
        inherited.missing.push(name);
        continue;
      }
      const move = { name, from };
      wanted.set(from, shape);
      const stored = file.hasFloats(from) ? file.shapes.get(from) : undefined;
      // What both sides share has one vocabulary.
      const side = rules.side === 'source' ? 'source' : 'target';
      const vocabularies = { former: theirs[from === targetTable ? 'target' : side], present: ours[side] };
      const rows = keptRows(vocabularies);
      if (stored === undefined) inherited.missing.push(name);
      else if (showShape(stored) === showShape(shape)) {
        await file.read(from, 0, parameter.value.f32);
        inherited.moved.push(move);
        if (shape.length > 1) matrices++;
      } else if (rows !== undefined && isGrown(stored, shape, vocabularies)) {
        await readRows(file, from, parameter, rows);
        inherited.grown.push(move);
        if (shape.length > 1) matrices++;
      } else if (name.endsWith('.positions.table') && hasLearnedPositions(heir.options) && stored[1] === shape[1]) {
        const common = Math.min(stored[0] as number, shape[0] as number);
        await file.read(from, 0, parameter.value.f32.subarray(0, common * (shape[1] as number)));
        inherited.positions.push(`${partOf(name, 2)} (the first ${common.toLocaleString('en')})`);
      } else inherited.different.push(`${name} ${showShape(shape)} (${showShape(stored)} there)`);
    }
    if (matrices === 0) requireBeginning(run, file, wanted);
    const left = [...file.shapes.keys()].filter((name) => !wanted.has(name));
    return { ...inherited, left };
  } finally {
    await file.close();
  }
}

/** The parameter of a run that one of this name begins with, if any. */
type FormerNames = (name: string) => string | undefined;

/**
 * The same, but where one network with one vocabulary reads the source and goes on with the target, the source has the vectors of the
 * target, if the run has none of its own for it.
 */
function namesForAll({ parameters }: Heir, file: SafetensorsFile, ours: Tokenizers): FormerNames {
  const readsBoth = Array.from(parameters).some(({ rules }) => rules.side === 'both') && ours.source === ours.target;
  return (name) => (readsBoth && name === sourceTable && !file.hasFloats(name) ? targetTable : name);
}

/** Layers of an encoder have the parameters of layers that only look back, and nothing else begins with these. */
function namesForEncoder({ parameters, options }: Heir): FormerNames {
  const table = parameters.get(sourceTable) === undefined ? targetTable : sourceTable;
  return (name) => {
    if (name === table) return targetTable;
    if (name.startsWith('encoder.')) return name.replace('encoder', 'decoder');
    // Biases by distance are of another division where rows look forward, too.
    return name === 'source.positions.table' && hasLearnedPositions(options) ? 'target.positions.table' : undefined;
  };
}

function hasLearnedPositions(options: ModelOptions): boolean {
  return options.kind === 'transformer' && options.positions === 'learned';
}

/** Biases alone are no beginning: the error says which parameters do not agree. */
function requireBeginning(run: Run, file: SafetensorsFile, wanted: ReadonlyMap<string, Shape>): void {
  try {
    file.requireSame(wanted);
  } catch (error) {
    if (!(error instanceof DecadeError)) throw error;
    const allowed = 'a run that has a matrix in common with this model';
    const next = `use the model options in ${run.fileAt('config.yaml')}; if these are they, the file is damaged: copy the run again`;
    throw new DecadeError(error.kind, { ...error.parts, allowed, next, cause: error });
  }
}

/** In words; empty when everything was moved. */
export function describeInheritance({ moved, grown, positions, different, missing, left }: Inheritance): string {
  const isWhole = grown.length + positions.length + different.length + missing.length + left.length === 0;
  if (isWhole && moved.every(({ name, from }) => name === from)) return '';
  return [
    `moved: ${movesOf(moved, 2)}`,
    ...(grown.length > 0 ? [`moved for the tokens that it knows: ${movesOf(grown)}`] : []),
    ...(positions.length > 0 ? [`moved for the positions that both have: ${positions.join(', ')}`] : []),
    ...(different.length > 0 ? [`not moved, of another shape: ${different.join(', ')}`] : []),
    ...(missing.length > 0 ? [`new: ${partsOf(missing)}`] : []),
    ...(left.length > 0 ? [`left behind: ${partsOf(left)}`] : []),
  ].join('; ');
}

/** As `partsOf`, and where a part has another name in the run, this name. */
function movesOf(moves: readonly Move[], levels = 3): string {
  return listed(
    moves.map(({ name, from }) => {
      const [part, former] = [partOf(name, levels), partOf(from, levels)];
      return part === former ? part : `${part} from ${former}`;
    }),
  );
}

function partsOf(names: readonly string[]): string {
  return listed(names.map((name) => partOf(name, 3)));
}

/** `decoder.0.attention.norm.scale`, `decoder.0.attention.output.bias`: `decoder.0.attention`; of two levels `decoder.0`. */
function partOf(name: string, levels: number): string {
  return name.split('.').slice(0, -1).slice(0, levels).join('.');
}

function listed(parts: readonly string[]): string {
  return parts.length === 0 ? 'nothing' : [...new Set(parts)].join(', ');
}

/** Of a side, in a run and in the model that begins with it. */
interface Vocabularies {
  readonly former: Tokenizer | undefined;
  readonly present: Tokenizer | undefined;
}

/** For each token of a vocabulary that has grown its id in the former one; undefined where nothing has changed. */
function keptRows({ former, present }: Vocabularies): (number | undefined)[] | undefined {
  if (former === undefined || present === undefined || former.size === present.size) return undefined;
  const ids = new Map(Array.from({ length: former.size }, (_, id) => [former.token(id), id]));
  return Array.from({ length: present.size }, (_, id) => ids.get(present.token(id)));
}

function isGrown([formerRows, ...others]: Shape, [rows, ...ours]: Shape, { former, present }: Vocabularies): boolean {
  return formerRows === former?.size && rows === present?.size && showShape(others) === showShape(ours);
}

async function readRows(file: SafetensorsFile, from: string, parameter: Parameter, rows: readonly (number | undefined)[]): Promise<void> {
  const columns = parameter.size / rows.length;
  for (const [row, former] of rows.entries()) {
    if (former !== undefined) await file.read(from, former * columns, parameter.value.f32.subarray(row * columns, (row + 1) * columns));
  }
}
