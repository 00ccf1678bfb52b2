"""The README's first minutes and the recipes of docs/recipes/, run as they stand there."""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

import pytest
import yaml

from support import page, paths, proxy, stores, toml
from support.machine import Machine, Network

# Minutes only where the machine has much else to do.
pytestmark = [pytest.mark.proxy, pytest.mark.timeout(900)]
SUPPORT = pathlib.Path(__file__).parent / "support"
ADMINISTRATOR = paths.TOP / "policies" / "identities" / "administrator.json"
# Nothing of the caller's own steers the clients.
CLIENT = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": ""}


def unavailable(why) -> None:
    (pytest.fail if paths.CI else pytest.skip)(str(why))


@pytest.fixture
def network(scratch, request):
    """A network whose every process ends with the test."""
    made = []

    def make(*addresses: str) -> Network:
        try:
            proxy.require_binary()
            made.append(Network(scratch / f"recipe-{len(made)}-{request.node.name}", *addresses))
        except stores.Unavailable as why:
            unavailable(why)
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def programs(scratch, request) -> pathlib.Path:
    """A folder for PATH with what the pages call by name."""
    folder = scratch / f"programs-{request.node.originalname}-{len(list(scratch.iterdir()))}"
    folder.mkdir()
    (folder / "bartizan").symlink_to(paths.binary())
    (folder / "aws").symlink_to(paths.aws_command())
    kubectl = folder / "kubectl"
    kubectl.write_text(f"#!/bin/sh\nexec {sys.executable} {SUPPORT / 'kubectl.py'} \"$@\"\n")
    kubectl.chmod(0o755)
    return folder


@pytest.fixture
def desk(scratch, request) -> pathlib.Path:
    """Where somebody types: the scripts of the repository are there, what is made stays here."""
    folder = scratch / f"desk-{request.node.originalname}-{len(list(scratch.iterdir()))}"
    folder.mkdir()
    for name in ("certs", "policies"):
        (folder / name).symlink_to(paths.TOP / name)
    return folder


def calling(programs: pathlib.Path, **more: str) -> dict[str, str]:
    return CLIENT | {"PATH": f"{programs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"} | more


def run_page(machine: Machine, blocks: list[page.Block], desk: pathlib.Path, environment: dict[str, str]) -> dict[int, str]:
    """Runs the commands of a page, and holds what they print against what the page says."""
    status, printed = machine.run("bash", "-c", page.script(blocks), folder=str(desk), environment=environment)
    assert status == 0, printed[-6000:]
    return page.check_output(blocks, printed)


def play_aws(network: Network, folder: pathlib.Path, region: str, address: str, keys: proxy.Keys) -> pathlib.Path:
    """An S3 of one region under its AWS names, with a certificate and a key of its own. Gives its CA."""
    suffix = f"s3.{region}.amazonaws.com"
    proxy.make_certificates(folder / "certs", suffix, f"*.{suffix}")
    (folder / "policies" / "identities").mkdir(parents=True)
    shutil.copy(ADMINISTRATOR, folder / "policies" / "identities")
    credentials = folder / "policies" / "credentials.toml"
    credentials.touch(mode=0o600)
    credentials.write_text(toml.dumps({"user": [{"arn": f"arn:aws:iam::{proxy.ACCOUNT}:user/upstream", "policies": ["administrator"], "keys": [{"id": keys.id, "secret": keys.secret}]}]}))
    listen = {"address": f"{address}:443", "accept_aws_hosts": True, "tls": {"certificate": "certs/server.pem", "key": "certs/server.key"}}
    (folder / "bartizan.toml").write_text(toml.dumps({"region": region, "account": proxy.ACCOUNT, "listen": [listen], "upstream": {"kind": "embedded"}}))
    machine = Machine(network, f"aws-{region}")
    output = folder / "out"
    process = machine.start(str(paths.binary()), "serve", "-c", str(folder / "bartizan.toml"), output=output)
    for _ in range(1500):
        if "ready" in output.read_text().split("\n"):
            return folder / "certs" / "ca.pem"
        assert process.poll() is None, output.read_text()
        time.sleep(0.02)
    raise AssertionError(output.read_text())


