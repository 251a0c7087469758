"""The plan: which jobs a project has, what they run, where, and with which key; and `[tool.envtasks.ci]`."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from envtasks.ci import render_files
from envtasks.ci.plan import SYSTEMS, Job, Settings, key_variable, plan_pipeline, read_settings
from envtasks.config import Environment, Project
from envtasks.envfiles import encrypt, generate_keys
from envtasks.errors import ConfigInvalid
from tests.ci.pipeline_projects import commit, loaded, shop
from tests.projects import Sandbox

STAGING, PRODUCTION = "DOTENV_PRIVATE_KEY_STAGING", "DOTENV_PRIVATE_KEY_PRODUCTION"


def jobs(sandbox: Sandbox) -> dict[str, Job]:
    """The jobs by name."""
    return {job.name: job for job in plan_pipeline(loaded(sandbox), sandbox.env).jobs}


def test_sessions_images_and_deployments_become_jobs(sandbox: Sandbox) -> None:
    """A project's default sessions, its image and its clusters each give a job with only its own environment's key."""
    assert jobs(shop(sandbox)) == {
        "unit": Job(
            "unit",
            "session",
            ("uv run inv ci.doctor --env local", "uv run nox -s unit"),
            environment="local",
            all_systems=True,
        ),
        "integration": Job(
            "integration",
            "session",
            ("uv run inv ci.doctor --env staging", 'uv run nox -s "{session}"'),
            environment="staging",
            key=STAGING,
            variants=("integration(database='postgresql')", "integration(database='sqlite')"),
        ),
        "lint": Job("lint", "session", ("uv run nox -s lint",)),
        "image-staging": Job(
            "image-staging",
            "image",
            ("uv run inv ci.doctor --env staging --tools docker", "uv run inv docker.build --env staging"),
            environment="staging",
            key=STAGING,
        ),
        "deploy-staging": Job(
            "deploy-staging",
            "deploy",
            (
                "uv run inv ci.doctor --env staging --tools kubectl",
                "uv run inv deploy.apply --env staging --with-manifests --wait",
            ),
            environment="staging",
            key=STAGING,
            default_branch_only=True,
            after=("unit", "integration", "lint", "image-staging"),
        ),
        "image-production": Job(
            "image-production",
            "image",
            (
                "uv run inv ci.doctor --env production --tools docker",
                "uv run inv docker.build --env production",
            ),
            environment="production",
            key=PRODUCTION,
            confirm=True,
            default_branch_only=True,
            after=("deploy-staging",),
        ),
        "deploy-production": Job(
            "deploy-production",
            "deploy",
            (
                "uv run inv ci.doctor --env production --tools kubectl",
                "uv run inv deploy.apply --env production --with-manifests --wait",
            ),
            environment="production",
            key=PRODUCTION,
            confirm=True,
            default_branch_only=True,
            after=("image-production",),
        ),
    }


def test_a_registry_makes_the_deployed_image_the_one_that_was_pushed(sandbox: Sandbox) -> None:
    """With a registry the protected branch pushes an image for its commit and deploys exactly that one."""
    shop(sandbox)
    text = (sandbox.root / "pyproject.toml").read_text(encoding="utf-8")
    sandbox.write("pyproject.toml", text + '[tool.envtasks.docker]\nregistry = "registry.example.com"\n')
    found = jobs(sandbox)
    tag = '"registry.example.com/shop:staging-{commit}"'
    assert [name for name in found if found[name].kind != "session"] == [
        "image-staging",
        "publish-staging",
        "deploy-staging",
        "publish-production",
        "deploy-production",
    ]
    assert (
        found["publish-staging"].commands[-1] == f"uv run inv docker.build --env staging --tag {tag} --push"
    )
    assert found["deploy-staging"].commands[-1] == (
        f"uv run inv deploy.apply --env staging --with-manifests --image {tag} --wait"
    )
    assert found["deploy-staging"].after == ("publish-staging",)


def test_the_settings_choose(sandbox: Sandbox) -> None:
    """What pyproject.toml names is what runs; a session of a protected environment is for the default branch."""
    shop(sandbox)
    text = (sandbox.root / "pyproject.toml").read_text(encoding="utf-8")
    table = '[tool.envtasks.ci]\nsessions = ["smoke"]\nimages = []\ndeploy = ["staging"]\n'
    sandbox.write("pyproject.toml", text + table)
    found = jobs(sandbox)
    assert list(found) == ["smoke", "deploy-staging"]
    smoke = found["smoke"]
    assert (smoke.default_branch_only, smoke.confirm, smoke.key) == (True, True, PRODUCTION)
    assert found["deploy-staging"].after == ()


def test_what_is_to_be_deployed_has_a_cluster(sandbox: Sandbox) -> None:
    """deploy.apply would refuse it, in the last job of the pipeline."""
    shop(sandbox)
    text = (sandbox.root / "pyproject.toml").read_text(encoding="utf-8")
    sandbox.write("pyproject.toml", f'{text}[tool.envtasks.ci]\ndeploy = ["local"]\n')

    with pytest.raises(ConfigInvalid, match=r"\[tool.envtasks.ci\] deploy: local has no declared cluster"):
        plan_pipeline(loaded(sandbox), sandbox.env)


def test_a_project_without_tasks_file_calls_envtasks(sandbox: Sandbox) -> None:
    """Without a tasks.py the built-in tasks are those of the `envtasks` command."""
    (shop(sandbox).root / "tasks.py").unlink()
    assert jobs(sandbox)["unit"].commands[0] == "uv run envtasks ci.doctor --env local"


def test_a_public_environment_needs_a_key_unless_its_key_file_is_in_git(sandbox: Sandbox) -> None:
    """What counts is that a clone has the key file: one that git ignores does not help a job."""
    shop(sandbox)
    assert key_variable(loaded(sandbox).environment("local"), sandbox.env) is None
    (sandbox.root / ".git").rename(sandbox.root / "git-was-here")
    sandbox.write(".gitignore", "*.keys\n")
    commit(sandbox.root)
    assert key_variable(loaded(sandbox).environment("local"), sandbox.env) == "DOTENV_PRIVATE_KEY_LOCAL"


def test_a_job_has_its_key_under_a_name_that_a_ci_takes(sandbox: Sandbox) -> None:
    """dotenvx's name for the key of `.env.my-env` has a `-`, which no secret of GitHub or GitLab can have."""
    _, public = generate_keys()
    header = f'DOTENV_PUBLIC_KEY_MY-ENV="{public}"'
    sandbox.write(".env.my-env", f"{header}\nTOKEN='{encrypt('s3cr3t', public)}'\n")
    assert key_variable(loaded(sandbox).environment("my-env"), sandbox.env) == "DOTENV_PRIVATE_KEY_MY_ENV"


