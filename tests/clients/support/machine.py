"""Machines of the tests' own: a network that nothing leads out of, and roots with an /etc and a /var of their own.

Recipes name fixed addresses, ports, host names and folders. Here they are run exactly so, without a trace on the
machine that runs the tests. Linux namespaces do it: root is needed, nothing is installed, everything ends with the network.
"""

import os
import pathlib
import shutil
import subprocess
import time

from .stores import Unavailable

# What a root gets of its own instead of the machine's.
OWN = {"etc", "var", "run", "srv", "mnt", "media", "sys", "proc", "boot", "lost+found"}
ETC = ["group", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "nsswitch.conf", "passwd", "ssl"]
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}

# $1: the root. $2: yes, if it cannot be written to. Then source and target of each mount, --, folder, program and arguments.
ENTER = """
set -eu
root=$1 read_only=$2
shift 2
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
while [ "$1" != -- ]; do mount --bind "$1" "$root$2"; shift 2; done
shift
[ "$read_only" = no ] || mount -o remount,bind,ro "$root"
exec chroot $USERSPEC "$root" /bin/sh -c 'cd "$1"; shift; exec "$@"' enter "$@"
"""


class Network:
    """A network with a loopback of its own, and every process that lives in it."""

    def __init__(self, folder: pathlib.Path, *addresses: str):
        if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
            raise Unavailable("networks of the tests' own need root, `unshare` and `ip`")
        self.folder = folder
        folder.mkdir(parents=True)
        setup = "ip link set lo up && " + "".join(f"ip address add {address}/32 dev lo && " for address in addresses)
        ready = folder / "ready"
        command = ["unshare", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", f"{setup} echo ready >'{ready}' && exec sleep infinity"]
        self.holder = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        (folder / "pids").write_text(f"{self.holder.pid}\n")
        while not ready.exists():
            if self.holder.poll() is not None:
                raise Unavailable(f"no network of its own: {self.holder.stderr.read()}")
            time.sleep(0.01)

    def close(self) -> None:
        """Ends it and everybody in it."""
        self.holder.kill()
        self.holder.wait(timeout=10)
        self.holder.stderr.close()
        (self.folder / "pids").unlink()

    def enter(self) -> list[str]:
        """The words that put a command into it."""
        here = f"/proc/{self.holder.pid}/ns"
        return ["nsenter", f"--net={here}/net", f"--pid={here}/pid_for_children", "unshare", "--mount", "--propagation", "private"]


class Machine:
    """A root in a network: programs and libraries are the machine's, /etc, /var and the like its own."""

    def __init__(self, network: Network, name: str, hosts: dict[str, str] | None = None, resolver: str | None = None, only: set[str] | None = None):
        self.network, self.root = network, network.folder / name
        self.mounts: list[tuple[pathlib.Path, str]] = []
        self.read_only, self.user, self.group = False, 0, 0
        for entry in pathlib.Path("/").iterdir():
            here = self.root / entry.name
            here.parent.mkdir(exist_ok=True)
            if only is not None and entry.name not in only | {"dev"} and not entry.is_symlink():
                continue
            if entry.is_symlink():
                here.symlink_to(entry.readlink())
            elif entry.is_dir() and entry.name not in OWN:
                here.mkdir()
                self.mounts.append((entry, f"/{entry.name}"))
        for own in ("etc", "var", "run", "proc"):
            (self.root / own).mkdir()
        for part in ETC:
            source = pathlib.Path("/etc") / part
            if source.is_dir():
                shutil.copytree(source, self.root / "etc" / part, symlinks=True)
            elif source.exists():
                shutil.copy(source, self.root / "etc" / part)
        (self.root / "etc/hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{address} {host}\n" for host, address in (hosts or {}).items()))
        (self.root / "etc/resolv.conf").write_text(f"nameserver {resolver}\noptions timeout:1 attempts:1\n" if resolver else "")
        (self.root / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")

    def path(self, inside: str) -> pathlib.Path:
        """Where a file of its own lies."""
        return self.root / inside.lstrip("/")

    def trust(self, ca: pathlib.Path) -> None:
        """Adds a CA to those that its programs trust by themselves."""
        bundle = self.path("/etc/ssl/certs/ca-certificates.crt")
        bundle.parent.mkdir(parents=True, exist_ok=True)
        with bundle.open("ab") as file:
            file.write(ca.read_bytes())

    def command(self, *words: str, folder: str = "/") -> list[str]:
        mounts = [word for source, target in self.mounts for word in (str(source), target)]
        userspec = f"--userspec={self.user}:{self.group} --groups={self.group}" if self.user else ""
        enter = ENTER.replace("$USERSPEC", userspec)
        return [*self.network.enter(), "sh", "-c", enter, "machine", str(self.root), "yes" if self.read_only else "no", *mounts, "--", folder, *words]

    def start(self, *words: str, folder: str = "/", environment: dict[str, str] | None = None, output: pathlib.Path) -> subprocess.Popen:
        """Starts a program that ends with the network."""
        with output.open("ab") as out:
            return subprocess.Popen(self.command(*words, folder=folder), env=ENVIRONMENT | (environment or {}), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)

    def run(self, *words: str, folder: str = "/", environment: dict[str, str] | None = None, timeout: float = 180) -> tuple[int, str]:
        """Runs a program to its end: status, and what it printed. What it left in the background goes on."""
        output = self.network.folder / f"{self.root.name}.out"
        output.unlink(missing_ok=True)
        process = self.start(*words, folder=folder, environment=environment, output=output)
        try:
            status = process.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            status = -1
        return status, output.read_text(errors="replace")
