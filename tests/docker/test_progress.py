"""BuildKit's rawjson progress: events, redacted values, the failed step; how it is shown; run_build."""

from __future__ import annotations

import base64
import io
import json
import os
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

import pytest

from envtasks.docker.progress import Event, ProgressReader, plain_line, progress_display, run_build
from envtasks.errors import BuildFailed
from envtasks.process import LineWriter
from envtasks.redaction import Redactor
from tests.fakes import fake_docker

T0 = "2026-01-02T03:04:05.123456789Z"
T1 = "2026-01-02T03:04:07.623456789Z"


def vertex(digest: str, name: str, **more: object) -> str:
    """A line about a step."""
    return json.dumps({"vertexes": [{"digest": digest, "name": name, **more}]}) + "\n"


def log(digest: str, data: bytes, stream: int = 1) -> str:
    """A line with output of a step."""
    entry = {"vertex": digest, "stream": stream, "data": base64.b64encode(data).decode(), "timestamp": T0}
    return json.dumps({"logs": [entry]}) + "\n"


def events(progress: ProgressReader, *chunks: str) -> list[Event]:
    """The events in this output of docker, which comes in pieces."""
    found: list[Event] = []
    writer = LineWriter(lambda line: found.extend(progress.read(line)))
    for chunk in chunks:
        writer.write(chunk)
    writer.finish()
    return found


def lines(progress: ProgressReader, chunks: Iterable[str]) -> list[str]:
    """What a log would show of this output of docker."""
    found = [*events(progress, *chunks), *progress.finish()]
    return [line for line in map(plain_line, found) if line is not None]


def test_a_hidden_step_that_fails_is_shown_with_its_number_and_title() -> None:
    """Such as that which asks a registry for a base image."""
    shown = lines(
        ProgressReader(Redactor(())),
        [
            vertex("a", "[internal] load metadata for x", started=T0),
            vertex("b", "[1/1] FROM y", started=T0, completed=T1),
            vertex("a", "[internal] load metadata for x", started=T0, completed=T1, error="no such host"),
        ],
    )

    assert shown == [
        "#1 [1/1] FROM y",
        "#1 DONE 2.5s",
        "#2 [internal] load metadata for x",
        "#2 ERROR: no such host",
    ]


def test_a_build_reads_like_dockers_plain_progress() -> None:
    """Steps are numbered as they begin; output, parts, cached and ended steps have one line each."""
    part = {"id": "exporting layers", "vertex": "c", "completed": T1}
    shown = lines(
        ProgressReader(Redactor(())),
        [
            vertex("a", "[internal] load metadata", started=T0, completed=T1),
            vertex("b", "[2/2] RUN  two\n  words"),
            vertex("z", "[1/2] FROM base", started=T0, completed=T0, cached=True),
            vertex("b", "[2/2] RUN  two\n  words", started=T0),
            log("b", b"first\nsec"),
            log("b", b"ond\r\n10%\r90%\rdone\nno end"),
            vertex("b", "", started=T0, completed=T1),
            vertex("c", "exporting to image", started=T0),
            json.dumps({"statuses": [part]}) + "\n",
            json.dumps({"statuses": [part]}) + "\n",
        ],
    )

    assert shown == [
        "#1 [1/2] FROM base",
        "#1 CACHED",
        "#2 [2/2] RUN two words",
        "#2 first",
        "#2 second",
        "#2 done",
        "#2 no end",
        "#2 DONE 2.5s",
        "#3 exporting to image",
        "#3 exporting layers",
    ]


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_values_are_redacted_in_titles_output_errors_and_dockers_messages(size: int) -> None:
    """A value is redacted wherever it stands, also where chunks of the output and of the stream cut it."""
    message = "ERROR: failed to solve: marked-value\n"
    stream = "".join(
        [
            vertex("a", "RUN echo marked-value", started=T0),
            log("a", b"it is mar"),
            log("a", b"other stream marked", 2),
            log("a", b"ked-value and " + base64.b64encode(b"xmarked-value")),
            vertex("a", "RUN echo marked-value", started=T0, completed=T1, error="no marked-value"),
            message,
        ]
    )
    progress = ProgressReader(Redactor(["marked-value"]))

    shown = lines(progress, [stream[i : i + size] for i in range(0, len(stream), size)])

    assert progress.failed is not None
    kept = [progress.failed.title, *progress.failed.lines, progress.failed.error, *progress.messages, *shown]
    assert not [text for text in kept if "marked-value" in text or "bWFya2VkLXZhbHVl" in text]
    assert (progress.failed.title, progress.failed.error) == ("RUN echo ***", "no ***")
    assert progress.failed.lines[0].startswith("it is *** and ")
    assert progress.messages == ["ERROR: failed to solve: ***"]


