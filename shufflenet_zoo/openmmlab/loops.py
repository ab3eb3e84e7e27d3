"""The training loop."""

from itertools import islice

from mmengine.runner import EpochBasedTrainLoop as _EpochBasedTrainLoop

from shufflenet_zoo.openmmlab.seeding import SeededSampler
from shufflenet_zoo.registry import LOOPS


@LOOPS.register_module()
class EpochBasedTrainLoop(_EpochBasedTrainLoop):
    """mmengine's EpochBasedTrainLoop, which also goes on in the middle of an epoch.

    Args: those of mmengine's EpochBasedTrainLoop.
    """

    def run_epoch(self) -> None:
        """Train on the batches of the epoch that are left."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        done = self._iter - self._epoch * len(self.dataloader)
        sampler = self.dataloader.sampler
        if isinstance(sampler, SeededSampler):
            sampler.skip(done * self.dataloader.batch_size)
            batches = iter(self.dataloader)
        else:  # a batch sampler of the config has the samples: only it knows what it would have put together
            batches = islice(self.dataloader, done, None)
        for index, batch in enumerate(batches, done):
            self.run_iter(index, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