def test_an_environment_without_encrypted_values_needs_no_key(sandbox: Sandbox) -> None:
    """Where nothing is encrypted there is nothing to open, whoever runs the job."""
    sandbox.write(".env.staging", "DB_HOST=localhost\n")
    assert key_variable(loaded(sandbox).environment("staging"), sandbox.env) is None


def test_an_environment_of_two_keys_is_refused(sandbox: Sandbox) -> None:
    """A job gets one key, so files that want two are an error that names them."""
    first = sandbox.environment("staging", A="one-secret")
    second = sandbox.environment("extra", B="two-secret")
    table = '[tool.envtasks.environments]\nstaging = { files = [".env.staging", ".env.extra"] }\n'
    sandbox.write("pyproject.toml", table)
    with pytest.raises(ConfigInvalid) as caught:
        key_variable(loaded(sandbox).environment("staging"), sandbox.env)
    assert (
        caught.value.message
        == f"{first.name} and {second.name} of staging have two keys, but a job gets one."
    )


def test_an_empty_project_has_no_pipeline(sandbox: Sandbox) -> None:
    """Without sessions, image and clusters the error says what to write."""
    with pytest.raises(
        ConfigInvalid, match=r"nothing for a pipeline to run: no noxfile\.py, no Dockerfile, no declared"
    ):
        plan_pipeline(loaded(sandbox), sandbox.env)


