"""Who may look."""

from __future__ import annotations

import pytest

from posestream.errors import ConfigurationError
from posestream.view.access import COOKIE, Gate, is_loopback
from posestream.view.serve import gate_for

TOKEN = "a-token-of-enough-characters"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_on_this_machine_alone_no_token_is_needed(host: str):
    assert is_loopback(host)
    assert gate_for(host, None, ()).token is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.com", ""])
def test_anywhere_else_it_is_refused_to_go_without(host: str):
    with pytest.raises(ConfigurationError, match=r"give a --token \(POSESTREAM_TOKEN\)"):
        gate_for(host, None, ())
    assert gate_for(host, TOKEN, ()).token == TOKEN


def test_a_token_that_can_be_guessed_is_refused():
    with pytest.raises(ConfigurationError, match="at least 16 characters"):
        gate_for("127.0.0.1", "secret", ())


@pytest.mark.parametrize("host", ["localhost:8640", "127.0.0.1:8640", "[::1]:8640", "localhost", "127.0.0.2:8640"])
def test_without_a_token_the_names_of_this_machine_are_known(host: str):
    assert Gate(None).knows_host(host)


@pytest.mark.parametrize("host", ["evil.example:8640", "localhost.evil.example", "", "127.0.0.1.evil.example", "[::2]"])
def test_without_a_token_no_other_name_is(host: str):
    assert not Gate(None).knows_host(host)
    assert Gate(TOKEN).knows_host(host)


@pytest.mark.parametrize("nonsense", ["[", "[::1", "]", "[x]"])
def test_what_is_no_host_or_origin_is_not_known(nonsense: str):
    for gate in (Gate(None), Gate(TOKEN)):
        assert not gate.knows_host(nonsense)
        assert not gate.knows_origin(f"http://{nonsense}", "localhost:8640")


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("https://app.example", "https://app.example"),
        ("https://App.Example:443/", "https://app.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:80", "http://[::1]"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(given: str, read: str):
    assert gate_for("localhost", None, (given,)).origins == {read}


@pytest.mark.parametrize(
    "given",
    ["app.example", "localhost:3000", "*", "null", "", "https://", "https://a.example/path", "https://me@a.example"],
)
def test_an_origin_that_no_browser_sends_is_refused(given: str):
    with pytest.raises(ConfigurationError, match=r"--allow-origin .*https://app\.example"):
        gate_for("localhost", None, (given,))


@pytest.mark.parametrize(
    ("origin", "known"),
    [
        (None, True),  # a program, not a page
        ("http://localhost:8640", True),
        ("https://localhost:8640", True),  # a proxy in front speaks TLS
        ("https://app.example", True),
        ("http://localhost:3000", False),
        ("http://evil.example", False),
        ("https://app.example.evil.example", False),
        ("null", False),
    ],
)
def test_only_its_own_page_and_allowed_origins_may_use_the_api(origin: str | None, known: bool):
    gate = Gate(None, frozenset({"https://app.example"}))
    assert gate.knows_origin(origin, "localhost:8640") is known


def test_the_token_is_taken_as_a_bearer_s_in_the_query_or_by_the_cookie():
    gate = Gate(TOKEN)
    assert gate.admits({"authorization": f"Bearer {TOKEN}"}, {}, None)
    assert gate.admits({"authorization": f"bearer {TOKEN}"}, {}, None)
    assert gate.admits({}, {}, TOKEN)
    assert gate.admits({}, {COOKIE: gate.cookie}, None)


@pytest.mark.parametrize("shown", ["", "wrong", TOKEN[:-1], TOKEN + "x", "\udcff"])
def test_anything_else_is_not(shown: str):
    gate = Gate(TOKEN)
    assert not gate.admits({"authorization": f"Bearer {shown}"}, {}, None)
    assert not gate.admits({"authorization": f"Basic {TOKEN}"}, {}, None)
    assert not gate.admits({}, {COOKIE: shown}, shown)
    assert not gate.admits({}, {COOKIE: TOKEN}, None)


def test_the_cookie_is_not_the_token_and_ends_with_it():
    assert TOKEN not in Gate(TOKEN).cookie
    assert Gate(TOKEN).cookie != Gate(TOKEN + "2").cookie
