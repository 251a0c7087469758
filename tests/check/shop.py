"""A project whose parts agree: settings class, env files, git, example, compose, Dockerfile, cluster, pipeline."""

from __future__ import annotations

import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from envtasks.envfiles import encrypt, generate_keys

FILES = {
    "pyproject.toml": """
        [project]
        name = "shop"
        version = "1"

        [tool.envtasks]
        settings = "shop.settings:Settings"

        [tool.envtasks.environments]
        local = { files = [".env", ".env.local"] }
        staging = { files = [".env.staging"] }
        production = { files = [".env.production"], protected = true }

        [tool.envtasks.deploy]
        app = "shop"

        [tool.envtasks.deploy.environments.staging]
        server = "https://staging.example.com:6443"
        namespace = "staging"

        [tool.envtasks.deploy.environments.production]
        server = "https://production.example.com:6443"
        namespace = "production"

        [tool.envtasks.check]
        ignore = []
        """,
    "src/shop/__init__.py": "",
    "src/shop/settings.py": """
        from typing import Literal

        from pydantic import BaseModel, Field, SecretStr, field_validator
        from pydantic_settings import BaseSettings, SettingsConfigDict


        class Mail(BaseModel):
            host: str
            port: int = 25


        class Settings(BaseSettings):
            model_config = SettingsConfigDict(env_nested_delimiter="__", extra="ignore")

            app_env: str = "local"
            log_level: Literal["debug", "info"] = "info"
            port: int = Field(default=8000, description="where the service listens")
            db_host: str
            db_password: SecretStr
            api_token: SecretStr
            workers: int = Field(validation_alias="SHOP_WORKERS")
            tags: list[str] = []
            mail: Mail

            @field_validator("log_level", mode="before")
            @classmethod
            def _lower(cls, value: object) -> object:
                return str(value).lower()
        """,
    ".env.example": """
        APP_ENV=local
        LOG_LEVEL=info
        PORT=8000
        DB_HOST=localhost
        DB_PASSWORD=changeme
        API_TOKEN=<from the wiki>
        SHOP_WORKERS=2
        TAGS=["a"]
        MAIL__HOST=localhost
        SENTRY_ENVIRONMENT=local
        """,
    ".gitignore": """
        .env
        .env.keys
        """,
    ".dockerignore": """
        .git
        .env*
        """,
    "Dockerfile": """
        FROM python:3.12 AS builder
        ARG UV_INDEX_CORP_PASSWORD
        RUN --mount=type=secret,id=API_TOKEN,env=API_TOKEN,required=true pip install shop

        FROM python:3.12
        ENV APP_ENV=production \\
            PYTHONUNBUFFERED=1
        COPY --from=builder /opt /opt
        COPY . /srv
        """,
    "compose.yaml": """
        services:
          web:
            image: shop
            environment:
              DB_HOST: ${DB_HOST}
              DB_PASSWORD: ${DB_PASSWORD:?}
              LOG_LEVEL:
          db:
            image: postgres
            environment:
              - POSTGRES_PASSWORD=${DB_PASSWORD}
        """,
    "deploy/env.allowlist": """
        DB_*
        API_TOKEN  secret
        SHOP_WORKERS
        LOG_LEVEL  optional
        """,
    "deploy/app.yaml": """
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: shop
        spec:
          template:
            spec:
              containers:
                - name: shop
                  image: shop
                  env:
                    - name: API_TOKEN
                      valueFrom:
                        secretKeyRef: {name: shop-env, key: API_TOKEN}
        """,
    ".github/workflows/ci.yml": """
        on: [push]
        jobs:
          test:
            runs-on: ubuntu-latest
            steps:
              - run: inv env.check
              - run: inv env.show --env staging
                env:
                  DOTENV_PRIVATE_KEY_STAGING: ${{ secrets.DOTENV_PRIVATE_KEY_STAGING }}
        """,
}  # fmt: skip
PLAIN = """
APP_ENV={name}
LOG_LEVEL=INFO
PORT=8000
DB_HOST=db.{name}.example.com
SHOP_WORKERS=2
TAGS='["a", "b"]'
MAIL__HOST=mail.example.com
SENTRY_ENVIRONMENT={name}
"""


class Shop:
    """The project in a folder, committed in git, with the keys of its environments in .env.keys."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.public: dict[str, str] = {}
        for name, text in FILES.items():
            self.write(name, textwrap.dedent(text).lstrip("\n"))
        self.write(".env", "LOG_LEVEL=debug\n")
        keys = ""
        for name in ("local", "staging", "production"):
            private, self.public[name] = generate_keys()
            keys += f"DOTENV_PRIVATE_KEY_{name.upper()}={private}\n"
            header = f'DOTENV_PUBLIC_KEY_{name.upper()}="{self.public[name]}"\n'
            secrets = f"DB_PASSWORD='{self.encrypted(f'{name}-Pa$$w0rd-1', name)}'\n"
            secrets += f"API_TOKEN='{self.encrypted(f'{name}-t0ken-5566', name)}'\n"
            self.write(f".env.{name}", header + PLAIN.format(name=name).lstrip("\n") + secrets)
        self.write(".env.keys", keys)
        self.git("init", "-q")
        self.git("add", "--all")

    def encrypted(self, value: str, environment: str) -> str:
        """A value encrypted for an environment."""
        return encrypt(value, self.public[environment])

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")

    def text(self, name: str) -> str:
        """The text of a file."""
        return (self.root / name).read_text(encoding="utf-8")

    def append(self, name: str, text: str) -> None:
        """Add text to the end of a file."""
        self.write(name, (self.text(name) if (self.root / name).exists() else "") + text)

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace text that a file has once."""
        assert self.text(name).count(old) == 1, f"{old!r} in {name}"
        self.write(name, self.text(name).replace(old, new))

    def set_secret(self, file: str, name: str, value: str) -> None:
        """Give a variable a value in single quotes, in its line."""
        lines = [
            f"{name}='{value}'" if line.startswith(f"{name}=") else line
            for line in self.text(file).splitlines()
        ]
        self.write(file, "\n".join(lines) + "\n")

    def line(self, name: str, text: str) -> int:
        """The line of a file that has this text."""
        return next(n for n, line in enumerate(self.text(name).splitlines(), 1) if text in line)

    def git(self, *words: str) -> None:
        """Run git in the project; skip the test where it is not installed."""
        if shutil.which("git") is None:
            pytest.skip("git is not installed")
        subprocess.run(["git", *words], cwd=self.root, check=True, capture_output=True)
