import { useEffect, useState } from 'preact/hooks';
import { type ListedModel, listedModels, titleOf } from './catalogue.js';
import type { ModelState } from './use-model.js';

interface ModelChoiceProps {
  readonly chosen: ListedModel | undefined;
  readonly state: ModelState;
  readonly onChoose: (model: ListedModel) => void;
  /** Whether models of the server can be used here. */
  readonly served?: boolean;
}

/** Which model a page uses: one that is there, a file or a URL. */
export function ModelChoice({ chosen, state, onChoose, served = false }: ModelChoiceProps) {
  const [models, setModels] = useState<readonly ListedModel[]>();
  const [isAsking, setAsking] = useState(false);
  useEffect(() => {
    void listedModels().then((found) => {
      const usable = found.filter(({ source }) => served || source !== undefined);
      setModels(usable);
      const [first] = usable;
      if (first !== undefined) onChoose(first);
    });
  }, []);
  const open = (model: ListedModel) => {
    setModels([model, ...(models ?? [])]);
    setAsking(false);
    onChoose(model);
  };
  const opened = (name: string, source: File | string) => open({ name, where: 'opened', from: undefined, to: undefined, source });
  return (
    <section class="model" aria-label="Model">
      {models !== undefined && models.length > 0 && (
        <label>
          <span>Model</span>
          <select
            value={String(models.indexOf(chosen ?? (models[0] as ListedModel)))}
            onChange={({ currentTarget }) => onChoose(models[Number(currentTarget.value)] as ListedModel)}
          >
            {models.map((model, index) => (
              <option key={index} value={String(index)}>
                {titleOf(model)}
              </option>
            ))}
          </select>
        </label>
      )}
      <label class="file">
        <input
          type="file"
          accept=".decade"
          onChange={({ currentTarget }) => {
            const [file] = currentTarget.files ?? [];
            if (file !== undefined) opened(file.name, file);
          }}
        />
        <span class="button">Open a file…</span>
      </label>
      <button type="button" aria-expanded={isAsking} onClick={() => setAsking(!isAsking)}>
        From a URL…
      </button>
      {isAsking && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            const url = String(new FormData(event.currentTarget).get('url'));
            opened(url.split('/').at(-1) ?? url, url);
          }}
        >
          <label>
            <span>URL of a packed model or a run</span>
            <input name="url" type="text" inputMode="url" required placeholder="https://example.org/en-de.decade" />
          </label>
          <button type="submit">Open</button>
        </form>
      )}
      <ModelStatus state={state} />
      {models?.length === 0 && chosen === undefined && (
        <p class="invitation">
          There is no model here yet. <a href="watch.html">Train one in this page</a>: it takes a minute or two and asks nothing of any
          server. Or open a file that <code>decade pack</code> has made.
        </p>
      )}
    </section>
  );
}

function ModelStatus({ state }: { readonly state: ModelState }) {
  return (
    <p class="status" role="status">
      {state.kind === 'loading' && `Loading${share(state)} …`}
      {state.kind === 'failed' && <span class="failure">{state.message}</span>}
    </p>
  );
}

function share({ bytes, total }: { readonly bytes: number; readonly total: number | undefined }): string {
  return total ? ` ${Math.round((100 * bytes) / total)} %` : '';
}
