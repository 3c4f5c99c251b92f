import type { Source } from '../../src/browser/index.js';
import { keptModels } from './kept-models.js';

/** A model that a page can open. */
export interface ListedModel {
  /** For people. */
  readonly name: string;
  readonly where: 'with the site' | 'trained here' | 'opened' | 'on the server';
  /** BCP 47; undefined where nobody said. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** Undefined where the server computes. */
  readonly source: Source | undefined;
  /** The hash that it must have. */
  readonly integrity?: string | undefined;
}

/** `models/index.json`: what lies beside the site, and what a server that serves it translates itself. */
interface Index {
  readonly models: readonly {
    readonly name: string;
    readonly file: string;
    readonly hash: string;
    readonly from?: string;
    readonly to?: string;
  }[];
  readonly served?: readonly { readonly from: string; readonly to: string }[];
}

/** All models that there are to choose from: the first is what a visitor most probably wants. */
export async function listedModels(): Promise<ListedModel[]> {
  const [{ models, served = [] }, kept] = await Promise.all([index(), keptModels()]);
  return [
    ...served.map(({ from, to }) => ({ name: 'this server’s', where: 'on the server' as const, from, to, source: undefined })),
    ...kept.map(({ name, blob, from, to }) => ({ name, where: 'trained here' as const, from, to, source: blob })),
    ...models.map(({ name, file, hash, from, to }) => ({
      ...{ name, where: 'with the site' as const, from, to },
      ...{ source: new URL(`models/${file}`, document.baseURI), integrity: hash },
    })),
  ];
}

async function index(): Promise<Index> {
  const response = await fetch('models/index.json').catch(() => undefined);
  return response?.ok ? ((await response.json()) as Index) : { models: [] };
}

const languageNames = new Intl.DisplayNames('en', { type: 'language' });

/** `English to French`, or what the model is called. */
export function titleOf({ name, from, to, where }: ListedModel): string {
  const pair = from !== undefined && to !== undefined ? `${languageOf(from)} to ${languageOf(to)}` : undefined;
  return pair === undefined ? `${name} (${where})` : `${pair} · ${name} (${where})`;
}

export function languageOf(tag: string): string {
  return languageNames.of(tag) ?? tag;
}
