// Training speed of the LSTM encoder-decoder in jax-js on its WebAssembly backend: one shape, one JSON line. It has no
// scan, so the steps are unrolled. Its compiler takes no gradient of a look-up, so embeddings are looked up, and their
// gradients gathered, between the compiled parts.
import { createRequire } from 'node:module';

const { packages, vocabulary, hidden, layers, sentences, length, seconds } = JSON.parse(process.argv[2]);
const { defaultDevice, init, jit, nn, numpy: np, random, tree, valueAndGrad, vjp } = createRequire(`${packages}/`)('@jax-js/jax');
await init('wasm');
defaultDevice('wasm');

let seed = 0;
const uniform = (...shape) => random.uniform(random.key(++seed), shape, { minval: -0.08, maxval: 0.08 });
const stack = () => Array.from({ length: layers }, () => ({ weight: uniform(2 * hidden, 4 * hidden), bias: uniform(4 * hidden) }));
let parameters = {
  source: uniform(vocabulary, hidden),
  target: uniform(vocabulary, hidden),
  encoder: stack(),
  decoder: stack(),
  output: { weight: uniform(hidden, vocabulary), bias: uniform(vocabulary) },
};

// Every function takes ownership of its arguments: `ref` keeps one for another use.
function read(weights, inputs, states) {
  const outputs = [];
  for (const input of inputs) {
    let below = input;
    states = weights.map(({ weight, bias }, layer) => {
      const [h, c] = states[layer];
      const gates = np.matmul(np.concatenate([below, h], 1), weight.ref).add(bias.ref);
      const [i, f, g, o] = np.split(gates, 4, 1);
      const cell = nn
        .sigmoid(f)
        .mul(c)
        .add(nn.sigmoid(i).mul(np.tanh(g)));
      const output = nn.sigmoid(o).mul(np.tanh(cell.ref));
      below = output.ref;
      return [output, cell];
    });
    outputs.push(below);
  }
  return { outputs, states };
}

const steps = (embedded) => np.split(embedded, length, 0).map((step) => step.reshape([sentences, hidden]));
const dispose = (states) => {
  for (const array of states.flat()) array.dispose();
};

function loss({ encoder, decoder, output }, source, target, wanted) {
  const zeros = () => Array.from({ length: layers }, () => [np.zeros([sentences, hidden]), np.zeros([sentences, hidden])]);
  const encoded = read(encoder, steps(source), zeros());
  dispose(encoded.outputs);
  const decoded = read(decoder, steps(target), encoded.states);
  dispose(decoded.states);
  tree.dispose([encoder, decoder]);
  const logits = np.matmul(np.concatenate(decoded.outputs, 0), output.weight).add(output.bias);
  const chances = nn.logSoftmax(logits, -1).mul(nn.oneHot(wanted, vocabulary));
  return chances.sum().mul(-1 / (length * sentences));
}

const backward = jit((...given) => valueAndGrad(loss, { argnums: [0, 1, 2] })(...given));

const descend = jit((before, gradients) => {
  const norm = np.sqrt(
    tree
      .leaves(tree.ref(gradients))
      .map((gradient) => np.square(gradient).sum())
      .reduce((a, b) => a.add(b)),
  );
  const rate = np.minimum(1, np.array(5).div(norm)).mul(0.1);
  const after = tree.map((parameter, gradient) => parameter.sub(gradient.mul(rate.ref)), before, gradients);
  rate.dispose();
  return after;
});

function update({ source, target, ...rest }, sources, inputs, wanted) {
  const [sourceVectors, sourceGradient] = vjp((table) => np.take(table, sources, 0), [source.ref]);
  const [targetVectors, targetGradient] = vjp((table) => np.take(table, inputs, 0), [target.ref]);
  const [value, [ofRest, ofSource, ofTarget]] = backward(tree.ref(rest), sourceVectors, targetVectors, wanted);
  const [bySource] = sourceGradient(ofSource);
  const [byTarget] = targetGradient(ofTarget);
  sourceGradient.dispose();
  targetGradient.dispose();
  return [value, descend({ source, target, ...rest }, { source: bySource, target: byTarget, ...ofRest })];
}

const ids = () =>
  np.array(
    Int32Array.from({ length: length * sentences }, () => 4 + Math.floor(Math.random() * (vocabulary - 4))),
    { dtype: np.int32 },
  );
const [sources, inputs, wanted] = [ids(), ids(), ids()];
const times = [];
const end = performance.now() + 1000 * seconds;
do {
  const start = performance.now();
  const [value, after] = update(parameters, sources.ref, inputs.ref, wanted.ref);
  parameters = after;
  const [number] = await value.data();
  if (!Number.isFinite(number)) throw new Error('the loss is not finite');
  times.push(performance.now() - start);
  // The first compiles; it counts only when nothing else does.
} while (performance.now() < end || times.length < 2);
const warm = times.slice(1);
const stepMs = warm.sort((a, b) => a - b)[warm.length >> 1];
console.log(
  JSON.stringify({
    wordsPerSecond: (2 * length * sentences * 1000) / stepMs,
    stepMs,
    updates: warm.length,
    peakRssMiB: process.resourceUsage().maxRSS / 1024,
    note: `jax-js, one thread; the first update, which compiles, took ${(times[0] / 1000).toFixed(0)} s`,
  }),
);
