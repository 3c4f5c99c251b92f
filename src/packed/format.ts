import * as z from 'zod';

/*
 * A packed model is a safetensors file (docs/decisions/packed-models.md): its metadata list the files of each run and the hashes of
 * the pieces of all that follows the header.
 */

export const formatVersion = 1;
/** Values are hashed in pieces of so many bytes; the last one is shorter. */
export const pieceBytes = 1024 ** 2;
/** Readers refuse larger pieces, which they would have to hold whole. */
export const mostPieceBytes = 64 * 1024 ** 2;
export const mostHeaderBytes = 8 * 1024 ** 2;
export const mostModels = 64;
/** Of one file of a run; none is read whole without this limit. */
export const mostFileBytes = 64 * 1024 ** 2;

/** A hash that is not known yet. It has its place at the beginning, so that the header can be hashed with this in it. */
export const noHash = '0'.repeat(64);
/** Where the digits of the header's hash begin: after the header's length and `{"__metadata__":{"format":"decade","version":"1","hash":"`. */
export const hashOffset = 8 + beginningOf(formatVersion).length;
/** So many bytes tell whether a file is a packed model. */
export const tellingBytes = 128;

/** Of a header's JSON, in the order in which `JSON.stringify` writes the metadata. */
export function beginningOf(version: number): string {
  return `{"__metadata__":{"format":"decade","version":"${version}","hash":"`;
}

/** The version of a packed model whose header's JSON begins so; undefined for anything else. */
export function versionOf(beginning: string): number | undefined {
  const [, version] = /^\{"__metadata__":\{"format":"decade","version":"(\d{1,9})","hash":"/.exec(beginning) ?? [];
  return version === undefined ? undefined : Number(version);
}

/** A name, never a path: unpacking writes files of these names. */
const fileName = z.string().regex(/^\w[\w.-]{0,99}$/);

const packedRun = z.strictObject({
  /** What the names of its tensors begin with. */
  prefix: z.string().max(100),
  /** The tensor (U8) that holds each file of the run. */
  files: z.record(fileName, z.string()).refine((files) => Object.keys(files).length <= 100),
  /** Its file of weights, which are the other tensors. */
  weights: z.strictObject({ name: fileName, metadata: z.record(z.string(), z.string()) }),
});
/** A run within a packed model. */
export type PackedRun = z.output<typeof packedRun>;

const digits = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);

/** What is in `__metadata__`, where every value is text. */
export const packedMetadata = z.looseObject({
  format: z.literal('decade'),
  version: digits,
  hash: z.string().length(noHash.length),
  pieceBytes: digits,
  /** SHA-256 of each piece, one after the other. */
  pieces: z
    .string()
    .regex(/^[0-9a-f]*$/)
    .refine((hashes) => hashes.length % noHash.length === 0),
  models: z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue({ code: 'custom', message: 'not JSON' });
        return z.NEVER;
      }
    })
    .pipe(z.array(packedRun).min(1).max(mostModels)),
});

export function printMetadata(pieces: readonly string[], models: readonly PackedRun[]): Record<string, string> {
  return {
    format: 'decade',
    version: String(formatVersion),
    hash: noHash,
    pieceBytes: String(pieceBytes),
    pieces: pieces.join(''),
    models: JSON.stringify(models),
  };
}
