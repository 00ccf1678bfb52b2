"""The list of what a store or a client cannot do, and that it is applied out loud."""

import pathlib
import tomllib

import pytest

from . import paths

FILE = pathlib.Path(__file__).resolve().parents[1] / "expected_failures.toml"


def load() -> list[dict]:
    return tomllib.loads(FILE.read_text()).get("expected", [])


def mark(item: pytest.Item, store: str | None, entries: list[dict]) -> None:
    """Marks a test as expected to fail when an entry names it."""
    name = f"{item.path.name}::{item.originalname}" if hasattr(item, "originalname") else item.nodeid
    through = "direct" if paths.DIRECT else "proxy"
    for entry in entries:
        if (store or "none") not in entry["stores"] or through not in entry["through"] or name not in entry["tests"]:
            continue
        if "cases" in entry and not any(case in item.name for case in entry["cases"]):
            continue
        entry["used"] = True
        item.add_marker(pytest.mark.xfail(reason=f"{store}: {entry['reason']}", strict=True))
