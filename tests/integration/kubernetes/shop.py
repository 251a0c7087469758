"""A project called shop, deployed to a stand-in cluster by the real kubectl."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from envtasks import kubernetes
from envtasks.config import Project
from envtasks.hydration import hydrate
from envtasks.kubernetes import Difference, Inputs, rollout
from tests.fakekube import FakeCluster
from tests.projects import Sandbox

PASSWORD = "hunter2-marked"
PYPROJECT = """\
[project]
name = "shop"
version = "1"

[tool.envtasks.deploy.environments.staging]
context = "staging"
server = "{url}"
namespace = "shop-staging"

[tool.envtasks.deploy.environments.production]
context = "production"
server = "{url}"
namespace = "shop"
"""
ALLOWLIST = "APP_ENV\nDB_*\n"
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
        - name: shop
          image: registry.example.com/shop:file
          envFrom: [{secretRef: {name: shop-env}}, {configMapRef: {name: shop-config}}]
        - name: proxy
          image: registry.example.com/proxy:1
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{port: 80}]}
"""
SECRET, CONFIG, DEPLOYMENT = "secret/shop-env", "configmap/shop-config", "deployment/shop"


def kubectls() -> list[str]:
    """Every kubectl of this machine: the one of this virtual environment, and the first on PATH."""
    beside = shutil.which("kubectl", path=str(Path(sys.executable).parent))
    return [path for path in dict.fromkeys((beside, shutil.which("kubectl"))) if path]


@dataclass(slots=True)
class Shop:
    """The project, its cluster, and the shortest ways to do something to both."""

    sandbox: Sandbox
    cluster: FakeCluster
    program: str
    printed: list[str] = field(default_factory=list)
    kubeconfig: str = ""

    def __post_init__(self) -> None:
        for namespace in ("shop-staging", "shop"):
            self.cluster.add_namespace(namespace)
        path = self.cluster.kubeconfig(self.sandbox.root / "kubeconfig", contexts=["staging", "production"])
        self.kubeconfig = str(path)
        self.sandbox.write("pyproject.toml", PYPROJECT.format(url=self.cluster.url))
        self.sandbox.write("deploy/env.allowlist", ALLOWLIST)
        self.sandbox.write("deploy/app.yaml", MANIFEST)
        self.sandbox.write(".env.production", "DB_HOST=db.production.example.com\n")
        self.values("DB_HOST=db.example.com\n", DB_PASSWORD=PASSWORD)

    @property
    def env(self) -> dict[str, str]:
        """The process environment of everything here, the kubectl under test first on PATH."""
        path = os.pathsep.join([str(Path(self.program).parent), self.sandbox.env["PATH"]])
        return {**self.sandbox.env, "PATH": path, "KUBECONFIG": self.kubeconfig}

    def values(self, plain: str, environment: str = "staging", **secrets: str) -> None:
        """Write the env file of an environment anew."""
        (self.sandbox.root / ".env.keys").unlink(missing_ok=True)
        self.sandbox.environment(environment, plain, **secrets)

    def inputs(self) -> Inputs:
        """What staging has for the cluster."""
        project = Project.load(self.sandbox.root)
        return kubernetes.read_inputs(project, hydrate(project.environment("staging"), self.env))

    def apply(self, **options: Any) -> list[str]:
        """Apply staging as `deploy.apply` does. Returns the lines that were printed."""
        self.printed.clear()
        echo, chosen = self.printed.append, kubernetes.Options(**options)
        prepared, _ = kubernetes.prepare_apply(self.inputs(), chosen, echo=echo)
        kubernetes.run_apply(prepared)
        return list(self.printed)

    def diff(self) -> tuple[Difference, ...]:
        """How the cluster differs."""
        return kubernetes.diff(self.inputs()).differences

    def kubectl(self, *args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl by hand, in the namespace of staging."""
        return subprocess.run(
            [self.program, "--context=staging", "--namespace=shop-staging", *args],
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """An object of staging as it is stored."""
        return self.cluster.get(kind, name, "shop-staging")

    def secret(self) -> dict[str, str]:
        """The Secret's values, decoded."""
        data = self.get("Secret", "shop-env")["data"]
        return {name: base64.b64decode(value).decode() for name, value in data.items()}

    def config(self) -> dict[str, str]:
        """The ConfigMap's values."""
        return dict(self.get("ConfigMap", "shop-config")["data"])

    def started_for(self) -> str | None:
        """The digest that the pods were started for."""
        return rollout.content_of(self.get("Deployment", "shop"))

    def digest(self) -> str:
        """The digest of what the cluster holds."""
        secret, config = self.get("Secret", "shop-env"), self.get("ConfigMap", "shop-config")
        key = rollout.key_of(secret)
        assert key is not None
        return rollout.digest(key, rollout.values_of(secret, config))

    def generation(self) -> int:
        """How often the Deployment's spec changed: each change is a rollout."""
        return int(self.get("Deployment", "shop")["metadata"]["generation"])

    def images(self) -> list[str]:
        """The images of the Deployment's containers."""
        containers = self.get("Deployment", "shop")["spec"]["template"]["spec"]["containers"]
        return [each["image"] for each in containers]
