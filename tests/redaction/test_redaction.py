"""The secret values of an environment are redacted in any text, in whatever pieces it comes."""

from __future__ import annotations

import base64
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envtasks import console
from envtasks.redaction import Redactor, StreamRedactor, base64_of, encodings_of, redacted_texts, wrapped
from tests.commands import with_sources
from tests.redaction.fuzzing import leaks
from tests.steps import steps

SECRET = "pä ss/w+rd?&='x\"<y>\\z"
PEM = "-----BEGIN KEY-----\nMIIBVgIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n"


def fed(redactor: Redactor, *chunks: bytes) -> list[bytes]:
    """What comes out after each chunk, and at the end."""
    stream = redactor.stream()
    return [*(stream.feed(chunk) for chunk in chunks), stream.flush()]


def test_a_value_is_replaced_by_the_mask_wherever_it_stands() -> None:
    """Each occurrence of a secret becomes ***, and everything around it stays."""
    assert Redactor(["s3cret"]).text("a s3cret b:s3crets3cret.") == "a *** b:******."


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="!'()*"),
        re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), quote(SECRET, safe="")),
        re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), quote_plus(SECRET)),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")[1:-1],
        repr(SECRET)[1:-1],
        SECRET.replace("'", "'\\''"),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_encoded_forms_are_redacted_whole(written: str) -> None:
    """A secret is redacted in URL encoding of both cases, in JSON, in a Python repr, in shell quotes and in base64."""
    assert Redactor([SECRET]).text(f"<{written}>") == "<***>"


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
@pytest.mark.parametrize("after", ["", "\n", "@host", "more text"])
def test_base64_is_redacted_wherever_the_value_stands_in_what_was_encoded(
    encode: object, before: str, after: str
) -> None:
    """At most the letters that also depend on the neighbours are left of an encoded secret (`user:password`)."""
    secret = "\xff\xfepass>>>word???"
    assert callable(encode)
    written = encode((before + secret + after).encode()).decode()
    redacted = Redactor([secret]).text(written)
    assert "***" in redacted
    left = redacted.split("***")
    assert len(left[0]) <= len(encode(before.encode()).decode().rstrip("=")) + 1
    assert len(left[1]) <= (len(after.encode()) + 2) * 4 // 3 + 2


def test_base64_in_lines_is_redacted_as_a_whole() -> None:
    """What `base64` wraps at 76 columns is redacted with the line breaks in it."""
    secret = "".join(chr(33 + i % 90) for i in range(200))
    once = base64.encodebytes(secret.encode()).decode()
    assert Redactor([secret]).text(f"a {once}b") == "a ***\nb"


def test_each_line_of_a_value_with_several_lines_is_redacted() -> None:
    """A PEM key is redacted line by line (but not its frame), also indented, and on one line in JSON."""
    redactor = Redactor([PEM])
    begin, end = "-----BEGIN KEY-----", "-----END KEY-----"
    assert redactor.text(PEM) == f"{begin}\n***\n***\n{end}\n"
    assert (
        redactor.text("  " + PEM.replace("\n", "\r\n  ")) == f"  {begin}\r\n  ***\r\n  ***\r\n  {end}\r\n  "
    )
    assert redactor.text(json.dumps(PEM.strip())) == '"***"'
    assert redactor.text("only MIIBVgIBADANBgkq of it") == "only *** of it"


def test_a_value_with_short_lines_is_redacted_as_a_whole_too() -> None:
    """Lines under 4 characters are left alone one by one, but not where the whole value stands."""
    redactor = Redactor(["ab\ncd\nlonger line"])
    assert redactor.text("x ab\ncd\nlonger line y") == "x *** y"
    assert redactor.text("ab longer line cd") == "ab *** cd"


@pytest.mark.parametrize("value", ["", "a", "abc", "äöü", "    ", "\n\n\n\n\n"])
def test_values_that_are_no_secret_are_left_alone(value: str) -> None:
    """Values under 4 characters and blank ones are not redacted, and a redactor of them is false."""
    redactor = Redactor([value])
    assert not redactor
    assert redactor.text(f"x{value}y{value}    abc") == f"x{value}y{value}    abc"


def test_four_characters_are_enough() -> None:
    """A value of exactly 4 characters is redacted, and a redactor of it is true."""
    assert (Redactor(["abcd"]).text("abcd"), bool(Redactor(["abcd"]))) == ("***", True)