def records(folder: pathlib.Path) -> list[dict]:
    """The journal of an S3 that was played: what reached it."""
    done = subprocess.run([paths.binary(), "log", "tail", "-c", folder / "bartizan.toml"], capture_output=True, text=True, check=True, timeout=30)
    return [json.loads(line) for line in done.stdout.splitlines()]


# What the README does not spell out of a newcomer's first minutes, with nothing but default settings.
MORE = """
head -c 1024 /dev/urandom >small
head -c 104857600 /dev/urandom >large
mkdir -p folder/below && cp small folder/one && cp small "folder/below/two words"
aws s3 mb s3://minutes
aws s3 cp --quiet small s3://minutes/small
aws s3 cp --quiet large s3://minutes/large
aws s3 cp --quiet --recursive folder s3://minutes/folder/
aws s3 ls --recursive s3://minutes/
aws s3 cp --quiet s3://minutes/small small.back && cmp small small.back
aws s3 cp --quiet s3://minutes/large large.back && cmp large large.back
aws s3 cp --quiet --recursive s3://minutes/folder/ folder.back && diff -r folder folder.back
curl --silent --fail --cacert "$AWS_CA_BUNDLE" "$(aws s3 presign s3://minutes/small)" | cmp - small
aws s3 rm --quiet --recursive s3://minutes/
aws s3 rb s3://minutes
python3 -c "
import boto3
s3 = boto3.client('s3')
s3.put_object(Bucket='first', Key='boto3', Body=b'default settings')
assert s3.get_object(Bucket='first', Key='boto3')['Body'].read() == b'default settings'
"
bartizan log tail >/dev/null
curl --silent --fail http://127.0.0.1:9464/ready
"""


def test_readme_first_minutes(network, programs, desk):
    """The README's own words. `cargo run --release --` is the program that it would build."""
    run, use = page.section("README.md", "Run it")
    assert run.text == "cargo run --release -- serve\n"
    (programs / "python3").symlink_to(sys.executable)
    (programs / "bartizan").unlink()
    folder = desk / "clone"
    (folder / "target" / "release").mkdir(parents=True)
    (folder / "target" / "release" / "bartizan").symlink_to(paths.binary())
    machine = Machine(network(), "newcomer")
    output = desk / "serve.out"
    serve = machine.start(str(paths.binary()), "serve", folder=str(folder), environment=calling(programs), output=output)
    while "ready" not in output.read_text().split("\n"):
        assert serve.poll() is None, output.read_text()
        time.sleep(0.02)
    status, printed = machine.run("bash", "-c", f"set -eu\n{use.text}{MORE}", folder=str(folder), environment=calling(programs))
    assert status == 0 and "hello.txt" in printed and "folder/below/two words" in printed, printed[-4000:] + output.read_text()


def test_readme_access_points(network, programs, desk):
    """The README's three teams, and the page about access points, which goes on from there."""
    blocks = page.section("README.md", "One bucket, three teams") + page.blocks("access-points.md")
    printed = run_page(Machine(network(), "teams"), blocks, desk, calling(programs))
    refusals = [text for text in printed.values() if "(AccessDenied)" in text]
    assert len(refusals) == 1 and refusals[0].count("(AccessDenied)") == 2, refusals


