"""Motion JPEG: cutting a multipart stream into parts, however it arrives."""

from __future__ import annotations

import time

import pytest

from posestream.errors import SourceError
from posestream.messages import CaptureClock
from producer.sources.mjpeg import MAX_HEADER_BYTES, MultipartReader, Part, boundary_of, part_stamp

BODIES = [b"\xff\xd8first\xff\xd9", b"\xff\xd8--frame is not the end\r\n\xff\xd9", b""]


def stream(*, sized: bool, end: str = "\r\n", boundary: str = "--frame") -> bytes:
    data = b""
    for body in BODIES:
        length = f"Content-Length: {len(body)}{end}" if sized else ""
        data += f"{boundary}{end}Content-Type: image/jpeg{end}{length}{end}".encode() + body + end.encode()
    return data + f"{boundary}{end}".encode()


def parts_of(data: bytes, step: int, boundary: str = "frame", max_bytes: int = 1000) -> list[Part]:
    reader = MultipartReader(boundary, max_bytes)
    return [part for at in range(0, len(data), step) for part in reader.feed(data[at : at + step])]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("sized", [True, False])
def test_bodies_come_out_whole_however_the_stream_is_cut(step: int, end: str, sized: bool):
    parts = parts_of(stream(sized=sized, end=end), step)
    assert [part.body for part in parts] == BODIES
    assert {part.headers["content-type"] for part in parts} == {"image/jpeg"}


@pytest.mark.parametrize("announced", ["frame", "--frame", '"frame"'])
def test_the_boundary_may_be_announced_with_dashes_or_quotes(announced: str):
    assert [part.body for part in parts_of(stream(sized=True), 5, announced)] == BODIES


@pytest.mark.parametrize("step", [1, 100, 10_000])
@pytest.mark.parametrize("sized", [True, False])
def test_a_part_above_the_limit_is_thrown_away_and_the_next_is_whole(sized: bool, step: int):
    large = b"x" * 5000
    length = "Content-Length: 5000\r\n" if sized else ""
    data = f"--frame\r\n{length}\r\n".encode() + large + b"\r\n" + stream(sized=sized)

    first, *others = parts_of(data, step, max_bytes=100)

    assert (first.body, first.size) == (None, 5000)
    assert [part.body for part in others] == BODIES


def test_what_holds_no_boundary_is_no_stream():
    with pytest.raises(SourceError, match="not a multipart stream"):
        parts_of(b"x" * (MAX_HEADER_BYTES + 1), 1000)


@pytest.mark.parametrize("length", ["-5", "1e3", "99999999999999999999", "", "²"])
def test_a_nonsense_length_is_not_believed(length: str):
    data = f"--frame\r\nContent-Length: {length}\r\n\r\n".encode("latin-1") + b"body\r\n--frame\r\n"
    assert [part.body for part in parts_of(data, 3)] == [b"body"]


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/x-mixed-replace; boundary=frame", "frame"),
        ("multipart/x-mixed-replace;boundary=--frame", "--frame"),
        ('Multipart/Mixed; charset=x; Boundary="a b"', "a b"),
        ("image/jpeg", None),
        ("", None),
    ],
)
def test_the_boundary_is_read_from_the_content_type(content_type: str, boundary: str | None):
    assert boundary_of(content_type) == boundary


def test_a_multipart_type_without_boundary_is_said():
    with pytest.raises(SourceError, match="names no boundary"):
        boundary_of("multipart/x-mixed-replace")


@pytest.mark.parametrize("text", ["1750000000.123", "1750000000123"])
def test_a_timestamp_is_the_sensors_time(text: str):
    stamp = part_stamp({"x-timestamp": text})
    assert (stamp.captured_ms, stamp.clock) == (1_750_000_000_123, CaptureClock.SENSOR)


@pytest.mark.parametrize("text", [None, "", "soon", "12.5", "-1", "nan", "inf", "1e300"])
def test_without_a_sensible_timestamp_it_is_the_time_of_arrival(text: str | None):
    stamp = part_stamp({} if text is None else {"x-timestamp": text})
    assert stamp.clock is CaptureClock.RECEIVE
    assert stamp.captured_ms == pytest.approx(time.time() * 1000, abs=5000)
