"""What Invoke and nox document does the same with our decorators in place of theirs."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.projects import Sandbox, make_sandbox

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="the examples have lines of a POSIX shell"),
]

INVOKE = {
    "pre and post tasks run around a task": (
        """
        @task
        def setup(c):
            print("setup")

        @task
        def tidy(c):
            print("tidy")

        @task(pre=[setup], post=[tidy])
        def build(c):
            print("build")

        @task(setup, build)
        def release(c):
            print("release")
        """,
        ["build release", "tidy setup release", "--no-dedupe build release"],
    ),
    "a list calls a task with arguments": (
        """
        from invoke import call

        @task
        def clean(c, which="cache", deep=False):
            print("clean", which, deep)

        @task(pre=[call(clean, which="all"), call(clean, "logs", deep=True)], post=[call(clean, which="all")])
        def build(c):
            print("build")
        """,
        ["build build", "--no-dedupe build"],
    ),
    "a list runs lists of lists": (
        """
        @task
        def base(c):
            print("base")

        @task(pre=[base])
        def left(c):
            print("left")

        @task(pre=[base], post=[left])
        def right(c):
            print("right")

        @task(pre=[left, right])
        def top(c):
            print("top")
        """,
        ["right left top", "--no-dedupe top"],
    ),
    "a body calls tasks as functions": (
        """
        @task
        def noise(c):
            print("noise")

        @task(pre=[noise], autoprint=True)
        def version(c, part="minor"):
            return f"1.2-{part}"

        @task
        def release(c):
            print(version(c), version(c), version(c, part="major"))

        @task(post=[version])
        def last(c):
            print(version.called, version.times_called, version.pre == [noise], last.post == [version])
        """,
        ["release", "version --part=x", "version last"],
    ),
    "a collection has a default task": (
        """
        from invoke import Collection

        @task(default=True)
        def everything(c):
            print("everything")

        @task
        def one(c):
            print("one")

        ns = Collection(one, everything, docs=Collection("docs", one, everything))
        """,
        ["", "docs docs.one one", "--list", "--list --list-format=nested"],
    ),
    "tasks have names and aliases": (
        """
        @task(name="make", aliases=["m", "mk_it"])
        def build(c):
            "Make it."
            print("made")
        """,
        ["make m", "mk-it", "build", "--list", "--complete -- inv"],
    ),
    "arguments have the kinds of their defaults": (
        """
        @task
        def run(c, name, times=1, ratio=0.5, shout=False, quiet=True, note=None, items=("a",)):
            print(repr(name), repr(times), repr(ratio), shout, quiet, repr(note), items)
        """,
        [
            "run ada run --name ada --times 3 --ratio 2.5 run ada -t 2 -s --no-quiet --note=x",
            "run",
            "run ada --times x",
            "run ada --unknown",
        ],
    ),
    "positional arguments can be chosen": (
        """
        @task(positional=["target"])
        def copy(c, source, target="here"):
            print(source, target)

        @task(positional=[])
        def move(c, source="there"):
            print(source)
        """,
        ["copy -s a there", "copy -s a move --source x", "move x"],
    ),
    "flags can repeat and count": (
        """
        @task(iterable=["tag"], incrementable=["verbose"])
        def test(c, tag=None, verbose=0):
            print(tag, verbose)
        """,
        ["test test --tag a --tag b -vvv test -t a -v -v"],
    ),
    "values can be optional": (
        """
        @task(optional=["log"])
        def compile(c, log=None):
            print(repr(log))
        """,
        ["compile compile --log=x.txt", "compile --log"],
    ),
    "short flags can be left out": (
        """
        @task(auto_shortflags=False)
        def sync(c, force=False):
            print(force)

        @task
        def two(c, first="", fast="", frame=""):
            print(first, fast, frame)
        """,
        ["sync --force two -f 1 -a 2 -r 3", "sync -f"],
    ),
    "underscores become dashes": (
        """
        from invoke import Collection

        @task
        def show_all_things(c, with_names=False):
            print("things", with_names)

        inner = Collection("inner_part", show_all_things)
        ns = Collection(show_all_things, inner)
        """,
        ["show-all-things --with-names inner-part.show-all-things", "show_all_things", "--list"],
    ),
    "collections nest and are renamed": (
        """
        from invoke import Collection

        @task
        def up(c):
            print("up")

        @task
        def down(c, now=False):
            print("down", now)

        ns = Collection()
        ns.add_task(up, aliases=["start"])
        db = Collection("db")
        db.add_task(down, name="drop", default=True)
        ns.add_collection(db, name="database")
        db.add_collection(Collection("deep", up=up))
        """,
        [
            "up database database.drop --now database.deep.up",
            "db.drop",
            "--list -D 1",
            "--list database",
        ],
    ),
    "collections carry configuration": (
        """
        from invoke import Collection

        @task
        def show(c):
            print(c.colour, c["size"], c.paint.get("coat", "none"), c.config.paint.brand)
            c.config.size = "changed"

        inner = Collection("inner", show)
        inner.configure({"colour": "red", "paint": {"coat": "two"}})
        ns = Collection(show, inner)
        ns.configure({"colour": "blue", "size": "s", "paint": {"brand": "x"}})
        """,
        ["show inner.show", "-f extra.yaml inner.show"],
    ),
    "commands print, are hidden, and give results": (
        """
        @task
        def run(c):
            c.run("echo shown; echo aside >&2")
            hidden = c.run("echo hidden; echo aside >&2", hide=True)
            print(repr(hidden.stdout), repr(hidden.stderr), hidden.ok, hidden.exited, hidden.command)
            half = c.run("echo half; echo aside >&2", hide="stderr")
            print(repr(half.stdout), repr(half.stderr), bool(half), half.tail("stdout"))
            failed = c.run("echo bad; exit 3", warn=True)
            print(failed.ok, failed.failed, failed.exited, failed.return_code, repr(failed.stdout), str(failed))
        """,
        ["run", "--hide both run"],
    ),
    "a failed command ends the run with its code": (
        """
        @task
        def fails(c, hide=False):
            c.run("echo out; echo err >&2; exit 7", hide=hide)
            print("not reached")

        @task
        def after(c):
            print("not reached either")

        @task
        def handles(c):
            from invoke import UnexpectedExit
            try:
                c.run("echo out; exit 7", hide=True)
            except UnexpectedExit as error:
                print(error.result.exited, error.result.stdout, repr(error))
        """,
        ["fails after", "fails --hide", "handles", "--warn-only fails", "--dry fails"],
    ),
    "Exit ends the run": (
        """
        import sys
        from invoke import Exit

        @task
        def stop(c, message="", code=0):
            raise Exit(message or None, code or None)

        @task
        def system(c, code=0):
            sys.exit(code or "a sentence")

        @task
        def breaks(c):
            raise ValueError("broken")
        """,
        ["stop", "stop --message why", "stop -m why -c 9 breaks", "system", "system -c 4", "breaks"],
    ),
    "commands have variables": (
        """
        @task
        def run(c):
            c.run("echo $A $B", env={"B": "b"})
            c.run("echo ${A:-none} $B", env={"B": "b"}, replace_env=True)
            c.run("echo $A $CONFIGURED")

        @task
        def configured(c):
            c.config.run.env = {"CONFIGURED": "yes"}
            c.run("echo $A $CONFIGURED")
            c.run("echo $A ${CONFIGURED:-no}", env={"B": "b"})
        """,
        ["configured run"],
    ),
    "commands run in folders and behind prefixes": (
        """
        @task
        def run(c):
            with c.cd("sub"):
                c.run("basename $PWD")
                with c.cd("deeper"), c.prefix("echo before"), c.prefix("echo again"):
                    print(c.cwd, c.command_prefixes)
                    c.run("basename $PWD")
            c.run("test -d sub && echo back")
        """,
        ["run"],
    ),
    "what a body calls runs in its folder and behind its prefix": (
        """
        @task
        def inner(c):
            print(c.cwd, c.command_prefixes)
            c.run("test -e tasks.py && echo root || basename $PWD")  # the two projects have names of their own

        @task
        def middle(c):
            with c.cd("deeper"):
                inner(c)
            inner(c)

        @task(pre=[inner], post=[inner])
        def run(c):
            with c.cd("sub"), c.prefix("echo before"):
                inner(c)
                middle(c)
            inner(c)
        """,
        ["run", "--no-dedupe run"],
    ),
    "commands are echoed": (
        """
        @task
        def run(c):
            c.run("echo one", echo=True)
            c.run("echo two")
            c.run("echo three", echo=True, hide=True)
            c.run("echo four", echo=True, echo_format="$ {command}")
        """,
        ["run", "--echo run", "--dry run"],
    ),
    "watchers answer": (
        """
        from invoke import Responder, StreamWatcher

        class Counts(StreamWatcher):
            seen = 0

            def submit(self, stream):
                self.seen = stream.count("x")
                return []

        @task
        def run(c):
            counts = Counts()
            script = "printf 'name? '; read name; printf 'sure? '; read sure; echo x $name $sure x"
            answers = [Responder(r"name\\? ", "ada\\n"), Responder(r"sure\\? ", "yes\\n"), counts]
            result = c.run(script, watchers=answers, in_stream=False)
            print(repr(result.stdout), counts.seen)
        """,
        ["run"],
    ),
    "streams can be given": (
        """
        import io

        @task
        def run(c):
            out, err = io.StringIO(), io.StringIO()
            c.run("cat; echo aside >&2", in_stream=io.StringIO("given"), out_stream=out, err_stream=err)
            print(repr(out.getvalue()), repr(err.getvalue()))
        """,
        ["run"],
    ),
    "commands run in the background": (
        """
        @task
        def run(c):
            promise = c.run("echo later", asynchronous=True)
            print("meanwhile")
            print(repr(promise.join().stdout))
            with c.run("echo within", asynchronous=True) as promise:
                pass
            print(c.run("true", disown=True).disowned)
        """,
        ["run"],
    ),
    "a pseudo-terminal": (
        """
        @task
        def run(c):
            result = c.run("test -t 1 && echo terminal || echo pipe", pty=True)
            print(result.pty, repr(result.stderr))
            result = c.run("test -t 1 && echo terminal", pty=True, fallback=False, in_stream=False)
            print(result.pty, repr(result.stdout))
        """,
        ["run"],
    ),
    "configuration comes from files and variables": (
        """
        @task
        def show(c):
            print(c.config.get("fruit"), c.config.get("size"), c.config.run.echo, c.config.tasks.dedupe)
            c.run("true")
        """,
        ["show", "-f extra.yaml show", "--no-dedupe show"],
    ),
    "words after the dashes": (
        """
        @task
        def rest(c, flag=False):
            print(flag, repr(c.remainder))
        """,
        ["rest -- one --two", "rest --flag -- rest", "rest"],
    ),
    "a module may be a package of collections": (
        """
        from invoke import Collection
        import extra_tasks

        ns = Collection.from_module(extra_tasks, name="extra", config={"word": "hello"})
        """,
        ["greet", "--list"],
    ),
}


def _cases(examples: dict[str, tuple[str, list[str]]]) -> list[object]:
    return [
        pytest.param(text, line, id=f"{name}: {line}")
        for name, (text, lines) in examples.items()
        for line in lines
    ]


Ended = tuple[int, str, str]


def _both(folder: Path, run: Callable[[Sandbox, str], Ended], theirs: str, ours: str) -> tuple[Ended, Ended]:
    """How both end, run at the same time in two folders, which their output does not name."""

    def ended(package: str, name: str) -> Ended:
        (folder / name / "sub" / "deeper").mkdir(parents=True)
        code, out, errors = run(make_sandbox(folder / name), package)
        return code, out.replace(f"{folder / name}", "."), errors.replace(f"{folder / name}", ".")

    with ThreadPoolExecutor() as pool:
        first, second = pool.submit(ended, theirs, "theirs"), pool.submit(ended, ours, "ours")
        return first.result(), second.result()


@pytest.mark.parametrize(("text", "line"), _cases(INVOKE))
def test_tasks_do_what_invoke_documents(tmp_path: Path, text: str, line: str) -> None:
    """With `from envtasks import task` each example prints and ends as with `from invoke import task`."""

    def run(sandbox: Sandbox, package: str) -> Ended:
        header = f"from {package} import task\n"
        sandbox.write("tasks.py", header + textwrap.dedent(text))
        sandbox.write("extra_tasks.py", header + '@task\ndef greet(c):\n    "Greet."\n    print(c.word)\n')
        sandbox.write(
            "extra.yaml", "colour: green\nfruit: plum\nrun: {echo: true, echo_format: '+ {command}'}\n"
        )
        sandbox.write("invoke.yaml", "fruit: apple\nrun: {echo_format: '{command}'}\n")
        done = sandbox.inv(*line.split(), A="a", INVOKE_SIZE="big")
        # a traceback names files; its last line is the same
        failed = done.stderr.startswith("Traceback")
        return done.returncode, done.stdout, done.stderr.splitlines()[-1] if failed else done.stderr

    theirs, ours = _both(tmp_path, run, "invoke", "envtasks")
    assert ours == theirs


NOX = {
    "sessions are listed": (
        """
        @session(tags=["fast", "ci"])
        def unit(session):
            "Unit tests."

        @session(name="slow-one", python=["3.11", "3.12"], default=False)
        def slow(session):
            "Slow tests."

        @session(py="3.13", reuse_venv=True, venv_backend="uv", venv_params=["--seed"])
        def docs(session):
            pass
        """,
        [
            "--list",
            "--list --json",
            "--list -t ci",
            "--list -k unit",
            "--list -s slow-one-3.12",
            "--usage unit",
        ],
    ),
    "sessions are chosen": (
        """
        @session(tags=["a"])
        def one(session):
            print("one", session.name, session.python, session.posargs)

        @session(tags=["a", "b"], default=False)
        def two(session):
            print("two", session.name)

        nox.options.keywords = "not three"

        @session
        def three(session):
            print("three")
        """,
        ["", "-s two one", "-t b", "-k two", "-s one -- x --y", "-s missing", "-t none"],
    ),
    "sessions are parametrized": (
        """
        @session
        @nox.parametrize("django", ["1.9", "2.0"], ids=["old", "new"])
        @nox.parametrize("db", ["pg", nox.param("lite", tags=["quick"])])
        def tests(session, db, django):
            print(session.name, db, django)
        """,
        ["", "-s tests(db='pg',django='2.0')", "-s tests(old,db='lite')", "-t quick", "--list", "-k new"],
    ),
    "sessions need and notify others": (
        """
        @session
        def build(session):
            print("build")

        @session(requires=["build"])
        def test(session):
            print("test")
            session.notify("cover")
            session.notify("report", posargs=["x"])
            session.notify("cover")

        @session(default=False)
        def cover(session):
            print("cover", session.posargs)

        @session(default=False)
        def report(session):
            print("report", session.posargs)

        @session(requires=["breaks"], default=False)
        def needs(session):
            print("not reached")

        @session(default=False)
        def breaks(session):
            session.error("broken")

        @session(default=False)
        def wrong(session):
            session.notify("nothing")
        """,
        ["-s test", "-s test -- a", "-s needs", "-s wrong", "--no-dependencies -s test", "-s cover test"],
    ),
    "sessions end and speak": (
        """
        @session
        def fails(session):
            session.error("not", "today")

        @session
        def skips(session):
            session.skip("not needed")

        @session
        def speaks(session):
            session.log("log %s", 1)
            session.warn("warn")
            session.debug("debug")
            print(session.interactive, session.venv_backend, session.bin_paths)

        @session
        def silent_error(session):
            session.error()

        @session
        def raises(session):
            raise ValueError("broken")
        """,
        ["", "--stop-on-first-error", "-v -s speaks", "-s skips", "-s raises", "-s silent_error"],
    ),
    "commands of a session": (
        """
        import subprocess

        @session
        def runs(session):
            session.env["A"] = "session"
            session.run("sh", "-c", "echo $A $B", env={"B": "b"})
            session.run("sh", "-c", "echo ${A:-none}", env={"A": None})
            print(repr(session.run("sh", "-c", "echo out; echo err >&2", silent=True)))
            print(repr(session.run("sh", "-c", "echo out; echo err >&2", silent=True, stderr=None)))
            print(session.run("sh", "-c", "exit 5", success_codes=[0, 5]))
            session.run_always("sh", "-c", "echo always")
            with session.chdir("sub"):
                session.run("sh", "-c", "basename $PWD")
            with session.cd("sub"):
                session.run("sh", "-c", "basename $PWD", log=False)
            with open("out.txt", "w") as out:
                session.run("echo", "file", stdout=out)
            print(open("out.txt").read(), session.run("env", include_outer_env=False, silent=True).count("HOME="))

        @session
        def fails(session):
            session.run("sh", "-c", "echo before; exit 5")
            print("not reached")

        @session
        def hidden(session):
            session.run("sh", "-c", "echo before; exit 5", silent=True)

        @session
        def missing(session):
            session.run("no-such-program")

        @session
        def installs(session):
            session.install("x")

        @session
        def empty(session):
            session.run()
        """,
        ["-s runs", "--install-only -s runs", "-s fails hidden missing", "-s installs", "-s empty"],
    ),
    "functions are shared": (
        """
        def check(session):
            print("checking", session.name)

        @session
        def one(session):
            check(session)
            print(two.name, two.tags)

        @session(tags=["x"])
        def two(session):
            "Two."
            print(two.__name__, two.__doc__)

        @session(name="b")
        @session(name="a")
        def both(session):
            print("both", session.name)
        """,
        ["", "-s a b"],
    ),
    "sessions have folders": (
        """
        @session
        def folders(session):
            print(session.create_tmp().endswith("tmp"), "TMPDIR" in session.env, session.env["NOX_CURRENT_SESSION"])
            print(session.cache_dir.name, session.env_dir.name, session.invoked_from)
        """,
        ["", "--non-interactive"],
    ),
}
_DURATION = re.compile(r" in \d+ \w+| in a moment| in an? \w+")


@pytest.mark.parametrize(("text", "line"), _cases(NOX))
def test_sessions_do_what_nox_documents(tmp_path: Path, text: str, line: str) -> None:
    """With `from envtasks.sessions import session` each example prints and ends as with `from nox import session`."""

    def run(sandbox: Sandbox, module: str) -> Ended:
        header = f'import nox\nfrom {module} import session\nnox.options.default_venv_backend = "none"\n'
        sandbox.write("noxfile.py", header + textwrap.dedent(text))
        done = sandbox.nox(*line.split(), A="a")
        errors = _DURATION.sub("", done.stderr)
        # without the lines of a traceback that name files
        return done.returncode, done.stdout, "".join(re.findall(r"^(?!  ).*\n", errors, re.MULTILINE))

    theirs, ours = _both(tmp_path, run, "nox", "envtasks.sessions")
    assert ours == theirs
