"""Tables: rows of cells under named columns."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from epochal.core.media import Encoded, Frozen, Media


class Table(Media):
    """A table: predictions, examples, a confusion matrix.

    Args:
        columns: names of the columns.
        data: rows, each with a cell for every column: numbers, texts, booleans, None; anything
            else becomes its text.  The rows are copied when they are logged.
        dataframe: instead of both: a DataFrame of pandas or Polars, or anything with
            ``to_dict(orient="split")`` or ``columns`` and ``rows()``.
        caption: shown with it.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     table = epochal.Table(["word", "count"], [["a", 1], ["b", 2]])
        ...     run.log({"words": table}, step=1)
    """

    type = "table"

    def __init__(
        self, columns: Sequence[str] | None = None, data: Iterable[Sequence[Any]] | None = None,
        *, dataframe: Any = None, caption: str = "",
    ) -> None:  # fmt: skip
        self.columns, self.data, self.dataframe, self.caption = columns, data, dataframe, caption

    def add_data(self, *cells: Any) -> None:
        """Add a row."""
        self.data = [*(self.data or ()), cells]

    def freeze(self) -> Frozen:
        """Copy the cells."""
        columns, rows = self._content()
        names = [str(name) for name in columns]
        for number, row in enumerate(rows):
            if len(row) != len(names):
                raise ValueError(
                    f"row {number} of the table has {len(row)} cells for {len(names)} columns"
                )

        def encode() -> Encoded:
            cells = [[plain_cell(cell) for cell in row] for row in rows]
            body = json.dumps({"columns": names, "data": cells}, allow_nan=False)
            return Encoded("json", body.encode("ascii"), {"columns": names, "rows": len(cells)})

        return Frozen(64 * len(rows) * max(1, len(names)), lambda: True, encode)

    def _content(self) -> tuple[Sequence[Any], list[list[Any]]]:
        frame = self.dataframe
        if frame is None:
            if self.columns is None:
                raise ValueError("a table takes columns and data, or a dataframe")
            return self.columns, [list(row) for row in self.data or ()]
        if hasattr(frame, "rows") and hasattr(frame, "columns"):  # Polars
            return list(frame.columns), [list(row) for row in frame.rows()]
        try:
            split = frame.to_dict(orient="split")
        except (AttributeError, TypeError) as error:
            raise TypeError(f"a {type(frame).__name__} is no DataFrame") from error
        return split["columns"], split["data"]


def plain_cell(cell: Any) -> Any:
    """Return a cell as JSON can hold it; non-finite numbers as texts."""
    if hasattr(cell, "item") and getattr(cell, "shape", None) == ():
        cell = cell.item()
    if isinstance(cell, float) and not math.isfinite(cell):
        return "NaN" if math.isnan(cell) else "Infinity" if cell > 0 else "-Infinity"
    if cell is None or isinstance(cell, bool | int | float | str):
        return cell
    return str(cell)
