#!/usr/bin/python3
"""Golden traces of Transformers from PyTorch in float64: logits, loss, every gradient, the losses of ten steps of Adam.

Needs Debian's python3-torch. Usage: scripts/goldens/transformer.py > tests/models/transformer-goldens.json
Parameters start at 0.4 sin(1.7 i + j), gains 1 above that, where i counts a parameter's values and j the parameters in order of name,
so that the test can make them too. Attention, norms and positions are written out from their papers, not taken from torch.nn.
"""
import json, math, sys
import torch, torch.nn.functional as F

torch.set_default_dtype(torch.float64)
V, D, INNER, HEADS = 9, 8, 12, 4
BOS, EOS = 1, 2
PAIRS = [([4, 5, 6], [4, 7]), ([8, 4], [5, 6, 4, 7]), ([7], [6]), ([5, 8, 4, 4, 6], [7, 5, 4]), ([6, 6], [])]

COMMON = dict(encoderLayers=2, decoderLayers=2, width=D, heads=HEADS, feedForward=INNER, dropout=0)
VARIANTS = {
    "pre-norm": dict(COMMON),
    "post-norm, as Marian": dict(COMMON, preset="marian", encoderLayers=1, encoderHeads=2, encoderFeedForward=10),
    "post-norm, positions as tensor2tensor, smoothed": dict(COMMON, preset="transformer-2017", sinusoids="tensor2tensor", tiedEmbeddings="none", smoothing=0.1),
    "rotary encoder-decoder, grouped heads": dict(COMMON, preset="llama", keyValueHeads=2, activation="gelu"),
    "one network": dict(COMMON, encoderLayers=0, positions="learned", maximumLength=12, tiedEmbeddings="none"),
    "GPT-2": dict(COMMON, preset="gpt2", encoderLayers=0, attentionDropout=0, maximumLength=10, source=False),
    "Llama": dict(COMMON, preset="llama", encoderLayers=0, keyValueHeads=2, rotaryBase=5000, source=False),
    "Llama as published, pairs of neighbours": dict(COMMON, preset="llama", encoderLayers=0, rotaryPairs="adjacent", scaledEmbeddings=True, source=False),
}
FORMS = dict(
    standard=dict(place="pre", kind="layer", epsilon=1e-5, positions="sinusoidal", sinusoids="interleaved", activation="relu", biases=True,
                  outputBias=False, scaledEmbeddings=True, tiedEmbeddings="target"))
FORMS["transformer-2017"] = dict(FORMS["standard"], place="post", epsilon=1e-6, tiedEmbeddings="all")
FORMS["marian"] = dict(FORMS["standard"], place="post", sinusoids="halves", activation="swish", outputBias=True, tiedEmbeddings="all")
FORMS["gpt2"] = dict(FORMS["standard"], positions="learned", activation="gelu-tanh", scaledEmbeddings=False)
FORMS["llama"] = dict(FORMS["standard"], kind="rms", positions="rotary", activation="swiglu", biases=False, scaledEmbeddings=False, tiedEmbeddings="none")

