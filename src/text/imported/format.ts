import * as z from 'zod';

/** What the saved file of an imported tokenizer says of itself. */
export const importedFormat = 'decade-imported-tokenizer';

/** Whether a saved tokenizer is an imported one. */
export function isImported(contents: unknown): boolean {
  return z.looseObject({ format: z.literal(importedFormat) }).safeParse(contents).success;
}
