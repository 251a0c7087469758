"""Kinds of projects as they are found: the files of each, as their generators or authors write them."""

from __future__ import annotations

from typing import Final

_TEST: Final = """\
    def test_sum():
        assert 1 + 1 == 2
    """

UV_APP: Final = {
    "pyproject.toml": """\
        [project]
        name = "shop"
        version = "0.1.0"
        requires-python = ">=3.11"
        dependencies = []

        [tool.uv]
        package = false
        """,
    "main.py": """\
        def main():
            print("Hello from shop!")


        if __name__ == "__main__":
            main()
        """,
    ".gitignore": ".venv",
    ".python-version": "3.11\n",
    "README.md": "",
}

UV_PACKAGE: Final = {
    "pyproject.toml": """\
        [project]
        name = "shop"
        version = "0.1.0"
        requires-python = ">=3.11"
        dependencies = []

        [project.scripts]
        shop = "shop:main"

        [build-system]
        requires = ["uv_build>=0.9"]
        build-backend = "uv_build"
        """,
    "src/shop/__init__.py": """\
        def main() -> None:
            print("Hello from shop!")
        """,
    ".gitignore": ".venv",
    "README.md": "",
}

POETRY: Final = {
    "pyproject.toml": """\
        [project]
        name = "shop"
        version = "0.1.0"
        requires-python = ">=3.11"
        dependencies = [
        ]

        [tool.poetry]
        packages = [{include = "shop", from = "src"}]

        [build-system]
        requires = ["poetry-core>=2.0.0,<3.0.0"]
        build-backend = "poetry.core.masonry.api"
        """,
    "src/shop/__init__.py": "",
    "src/shop/__main__.py": "print('Hello from shop!')\n",
    "tests/__init__.py": "",
    "tests/test_shop.py": _TEST,
    "README.md": "",
}

PDM: Final = {
    "pyproject.toml": """\
        [project]
        name = "shop"
        version = "0.1.0"
        dependencies = []
        requires-python = ">=3.11"

        [tool.pdm]
        distribution = false
        """,
    "main.py": "print('Hello from shop!')\n",
    ".gitignore": "__pycache__/\n.pdm-python\n",
}

FASTAPI: Final = {
    "pyproject.toml": """\
        [project]
        name = "shop"
        version = "0.1.0"
        requires-python = ">=3.11"
        dependencies = ["fastapi", "uvicorn"]
        """,
    "main.py": """\
        import os

        from fastapi import FastAPI

        app = FastAPI(title=os.environ["SHOP_TITLE"])
        TOKEN = os.environ["SHOP_API_TOKEN"]


        @app.get("/")
        def index():
            return {"debug": os.getenv("SHOP_DEBUG", "false")}
        """,
    "test_main.py": """\
        from main import TOKEN, app


        def test_title():
            assert app.title == "changeme"
            assert TOKEN == "changeme"
        """,
}

FLASK: Final = {
    "requirements.txt": "flask\npython-dotenv\n",
    ".flaskenv": "FLASK_APP=store.py\nFLASK_DEBUG=1\n",
    "store.py": """\
        import os

        from flask import Flask

        app = Flask(__name__)
        app.secret_key = os.environ.get("SECRET_KEY", "dev")


        @app.get("/")
        def index():
            return "hello"


        @app.cli.command("debugging")
        def debugging():
            print("debug", app.debug)
        """,
    "tests/test_store.py": """\
        import os


        def test_the_app():
            assert os.environ["FLASK_APP"] == "store.py"
        """,
    ".gitignore": "venv/\n",
}

DJANGO_ENVS: Final = {  # the layout of cookiecutter-django
    "pyproject.toml": """\
        [tool.pytest.ini_options]
        DJANGO_SETTINGS_MODULE = "config.settings"
        """,
    "requirements/base.txt": "django\ndjango-environ\n",
    "requirements/local.txt": "-r base.txt\npytest\npytest-django\n",
    "requirements/production.txt": "-r base.txt\n",
    ".envs/.local/.django": """\
        # General
        USE_DOCKER=yes
        DJANGO_SECRET_KEY=Dh4qsbMLSYx7SHUjrTc0rfVHVl0DWcq2
        DJANGO_DEBUG=true
        """,
    ".envs/.local/.postgres": """\
        # PostgreSQL
        POSTGRES_HOST=localhost
        POSTGRES_PORT=5432
        POSTGRES_USER=debug
        POSTGRES_PASSWORD=O5lvnFvNwOlUlXTGnUNo
        """,
    "manage.py": """\
        import os
        import sys

        if __name__ == "__main__":
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
            from django.core.management import execute_from_command_line

            execute_from_command_line(sys.argv)
        """,
    "config/__init__.py": "",
    "config/settings.py": """\
        import environ

        env = environ.Env()
        SECRET_KEY = env("DJANGO_SECRET_KEY")
        DEBUG = env.bool("DJANGO_DEBUG", False)
        INSTALLED_APPS = []
        DATABASES = {}
        USE_TZ = True
        """,
    "tests/test_settings.py": """\
        from django.conf import settings


        def test_secret():
            assert settings.SECRET_KEY.startswith("Dh4q")
        """,
    "compose/local/django/Dockerfile": "FROM python:3.12-slim\nCOPY . /app\n",
    "docker-compose.local.yml": """\
        services:
          django:
            build:
              context: .
              dockerfile: ./compose/local/django/Dockerfile
            env_file:
              - ./.envs/.local/.django
              - ./.envs/.local/.postgres
          postgres:
            image: postgres:17
            env_file:
              - ./.envs/.local/.postgres
        """,
    ".gitignore": ".env\n.envs/*\n!.envs/.local/\n.venv\n",
}

