"""Pipelines of CI platforms: rendered from a project's sessions, images and clusters, and checked against them."""

from .check import Finding, check_pipelines, pipeline_lines
from .doctor import Check, check_job
from .files import PipelineFile, render_files, write_file

__all__ = [
    "Check",
    "Finding",
    "PipelineFile",
    "check_job",
    "check_pipelines",
    "pipeline_lines",
    "render_files",
    "write_file",
]
