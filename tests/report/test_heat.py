import base64
import io

import numpy as np
from PIL import Image

from resight.report.heat import heat_png, heat_rgba, seen_png

SHARES = np.array([[0.1, 0.2], [0.3, 0.4]])


def test_from_dark_to_light():
    colors = heat_rgba(SHARES) / 255
    over_grey = colors[..., :3].mean(-1) * colors[..., 3] + 0.5 * (1 - colors[..., 3])
    assert (np.diff(over_grey.flatten()) > 0).all()
    assert colors[0, 0, 3] > colors[1, 0, 3]  # night hides the crop, the middle shows it


def test_unseen_patches_are_grey_and_do_not_count_for_the_scale():
    seen = np.array([[True, True], [True, False]])
    colors = heat_rgba(np.array([[0.1, 0.2], [0.3, 0.0]]), seen)
    assert colors[1, 1, 3] > 230
    assert (colors[0, 0] == heat_rgba(SHARES)[0, 0]).all()
    assert (colors[1, 0] == heat_rgba(SHARES)[1, 1]).all()


def test_equal_shares_and_none_seen():
    assert len({tuple(color) for color in heat_rgba(np.full((2, 2), 0.25)).reshape(-1, 4)}) == 1
    assert heat_rgba(SHARES, np.zeros((2, 2), dtype=bool)).shape == (2, 2, 4)


def test_png():
    image = Image.open(io.BytesIO(base64.b64decode(heat_png(SHARES))))
    assert (np.asarray(image) == heat_rgba(SHARES)).all()
    scheme = np.asarray(Image.open(io.BytesIO(base64.b64decode(seen_png(SHARES > 0.25)))))
    assert (scheme[..., 3] > 200).tolist() == [[False, False], [True, True]]
