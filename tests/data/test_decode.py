import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resight.data.decode import open_image
from resight.errors import DataError

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def encoded(image: Image.Image, format: str = "PNG", **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **settings)
    return buffer.getvalue()


def pixels(image: Image.Image) -> list:
    assert image.mode == "RGB"
    return np.asarray(image).tolist()


def corners() -> Image.Image:
    """3 wide, 2 high: red top left, green top right, blue bottom left, the rest white."""
    image = Image.new("RGB", (3, 2), "white")
    for place, colour in (((0, 0), RED), ((2, 0), GREEN), ((0, 1), BLUE)):
        image.putpixel(place, colour)
    return image


def test_every_kind_of_source_gives_the_same(tmp_path: Path):
    path = tmp_path / "a.png"
    corners().save(path)
    for source in (path, str(path), path.read_bytes(), corners(), np.asarray(corners())):
        assert pixels(open_image(source)) == pixels(corners())


def test_one_pixel():
    assert pixels(open_image(encoded(Image.new("RGB", (1, 1), RED)))) == [[list(RED)]]


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("L", 130, (130, 130, 130)),
        ("1", 1, (255, 255, 255)),
        ("CMYK", (255, 0, 0, 0), (0, 255, 255)),
        ("LA", (200, 255), (200, 200, 200)),
        ("LA", (200, 0), (0, 0, 0)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (0, 0, 0)),
        ("RGBA", (200, 100, 0, 51), (40, 20, 0)),
        ("RGBa", (40, 20, 0, 51), (40, 20, 0)),
        ("HSV", (0, 255, 255), RED),
        ("I", 200, (200, 200, 200)),
        ("I", 65535, (255, 255, 255)),
        ("I", -5, (0, 0, 0)),
        ("F", 99.6, (100, 100, 100)),
        ("F", float("nan"), (0, 0, 0)),
    ],
)
def test_modes(mode, value, expected):
    assert pixels(open_image(Image.new(mode, (2, 3), value))) == [[list(expected)] * 2] * 3


@pytest.mark.parametrize(("format", "mode"), [("JPEG", "CMYK"), ("JPEG", "L"), ("TIFF", "CMYK"), ("WEBP", "RGBA")])
def test_modes_in_files(format, mode):
    image = open_image(encoded(Image.new(mode, (16, 16)), format))
    assert (image.mode, image.size) == ("RGB", (16, 16))


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_also_where_it_is_dark(format):
    for values in ([0, 257, 25700, 65535], [0, 100, 200, 255]):
        image = Image.fromarray(np.array([values], dtype=np.uint16))
        got = [value for value, _, _ in pixels(open_image(encoded(image, format)))[0]]
        assert got == [round(value / 257) for value in values]


def test_palettes():
    palette = Image.new("P", (2, 1))
    palette.putpalette([*RED, *BLUE])
    palette.putpixel((1, 0), 1)
    assert pixels(open_image(encoded(palette))) == [[list(RED), list(BLUE)]]
    for transparency in (1, b"\xff\x00"):  # one transparent entry, or an alpha for each entry
        assert pixels(open_image(encoded(palette, transparency=transparency))) == [[list(RED), [0, 0, 0]]]


@pytest.mark.parametrize(("mode", "colour"), [("RGB", (255, 0, 0)), ("L", 76)])
def test_a_transparent_colour_becomes_black(mode, colour):
    image = Image.new(mode, (2, 1), colour)
    image.putpixel((1, 0), (1, 2, 3) if mode == "RGB" else 5)
    first, second = pixels(open_image(encoded(image, transparency=colour)))[0]
    assert first == [0, 0, 0]
    assert second == ([1, 2, 3] if mode == "RGB" else [5, 5, 5])


def test_every_exif_orientation_is_turned_upright():
    turns = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,  # stored turned to the left; shown turned to the right
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    for orientation, turn in turns.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = corners() if turn is None else corners().transpose(turn)
        assert pixels(open_image(encoded(stored, exif=exif))) == pixels(corners()), orientation


def test_a_box_counts_on_the_upright_image():
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(corners().transpose(Image.Transpose.ROTATE_90), exif=exif)
    assert pixels(open_image(content, (2, 0, 1, 1))) == [[list(GREEN)]]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 3, 2), (0, 0, 3, 2)),
        ((1, 0, 2, 1), (1, 0, 3, 1)),
        ((0.4, 0.6, 2.2, 1.2), (0, 1, 3, 2)),
        ((-5, -5, 6, 6), (0, 0, 1, 1)),
        ((2, 1, 100, 100), (2, 1, 3, 2)),
    ],
)
def test_boxes_are_rounded_and_cut_at_the_edge(box, expected):
    assert pixels(open_image(corners(), box)) == pixels(corners().crop(expected))


