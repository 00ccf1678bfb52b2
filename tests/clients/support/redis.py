"""A Redis of the tests' own: on loopback, in memory, with a password."""

import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import time

from . import paths, proxy
from .stores import Unavailable

PASSWORD = "a-password-of-the-tests"


class Redis:
    """Ended and started again, it is empty and on the same port."""

    def __init__(self, folder: pathlib.Path, tls: bool = False):
        if shutil.which("redis-server") is None:
            raise Unavailable("redis-server is not installed: `apt-get install redis-server`")
        self.folder, self.port = folder, paths.free_port()
        self.process: subprocess.Popen | None = None
        folder.mkdir(parents=True)
        self.ca: pathlib.Path | None = None
        if tls:
            proxy.make_certificates(folder / "certs", "localhost", "127.0.0.1")
            self.ca = folder / "certs/ca.pem"

    @property
    def where(self) -> dict[str, str]:
        """What a configuration says of it."""
        if self.ca is None:
            return {"url": f"redis://127.0.0.1:{self.port}"}
        return {"url": f"rediss://127.0.0.1:{self.port}", "ca_file": str(self.ca)}

    def start(self) -> "Redis":
        ports = {"port": self.port}
        if self.ca is not None:
            certs = self.ca.parent
            files = {"tls-cert-file": certs / "server.pem", "tls-key-file": certs / "server.key", "tls-ca-cert-file": self.ca}
            ports = {"port": 0, "tls-port": self.port, "tls-auth-clients": "no", **files}
        settings = {**ports, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": self.folder, "requirepass": PASSWORD}
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
            with self.connect() as way:
                way.sendall(f"AUTH {PASSWORD}\r\n{command}\r\nQUIT\r\n".encode())
                answer = b""
                while piece := way.recv(65536):
                    answer += piece
                return answer
        except OSError:
            return b""

    def connect(self) -> socket.socket:
        way = socket.create_connection(("127.0.0.1", self.port), timeout=2)
        if self.ca is None:
            return way
        return ssl.create_default_context(cafile=str(self.ca)).wrap_socket(way, server_hostname="localhost")

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(timeout=10)
        (self.folder / "pids").unlink(missing_ok=True)
