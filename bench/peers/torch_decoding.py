"""Beam search of a trained decade model in PyTorch: the same weights, the same ids, the same search; one JSON object.

As fast as PyTorch comes: the encoder reads a packed batch at once, states are cached, rows of all beams share every
step, candidates are ranked by two calls of topk, and finished hypotheses and sentences leave the batch. Nothing loops
over sentences, beams or words in Python.
"""
import argparse
import json
import statistics
import struct
import time
from multiprocessing import get_context

import numpy
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from resident import peak_resident_mebibytes

PAD, BEGIN, END = 0, 1, 2


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        values = numpy.frombuffer(bytearray(file.read()), dtype=numpy.uint8)
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "F32":
            raise SystemExit(f"{path}: {name} is {entry['dtype']}; only F32 is read here")
        start, end = entry["data_offsets"]
        tensors[name] = torch.from_numpy(values[start:end].view(numpy.float32).reshape(entry["shape"]))
    return tensors


def lstm(tensors, side, layers):
    stack = nn.LSTM(tensors[f"{side}.0.weightInput"].shape[1], tensors[f"{side}.0.weightHidden"].shape[1], layers)
    with torch.no_grad():
        for layer in range(layers):
            getattr(stack, f"weight_ih_l{layer}").copy_(tensors[f"{side}.{layer}.weightInput"])
            getattr(stack, f"weight_hh_l{layer}").copy_(tensors[f"{side}.{layer}.weightHidden"])
            getattr(stack, f"bias_ih_l{layer}").copy_(tensors[f"{side}.{layer}.bias"])
            getattr(stack, f"bias_hh_l{layer}").zero_()
    return stack


class Translator:
    def __init__(self, tensors, layers, reverse, attention):
        self.source = tensors["source.embedding.table"]
        self.target = tensors["target.embedding.table"]
        self.encoder = lstm(tensors, "encoder", layers)
        self.decoder = lstm(tensors, "decoder", layers)
        self.output_weight = tensors.get("output.weight", self.target)
        self.output_bias = tensors["output.bias"]
        self.combine = (tensors["attention.combine.weight"], tensors["attention.combine.bias"]) if attention else None
        self.reverse = reverse

    def encode(self, sentences):
        """Sentences by falling length. Gives what attention looks at, and the states that start the decoder."""
        lengths = torch.tensor([len(ids) for ids in sentences])
        rows = [torch.tensor(ids[::-1] if self.reverse else ids) for ids in sentences]
        padded = nn.utils.rnn.pad_sequence(rows)
        packed = pack_padded_sequence(nn.functional.embedding(padded, self.source), lengths)
        output, state = self.encoder(packed)
        if self.combine is None:
            return None, state
        memory, _ = pad_packed_sequence(output, batch_first=True)
        absent = torch.arange(memory.shape[1])[None, :] >= lengths[:, None]
        return (memory, absent), state

    def step(self, memory, sentence, slots, state, previous):
        output, state = self.decoder(nn.functional.embedding(previous, self.target)[None], state)
        output = output[0]
        if self.combine is not None:
            output = self.attend(memory, sentence, slots, output)
        return nn.functional.linear(output, self.output_weight, self.output_bias), state

    def attend(self, memory, sentence, slots, query):
        """The rows of a sentence look at its memory together: [sentences, beam, hidden], without a copy of it a row."""
        values, absent = memory
        beam = int(slots.max()) + 1
        grouped = query.new_zeros(values.shape[0], beam, query.shape[1])
        grouped[sentence, slots] = query
        scores = torch.baddbmm(absent.to(query.dtype)[:, None, :] * -1e30, grouped, values.transpose(1, 2))
        context = torch.bmm(torch.softmax(scores, -1), values)[sentence, slots]
        weight, bias = self.combine
        return torch.tanh(nn.functional.linear(torch.cat((context, query), 1), weight, bias))


