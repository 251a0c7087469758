"""Pipelines of CI platforms: rendered from a project's sessions, images and clusters, and checked against them."""

from .check import Finding, check_pipelines, pipeline_lines
from .dependencies import Installation, package_manager, read_installation
from .files import PipelineFile, render_files, write_file

__all__ = [
    "Finding",
    "Installation",
    "PipelineFile",
    "check_pipelines",
    "package_manager",
    "pipeline_lines",
    "read_installation",
    "render_files",
    "write_file",
]
