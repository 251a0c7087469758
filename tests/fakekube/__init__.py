"""A Kubernetes API server for tests, in memory: a real kubectl talks to it and cannot tell the difference.

It serves discovery, get, list, watch, create, replace, delete and patch (JSON, merge, strategic merge,
server-side apply), dry runs, field ownership down to every leaf, and rollouts that end. Objects are checked
against the JSON schemas of a real release (kubernetes-validate). It runs no pods, has no authentication and
no admission.
"""

from .server import DROP, LOSE, FakeCluster, Request, serve
from .store import Fail

__all__ = ["DROP", "LOSE", "Fail", "FakeCluster", "Request", "serve"]
