"""KMS keyrings of the tests' own."""

import base64
import json
import os
import pathlib

REGION = "us-east-1"
ACCOUNT = "111122223333"


def arn(name: str, account: str = ACCOUNT) -> str:
    """The ARN of a key with a name in the place of an id."""
    return f"arn:aws:kms:{REGION}:{account}:key/{name}"


DEFAULT, OTHER = arn("default"), arn("other")
# What the stores of these tests call their one key.
SHARED = arn("test-key")


def key(name: str, *aliases: str, state: str = "Enabled", versions: int = 1) -> dict:
    """A key with fresh material."""
    made = [{"id": number, "kek_b64": base64.b64encode(os.urandom(32)).decode()} for number in range(1, versions + 1)]
    return {"arn": arn(name), "aliases": list(aliases), "state": state, "versions": made}


def usual() -> list[dict]:
    """The account's own key, another one, and one that other stores have, too."""
    return [key("default", "alias/aws/s3"), key("other", "alias/other"), key("test-key", "alias/tests")]


def write(path: pathlib.Path, keys: list[dict]) -> None:
    """A file that its owner alone can read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps({"keys": keys}))
