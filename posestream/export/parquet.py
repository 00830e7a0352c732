"""A recording as a Parquet table, through pyarrow: all coordinates there are, in groups of rows as it goes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np

from posestream.errors import ConfigurationError
from posestream.export.table import COORDINATES, FRAME_COLUMNS, PERSON_COLUMNS, columns, rows
from posestream.messages import FloatArray, PoseFrame

GROUP_ROWS: Final = 5000
_ALL: Final = tuple(COORDINATES)


def check_parquet() -> Any:
    """Return pyarrow.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigurationError("Parquet needs pyarrow: `pip install 'posestream[export]'`") from error
    return pyarrow


def write_parquet(frames: Iterable[PoseFrame], path: Path) -> int:
    """Write a table; returns how many frames it holds.

    Raises:
        ConfigurationError: pyarrow is not installed.
    """
    arrow = check_parquet()
    schema = _schema(arrow)
    heads: list[list[Any]] = []
    numbers: list[FloatArray] = []
    count = 0

    with arrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:

        def write_group() -> None:
            arrays = [
                arrow.array(values, field.type) for values, field in zip(zip(*heads, strict=True), schema, strict=False)
            ]
            arrays += [arrow.array(column, from_pandas=True) for column in np.stack(numbers, axis=1)]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
            heads.clear()
            numbers.clear()

        for frame in frames:
            count += 1
            for head, values in rows(frame, _ALL):
                heads.append(head)
                numbers.append(values)
            if len(heads) >= GROUP_ROWS:
                write_group()
        if heads:
            write_group()
    return count


def _schema(arrow: Any) -> Any:
    kinds = {
        "camera": arrow.dictionary(arrow.int32(), arrow.string()),
        "frame_id": arrow.string(),
        "seq": arrow.int64(),
        "captured_ms": arrow.timestamp("ms", tz="UTC"),
        "clock": arrow.dictionary(arrow.int32(), arrow.string()),
        "width_px": arrow.int32(),
        "height_px": arrow.int32(),
        "person_id": arrow.int64(),
        "score": arrow.float32(),
    }
    assert tuple(kinds) == (*FRAME_COLUMNS, *PERSON_COLUMNS)
    renamed = {"captured_ms": "captured"}  # it is a time here, and needs no unit
    fields = [(renamed.get(name, name), kinds.get(name, arrow.float32())) for name in columns(_ALL)]
    return arrow.schema(fields)
