import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { AttentionHeads } from '../inside/attention-heads.js';
import { Continuation } from '../inside/continuation.js';
import { Predictions } from '../inside/predictions.js';
import { SentenceMap } from '../inside/sentence-map.js';
import { SmallLanguageModel } from '../inside/small-language-model.js';
import { composeLesson } from '../learning/recipe.js';
import type { ListedModel } from '../models/catalogue.js';
import { ModelChoice } from '../models/model-choice.js';
import { useModel } from '../models/use-model.js';

const example = '3 weeks ago';
const text = 'Monday, January 19, 2004';
const beginning = 'Monday, ';

function Inside() {
  const [listed, setListed] = useState<ListedModel>();
  const [generation, setGeneration] = useState(0);
  const [sentences, setSentences] = useState<readonly string[]>();
  const state = useModel(listed);
  const model = state.kind === 'ready' ? state.model : undefined;
  const hasMap = model?.hasSentenceVectors === true;
  useEffect(() => {
    if (hasMap) void composeLesson().then(({ heldOut }) => setSentences(heldOut.map(({ source }) => source)));
  }, [hasMap]);
  return (
    <>
      <ModelChoice key={generation} chosen={listed} state={state} onChoose={setListed} />
      {model !== undefined && !model.hasSource && (
        <>
          <Predictions model={model} example={text} />
          <Continuation model={model} example={beginning} />
        </>
      )}
      {model !== undefined && <AttentionHeads model={model} example={model.hasSource ? example : text} />}
      {model !== undefined && hasMap && sentences !== undefined && <SentenceMap model={model} examples={sentences} />}
      {model?.hasSource && !hasMap && (
        <p class="note">This network has no single vector for a sentence, so there is no map of sentences. An LSTM has one.</p>
      )}
      {(model === undefined || model.hasSource) && <SmallLanguageModel onTrained={() => setGeneration(generation + 1)} />}
    </>
  );
}

render(<Inside />, document.querySelector('#app') as HTMLElement);
