"""One spelling for each image path, so that `a.jpg`, `./a.jpg` and `x/../a.jpg` are seen to be one image."""

import pyarrow as pa
import pyarrow.compute as pc

from resight.data.image_files import INSIDE_MARK

ABSOLUTE = r"^(/|\\|[A-Za-z]:[/\\])"
_ODD = r"//|(^|/)\.\.?/"
# A part that is not `..`, and the `..` after it; `.` and empty parts are gone by then.
_THERE_AND_BACK = r"(^|/)(?:[^/.][^/]*|\.[^/.][^/]*|\.\.[^/]+)/\.\./"


def plain_paths(paths: pa.ChunkedArray) -> pa.ChunkedArray:
    """The paths without the parts that lead nowhere: `./`, doubled slashes, and `x/../` (also if x is a link).

    Absolute paths and images in an LMDB or a tar stay as they are, and so does `../` at the front.

    Args:
        paths: (N,) large text; null stays null.
    """
    # Plain searches are several times as fast as the expression, and most manifests end here.
    suspect = pc.fill_null(pc.or_(pc.match_substring(paths, "./"), pc.match_substring(paths, "//")), False)
    if not pc.any(suspect).as_py():
        return paths
    untouched = pc.or_(pc.match_substring_regex(paths, ABSOLUTE), pc.match_substring_regex(paths, INSIDE_MARK))
    odd = pc.and_(suspect, pc.and_not(pc.match_substring_regex(paths, _ODD), untouched))
    odd = pc.fill_null(odd, False).combine_chunks()
    return pa.chunked_array([pc.replace_with_mask(paths.combine_chunks(), odd, _cleaned(paths.filter(odd)))])


def _cleaned(paths: pa.ChunkedArray) -> pa.Array:
    paths = pc.replace_substring_regex(paths, r"/{2,}", "/")
    paths = pc.replace_substring_regex(paths, r"(^|/)(?:\./)+", r"\1")
    while pc.any(pc.match_substring_regex(paths, _THERE_AND_BACK)).as_py():
        paths = pc.replace_substring_regex(paths, _THERE_AND_BACK, r"\1")
    return paths.combine_chunks()
