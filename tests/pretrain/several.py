"""Two processes that pre-train together; run by test_several.py through torchrun."""

import sys
from pathlib import Path

import torch
import torch.distributed as dist

from resight.pretrain.shared_norm import share_batch_norm
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
    result = {f"model.{name}": value for name, value in task.model.state_dict().items()}
    result |= {f"target.{name}": value for name, value in task.target.named_parameters()}
    queues = {"mocov2": lambda: [task.queue], "moby": lambda: task.queues}.get(method, list)()
    result |= {f"queue.{number}": queue.keys for number, queue in enumerate(queues)}
    return {name: value.detach().clone() for name, value in result.items()}


def main() -> None:
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    results = {"norm": norm_over_both(rank), **{name: trained(name, rank) for name in sys.argv[2:]}}
    torch.save(results, Path(sys.argv[1]) / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
