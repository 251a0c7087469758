"""The image of an environment, by docker: built, audited, pushed and run.

Submodules with a public use of their own: `docker.client` (how docker is called), `docker.progress` (run a build),
`docker.credentials` and `docker.steering` (which variables need care).
"""

from .build import BuildOptions, BuiltImage
from .images import (
    PushedImage,
    audit_command,
    audit_image,
    build_image,
    docker_env,
    push_image,
    run_command,
)
from .settings import ImageSettings, image_settings

__all__ = [
    "BuildOptions",
    "BuiltImage",
    "ImageSettings",
    "PushedImage",
    "audit_command",
    "audit_image",
    "build_image",
    "docker_env",
    "image_settings",
    "push_image",
    "run_command",
]
