"""Decoding speed of a Transformer encoder-decoder in PyTorch with random weights, greedy or with a beam: one JSON line.

With random weights nothing ends by itself: </s> is forbidden and every translation has full length, so that no row leaves. Keys and
values of the target are cached and written in place; those of the source are computed once, and all hypotheses of a sentence look at
them together. A beam: one topk over words per row, one over a sentence's candidates; the caches follow by index_select. Nothing loops
over sentences or hypotheses in Python.
"""
import math

import torch
from torch.nn import functional

from torch_measuring import measured, parser
from torch_networks import Transformer

BEGIN, END = 1, 2


def main():
    measured(parser("vocabulary", "width", "inner", "heads", "layers", "sentences", "length", "beam").parse_args(), prepare)


def prepare(options, distributed):
    # Processes have nothing to say to each other: each translates its share.
    sentences = options.sentences // options.processes
    shape = (options.vocabulary, options.width, options.inner, options.heads, options.layers, options.length, options.attention)
    searcher = Searcher(Transformer(*shape), options)
    source = torch.randint(4, options.vocabulary, (sentences, options.length))

    def translate():
        with torch.inference_mode():
            searcher.search(source, options.beam, options.length)

    return translate


class Searcher:
    def __init__(self, model, options):
        self.model, self.heads, self.width = model, options.heads, options.width
        self.fused = options.attention == "sdpa"

    def look(self, q, k, v):
        """[rows, heads, queries, size] at [rows, heads, seen, size]."""
        if self.fused:
            return functional.scaled_dot_product_attention(q, k, v)
        return torch.softmax(q @ k.transpose(2, 3) * (self.width // self.heads) ** -0.5, -1) @ v

    def split(self, x):
        return x.view(x.shape[0], -1, self.heads, self.width // self.heads).transpose(1, 2)

    def encode(self, source):
        """What every decoder layer looks at: keys and values, [sentences, heads, length, size] each."""
        model = self.model
        x = model.source(source) * model.scale + model.positions[: source.shape[1]]
        for attention, inner in model.encoder:
            x = inner(attention(x, None))
        x = model.source_norm(x)
        return [tuple(self.split(part).contiguous() for part in cross.kv(x).chunk(2, 2)) for _, cross, _ in model.decoder]

    def search(self, source, beam, length):
        model, sentences = self.model, source.shape[0]
        memory, rows = self.encode(source), sentences * beam
        size = self.width // self.heads
        keys, values = (torch.empty(len(model.decoder), rows, self.heads, length, size) for _ in range(2))
        previous, scores = torch.full((rows,), BEGIN), torch.full((sentences, beam), -math.inf)
        scores[:, 0] = 0
        words, first = torch.empty(rows, 0, dtype=torch.long), torch.arange(sentences)[:, None] * beam
        for t in range(length):
            y = (model.target(previous) * model.scale + model.positions[t])[:, None]
            for layer, (attention, cross, inner) in enumerate(model.decoder):
                q, k, v = attention.qkv(attention.norm(y)).view(rows, 3, self.heads, size).unbind(1)
                keys[layer, :, :, t], values[layer, :, :, t] = k, v
                seen = self.look(q[:, :, None], keys[layer, :, :, : t + 1], values[layer, :, :, : t + 1])
                y = y + attention.out(seen.reshape(rows, 1, self.width))
                q = cross.q(cross.norm(y)).view(sentences, beam, self.heads, size).transpose(1, 2)
                y = y + cross.out(self.look(q, *memory[layer]).transpose(1, 2).reshape(rows, 1, self.width))
                y = inner(y)
            chances = torch.log_softmax(functional.linear(model.target_norm(y[:, 0]), model.target.weight), 1)
            chances[:, END] = -math.inf
            if beam == 1:
                previous = chances.argmax(1)
                words = torch.cat((words, previous[:, None]), 1)
                continue
            best, ids = chances.topk(beam, 1)
            scores, chosen = (best.view(sentences, beam, beam) + scores[:, :, None]).view(sentences, -1).topk(beam, 1)
            parents = (first + chosen // beam).view(-1)
            previous = ids.view(sentences, -1).gather(1, chosen).view(-1)
            words = torch.cat((words[parents], previous[:, None]), 1)
            if t + 1 < length:
                keys[:, :, :, : t + 1] = keys[:, :, :, : t + 1].index_select(1, parents)
                values[:, :, :, : t + 1] = values[:, :, :, : t + 1].index_select(1, parents)
        return words.view(sentences, beam, -1)[:, 0]


if __name__ == "__main__":
    main()
