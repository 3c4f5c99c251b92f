import { useEffect, useState } from 'preact/hooks';
import { type BrowserModel, load } from '../../src/browser/index.js';
import type { ListedModel } from './catalogue.js';

export type ModelState =
  | { readonly kind: 'none' }
  | { readonly kind: 'loading'; readonly bytes: number; readonly total: number | undefined }
  | { readonly kind: 'ready'; readonly model: BrowserModel }
  | { readonly kind: 'failed'; readonly message: string };

/** A model in this page from now until another one is chosen. */
export function useModel(listed: ListedModel | undefined): ModelState {
  const [state, setState] = useState<ModelState>({ kind: 'none' });
  useEffect(() => {
    if (listed?.source === undefined) return setState({ kind: 'none' });
    setState({ kind: 'loading', bytes: 0, total: undefined });
    const leave = new AbortController();
    const { source, integrity } = listed;
    const { signal } = leave;
    const onProgress = ({ bytes, total }: { bytes: number; total: number | undefined }) => {
      if (!signal.aborted) setState({ kind: 'loading', bytes, total });
    };
    const loaded = load(source, { signal, integrity, onProgress });
    loaded.then(
      (model) => !signal.aborted && setState({ kind: 'ready', model }),
      (error: unknown) => !signal.aborted && setState({ kind: 'failed', message: messageOf(error) }),
    );
    return () => {
      leave.abort(new Error('another model was chosen'));
      loaded.then((model) => model.dispose()).catch(() => {});
    };
  }, [listed]);
  return state;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
