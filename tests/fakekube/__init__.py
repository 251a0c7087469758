"""A Kubernetes API server for tests, in memory: a real kubectl talks to it over HTTP and cannot tell the difference.

It serves discovery, get, list, watch, create, replace, delete and patch (JSON, merge, strategic merge, server-side apply),
dry runs, field ownership down to every leaf, and rollouts that end. Objects are checked against the strict JSON schemas of
a real release (kubernetes-validate). It runs no pods and has no authentication or admission.
"""

from .server import FakeCluster, serve
from .store import Fail

__all__ = ["Fail", "FakeCluster", "serve"]
