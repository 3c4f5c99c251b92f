/** What has been made of a model of another library. */
export interface ImportedModel {
  /** `MarianMTModel`, `ARPA`. */
  readonly architecture: string;
  /** For people: `Transformer, 6+6 layers of 512 values, 8 heads, post-norm`. */
  readonly description: string;
  readonly parameters: number;
  readonly vocabularies: { readonly source?: number | undefined; readonly target: number };
}

export interface ImportOptions {
  /** The run directory to make. */
  readonly out: string;
}