@pytest.mark.parametrize(
    ("environment", "table", "reason"),
    [
        ("", "", "no environment for an image of Dockerfile (there is none)"),
        ("local", "", "no environment for an image of Dockerfile (only local)"),
        ("staging", "[tool.envtasks.ci]\nimages = []\n", "an empty list of images in [tool.envtasks.ci]"),
    ],
)
def test_a_dockerfile_without_a_job_says_why(
    sandbox: Sandbox, environment: str, table: str, reason: str
) -> None:
    """With a Dockerfile it is not the Dockerfile that is missing, but an environment whose image is built."""
    sandbox.write("Dockerfile", "FROM scratch\n")
    with (sandbox.root / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(table)
    if environment:
        sandbox.environment(environment, A="1")
    with pytest.raises(ConfigInvalid) as caught:
        plan_pipeline(loaded(sandbox), sandbox.env)
    assert caught.value.message == (
        f"There is nothing for a pipeline to run: no noxfile.py, {reason}, no declared cluster."
    )


def test_a_session_named_like_a_job_of_ours_is_refused(sandbox: Sandbox) -> None:
    """Two jobs of one name would be one job in the file."""
    shop(sandbox)
    sandbox.write("noxfile.py", "import nox\n\n@nox.session(name='image-staging')\ndef image(session): ...\n")
    with pytest.raises(ConfigInvalid, match="'image-staging'"):
        plan_pipeline(loaded(sandbox), sandbox.env)


def test_any_session_can_be_started_and_is_a_job(sandbox: Sandbox) -> None:
    """Its name, with the parameter of its only variant, is one word of the shell; the job's name has no blank."""
    shop(sandbox)
    sandbox.write(
        "noxfile.py",
        "import nox\n\n@nox.session\n@nox.parametrize('db', [{'a': 1}])\ndef one(session, db): ...\n\n"
        "@nox.session(name='all of {it}')\ndef everything(session): ...\n\n"
        "@nox.session(name='3.13')\ndef newest(session): ...\n",
    )
    found = jobs(sandbox)

    assert list(found)[:3] == ["one", "all-of-it", "_3-13"]
    lines = [found[name].lines(session="$SESSION", commit="$SHA") for name in list(found)[:3]]
    assert [shlex.split(line[-1])[-1] for line in lines] == ["one(db={'a': 1})", "all of {it}", "3.13"]


def test_a_session_cannot_be_named_like_a_keyword_of_gitlab(sandbox: Sandbox) -> None:
    """`services` on the top level of its file is no job."""
    shop(sandbox)
    sandbox.write("noxfile.py", "import nox\n\n@nox.session\ndef services(session): ...\n")
    with pytest.raises(ConfigInvalid, match="'services' cannot be the name"):
        render_files(loaded(sandbox), sandbox.env, "gitlab")
    render_files(loaded(sandbox), sandbox.env, "github")


@pytest.mark.parametrize(
    "line", ["print('hello')", "import sys; sys.stdout.write('no end')", "import os; os.write(1, b'raw')"]
)
def test_a_noxfile_may_print(sandbox: Sandbox, line: str) -> None:
    """Its sessions are listed all the same."""
    shop(sandbox)
    sandbox.write("noxfile.py", f"{line}\nimport nox\n\n@nox.session\ndef unit(session): ...\n")

    assert "unit" in jobs(sandbox)


def test_a_broken_noxfile_is_said(sandbox: Sandbox) -> None:
    """What nox says about a noxfile that it cannot load is in the message, not a traceback."""
    shop(sandbox)
    sandbox.write("noxfile.py", "raise RuntimeError('no sessions today')\n")
    with pytest.raises(ConfigInvalid) as caught:
        plan_pipeline(loaded(sandbox), sandbox.env)
    assert "no sessions today" in caught.value.message


def test_listing_sessions_needs_no_key(sandbox: Sandbox) -> None:
    """The noxfile is loaded without any private key in its environment."""
    shop(sandbox)
    sandbox.write(
        "noxfile.py",
        "import os, nox\nassert not [n for n in os.environ if n.startswith('DOTENV_')]\n\n"
        "@nox.session\ndef unit(session): ...\n",
    )
    found = plan_pipeline(loaded(sandbox), {**sandbox.env, STAGING: "f" * 64})
    assert found.jobs[0] == Job("unit", "session", ("uv run nox -s unit",))


def project(table: dict[str, object]) -> Project:
    """A project with staging and this table."""
    root = Path("/project")
    return Project(root, "shop", {"staging": Environment("staging", root, ())}, tables={"ci": table})


def test_every_setting_has_a_default() -> None:
    """Without a table the project itself decides what runs, and nothing lints its workflows."""
    assert read_settings(project({})) == Settings(None, None, None, "3.12", SYSTEMS, lint=False)


def test_every_setting_is_taken() -> None:
    """Each key is taken as it is; a session named twice runs once."""
    table: dict[str, object] = {"sessions": ["unit", "unit"], "images": [], "deploy": ["staging"]}
    table |= {"python": "3.13", "systems": ["ubuntu-24.04"], "lint": True}
    assert read_settings(project(table)) == Settings(
        ("unit",), (), ("staging",), "3.13", ("ubuntu-24.04",), lint=True
    )


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"session": []}, "[tool.envtasks.ci] has no key 'session': did you mean sessions?"),
        ({"sessions": "unit"}, "[tool.envtasks.ci] sessions must be a list of strings."),
        ({"images": ["stagin"]}, "[tool.envtasks.ci] images: there is no environment 'stagin': did you mean staging?"),
        ({"python": 3.12}, '[tool.envtasks.ci] python must be a version such as "3.12".'),
        ({"python": "three"}, '[tool.envtasks.ci] python must be a version such as "3.12".'),
        ({"systems": []}, "[tool.envtasks.ci] systems is empty: a job needs something to run on."),
        ({"lint": "yes"}, "[tool.envtasks.ci] lint must be true or false."),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_told_with_table_and_key(table: dict[str, object], sentence: str) -> None:
    """The error names the table, the key and what was expected."""
    with pytest.raises(ConfigInvalid) as caught:
        read_settings(project(table))
    assert caught.value.message == f"pyproject.toml: {sentence}"


