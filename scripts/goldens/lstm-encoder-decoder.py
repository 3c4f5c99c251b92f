#!/usr/bin/python3
"""Golden traces of the LSTM encoder-decoder from PyTorch in float64: logits, loss, every gradient, ten steps of SGD and of Adam.

Needs Debian's python3-torch. Usage: scripts/goldens/lstm-encoder-decoder.py > tests/models/lstm-goldens.json
Parameters start at 0.4 sin(1.7 i + j), where i counts a parameter's values and j the parameters in order of name, so that the test can make them too.
PyTorch keeps two LSTM biases; the second stays 0.
"""
import json, math, sys
import torch, torch.nn as nn, torch.nn.functional as F

torch.set_default_dtype(torch.float64)
V_SOURCE, V_TARGET, E, H = 9, 8, 3, 4
BOS, EOS = 1, 2
PAIRS = [([4, 5, 6], [4, 7]), ([8, 4], [5, 6, 4, 7]), ([7], [6]), ([5, 8, 4, 4, 6], [7, 5, 4]), ([6, 6], [])]

VARIANTS = {
    "plain": dict(layers=2),
    "residual and bidirectional": dict(layers=3, residual=True, bidirectional=True),
    "dot attention": dict(layers=1, attention="dot"),
    "additive attention, input feeding, tied": dict(layers=2, attention="additive", inputFeeding=True, embedding=H, tiedEmbeddings=True, smoothing=0.1),
}


class Lstm(nn.Module):
    """One layer of nn.LSTM under decade's names."""
    def __init__(self, inputs, hidden):
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, batch_first=True)
        nn.init.zeros_(self.lstm.bias_hh_l0)
        self.lstm.bias_hh_l0.requires_grad_(False)

    def named(self, prefix):
        l = self.lstm
        return {f"{prefix}.weightInput": l.weight_ih_l0, f"{prefix}.weightHidden": l.weight_hh_l0, f"{prefix}.bias": l.bias_ih_l0}

    def forward(self, x, state=None):
        return self.lstm(x, state)


