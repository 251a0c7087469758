"""Encryption and decryption in dotenvx's format, with each implementation."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envtasks.envfiles import encryption
from envtasks.envfiles.encryption import decrypt, encrypt, generate_keys, public_key
from envtasks.errors import EnvFileInvalid
from tests.implementations import HAS_COMPILED, IMPLEMENTATIONS, needs_compiled, only

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


@pytest.fixture(params=IMPLEMENTATIONS)
def implementation(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each implementation of decryption alone, and both together."""
    with only(request.param):
        yield request.param


@pytest.mark.usefixtures("implementation")
def test_decrypts_what_dotenvx_encrypted() -> None:
    """A ciphertext recorded from the dotenvx command gives its plaintext."""
    assert decrypt([RECORDED], [A]) == ["secret"]


@pytest.mark.usefixtures("implementation")
def test_round_trip() -> None:
    """Whatever text was encrypted comes back unchanged: empty, dollar signs, quotes, newlines, NUL, long."""
    assert decrypt([encrypt(value, PUBLIC_A) for value in VALUES], [A]) == VALUES


@pytest.mark.usefixtures("implementation")
def test_five_megabytes() -> None:
    """A value of 5 MB is encrypted and decrypted."""
    value = "0123456789abcdef" * 327_680
    assert decrypt([encrypt(value, PUBLIC_A)], [A]) == [value]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3))
def test_any_text_in_each_implementation(values: list[str]) -> None:
    """Each implementation gives back any text, so they agree with each other."""
    made = [encrypt(value, PUBLIC_A) for value in values]
    with only("cryptography"):
        assert decrypt(made, [A]) == values
    if HAS_COMPILED:
        with only("compiled"):
            assert decrypt(made, [A]) == values


@pytest.mark.usefixtures("implementation")
def test_each_value_is_decrypted_with_its_own_key() -> None:
    """Values for different keys are decrypted together; one for an unknown key is None and does not affect the rest."""
    private, public = generate_keys()
    stranger = generate_keys()[1]
    made = [
        encrypt("one", PUBLIC_A),
        encrypt("two", public),
        encrypt("three", stranger),
        encrypt("four", PUBLIC_A),
    ]
    assert decrypt(made, [B, private, A.upper()]) == ["one", "two", None, "four"]


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


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_damaged_ciphertext_is_not_decrypted(text: str) -> None:
    """Damaged or loosely written ciphertext is None; a good one beside it is still decrypted."""
    assert decrypt([text, RECORDED], [A]) == [None, "secret"]


def test_a_ciphertext_inside_a_ciphertext_is_kept(implementation: str) -> None:
    """One level is decrypted, not two, as the command does; python-dotenvx itself would go on."""
    inner = encrypt("x", PUBLIC_A)
    expected = [None] if implementation == "compiled" else [inner]
    assert decrypt([encrypt(inner, PUBLIC_A)], [A]) == expected


@pytest.mark.parametrize("keys", [[], ["0x" + A], ["garbage"], ["0" * 64], ["f" * 64], [B]])
@pytest.mark.usefixtures("implementation")
def test_without_the_right_key_nothing_is_decrypted(keys: list[str]) -> None:
    """No key, something else than a key, a number beyond the curve or another key: None, and no exception."""
    assert decrypt([RECORDED], keys) == [None]


@pytest.mark.usefixtures("implementation")
def test_many_values_are_decrypted_in_order() -> None:
    """Two thousand values, some of them equal, come back in their order."""
    values = [f"value {number}" for number in range(200)]
    made = [encrypt(value, PUBLIC_A) for value in values]
    assert decrypt(made * 10, [A]) == values * 10


