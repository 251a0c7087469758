"""The image of an environment, by docker: built, audited, pushed and run.

Submodules with a public use of their own: `docker.client` (how docker is called), `docker.progress` (run a build),
`docker.credentials` and `docker.steering` (which variables need care).
"""

from .build import BuildOptions, BuiltImage
from .credentials import is_credential_name
from .dockerfile import secret_mounts
from .images import (
    PushedImage,
    audit_command,
    audit_image,
    build_image,
    docker_env,
    push_image,
    run_command,
)
from .instructions import Instruction, files_in_context, ignore_file, instructions
from .settings import ImageSettings, image_settings
from .stages import CopiedFiles, copied_files, kept_instructions

__all__ = [
    "BuildOptions",
    "BuiltImage",
    "CopiedFiles",
    "ImageSettings",
    "Instruction",
    "PushedImage",
    "audit_command",
    "audit_image",
    "build_image",
    "copied_files",
    "docker_env",
    "files_in_context",
    "ignore_file",
    "image_settings",
    "instructions",
    "is_credential_name",
    "kept_instructions",
    "push_image",
    "run_command",
    "secret_mounts",
]
