from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import Settings
from envtasks.config import Project
from envtasks.envfiles import read_env_file
from envtasks.hydration import hydrate

ROOT = Path(__file__).parents[2]
SECRETS = {
    "APP_SESSION_SECRET",
    "DB_PASSWORD",
    "CACHE_PASSWORD",
    "AUTH_JWT_SECRET",
    "UV_INDEX_INTERNAL_PASSWORD",
}
ENVIRONMENTS = ["local", "staging", "production"]


def written(name: str) -> dict[str, str]:
    entries = read_env_file(ROOT / name).entries
    return {entry.name: entry.raw for entry in entries if not entry.name.startswith("DOTENV_PUBLIC_KEY")}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_secrets_are_encrypted(name: str) -> None:
    """The five secrets of each environment, and nothing else, are encrypted in its env file."""
    values = written(f".env.{name}")
    assert {key for key, value in values.items() if value.startswith("encrypted:")} == SECRETS


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_example_names_everything(name: str) -> None:
    """.env.example has every variable of every environment and of the settings class, in clear."""
    example = written(".env.example")
    fields = {field.upper() for field in Settings.model_fields}
    assert set(written(f".env.{name}")) | fields <= set(example)
    assert not [value for value in example.values() if "encrypted:" in value]


@pytest.mark.parametrize("name", ["local", "staging"])
def test_values_fit_the_settings_class(name: str) -> None:
    """What the tracked key opens makes valid settings of that environment, with obviously fake secrets."""
    environment = Project.load(ROOT).environment(name)
    values = hydrate(environment._replace(files=environment.baselines), {})  # a developer's .env is hers
    settings = Settings.model_validate({key.lower(): value for key, value in values.items() if value})
    assert settings.app_env == name
    assert [key for key in SECRETS if not values[key].startswith(f"{name}-not-a-secret-")] == []


def test_keys_in_the_repository_are_marked() -> None:
    """The keys in the repository say that they are throwaway keys, and production's is not among them."""
    for name in ("local", "staging"):
        assert (
            (ROOT / f".env.{name}.keys")
            .read_text(encoding="utf-8")
            .startswith("# A throwaway key for the fake values")
        )
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert [line for line in ignored if line.startswith("!") and "keys" in line] == [
        "!.env.local.keys",
        "!.env.staging.keys",
    ]
