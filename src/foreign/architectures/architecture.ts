import type * as z from 'zod';
import type { TransformerOptions } from '../../models/transformer/options.js';
import type { Shape } from '../../tensor/tensor.js';
import type { Counterpart } from '../counterparts.js';
import type { ForeignModel } from '../foreign-model.js';
import { checked } from '../json-file.js';
import type { WrittenModel } from '../written-model.js';
import { type GenerationConfiguration, requireOnly } from './configuration.js';

/** What a folder of Hugging Face says besides `config.json`. */
export interface FolderFacts {
  /** Of `config.json`, for messages. */
  readonly where: string;
  readonly generation: GenerationConfiguration;
  /** The id of the unknown token in its numbering, where there is one. */
  readonly unknown: number | undefined;
  /** Of its tensors. */
  readonly names: readonly string[];
}

/** An option of a model that an architecture does not have. */
export interface Misfit {
  /** `model.norm.epsilon` */
  readonly option: string;
  readonly received: unknown;
  readonly allowed: string;
}

/** An architecture of Hugging Face, to be read and to be written. */
export interface Architecture {
  /** `model_type` of its configurations. */
  readonly type: string;
  /** Its class. */
  readonly name: string;
  /** @throws DecadeError `input` for a configuration of another form, and for an option that decade does not have */
  read(configuration: unknown, facts: FolderFacts): ForeignModel;
  misfits(model: WrittenModel): Misfit[];
  configuration(model: WrittenModel): Readonly<Record<string, unknown>>;
  counterparts(options: TransformerOptions): readonly Counterpart[];
  /** Tensors that a model without the parameter has as zeros. */
  zeros(model: WrittenModel): ReadonlyMap<string, Shape>;
}

interface Table<Schema extends z.ZodType> extends Pick<Architecture, 'type' | 'name' | 'configuration' | 'counterparts'> {
  /** Of `config.json`. */
  readonly schema: Schema;
  /** Keys of it that decade has in one way only, and how. */
  fixed(given: z.output<Schema>): Readonly<Record<string, readonly unknown[]>>;
  model(given: z.output<Schema>, facts: FolderFacts): Omit<ForeignModel, 'architecture'>;
  /** Options of decade that it has in some ways only. */
  requirements(model: WrittenModel): readonly (readonly [option: string, received: unknown, allowed: readonly unknown[]])[];
  zeros?(model: WrittenModel): ReadonlyMap<string, Shape>;
}

/** An architecture, from what is particular to it. */
export function architecture<Schema extends z.ZodType<Readonly<Record<string, unknown>>>>(table: Table<Schema>): Architecture {
  const { type, name, schema, fixed, model, requirements, configuration, counterparts, zeros = () => new Map() } = table;
  return {
    type,
    name,
    read(json, facts) {
      const given = checked(json, facts.where, schema, `the configuration of a ${name}`);
      for (const [key, allowed] of Object.entries(fixed(given))) requireOnly(facts.where, key, given[key], allowed);
      return { architecture: name, ...model(given, facts) };
    },
    misfits: (written) =>
      requirements(written)
        .filter(([, received, allowed]) => !allowed.includes(received))
        .map(([option, received, allowed]) => ({ option, received, allowed: allowed.map(String).join(' or ') })),
    configuration,
    counterparts,
    zeros,
  };
}