def test_the_longest_value_wins() -> None:
    """Where one secret contains another, the whole is one mask; where they overlap, nothing of either is left."""
    redactor = Redactor(["pass", "passport", "my passport is", "port123", "aaaa"])
    assert redactor.text("pass passport my passport is passport123 aaaaaaa") == "*** *** *** *** ***"


def test_a_secret_in_pieces_is_redacted() -> None:
    """A secret that comes in chunks is found whatever the chunks are."""
    text, redactor = b"key=s3cret-value; again s3cret-value.", Redactor(["s3cret-value"])
    for size in range(1, len(text)):
        chunks = [text[i : i + size] for i in range(0, len(text), size)]
        assert b"".join(fed(redactor, *chunks)) == b"key=***; again ***."


def test_nothing_is_held_back_that_is_decided() -> None:
    """Only an ending that may be a secret's beginning waits, and only until the next byte decides."""
    redactor = Redactor(["s3cret-value"])
    assert fed(redactor, b"Password: ", b"ends with s3c", b"ond", b" s3cret-valu") == [
        b"Password: ",
        b"ends with ",
        b"s3cond",
        b" ",
        b"s3cret-valu",
    ]


def test_a_complete_secret_waits_only_if_a_longer_one_may_follow() -> None:
    """`pass` comes out as the mask at once, unless `passport` is secret as well."""
    assert fed(Redactor(["pass"]), b"pass", b"port") == [b"***", b"port", b""]
    assert fed(Redactor(["pass", "passport"]), b"pass", b"port") == [b"", b"***", b""]
    assert fed(Redactor(["pass", "passport"]), b"pass", b"pore") == [b"", b"***pore", b""]


def silence(stream: StreamRedactor, *chunks: bytes) -> list[bytes]:
    """What comes out if there is a silence after each chunk."""
    return [stream.feed(chunk) + stream.settle() for chunk in chunks]


def test_a_prompt_comes_out_after_a_silence() -> None:
    """A prompt that ends with up to 3 letters of a secret appears, and the rest of a secret stays redacted."""
    redactor = Redactor(["s3cret-value"])
    assert silence(redactor.stream(), b"name: s", b"3c", b"ret-value", b" ok") == [
        b"name: s",
        b"3c",
        b"***",
        b" ok",
    ]
    assert silence(redactor.stream(), b"name: s", b"am") == [b"name: s", b"am"]


def test_a_silence_shows_no_more_than_three_letters_of_a_secret() -> None:
    """Four letters of a secret's beginning stay held, however long the silence is."""
    stream = Redactor(["s3cret-value"]).stream()
    assert silence(stream, b"s3cr", b"et", b"-value") == [b"", b"", b"***"]
    stream = Redactor(["s3cret-value"]).stream()
    assert silence(stream, *(bytes([b]) for b in b"s3cret-value")) == [b"s", b"3", b"c", *[b""] * 8, b"***"]


def test_a_silence_counts_what_overlaps_once() -> None:
    """Letters that two secrets share are not taken for two: five open letters of a longer secret stay held."""
    stream = Redactor(["aaaa", "aaaaabcdefgh"]).stream()
    assert silence(stream, b"aaaaabcdef", b"gh") == [b"", b"***"]


def test_a_silence_shows_a_complete_secret_as_its_mask() -> None:
    """What is a secret by itself and may become a longer one is shown as one mask."""
    stream = Redactor(["pass", "passport"]).stream()
    assert silence(stream, b"pass", b"port", b"!") == [b"***", b"", b"!"]
    stream = Redactor(["pass", "passport"]).stream()
    assert silence(stream, b"pass", b"ing") == [b"***", b"ing"]


def test_at_the_end_of_what_is_known_everything_is_shown_and_the_rest_stays_redacted() -> None:
    """`settle(everything=True)` gives what is held; if the secret goes on after all, its rest is redacted."""
    stream = Redactor(["s3cret-value"]).stream()
    assert stream.feed(b"s3cret-") + stream.settle(everything=True) == b"s3cret-"
    assert stream.feed(b"value.") == b"***."


def test_bytes_that_are_no_text_pass() -> None:
    """Output in no encoding at all stays as it is, byte for byte."""
    data = bytes(range(256)) * 3
    assert b"".join(fed(Redactor(["s3cret"]), data, b"s3cret", data)) == data + b"***" + data
    assert Redactor(["s3cret"]).text("\udcff s3cret \ud800") == "\udcff *** \ud800"


