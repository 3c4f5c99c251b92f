#!/usr/bin/python3
"""Golden values of the Transformer's operations from PyTorch in float64: output, and the gradient of each input.

Needs Debian's python3-torch. Usage: scripts/goldens/transformer-operations.py > tests/tensor/transformer-goldens.json
The j-th input of a case is 0.9 sin(1.7 i + j) in its i-th value, in the order given; the gradient of the output is that with j = 50.
"""
import json, math, sys
import torch, torch.nn.functional as F

torch.set_default_dtype(torch.float64)
rounded = lambda tensor: [float(f"{v:.10g}") for v in tensor.detach().reshape(-1).tolist()]
values = lambda shape, j: torch.tensor([0.9 * math.sin(1.7 * i + j) for i in range(math.prod(shape))]).reshape(shape)
cases = []


def case(name, operation, attributes, shapes, compute):
    inputs = {key: values(shape, j).requires_grad_() for j, (key, shape) in enumerate(shapes.items())}
    output = compute(**inputs)
    output.backward(values(output.shape, 50))
    cases.append(dict(name=name, operation=operation, attributes=attributes, shapes=shapes, output=rounded(output),
                      gradients={key: rounded(tensor.grad) for key, tensor in inputs.items()}))


def attend(query, keys, values, heads, shared, causal):
    """One sentence through PyTorch's own attention, its projections set to the identity; [rows, columns] each."""
    size = query.shape[1] // heads
    spread = lambda x: x.reshape(-1, shared, size).repeat_interleave(heads // shared, 1).reshape(-1, heads * size)
    eye = torch.eye(heads * size)
    n, m = len(query), len(keys)
    mask = torch.ones(n, m).tril(m - n) == 0 if causal else None
    out, _ = F.multi_head_attention_forward(query[:, None], spread(keys)[:, None], spread(values)[:, None], heads * size, heads, None, None,
        None, None, False, 0.0, eye, None, attn_mask=mask, use_separate_proj_weight=True, q_proj_weight=eye, k_proj_weight=eye, v_proj_weight=eye)
    return out[:, 0]


LENGTHS, QUERIES, MEMORY = [3, 6, 1], [2, 1, 4], [5, 3, 4]


def self_attention(projected, heads, shared, causal):
    size = projected.shape[1] // (heads + 2 * shared)
    split = lambda x: torch.split(x, [heads * size, shared * size, shared * size], 1)
    return torch.cat([attend(*split(sentence), heads, shared, causal) for sentence in torch.split(projected, LENGTHS)])


def memory_attention(query, memory, heads, shared, causal):
    pairs = zip(torch.split(query, QUERIES), torch.split(memory, MEMORY))
    return torch.cat([attend(q, *torch.chunk(m, 2, 1), heads, shared, causal) for q, m in pairs])


for heads, shared, size in ((2, 2, 4), (4, 2, 3), (3, 1, 8)):
    given = dict(heads=heads, keyValueHeads=shared)
    for sight in ("whole", "causal"):
        case(f"{sight} self-attention, {heads} heads, {shared} of keys", "selfAttention", dict(**given, sight=sight, lengths=LENGTHS),
             dict(projected=[sum(LENGTHS), (heads + 2 * shared) * size]), lambda projected: self_attention(projected, heads, shared, sight == "causal"))
        case(f"{sight} attention to a memory, {heads} heads, {shared} of keys", "memoryAttention", dict(**given, sight=sight, queryLengths=QUERIES, memoryLengths=MEMORY),
             dict(query=[sum(QUERIES), heads * size], memory=[sum(MEMORY), 2 * shared * size]),
             lambda query, memory: memory_attention(query, memory, heads, shared, sight == "causal"))

ROWS, WIDTH = 4, 11
case("layer normalisation", "normalisation", dict(kind="layer", epsilon=1e-5), dict(input=[ROWS, WIDTH], gain=[WIDTH], bias=[WIDTH]),
     lambda input, gain, bias: F.layer_norm(input, [WIDTH], gain, bias, 1e-5))
case("layer normalisation of a sum", "normalisation", dict(kind="layer", epsilon=1e-6), dict(input=[ROWS, WIDTH], residual=[ROWS, WIDTH], gain=[WIDTH], bias=[WIDTH]),
     lambda input, residual, gain, bias: F.layer_norm(input + residual, [WIDTH], gain, bias, 1e-6))
case("root mean square normalisation", "normalisation", dict(kind="rms", epsilon=1e-6), dict(input=[ROWS, WIDTH], gain=[WIDTH]),
     lambda input, gain: input * torch.rsqrt(input.pow(2).mean(-1, keepdim=True) + 1e-6) * gain)

functions = {"relu": F.relu, "gelu": F.gelu, "gelu-tanh": lambda x: F.gelu(x, approximate="tanh"), "swish": F.silu,
             "swiglu": lambda x: F.silu(x.chunk(2, 1)[0]) * x.chunk(2, 1)[1]}
for activation, function in functions.items():
    case(f"linear and {activation}", "activatedLinear", dict(activation=activation), dict(input=[3, 5], weight=[14, 5], bias=[14]),
         lambda input, weight, bias: function(F.linear(input, weight, bias)))

POSITIONS = [0, 1, 2, 17]


def rotated(input, size, pairs):
    """As Llama of Hugging Face writes it (halves), and GPT-J (adjacent): x cos + rotate(x) sin."""
    frequencies = 10000.0 ** (-torch.arange(0, size, 2) / size)
    angles = torch.tensor(POSITIONS, dtype=torch.float64)[:, None] * frequencies
    x = input.reshape(len(POSITIONS), -1, size)
    if pairs == "halves":
        angles, (a, b) = torch.cat([angles, angles], 1), x.chunk(2, 2)
        other = torch.cat([-b, a], 2)
    else:
        angles = angles.repeat_interleave(2, 1)
        other = torch.stack([-x[..., 1::2], x[..., ::2]], -1).flatten(-2)
    return (x * angles.cos()[:, None] + other * angles.sin()[:, None]).reshape(input.shape)


for pairs in ("adjacent", "halves"):
    for size in (6, 8):
        case(f"rotary positions, {pairs}, {size}", "rotary", dict(pairs=pairs, size=size, heads=2, positions=POSITIONS), dict(input=[4, 2 * size]),
             lambda input: rotated(input, size, pairs))

json.dump(dict(torch=torch.__version__, cases=cases), sys.stdout, separators=(",", ":"))
print()