ACTIVATIONS = dict(
    relu=F.relu, gelu=F.gelu, swish=F.silu,
    **{"gelu-tanh": lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))},
    swiglu=lambda x: F.silu(x[:, : x.shape[1] // 2]) * x[:, x.shape[1] // 2 :])


class Model:
    def __init__(self, preset="standard", source=True, smoothing=0.0, rotaryBase=10000, rotaryPairs="halves", maximumLength=None, keyValueHeads=None,
                 encoderHeads=None, encoderFeedForward=None, **options):
        self.__dict__.update(FORMS[preset], **options)
        self.hasSource, self.smoothing, self.base, self.pairs = source, smoothing, rotaryBase, rotaryPairs
        self.kv = keyValueHeads or self.heads
        self.encoderHeads, self.encoderInner = encoderHeads or self.heads, encoderFeedForward or self.feedForward
        self.maximumLength = maximumLength
        self.hasEncoder = source and self.encoderLayers > 0
        self.p, p = {}, {}
        def linear(name, outputs, inputs, bias=self.biases):
            p[f"{name}.weight"] = (outputs, inputs)
            if bias: p[f"{name}.bias"] = (outputs,)
        def norm(name):
            p[f"{name}.gain"] = (D,)
            if self.biases and self.kind == "layer": p[f"{name}.bias"] = (D,)
        def layers(name, count, heads, inner, memory):
            kv = (self.kv if keyValueHeads else heads) * (D // heads)
            for l in range(count):
                norm(f"{name}.{l}.attention.norm"); linear(f"{name}.{l}.attention.projection", D + 2 * kv, D); linear(f"{name}.{l}.attention.output", D, D)
                if memory:
                    norm(f"{name}.{l}.memory.norm"); linear(f"{name}.{l}.memory.query", D, D)
                    linear(f"{name}.{l}.memory.memory", 2 * kv, D); linear(f"{name}.{l}.memory.output", D, D)
                norm(f"{name}.{l}.feedForward.norm"); linear(f"{name}.{l}.feedForward.up", inner * (2 if self.activation == "swiglu" else 1), D)
                linear(f"{name}.{l}.feedForward.down", D, inner)
            if self.place == "pre": norm(f"{name}.norm")
        p["target.embedding.table"] = (V, D)
        if source and self.tiedEmbeddings != "all": p["source.embedding.table"] = (V, D)
        if self.positions == "learned":
            p["target.positions.table"] = (maximumLength, D)
            if self.hasEncoder: p["source.positions.table"] = (maximumLength, D)
        if self.hasEncoder: layers("encoder", self.encoderLayers, self.encoderHeads, self.encoderInner, False)
        layers("decoder", self.decoderLayers, self.heads, self.feedForward, self.hasEncoder)
        if self.tiedEmbeddings == "none": p["output.weight"] = (V, D)
        if self.outputBias: p["output.bias"] = (V,)
        for j, name in enumerate(sorted(p)):
            count = math.prod(p[name])
            values = torch.tensor([0.4 * math.sin(1.7 * i + j) + (1 if name.endswith(".gain") else 0) for i in range(count)])
            self.p[name] = values.reshape(p[name]).requires_grad_()

    def linear(self, name, x):
        return F.linear(x, self.p[f"{name}.weight"], self.p.get(f"{name}.bias"))

    def norm(self, name, x):
        if self.kind == "layer": x = x - x.mean(1, keepdim=True)
        x = x / torch.sqrt((x ** 2).mean(1, keepdim=True) + self.epsilon) * self.p[f"{name}.gain"]
        return x + self.p[f"{name}.bias"] if f"{name}.bias" in self.p else x

    def around(self, name, x, part):
        return x + part(self.norm(f"{name}.norm", x)) if self.place == "pre" else self.norm(f"{name}.norm", x + part(x))

    def turned(self, x):
        """[rows, heads, size], row r at position r (Su et al. 2021, equation 34)."""
        rows, _, size = x.shape
        angles = torch.arange(rows)[:, None] * self.base ** (-torch.arange(0, size, 2) / size)
        cos, sin = angles.cos()[:, None], angles.sin()[:, None]
        if self.pairs == "halves":
            a, b = x[..., : size // 2], x[..., size // 2 :]
            return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)

    def attend(self, q, k, v, heads, causal, rotary):
        size = D // heads
        q, k, v = (x.reshape(x.shape[0], -1, size) for x in (q, k, v))
        if rotary: q, k = self.turned(q), self.turned(k)
        k, v = (x.repeat_interleave(heads // x.shape[1], 1) for x in (k, v))
        scores = torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(size)
        if causal: scores = scores.masked_fill(torch.ones(scores.shape[1:]).triu(1).bool(), -math.inf)
        return torch.einsum("hqk,khd->qhd", torch.softmax(scores, -1), v).reshape(-1, D)

    def self_attention(self, name, x, heads, causal):
        projected = self.linear(f"{name}.projection", x)
        kv = (projected.shape[1] - D) // 2
        return self.linear(f"{name}.output", self.attend(*projected.split([D, kv, kv], 1), heads, causal, self.positions == "rotary"))

    def memory_attention(self, name, x, encoded):
        k, v = self.linear(f"{name}.memory", encoded).chunk(2, 1)
        return self.linear(f"{name}.output", self.attend(self.linear(f"{name}.query", x), k, v, self.heads, False, False))

    def stack(self, name, x, layers, heads, causal, encoded=None):
        for l in range(layers):
            at = f"{name}.{l}"
            x = self.around(f"{at}.attention", x, lambda x: self.self_attention(f"{at}.attention", x, heads, causal))
            if encoded is not None: x = self.around(f"{at}.memory", x, lambda x: self.memory_attention(f"{at}.memory", x, encoded))
            inner = lambda x: self.linear(f"{at}.feedForward.down", ACTIVATIONS[self.activation](self.linear(f"{at}.feedForward.up", x)))
            x = self.around(f"{at}.feedForward", x, inner)
        return self.norm(f"{name}.norm", x) if self.place == "pre" else x

    def embed(self, side, ids, first=0, positions=None):
        table = self.p["target.embedding.table" if self.tiedEmbeddings == "all" else f"{side}.embedding.table"]
        x = table[ids] * (math.sqrt(D) if self.scaledEmbeddings else 1)
        places = torch.arange(first, first + len(ids))
        if self.positions == "learned": return x + self.p[f"{positions or side}.positions.table"][places]
        if self.positions == "rotary": return x
        half = D // 2
        angles = places[:, None] * 10000 ** -(torch.arange(half) / (half - 1 if self.sinusoids == "tensor2tensor" else half))
        waves = torch.stack([angles.sin(), angles.cos()], 2).flatten(1) if self.sinusoids == "interleaved" else torch.cat([angles.sin(), angles.cos()], 1)
        return x + waves

    def logits(self, source, target):
        """One example: ids -> [target length + 1, vocabulary]."""
        source, given = source + [EOS], [BOS] + target
        if self.hasEncoder:
            encoded = self.stack("encoder", self.embed("source", source), self.encoderLayers, self.encoderHeads, False)
            x = self.stack("decoder", self.embed("target", given), self.decoderLayers, self.heads, True, encoded)
        elif self.hasSource:
            x = torch.cat([self.embed("source", source, 0, "target"), self.embed("target", given, len(source))])
            x = self.stack("decoder", x, self.decoderLayers, self.heads, True)[len(source):]
        else:
            x = self.stack("decoder", self.embed("target", given), self.decoderLayers, self.heads, True)
        weight = self.p["output.weight" if self.tiedEmbeddings == "none" else "target.embedding.table"]
        return F.linear(x, weight, self.p.get("output.bias"))

    def loss(self):
        total = sum(F.cross_entropy(self.logits(s, t), torch.tensor(t + [EOS]), reduction="sum", label_smoothing=self.smoothing) for s, t in PAIRS)
        return total / sum(len(t) + 1 for _, t in PAIRS)


rounded = lambda tensor: [float(f"{v:.7g}") for v in tensor.detach().reshape(-1).tolist()]
golden = dict(pairs=PAIRS, vocabulary=V, torch=torch.__version__, variants={})
for variant, options in VARIANTS.items():
    model = Model(**options)
    loss = model.loss()
    loss.backward()
    g = dict(options=options, logits=[rounded(model.logits(s, t)) for s, t in PAIRS], loss=float(loss),
             gradients={name: rounded(model.p[name].grad) for name in sorted(model.p)})
    model = Model(**options)
    matrices, vectors = ([q for q in model.p.values() if (q.dim() == 2) == two] for two in (True, False))
    optimizer = torch.optim.AdamW([dict(params=matrices, weight_decay=0.1), dict(params=vectors, weight_decay=0)], lr=0.01)
    g["adam"] = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = model.loss()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(model.p.values()), 1.0)
        optimizer.step()
        g["adam"].append(float(loss))
    golden["variants"][variant] = g
json.dump(golden, sys.stdout, separators=(",", ":"))
print()