def test_values_can_be_added() -> None:
    """A value that is added is hidden in text, and in what comes next in the streams that there are."""
    redactor = Redactor([])
    stream = redactor.stream()
    shown = [stream.feed(b"hunter2 s3cret\n")]
    redactor.add(["s3cret", "abc", "    "])
    shown += [stream.feed(b"hunter2 s3cret\n")]
    redactor.add(["hunter2"])
    shown += [stream.feed(b"hunter2 s3cret\n")]

    assert shown == [b"hunter2 s3cret\n", b"hunter2 ***\n", b"*** ***\n"]
    assert (redactor.text("s3cret abc"), bool(redactor)) == ("*** abc", True)


def test_another_mask() -> None:
    """The mask can be chosen."""
    assert Redactor(["s3cret"], mask="[hidden]").text("a s3cret") == "a [hidden]"


def test_a_redactor_never_shows_its_values() -> None:
    """Neither repr nor pickle gives a value away."""
    redactor = Redactor(["s3cret-value"])
    assert repr(redactor) == "<Redactor of 1 values>"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(redactor)


Unit = tuple[int, int, int]
"""A byte, and where what it is written as begins and ends."""


def percent_decoded(units: list[Unit]) -> list[Unit]:
    """The same with percent-encoded bytes decoded once."""
    out, at = [], 0
    while at < len(units):
        digits = bytes(byte for byte, _, _ in units[at + 1 : at + 3])
        if units[at][0] == ord("%") and re.fullmatch(rb"[0-9A-Fa-f]{2}", digits):
            out.append((int(digits, 16), units[at][1], units[at + 2][2]))
            at += 3
        else:
            out.append(units[at])
            at += 1
    return out


def found(text: bytes, data: bytes, *, base64: bool) -> Iterator[tuple[int, int]]:
    """Each place of a text by definition: base64 may have breaks behind its fourth letter, 16 or more between two."""
    between = rb"(?:\s|\\[nr])*" if base64 else b""
    letters = [re.escape(bytes((byte,))) for byte in text]
    for match in re.finditer(
        b"(?=(" + b"".join(letters[:4]) + b"".join(between + x for x in letters[4:]) + b"))", data
    ):
        lines = (
            [*re.finditer(rb"(?:(?!\\[nr]|\s)(?s:.))+", match[1])]
            if base64
            else [re.match(b"(?s:.+)", match[1])]
        )
        spans = [(match.start() + line.start(), match.start() + line.end()) for line in lines if line]
        if all(end - start >= 16 for start, end in spans[1:-1]):
            yield match.span(1)


def naive(data: bytes, values: list[str]) -> bytes:
    """The same by definition: mark every byte of every occurrence, one mask for each stretch of overlapping ones."""
    texts: frozenset[str] = frozenset().union(*map(redacted_texts, values))
    literal: frozenset[bytes] = frozenset().union(*map(encodings_of, texts))
    base64: frozenset[bytes] = frozenset().union(*map(base64_of, texts))
    base64 |= {text[3:] for text in base64 if len(text) >= 7}  # a break may follow one of the first letters
    once = percent_decoded(units := [(byte, at, at + 1) for at, byte in enumerate(data)])
    spans = sorted(
        (level[start][1], level[end - 1][2])
        for level in (units, once, percent_decoded(once))
        for text in literal | base64
        for start, end in found(text, bytes(byte for byte, _, _ in level), base64=text in base64)
    )
    out, at, end = bytearray(), 0, 0
    for start, stop in spans:
        if start >= end:
            out += data[at:start] + b"***"
            end = stop
        end = at = max(end, stop)
    return bytes(out + data[at:])


@settings(max_examples=300)
@given(
    values=st.lists(st.text("ab c/'\n%1", min_size=4, max_size=9), min_size=1, max_size=12),
    data=st.text("ab c/'\n%1256*", max_size=80),
    cuts=st.lists(st.integers(0, 80), max_size=8),
    pieces=st.lists(st.integers(0, 11), max_size=4),
)
def test_any_chunks_give_what_the_definition_says(
    values: list[str], data: str, cuts: list[int], pieces: list[int]
) -> None:
    """However values overlap and output is cut, the stream redacts exactly every occurrence of every encoding."""
    whole = (data + "".join(values[p % len(values)] for p in pieces) + data[::-1]).encode()
    points = [0, *sorted(cut for cut in cuts if cut <= len(whole)), len(whole)]
    chunks = [whole[a:b] for a, b in pairwise(points)]
    assert b"".join(fed(Redactor(values), *chunks)) == naive(whole, values)


