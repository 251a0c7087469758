"""Pipelines of CI platforms, rendered from a project's sessions, images and clusters, and checked against them."""
