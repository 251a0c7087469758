"""Pipelines of CI platforms: rendered from a project's sessions, images and clusters, and checked against them."""

from .check import Finding, check_pipelines, pipeline_lines
from .dependencies import Installation, read_installation
from .doctor import Check, check_job
from .files import PipelineFile, render_files, write_file

__all__ = [
    "Check",
    "Finding",
    "Installation",
    "PipelineFile",
    "check_job",
    "check_pipelines",
    "pipeline_lines",
    "read_installation",
    "render_files",
    "write_file",
]
