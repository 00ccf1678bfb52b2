"""The stores behind the proxy, started by the scripts of .ci/stores."""

import os
import pathlib
import subprocess
from dataclasses import dataclass, field

from . import paths

SCRIPTS = paths.TOP / ".ci" / "stores"
ACCESS_KEY = "storeaccesskey01"
SECRET_KEY = "storesecretstoresecretstoresecret0123456"


class Unavailable(Exception):
    """A store or a program that is not here."""


@dataclass
class Store:
    """A store, as the proxy's configuration and a direct client need to know it."""

    name: str
    endpoint: str | None = None
    pids: list[int] = field(default_factory=list)
    scratch: pathlib.Path | None = None
    sealed: bool = False
    """What goes there is sealed by the proxy."""

    @property
    def profile(self) -> str:
        return {"minio": "minio", "sealed": "minio", "radosgw": "ceph"}.get(self.name, "strict")

    def upstream(self) -> dict:
        """The [upstream] table for it."""
        if self.endpoint is None:
            return {"kind": "embedded"}
        table = {
            "kind": "s3",
            "endpoint": self.endpoint,
            "region": "us-east-1",
            "addressing": "path",
            "profile": self.profile,
            "credentials": {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY},
        }
        return table | ({"encryption": "sealed"} if self.sealed else {})

    def stop(self) -> None:
        if self.scratch is not None:
            subprocess.run([SCRIPTS / f"{script(self.name)}.sh", "stop", self.scratch], check=True, timeout=60)


def script(name: str) -> str:
    """Which store it is: `sealed` is MinIO behind a proxy that seals."""
    return "minio" if name == "sealed" else name


def start(name: str, scratch: pathlib.Path) -> Store:
    """Starts a store by name, or says why it cannot be had."""
    if name == "embedded":
        return Store(name)
    program = SCRIPTS / f"{script(name)}.sh"
    if not program.exists():
        raise Unavailable(f"no store called {name}")
    if subprocess.run([program, "available"], check=False).returncode != 0:
        raise Unavailable(f"{name} is not installed: run `{program.relative_to(paths.TOP)} install`")
    port = paths.free_port()
    keys = {"STORE_ACCESS_KEY": ACCESS_KEY, "STORE_SECRET_KEY": SECRET_KEY}
    # To a file: a store keeps what it inherits, and a pipe would never end.
    printed = scratch.parent / f"{scratch.name}.start"
    with printed.open("wb") as out:
        done = subprocess.run([program, "start", scratch, str(port)], env=os.environ | keys, stdout=out, stderr=subprocess.STDOUT, check=False, timeout=300)
    if done.returncode != 0:
        raise Unavailable(f"{name} does not start: {printed.read_text()[-2000:]}")
    pids = [int(pid) for pid in (scratch / "pids").read_text().split()]
    return Store(name, f"http://127.0.0.1:{port}", pids, scratch, sealed=name == "sealed")
