import { useEffect, useRef, useState } from 'preact/hooks';
import type { AttentionView, BrowserModel } from '../../src/browser/index.js';
import { Failure } from '../drawings/failure.js';
import { HeatMap } from '../drawings/heat-map.js';
import { LineInput } from './line-input.js';
import { useAnswer } from './use-answer.js';

const names: Readonly<Record<string, string>> = {
  attention: 'What each written token looked at in the source',
  'cross-attention': 'What each written token looked at in the source',
  'self-attention': 'What each token looked at among those before it',
  'self-attention of the decoder': 'What each written token looked at among those written before',
  'self-attention of the encoder': 'What each token of the source looked at in the source',
};

/** The attention of a model by layer and head, for a line that can be changed. */
export function AttentionHeads({ model, example }: { readonly model: BrowserModel; readonly example: string }) {
  const [line, setLine] = useState(example);
  useEffect(() => setLine(example), [model]);
  const { value: views = [], failure } = useAnswer(
    async (signal) => (await model.attentionViews([line], { signal, beam: 1 }))[0] ?? [],
    [model, line],
  );
  return (
    <section aria-labelledby="heads">
      <h2 id="heads">Where it looks, layer by layer</h2>
      <p>
        Attention is a set of shares: each row adds up to one. A Transformer has several heads in every layer, and they come to look for
        different things.
      </p>
      <LineInput label={model.hasSource ? 'Sentence' : 'Text'} value={line} onChange={setLine} />
      <Failure message={failure} />
      {line.trim() !== '' && views.length === 0 && failure === undefined && <p class="note">This network has no attention.</p>}
      {views.map((view, index) => (
        <View key={view.name} view={view} isAnnounced={index === 0} />
      ))}
    </section>
  );
}

function View({ view: { name, rows, columns, layers }, isAnnounced }: { readonly view: AttentionView; readonly isAnnounced: boolean }) {
  const [[layer, head], choose] = useState<readonly [number, number]>([0, 0]);
  const weights = layers[layer]?.[head] ?? layers[0]?.[0];
  const heads = Math.max(...layers.map((each) => each.length));
  const isOne = layers.length === 1 && heads === 1;
  const caption = `${names[name] ?? name}${isOne ? '' : `, layer ${layer + 1}, head ${head + 1}`}`;
  return (
    <>
      <h3>{caption}</h3>
      {!isOne && (
        <fieldset class="heads" style={{ '--heads': heads }} aria-label={`${name}: layers and heads`}>
          {layers.map((each, at) => [
            <span key={`layer ${at}`}>Layer {at + 1}</span>,
            ...each.map((map, index) => (
              <button
                key={`${at} ${index}`}
                type="button"
                aria-pressed={at === layer && index === head}
                aria-label={`Layer ${at + 1}, head ${index + 1}`}
                onClick={() => choose([at, index])}
              >
                <Thumbnail weights={map} rows={rows.length} columns={columns.length} />
              </button>
            )),
            ...Array.from({ length: heads - each.length }, (_, index) => <span key={`none ${at} ${index}`} />),
          ])}
        </fieldset>
      )}
      {weights !== undefined && (
        <HeatMap
          caption={caption}
          rows={rows}
          columns={columns}
          weight={(row, column) => weights[row * columns.length + column] ?? 0}
          isAnnounced={isAnnounced}
        />
      )}
    </>
  );
}

/** A pixel for each share. */
function Thumbnail({ weights, rows, columns }: { readonly weights: Float32Array; readonly rows: number; readonly columns: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (canvas.current === null || context === null || context === undefined) return;
    const [red = 0, green = 0, blue = 0] = (getComputedStyle(canvas.current).color.match(/\d+/g) ?? []).map(Number);
    const image = context.createImageData(columns, rows);
    for (const [pixel, weight] of weights.entries()) image.data.set([red, green, blue, Math.round(255 * weight)], 4 * pixel);
    context.putImageData(image, 0, 0);
  }, [weights, rows, columns]);
  return <canvas ref={canvas} width={columns} height={rows} />;
}