class Model(nn.Module):
    def __init__(self, layers, residual=False, bidirectional=False, attention=None, inputFeeding=False, embedding=E, tiedEmbeddings=False, smoothing=0.0):
        super().__init__()
        self.__dict__.update(layers=layers, residual=residual, bidirectional=bidirectional, attention=attention, feeding=inputFeeding, smoothing=smoothing)
        self.names = {}
        self.source, self.target = nn.Embedding(V_SOURCE, embedding), nn.Embedding(V_TARGET, embedding)
        self.names["source.embedding.table"], self.names["target.embedding.table"] = self.source.weight, self.target.weight
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        if bidirectional:
            self.left, self.right = Lstm(embedding, H // 2), Lstm(embedding, H // 2)
            self.names.update(self.left.named("encoder.bidirectional.forward")); self.names.update(self.right.named("encoder.bidirectional.backward"))
        for l in range(layers - (1 if bidirectional else 0)):
            self.encoder.append(Lstm(embedding if l == 0 and not bidirectional else H, H))
            self.names.update(self.encoder[-1].named(f"encoder.above.{l}" if bidirectional else f"encoder.{l}"))
        for l in range(layers):
            self.decoder.append(Lstm((embedding + (H if inputFeeding else 0)) if l == 0 else H, H))
            self.names.update(self.decoder[-1].named(f"decoder.{l}"))
        if attention:
            self.combine = nn.Linear(2 * H, H)
            self.names["attention.combine.weight"], self.names["attention.combine.bias"] = self.combine.weight, self.combine.bias
        if attention == "additive":
            self.query, self.keys, self.vector = nn.Linear(H, H, bias=False), nn.Linear(H, H), nn.Parameter(torch.zeros(H))
            self.names["attention.query.weight"], self.names["attention.vector"] = self.query.weight, self.vector
            self.names["attention.keys.weight"], self.names["attention.keys.bias"] = self.keys.weight, self.keys.bias
        self.output = nn.Linear(H, V_TARGET)
        if tiedEmbeddings: self.output.weight = self.target.weight
        else: self.names["output.weight"] = self.output.weight
        self.names["output.bias"] = self.output.bias
        for j, name in enumerate(sorted(self.names)):
            q = self.names[name]
            q.data.copy_(torch.tensor([0.4 * math.sin(1.7 * i + j) for i in range(q.numel())]).reshape(q.shape))

    def stack(self, layers, x, states, first_residual):
        after = []
        for l, layer in enumerate(layers):
            y, s = layer(x, states[l] if states else None)
            after.append(s)
            x = y + x if self.residual and (l > 0 or first_residual) else y
        return x, after

    def logits(self, source, target):
        """One sentence pair: ids -> [target length + 1, vocabulary]. The source is fed reversed."""
        x = self.source(torch.tensor([source[::-1]]))
        first = []
        if self.bidirectional:
            a, (ha, ca) = self.left(x)
            b, (hb, cb) = self.right(x.flip(1))
            x = torch.cat([a, b.flip(1)], 2)
            first = [(torch.cat([ha, hb], 2), torch.cat([ca, cb], 2))]
        memory, states = self.stack(self.encoder, x, None, False)
        states = first + states
        y = self.target(torch.tensor([[BOS] + target]))
        if not self.feeding:
            out, _ = self.stack(self.decoder, y, states, False)
            return self.output(self.attend(out, memory))[0] if self.attention else self.output(out)[0]
        fed, steps = torch.zeros(1, 1, H), []
        for t in range(y.shape[1]):
            out, states = self.stack(self.decoder, torch.cat([y[:, t:t + 1], fed], 2), states, False)
            fed = self.attend(out, memory)
            steps.append(fed)
        return self.output(torch.cat(steps, 1))[0]

    def attend(self, query, memory):
        if self.attention == "dot": scores = query @ memory.transpose(1, 2)
        else: scores = torch.tanh(self.query(query)[:, :, None] + self.keys(memory)[:, None]) @ self.vector
        context = torch.softmax(scores, -1) @ memory
        return torch.tanh(self.combine(torch.cat([context, query], -1)))

    def loss(self, normalise):
        total = sum(F.cross_entropy(self.logits(s, t), torch.tensor(t + [EOS]), reduction="sum", label_smoothing=self.smoothing) for s, t in PAIRS)
        return total / (len(PAIRS) if normalise == "sentences" else sum(len(t) + 1 for _, t in PAIRS))


rounded = lambda tensor: [float(f"{v:.8g}") for v in tensor.detach().reshape(-1).tolist()]
by_name = lambda model, what: {name: rounded(what(model.names[name])) for name in sorted(model.names)}
golden = dict(pairs=PAIRS, vocabularies=dict(source=V_SOURCE, target=V_TARGET), torch=torch.__version__, variants={})
for variant, options in VARIANTS.items():
    model = Model(**options)
    loss = model.loss("sentences")
    loss.backward()
    g = dict(options={"embedding": E, "hidden": H, **options}, logits=[rounded(model.logits(s, t)) for s, t in PAIRS], loss=float(loss),
             gradients=by_name(model, lambda q: q.grad))
    for kind, normalise, clip, rate in (("sgd", "sentences", 1.0, 0.7), ("adam", "words", 0.5, 0.01)):
        model = Model(**options)
        learnt = list(model.names.values())
        optimizer = torch.optim.SGD(learnt, lr=rate) if kind == "sgd" else torch.optim.AdamW(learnt, lr=rate, weight_decay=0.01)
        losses, norms = [], []
        for _ in range(10):
            optimizer.zero_grad()
            loss = model.loss(normalise)
            loss.backward()
            norms.append(float(nn.utils.clip_grad_norm_(learnt, clip)))
            optimizer.step()
            losses.append(float(loss))
        g[kind] = dict(normalise=normalise, clip=clip, rate=rate, losses=losses, norms=norms, parameters=by_name(model, lambda q: q))
    golden["variants"][variant] = g
json.dump(golden, sys.stdout, separators=(",", ":"))
print()
