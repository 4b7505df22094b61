"""Two processes and one: what torchrun prints, and the parts that run without it."""

import pytest
import torch
from torch import nn

from optlib import data_parallel

SAME = 1e-12


def test_equal_shards_and_the_mean_are_one_process_and_nothing_else_is():
    distances = data_parallel.compared()
    assert len(distances) == len(data_parallel.CASES)
    same = {case for case, distance in distances.items() if distance < SAME}
    assert same == {
        "momentum",
        "lars",
        "lamb",
        "momentum unequal weighted",
        "momentum clip after",
        "momentum layer norm",
    }
    for case in set(distances) - same - {"lamb sum"}:
        assert distances[case] > 1e-2, case
    # LAMB is blind to the gradients' scale but for eps: it hides the wrong reduction.
    assert 1e-8 < distances["lamb sum"] < 1e-2


def test_processes_that_fail_say_why(monkeypatch):
    monkeypatch.setattr(data_parallel, "__name__", "optlib.no_such_module")
    with pytest.raises(RuntimeError, match="no_such_module"):
        data_parallel.compared()


def test_the_reduction_divides_by_the_number_of_processes(monkeypatch):
    def all_reduce(gradient):  # as if three processes had the same gradient
        gradient *= 3

    monkeypatch.setattr(data_parallel.dist, "all_reduce", all_reduce)
    monkeypatch.setattr(data_parallel.dist, "get_world_size", lambda: 3)
    p = nn.Parameter(torch.zeros(2))
    for reduction, factor in (("mean", 1), ("sum", 3), ("weighted", 1.5)):
        p.grad = torch.tensor([1.0, -2.0])
        data_parallel.all_reduce([p], reduction, share=0.5)
        assert torch.equal(p.grad, factor * torch.tensor([1.0, -2.0])), reduction


@pytest.mark.parametrize("world", [1, 2, 4])
@pytest.mark.parametrize("shards", data_parallel.SHARDS)
def test_shards_are_a_partition(world, shards):
    rows = torch.randperm(64)
    parts = [data_parallel.shard(rows, rank, world, shards) for rank in range(world)]
    assert torch.equal(torch.cat(parts), rows)
    sizes = [len(part) for part in parts]
    assert (len(set(sizes)) == 1) == (shards == "equal" or world == 1)


def test_rows_that_cannot_be_shared_equally_are_refused():
    with pytest.raises(ValueError, match="64 rows cannot be shared equally by 3 processes"):
        data_parallel.shard(torch.arange(64), 0, 3)


def test_networks_differ_in_their_normalisation_alone():
    plain, layer, batch = (data_parallel.network(norm) for norm in data_parallel.NORMS)
    kinds = [[type(m) for m in net] for net in (plain, layer, batch)]
    assert kinds[1] == [nn.Linear, nn.LayerNorm, nn.Tanh] * 2 + [nn.Linear]
    assert kinds[2] == [nn.Linear, nn.BatchNorm1d, nn.Tanh] * 2 + [nn.Linear]
    assert kinds[0] == [nn.Linear, nn.Tanh] * 2 + [nn.Linear]
    weights = [[m.weight for m in net if type(m) is nn.Linear] for net in (plain, layer, batch)]
    for a, b, c in zip(*weights):
        assert torch.equal(a, b) and torch.equal(a, c)


def test_one_process_needs_no_torchrun():
    one = data_parallel.train("lars", steps=2)
    assert one.shape == (sum(p.numel() for p in data_parallel.network().parameters()),)
    assert torch.equal(one, data_parallel.train("lars", steps=2))
