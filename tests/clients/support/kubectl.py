#!/usr/bin/env python3
"""What a recipe says to `kubectl`, kept as files in $KUBECTL_OBJECTS for the test that plays the cluster."""

import json
import os
import pathlib
import sys

import yaml


def keep(kind: str, name: str, content: dict) -> None:
    folder = pathlib.Path(os.environ["KUBECTL_OBJECTS"])
    folder.mkdir(exist_ok=True)
    (folder / f"{kind}-{name}.json").write_text(json.dumps(content))


def create(words: list[str]) -> None:
    kind = words.pop(0).lower()
    form = words.pop(0) if kind == "secret" else "generic"
    name, data = words.pop(0), {}
    for word in words:
        option, value = word.split("=", 1)
        if form == "tls":
            key = {"--cert": "tls.crt", "--key": "tls.key"}[option]
            data[key] = pathlib.Path(value).read_text()
        else:
            key, value = value.split("=", 1)
            data[key] = {"--from-literal": lambda text: text, "--from-file": lambda path: pathlib.Path(path).read_text()}[option](value)
            assert value, f"{key} is empty"
    keep(kind, name, data)


match sys.argv[1:]:
    case ["create", *rest]:
        create(rest)
    case ["apply", "-f", file]:
        for item in yaml.safe_load_all(pathlib.Path(file).read_text()):
            content = item["data"] if item["kind"] == "ConfigMap" else item
            keep(item["kind"].lower(), item["metadata"]["name"], content)
    case other:
        sys.exit(f"kubectl: not played here: {other}")
