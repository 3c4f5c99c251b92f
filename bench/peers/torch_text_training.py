"""Trains a small Transformer encoder-decoder on parallel text and prints its dev perplexity after each epoch: one JSON object.

Text is split at spaces; a side's vocabulary is its most frequent words. Sources end with </s>. The network and its initial values are
those of torch_networks.Transformer. Batches hold sentences of similar target length up to so many target tokens, </s> counted and
padding not, in random order. The loss is averaged over a batch's target tokens, the gradient clipped to norm 1, the rate of Adam
constant. Perplexity is per target token, </s> counted.
"""
import argparse
import collections
import json
import math
import random

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from torch_networks import Transformer

PAD, BEGIN, END, UNKNOWN = range(4)


def main():
    parser = argparse.ArgumentParser()
    for name in ("source", "target", "dev-source", "dev-target"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("vocabulary", "width", "inner", "heads", "layers", "longest", "tokens", "epochs", "seed", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    random.seed(options.seed)
    torch.set_num_threads(options.threads)
    sides = [read(options.source), read(options.target)]
    vocabularies = [vocabulary_of(lines, options.vocabulary) for lines in sides]
    train = pairs_of(sides, vocabularies, options.longest)
    dev = pairs_of([read(options.dev_source), read(options.dev_target)], vocabularies, options.longest)
    shape = (options.vocabulary, options.width, options.inner, options.heads, options.layers, options.longest + 2, "matmul")
    network = Padded(Transformer(*shape), options.heads)
    optimizer = torch.optim.Adam(network.parameters(), lr=options.rate, betas=(0.9, 0.98), eps=1e-9)
    perplexities = []
    for _ in range(options.epochs):
        for batch in batches(train, options.tokens, True):
            loss, tokens = network.loss(batch)
            optimizer.zero_grad(set_to_none=True)
            (loss / tokens).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        with torch.no_grad():
            parts = [network.loss(batch) for batch in batches(dev, options.tokens, False)]
        perplexities.append(math.exp(sum(float(loss) for loss, _ in parts) / sum(tokens for _, tokens in parts)))
    print(json.dumps({"perplexities": perplexities}))


def read(path):
    with open(path, encoding="utf8") as file:
        return [line.split() for line in file]


def vocabulary_of(lines, size):
    counts = collections.Counter(word for line in lines for word in line)
    frequent = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: size - 4]
    return {word: number + 4 for number, (word, _) in enumerate(frequent)}


def pairs_of(sides, vocabularies, longest):
    ids = [[[known.get(word, UNKNOWN) for word in line] + [END] for line in side] for side, known in zip(sides, vocabularies)]
    return [pair for pair in zip(*ids) if all(1 < len(side) <= longest + 1 for side in pair)]


def batches(pairs, tokens, shuffled):
    pairs = list(pairs)
    if shuffled:
        random.shuffle(pairs)
    pairs.sort(key=lambda pair: (len(pair[1]), len(pair[0])))
    made, count = [], tokens
    for pair in pairs:
        if count + len(pair[1]) > tokens:
            made.append([])
            count = 0
        made[-1].append(pair)
        count += len(pair[1])
    if shuffled:
        random.shuffle(made)
    return made


class Padded(nn.Module):
    """A Transformer whose sentences have different lengths: nothing attends to padding."""

    def __init__(self, model, heads):
        super().__init__()
        self.model, self.heads = model, heads

    def attend(self, q, k, v, mask):
        sentences, length, width = q.shape
        q, k, v = (x.view(sentences, -1, self.heads, width // self.heads).transpose(1, 2) for x in (q, k, v))
        weights = torch.softmax((q * (width // self.heads) ** -0.5) @ k.transpose(2, 3) + mask, -1)
        return (weights @ v).transpose(1, 2).reshape(sentences, length, width)

    def look_back(self, part, x, mask):
        return x + part.out(self.attend(*part.qkv(part.norm(x)).chunk(3, 2), mask))

    def forward(self, source, target):
        model = self.model
        absent = torch.zeros(source.shape).masked_fill(source == PAD, -math.inf)[:, None, None]
        x = model.source(source) * model.scale + model.positions[: source.shape[1]]
        for attention, inner in model.encoder:
            x = inner(self.look_back(attention, x, absent))
        memory = model.source_norm(x)
        y = model.target(target) * model.scale + model.positions[: target.shape[1]]
        later = model.mask[: target.shape[1], : target.shape[1]]
        for attention, cross, inner in model.decoder:
            y = self.look_back(attention, y, later)
            y = inner(y + cross.out(self.attend(cross.q(cross.norm(y)), *cross.kv(memory).chunk(2, 2), absent)))
        return functional.linear(model.target_norm(y), model.target.weight)

    def loss(self, batch):
        """The cross entropy summed over target tokens, and their number."""
        padded = lambda rows: pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
        source, wanted = padded([source for source, _ in batch]), padded([target for _, target in batch])
        logits = self(source, padded([[BEGIN] + target[:-1] for _, target in batch]))
        loss = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=PAD, reduction="sum")
        return loss, int((wanted != PAD).sum())


if __name__ == "__main__":
    main()
