"""The edges: where hydrated values are handed on, to images, stacks, clusters and pipelines."""
