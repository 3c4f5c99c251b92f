import type { DecadeError } from '../core/errors.js';
import type { LoadOptions, ModelUses } from '../loaded-model.js';
import type { Control } from './ports.js';

/** Where a model comes from, as a message carries it. */
export type SentSource =
  /** A run directory on a web server, or a packed model where the name ends so. */
  | { readonly kind: 'url'; readonly url: string; readonly integrity: Integrity | undefined }
  | { readonly kind: 'packed'; readonly name: string; readonly blob: Blob; readonly integrity: Integrity | undefined }
  /** The files of a run by their names. */
  | { readonly kind: 'run'; readonly name: string; readonly files: RunFiles };

/** SHA-256 in hexadecimal: of a packed model, as `decade pack` prints it; of a run that of each of its files. */
export type Integrity = string | Readonly<Record<string, string>>;

/** Files of a run directory by their paths in it. */
export type RunFiles = ReadonlyMap<string, Blob>;

/** Methods that are called over a port. */
export type Method = Exclude<keyof ModelUses, symbol | 'dispose' | 'hasSentenceVectors' | 'hasSource' | 'rescore'>;

/** Options without their functions, of which the names are sent: what they would be told comes with the answers. */
export interface SentOptions {
  readonly options: object;
  readonly listeners: readonly string[];
}

/** Requests of a page to the worker of a model. Answers come over the port. */
export type ModelRequest = SentOptions & { readonly answers: MessagePort } & (
    | {
        readonly kind: 'load';
        readonly sources: readonly SentSource[];
        readonly options: LoadOptions;
        readonly cache: boolean;
        readonly threads: number;
      }
    /** `input` is a list, a text, or the port of a stream; `of` what is asked about besides, in the place of options. */
    | { readonly kind: 'call'; readonly method: Method; readonly input: unknown; readonly of?: object | undefined }
  );

/** Requests of a page to a worker that has all of the library. Answered once. */
export type TrainerRequest = SentOptions & { readonly answers: MessagePort } & (
    | {
        readonly kind: 'train';
        readonly configuration: object;
        /** The examples, as files that the configuration names. */
        readonly data: RunFiles;
        /** Undefined: one for each core, or as many as the training that is continued had. */
        readonly threads: number | undefined;
        /** Of the run to continue. */
        readonly files: RunFiles | undefined;
        /** Of the run to begin with. */
        readonly init: RunFiles | undefined;
      }
    | { readonly kind: 'pack'; readonly files: RunFiles }
  );

/** What a page is told of a model that has been loaded. */
export interface LoadAnswer {
  readonly hasSource: boolean;
  readonly hasSentenceVectors: boolean;
  /** What was asked for and is not so, each an error that says why. */
  readonly warnings: readonly DecadeError[];
}

/** The options of a call on the side of the worker. */
export function optionsWith({ options, listeners }: SentOptions, { signal, tell }: Control): object {
  const telling = listeners.map((name) => [name, (what: unknown) => tell(name, what)] as const);
  return { ...options, signal, ...Object.fromEntries(telling) };
}