def test_a_character_cut_by_chunks_stays_whole() -> None:
    """A character of several bytes may come in pieces; a byte that is no character is replaced."""
    data = "größe".encode() + b"\xff\n"

    shown = lines(
        ProgressReader(Redactor(())),
        [vertex("a", "RUN", started=T0), *(log("a", bytes([byte])) for byte in data)],
    )

    assert shown == ["#1 RUN", "#1 größe\ufffd"]


def test_a_canceled_step_is_not_the_failed_one() -> None:
    """Steps that ended because another one failed are CANCELED; the one with the reason is `failed`."""
    progress = ProgressReader(Redactor(()))
    shown = lines(
        progress,
        [
            vertex(
                "a", "RUN one", started=T0, completed=T1, error="process canceled: context canceled: cause"
            ),
            vertex("b", "RUN two", started=T0, completed=T1, error="process did not complete: exit code: 3"),
        ],
    )

    assert shown == [
        "#1 RUN one",
        "#1 CANCELED",
        "#2 RUN two",
        "#2 ERROR: process did not complete: exit code: 3",
    ]
    assert progress.failed is not None
    assert progress.failed.title == "RUN two"


def test_warnings_are_kept_except_the_one_that_our_note_replaces() -> None:
    """BuildKit's lint on secrets in ARG is left out; other warnings are kept, redacted."""
    progress = ProgressReader(Redactor(["marked-value"]))
    texts = ["SecretsUsedInArgOrEnv: Do not use ARG", "JSONArgsRecommended: marked-value in CMD"]
    found = [{"vertex": "a", "short": base64.b64encode(text.encode()).decode()} for text in texts]

    lines(progress, [json.dumps({"warnings": found}) + "\n"])

    assert progress.warnings == ["JSONArgsRecommended: *** in CMD"]


def test_only_the_end_of_a_long_output_is_kept() -> None:
    """A step with a long output does not fill the memory: its last 40 lines are kept for the message."""
    progress = ProgressReader(Redactor(()))
    lines(progress, [vertex("a", "RUN", started=T0), log("a", b"".join(b"%d\n" % i for i in range(1000)))])
    lines(progress, [vertex("a", "RUN", started=T0, completed=T1, error="exit code: 1")])

    assert progress.failed is not None
    assert list(progress.failed.lines) == [str(i) for i in range(960, 1000)]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


def test_a_log_gets_plain_lines_at_once() -> None:
    """Where stderr is no terminal, each event is a line, without escape sequences."""
    stream = io.StringIO()
    progress = ProgressReader(Redactor(()))

    with progress_display(stream) as show:
        show(events(progress, vertex("a", "RUN", started=T0) + log("a", b"\x1b[32mgreen\x1b[0m\n")))
        early = stream.getvalue()
        show(events(progress, vertex("a", "RUN", started=T0, completed=T1)))

    assert early == "#1 RUN\n#1 green\n"
    assert stream.getvalue() == "#1 RUN\n#1 green\n#1 DONE 2.5s\n"


def test_a_character_that_the_encoding_lacks_does_not_end_the_build() -> None:
    """On a stream of another encoding such a character becomes a question mark."""
    raw = io.BytesIO()
    progress = ProgressReader(Redactor(()))

    with progress_display(io.TextIOWrapper(raw, encoding="ascii", write_through=True)) as show:
        show(events(progress, vertex("a", "RUN → ✓", started=T0)))

    assert raw.getvalue() == b"#1 RUN ? ?" + os.linesep.encode()


def test_a_closed_pipe_does_not_end_the_build() -> None:
    """`inv docker.build 2>&1 | head` goes on building; what cannot be shown is dropped."""

    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(text)

    progress = ProgressReader(Redactor(()))
    with progress_display(Closed()) as show:
        show(events(progress, vertex("a", "RUN", started=T0)))
        show(events(progress, vertex("a", "RUN", started=T0, completed=T1)))


