// Training speed of the LSTM encoder-decoder in TensorFlow.js on its WebAssembly backend: one shape, one JSON line.
// Its embeddings are frozen: the backend has no kernel for their gradient (UnsortedSegmentSum). So it does less than the
// others. Gradients of products transpose before they multiply, because products of transposed operands are several
// times slower there.
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';

const { packages, vocabulary, hidden, layers, sentences, length, seconds } = JSON.parse(process.argv[2]);
const require = createRequire(`${packages}/`);
const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
wasm.setWasmPaths(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + sep);
await tf.setBackend('wasm');

const uniform = (shape, trainable = true) => tf.variable(tf.randomUniform(shape, -0.08, 0.08), trainable);
const stack = () => Array.from({ length: layers }, () => ({ weight: uniform([2 * hidden, 4 * hidden]), bias: uniform([4 * hidden]) }));
const source = uniform([vocabulary, hidden], false);
const target = uniform([vocabulary, hidden], false);
const encoder = stack();
const decoder = stack();
const output = { weight: uniform([hidden, vocabulary]), bias: uniform([vocabulary]) };
const trained = [...encoder, ...decoder, output].flatMap(({ weight, bias }) => [weight, bias]);

const product = tf.customGrad((left, right, save) => {
  save([left, right]);
  return {
    value: tf.matMul(left, right),
    gradFunc: (gradient, [a, b]) => [tf.matMul(gradient, tf.transpose(b)), tf.matMul(tf.transpose(a), gradient)],
  };
});

function read(weights, inputs, states) {
  const outputs = [];
  for (const input of inputs) {
    let below = input;
    states = weights.map(({ weight, bias }, layer) => {
      const [h, c] = states[layer];
      const [i, f, g, o] = tf.split(tf.add(product(tf.concat([below, h], 1), weight), bias), 4, 1);
      const cell = tf.add(tf.mul(tf.sigmoid(f), c), tf.mul(tf.sigmoid(i), tf.tanh(g)));
      below = tf.mul(tf.sigmoid(o), tf.tanh(cell));
      return [below, cell];
    });
    outputs.push(below);
  }
  return { outputs, states };
}

const ids = () =>
  Array.from({ length }, () =>
    tf.tensor1d(
      Int32Array.from({ length: sentences }, () => 4 + Math.floor(Math.random() * (vocabulary - 4))),
      'int32',
    ),
  );
const [sources, inputs, wanted] = [ids(), ids(), tf.concat(ids())];
const zero = tf.zeros([sentences, hidden]);

function loss() {
  const begin = Array.from({ length: layers }, () => [zero, zero]);
  const embed = (table, steps) => steps.map((step) => tf.gather(table, step));
  const { states } = read(encoder, embed(source, sources), begin);
  const { outputs } = read(decoder, embed(target, inputs), states);
  return crossEntropy(tf.add(product(tf.concat(outputs), output.weight), output.bias));
}

// Softmax and cross-entropy in one, as tf.losses has it.
const crossEntropy = (logits) => tf.losses.softmaxCrossEntropy(tf.oneHot(wanted, vocabulary), logits);

const optimizer = tf.train.sgd(0.1);
async function update() {
  const value = tf.tidy(() => {
    const { value, grads } = tf.variableGrads(loss, trained);
    const norm = tf.sqrt(tf.addN(Object.values(grads).map((gradient) => tf.sum(tf.square(gradient)))));
    const scale = tf.minimum(1, tf.div(5, norm));
    optimizer.applyGradients(Object.fromEntries(Object.entries(grads).map(([name, gradient]) => [name, tf.mul(gradient, scale)])));
    return value;
  });
  const [number] = await value.data();
  value.dispose();
  if (!Number.isFinite(number)) throw new Error('the loss is not finite');
}

// No update to warm up when one takes longer than all that was asked for.
const times = [];
const end = performance.now() + 1000 * seconds;
do {
  const start = performance.now();
  await update();
  times.push(performance.now() - start);
} while (performance.now() < end);
const warm = times.length > 1 ? times.slice(1) : times;
const stepMs = warm.sort((a, b) => a - b)[warm.length >> 1];
console.log(
  JSON.stringify({
    wordsPerSecond: (2 * length * sentences * 1000) / stepMs,
    stepMs,
    updates: warm.length,
    peakRssMiB: process.resourceUsage().maxRSS / 1024,
    note: `TensorFlow.js ${tf.version.tfjs}, one thread, embeddings frozen`,
  }),
);
