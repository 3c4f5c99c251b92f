import { type OnnxAttribute, type OnnxGraph, type OnnxNode, type OnnxTensor, onnxTypes } from '../../src/foreign/containers/onnx-file.js';
import type { NamedValues } from '../../src/tensor/named-values.js';

/**
 * A graph with its products in 8 bits, as ONNX Runtime's dynamic quantization makes it and as transformers.js takes it by the name of q8:
 * weights with a scale for each output, inputs as they come with one for all. ONNX Runtime makes one operator of such a product.
 * Embeddings and LSTM cells stay in f32.
 */
export async function quantized(graph: OnnxGraph, values: NamedValues): Promise<OnnxGraph> {
  const tensors = new Map(graph.tensors.map((tensor) => [tensor.name, tensor]));
  for (const weight of new Set(productsOf(graph).map(({ inputs }) => inputs[1] ?? ''))) {
    const [rows = 0, columns = 0] = values.shapes.get(weight) ?? [];
    const floats = new Float32Array(rows * columns);
    await values.read(weight, 0, floats);
    for (const tensor of quantizedWeight(weight, floats, rows, columns)) tensors.set(tensor.name, tensor);
  }
  const nodes = withIntegerProducts(graph.nodes);
  const used = new Set(everyNode(nodes).flatMap(({ inputs }) => inputs));
  return { ...graph, nodes, tensors: [...tensors.values()].filter(({ name }) => used.has(name)) };
}

const isGraph = (attribute: OnnxAttribute): attribute is OnnxGraph => typeof attribute === 'object' && 'nodes' in attribute;

function everyNode(nodes: readonly OnnxNode[]): OnnxNode[] {
  return nodes.flatMap((node) => [
    node,
    ...Object.values(node.attributes)
      .filter(isGraph)
      .flatMap((branch) => everyNode(branch.nodes)),
  ]);
}

function productsOf({ nodes }: OnnxGraph): OnnxNode[] {
  return everyNode(nodes).filter(({ operator }) => operator === 'Gemm');
}

/** As [columns, rows], which the products want. */
function quantizedWeight(name: string, floats: Float32Array, rows: number, columns: number): OnnxTensor[] {
  const integers = new Int8Array(rows * columns);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const of = floats.subarray(row * columns, (row + 1) * columns);
    const scale = of.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127 || 1;
    scales[row] = scale;
    for (let column = 0; column < columns; column++) integers[column * rows + row] = Math.round((of[column] as number) / scale);
  }
  return [
    { name: `${name} integers`, type: 'int8', shape: [columns, rows], values: new Uint8Array(integers.buffer) },
    { name: `${name} scales`, type: 'float', shape: [rows], values: new Uint8Array(scales.buffer) },
  ];
}

function withIntegerProducts(nodes: readonly OnnxNode[]): OnnxNode[] {
  return nodes.flatMap((node) => {
    if (node.operator === 'Gemm') return integerProduct(node);
    const branches = Object.entries(node.attributes).map(([name, attribute]): [string, OnnxAttribute] => [
      name,
      isGraph(attribute) ? { ...attribute, nodes: withIntegerProducts(attribute.nodes) } : attribute,
    ]);
    return [{ ...node, attributes: Object.fromEntries(branches) }];
  });
}

function integerProduct({ inputs: [input = '', weight = '', bias], outputs: [output = ''] }: OnnxNode): OnnxNode[] {
  const node = (operator: string, inputs: readonly string[], outputs: readonly string[], attributes: OnnxNode['attributes'] = {}) => ({
    operator,
    inputs,
    outputs,
    attributes,
  });
  const part = (name: string) => `${output} ${name}`;
  const product = bias === undefined ? output : part('product');
  return [
    node('DynamicQuantizeLinear', [input], [part('input'), part('scale'), part('zero')]),
    node('MatMulInteger', [part('input'), `${weight} integers`, part('zero')], [part('sums')]),
    node('Cast', [part('sums')], [part('floats')], { to: onnxTypes.float }),
    node('Mul', [part('scale'), `${weight} scales`], [part('scales')]),
    node('Mul', [part('floats'), part('scales')], [product]),
    ...(bias === undefined ? [] : [node('Add', [product, bias], [output])]),
  ];
}
