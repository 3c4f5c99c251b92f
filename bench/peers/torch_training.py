"""Training speed of a network in PyTorch, on random ids: one shape, one setting of threads, one JSON line.

Words are source and target tokens, of a language model those that are predicted; every sentence has full length, so nothing is padded.
LSTMs are trained by SGD, Transformers by Adam, fused where PyTorch has that for processors.
"""
import torch
from torch import nn
from torch.nn import functional

from torch_measuring import measured, parser
from torch_networks import LanguageModel, RecurrentEncoderDecoder, Transformer


def main():
    arguments = parser("vocabulary", "width", "inner", "heads", "layers", "sentences", "length")
    arguments.add_argument("--network", choices=("lstm", "transformer", "language-model"), required=True)
    arguments.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    measured(arguments.parse_args(), prepare)


def prepare(options, distributed):
    sentences = options.sentences // options.processes
    shape = (options.vocabulary, options.width, options.inner, options.heads, options.layers, options.length, options.attention)
    if options.network == "lstm":
        model = RecurrentEncoderDecoder(options.vocabulary, options.width, options.layers)
        size = (options.length, sentences)
    else:
        model = (Transformer if options.network == "transformer" else LanguageModel)(*shape)
        size = (sentences, options.length)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    network = model if distributed is None else nn.parallel.DistributedDataParallel(model)
    if options.compiled:
        network = torch.compile(network)
    optimizer, clip = optimization(options, trained)
    inputs = [torch.randint(4, options.vocabulary, size) for _ in range(1 if options.network == "language-model" else 2)]
    wanted = torch.randint(4, options.vocabulary, size)

    def update():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.precision == "bf16"):
            logits = network(*inputs)
            loss = functional.cross_entropy(logits.reshape(-1, options.vocabulary), wanted.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(trained, clip)
        optimizer.step()
        if loss.item() != loss.item():
            raise SystemExit("the loss is not a number")

    return update


def optimization(options, trained):
    """As the shapes of `decade bench` have it: the update rule, and the norm that gradients are clipped to."""
    if options.network == "lstm":
        return torch.optim.SGD(trained, lr=0.1), 5.0
    fused = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 4)
    return torch.optim.Adam(trained, lr=1e-4, **({"fused": True} if fused else {})), 1.0


if __name__ == "__main__":
    main()