def test_a_faulty_compiled_implementation_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that gives a wrong result for the known value is not used: `cryptography` decrypts instead."""

    def damaged(*_: object) -> tuple[dict[str, str], dict[str, str]]:
        return {"V0": "wrong"}, {}

    class Module:
        parse_dotenv = staticmethod(damaged)

    monkeypatch.setattr(encryption, "import_module", lambda _: Module)
    encryption._compiled.cache_clear()
    try:
        assert decrypt([RECORDED], [A]) == ["secret"]
        assert encryption._compiled() is None
    finally:
        encryption._compiled.cache_clear()


def test_a_compiled_result_of_the_wrong_length_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that is not as long as the plaintext, as if decrypted twice, is replaced by that of `cryptography`."""

    def twice(source: str, *_: object) -> tuple[dict[str, str], dict[str, str]]:
        known = encryption._TEST_CIPHERTEXT in source
        return {"V0": encryption._TEST_PLAINTEXT if known else "x"}, {}

    class Module:
        parse_dotenv = staticmethod(twice)

    monkeypatch.setattr(encryption, "import_module", lambda _: Module)
    encryption._compiled.cache_clear()
    try:
        assert encryption._compiled() is not None
        assert decrypt([RECORDED], [A]) == ["secret"]
    finally:
        encryption._compiled.cache_clear()


def test_without_the_compiled_implementation_cryptography_decrypts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where python-dotenvx cannot be imported (Alpine, Windows on ARM), `cryptography` decrypts."""

    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(encryption, "import_module", absent)
    encryption._compiled.cache_clear()
    try:
        assert decrypt([RECORDED], [A]) == ["secret"]
    finally:
        encryption._compiled.cache_clear()


def test_public_key_of_a_private_one() -> None:
    """The public key is the one that `dotenvx` derives, whatever the case of the digits."""
    assert public_key(A) == PUBLIC_A
    assert public_key(A.upper()) == PUBLIC_A


def test_generated_keys_are_a_pair_and_new_each_time() -> None:
    """A generated pair belongs together, and no two are the same."""
    pairs = [generate_keys() for _ in range(5)]
    assert [public_key(private) for private, _ in pairs] == [public for _, public in pairs]
    assert len(set(pairs)) == 5


def test_encrypting_twice_gives_different_ciphertext() -> None:
    """Each encryption has its own ephemeral key and nonce: equal values do not show as equal."""
    assert encrypt("x", PUBLIC_A) != encrypt("x", PUBLIC_A)


@pytest.mark.parametrize("bad", ["", "x" * 66, A, PUBLIC_A[:-1], "04" + PUBLIC_A[2:], "02" + "f" * 64])
def test_refuses_what_is_not_a_public_key(bad: str) -> None:
    """Encrypting for something that is not a public key is an EnvFileInvalid, without the text in it."""
    with pytest.raises(EnvFileInvalid, match="not a public key") as caught:
        encrypt("the secret", bad)
    assert "the secret" not in str(caught.value)


@pytest.mark.parametrize("bad", ["", "garbage", "0x" + A, "0" * 64, "f" * 64])
def test_refuses_what_is_not_a_private_key(bad: str) -> None:
    """A bad private key is a ValueError whose text does not contain it."""
    with pytest.raises(ValueError, match="not a private key") as caught:
        public_key(bad)
    assert not bad or bad not in str(caught.value)


def test_importing_keys_imports_no_implementation() -> None:
    """Finding keys loads neither implementation: the first encrypted value does."""
    code = (
        "import sys; from envtasks.envfiles import decrypt, find_keys; decrypt([], []); decrypt(['encrypted:x'], []);"
        "print(sorted({'cryptography', 'dotenvx', 'hashlib', 'base64', 'secrets'} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


@needs_compiled
def test_the_compiled_implementation_imports_no_cryptography() -> None:
    """Where the compiled implementation decrypts, `cryptography`, which takes 9 ms to load, is not imported."""
    code = (
        f"import sys; from envtasks.envfiles import decrypt; print(decrypt([{RECORDED!r}], [{A!r}]));"
        "print('cryptography' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "['secret']\nFalse\n"
