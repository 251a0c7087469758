"""Encrypted values: made and opened, by either core, in dotenvx's own format."""

from __future__ import annotations

import base64
import subprocess
import sys
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envtasks.envfiles import encryption
from envtasks.envfiles.encryption import Core, decrypt, encrypt, generate, public_key
from envtasks.errors import EnvFileInvalid

A, B = "1f" * 32, "2e" * 32  # throwaway keys, for tests only
PUBLIC_A = "02505f234a81fe3af88625ebda259dbaec44c72b181e2f64735f8b8ec8d7cf7377"
RECORDED = (  # made by the dotenvx command for PUBLIC_A; says "secret"
    "encrypted:BOPWIymSB3YGUXVLFD4kwLooZWATSibxWmZ5bYl/Im9f6KdoUpjWlEVEbwArwrcLzdsSs0jA3tBYZuZ6Btjp3mzPDDJUlYyP"
    "UomDi1k9Nayj7JBv8fBaoWnaY3BCzoD9FPxKV3uHNg=="
)
NOT_UTF8 = (  # made by the dotenvx command for PUBLIC_A; holds bytes that are no UTF-8
    "encrypted:BJg/sLomL3RTPcXlfbBYue88JsaKlbs7ftKeX49AKaXPCC+Yl2ea5IMkjNuN8c+3cJxmFN1BcVbb/F8aXXCly78waZgfxRPm"
    "YJiGbaJYt4+sCzMshUTrPR8VyHlimMaFTxww0A=="
)
HAS_FAST = find_spec("dotenvx") is not None
needs_fast = pytest.mark.skipif(not HAS_FAST, reason="python-dotenvx is not installed (extra fast)")
CORES = [pytest.param("fast", marks=needs_fast), "cryptography", "auto"]
VALUES = [
    "",
    "x",
    "pa$$word",
    "$(exit 3)",
    "ünïcödé ☃ 😀",
    "two\nlines\r\n",
    "\ufeff'\"`\\ #",
    "\0",
    "x" * 100_000,
]


@pytest.mark.parametrize("core", CORES)
def test_what_dotenvx_encrypted_is_opened(core: Core) -> None:
    """A ciphertext recorded from the dotenvx command gives its plaintext in every core."""
    assert decrypt([RECORDED], [A], core=core) == ["secret"]


@pytest.mark.parametrize("core", CORES)
def test_round_trip(core: Core) -> None:
    """Whatever text was encrypted comes back unchanged: empty, dollar signs, quotes, newlines, NUL, long."""
    assert decrypt([encrypt(value, PUBLIC_A) for value in VALUES], [A], core=core) == VALUES


@pytest.mark.parametrize("core", CORES)
def test_five_megabytes(core: Core) -> None:
    """A value of 5 MB is encrypted and opened in seconds."""
    value = "0123456789abcdef" * 327_680
    assert decrypt([encrypt(value, PUBLIC_A)], [A], core=core) == [value]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3))
def test_any_text_in_both_cores(values: list[str]) -> None:
    """Both cores give back any text, so they agree with each other."""
    made = [encrypt(value, PUBLIC_A) for value in values]
    assert decrypt(made, [A], core="cryptography") == values
    if HAS_FAST:
        assert decrypt(made, [A], core="fast") == values


@pytest.mark.parametrize("core", CORES)
def test_each_value_is_opened_by_the_key_that_fits(core: Core) -> None:
    """Values for different keys are opened together; one for no key at hand is None, and spoils no other."""
    private, public = generate()
    stranger = generate()[1]
    made = [
        encrypt("one", PUBLIC_A),
        encrypt("two", public),
        encrypt("three", stranger),
        encrypt("four", PUBLIC_A),
    ]
    assert decrypt(made, [B, private, A.upper()], core=core) == ["one", "two", None, "four"]


def _flipped(text: str, position: int) -> str:
    data = bytearray(base64.b64decode(text.removeprefix("encrypted:")))
    data[position] ^= 1
    return f"encrypted:{base64.b64encode(data).decode()}"


DAMAGED = {
    "flipped point": _flipped(RECORDED, 3),
    "flipped nonce": _flipped(RECORDED, 70),
    "flipped tag": _flipped(RECORDED, 85),
    "flipped data": _flipped(RECORDED, -1),
    "truncated": RECORDED[:-8],
    "empty": "encrypted:",
    "no base64": "encrypted:!!!!",
    "without padding": RECORDED.rstrip("="),
    "trailing bytes": RECORDED + "@@",
    "space after the prefix": RECORDED.replace(":", ": "),
    "newline inside": RECORDED[:50] + "\n" + RECORDED[50:],
    "newline behind": RECORDED + "\n",
    "url-safe": RECORDED.replace("/", "_"),
    "no prefix": RECORDED.removeprefix("encrypted:"),
    "not UTF-8": NOT_UTF8,
    "plain": "secret",
}


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_damaged_ciphertext_is_not_opened(text: str, core: Core) -> None:
    """Damaged or loosely written ciphertext is None in every core; a good one beside it is still opened."""
    assert decrypt([text, RECORDED], [A], core=core) == [None, "secret"]


