"""Trains in PyTorch what a decade run trained: the same start, the same batches in the same order, the same update rule.

Prints one JSON line for each of the first updates, its loss per target token before it, and one for each epoch: updates so far,
and dev perplexity per target token, </s> included.
"""
import argparse
import json
import math

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from torch_decoding import BEGIN, END, PAD, lstm, read_safetensors
from torch_networks import Transformer
from torch_text_training import Padded

FIRST_UPDATES = 10


class Lstm(nn.Module):
    def __init__(self, tensors, layers, reverse_source):
        super().__init__()
        self.reverse_source = reverse_source
        self.source = nn.Embedding.from_pretrained(tensors["source.embedding.table"].clone(), freeze=False)
        self.target = nn.Embedding.from_pretrained(tensors["target.embedding.table"].clone(), freeze=False)
        self.encoder = lstm(tensors, "encoder", layers)
        self.decoder = lstm(tensors, "decoder", layers)
        vocabulary, hidden = tensors["output.weight"].shape
        self.output = nn.Linear(hidden, vocabulary)
        with torch.no_grad():
            self.output.weight.copy_(tensors["output.weight"])
            self.output.bias.copy_(tensors["output.bias"])
        for name, parameter in self.named_parameters():
            if "bias_hh" in name:  # nn.LSTM has two biases where one is enough: the second stays 0
                parameter.requires_grad_(False)

    def forward(self, source, lengths, target):
        packed = pack_padded_sequence(self.source(source), lengths, enforce_sorted=False)
        _, state = self.encoder(packed)
        return self.output(self.decoder(self.target(target), state)[0])

    def loss(self, pairs):
        """The cross entropy summed over target tokens, and their number."""
        source = pad_sequence([torch.tensor(ids[::-1] if self.reverse_source else ids) for ids, _ in pairs])
        lengths = torch.tensor([len(ids) for ids, _ in pairs])
        given = pad_sequence([torch.tensor([BEGIN] + ids) for _, ids in pairs])
        wanted = pad_sequence([torch.tensor(ids + [END]) for _, ids in pairs], padding_value=PAD)
        logits = self(source, lengths, given)
        loss = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=PAD, reduction="sum")
        return loss, int((wanted != PAD).sum())


class EndedTransformer(Padded):
    """A Transformer that begins with decade's parameters; both sides of a pair end with </s>."""

    NAMES = {
        "attention.projection": "0.qkv", "attention.output": "0.out", "attention.norm": "0.norm",
        "memory.query": "1.q", "memory.memory": "1.kv", "memory.output": "1.out", "memory.norm": "1.norm",
        "feedForward.up": "{}.up", "feedForward.down": "{}.down", "feedForward.norm": "{}.norm",
    }  # fmt: skip

    def __init__(self, tensors, layers, heads, longest):
        vocabulary, width = tensors["target.embedding.table"].shape
        inner = len(tensors["decoder.0.feedForward.up.bias"])
        super().__init__(Transformer(vocabulary, width, inner, heads, layers, longest, "matmul"), heads)
        self.model.source = nn.Embedding(*tensors["source.embedding.table"].shape)
        state = {name: value for name, value in self.model.state_dict().items() if name in ("positions", "mask")}
        for name, tensor in tensors.items():
            state[self.name_of(name)] = tensor
        self.model.load_state_dict(state)  # all of them, and no other

    def name_of(self, name):
        part, leaf = name.rsplit(".", 1)
        if leaf == "table":
            return part.split(".")[0] + ".weight"
        leaf = {"gain": "weight"}.get(leaf, leaf)
        if part.endswith("coder.norm"):
            return {"encoder": "source_norm", "decoder": "target_norm"}[part.split(".")[0]] + "." + leaf
        side, layer, rest = part.split(".", 2)
        return ".".join((side, layer, self.NAMES[rest].format(1 if side == "encoder" else 2), leaf))

    def loss(self, pairs):
        return super().loss([(source + [END], target + [END]) for source, target in pairs])


def network_of(job):
    kind, tensors = job["network"]["kind"], read_safetensors(job["start"])
    if kind == "lstm":
        return Lstm(tensors, job["network"]["layers"], job["network"]["reverseSource"])
    longest = max(len(side) for pair in job["pairs"] + job["dev"] for side in pair) + 2
    return EndedTransformer(tensors, job["network"]["layers"], job["network"]["heads"], longest)


def optimizer_of(parameters, rule):
    if rule["kind"] == "sgd":
        return torch.optim.SGD(parameters, lr=rule["learningRate"])
    return torch.optim.Adam(parameters, lr=rule["learningRate"], betas=(rule["beta1"], rule["beta2"]), eps=rule["epsilon"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--job", required=True, help="JSON: see parity.ts")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    with open(options.job, encoding="utf8") as file:
        job = json.load(file)
    network = network_of(job)
    optimizer = optimizer_of(network.parameters(), job["optimizer"])
    updates = 0
    for epoch, batches in enumerate(job["epochs"], 1):
        for batch in batches:
            pairs = [job["pairs"][number] for number in batch]
            loss, tokens = network.loss(pairs)
            optimizer.zero_grad(set_to_none=True)
            (loss / (len(pairs) if job["normalise"] == "sentences" else tokens)).backward()
            nn.utils.clip_grad_norm_(network.parameters(), job["clip"])
            optimizer.step()
            updates += 1
            if updates <= FIRST_UPDATES:
                print(json.dumps({"update": updates, "loss": loss.item() / tokens}), flush=True)
        with torch.no_grad():
            parts = [network.loss(job["dev"][at : at + 128]) for at in range(0, len(job["dev"]), 128)]
        perplexity = math.exp(sum(float(loss) for loss, _ in parts) / sum(tokens for _, tokens in parts))
        print(json.dumps({"epoch": epoch, "updates": updates, "devPerplexity": perplexity}), flush=True)


if __name__ == "__main__":
    main()
