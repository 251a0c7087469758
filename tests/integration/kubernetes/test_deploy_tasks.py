"""`inv deploy.*` as a person and a pipeline run it: output, exit codes, confirmation."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml

from tests.integration.kubernetes.shop import CONFIG, PASSWORD, SECRET, Shop

pytestmark = [pytest.mark.integration, pytest.mark.kubectl]


def inv(shop: Shop, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`inv deploy.… --env staging`, its output piped as in a CI job."""
    environment = () if "--env" in words else ("--env", "staging")
    return shop.sandbox.inv(*words, *environment, **{**shop.env, **env})


def test_render_hides_secrets_in_a_pipe_too(shop: Shop) -> None:
    """A CI log is a pipe: real values come only with --reveal, and then stdout holds the manifests and nothing else."""
    hidden, shown = inv(shop, "deploy.render"), inv(shop, "deploy.render", "--reveal")
    assert (hidden.returncode, PASSWORD in hidden.stdout + hidden.stderr) == (0, False)
    assert [each["data"] for each in yaml.safe_load_all(hidden.stdout)] == [
        {"DB_PASSWORD": "***"},
        {"APP_ENV": "staging", "DB_HOST": "db.example.com"},
    ]
    piped = shop.kubectl("apply", "--server-side", "-f", "-", stdin=shown.stdout)
    assert piped.stdout == f"{SECRET} serverside-applied\n{CONFIG} serverside-applied\n"
    assert shop.secret() == {"DB_PASSWORD": PASSWORD}


