"""README's promises: each sentence of them, with the tests that hold it."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Mapping, Sequence

import pytest

from tests.guides import REPOSITORY

CHECKS = "hydration/test_checks.py"
PROMISES: Mapping[str, Sequence[str]] = {
    # the first paragraph
    "decrypted in memory": ["integration/test_leaks.py::test_no_secret_leaves"],
    "checked": [
        "test_required_settings.py::test_all_missing_names_are_told_before_anything_runs",
        f"{CHECKS}::test_a_value_that_contains_a_ciphertext_is_refused",
        f"{CHECKS}::test_a_baseline_without_a_usable_line_is_refused",
    ],
    "redacted in output": ["integration/test_inv.py::test_secrets_are_hidden_when_piped"],
    "needs no Node": ["integration/test_readme.py::test_no_node_is_needed"],
    "runs on Linux, macOS and Windows": [
        "ci/test_rendered.py::test_the_unit_tests_run_on_three_systems_on_github",
    ],
    "with Python 3.11 or newer": ["test_readme_promises.py::test_the_python_that_is_needed"],
    # what it does for you
    "A value that no key decrypts, a damaged env file, or a variable that `needs` or your settings class requires and "
    "nothing sets ends the task before anything runs.": [
        "integration/test_inv.py::test_a_missing_key_stops_before_anything_runs",
        f"{CHECKS}::test_a_damaged_value_is_told_from_a_wrong_key",
        f"{CHECKS}::test_a_baseline_without_a_usable_line_is_refused",
        "test_declare.py::test_needs_names_everything_that_is_missing",
        "test_required_settings.py::test_all_missing_names_are_told_before_anything_runs",
    ],
    "The message names every variable at once, where it stands, and where its key was looked for.": [
        f"{CHECKS}::test_without_a_key_every_value_is_named",
    ],
    "No value of an env file reaches a process as ciphertext.": [
        f"{CHECKS}::test_ciphertext_never_reaches_a_process",
        f"{CHECKS}::test_a_value_that_contains_a_ciphertext_is_refused",
        f"{CHECKS}::test_what_is_encrypted_twice_is_refused",
    ],
    "No command that a task starts by its context, or a session by nox's methods, gets a private key, in an "
    "environment or in none (`env=None` makes a task Invoke's own, without anything of envtasks).": [
        "integration/test_keys.py::test_no_command_of_a_task_gets_a_key",
        "integration/test_keys.py::test_no_command_of_a_session_gets_a_key",
        "integration/test_keys.py::test_no_command_of_a_built_in_task_gets_a_key",
        "hydration/test_result.py::test_private_keys_are_stripped",
    ],
    '`needs=["DB_*"]` keeps the other variables of the env files out.': [
        "integration/test_readme.py::test_needs_keeps_the_other_variables_out",
    ],
    "`inv` inside `nox` inside `inv` never mixes two environments.": [
        "integration/test_nox.py::test_inv_nox_inv_never_mix_environments",
    ],
    "The process environment wins over env files, as with dotenvx.": [
        "integration/test_differential.py::test_the_command_gives_what_the_engines_give",
    ],
    "Every variable for which it replaces the value of a tracked file is reported; in a protected environment it is "
    "refused.": [
        "hydration/test_shadowing.py::test_reports_once_what_the_process_environment_shadows",
        "integration/test_inv.py::test_shadowing_is_said_once_and_refused_in_production",
    ],
    "In CI and in pipes secrets are `***`, also in base64 and URL-encoded.": [
        "integration/test_inv.py::test_secrets_are_hidden_when_piped",
        "integration/test_inv.py::test_stderr_is_hidden_too",
        "integration/test_bodies.py::test_a_terminal_shows_what_is_printed_but_not_that_of_a_ci",
        "integration/test_nox.py::test_a_terminal_shows_a_session_s_output_but_not_that_of_a_ci",
        "redaction/test_redaction.py::test_encoded_forms_are_redacted_whole",
    ],
    "On your terminal a command keeps its colours and prompts.": [
        "process/test_terminal.py::test_a_command_has_the_terminal",
    ],
    "Credentials go into a build by name, never on a command line.": [
        "integration/docker/test_build.py::test_credentials_reach_the_build_and_stay_nowhere",
    ],
    "Every layer of the image is searched for them, encoded and compressed, before it gets its tag in a registry.": [
        "audit/test_audit.py::test_forms",
        "audit/test_packed.py::test_compressed_files",
        "audit/test_audit.py::test_deleted_later",
        "integration/docker/test_push.py::test_a_leak_is_found_before_anything_is_sent",
        "integration/docker/test_push.py::test_a_leak_in_one_platform_leaves_no_tag",
    ],
    "An allowlist becomes a Secret and a ConfigMap.": [
        "integration/kubernetes/test_apply.py::test_a_whole_life"
    ],
    "A changed value restarts the pods, an unchanged one does not.": [
        "integration/kubernetes/test_apply.py::test_a_changed_value_of_equal_length_restarts_the_pods",
        "integration/kubernetes/test_apply.py::test_new_keys_of_the_env_files_restart_nothing",
    ],
    "`$(command)` in an env file is refused, and so are variables that make shells, interpreters, git or editors run "
    "code.": [
        f"{CHECKS}::test_commands_are_refused",
        f"{CHECKS}::test_names_that_make_programs_run_code_are_refused",
        "test_docs.py::test_the_refused_names_are_those_of_the_page",
    ],
    "So a pull request that edits an env file runs nothing when that is read.": [
        "integration/test_env_file_is_data.py::test_nothing_in_an_env_file_is_run",
    ],
    "They are tested against the real command; [the differences](docs/dotenvx-compatibility.md) are listed.": [
        "integration/test_cases_dotenvx.py::test_gives_what_its_policy_says",
        "integration/test_differential.py::test_the_command_gives_what_the_engines_give",
        "test_compatibility.py::test_every_difference_names_the_tests_that_hold_it",
    ],
}


def _readme() -> str:
    """README in one line."""
    return " ".join((REPOSITORY / "README.md").read_text(encoding="utf-8").split())


def _tests(path: str) -> set[str]:
    tree = ast.parse((REPOSITORY / "tests" / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_stands_in_the_readme_and_its_tests_exist(promise: str) -> None:
    """A sentence that changes is changed here too, with the tests that hold it."""
    assert promise in _readme()
    assert PROMISES[promise]

    named = [name.split("::") for name in PROMISES[promise]]

    assert [f"{path}::{test}" for path, test in named if test not in _tests(path)] == []


def test_every_sentence_of_what_it_does_has_its_tests() -> None:
    """No sentence of that section is without an entry."""
    section = _readme().partition("## What it does for you")[2].partition("What this cannot do")[0]
    left = re.sub(r"- \*\*[^*]+\*\*", "", section)
    for promise in PROMISES:
        left = left.replace(promise, "")

    assert left.strip() == ""


def test_the_python_that_is_needed() -> None:
    """README says what pyproject.toml requires."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["requires-python"] == ">=3.11"
