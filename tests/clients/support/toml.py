"""Writes the little TOML that configurations need; the standard library only reads it."""

import json


def value(item) -> str:
    """One value, inline."""
    if isinstance(item, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {value(inner)}" for name, inner in item.items()) + " }"
    if isinstance(item, (list, tuple)):
        return "[" + ", ".join(value(inner) for inner in item) + "]"
    return json.dumps(item, ensure_ascii=False)


def is_tables(item) -> bool:
    return isinstance(item, list) and bool(item) and all(isinstance(inner, dict) for inner in item)


def dumps(tree: dict) -> str:
    """Top-level values first, then tables, then arrays of tables."""
    plain = [f"{name} = {value(item)}" for name, item in tree.items() if not isinstance(item, dict) and not is_tables(item)]
    for name, item in tree.items():
        for table in [item] if isinstance(item, dict) else item if is_tables(item) else []:
            plain += ["", f"[{name}]" if isinstance(item, dict) else f"[[{name}]]"]
            plain += [f"{json.dumps(key)} = {value(inner)}" for key, inner in table.items()]
    return "\n".join(plain) + "\n"
