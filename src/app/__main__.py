"""`python -m app` serves; `python -m app token` prints a token for the JSON API."""

from __future__ import annotations

import argparse
import logging
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

import uvicorn
from pydantic import ValidationError

from .access import make_token
from .settings import Settings, problems

logger = logging.getLogger("app.server")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; 1 with a sentence on stderr when the settings are wrong or the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m app", description="The sample service: short notes.")
    parser.add_argument("command", nargs="?", choices=["serve", "token"], default="serve")
    command = parser.parse_args(arguments).command
    try:
        settings = Settings()
    except ValidationError as error:
        return _refuse("the settings are not complete:", *(f"  {problem}" for problem in problems(error)))
    if command == "token":
        print(make_token(settings))  # noqa: T201 - the command's answer
        return 0
    return _serve(settings)


def _serve(settings: Settings) -> int:
    try:
        listener = _listen(settings.app_host, settings.app_port)
    except OSError as error:
        where = f"{settings.app_host}:{settings.app_port}"
        return _refuse(f"cannot listen on {where}: {error.strerror}. Another APP_PORT may be free.")
    _set_up_logging(settings)
    from .web import create_app  # after the port is ours: the web framework is the slow part

    config = uvicorn.Config(
        create_app(settings),
        log_config=None,
        access_log=settings.app_debug,
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    with suppress(KeyboardInterrupt):  # raised again by uvicorn once what was under way is finished
        _Server(config, settings.app_env).run(sockets=[listener])
    return 0


class _Server(uvicorn.Server):
    """A server that logs its address in one line once it answers."""

    def __init__(self, config: uvicorn.Config, environment: str) -> None:
        super().__init__(config)
        self._environment = environment

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            host = f"[{host}]" if ":" in host else host
            logger.info("%s on http://%s:%s", self._environment, host, port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        logger.info("stopped")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=512)


def _set_up_logging(settings: Settings) -> None:
    logging.basicConfig(format="app: %(message)s", stream=sys.stderr, level=logging.WARNING)
    logging.getLogger("app").setLevel(settings.app_log_level)
    for always in (logger, logging.getLogger("uvicorn.access")):  # the latter speaks only if APP_DEBUG is on
        always.setLevel(logging.INFO)


def _refuse(*lines: str) -> int:
    sys.stderr.write("app: " + "\n".join(lines) + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
