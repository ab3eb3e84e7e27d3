"""Hooks of the training loop."""

from collections import deque
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook as _CheckpointHook

from shufflenet_zoo.atomic import replacing
from shufflenet_zoo.jobs.workdir import NOTE
from shufflenet_zoo.registry import HOOKS


@HOOKS.register_module()
class CheckpointHook(_CheckpointHook):
    """mmengine's CheckpointHook, safe against being killed at any moment.

    The note ``last_checkpoint`` is replaced only after the checkpoint is complete, and outdated checkpoints are
    removed only after that; mmengine removes first, and a kill in between leaves nothing to resume from.
    """

    def _save_checkpoint_with_step(self, runner: Any, step: int, meta: dict) -> None:
        outdated = self._rotate(runner, step)
        filename = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, filename)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            filename,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if not is_main_process():
            return
        with replacing(Path(runner.work_dir) / NOTE) as note:
            note.write_text(self.last_ckpt)
        for path in outdated:
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)

    def _rotate(self, runner: Any, step: int) -> list[str]:
        """Note a new checkpoint among those to keep; return the paths of those that fall out."""
        if self.max_keep_ckpts <= 0 or step in self.keep_ckpt_ids:
            return []
        steps = [*self.keep_ckpt_ids, step]
        kept = steps[-self.max_keep_ckpts :]
        self.keep_ckpt_ids = deque(kept, self.max_keep_ckpts)
        runner.message_hub.update_info('keep_ckpt_ids', kept)
        return [
            self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(old))
            for old in steps[: -self.max_keep_ckpts]
        ]
