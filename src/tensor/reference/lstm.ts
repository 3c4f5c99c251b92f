import type { operations } from '../operations/index.js';
import { at, dimension, plain, type ReferenceOf } from './plain.js';

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Sentence by sentence and step by step, as the equations stand in the papers. */
export const lstm: ReferenceOf<typeof operations.lstm> = (inputs, { layout, direction }) => {
  const { input, weightInput, inputProducts, weightHidden, bias } = inputs;
  const hiddenSize = dimension(weightHidden, 1);
  const fromInput = (row: number, index: number): number => {
    if (inputProducts !== undefined) return at(inputProducts, input.values[row] as number, index);
    let sum = 0;
    for (let from = 0; weightInput !== undefined && from < dimension(input, 1); from++)
      sum += at(weightInput, index, from) * at(input, row, from);
    return sum;
  };
  const output = plain([layout.rows, hiddenSize]);
  const hidden = plain([layout.sentences, hiddenSize], inputs.hidden?.values);
  const cell = plain([layout.sentences, hiddenSize], inputs.cell?.values);
  for (let sentence = 0; sentence < layout.sentences; sentence++) {
    const length = layout.lengths[sentence] as number;
    for (let position = 0; position < length; position++) {
      const step = direction === 'forward' ? position : length - 1 - position;
      const row = (layout.offsets[step] as number) + sentence;
      const gate = (index: number) => {
        let sum = (bias.values[index] as number) + fromInput(row, index);
        for (let from = 0; from < hiddenSize; from++) sum += at(weightHidden, index, from) * at(hidden, sentence, from);
        return sum;
      };
      const gates = Array.from({ length: 4 * hiddenSize }, (_, index) => gate(index));
      for (let unit = 0; unit < hiddenSize; unit++) {
        const [i, f, g, o] = [0, 1, 2, 3].map((kind) => gates[kind * hiddenSize + unit] as number) as [number, number, number, number];
        const place = sentence * hiddenSize + unit;
        const c = sigmoid(f) * (cell.values[place] as number) + sigmoid(i) * Math.tanh(g);
        cell.values[place] = c;
        hidden.values[place] = sigmoid(o) * Math.tanh(c);
        output.values[row * hiddenSize + unit] = hidden.values[place] as number;
      }
    }
  }
  return { output, hidden, cell };
};