def test_what_git_does_not_have_is_told(sandbox: Sandbox) -> None:
    """A clone lacks what git ignores and what was not added: a baseline, the noxfile, the Dockerfile, requirements."""
    shop(sandbox)
    assert plan_pipeline(loaded(sandbox), sandbox.env).warnings == ()
    (sandbox.root / ".git").rename(sandbox.root / "git-was-here")
    sandbox.write(".gitignore", ".env.*\n!.env.local\n!.env.local.keys\ngit-was-here\ndocker/\n")
    commit(sandbox.root)
    sandbox.write("requirements.txt", "envtasks\n")
    sandbox.write(
        "pyproject.toml",
        f"{(sandbox.root / 'pyproject.toml').read_text(encoding='utf-8')}\n"
        '[tool.envtasks.ci]\npackage-manager = "pip"\n',
    )
    assert plan_pipeline(loaded(sandbox), sandbox.env).warnings == (
        "git ignores .env.production, which jobs need: allow it in .gitignore with a line !.env.production",
        "git ignores .env.staging, which jobs need: allow it in .gitignore with a line !.env.staging",
        "requirements.txt, which jobs need, is not in git: git add requirements.txt",
        "git ignores docker/Dockerfile, which jobs need: allow it in .gitignore with a line !docker/Dockerfile",
    )


def test_a_lock_file_that_git_ignores_is_not_needed(sandbox: Sandbox) -> None:
    """A job resolves without it; the cache is not named after a file that no clone has."""
    shop(sandbox)
    sandbox.write("uv.lock", "")
    sandbox.write(".git/info/exclude", "uv.lock\n")
    pipeline = plan_pipeline(loaded(sandbox), sandbox.env)
    assert (pipeline.warnings, pipeline.cache_files) == ((), ("pyproject.toml",))


def test_without_a_repository_nothing_is_told(sandbox: Sandbox) -> None:
    """Before `git init` there is nothing to compare with."""
    shop(sandbox)
    (sandbox.root / ".git").rename(sandbox.root / "git-was-here")
    assert plan_pipeline(loaded(sandbox), sandbox.env).warnings == ()


def test_a_project_without_envtasks_is_told(sandbox: Sandbox) -> None:
    """The warning has the command of the project's package manager."""
    shop(sandbox)
    text = (sandbox.root / "pyproject.toml").read_text(encoding="utf-8")
    sandbox.write("pyproject.toml", text.replace('dependencies = ["envtasks"]', "[tool.poetry]"))
    assert plan_pipeline(loaded(sandbox), sandbox.env).warnings == (
        "envtasks is not among the project's dependencies, so no job can run it: poetry add --group dev envtasks",
    )
