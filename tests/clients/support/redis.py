"""A Redis of the tests' own: on loopback, in memory, with a password."""

import pathlib
import shutil
import signal
import socket
import subprocess
import time

from . import paths
from .stores import Unavailable

PASSWORD = "a-password-of-the-tests"


class Redis:
    """Ended and started again, it is empty and on the same port."""

    def __init__(self, folder: pathlib.Path):
        if shutil.which("redis-server") is None:
            raise Unavailable("redis-server is not installed: `apt-get install redis-server`")
        self.folder, self.port = folder, paths.free_port()
        self.process: subprocess.Popen | None = None
        folder.mkdir(parents=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> "Redis":
        settings = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": self.folder, "requirepass": PASSWORD}
        options = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(["redis-server", *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        (self.folder / "pids").write_text(f"{self.process.pid}\n")
        end = time.monotonic() + 10
        while time.monotonic() < end and self.process.poll() is None:
            if b"PONG" in self.ask("PING"):
                return self
            time.sleep(0.02)
        self.stop()
        raise AssertionError(f"redis-server does not answer:\n{(self.folder / 'log').read_text()[-2000:]}")

    def ask(self, command: str) -> bytes:
        """One command without spaces in its words; what comes back at first."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as way:
                way.sendall(f"AUTH {PASSWORD}\r\n{command}\r\nQUIT\r\n".encode())
                answer = b""
                while piece := way.recv(65536):
                    answer += piece
                return answer
        except OSError:
            return b""

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(timeout=10)
        (self.folder / "pids").unlink(missing_ok=True)
