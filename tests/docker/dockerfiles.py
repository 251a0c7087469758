"""Dockerfiles with what makes them hard to read: both readers are held against each other on them."""

from __future__ import annotations

import textwrap

_TEXTS = {
    "the usual three stages": """
        ARG PYTHON_IMAGE=python:3.12-slim
        ARG UNUSED=1
        FROM ${PYTHON_IMAGE} AS base
        ARG APP_ENV=production
        FROM base AS builder
        ARG UV_INDEX_INTERNAL_USERNAME
        ARG UV_INDEX_INTERNAL_PASSWORD
        ARG TARGETPLATFORM
        ARG HTTP_PROXY
        RUN true
        FROM base AS unreachable
        ARG NEVER_ASKED
        RUN --mount=type=secret,id=never true
        FROM base AS runtime
        COPY --from=builder /etc/hostname /tmp/
        """,
    "secret mounts in every spelling": """
        FROM python:3.12-slim
        ARG SUFFIX=token
        run --mount=type=secret,id=npm_${SUFFIX},env=NPM_TOKEN,required=true \\
            --mount="type=secret,target=/run/secrets/by-target" \\
            --mount=type=secret,id=plain,required \\
            --mount=type=cache,target=/root/.cache \\
            true
        RUN --mount=type=secret,id=plain --mount=type=secret,id=off,required=false true
        """,
    "heredocs and comments that look like instructions": """
        FROM python:3.12-slim AS first
        RUN <<SCRIPT
        ARG NOT_AN_ARGUMENT
        FROM nowhere
        SCRIPT
        RUN true \\
            # ARG COMMENTED_OUT

            && true
        # ARG ALSO_COMMENTED
        ARG REAL
        RUN true
        """,
    "another escape character": """
        # escape=`
        FROM python:3.12-slim
        ARG A `
            B=2
        RUN true `
            && true
        """,
    "a stage without a name, copied from by number": """
        FROM python:3.12-slim
        ARG IN_THE_FIRST="quoted default"
        RUN true
        FROM python:3.12-slim
        ARG IN_THE_SECOND
        COPY --from=0 /etc/hostname /tmp/
        """,
    "one argument in several stages": """
        ARG TOKEN=first
        FROM python:3.12-slim AS base
        FROM base AS builder
        ARG TOKEN
        RUN true
        FROM base
        ARG TOKEN=last
        COPY --from=builder /etc/hostname /tmp/
        """,
    "a mount from another stage": """
        FROM python:3.12-slim AS tools
        ARG OF_THE_TOOLS
        RUN true
        FROM python:3.12-slim
        RUN --mount=type=bind,from=tools,target=/tools true
        """,
    "a FROM that a value chooses": """
        ARG VARIANT=full
        FROM python:3.12-slim AS slim
        ARG OF_SLIM
        RUN true
        FROM python:3.12-slim AS full
        ARG OF_FULL
        RUN true
        FROM ${VARIANT:-full}
        RUN true
        """,
    "names in other cases": """
        from python:3.12-slim as Base
        Arg One=1 Two
        fRoM base
        aRg Three
        """,
}
DOCKERFILES = {name: textwrap.dedent(text).lstrip() for name, text in _TEXTS.items()}
