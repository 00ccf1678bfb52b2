"""The host names that SDKs make of an endpoint: an account, or an access point and its account, in front of `localhost`.

No system resolves those by itself, and the tests do not touch its hosts file. Programs get a hosts file of their own
(Debian's libnss-wrapper); this process looks them up here.
"""

import contextlib
import pathlib
import socket

from .stores import Unavailable


def hosts_file(path: pathlib.Path, *labels: str) -> dict[str, str]:
    """Writes a hosts file with these in front of both host names; gives the variables that make a program read it."""
    library = next(pathlib.Path("/usr/lib").glob("**/libnss_wrapper.so"), None)
    if library is None:
        raise Unavailable("libnss_wrapper.so is not here: apt-get install libnss-wrapper")
    hosts = ["localhost", "s3.localhost"]
    path.write_text("".join(f"127.0.0.1 {name}\n" for base in hosts for name in [base, *(f"{label}.{base}" for label in labels)]))
    return {"LD_PRELOAD": str(library), "NSS_WRAPPER_HOSTS": str(path)}


@contextlib.contextmanager
def below_localhost():
    """Every name below `localhost` is this machine, as RFC 6761 has it, for as long as this lasts."""
    system = socket.getaddrinfo

    def look_up(host, *arguments, **more):
        name = host.decode() if isinstance(host, bytes) else host
        below = isinstance(name, str) and name.endswith(".localhost")
        return system("127.0.0.1" if below else host, *arguments, **more)

    socket.getaddrinfo = look_up
    try:
        yield
    finally:
        socket.getaddrinfo = system
