"""`[tool.envtasks.docker]`: defaults and errors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from envtasks.config import Project
from envtasks.docker.settings import ImageSettings, image_settings
from envtasks.errors import ConfigInvalid


def project(root: Path, table: Mapping[str, object] | None = None, name: str = "shop") -> Project:
    """A project with this docker table."""
    return Project(root=root, name=name, environments={}, tables={"docker": table or {}})


def test_everything_has_a_default(tmp_path: Path) -> None:
    """Without a table: docker/Dockerfile, the project's folder as context, `<project>:<environment>`."""
    settings = image_settings(project(tmp_path, name="My_Shop.API"))

    assert settings == ImageSettings(
        root=tmp_path,
        file=tmp_path / "docker/Dockerfile",
        context=tmp_path / ".",
        image="my-shop-api",
        target=None,
        platforms=(),
        registry=None,
        network=None,
        add_hosts={},
    )
    assert (settings.label, settings.reference("staging")) == ("docker/Dockerfile", "my-shop-api:staging")


def test_a_dockerfile_beside_pyproject_is_found(tmp_path: Path) -> None:
    """A project whose only Dockerfile is in its root needs no setting; docker/Dockerfile comes first."""
    (tmp_path / "Dockerfile").touch()
    alone = image_settings(project(tmp_path)).label
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker/Dockerfile").touch()

    assert (alone, image_settings(project(tmp_path)).label) == ("Dockerfile", "docker/Dockerfile")


def test_every_key_is_read(tmp_path: Path) -> None:
    """Each key of the table ends up in the settings, and the registry stands before the image."""
    settings = image_settings(
        project(
            tmp_path,
            {
                "file": "build/Containerfile",
                "context": "service",
                "image": "team/app",
                "target": "runtime",
                "platforms": ["linux/amd64", "linux/arm64"],
                "registry": "registry.example.com:5000/group",
                "network": "host",
                "add-hosts": {"index.example.com": "10.0.0.7"},
            },
        )
    )

    assert settings == ImageSettings(
        root=tmp_path,
        file=tmp_path / "build/Containerfile",
        context=tmp_path / "service",
        image="team/app",
        target="runtime",
        platforms=("linux/amd64", "linux/arm64"),
        registry="registry.example.com:5000/group",
        network="host",
        add_hosts={"index.example.com": "10.0.0.7"},
    )
    assert settings.reference("dev") == "registry.example.com:5000/group/team/app:dev"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"dockerfile": "x"}, "has no key 'dockerfile'"),
        ({"fiel": "x"}, "has no key 'fiel': did you mean file?"),
        ({"file": 3}, 'file must be a path such as "docker/Dockerfile".'),
        ({"file": ""}, 'file must be a path such as "docker/Dockerfile".'),
        ({"context": []}, 'context must be a path such as ".".'),
        ({"image": "App"}, 'image must be a lower-case image name such as "team/app".'),
        ({"image": "app:1"}, 'image must be a lower-case image name such as "team/app".'),
        ({"target": True}, 'target must be a stage such as "runtime".'),
        ({"platforms": "linux/amd64"}, 'platforms must be a list such as ["linux/amd64", "linux/arm64"].'),
        (
            {"registry": "https://registry.example.com"},
            'registry must be a host such as "registry.example.com", without https://.',
        ),
        ({"network": 1}, 'network must be "default", "none" or "host".'),
        ({"add-hosts": ["a"]}, 'add-hosts must be a table such as { "index.example.com" = "10.0.0.7" }.'),
        ({"add-hosts": {"a": 1}}, 'add-hosts must be a table such as { "index.example.com" = "10.0.0.7" }.'),
    ],
)
def test_an_error_names_the_table_the_key_and_what_is_expected(
    tmp_path: Path, table: Mapping[str, object], message: str
) -> None:
    """A wrong table is ConfigInvalid (2) in one sentence."""
    with pytest.raises(ConfigInvalid) as raised:
        image_settings(project(tmp_path, table))

    assert raised.value.message.startswith(f"pyproject.toml: [tool.envtasks.docker] {message}")


def test_a_folder_in_place_of_a_dockerfile_is_one_sentence(tmp_path: Path) -> None:
    """What cannot be read is ConfigInvalid with the file's name."""
    (tmp_path / "docker/Dockerfile").mkdir(parents=True)

    with pytest.raises(ConfigInvalid, match=r"^docker/Dockerfile cannot be read: "):
        image_settings(project(tmp_path, {"file": "docker/Dockerfile"})).dockerfile_text()