@pytest.mark.parametrize(
    ("form", "files"),
    [
        ("manifests", ["configmap.yaml", "secret.yaml"]),
        ("kustomize", ["kustomization.yaml"]),
    ],
)
def test_render_writes_files_that_git_ignores(shop: Shop, form: str, files: list[str]) -> None:
    """--output writes real values, mode 0600, into a folder that git does not look into."""
    subprocess.run(["git", "init", "-q"], cwd=shop.sandbox.root, check=True)
    folder = shop.sandbox.root / "deploy/rendered"
    dry = inv(shop, "deploy.render", "--format", form, "--output", "deploy/rendered", "--dry")
    assert (f"would write deploy/rendered/{files[-1]}" in dry.stderr, folder.exists()) == (True, False)
    done = inv(shop, "deploy.render", "--format", form, "--output", "deploy/rendered")
    assert (done.returncode, done.stdout) == (0, "")
    written = sorted(path for path in folder.iterdir() if path.name != ".gitignore")
    assert [path.name for path in written] == files
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
    status = subprocess.run(
        ["git", "status", "--porcelain", "-uall", "deploy"],
        cwd=shop.sandbox.root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "rendered" not in status.stdout


def test_render_refuses_a_folder_whose_files_git_adds(shop: Shop) -> None:
    """An existing folder that is not ignored gets no secrets."""
    subprocess.run(["git", "init", "-q"], cwd=shop.sandbox.root, check=True)
    shop.sandbox.write("out/readme.txt", "mine\n")
    done = inv(shop, "deploy.render", "--output", "out")
    assert (done.returncode, "is not ignored there" in done.stderr) == (6, True)
    assert [path.name for path in (shop.sandbox.root / "out").iterdir()] == ["readme.txt"]


def test_apply_then_diff(shop: Shop) -> None:
    """diff ends with 1 before and 0 after; apply prints the cluster and each step; no value is in any of it."""
    first = inv(shop, "deploy.diff")
    assert (first.returncode, [line.split()[:2] for line in first.stdout.splitlines()[1:]]) == (
        1,
        [
            ["added", "-"],
            ["added", "-"],
            ["added", "APP_ENV"],
            ["added", "DB_HOST"],
            ["added", "DB_PASSWORD"],
        ],
    )
    dry = inv(shop, "deploy.apply", "--dry-run")
    assert (dry.returncode, dry.stdout.splitlines()[-1], shop.cluster.writes) == (
        0,
        "dry run: nothing was changed",
        [],
    )
    done = inv(shop, "deploy.apply", "--with-manifests", "--wait")
    lines = done.stdout.splitlines()
    assert lines[0] == f"staging -> shop-staging on {shop.cluster.url} (staging)"
    assert lines[-5:] == [
        f"{SECRET} applied",
        f"{CONFIG} applied",
        "deployment/shop applied",
        "service/shop applied",
        'deployment "shop" successfully rolled out',
    ]
    equal = inv(shop, "deploy.diff", "--json")
    assert (equal.returncode, json.loads(equal.stdout)) == (
        0,
        {"equal": True, "differences": [], "notes": []},
    )
    assert PASSWORD not in "".join(each.stdout + each.stderr for each in (first, dry, done, equal))


def test_diff_in_json_has_names_and_fingerprints(shop: Shop) -> None:
    """For programs: one record a difference, with everything that the table shows."""
    inv(shop, "deploy.apply")
    shop.values("DB_HOST=db2.example.com\n", DB_PASSWORD=PASSWORD)
    done = inv(shop, "deploy.diff", "--json")
    (one,) = json.loads(done.stdout)["differences"]
    assert done.returncode == 1
    assert {**one, "live": len(one["live"]), "wanted": len(one["wanted"])} == {
        "what": "changed",
        "name": "DB_HOST",
        "object": CONFIG,
        "live": 8,
        "wanted": 8,
        "by": "",
        "source": "",
    }


def test_status_needs_no_cluster(shop: Shop) -> None:
    """It lists what is rendered, or names what a pod would miss with code 5; kubectl is not called."""
    fine = inv(shop, "deploy.status", PATH=str(shop.sandbox.root))
    assert (fine.returncode, fine.stdout.split()[3:]) == (
        0,
        [SECRET, "1", "DB_PASSWORD", CONFIG, "2", "APP_ENV", "DB_HOST"],
    )
    text = (shop.sandbox.root / "deploy/app.yaml").read_text(encoding="utf-8")
    shop.sandbox.write("deploy/app.yaml", text.replace("shop-env", "shop-envs"))
    wrong = inv(shop, "deploy.status")
    assert (
        wrong.returncode,
        "deploy/app.yaml:14: There is no secret/shop-envs: did you mean shop-env?" in wrong.stderr,
    ) == (
        5,
        True,
    )
    found = inv(shop, "deploy.status", "--json")
    assert (found.returncode, [each["id"] for each in json.loads(found.stdout)["findings"]]) == (
        5,
        ["missing-object"],
    )


def test_a_protected_environment_asks_before_it_sends(shop: Shop) -> None:
    """Production is refused without a yes, after everything was tried; looking at it needs none."""
    shop.sandbox.write("deploy/env.allowlist", "APP_ENV\nDB_HOST\n")
    refused = inv(shop, "deploy.apply", "--env", "production")
    assert (refused.returncode, shop.cluster.writes) == (6, [])
    assert "deploy.apply runs in production, which is protected" in refused.stderr
    assert inv(shop, "deploy.diff", "--env", "production").returncode == 1
    assert inv(shop, "deploy.apply", "--dry-run", "--env", "production").returncode == 0
    assert shop.cluster.writes == []
    done = inv(shop, "deploy.apply", "--env", "production", ENVTASKS_CONFIRM="production")
    assert (done.returncode, shop.cluster.get("ConfigMap", "shop-config", "shop")["data"]["DB_HOST"]) == (
        0,
        "db.production.example.com",
    )


@pytest.mark.parametrize(
    ("words", "change", "code", "message"),
    [
        (("deploy.apply", "--image", "a b"), {}, 2, "'a b' is not the name of an image."),
        (("deploy.render", "--format", "xml"), {}, 2, "'xml' is not a format."),
        (("deploy.render", "--format", "helm-values"), {}, 2, "'helm-values' is not a format."),
        (
            ("deploy.apply",),
            {"deploy/env.allowlist": "NOPE\n"},
            5,
            "staging lacks what the allowlist names: NOPE",
        ),
        (
            ("deploy.apply",),
            {"deploy/env.allowlist": "DB_* config\n"},
            9,
            "declares as config what is secret: DB_PASSWORD",
        ),
        (
            ("deploy.apply",),
            {"pyproject.toml": '[project]\nname = "shop"\n'},
            6,
            "staging has no declared cluster",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence_and_its_own_exit_code(
    shop: Shop, words: tuple[str, ...], change: dict[str, str], code: int, message: str
) -> None:
    """Each mistake ends before anything is sent, with the code of its kind and no traceback."""
    for name, text in change.items():
        shop.sandbox.write(name, text)
    done = inv(shop, *words)
    assert (done.returncode, message in done.stderr, "Traceback" in done.stderr) == (code, True, False)
    assert shop.cluster.requests == []


def test_without_an_environment_the_task_says_what_to_add(shop: Shop) -> None:
    """There is no default: the environment is always given."""
    done = shop.sandbox.inv("deploy.apply", **shop.env)
    assert (done.returncode, "add --env NAME, one of: " in done.stderr) == (2, True)


def test_a_preferences_file_of_kubectl_changes_nothing(shop: Shop) -> None:
    """A kuberc that gives apply another default does not reach our calls."""
    home = shop.sandbox.root / "home"
    shop.sandbox.write(
        "home/.kube/kuberc",
        """\
        apiVersion: kubectl.config.k8s.io/v1beta1
        kind: Preference
        defaults:
          - command: apply
            options:
              - {name: dry-run, default: client}
        """,
    )
    done = inv(shop, "deploy.apply", HOME=str(home))
    assert done.returncode == 0, done.stderr
    assert shop.cluster.holds("Secret", "shop-env", "shop-staging")
