"""One `bartizan serve` of the tests' own, with its configuration, policies and certificates."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from . import keyring, paths, toml
from .stores import Store, Unavailable

ACCOUNT = "111122223333"


@dataclass(frozen=True)
class Keys:
    """An access key."""

    id: str
    secret: str


ADMIN = Keys("AKIATESTADMIN0000001", "adminadminadminadminadminadminadmin00001")
READER = Keys("AKIATESTREADER000001", "readerreaderreaderreaderreaderreader0001")
NOBODY = Keys("AKIATESTNOBODY000001", "nobodynobodynobodynobodynobodynobody0001")

USERS = {"admin": (ADMIN, ["administrator"]), "reader": (READER, ["read-only"]), "nobody": (NOBODY, [])}
IDENTITIES = {
    "read-only": [{"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*"}],
}


def require_binary() -> pathlib.Path:
    """The program under test, or why it cannot be had."""
    program = paths.binary()
    if not os.access(program, os.X_OK):
        raise Unavailable(f"{program} is not built: `cargo build --release`, or set BARTIZAN_BIN")
    return program


def make_certificates(folder: pathlib.Path, *names: str) -> None:
    """A private CA and a server certificate, by the project's own script."""
    subprocess.run([paths.TOP / "certs" / "make.sh", folder, *names], check=True, timeout=60)


def write_policies(folder: pathlib.Path) -> None:
    """An administrator, one who may only read, and one who may nothing."""
    (folder / "identities").mkdir(parents=True)
    shutil.copy(paths.TOP / "policies" / "identities" / "administrator.json", folder / "identities")
    for name, statements in IDENTITIES.items():
        (folder / "identities" / f"{name}.json").write_text(json.dumps({"Version": "2012-10-17", "Statement": statements}))
    users = [
        {"arn": f"arn:aws:iam::{ACCOUNT}:user/{name}", "policies": policies, "keys": [{"id": key.id, "secret": key.secret}]}
        for name, (key, policies) in USERS.items()
    ]
    credentials = folder / "credentials.toml"
    credentials.touch(mode=0o600)
    credentials.write_text(toml.dumps({"account": [{"id": ACCOUNT, "name": "main"}], "user": users}))


class Bartizan:
    """A proxy in a folder of its own; it can be ended and started again over the same state."""

    def __init__(self, folder: pathlib.Path, store: Store, **tables):
        self.folder, self.store = folder, store
        self.port, self.admin_port = paths.free_port(), paths.free_port()
        self.process: subprocess.Popen | None = None
        folder.mkdir(parents=True, exist_ok=True)
        make_certificates(folder / "certs", "localhost", "127.0.0.1", "s3.localhost", "*.s3.localhost")
        write_policies(folder / "policies")
        keyring.write(folder / "state" / "keyring.json", keyring.usual())
        self.configure(**tables)

    @property
    def endpoint(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def ca(self) -> str:
        return str(self.folder / "certs" / "ca.pem")

    @property
    def config(self) -> pathlib.Path:
        return self.folder / "bartizan.toml"

    def configure(self, **tables) -> None:
        """Writes the configuration file; `tables` replace or add top-level tables."""
        settings = {
            "region": "us-east-1",
            "account": ACCOUNT,
            "policies": "policies/",
            "state": "state/",
            "listen": [
                {
                    "address": f"127.0.0.1:{self.port}",
                    "hosts": ["localhost", "s3.localhost"],
                    "tls": {"certificate": "certs/server.pem", "key": "certs/server.key"},
                }
            ],
            "upstream": self.store.upstream(),
            "admin": {"address": f"127.0.0.1:{self.admin_port}"},
        }
        self.config.touch(mode=0o600)
        self.config.write_text(toml.dumps(settings | tables))

    def start(self, wait: float = 30) -> "Bartizan":
        """Starts it and waits for the last line it promises to print."""
        program = require_binary()
        out, err = self.folder / "stdout", self.folder / "stderr"
        with out.open("wb") as out_file, err.open("ab") as err_file:
            command = [program, "serve", "-c", self.config]
            self.process = subprocess.Popen(command, cwd=self.folder, env=paths.clean_environment(), stdin=subprocess.DEVNULL, stdout=out_file, stderr=err_file)
        # Where .ci/run finds what a test that was cut short left running.
        (self.folder / "pids").write_text(f"{self.process.pid}\n")
        end = time.monotonic() + wait
        while time.monotonic() < end:
            if "ready" in out.read_text().split("\n"):
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        status = self.process.poll()
        self.kill()
        raise AssertionError(f"bartizan serve is not ready (status {status}):\n{out.read_text()[-2000:]}\n{err.read_text()[-4000:]}")

    def stop(self) -> int:
        """SIGTERM: drains and leaves with 0."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=45)
        (self.folder / "pids").unlink(missing_ok=True)
        return status

    def kill(self) -> None:
        """SIGKILL: what a power cut does to a process."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=10)
        (self.folder / "pids").unlink(missing_ok=True)

    def discard(self) -> None:
        """Ends it for good; its journal alone takes a segment of the disk from its first moment."""
        self.kill()
        if not paths.KEEP:
            shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess:
        """Another command of the same program, over the same configuration."""
        command = [require_binary(), *arguments, "-c", str(self.config)]
        return subprocess.run(command, cwd=self.folder, env=paths.clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=timeout)

    def admin(self, path: str) -> tuple[int, str]:
        """Asks the admin listener."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def memory(self, field: str = "VmHWM") -> int:
        """Memory in bytes, from the kernel's own account."""
        assert self.process is not None
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == field:
                return int(value.split()[0]) * 1024
        raise AssertionError(f"no {field} in /proc")

    def journal(self) -> list[dict]:
        """What `log tail` prints, one record per line."""
        done = self.run("log", "tail", "--format", "json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]

    def record(self, matches, seconds: float = 10) -> dict:
        """The first record that matches; completions are written a moment after the answer."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := next(filter(matches, self.journal()), None):
                return found
            time.sleep(0.1)
        raise AssertionError("no such record")
