"""The allowlist: its lines, which values pass as what, and everything that is refused before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from envtasks.errors import ConfigInvalid, LeakFound, SettingsInvalid, VariableMissing
from envtasks.kubernetes import check_names
from envtasks.kubernetes.allowlist import Rule, Selection, read_rules, select
from tests.kubernetes.deployments import hydrated, project
from tests.steps import steps

LABEL = "deploy/env.allowlist"
VALUES = {
    "DB_HOST": "db.example.com",
    "DB_PASSWORD": "hunter2",
    "LEVEL": "INFO",
    "DOTENV_PUBLIC_KEY_STAGING": "02ab",
}


def rules(tmp_path: Path, text: str) -> tuple[Rule, ...]:
    path = tmp_path / "env.allowlist"
    path.write_text(text, encoding="utf-8", newline="")
    return read_rules(path, LABEL)


def test_a_line_is_a_name_its_kind_and_a_comment(tmp_path: Path) -> None:
    """Names, patterns, kinds and `optional` are read; comments and blank lines are not."""
    assert rules(tmp_path, "\ufeff# all\nDB_HOST config\r\n\nDB_* # db\nCACHE_URL optional secret\n") == (
        Rule("DB_HOST", "config", optional=False, line=2),
        Rule("DB_*", "", optional=False, line=4),
        Rule("CACHE_URL", "secret", optional=True, line=5),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=1", f"{LABEL}:1: a line is a name or a pattern and then, if wanted, its kind."),
        ("A\nB secrt", f"{LABEL}:2: 'secrt' is none of secret, config, optional: did you mean secret?"),
        ("A secret config", f"{LABEL}:1: A cannot be both secret and config."),
        ("A\n\nA secret", f"{LABEL}:3: A is listed in line 1 already."),
    ],
)
def test_a_line_that_cannot_be_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    """A mistake in the file is a ConfigInvalid with file and line."""
    with pytest.raises(ConfigInvalid) as caught:
        rules(tmp_path, text)
    assert caught.value.message == message


def test_a_missing_allowlist_says_how_to_write_one(tmp_path: Path) -> None:
    """Without the file nothing may reach the cluster, and the hint says what goes into it."""
    with pytest.raises(ConfigInvalid) as caught:
        read_rules(tmp_path / "none", LABEL)
    assert (caught.value.message, caught.value.hint) == (
        f"There is no {LABEL}, so nothing may reach the cluster.",
        f"write one name per line into {LABEL}, such as DB_HOST, DB_PASSWORD or CACHE_*",
    )


def test_encrypted_values_and_secrets_of_the_settings_class_are_secret_and_the_rest_is_config(
    tmp_path: Path,
) -> None:
    """The kind follows the value unless the line says one; names are in order, each once."""
    chosen = select(
        rules(tmp_path, "LEVEL\nTOKEN\nDB_*\nDB_USER secret\n"),
        hydrated({**VALUES, "TOKEN": "t", "DB_USER": "u"}, secrets=["DB_PASSWORD"]),
        secret_names={"TOKEN"},
        label=LABEL,
    )
    assert chosen == Selection(
        secret={"DB_PASSWORD": "hunter2", "DB_USER": "u", "TOKEN": "t"},
        config={"DB_HOST": "db.example.com", "LEVEL": "INFO"},
    )
    assert [chosen.kind_of(name) for name in ("TOKEN", "LEVEL", "OTHER")] == ["secret", "config", None]
    assert "hunter2" not in repr(chosen)


def test_a_line_of_its_own_wins_over_patterns_and_the_last_pattern_over_earlier_ones(tmp_path: Path) -> None:
    """As in .gitignore the last match counts, and an exact name counts most; keys of env files match no pattern."""
    chosen = select(
        rules(tmp_path, "LEVEL config\n*\n*L secret\nDB_H* secret\n"),
        hydrated({**VALUES, "MAIL": "m"}),
        label=LABEL,
    )
    assert chosen == Selection(
        secret={"DB_HOST": "db.example.com", "MAIL": "m"},
        config={"APP_ENV": "staging", "DB_PASSWORD": "hunter2", "LEVEL": "INFO"},
    )


def test_app_env_is_the_environments_name_unless_a_file_says_otherwise(tmp_path: Path) -> None:
    """APP_ENV is always there, as for every process of the environment."""
    listed = rules(tmp_path, "APP_ENV\n")
    assert select(listed, hydrated({}), label=LABEL).config == {"APP_ENV": "staging"}
    assert select(listed, hydrated({"APP_ENV": "uat"}), label=LABEL).config == {"APP_ENV": "uat"}


def test_values_of_the_process_environment_are_named(tmp_path: Path) -> None:
    """A value that did not come from the env files is named, since another machine would deploy another one."""
    chosen = select(rules(tmp_path, "LEVEL\nDB_HOST\n"), hydrated(VALUES, process=["LEVEL"]), label=LABEL)
    assert chosen.from_process == ("LEVEL",)


def test_everything_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    """Names and patterns that give nothing are one VariableMissing; optional ones are none."""
    with pytest.raises(VariableMissing) as caught:
        select(
            rules(tmp_path, "A\nLEVEL\nB optional\nC_*\nD_* optional\nE secret\n"),
            hydrated(VALUES),
            label=LABEL,
        )
    assert caught.value.message == (
        f"staging lacks what the allowlist names: A ({LABEL}:1), C_* ({LABEL}:4), E ({LABEL}:6)."
    )


def test_a_secret_declared_config_is_refused(tmp_path: Path) -> None:
    """Neither a line nor a pattern can put a secret into a ConfigMap."""
    with pytest.raises(LeakFound) as caught:
        select(
            rules(tmp_path, "DB_* config\nTOKEN config\n"),
            hydrated({**VALUES, "TOKEN": "t"}, secrets=["DB_PASSWORD"]),
            secret_names={"TOKEN"},
            label=LABEL,
        )
    assert caught.value.message == (
        f"The allowlist declares as config what is secret: DB_PASSWORD ({LABEL}:1), TOKEN ({LABEL}:2)."
    )


def test_a_private_key_never_passes(tmp_path: Path) -> None:
    """Not even when it is listed by name."""
    with pytest.raises(LeakFound):
        select(
            rules(tmp_path, "DOTENV_PRIVATE_KEY_X\n"),
            hydrated({"DOTENV_PRIVATE_KEY_X": "0" * 64}),
            label=LABEL,
        )


def test_what_kubernetes_cannot_hold_is_refused_all_at_once(tmp_path: Path) -> None:
    """Names Kubernetes refuses, a variable no process could start with, values that are no text: by name alone."""
    values = {
        "1ST": "a",
        "..X": "b",
        "BIG": "v" * (128 * 1024 - 4),
        "FITS": "v" * (128 * 1024 - 6),
        "NUL": "a\0b",
    }
    values |= {"BYTES": "\udcff"}
    with pytest.raises(SettingsInvalid) as caught:
        select([Rule(name, "", optional=False, line=1) for name in values], hydrated(values), label=LABEL)
    assert caught.value.message.splitlines() == [
        "Kubernetes cannot hold these values of staging:",
        "  ..X: a name has letters, digits, '-', '_' and '.', no digit first, 253 at most",
        "  1ST: a name has letters, digits, '-', '_' and '.', no digit first, 253 at most",
        "  BIG: 131,072 bytes with its name; no process starts with 131,072",
        "  BYTES: the value is not UTF-8 text",
        "  NUL: the value holds a NUL byte, which no environment variable can",
    ]


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("1bad", "a", f"rename it in the env files, or keep it out of {LABEL}"),
        (
            "BIG",
            "v" * 128 * 1024,
            "large values belong into a file or a volume, not into an environment variable",
        ),
        ("NUL", "a\0b", "encode it as base64"),
        ("BYTES", "\udcff", "save the env file as UTF-8, binary values as base64"),
    ],
)
def test_the_hint_is_about_what_is_wrong(name: str, value: str, hint: str) -> None:
    """A wrong name gets a hint about names, a large value one about large values; several are all given, once."""
    values = {name: value, f"{name}_2": value}
    with pytest.raises(SettingsInvalid) as caught:
        select([Rule(each, "", optional=False, line=1) for each in values], hydrated(values), label=LABEL)
    assert caught.value.hint == hint
    values |= {"1st": "x", "ALSO_BIG": "v" * 128 * 1024}
    with pytest.raises(SettingsInvalid) as caught:
        select([Rule(each, "", optional=False, line=1) for each in values], hydrated(values), label=LABEL)
    assert sorted(caught.value.hint.split("; ")) == sorted(
        {
            hint,
            f"rename it in the env files, or keep it out of {LABEL}",
            "large values belong into a file or a volume, not into an environment variable",
        }
    )


def test_the_variable_with_the_environments_name_may_have_another_name() -> None:
    """`environment-variable` of pyproject.toml is what the allowlist may name besides what the env files define."""
    listed = [Rule("DEPLOYMENT", "", optional=False, line=1)]
    values = hydrated({"A": "1"}, variable="DEPLOYMENT")
    assert select(listed, values, label=LABEL).config == {"DEPLOYMENT": "staging"}
    with pytest.raises(VariableMissing):
        select([Rule("APP_ENV", "", optional=False, line=1)], values, label=LABEL)


def test_the_check_without_values_knows_that_name_too(tmp_path: Path) -> None:
    """`env.check` and `deploy.status` agree on which variable has the environment's name."""
    (tmp_path / "deploy").mkdir()
    (tmp_path / LABEL).write_text("DEPLOYMENT\nAPP_ENV\n", encoding="utf-8")
    shop = project({}, root=tmp_path)._replace(environment_variable="DEPLOYMENT")
    found, _ = check_names(shop, "staging", {})
    assert [(each.line, each.name) for each in found] == [(2, "APP_ENV")]


def test_a_long_allowlist_takes_time_in_proportion() -> None:
    """Twice the names take about twice the steps, not four times."""

    def cost(count: int) -> int:
        names = [f"K{number}" for number in range(count)]
        listed = [Rule(name, "", optional=False, line=1) for name in [*names, "K*"]]
        values = hydrated(dict.fromkeys(names, "x"))
        return steps(lambda: select(listed, values, label=LABEL))

    assert cost(400) < 3 * cost(200)


@pytest.mark.parametrize(("last", "fits"), [(0, True), (1, False)])
def test_an_object_holds_one_mebibyte_of_values(tmp_path: Path, last: int, fits: bool) -> None:
    """The limit counts the bytes of the values in sum, to the byte."""
    values = {f"V{number}": "ä" * 32768 for number in range(16)} | {"LAST": "x" * last}
    listed = [Rule(name, "", optional=False, line=1) for name in values]
    if fits:
        assert len(select(listed, hydrated(values), label=LABEL).config) == 17
        return
    with pytest.raises(SettingsInvalid) as caught:
        select(listed, hydrated(values), label=LABEL)
    assert caught.value.message.endswith(
        "the ConfigMap is 1,048,577 bytes of values, and Kubernetes accepts 1,048,576"
    )