REQUIREMENTS: Final = {
    "requirements.txt": "requests\n",
    "app.py": """\
        import os

        print("shop", os.environ.get("SHOP_MODE", "demo"))
        """,
    "test_app.py": """\
        import unittest


        class AppTest(unittest.TestCase):
            def test_sum(self):
                self.assertEqual(1 + 1, 2)
        """,
}

MONOREPO: Final = {
    "README.md": "two services\n",
    ".gitignore": ".env\n.env.*\n!.env.example\n",
    "api/pyproject.toml": """\
        [project]
        name = "api"
        version = "0.1.0"
        requires-python = ">=3.11"
        dependencies = []
        """,
    "api/main.py": 'import os\n\nprint("api", os.environ["API_PORT"])\n',
    "api/.env.example": "API_PORT=8001\nAPI_TOKEN=changeme\n",
    "api/tests/test_api.py": _TEST,
    "worker/pyproject.toml": """\
        [project]
        name = "worker"
        version = "0.1.0"
        requires-python = ">=3.11"
        dependencies = []
        """,
    "worker/main.py": 'print("worker")\n',
    "worker/tests/test_worker.py": _TEST,
}

GROWN: Final = {  # Makefile, plain .env in git, Dockerfile, compose with env_file, a workflow
    "pyproject.toml": """\
        [project]
        name = "shop"
        version = "0.1.0"
        requires-python = ">=3.11"
        dependencies = ["python-dotenv", "pydantic-settings"]

        [tool.pytest.ini_options]
        testpaths = ["tests"]
        """,
    "shop/__init__.py": "",
    "shop/__main__.py": """\
        from shop.settings import Settings

        settings = Settings()
        print("shop on", settings.db_host, len(settings.db_password.get_secret_value()))
        """,
    "shop/settings.py": """\
        from dotenv import load_dotenv
        from pydantic import SecretStr
        from pydantic_settings import BaseSettings, SettingsConfigDict

        load_dotenv()


        class Settings(BaseSettings):
            model_config = SettingsConfigDict(env_file=".env", extra="ignore")

            db_host: str
            db_port: int = 5432
            db_password: SecretStr
            stripe_key: SecretStr
        """,
    "tests/test_shop.py": """\
        from shop.settings import Settings


        def test_settings():
            assert Settings().db_password.get_secret_value() == "s3cr3t-of-the-shop"
        """,
    ".env": """\
        # the database
        DB_HOST=localhost
        DB_PORT=5432
        DB_PASSWORD=s3cr3t-of-the-shop

        STRIPE_KEY=rk_live_51Hb2fKJd82hDj4nQpLs  # of the account
        """,
    "Makefile": """\
        include .env
        export

        run:
        \tpython -m shop

        test:
        \tpytest
        """,
    "Dockerfile": """\
        FROM python:3.12-slim
        WORKDIR /srv
        COPY . .
        CMD ["python", "-m", "shop"]
        """,
    "docker-compose.yml": """\
        services:
          web:
            build: .
            env_file: .env
            ports:
              - "8000:8000"
          db:
            image: postgres:17
            environment:
              POSTGRES_PASSWORD: s3cr3t-of-the-shop
        """,
    ".github/workflows/test.yml": """\
        name: test
        on: [push]
        jobs:
          test:
            runs-on: ubuntu-latest
            steps:
              - uses: actions/checkout@v4
              - run: cp .env.example .env
              - run: pytest
        """,
    ".pre-commit-config.yaml": """\
        repos:
          - repo: https://github.com/astral-sh/ruff-pre-commit
            rev: v0.17.6
            hooks:
              - id: ruff
        """,
    ".gitignore": "__pycache__/\n",
}
