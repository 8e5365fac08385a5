"""Which metrics a query can see, told by its syntax tree; "all" wherever that is not plain.

DuckDB parses the query itself and gives its tree as JSON.  Only ``from points where metric = '…'``
is understood, with ``in`` and further conditions joined by AND; whatever is not understood means
that all metrics are read, so a form that is not known here costs time and never a result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

TABLES = ("points", "rank_points")
_WORD = re.compile(rf"\b({'|'.join(TABLES)})\b", re.IGNORECASE)


def metrics_of(connection: Any, text: str) -> set[str] | None:
    """Return the only metrics that a query can see, None if it may see any.

    Args:
        connection: of DuckDB.
        text: one statement.
    """
    tree = _syntax_tree(connection, text)
    if tree is None:
        return None
    wanted: set[str] = set()
    understood = 0
    for node in _nodes(tree):
        source = node.get("from_table")
        if not isinstance(source, dict) or not _is_points(source):
            continue
        table = str(source["table_name"]).lower()
        names = {table, str(source.get("alias") or table).lower()}
        found = _restriction(node.get("where_clause"), names)
        if found is None:
            return None
        wanted |= found
        understood += 1
    # Each mention must be one that was understood: a join or table function is not in this list.
    return wanted if understood and understood == len(_WORD.findall(text)) else None


def table_functions(connection: Any, text: str) -> set[str]:
    """Return the functions that a query selects from, in lower case.

    Of a query that DuckDB does not serialize (PIVOT) it is every name before a parenthesis.
    """
    tree = _syntax_tree(connection, text)
    if tree is None:
        return {name.lower() for name in re.findall(r"(\w+)[\s\"]*\(", text)}
    calls = [node for node in _nodes(tree) if node.get("type") == "TABLE_FUNCTION"]
    return {str(call["function"]["function_name"]).lower() for call in calls}


def _syntax_tree(connection: Any, text: str) -> Any:
    ((parsed,),) = connection.execute("select json_serialize_sql(?::varchar)", [text]).fetchall()
    tree = json.loads(parsed)
    return None if tree.get("error", True) else tree


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _is_points(source: dict[str, Any]) -> bool:
    plain = not source.get("column_name_alias") and source.get("sample") is None
    named = str(source.get("table_name")).lower() in TABLES
    return source.get("type") == "BASE_TABLE" and named and plain


def _restriction(where: Any, names: set[str]) -> set[str] | None:
    """Return the metrics to which a WHERE clause restricts, None if it does not."""
    if not isinstance(where, dict):
        return None
    kind = where.get("type")
    if kind == "CONJUNCTION_AND":
        parts = [_restriction(child, names) for child in where.get("children", ())]
        return next((part for part in parts if part is not None), None)
    if kind == "COMPARE_EQUAL":
        sides = [where.get("left"), where.get("right")]
        for column, constant in (sides, sides[::-1]):
            text = _text(constant)
            if _is_metric(column, names) and text is not None:
                return {text}
        return None
    if kind == "COMPARE_IN":
        column, *constants = where.get("children") or [None]
        texts = [_text(constant) for constant in constants]
        if _is_metric(column, names) and texts and None not in texts:
            return {text for text in texts if text is not None}
    return None


def _is_metric(node: Any, names: set[str]) -> bool:
    if not isinstance(node, dict) or node.get("type") != "COLUMN_REF":
        return False
    path = [str(name).lower() for name in node.get("column_names", ())]
    return path[-1:] == ["metric"] and len(path) <= 2 and set(path[:-1]) <= names


def _text(node: Any) -> str | None:
    """Return the text of a constant, in the forms of DuckDB 1 and 2."""
    if not isinstance(node, dict) or node.get("type") != "VALUE_CONSTANT":
        return None
    literal = node.get("literal") or {}
    if literal.get("kind") == "STRING" and isinstance(literal.get("text"), str):
        return str(literal["text"])
    value = node.get("value") or {}
    if (value.get("type") or {}).get("id") == "VARCHAR" and isinstance(value.get("value"), str):
        return str(value["value"])
    return None
