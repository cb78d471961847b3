import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from resight.data.manifest import Manifest
from resight.evaluation import Crop, evaluate
from resight.inference import Attention
from resight.report import RunResult, collect_figures
from resight.report.figure_data import Lists

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    with api.sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        if found is None and not Path(own).exists():
            pytest.skip("no Chromium is installed")
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def open_page(browser):
    """Opens a file without network; whatever the page complains about fails the test."""
    contexts = []

    def load(path, **options):
        context = browser.new_context(offline=True, reduced_motion="reduce", **options)
        contexts.append(context)
        page, complaints = context.new_page(), []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.goto(path.resolve().as_uri())
        page.complaints = complaints
        return page

    yield load
    for context in contexts:
        context.close()


@pytest.fixture
def people(tmp_path):
    """(query vectors, query, gallery vectors, gallery): 4 coloured identities, 2 cameras, 2 images each."""
    folder = tmp_path / "images"
    folder.mkdir()
    rows, generator = [], np.random.default_rng(0)
    for pid in range(4):
        for camid in range(2):
            for shot in range(2):
                color = tuple(int(c) for c in generator.integers(0, 255, 3))
                name = f"images/{pid}_{camid}_{shot}.png"
                Image.new("RGB", (32, 64), color).save(tmp_path / name)
                rows.append((name, f"id{pid}", str(camid)))
    columns = dict(zip(("image", "pid", "camid"), map(list, zip(*rows, strict=True)), strict=True))
    manifest = Manifest.from_columns(columns, root=tmp_path)
    labels = torch.arange(16) // 4
    noise = torch.randn(16, 4, generator=torch.Generator().manual_seed(1))
    vectors = torch.nn.functional.normalize(torch.eye(4)[labels] + 0.8 * noise, dim=1)
    is_query = np.arange(16) % 4 == 0
    mask = torch.from_numpy(is_query)
    return vectors[mask], manifest.select(is_query), vectors[~mask], manifest.select(~is_query)


def attention_of(rows):
    """Maps as of a model with a jigsaw of two parts on 4 x 2 patches."""
    rng = np.random.default_rng(0)
    shares = rng.random((2, len(rows), 3, 4, 2)).astype(np.float32)
    seen = np.ones((3, 4, 2), dtype=bool)
    seen[1, :2] = seen[2, 2:] = False
    return Attention(("CLS", "JPM part 1", "JPM part 2"), seen, shares[0], shares[1] * seen)


@pytest.fixture
def make_run(people):
    """Makes a run over the people; `noise` makes another model of it. All four queries are in its lists."""

    def make(name="one", noise=0.0, **changes):
        query_vectors, query, gallery_vectors, gallery = people
        shift = noise * torch.randn(query_vectors.shape, generator=torch.Generator().manual_seed(2))
        sides = (query_vectors + shift, query, gallery_vectors, gallery)
        report = evaluate(*sides)
        vectors = (sides[0].numpy(), query, gallery_vectors.numpy(), gallery)
        values = {
            "report": report,
            "curves": [
                {
                    "epoch": e,
                    "loss": 3.0 / e,
                    "lr": 0.01 * e,
                    "accuracy": 0.2 * e,
                    "mean_ap": 0.5 if e % 2 == 0 else None,
                }
                for e in range(1, 5)
            ],
            "num_parameters": 21_837_312,
            "images_per_second": 432.1,
            "settings": {"model": "vit_small", "optimizer": {"lr": 0.008}, "seed": 0, "name": name},
            "figures": collect_figures(report, *vectors, attend=attention_of),
        }
        return RunResult(name=name, **(values | changes))

    return make


@pytest.fixture
def with_lists():
    """Gives a run other rank lists: (query crop, its hits) for each."""

    def change(run, *lists):
        crops, hits = [], []
        for query, found in lists:
            hits.append((len(crops), list(range(len(crops) + 1, len(crops) + 1 + len(found)))))
            crops += [query, *(Crop(hit.path, hit.pid, hit.camid, hit.box) for hit in found)]
        width = max(len(found) for _, found in lists)

        def padded(values, fill):
            return np.array([list(line) + [fill] * (width - len(line)) for line in values]).reshape(len(lists), width)

        changed = Lists(
            row=np.arange(len(lists)),
            query=np.array([query for query, _ in hits]),
            hit=padded([places for _, places in hits], -1),
            distance=padded([[hit.distance for hit in found] for _, found in lists], np.nan).astype(np.float32),
            match=padded([[hit.match for hit in found] for _, found in lists], False).astype(bool),
        )
        figures = replace(
            run.figures, crops=crops, lists=changed, embedding_map=None, attention=None, attention_crop=()
        )
        return replace(run, figures=figures)

    return change


@pytest.fixture
def scored_pool(tmp_path):
    """(scores.parquet, kept, target): 240 images of three folders with scores, half of them kept, two damaged."""
    rng = np.random.default_rng(0)
    columns = {"image": [], "score": []}
    for place in range(240):
        folder = ("a", "b", "c")[place % 3]
        (tmp_path / "pool" / folder).mkdir(parents=True, exist_ok=True)
        name = f"pool/{folder}/{place:03d}.png"
        Image.new("RGB", (16, 32), tuple(int(c) for c in rng.integers(0, 255, 3))).save(tmp_path / name)
        columns["image"].append(name)
        columns["score"].append(float(rng.normal() + (place % 3)))
    columns["score"][10] = columns["score"][20] = None
    manifest = Manifest.from_columns(columns, root=tmp_path)
    manifest.write(tmp_path / "scores.parquet")
    scores = manifest.column("score")
    kept = np.nan_to_num(scores, nan=-np.inf) >= np.nanmedian(scores)
    return tmp_path / "scores.parquet", kept, manifest.select(np.arange(50)).with_column("pid", ["x"] * 50)
