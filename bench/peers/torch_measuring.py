"""Measures an update or a search in one process, or in several that do it together; prints one JSON line.

Threads, OPENBLAS_CORETYPE and the like come from outside (see torch.ts): they must be there before PyTorch is loaded.
"""
import argparse
import json
import statistics
import tempfile
import time

import torch

from resident import peak_resident_mebibytes


def parser(*numbers):
    """Of the options that all measurements have, and of these whole numbers."""
    made = argparse.ArgumentParser()
    for name in (*numbers, "threads"):
        made.add_argument(f"--{name}", type=int, required=True)
    made.add_argument("--seconds", type=float, required=True)
    made.add_argument("--attention", choices=("matmul", "sdpa"), default="matmul", help="sdpa: scaled_dot_product_attention")
    made.add_argument("--compiled", type=int, default=0, help="1: through torch.compile")
    made.add_argument("--processes", type=int, default=1, help="more than one: the batch is divided among so many")
    return made


def measured(options, prepare):
    """Prints what `prepare(options, distributed)`, which gives a function to time, comes to."""
    if options.processes == 1:
        print(json.dumps(timed(options, prepare)))
        return
    from torch import multiprocessing

    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(apart, (options, prepare, folder), options.processes)
        with open(f"{folder}/result.json", encoding="ascii") as file:
            print(file.read())


def apart(rank, options, prepare, folder):
    from torch import distributed

    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=options.processes)
    result = timed(options, prepare, distributed)
    memory = torch.tensor(result["peakRssMiB"])
    distributed.all_reduce(memory)
    result["peakRssMiB"] = memory.item()
    if rank == 0:
        with open(f"{folder}/result.json", "w", encoding="ascii") as file:
            json.dump(result, file)
    # Whoever left first would be missed by the others, which PyTorch 2.13 answers by aborting.
    distributed.barrier()
    distributed.destroy_process_group()


def timed(options, prepare, distributed=None):
    """The median time of what is timed, after a first time that does not count, and the most memory held."""
    torch.manual_seed(1)
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    work = prepare(options, distributed)
    work()
    times = []
    end = time.perf_counter() + options.seconds
    while goes_on(time.perf_counter() < end or len(times) < 2, distributed):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return {"stepMs": 1000 * statistics.median(times), "updates": len(times), "peakRssMiB": peak_resident_mebibytes()}


def goes_on(wanted, distributed):
    """All processes stop after the same update."""
    if distributed is None:
        return wanted
    votes = torch.tensor(int(wanted))
    distributed.all_reduce(votes)
    return votes.item() > 0