@pytest.mark.parametrize("core", CORES)
def test_a_ciphertext_inside_a_ciphertext_stays_one(core: Core) -> None:
    """One layer is opened, not two, as the command does; the compiled core alone would go on."""
    inner = encrypt("x", PUBLIC_A)
    expected = [None] if core == "fast" else [inner]
    assert decrypt([encrypt(inner, PUBLIC_A)], [A], core=core) == expected


@pytest.mark.parametrize("keys", [[], ["0x" + A], ["garbage"], ["0" * 64], ["f" * 64], [B]])
@pytest.mark.parametrize("core", CORES)
def test_without_a_fitting_key_nothing_is_opened(keys: list[str], core: Core) -> None:
    """No key, no key at all, a number beyond the curve or another's key: None, and no exception."""
    assert decrypt([RECORDED], keys, core=core) == [None]


@pytest.mark.parametrize("core", CORES)
def test_many_values_are_opened_in_order(core: Core) -> None:
    """Two thousand values come back in their order, in either core."""
    values = [f"value {number}" for number in range(100)]
    made = [encrypt(value, PUBLIC_A) for value in values]
    assert decrypt(made * 20, [A], core=core) == values * 20


def test_an_unsound_compiled_core_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that gives a wrong answer for the known value is left alone: `auto` opens with the other."""

    def damaged(*_: object) -> tuple[dict[str, str], dict[str, str]]:
        return {"V0": "wrong"}, {}

    class Module:
        parse_dotenv = staticmethod(damaged)

    monkeypatch.setattr(encryption, "import_module", lambda _: Module)
    encryption._fast_core.cache_clear()
    try:
        assert decrypt([RECORDED], [A]) == ["secret"]
        with pytest.raises(ModuleNotFoundError):
            decrypt([RECORDED], [A], core="fast")
    finally:
        encryption._fast_core.cache_clear()


def test_without_the_compiled_core_the_library_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where python-dotenvx cannot be imported (Alpine, Windows on ARM), `auto` opens with `cryptography`."""

    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(encryption, "import_module", absent)
    encryption._fast_core.cache_clear()
    try:
        assert decrypt([RECORDED], [A]) == ["secret"]
    finally:
        encryption._fast_core.cache_clear()


def test_public_key_of_a_private_one() -> None:
    """The public key is the one that `dotenvx` derives, whatever the case of the digits."""
    assert public_key(A) == PUBLIC_A
    assert public_key(A.upper()) == PUBLIC_A


def test_generated_keys_are_a_pair_and_new_each_time() -> None:
    """A generated pair belongs together, and no two are the same."""
    pairs = [generate() for _ in range(5)]
    assert [public_key(private) for private, _ in pairs] == [public for _, public in pairs]
    assert len(set(pairs)) == 5


def test_encrypting_twice_gives_different_ciphertext() -> None:
    """Each encryption has its own ephemeral key and nonce: equal values do not show as equal."""
    assert encrypt("x", PUBLIC_A) != encrypt("x", PUBLIC_A)


@pytest.mark.parametrize("bad", ["", "x" * 66, A, PUBLIC_A[:-1], "04" + PUBLIC_A[2:], "02" + "f" * 64])
def test_what_is_no_public_key_is_refused(bad: str) -> None:
    """Encrypting for something that is no public key is an EnvFileInvalid, without the text in it."""
    with pytest.raises(EnvFileInvalid, match="not a public key") as caught:
        encrypt("the secret", bad)
    assert "the secret" not in str(caught.value)


@pytest.mark.parametrize("bad", ["", "garbage", "0x" + A, "0" * 64, "f" * 64])
def test_what_is_no_private_key_is_refused_unseen(bad: str) -> None:
    """A bad private key is a ValueError that does not show it."""
    with pytest.raises(ValueError, match="not a private key") as caught:
        public_key(bad)
    assert not bad or bad not in str(caught.value)


def test_importing_keys_imports_neither_core() -> None:
    """Looking for keys loads neither core: the first encrypted value does."""
    code = (
        "import sys; from envtasks.envfiles import keys; keys.decrypt([], []); keys.decrypt(['encrypted:x'], []);"
        "print(sorted({'cryptography', 'dotenvx', 'hashlib', 'base64', 'secrets'} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


@needs_fast
def test_opening_with_the_compiled_core_imports_no_cryptography() -> None:
    """The fast core alone does the work: the library, which takes 9 ms to load, stays out."""
    code = (
        f"import sys; from envtasks.envfiles import keys; print(keys.decrypt([{RECORDED!r}], [{A!r}]));"
        "print('cryptography' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "['secret']\nFalse\n"