def test_a_terminal_shows_ended_steps_and_the_running_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ended step is printed once with its time; of a running one the end of its output is shown."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    stream = Terminal()
    progress = ProgressReader(Redactor(()))

    with progress_display(stream) as show:
        show(events(progress, vertex("a", "FROM base", started=T0, completed=T0, cached=True)))
        show(events(progress, vertex("b", "RUN two", started=T0) + log("b", b"working\n")))
        live = stream.getvalue()
        show(events(progress, vertex("b", "RUN two", started=T0, completed=T1)))

    shown = stream.getvalue()
    assert shown.count("cached") == 1
    assert "FROM base" in shown
    assert "2.5 s" in shown.replace("\x1b[2m", "").replace("\x1b[0m", "")
    assert live != ""


BUILD = """
echo "$BUILDKIT_PROGRESS" >&2
cat "$FOLDER/progress"
echo " app  Built" >&2
exit "$CODE"
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the script in place of docker is a shell script")
@pytest.mark.parametrize("code", [0, 1])
def test_a_build_may_report_its_progress_on_stdout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    """Compose writes progress to stdout and messages to stderr: steps are shown on stderr, a failure has its output."""
    error = {"error": "process did not complete: exit code: 3"} if code else {}
    progress = [
        vertex("a", "[app internal] load build definition", started=T0, completed=T1),
        vertex("b", "[app 2/2] RUN echo marked-value", started=T0) + log("b", b"it is marked-value\n"),
        vertex("b", "", started=T0, completed=T1, **error),
    ]
    (tmp_path / "progress").write_text("".join(progress), encoding="utf-8")
    env = {**fake_docker(tmp_path, BUILD), "FOLDER": str(tmp_path), "CODE": str(code)}
    redactor = Redactor(["marked-value"])

    with pytest.raises(BuildFailed) if code else nullcontext() as raised:
        run_build(["docker", "compose", "build"], env, what="Not built", redactor=redactor)

    shown = capsys.readouterr()
    end = "ERROR: process did not complete: exit code: 3" if code else "DONE 2.5s"
    assert shown.out == ""
    assert shown.err.splitlines() == ["#1 [app 2/2] RUN echo ***", "#1 it is ***", f"#1 {end}"]
    if raised is not None:
        assert raised.value.message == (
            "Not built: step [app 2/2] RUN echo *** failed with exit code: 3.\n  it is ***"
        )


@pytest.mark.skipif(sys.platform == "win32", reason="the script in place of docker is a shell script")
def test_a_build_that_fails_without_a_step_gives_dockers_messages(tmp_path: Path) -> None:
    """The progress is asked for by BUILDKIT_PROGRESS; what is no progress becomes the message, redacted."""
    env = fake_docker(tmp_path, 'echo "$BUILDKIT_PROGRESS: no marked-value" >&2; exit 1')

    with pytest.raises(BuildFailed, match=r"^Not built: rawjson: no \*\*\*$"):
        run_build(["docker"], env, what="Not built", redactor=Redactor(["marked-value"]))


@pytest.mark.skipif(sys.platform == "win32", reason="the script in place of docker is a shell script")
@pytest.mark.parametrize(("native", "progress"), [(True, ""), (False, "rawjson")])
def test_buildkits_own_display_is_for_builds_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: bool, progress: str
) -> None:
    """On a terminal a build with something to redact is asked for rawjson; only another one draws its own display."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(sys, "stderr", Terminal())
    env = fake_docker(tmp_path, f'printf "$BUILDKIT_PROGRESS" > {tmp_path}/progress')

    run_build(["docker"], env, what="Not built", redactor=Redactor(()), native_display=native)

    assert (tmp_path / "progress").read_text(encoding="utf-8") == progress


def test_output_of_a_step_moves_no_cursor() -> None:
    """Colours are taken out; what is left of control characters is escaped, but for tabs."""
    shown = lines(
        ProgressReader(Redactor(())),
        [vertex("a", "RUN one", started=T0), log("a", b"\x1b[31mred\x1b[0m\x07\tok\x9b\n")],
    )
    assert [line for line in shown if "red" in line and line.endswith("red\\x07\tok\ufffd")]
