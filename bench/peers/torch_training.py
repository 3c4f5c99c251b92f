"""Training speed of the LSTM encoder-decoder in PyTorch, on random ids: one shape, one setting of threads, one JSON line.

Threads, OPENBLAS_CORETYPE and the like come from outside (see torch.ts): they must be there before PyTorch is loaded.
Words are source and target tokens; every sentence has full length, so nothing is padded.
"""
import argparse
import json
import statistics
import tempfile
import time

import torch
from torch import nn
from torch.nn import functional

from resident import peak_resident_mebibytes


class EncoderDecoder(nn.Module):
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


def main():
    parser = argparse.ArgumentParser()
    for name in ("vocabulary", "hidden", "layers", "sentences", "length", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--processes", type=int, default=1, help="more than one: the batch is divided among so many")
    options = parser.parse_args()
    if options.processes == 1:
        print(json.dumps(measure(options)))
        return
    from torch import multiprocessing

    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(measure_divided, (options, folder), options.processes)
        with open(f"{folder}/result.json", encoding="ascii") as file:
            print(file.read())


def measure_divided(rank, options, folder):
    from torch import distributed

    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=options.processes)
    result = measure(options, distributed)
    memory = torch.tensor(result["peakRssMiB"])
    distributed.all_reduce(memory)
    result["peakRssMiB"] = memory.item()
    if rank == 0:
        with open(f"{folder}/result.json", "w", encoding="ascii") as file:
            json.dump(result, file)


def measure(options, distributed=None):
    torch.manual_seed(1)
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    model = EncoderDecoder(options.vocabulary, options.hidden, options.layers)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    network = model if distributed is None else nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.SGD(trained, lr=0.1)
    ids = lambda: torch.randint(4, options.vocabulary, (options.length, options.sentences // options.processes))
    source, target, wanted = ids(), ids(), ids()

    def update():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.precision == "bf16"):
            logits = network(source, target)
            loss = functional.cross_entropy(logits.reshape(-1, options.vocabulary), wanted.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 5.0)
        optimizer.step()
        return loss.item()

    update()
    times = []
    end = time.perf_counter() + options.seconds
    while goes_on(time.perf_counter() < end or len(times) < 2, distributed):
        start = time.perf_counter()
        loss = update()
        times.append(time.perf_counter() - start)
    if loss != loss:
        raise SystemExit("the loss is not a number")
    step = statistics.median(times)
    return {
        "wordsPerSecond": 2 * options.length * options.sentences / step,
        "stepMs": 1000 * step,
        "updates": len(times),
        "peakRssMiB": peak_resident_mebibytes(),
    }


def goes_on(wanted, distributed):
    """All processes stop after the same update."""
    if distributed is None:
        return wanted
    votes = torch.tensor(int(wanted))
    distributed.all_reduce(votes)
    return votes.item() > 0


if __name__ == "__main__":
    main()
