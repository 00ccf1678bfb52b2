"""The commands of the program that need no store but the embedded one: a newcomer's first minutes, and its edges."""

import json
import os
import pathlib
import shlex
import signal
import stat
import subprocess
import time

import pytest

from support import names, paths, proxy, stores
from support.site import Site

pytestmark = pytest.mark.proxy


@pytest.fixture(autouse=True)
def program():
    try:
        return proxy.require_binary()
    except stores.Unavailable as why:
        (pytest.fail if paths.CI else pytest.skip)(str(why))


def run(program, *arguments, cwd, **environment) -> subprocess.CompletedProcess:
    return subprocess.run([program, *arguments], cwd=cwd, env=paths.clean_environment() | environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def serve(program, tmp_path):
    """Starts `serve` in a folder and waits for its last line; gives the process and what it printed."""
    started = []

    def start(folder: pathlib.Path, *arguments) -> tuple[subprocess.Popen, str]:
        out = tmp_path / f"out-{len(started)}"
        with out.open("wb") as file:
            process = subprocess.Popen([program, "serve", *arguments], cwd=folder, env=paths.clean_environment(), stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
        started.append(process)
        for _ in range(1500):
            if "ready" in out.read_text().split("\n"):
                return process, out.read_text()
            assert process.poll() is None, out.read_text()
            time.sleep(0.02)
        raise AssertionError(out.read_text())

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def exports(text: str) -> dict[str, str]:
    """What a shell makes of the printed `export` lines."""
    words = shlex.split(text)
    return dict(word.split("=", 1) for word in words if "=" in word)


def aws(environment: dict[str, str], *arguments) -> subprocess.CompletedProcess:
    return subprocess.run([paths.aws_command(), *arguments], env=paths.clean_environment() | environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120)


def test_a_newcomer_without_any_configuration(serve, program, tmp_path):
    home = tmp_path / "empty"
    home.mkdir()
    process, _ = serve(home)
    development = home / "bartizan-dev"
    assert stat.S_IMODE(development.stat().st_mode) == 0o700
    assert stat.S_IMODE((development / "credentials").stat().st_mode) == 0o600
    shown = run(program, "env", cwd=home)
    assert shown.returncode == 0, shown.stderr
    environment = exports(shown.stdout)
    assert environment["AWS_ENDPOINT_URL"] == "https://127.0.0.1:9443"
    (home / "f").write_text("hello")
    for arguments in [("s3", "mb", "s3://first-bucket"), ("s3", "cp", str(home / "f"), "s3://first-bucket/f"), ("s3", "ls", "s3://first-bucket/")]:
        done = aws(environment, *arguments)
        assert done.returncode == 0, done.stderr
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=45) == 0

    serve(home)
    assert exports(run(program, "env", cwd=home).stdout) == environment, "a second start finds the same keys"
    assert aws(environment, "s3", "cp", "s3://first-bucket/f", "-").stdout == "hello"


def test_a_newcomer_makes_an_access_point(serve, program, tmp_path):
    """Development mode has certificates for the names that SDKs make, as soon as they mean something."""
    home = tmp_path / "empty"
    home.mkdir()
    serve(home)
    try:
        known = names.hosts_file(tmp_path / "hosts", "111122223333", "reports-111122223333")
    except stores.Unavailable as why:
        (pytest.fail if paths.CI else pytest.skip)(str(why))
    endpoint = {"AWS_ENDPOINT_URL": "https://localhost:9443"}
    environment = exports(run(program, "env", cwd=home).stdout) | known | endpoint
    arn = f"arn:aws:s3:{environment['AWS_REGION']}:111122223333:accesspoint/reports"
    assert aws(environment, "s3", "mb", "s3://first-bucket").returncode == 0
    made = aws(environment, "s3control", "create-access-point", "--account-id", "111122223333", "--name", "reports", "--bucket", "first-bucket")
    assert made.returncode == 0 and arn in made.stdout, made.stderr
    (home / "f").write_text("hello")
    for arguments in [("s3", "cp", str(home / "f"), f"s3://{arn}/f"), ("s3", "ls", f"s3://{arn}/")]:
        done = aws(environment, *arguments)
        assert done.returncode == 0, done.stderr
    assert aws(environment, "s3", "cp", "s3://first-bucket/f", "-").stdout == "hello"
    # Of names that are not in the hosts file, doctor tells.
    looked = run(program, "doctor", cwd=home)
    assert "111122223333.localhost" in looked.stdout + looked.stderr, looked


def test_init_then_check_then_serve(serve, program, tmp_path):
    made = run(program, "init", "site", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    site = tmp_path / "site"
    assert (site / "bartizan.toml").exists()
    assert stat.S_IMODE((site / "policies" / "credentials.toml").stat().st_mode) & 0o077 == 0
    checked = run(program, "check", cwd=site)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert run(program, "init", "site", cwd=tmp_path).returncode != 0, "what is there must not be overwritten"
    serve(site)
    environment = exports(run(program, "env", cwd=site).stdout)
    done = aws(environment, "s3", "ls")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [("regoin = 'x'\n", "regoin"), ("[[listen]]\naddress = 7\n", "address"), ("account = '12'\n", "account"), ("region = \n", "1")],
)
def test_a_wrong_configuration_is_refused_with_its_place(program, tmp_path, text, said):
    (tmp_path / "bartizan.toml").write_text(text)
    done = run(program, "check", "-c", "bartizan.toml", cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert "bartizan.toml" in done.stderr and said in done.stderr
    assert run(program, "serve", "-c", "bartizan.toml", cwd=tmp_path).returncode == 2


def test_plain_http_beyond_loopback_is_refused(program, tmp_path):
    (tmp_path / "bartizan.toml").write_text("[[listen]]\naddress = '0.0.0.0:0'\nhosts = ['localhost']\n[upstream]\nkind = 'embedded'\n")
    assert run(program, "serve", "-c", "bartizan.toml", cwd=tmp_path).returncode == 2


def test_a_credentials_file_that_others_can_read_is_refused(program, tmp_path):
    assert run(program, "init", "site", cwd=tmp_path).returncode == 0
    os.chmod(tmp_path / "site" / "policies" / "credentials.toml", 0o644)
    assert run(program, "check", cwd=tmp_path / "site").returncode in (1, 2)


def test_health_ready_and_metrics(make_own):
    own = make_own()
    assert own.proxy.admin("/health")[0] == 200
    assert own.proxy.admin("/ready")[0] == 200
    own.client().list_buckets()
    status, text = own.proxy.admin("/metrics")
    assert status == 200 and 'bartizan_requests_total{' in text and 'operation="ListBuckets"' in text
    assert own.keys.id not in text


def test_a_reload_takes_a_new_key(make_own):
    own = make_own()
    credentials = own.proxy.folder / "policies" / "credentials.toml"
    fresh = proxy.Keys("AKIATESTFRESHKEY0001", "freshfreshfreshfreshfreshfreshfreshfr001")
    credentials.write_text(credentials.read_text().replace(proxy.READER.id, fresh.id).replace(proxy.READER.secret, fresh.secret))
    own.proxy.process.send_signal(signal.SIGHUP)
    for _ in range(100):
        try:
            own.client(fresh).list_buckets()
            return
        except own.client().exceptions.ClientError:
            time.sleep(0.1)
    raise AssertionError("the new key is not known ten seconds after SIGHUP")


def test_drain_ends_the_proxy_and_says_so_when_nobody_answers(make_own, program):
    own = make_own()
    where = ("-c", str(own.proxy.config))
    done = run(program, "drain", "--wait", "--json", *where, cwd=own.proxy.folder)
    assert done.returncode == 0 and json.loads(done.stdout)["ended"] is True, done
    assert own.proxy.process.wait(timeout=30) == 0
    for command in ("status", "reload", "drain"):
        done = run(program, command, "--json", *where, cwd=own.proxy.folder)
        assert done.returncode == 2 and "does not answer" in json.loads(done.stdout)["error"], done
        assert "help: start the proxy" in done.stderr


def test_a_certificate_is_rotated_under_a_running_proxy(make_own, program):
    own = make_own()
    where = ("-c", str(own.proxy.config))
    before = json.loads(run(program, "certs", "show", "--json", *where, cwd=own.proxy.folder).stdout)
    done = run(program, "certs", "rotate", *where, cwd=own.proxy.folder)
    assert done.returncode == 0 and "the running proxy has taken it" in done.stdout, done
    after = json.loads(run(program, "certs", "show", "--json", *where, cwd=own.proxy.folder).stdout)
    one, other = (told["files"][0]["certificates"][0] for told in (before, after))
    assert one["names"] == other["names"] and one["sha256"] != other["sha256"]
    own.client().list_buckets()
    done = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", after["files"][0]["file"]], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip().endswith(other["sha256"])


def test_env_works_in_a_shell_with_a_stale_token(serve, program, tmp_path):
    home = tmp_path / "site"
    assert run(program, "init", "site", cwd=tmp_path).returncode == 0
    serve(home)
    script = 'eval "$("$0" env)" && "$1" s3 ls'
    stale = {"AWS_SESSION_TOKEN": "stale", "AWS_PROFILE": "gone", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}
    done = subprocess.run(["sh", "-c", script, program, paths.aws_command()], cwd=home, env=paths.clean_environment() | stale, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def make_own(tmp_path):
    made = []

    def make() -> Site:
        made.append(proxy.Bartizan(tmp_path / "own", stores.Store("embedded")))
        return Site.of_proxy(made[-1].start())

    yield make
    for one in made:
        one.kill()
