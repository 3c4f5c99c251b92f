"""The networks of the shapes of `decade bench`, in PyTorch: LSTM encoder-decoder, Transformer encoder-decoder, language model.

Transformers: pre-norm, one product for queries, keys and values, the target's embedding tied to the output, no dropout. The
encoder-decoder has sinusoidal positions and ReLU, the language model (GPT-2's form) learned positions and GELU by tanh. Attention is
baddbmm, softmax and bmm, or scaled_dot_product_attention.
"""
import math

import torch
from torch import nn
from torch.nn import functional


class RecurrentEncoderDecoder(nn.Module):
    """[length, sentences] each."""

    def __init__(self, vocabulary, hidden, layers):
        super().__init__()
        self.source = nn.Embedding(vocabulary, hidden)
        self.target = nn.Embedding(vocabulary, hidden)
        self.encoder = nn.LSTM(hidden, hidden, layers)
        self.decoder = nn.LSTM(hidden, hidden, layers)
        self.output = nn.Linear(hidden, vocabulary)
        for name, parameter in self.named_parameters():
            if "bias_hh" in name:  # nn.LSTM has two biases where one is enough: the second stays 0
                nn.init.zeros_(parameter)
                parameter.requires_grad_(False)

    def forward(self, source, target):
        _, state = self.encoder(self.source(source))
        output, _ = self.decoder(self.target(target), state)
        return self.output(output)


class Attention(nn.Module):
    def __init__(self, heads, kind):
        super().__init__()
        self.heads, self.kind = heads, kind

    def forward(self, q, k, v, mask):
        """[sentences, length, width] each; the mask [queries, keys], of 0 and -inf, is causal where there is one."""
        sentences, length, width = q.shape
        size = width // self.heads
        q, k, v = (x.view(sentences, -1, self.heads, size).transpose(1, 2) for x in (q, k, v))
        if self.kind == "sdpa":
            out = functional.scaled_dot_product_attention(q, k, v, is_causal=mask is not None)
        else:
            q, k, v = (x.reshape(sentences * self.heads, -1, size) for x in (q, k, v))
            bias, beta = (q.new_zeros(1), 0) if mask is None else (mask, 1)
            scores = torch.baddbmm(bias, q, k.transpose(1, 2), beta=beta, alpha=size**-0.5)
            out = torch.bmm(torch.softmax(scores, -1), v).view(sentences, self.heads, length, size)
        return out.transpose(1, 2).reshape(sentences, length, width)


class SelfAttention(nn.Module):
    def __init__(self, width, attention):
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.attention = attention

    def forward(self, x, mask):
        return x + self.out(self.attention(*self.qkv(self.norm(x)).chunk(3, 2), mask))


class CrossAttention(nn.Module):
    def __init__(self, width, attention):
        super().__init__()
        self.norm, self.q, self.kv = nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out, self.attention = nn.Linear(width, width), attention

    def forward(self, x, memory):
        return x + self.out(self.attention(self.q(self.norm(x)), *self.kv(memory).chunk(2, 2), None))


class FeedForward(nn.Module):
    def __init__(self, width, inner, activation):
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, inner), nn.Linear(inner, width)
        self.activation = activation

    def forward(self, x):
        return x + self.down(self.activation(self.up(self.norm(x))))


def causal(length):
    return torch.full((length, length), -math.inf).triu(1)


class Transformer(nn.Module):
    """[sentences, length] each."""

    def __init__(self, vocabulary, width, inner, heads, layers, length, attention):
        super().__init__()
        self.scale = width**0.5
        self.source, self.target = nn.Embedding(vocabulary, width), nn.Embedding(vocabulary, width)
        attends = lambda: SelfAttention(width, Attention(heads, attention))
        crosses = lambda: CrossAttention(width, Attention(heads, attention))
        feeds = lambda: FeedForward(width, inner, functional.relu)
        self.encoder = nn.ModuleList(nn.ModuleList((attends(), feeds())) for _ in range(layers))
        self.decoder = nn.ModuleList(nn.ModuleList((attends(), crosses(), feeds())) for _ in range(layers))
        self.source_norm, self.target_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        for name, parameter in self.named_parameters():
            if name in ("source.weight", "target.weight"):
                nn.init.normal_(parameter, std=width**-0.5)
            elif parameter.dim() == 2:
                nn.init.xavier_uniform_(parameter)
            elif "norm" not in name:
                nn.init.zeros_(parameter)
        angles = torch.arange(length)[:, None] / 10000 ** (torch.arange(0, width, 2) / width)
        self.register_buffer("positions", torch.cat((angles.sin(), angles.cos()), 1))
        self.register_buffer("mask", causal(length))

    def forward(self, source, target):
        x = self.source(source) * self.scale + self.positions[: source.shape[1]]
        for attention, inner in self.encoder:
            x = inner(attention(x, None))
        memory = self.source_norm(x)
        y = self.target(target) * self.scale + self.positions[: target.shape[1]]
        mask = self.mask[: target.shape[1], : target.shape[1]]
        for attention, cross, inner in self.decoder:
            y = inner(cross(attention(y, mask), memory))
        return functional.linear(self.target_norm(y), self.target.weight)


class LanguageModel(nn.Module):
    """[contexts, length]."""

    def __init__(self, vocabulary, width, inner, heads, layers, length, attention):
        super().__init__()
        self.words, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        gelu = lambda x: functional.gelu(x, approximate="tanh")
        self.blocks = nn.ModuleList(
            nn.ModuleList((SelfAttention(width, Attention(heads, attention)), FeedForward(width, inner, gelu))) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                # Smaller where a part adds its result (Radford et al. 2019).
                adds = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / ((2 * layers) ** 0.5 if adds else 1))
            elif "norm" not in name:
                nn.init.zeros_(parameter)
        self.register_buffer("mask", causal(length))

    def forward(self, words):
        length = words.shape[1]
        x = self.words(words) + self.positions.weight[:length]
        for attention, inner in self.blocks:
            x = inner(attention(x, self.mask[:length, :length]))
        return functional.linear(self.norm(x), self.words.weight)