def search(model, sentences, beam, alpha):
    """The best translation of each sentence: ids without </s>, and the sum of the log-probabilities, </s> included."""
    count = len(sentences)
    memory, state = model.encode(sentences)
    longest = torch.tensor([2 * len(ids) + 10 for ids in sentences])
    shortest_limit, limit = int(longest.min()), int(longest.max())
    # A row is a hypothesis that lives; `number` is its sentence, whose best finished one and open places stand in `best_*`.
    number, slots = torch.arange(count), torch.zeros(count, dtype=torch.long)
    scores = torch.zeros(count)
    previous = torch.full((count,), BEGIN)
    words = torch.empty((count, 0), dtype=torch.long)
    originals = torch.arange(count)
    places = torch.full((count,), beam)
    best_score = torch.full((count,), -torch.inf)
    results = [None] * count
    bounds = (longest + 1).double() ** alpha
    for length in range(limit + 1):
        logits, state = model.step(memory, number, slots, state, previous)
        chances = torch.log_softmax(logits, 1)
        chances[:, PAD : BEGIN + 1] = -torch.inf
        if length >= shortest_limit:
            full = longest[number] == length
            ends = chances[full, END]
            chances[full] = -torch.inf
            chances[full, END] = ends
        if beam == 1:
            top, ids = chances.max(1, keepdim=True)
        else:
            top, ids = chances.topk(beam, 1)
        width = top.shape[1]
        # All candidates of a sentence side by side, in the order of its rows.
        side_by_side = torch.full((count, beam, width), -torch.inf)
        side_by_side[number, slots] = top + scores[:, None]
        ranked, position = side_by_side.view(count, -1).topk(beam, 1)
        row_of = torch.zeros((count, beam), dtype=torch.long)
        row_of[number, slots] = torch.arange(len(number))
        parent = row_of.gather(1, position // width)
        word = ids[parent, position % width]
        taken = (torch.arange(beam)[None, :] < places[:, None]) & (ranked > -torch.inf)
        ended = taken & (word == END)
        living = taken & (word != END)
        if bool(ended.any()):
            # Of those that end now, as long as each other, the first is the best.
            at = torch.arange(beam).expand(count, beam).masked_fill(~ended, beam).amin(1)
            found = (at < beam).nonzero()[:, 0]
            sums = ranked[found, at[found]]
            better = sums.double() / (length + 1) ** alpha > best_score[found]
            found, sums = found[better], sums[better]
            best_score[found] = (sums.double() / (length + 1) ** alpha).float()
            lines = words[parent[found, at[found]]].tolist()
            for original, line, total in zip(originals[found].tolist(), lines, sums.tolist()):
                results[original] = (line, total)
            places = places - ended.sum(1)
        # A sum only falls: what the best living one could still reach ends the sentence when it is no better.
        reachable = ranked.masked_fill(~living, -torch.inf).amax(1).double() / bounds
        going_on = reachable > best_score
        living &= going_on[:, None]
        if not bool(going_on.all()):
            kept = going_on.nonzero()[:, 0]
            if len(kept) == 0:
                break
            count = len(kept)
            ranked, parent, word, living = ranked[kept], parent[kept], word[kept], living[kept]
            longest, originals, places = longest[kept], originals[kept], places[kept]
            best_score, bounds = best_score[kept], bounds[kept]
            if memory is not None:
                memory = tuple(tensor[kept] for tensor in memory)
        number, column = living.nonzero(as_tuple=True)
        slots = (living.cumsum(1) - 1)[number, column]
        chosen = parent[number, column]
        previous, scores = word[number, column], ranked[number, column]
        state = tuple(tensor.index_select(1, chosen) for tensor in state)
        words = torch.cat((words.index_select(0, chosen), previous[:, None]), 1)
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--job", required=True, help="JSON: weights, layers, reverseSource, attention, batches of ids")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--beam", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--batches", type=int, default=0, help="only the first so many; 0: all")
    parser.add_argument("--processes", type=int, default=1, help="more than one: each takes the next batch when it is free")
    options = parser.parse_args()
    with open(options.job, encoding="utf8") as file:
        job = json.load(file)
    if options.batches > 0:
        job["batches"] = job["batches"][: options.batches]
    parts = divided(job["batches"], options.processes)
    if options.processes == 1:
        print(json.dumps(joined(parts, [measure(options, job, parts, Alone(len(parts)))])))
        return
    context = get_context("spawn")
    turns = Together(context, options.processes, len(parts))
    results = context.SimpleQueue()
    processes = [context.Process(target=measure_apart, args=(options, job, parts, turns, results)) for _ in range(options.processes)]
    for process in processes:
        process.start()
    measured = [results.get() for _ in processes]
    for process in processes:
        process.join()
    print(json.dumps(joined(parts, measured)))


def divided(batches, processes):
    """Batches to take in turn: divided where there are too few for the processes to end together."""
    pieces = 1 if processes == 1 or len(batches) >= 4 * processes else processes
    size = lambda batch: -(-len(batch) // pieces)
    return [batch[start : start + size(batch)] for batch in batches for start in range(0, len(batch), size(batch))]


class Alone:
    """One process takes every part."""

    def __init__(self, count):
        self.count = count

    def meet(self):
        pass

    def agree(self, wanted):
        return wanted

    def take(self):
        return iter(range(self.count))


class Together:
    """Processes that take parts in turn, and measure the same rounds."""

    def __init__(self, context, processes, count):
        self.count = count
        self.barrier = context.Barrier(processes)
        self.next = context.Value("i", 0)
        self.last = context.Value("b", 0)

    def meet(self):
        """All are ready for another round."""
        if self.barrier.wait() == 0:
            self.next.value = 0
        self.barrier.wait()

    def agree(self, wanted):
        """All stop after the same round: the one in which somebody had enough."""
        if not wanted:
            self.last.value = 1
        self.barrier.wait()
        return self.last.value == 0

    def take(self):
        while True:
            with self.next.get_lock():
                index = self.next.value
                self.next.value += 1
            if index >= self.count:
                return
            yield index


def measure_apart(options, job, parts, turns, results):
    results.put(measure(options, job, parts, turns))


def measure(options, job, parts, turns):
    """The seconds of each round, and the translations of the parts that this process took in the last."""
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    with torch.inference_mode():
        model = Translator(read_safetensors(job["weights"]), job["layers"], job["reverseSource"], job["attention"])
        translate = lambda: {index: search(model, parts[index], options.beam, job["lengthPenalty"]) for index in turns.take()}
        turns.meet()
        translate()
        times = []
        end = time.perf_counter() + options.seconds
        while not times or turns.agree(time.perf_counter() < end):
            turns.meet()
            start = time.perf_counter()
            found = translate()
            turns.meet()
            times.append(time.perf_counter() - start)
    return times, found, peak_resident_mebibytes()


def joined(parts, measured):
    found = {index: results for _, taken, _ in measured for index, results in taken.items()}
    translations = [result for index in range(len(parts)) for result in found[index]]
    seconds = statistics.median(measured[0][0])
    return {
        "seconds": seconds,
        "sentencesPerSecond": len(translations) / seconds,
        "wordsPerSecond": sum(len(ids) + 1 for ids, _ in translations) / seconds,
        "peakRssMiB": sum(resident for _, _, resident in measured),
        "translations": [{"ids": ids, "logProbability": total} for ids, total in translations],
    }


if __name__ == "__main__":
    main()