@pytest.mark.parametrize("box", [(3, 0, 1, 1), (0, 2, 1, 1), (-2, 0, 2, 1), (0, 0, 0, 1), (1, 1, -1, 1)])
def test_a_box_without_pixels(box, tmp_path: Path):
    path = tmp_path / "a.png"
    corners().save(path)
    with pytest.raises(DataError, match=r"is empty or lies outside the image .*a\.png of 3x2 pixels"):
        open_image(path, box)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_box_that_is_not_finite(value):
    for place in range(4):
        box = [0.0, 0.0, 1.0, 1.0]
        box[place] = value
        with pytest.raises(DataError, match="is not finite"):
            open_image(corners(), tuple(box))


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4)])
def test_arrays(shape):
    values = np.full(shape, 60, dtype=np.uint8)
    if shape[2:] == (4,):
        values[..., 3] = 255
    assert pixels(open_image(values)) == [[[60, 60, 60]] * 5] * 4


def test_arrays_need_not_be_contiguous():
    values = np.asarray(corners())[::-1, ::-1]
    assert pixels(open_image(values)) == pixels(corners().transpose(Image.Transpose.ROTATE_180))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(4, np.uint8), r"expected a uint8 array .* got uint8 \(4,\)"),
        (np.zeros((4, 4, 2), np.uint8), r"got uint8 \(4, 4, 2\)"),
        (np.zeros((3, 4, 5), np.uint8), r"got uint8 \(3, 4, 5\)"),
        (np.zeros((1, 4, 4, 3), np.uint8), r"got uint8 \(1, 4, 4, 3\)"),
        (np.zeros((4, 4, 3)), r"got float64 \(4, 4, 3\)"),
        (np.zeros((4, 4), bool), "got bool"),
        (np.zeros((0, 4, 3), np.uint8), r"has no pixels \(4x0\)"),
        (np.zeros((4, 0), np.uint8), r"has no pixels \(0x4\)"),
    ],
    ids=str,
)
def test_arrays_that_are_no_images(array, message):
    with pytest.raises(DataError, match=f"the image given as ndarray: .*{message}"):
        open_image(array)


def test_an_image_without_pixels():
    with pytest.raises(DataError, match="no pixels"):
        open_image(Image.new("RGB", (0, 3)))


@pytest.mark.filterwarnings("ignore:.*EXIF data:UserWarning")
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
def test_truncated_files(format, tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(noise), format)
    path = tmp_path / "cut.img"
    for length in (0, 1, 10, len(content) // 4, len(content) // 2):
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"cannot read the image .*cut\.img: .*; replace it or remove its row"):
            open_image(path)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "TGA"])
def test_damaged_files_are_an_image_or_a_data_error(format):
    noise = np.random.default_rng(0).integers(0, 256, (20, 14, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    content = np.frombuffer(encoded(Image.fromarray(noise), format, exif=exif), dtype=np.uint8)
    errors = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        damaged = content.copy()
        places = rng.integers(0, min(len(content), 40 << seed % 5), size=1 + seed % 8)
        damaged[places] = rng.integers(0, 256, size=len(places))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                assert open_image(damaged.tobytes()).mode == "RGB"
            except DataError:
                errors += 1
    assert errors


@pytest.mark.parametrize("error", [TypeError, RuntimeError, KeyError, IndexError, EOFError, ZeroDivisionError])
def test_whatever_a_decoder_raises_is_a_data_error(error, monkeypatch):
    def broken(*_: object) -> None:
        raise error("odd")

    monkeypatch.setattr(Image, "open", broken)
    with pytest.raises(DataError, match=r"cannot read the image x\.png: .*odd"):
        open_image("x.png")


@pytest.mark.parametrize("content", [b"<html>not found</html>", b"\xff\xd8\xff\xe0" + bytes(50)])
def test_bytes_that_are_no_image(content):
    with pytest.raises(DataError, match="cannot read the image given as bytes") as caught:
        open_image(content)
    assert "row" not in str(caught.value)


def test_paths_that_lead_to_no_file(tmp_path: Path):
    with pytest.raises(DataError, match=r"image not found: .*nothing\.png"):
        open_image(tmp_path / "nothing.png")
    with pytest.raises(DataError, match="cannot read the image"):
        open_image(tmp_path)
    with pytest.raises(DataError, match="null byte"):
        open_image("a\0b.png")


@pytest.mark.parametrize("source", [None, 3, [1, 2], bytearray(b"x")])
def test_something_else_is_a_type_error(source):
    with pytest.raises(TypeError, match=f"not a {type(source).__name__}"):
        open_image(source)


@pytest.mark.parametrize("format", ["TIFF", "GIF", "WEBP"])
def test_of_several_frames_the_first_is_read_and_the_file_closed(format, tmp_path: Path):
    path = tmp_path / "frames.img"
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("white", "black")]
    frames[0].save(path, format, save_all=True, append_images=frames[1:])
    opened = []
    original = Image.open

    def remember(source: object) -> Image.Image:
        opened.append(original(source))
        return opened[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Image, "open", remember)
        image = open_image(path)
    assert np.asarray(image).min() > 250
    (file,) = opened
    assert getattr(file, "fp", None) is None or file.fp.closed


def test_the_source_stays_as_it_is():
    source = Image.new("RGBA", (2, 2), (9, 9, 9, 0))
    open_image(source)
    assert (source.mode, source.getpixel((0, 0))) == ("RGBA", (9, 9, 9, 0))
    plain = corners()
    open_image(plain).putpixel((0, 0), (1, 1, 1))
    assert plain.getpixel((0, 0)) == RED
