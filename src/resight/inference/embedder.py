"""A model with all it needs to read images: one call turns images into vectors."""

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from resight.data.dataset import Batch, CropDataset, Vocabulary, collate, eval_loader
from resight.data.decode import ImageSource, open_image
from resight.data.manifest import Manifest
from resight.errors import DataError, ModelFormatError
from resight.inference.card import ModelCard, read_model, write_model
from resight.inference.unknown_names import unknown_names
from resight.memory import explain_out_of_memory
from resight.models.reid import ReIDModel

_logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


class Embedder:
    """Images in, unit vectors out.

    Args:
        model: the network.
        card: its transform, camera and view names, and what else is stored with it.
        device: where to compute; None: a GPU where there is one.
    """

    def __init__(self, model: ReIDModel, card: ModelCard, *, device: str | torch.device | None = None) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model = model.to(self.device).eval()
        self.card = card
        self._vocabulary = Vocabulary((), card.cameras, card.views)

    @property
    def embedding_dim(self) -> int:
        return self.model.embedding_dim

    def embed(
        self,
        images: Manifest | ImageSource | Iterable[ImageSource],
        *,
        cameras: Sequence[str | None] | None = None,
        views: Sequence[str | None] | None = None,
        batch_size: int = 64,
        workers: int = 0,
        flip: bool | None = None,
        progress: Progress | None = None,
    ) -> np.ndarray:
        """One unit vector per image, in order.

        A camera or view that is not given, or that the model was not trained on, is unknown to it and takes the mean
        side information (see `resight.models.side_information`). Of a manifest's unknown names a log line tells.

        Args:
            images: a manifest, or paths, encoded bytes, PIL images or uint8 arrays (H, W, 3), one or many; also one
                array (N, H, W, 3).
            cameras: camera names, one for each image; a manifest brings its own.
            views: view names, likewise.
            batch_size: images at a time.
            workers: processes that decode a manifest's images; 0 decodes in this one.
            flip: average with the mirrored image; None: as the model's card says.
            progress: called with (images done, images in all).

        Returns:
            (N, D) float32.

        Raises:
            DataError: if an image cannot be read (it is named), or names and images differ in number.
            ValueError: if `batch_size` is below 1.
        """
        if isinstance(images, Manifest):
            if cameras is not None or views is not None:
                raise DataError("a manifest brings its own cameras and views; leave cameras= and views= out")
            for line in unknown_names(images, self.card):
                _logger.warning(line)
            return self.embed_rows(images, batch_size=batch_size, workers=workers, flip=flip, progress=progress)
        _require_positive(batch_size)
        is_one = isinstance(images, np.ndarray) and images.ndim < 4
        is_one = is_one or isinstance(images, (str, bytes, PathLike, Image.Image))
        many: list[Any] = [images] if is_one else list(images)  # type: ignore[arg-type]
        batches = self._batches(
            many, self._codes(cameras, "cameras", len(many)), self._codes(views, "views", len(many)), batch_size
        )
        return self._run(batches, len(many), flip, progress)

    def embed_rows(
        self,
        manifest: Manifest,
        *,
        batch_size: int = 64,
        workers: int = 0,
        flip: bool | None = None,
        progress: Progress | None = None,
    ) -> np.ndarray:
        """`embed` of a manifest, but silent about names that the model does not know: for callers with a part of it."""
        _require_positive(batch_size)
        dataset = CropDataset(manifest, self.card.transform, self._vocabulary)
        loader: Iterable[Batch] = eval_loader(dataset, batch_size=batch_size, workers=workers)
        return self._run(loader, len(manifest), flip, progress)

    def _codes(self, names: Sequence[str | None] | None, which: str, count: int) -> list[int]:
        if names is None:
            return [-1] * count
        if isinstance(names, str) or len(names) != count:
            raise DataError(f"{which}: expected one name for each of the {count} images, got {names!r}")
        numbers = {name: number for number, name in enumerate(getattr(self._vocabulary, which))}
        return [-1 if name is None else numbers.get(str(name), -1) for name in names]

    def _batches(
        self, images: Sequence[ImageSource], cameras: list[int], views: list[int], batch_size: int
    ) -> Iterable[Batch]:
        for start in range(0, len(images), batch_size):
            rows = range(start, min(start + batch_size, len(images)))
            yield collate([(self.card.transform(open_image(images[i])), -1, cameras[i], views[i], i) for i in rows])

    @torch.inference_mode()
    def _run(self, batches: Iterable[Batch], count: int, flip: bool | None, progress: Progress | None) -> np.ndarray:
        flip = self.card.flip if flip is None else flip
        embeddings = np.empty((count, self.embedding_dim), dtype=np.float32)
        done = 0
        self.model.eval()
        for cpu_batch in batches:
            with explain_out_of_memory(f"embedding {len(cpu_batch.rows)} images at a time", "lower batch_size"):
                vectors = self._embedding(cpu_batch.to(self.device), flip)
            embeddings[done : done + len(vectors)] = vectors.float().cpu().numpy()
            done += len(vectors)
            if progress is not None:
                progress(done, count)
        return embeddings

    def _embedding(self, batch: Batch, flip: bool) -> Tensor:
        embedding: Tensor = self.model(batch.images, batch.cameras, batch.views).embedding
        if flip:
            mirrored = self.model(batch.images.flip(3), batch.cameras, batch.views).embedding
            embedding = F.normalize(embedding + mirrored, dim=1)
        return embedding

    def save(self, folder: str | PathLike[str]) -> None:
        """Stores weights and card, for `resight.load`."""
        write_model(Path(folder), self.model, self.card)