@settings(max_examples=100)
@given(st.data())
def test_many_values_are_found_as_few_are(data: st.DataObject) -> None:
    """The search for many values at once finds what a search for each of them finds."""
    values = data.draw(st.lists(st.text(min_size=4, max_size=30), min_size=8, max_size=20))
    chosen = data.draw(st.sampled_from(values))
    text = (
        data.draw(st.text(max_size=40))
        + chosen
        + quote(chosen, errors="replace")
        + data.draw(st.text(max_size=40))
    )
    raw = text.encode("utf-8", "surrogatepass")
    assert b"".join(fed(Redactor(values), raw)) == naive(raw, values)


def test_nothing_is_made_before_the_first_output() -> None:
    """A redactor and its streams cost nothing until something is printed, and all streams share one search."""
    redactor = Redactor(secrets(500))
    assert steps(lambda: redactor.stream().flush()) < 100
    assert steps(lambda: redactor.stream().feed(b"first")) > 50_000
    assert steps(lambda: redactor.stream().feed(b"second")) < 1_000


def test_the_time_to_the_first_output_is_linear_in_the_number_of_values() -> None:
    """Four times as many values take about four times as many steps (all pairs of them would be sixteen times)."""
    few, many = Redactor(secrets(100)), Redactor(secrets(400))
    assert steps(lambda: many.text("first")) < 5.5 * steps(lambda: few.text("first"))


@pytest.mark.parametrize("count", [1, 50, 500])
def test_output_without_secrets_is_searched_at_the_speed_of_c(count: int) -> None:
    """However many values are redacted, a log takes a step of Python for every twentieth byte at most."""
    line = b"2026-01-01 12:00:00 INFO app.module GET /api/v1/items/4711 user=alice took 17 ms status=200\n"
    chunk = line * (65_536 // len(line))
    stream = Redactor(secrets(count)).stream()
    stream.feed(b"first")
    assert steps(lambda: stream.feed(chunk)) < len(chunk) / 20


@pytest.mark.parametrize("encode", [base64.b64encode, base64.encodebytes], ids=["one line", "lines"])
def test_a_value_that_repeats_itself_is_found_in_linear_time(encode: Callable[[bytes], bytes]) -> None:
    """Four times its length takes about four times as many steps, although it matches itself at every period."""
    few, many = b"A1b2" * 125, b"A1b2" * 500

    def taken(value: bytes) -> int:
        stream, text = Redactor([value.decode()]).stream(), encode(value)
        stream.feed(b"first")
        return steps(lambda: stream.feed(text) + stream.flush())

    assert Redactor([many.decode()]).text(encode(many).decode()).strip() == "***"
    assert taken(many) < 8 * taken(few)


def test_long_base64_is_searched_for_a_break_only_where_it_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that repeats itself begins at every period of it: no place costs a search of all that follows."""
    searched = []

    class Break:
        def search(self, data: bytes, start: int, end: int) -> re.Match[bytes] | None:
            searched.append(end - start)
            return re.compile(rb"\s").search(data, start, end)

    monkeypatch.setattr(wrapped, "_BREAK", Break())
    text = b"QWEy" * 4000
    assert wrapped.end_of(text, text + text, 4) == (len(text) + 4, 0)
    assert wrapped.end_of(text[:400] + b"x" + text, text, 0) == (-1, 0)
    assert sum(searched) < 100


def secrets(count: int) -> list[str]:
    """Values of several kinds of letters, so that each has many encodings."""
    return [f"{number}Secret-{number * 7919}/x+Y{number}" for number in range(count)]


def test_making_a_redactor_imports_nothing() -> None:
    """Neither making nor using a redactor loads json, base64, urllib or hashlib."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "from envtasks.redaction import Redactor\n"
        "Redactor(['s3cret-value']).text('s3cret-value')\n"
        "print(sorted({'json', 'base64', 'urllib.parse', 'hashlib'} & (set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=with_sources()
    )
    assert done.stdout == "[]\n"


def test_no_way_of_writing_a_value_shows_it() -> None:
    """Encodings, places in what was encoded, line breaks, chunk borders, values with `+/=%`: nothing of any is seen."""
    assert leaks(4000, seed=1) == []


def test_secrets_are_hidden_in_the_code_page_of_the_console(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows a program may print in it, whatever the system's own code pages are (`chcp`)."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(console, "code_page", lambda: "cp850")
    secret = "Schlüssel-ß-0123"

    stream = Redactor([secret]).stream()

    assert stream.feed(f"a {secret} b\n".encode("cp850")) + stream.flush() == b"a *** b\n"
