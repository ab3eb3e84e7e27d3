"""Classifiers in folders and on the Hugging Face hub, with the methods of huggingface_hub's mixins."""

import tempfile
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Self

import numpy as np

from shufflenet_zoo.arch import Architecture
from shufflenet_zoo.errors import ArgumentError, CheckpointError, DependencyError
from shufflenet_zoo.jobs.config import one_line
from shufflenet_zoo.weights import file_folder
from shufflenet_zoo.weights.content import Content
from shufflenet_zoo.weights.convert import convert, head_classes
from shufflenet_zoo.weights.description import Description
from shufflenet_zoo.weights.layouts import CANONICAL
from shufflenet_zoo.weights.recognise import identify
from shufflenet_zoo.weights.zoo import as_content, read_any, single_precision


@dataclass(frozen=True)
class Saved:
    """A classifier as it was saved.

    Attributes:
        backbone: The backbone's config dict.
        num_classes: Classes of the head.
        content: Its weights in the framework's layout.
        origin: What it is called in messages.
    """

    backbone: dict[str, Any]
    num_classes: int
    content: Content
    origin: str


class HubMixin:
    """Saves a classifier as model.safetensors and config.json, alike in both frameworks, and builds it of them.

    Attributes:
        description: What the weights that it was made of say about themselves; None where there were none.
    """

    # The layout of the framework's own names.
    LAYOUT: ClassVar[str] = CANONICAL
    description: Description | None = None

    @abstractmethod
    def _arrays(self) -> dict[str, np.ndarray]:
        """Return the weights by their names."""

    @classmethod
    @abstractmethod
    def _from_saved(cls, saved: Saved) -> Self:
        """Build a saved classifier and load its weights."""

    def save_pretrained(
        self,
        save_directory: str | Path,
        class_names: Sequence[str] = (),
        preprocessing: Mapping[str, Any] | None = None,
    ) -> None:
        """Save the classifier in a folder, which every tool takes as a checkpoint.

        Args:
            save_directory: The folder; it is made where it is missing.
            class_names: Names of the classes. Default: those of the weights that it was made of.
            preprocessing: What becomes of an image: 'mean', 'std', 'to_rgb' and 'pipeline', as in a weight file's
                description. Default: None, that of the weights that it was made of.

        Raises:
            ArgumentError: if the backbone is none of ours, or there are more or fewer names than classes.
            CheckpointError: if the network cannot be told by its arguments, or the files cannot be written.
        """
        architecture = getattr(self.backbone, 'architecture', None)
        if not isinstance(architecture, Architecture):
            kind = type(self.backbone).__name__
            raise ArgumentError(f'only a classifier around a ShuffleNet can be saved, not one around {kind}')
        known = self.description or Description(architecture)
        weights = identify(self._arrays(), self.LAYOUT, {'type': architecture.family, **architecture})
        names = tuple(class_names) or known.class_names
        if len(names) not in (0, head_classes(weights)):
            raise ArgumentError(f'the classifier has {head_classes(weights)} classes, and there are {len(names)} names')
        said = replace(weights, class_names=names, preprocessing=preprocessing or known.preprocessing)
        layers = {key: getattr(self.backbone.layer_cfg, key) for key in ('conv_cfg', 'norm_cfg', 'act_cfg')}
        try:
            file_folder.write(Path(save_directory), as_content(convert(said, CANONICAL)), layers)
        except OSError as error:
            raise CheckpointError(f'{save_directory} cannot be written: {error.strerror or error}') from error

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **download: Any) -> Self:
        """Build a classifier, in evaluation mode, of what either framework's save_pretrained wrote.

        Args:
            pretrained_model_name_or_path: A folder, or the 'user/repository' of the Hugging Face hub.
            **download: Options of huggingface_hub's snapshot_download, such as revision, token or cache_dir.

        Raises:
            CheckpointError: if it cannot be downloaded or read, or has no classifier.
            DependencyError: if it is no folder, and huggingface_hub is not installed.

        Examples:
            >>> create_model('shufflenet_v1_digits').save_pretrained('digits')
            >>> model = ImageClassifier.from_pretrained('digits')
        """
        folder = Path(pretrained_model_name_or_path)
        if not folder.is_dir():
            folder = _download(str(pretrained_model_name_or_path), download)
        weights = convert(single_precision(read_any(folder)), cls.LAYOUT)
        classes = head_classes(weights)
        if classes is None:
            raise CheckpointError(f'{folder} has the weights of a backbone alone; give one of a classifier')
        backbone = weights.description.backbone | file_folder.read_layers(folder)
        saved = Saved(backbone, classes, as_content(weights), str(pretrained_model_name_or_path))
        model = cls._from_saved(saved)
        model.description = saved.content.description
        return model

    def push_to_hub(
        self,
        repo_id: str,
        *,
        commit_message: str = 'Add a ShuffleNet',
        private: bool | None = None,
        token: str | None = None,
        **saving: Any,
    ) -> str:
        """Upload the classifier to the Hugging Face hub; the repository is made where it is missing.

        Args:
            repo_id: 'user/repository'.
            commit_message: What the hub shows beside the files.
            private: Whether a new repository is private. Default: None, as the account says.
            token: The account's token. Default: None, the one that huggingface_hub knows.
            **saving: class_names and preprocessing, as save_pretrained takes them.

        Returns:
            The address of the commit.

        Raises:
            ArgumentError: as save_pretrained does.
            CheckpointError: as save_pretrained does, or if it cannot be uploaded.
            DependencyError: if huggingface_hub is not installed.
        """
        hub = _import_hub('push_to_hub')
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder, **saving)
            with _told(f'{repo_id} cannot be uploaded'):
                api = hub.HfApi(token=token)
                repository = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
                return str(api.upload_folder(repo_id=repository, folder_path=folder, commit_message=commit_message))


def _download(name: str, options: Mapping[str, Any]) -> Path:
    """Download the files of a repository; return their folder."""
    if name.count('/') != 1 or name.startswith(('.', '/', '~')):
        raise CheckpointError(f'folder {name} does not exist; give one, or the user/repository of the hub')
    hub = _import_hub(f'{name!r} is no folder, so that from_pretrained')
    with _told(f'{name} cannot be downloaded'):
        patterns = [file_folder.WEIGHTS, file_folder.CONFIG]
        return Path(hub.snapshot_download(name, allow_patterns=patterns, **options))


def _import_hub(needy: str) -> ModuleType:
    try:
        import huggingface_hub
    except ImportError as error:
        raise DependencyError(
            f'{needy} needs the package huggingface_hub: install it with `pip install huggingface_hub`'
        ) from error
    return huggingface_hub


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn huggingface_hub's errors, of the network, of the hub and of names, into one line."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise CheckpointError(f'{what}: {one_line(error)}') from error