def load(
    name: str | PathLike[str], *, device: str | torch.device | None = None, revision: str | None = None
) -> Embedder:
    """The stored model, ready to embed.

    Args:
        name: a model folder, a run folder (its `model` is taken), or the id of a model on the hub (`owner/name`).
        device: where to compute; None: a GPU where there is one.
        revision: branch, tag or commit, for a model on the hub.

    Raises:
        ModelFormatError: if there is no such model, or it cannot be read.
    """
    folder = model_folder(name)
    if folder is None:
        folder = _download(str(name), revision)
    model, card = read_model(folder)
    return Embedder(model, card, device=device)


def model_folder(name: str | PathLike[str]) -> Path | None:
    """Where the stored model lies on this machine: the folder, or the `model` of a run folder; None: no folder here.

    Raises:
        ModelFormatError: if it is a file.
    """
    folder = Path(name).expanduser()
    if folder.is_file():
        raise ModelFormatError(
            f"{folder} is a file; pass the folder that holds card.json and model.safetensors. A weight file of other "
            f"code becomes such a folder by: resight weights convert {folder} -o FOLDER -r RECIPE"
        )
    if not folder.is_dir():
        return None
    is_run = not (folder / "card.json").is_file() and (folder / "model" / "card.json").is_file()
    return folder / "model" if is_run else folder


def _require_positive(batch_size: int) -> None:
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")


def _download(name: str, revision: str | None) -> Path:
    expected = "expected a model folder that exists, or the id of a model on the hub (owner/name)"
    if name.count("/") != 1 or name.startswith((".", "/", "~")) or name.endswith("/"):
        raise ModelFormatError(f"there is no folder {name}; {expected}")
    owner = name.partition("/")[0]
    if Path(owner).exists():  # a slip in a path; the hub would be asked for nothing, with many seconds of retries
        raise ModelFormatError(f"there is no folder {name}, and {owner} is here, so it is no id on the hub; {expected}")

    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=["card.json", "model.safetensors"]))
    except HFValidationError as error:
        raise ModelFormatError(f"there is no folder {name}, and it is no id of a model; {expected}") from error
    except RevisionNotFoundError as error:
        raise ModelFormatError(f"the model {name} on the hub has no revision {revision}") from error
    except RepositoryNotFoundError as error:
        raise ModelFormatError(
            f"there is no folder {name}, and no such model on the hub that may be read; check the name, or log in"
        ) from error
    except Exception as error:
        offline = bool(os.environ.get("HF_HUB_OFFLINE"))
        why = "HF_HUB_OFFLINE is set" if offline else f"the hub did not give such a model, {type(error).__name__}"
        raise ModelFormatError(
            f"there is no folder {name} ({why}); check the path, or copy the model folder here and pass its path"
        ) from error
