"""What one process of the distributed test does; its own module, so that a spawned process can import it."""

import torch
import torch.distributed as dist

from helpers.networks import build, images


def train_steps(rank: int, port: int, cfg: dict, folder: str) -> None:
    """Run two steps without and with checkpointing; the first process saves the gradients and states."""
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'tcp://127.0.0.1:{port}', rank=rank, world_size=2)
    results = {}
    for with_cp in (False, True):
        model = build(cfg, with_cp=with_cp)
        parallel = torch.nn.parallel.DistributedDataParallel(model)
        for step in range(2):
            x = images(cfg)[rank : rank + 1] + step
            parallel(x.repeat(2, 1, 1, 1))[0].square().mean().backward()
        results[str(with_cp)] = {f'grad.{name}': p.grad for name, p in model.named_parameters()} | model.state_dict()
    if rank == 0:
        torch.save(results, f'{folder}/results.pth')
    dist.destroy_process_group()
