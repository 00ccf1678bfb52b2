#!/usr/bin/env python3
"""Holds every dependency of Cargo.lock to the lists of deny.toml: licences, banned crates, one registry, no wildcards.

Reads only what cargo has on disk; needs nothing but Python and cargo.
"""

import json
import re
import subprocess
import sys
import tomllib


def words(expression: str):
    """Tokens of an SPDX expression; the old `/` means OR, and WITH belongs to the name before it."""
    text = re.sub(r"\s+WITH\s+", " WITH ", expression.replace("/", " OR "))
    return re.findall(r"\(|\)|(?:(?!\b(?:AND|OR)\b)[\w.+-]+)(?: WITH [\w.-]+)?|AND|OR", text)


def allowed(expression: str, allow: set[str]) -> bool:
    """Whether the expression can be met with allowed licences alone. AND binds tighter than OR."""
    tokens = words(expression)

    def alternatives() -> bool:
        found = together()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            found = together() or found
        return found

    def together() -> bool:
        found = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            found = one() and found
        return found

    def one() -> bool:
        token = tokens.pop(0)
        if token != "(":
            return token in allow
        found = alternatives()
        tokens.pop(0)
        return found

    return alternatives()


def faults(metadata: dict, rules: dict):
    allow = set(rules["licenses"]["allow"])
    banned = {entry["crate"]: entry["reason"] for entry in rules["bans"]["deny"]}
    sources = {package["source"] for package in metadata["packages"] if package["source"]}
    if len(sources) > 1 or not all(source.startswith("registry+") for source in sources):
        yield f"dependencies come from more than the one registry: {sorted(sources)}"
    for package in metadata["packages"]:
        name = f"{package['name']} {package['version']}"
        if package["name"] in banned:
            yield f"{name} is banned: {banned[package['name']]}"
        licence = package["license"]
        if not licence:
            yield f"{name} names no licence"
        elif not allowed(licence, allow):
            yield f"{name} is under {licence}, which deny.toml does not allow"
    for package in metadata["packages"]:
        if package["source"] is None:
            yield from (f"{package['name']} takes any version of {need['name']}" for need in package["dependencies"] if need["req"] == "*")


def main() -> int:
    with open("deny.toml", "rb") as file:
        rules = tomllib.load(file)
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    found = list(faults(metadata, rules))
    for fault in found:
        print(fault)
    print(f"{len(metadata['packages'])} packages, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
