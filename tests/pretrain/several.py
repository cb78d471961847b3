"""Two processes that pre-train together; run by test_several.py through torchrun."""

import sys
from pathlib import Path

import torch
import torch.distributed as dist

from resight.pretrain.method import PretrainTask
from resight.pretrain.shared_norm import share_batch_norm
from resight.pretrain.view_batch import ViewBatch
from tests.pretrain.toy import toy_backbone, toy_task, toy_trainer, toy_views


def norm_over_both(rank: int) -> dict[str, torch.Tensor]:
    """Output, gradients and running statistics of a shared batch norm."""
    torch.manual_seed(0)
    net = share_batch_norm(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4), torch.nn.ReLU()))
    images = torch.randn(6, 3, 5, 4)[3 * rank : 3 * rank + 3]
    output = net(images)
    output.square().sum().backward()
    gradient = net[0].weight.grad
    dist.all_reduce(gradient)
    return {"output": output.detach(), "gradient": gradient, "mean": net[1].running_mean, "var": net[1].running_var}


def trained(method: str, rank: int) -> dict[str, torch.Tensor]:
    """Weights, target and queue after a few steps, each process with batches of its own."""
    task = toy_task(method, seed=rank, backbone=toy_backbone(shape={"convolution_stem": True}, drop_path=0.0))
    trainer = toy_trainer(task, epochs=1)
    trainer.batches = lambda epoch, start: [toy_views(method, 10 * number + rank, batch=2) for number in range(2)]
    trainer.fit()
    return everything(task)


def stepped(method: str, seed: int, batches: list[ViewBatch]) -> dict[str, torch.Tensor]:
    """Weights, target, center and queues after plain steps on these batches.

    In float64: batch norms of four rows that are nearly alike make much of the last digits of float32.
    """
    norms = method != "mocov2"  # whose batch norms are those of a process
    task = toy_task(method, seed=seed, backbone=toy_backbone(shape={"convolution_stem": norms}, drop_path=0.0))
    task.model.double()
    task.target.double()
    trainer = toy_trainer(task, epochs=1)
    trainer.batches = lambda epoch, start: batches
    trainer.schedule = lambda t, peak: peak
    trainer.optimizer = torch.optim.SGD([{"params": list(task.model.parameters()), "lr": 0.05, "peak_lr": 0.05}])
    trainer.fit()
    return everything(task)


def joined(method: str, number: int, ranks: range) -> ViewBatch:
    """What these processes see in a step, as one batch."""
    parts = [toy_views(method, 10 * number + rank, batch=2) for rank in ranks]
    views = tuple(torch.cat(crops, dim=1).double() for crops in zip(*(part.views for part in parts), strict=True))
    return ViewBatch(views, torch.arange(2 * len(parts)))


def everything(task: PretrainTask) -> dict[str, torch.Tensor]:
    """All that a task learns and keeps."""
    result = {f"model.{name}": value for name, value in task.model.state_dict().items()}
    result |= {f"target.{name}": value for name, value in task.target.named_parameters()}
    queues = {"mocov2": lambda: [task.queue], "moby": lambda: task.queues}.get(task.method, list)()
    result |= {f"queue.{number}": queue.keys for number, queue in enumerate(queues)}
    if task.method == "dino":
        result["center"] = task.center
    return {name: value.detach().clone() for name, value in result.items()}


def main() -> None:
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    results = {"norm": norm_over_both(rank), **{name: trained(name, rank) for name in sys.argv[2:]}}
    for name in sys.argv[2:]:
        batches = [joined(name, number, range(rank, rank + 1)) for number in range(3)]
        results[f"{name} stepped"] = stepped(name, seed=rank, batches=batches)
    torch.save(results, Path(sys.argv[1]) / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
