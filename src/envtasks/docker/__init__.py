"""The image of an environment, by docker: built, audited, pushed and run.

Submodules with a public use of their own: `docker.client` (how docker is called) and `docker.progress` (run a build).
"""

from .build import BuildOptions, BuiltImage
from .images import PushedImage, audit_image, build_image, push_image, run_command
from .settings import ImageSettings, image_settings

__all__ = [
    "BuildOptions",
    "BuiltImage",
    "ImageSettings",
    "PushedImage",
    "audit_image",
    "build_image",
    "image_settings",
    "push_image",
    "run_command",
]
