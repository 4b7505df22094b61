"""The same step from several processes: data-parallel training, compared with one process.

    torchrun --standalone --nproc_per_node=2 -m optlib.data_parallel
    torchrun --standalone --nproc_per_node=2 -m optlib.data_parallel momentum --reduction sum

Every process holds the whole network and takes its shard of each batch; an all-reduce makes of
their gradients one gradient, the same everywhere; then every process takes the same step. The first
process also trains alone on the joint batches and prints how far the parameters lie apart at the
end. Without a name of a rule it does so for every line of :data:`CASES`.
"""

import argparse
import os
import subprocess
import sys

import torch
import torch.distributed as dist
from torch import nn

from . import tasks, training
from .torch_optim import TorchRule

REDUCTIONS = ("mean", "sum", "weighted")
SHARDS = ("equal", "unequal")
CLIPS = ("none", "after", "before")
NORMS = ("none", "layer", "batch")
SIZES = 64, 50, 50, 10
CLIP_NORM = 0.5

CASES = (
    {"rule": "momentum"},
    {"rule": "lars"},
    {"rule": "lamb"},
    {"rule": "momentum", "reduction": "sum"},
    {"rule": "lamb", "reduction": "sum"},
    {"rule": "momentum", "shards": "unequal"},
    {"rule": "momentum", "shards": "unequal", "reduction": "weighted"},
    {"rule": "momentum", "clip": "after"},
    {"rule": "momentum", "clip": "before"},
    {"rule": "momentum", "norm": "layer"},
    {"rule": "momentum", "norm": "batch"},
)
DEFAULTS = {"reduction": "mean", "shards": "equal", "clip": "none", "norm": "none"}
WORDS = {w: f"clip {w}" for w in CLIPS} | {w: f"{w} norm" for w in NORMS}  # as they are printed
RATES = {"momentum": 0.1, "adam": 0.01, "lars": 10.0, "lamb": 0.02}


def shard(rows, rank, world, shards="equal"):
    """The rows of a batch that process ``rank`` of ``world`` takes.

    rows : (examples,) indices. shards : "equal", or "unequal": the first
    process takes three times as many as each of the others, or a few more.
    ValueError if the rows cannot be divided equally.
    """
    if shards == "equal":
        if len(rows) % world:
            text = f"{len(rows)} rows cannot be shared equally by {world}"
            raise ValueError(f"{text} processes")
        return rows.chunk(world)[rank]
    part = len(rows) // (world + 2)
    sizes = [len(rows) - (world - 1) * part] + [part] * (world - 1)
    return rows.split(sizes)[rank]


def all_reduce(parameters, reduction, share):
    """Make the gradients of all processes one, in place.

    reduction : "mean" of the processes' gradients, their "sum", or "weighted":
    each counts by ``share``, the fraction of the batch its process took.
    """
    for p in parameters:
        if reduction == "weighted":
            p.grad *= share
        dist.all_reduce(p.grad)  # the sum, in every process
        if reduction == "mean":
            p.grad /= dist.get_world_size()


def train(
    rule,
    rank=0,
    world=1,
    *,
    reduction="mean",
    shards="equal",
    clip="none",
    norm="none",
    steps=20,
    batch_size=64,
):
    """Train on shards of the digits' batches -> (parameters,) float64, the same in all processes.

    rank, world : which process this is, and of how many; (0, 1) takes the joint batch, alone.
    clip : the joint gradient to the norm CLIP_NORM "after" the reduction, or every process's own
    "before" it. norm : the network's normalisation, "none", "layer" or "batch".
    """
    task = tasks.digits().double()
    net = network(norm)  # the same seed in all processes: the same start
    optimizer = TorchRule(net.parameters(), rule, lr=RATES[rule])
    order = torch.Generator().manual_seed(0)
    for _ in range(steps):
        joint = torch.randperm(len(task.x_train), generator=order)[:batch_size]
        rows = joint if world == 1 else shard(joint, rank, world, shards)
        optimizer.zero_grad()
        training.cross_entropy(net(task.x_train[rows]), task.y_train[rows]).backward()
        if clip == "before":
            nn.utils.clip_grad_norm_(net.parameters(), CLIP_NORM)
        if world > 1:
            all_reduce(net.parameters(), reduction, share=len(rows) / len(joint))
        if clip == "after":
            nn.utils.clip_grad_norm_(net.parameters(), CLIP_NORM)
        optimizer.step()
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def network(norm="none"):
    """The digits network in float64, with layer norm, batch norm or none before each tanh."""
    with training.reproducible(0):
        net = tasks.mlp(SIZES, layer_norm=norm != "none")(seed=0)
    if norm == "batch":
        old = nn.LayerNorm
        net = nn.Sequential(*(nn.BatchNorm1d(m.bias.numel()) if type(m) is old else m for m in net))
    return net.double()


def distance(rank, world, **case):
    """The largest difference of a parameter between ``world`` processes and one, 0 elsewhere."""
    shared = train(rank=rank, world=world, **case)
    alone = train(**case) if rank == 0 else shared
    return float((shared - alone).abs().max())


def compared(processes=2):
    """{case: distance from one process} of every case, run now by torchrun on this machine.

    RuntimeError with what the processes wrote if they fail, or take longer than four minutes.
    """
    command = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    try:
        done = subprocess.run(
            [sys.executable, *command, "-m", __name__],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=240,
            check=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(f"{error}\n{str(error.stderr)[-2000:]}") from None
    lines = (line.rsplit(": ", 1) for line in done.stdout.splitlines())
    return {case: float(distance) for case, distance in lines}


def main(arguments=None):
    """Join the other processes, run the case asked for or all, and print from the first."""
    parser = argparse.ArgumentParser(prog="optlib.data_parallel", description=__doc__)
    parser.add_argument("rule", nargs="?", choices=sorted(RATES), help="default: every case")
    parser.add_argument("--reduction", choices=REDUCTIONS, default="mean")
    parser.add_argument("--shards", choices=SHARDS, default="equal")
    parser.add_argument("--clip", choices=CLIPS, default="none")
    parser.add_argument("--norm", choices=NORMS, default="none")
    options = parser.parse_args(arguments)
    cases = [vars(options)] if options.rule else CASES
    dist.init_process_group("gloo")  # rank, world size and address come from torchrun
    rank, world = dist.get_rank(), dist.get_world_size()
    for case in cases:
        apart = distance(rank, world, **case)
        if rank == 0:
            other = (WORDS.get(v, v) for k, v in case.items() if DEFAULTS.get(k) != v)
            print(f"{' '.join(other)}: {apart:.1e}", flush=True)
    dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())
