"""URLs of cameras: wrong ones are told at once, and secrets stay secret."""

from __future__ import annotations

import pytest

from posestream.errors import ConfigurationError
from producer.sources.addresses import network_url, public_name


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://host/stream",
        "rtsps://user:pa%40ss@host:322/stream?channel=1",
        "http://192.168.1.2:8080/video.mjpg",
        "https://[fe80::1]:8443/",
        "http://host",
    ],
)
def test_a_url_with_a_host_is_one(url: str):
    assert network_url(url) == url


def test_the_scheme_may_be_in_capitals():
    assert network_url("RTSP://Host/Stream") == "rtsp://Host/Stream"


@pytest.mark.parametrize("text", ["video.mp4", "webcam:0", "ftp://host/x", "/a/rtsp://x", "", "rtsp:/host"])
def test_anything_else_is_none(text: str):
    assert network_url(text) is None


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("rtsp://", "names no host"),
        ("rtsp:///stream", "names no host"),
        ("rtsp://user:secret@", "names no host"),
        ("rtsp://user:secret@/stream", "names no host"),
        ("http://:8080/", "names no host"),
        ("http://host:port/", "host or port"),
        ("http://user:secret@host:99999/", "host or port"),
        ("http://user:sec/ret@host/", "percent-encoded"),
        ("http://[::1/", "host or port"),
        ("http://a..b/", "host or port"),
        ("http://host/a b", "spaces or control characters"),
        ("rtsp://host/a\nb", "spaces or control characters"),
    ],
)
def test_a_wrong_one_is_refused_without_its_password(url: str, problem: str):
    with pytest.raises(ConfigurationError, match=problem) as raised:
        network_url(url)
    assert "secret" not in str(raised.value)
    assert "sec/ret" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://user:secret@host/stream", "rtsp://***@host/stream"),
        ("rtsp://user:p@ss@host/", "rtsp://***@host/"),
        ("http://h/?user=me&pwd=x&channel=1", "http://h/?user=***&pwd=***&channel=1"),
        ("http://h/?a=1&AccessToken=x;y&b=2", "http://h/?a=1&AccessToken=***;y&b=2"),
        ("http://h/?channel=1&subtype=0", "http://h/?channel=1&subtype=0"),
        ("video.mp4", "video.mp4"),
    ],
)
def test_what_is_shown_has_no_secret_in_it(text: str, shown: str):
    assert public_name(text) == shown
