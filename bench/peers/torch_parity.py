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

FIRST_UPDATES = 10


class EncoderDecoder(nn.Module):
    def __init__(self, tensors, layers):
        super().__init__()
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


def loss_of(model, pairs, reverse):
    """The cross entropy summed over target tokens, and their number."""
    source = pad_sequence([torch.tensor(ids[::-1] if reverse else ids) for ids, _ in pairs])
    lengths = torch.tensor([len(ids) for ids, _ in pairs])
    given = pad_sequence([torch.tensor([BEGIN] + ids) for _, ids in pairs])
    wanted = pad_sequence([torch.tensor(ids + [END]) for _, ids in pairs], padding_value=PAD)
    logits = model(source, lengths, given)
    loss = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=PAD, reduction="sum")
    return loss, int((wanted != PAD).sum())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--job", required=True, help="JSON: see parity.ts")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    with open(options.job, encoding="utf8") as file:
        job = json.load(file)
    model = EncoderDecoder(read_safetensors(job["start"]), job["layers"])
    optimizer = {
        "sgd": lambda: torch.optim.SGD(model.parameters(), lr=job["learningRate"]),
        "adam": lambda: torch.optim.Adam(model.parameters(), lr=job["learningRate"]),
    }[job["optimizer"]]()
    updates = 0
    for epoch, batches in enumerate(job["epochs"], 1):
        for batch in batches:
            pairs = [job["pairs"][number] for number in batch]
            loss, tokens = loss_of(model, pairs, job["reverseSource"])
            optimizer.zero_grad(set_to_none=True)
            (loss / (len(pairs) if job["normalise"] == "sentences" else tokens)).backward()
            nn.utils.clip_grad_norm_(model.parameters(), job["clip"])
            optimizer.step()
            updates += 1
            if updates <= FIRST_UPDATES:
                print(json.dumps({"update": updates, "loss": float(loss) / tokens}), flush=True)
        with torch.no_grad():
            parts = [loss_of(model, job["dev"][at : at + 128], job["reverseSource"]) for at in range(0, len(job["dev"]), 128)]
        perplexity = math.exp(sum(float(loss) for loss, _ in parts) / sum(tokens for _, tokens in parts))
        print(json.dumps({"epoch": epoch, "updates": updates, "devPerplexity": perplexity}), flush=True)


if __name__ == "__main__":
    main()
