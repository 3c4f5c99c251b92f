import * as z from 'zod';

/** Throws; named in errors is the part of the file that is not supported. */
export type Refuse = (received: string, cause?: unknown) => never;

/** A part of a `tokenizer.json`: told apart by its type. */
export const part = z.looseObject({ type: z.string() });
export type Part = z.output<typeof part>;
