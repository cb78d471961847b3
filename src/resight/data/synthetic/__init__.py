"""Rendered people seen by cameras with a style of their own: data for the demo, the tests and quick experiments."""

from resight.data.synthetic.camera import Camera, sample_cameras
from resight.data.synthetic.dataset import write_market1501_layout
from resight.data.synthetic.junk import JUNK_KINDS, JunkKind, render_junk
from resight.data.synthetic.person import Person, sample_person
from resight.data.synthetic.pool import write_pool
from resight.data.synthetic.render import render_crop

__all__ = [
    "JUNK_KINDS",
    "Camera",
    "JunkKind",
    "Person",
    "render_crop",
    "render_junk",
    "sample_cameras",
    "sample_person",
    "write_market1501_layout",
    "write_pool",
]