@pytest.mark.parametrize("title", ["In front of MinIO", "In front of AWS"])
def test_readme_upstreams(programs, desk, title):
    """The tables that the README gives for stores, in the place of the one that `init` writes."""
    environment = calling(programs) | {name: "a-key-or-a-secret" for name in ("MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    subprocess.run(["bartizan", "init", "gate"], cwd=desk, env=environment, check=True, capture_output=True, timeout=30)
    file = desk / "gate" / "bartizan.toml"
    before, after = file.read_text().split("[upstream]\n", 1)
    table = next(block.text for block in page.section("README.md", title) if block.language == "toml")
    file.write_text(before + table + "\n[signature]\n" + after.split("[signature]\n", 1)[1])
    done = subprocess.run(["bartizan", "check", "-c", "gate/bartizan.toml"], cwd=desk, env=environment, check=False, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


def test_laptop_minio(network, programs, desk):
    script = stores.SCRIPTS / "minio.sh"
    if subprocess.run([script, "available"], check=False).returncode != 0:
        unavailable("minio is not installed: run `.ci/stores/minio.sh install`")
    (programs / "minio").symlink_to(subprocess.check_output([script, "path"], text=True).strip())
    blocks = page.blocks("recipes/laptop-minio.md")
    printed = run_page(Machine(network(), "laptop"), blocks, desk, calling(programs, HOME=str(desk)))
    refusals = [text for text in printed.values() if "The Access Key Id you provided does not exist in our records" in text]
    assert refusals and refusals[0].count("InvalidAccessKeyId") == 2, "each refuses the other's key"
    record = json.loads(printed[max(number for number, block in enumerate(blocks) if "log tail" in block.text)].splitlines()[0])
    assert (record["operation"], record["key"]) == ("PutObject", "hello.txt")


def test_sealed_objects(network, programs, desk):
    script = stores.SCRIPTS / "minio.sh"
    if subprocess.run([script, "available"], check=False).returncode != 0:
        unavailable("minio is not installed: run `.ci/stores/minio.sh install`")
    (programs / "minio").symlink_to(subprocess.check_output([script, "path"], text=True).strip())
    run_page(Machine(network(), "sealed"), page.blocks("sealed-objects.md"), desk, calling(programs, HOME=str(desk)))


class Pod:
    """What Kubernetes makes of a Deployment: volumes, variables, users, one network for all containers."""

    def __init__(self, network: Network, objects: pathlib.Path, deployment: str):
        self.network, self.objects = network, objects
        template = json.loads((objects / f"deployment-{deployment}.json").read_text())["spec"]["template"]["spec"]
        self.containers = {container["name"]: container for container in template["containers"]}
        self.security = template["securityContext"]
        self.volumes = {volume["name"]: self.volume(volume) for volume in template["volumes"]}

    def object(self, kind: str, name: str) -> dict:
        return json.loads((self.objects / f"{kind}-{name}.json").read_text())

    def volume(self, volume: dict) -> pathlib.Path:
        """A folder of root, shared with the group `fsGroup`, with links inside as kubelet makes them."""
        group = self.security["fsGroup"]
        folder = self.network.folder / f"volume-{volume['name']}"
        folder.mkdir()
        os.chown(folder, 0, group)
        if "emptyDir" in volume:
            folder.chmod(0o2777)
            return folder
        kind = "secret" if "secret" in volume else "configmap"
        source = volume.get("secret") or volume["configMap"]
        data = self.object(kind, source.get("secretName") or source["name"])
        (folder / "..2026_11_26").mkdir(mode=0o755)
        (folder / "..data").symlink_to("..2026_11_26")
        for name, content in data.items():
            file = folder / "..2026_11_26" / name
            file.write_text(content)
            os.chown(file, 0, group)
            file.chmod(source.get("defaultMode", 0o644) | 0o440)
            (folder / name).symlink_to(f"..data/{name}")
        folder.chmod(0o755)
        return folder

    def environment(self, name: str) -> dict[str, str]:
        found = {}
        for variable in self.containers[name].get("env", []):
            if "value" in variable:
                found[variable["name"]] = variable["value"]
            else:
                reference = variable["valueFrom"]["secretKeyRef"]
                found[variable["name"]] = self.object("secret", reference["name"])[reference["key"]]
        assert all(isinstance(value, str) for value in found.values()), "Kubernetes takes strings only"
        return found

    def machine(self, name: str, hosts: dict[str, str], only: set[str] | None = None) -> Machine:
        container = self.containers[name]
        machine = Machine(self.network, f"container-{name}", hosts=hosts, only=only)
        for mount in container["volumeMounts"]:
            source, target = self.volumes[mount["name"]], machine.path(mount["mountPath"])
            if "subPath" in mount:
                source = (source / mount["subPath"]).resolve()
                target.parent.mkdir(parents=True, exist_ok=True)
                target.touch()
            else:
                target.mkdir(parents=True)
            machine.mounts.append((source, mount["mountPath"]))
        machine.read_only = container["securityContext"].get("readOnlyRootFilesystem", False)
        return machine


APPLICATION = """
import boto3
s3 = boto3.client("s3")
s3.create_bucket(Bucket="pod-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
s3.put_object(Bucket="pod-bucket", Key="from/the pod", Body=b"hello" * 100_000)
assert s3.get_object(Bucket="pod-bucket", Key="from/the pod")["Body"].read() == b"hello" * 100_000
print([entry["Key"] for entry in s3.list_objects_v2(Bucket="pod-bucket")["Contents"]])
"""


def test_sidecar(network, programs, desk):
    pod_network, objects = network(), desk / "objects"
    upstream = proxy.Keys("AKIABUCKETKEY0000001", "bucketbucketbucketbucketbucketbucket0001")
    aws = desk / "aws"
    ca = play_aws(pod_network, aws, "eu-central-1", "127.0.0.2", upstream)
    typed = calling(programs, KUBECTL_OBJECTS=str(objects), BUCKET_KEY_ID=upstream.id, BUCKET_KEY_SECRET=upstream.secret)
    run_page(Machine(pod_network, "desk"), page.blocks("recipes/sidecar.md"), desk, typed)

    pod = Pod(pod_network, objects, "app")
    hosts = {"s3.eu-central-1.amazonaws.com": "127.0.0.2"}
    # The image: one program, and the CAs that the build machine trusts. The libraries are there because this build is not static.
    gate = pod.machine("bartizan", hosts, only={"bin", "lib", "lib32", "lib64", "usr"})
    shutil.copy(paths.binary(), gate.path("/bartizan"))
    gate.trust(ca)
    gate.user, gate.group = pod.security["runAsUser"], pod.security["runAsGroup"]
    assert gate.user != 0 and gate.read_only
    container, output = pod.containers["bartizan"], desk / "bartizan.out"
    process = gate.start("/bartizan", *container["args"], environment=pod.environment("bartizan"), output=output)
    probe = container["readinessProbe"]["exec"]["command"]
    for _ in range(100):
        status, said = gate.run(*probe, environment=pod.environment("bartizan"))
        if status == 0:
            break
        assert process.poll() is None, output.read_text()
        time.sleep(0.1)
    assert (status, said) == (0, "ready\n"), output.read_text()

    # The application is the test's own, so it runs as the test's user and finds the test's Python.
    app = pod.machine("app", hosts)
    environment = pod.environment("app")
    assert upstream.id not in environment.values() and upstream.secret not in environment.values()
    status, printed = app.run(sys.executable, "-c", APPLICATION, environment=environment)
    assert (status, printed) == (0, "['from/the pod']\n"), printed + output.read_text()
    status, printed = app.run(paths.aws_command(), "s3", "ls", "s3://pod-bucket/from/", environment=environment)
    assert status == 0 and "the pod" in printed, printed
    # The key of the pod opens nothing outside of it, and whoever is not the application gets nothing here.
    outside = environment | {"AWS_ENDPOINT_URL": "https://s3.eu-central-1.amazonaws.com", "AWS_CA_BUNDLE": str(ca)}
    status, printed = app.run(paths.aws_command(), "s3", "ls", environment=outside)
    assert status != 0 and "InvalidAccessKeyId" in printed, printed
    status, printed = app.run(paths.aws_command(), "s3", "ls", environment=environment | {"AWS_ACCESS_KEY_ID": upstream.id})
    assert status != 0 and "InvalidAccessKeyId" in printed, printed
    seen = [record for record in records(aws) if record.get("operation") == "PutObject" and "decision" in record]
    assert {record["requester"] for record in seen} == {f"arn:aws:iam::{proxy.ACCOUNT}:user/upstream"}, seen


def test_way_out(network, programs, desk):
    if not shutil.which("dnsmasq", path="/usr/sbin:/usr/bin"):
        unavailable("dnsmasq is not installed: apt-get install dnsmasq-base")
    own = network("10.20.0.5")
    blocks = page.blocks("recipes/way-out.md")
    upstream_keys = next(block for block in blocks if block.file and block.file.endswith("upstream-keys")).text
    values = [line.split(" = ")[1] for line in upstream_keys.splitlines() if " = " in line]
    played = {"eu-central-1": ("127.0.0.2", proxy.Keys(*values[:2])), "us-east-1": ("127.0.0.3", proxy.Keys(*values[2:]))}
    # Bartizan's machine resolves AWS to AWS and trusts who signed AWS's certificates.
    gate = Machine(own, "gate", hosts={f"s3.{region}.amazonaws.com": address for region, (address, _) in played.items()})
    for region, (address, keys) in played.items():
        gate.trust(play_aws(own, desk / region, region, address, keys))
    steps = [block for block in blocks if not block.on_a_client and block.language != "text"]
    run_page(gate, steps, desk, calling(programs))
    dnsmasq = desk / "dnsmasq.out"
    names = gate.start("dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file", "--conf-file=/etc/dnsmasq.d/s3.conf", output=dnsmasq)

    client = Machine(own, "client", resolver="10.20.0.5")
    shutil.copy(gate.path("/etc/bartizan/certs/ca.pem"), client.path("/etc/ssl/s3-way-out.pem"))
    for _ in range(100):
        if client.run("getent", "hosts", "b.s3.eu-central-1.amazonaws.com")[0] == 0:
            break
        assert names.poll() is None, dnsmasq.read_text()
        time.sleep(0.05)
    asked = [block for block in blocks if block.on_a_client or block.language == "text"]
    run_page(client, asked, desk, calling(programs))

    def aws(words: str, **environment: str) -> tuple[int, str]:
        keys = {"AWS_ACCESS_KEY_ID": "AKIAREPORTS000000001", "AWS_SECRET_ACCESS_KEY": "replace-me-reports-replace-me-reports-000", "AWS_CA_BUNDLE": "/etc/ssl/s3-way-out.pem"}
        return client.run(*shlex.split(f"aws {words}"), environment=calling(programs, **keys) | environment)

    # Each store got its own region's bucket, signed with its own key, and nothing of the other's.
    for region, bucket in {"eu-central-1": "reports-eu", "us-east-1": "reports-us"}.items():
        seen = records(desk / region)
        puts = {record["bucket_name"] for record in seen if record.get("operation") == "PutObject" and "decision" in record}
        assert puts == {bucket}, seen
    # A bucket of the other region: refused here, and the client is led nowhere.
    for region, bucket in {"us-east-1": "reports-eu", "eu-central-1": "reports-us"}.items():
        status, said = aws(f"s3api get-object --bucket {bucket} --key where /dev/null --region {region}")
        assert status != 0 and "NoSuchBucket" in said, said
    # Every other host: it has no address, and with an address it is refused, whoever signed.
    for host in ("s3.ap-south-1.amazonaws.com", "b.s3.eu-west-1.amazonaws.com", "ec2.amazonaws.com", "files.example", "example.com"):
        assert client.run("getent", "hosts", host)[0] != 0, host
        resolve = f"--resolve {host}:443:10.20.0.5"
        assert client.run(*shlex.split(f"curl --silent --cacert /etc/ssl/s3-way-out.pem {resolve} https://{host}/"))[0] == 60, host
        status, said = client.run(*shlex.split(f"curl --silent --insecure {resolve} --write-out %{{http_code}} https://{host}/"))
        assert status == 0 and "This host is not served here." in said and said.endswith("400"), said
    # A signature for the other region than the host's.
    resolve = "--resolve s3.us-east-1.amazonaws.com:443:10.20.0.5 --aws-sigv4 aws:amz:eu-central-1:s3 --user AKIAREPORTS000000001:replace-me-reports-replace-me-reports-000"
    _, said = client.run(*shlex.split(f"curl --silent --cacert /etc/ssl/s3-way-out.pem {resolve} https://s3.us-east-1.amazonaws.com/reports-us"))
    assert "AuthorizationHeaderMalformed" in said, said
