"""Where things are."""

import os
import pathlib
import socket

TOP = pathlib.Path(__file__).resolve().parents[3]
VENV = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "bartizan" / "venv"
CLIENTS = VENV.parent / "clients"
CI = os.environ.get("CI") == "true"
DIRECT = os.environ.get("BARTIZAN_DIRECT") == "1"
KEEP = os.environ.get("BARTIZAN_KEEP") == "1"


def binary() -> pathlib.Path:
    """The program under test."""
    return pathlib.Path(os.environ.get("BARTIZAN_BIN", TOP / "target" / "release" / "bartizan")).resolve()


def aws_command() -> str:
    """The stock `aws` command of the virtual environment."""
    return str(VENV / "bin" / "aws")


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def clean_environment() -> dict[str, str]:
    """The environment without anything that would steer an AWS client."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BARTIZAN_"))}
    # Otherwise the `aws` command would read the caller's own profile, or ask a metadata service.
    return kept | {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": ""}
