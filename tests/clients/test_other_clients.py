"""Clients that people use beside `aws` and boto3, through TLS against the embedded store, default settings."""

import hashlib
import json
import os
import shutil
import subprocess
import urllib.parse

import pytest
import urllib3

from support import paths
from support.data import MIB, some_bytes

pytestmark = pytest.mark.stores("embedded")

SMALL = some_bytes(1024, seed=31)
LARGE = some_bytes(17 * MIB, seed=32)
KEY = "folder/with space+plus ü.bin"


def program(name: str, *places) -> str:
    """Where a client is; missing, it is a failure in CI and skipped out loud elsewhere."""
    found = shutil.which(name, path=os.pathsep.join([*map(str, places), str(paths.VENV / "bin"), os.environ["PATH"]]))
    if found is None:
        (pytest.fail if paths.CI else pytest.skip)(f"{name} is not installed: .ci/clients.sh")
    return found


def run(site, *command, timeout: int = 120, **environment) -> str:
    """Runs a client with the environment of `bartizan env`; gives what it printed."""
    done = subprocess.run(list(map(str, command)), env=site.environment() | environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=timeout)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def try_presigned(site, printed: str) -> None:
    """Writes and reads through the addresses that a client has presigned, and through none of its own making."""
    addresses = json.loads(printed.strip().splitlines()[-1])
    pool = urllib3.PoolManager(ca_certs=site.ca, retries=False, timeout=30)
    put = pool.request("PUT", addresses["put"], body=SMALL, headers={"Content-Type": "text/x-js"} if "content-type" in addresses["put"] else {})
    assert put.status == 200, put.data
    got = pool.request("GET", addresses["get"])
    assert (got.status, got.data) == (200, SMALL)
    other = addresses["get"].replace("presigned", "presumed")
    refused = pool.request("GET", other)
    assert refused.status == 403 and b"<Code>SignatureDoesNotMatch</Code>" in refused.data


def test_the_sdk_for_javascript(site, bucket):
    modules = paths.CLIENTS / "js" / "node_modules"
    if not modules.is_dir():
        (pytest.fail if paths.CI else pytest.skip)("the SDK for JavaScript is not installed: .ci/clients.sh")
    # Modules are looked up beside the program's real place.
    exercise = modules.parent / "exercise.mjs"
    shutil.copy(paths.TOP / "tests" / "clients" / "js" / "exercise.mjs", exercise)
    try_presigned(site, run(site, program("node"), exercise, bucket, NODE_EXTRA_CA_CERTS=site.ca))


def test_the_sdk_for_rust(site, bucket):
    try_presigned(site, run(site, program("bartizan-client-test", paths.CLIENTS / "bin"), bucket))


def test_pyarrow(site, bucket):
    fs = pytest.importorskip("pyarrow.fs") if not paths.CI else __import__("pyarrow.fs").fs
    host = site.endpoint.split("//")[1]
    s3 = fs.S3FileSystem(access_key=site.keys.id, secret_key=site.keys.secret, region="us-east-1", scheme="https", endpoint_override=host, tls_ca_file_path=site.ca)
    for key, data in [(KEY, SMALL), ("large", LARGE), ("empty", b"")]:
        with s3.open_output_stream(f"{bucket}/{key}") as out:
            out.write(data)
        with s3.open_input_file(f"{bucket}/{key}") as back:
            assert back.size() == len(data)
            assert back.read() == data
    with s3.open_input_file(f"{bucket}/large") as back:
        back.seek(5 * MIB + 7)
        assert back.read(1000) == LARGE[5 * MIB + 7 :][:1000]
    found = s3.get_file_info(fs.FileSelector(bucket, recursive=True))
    assert {info.path for info in found if info.is_file} == {f"{bucket}/{KEY}", f"{bucket}/large", f"{bucket}/empty"}
    s3.copy_file(f"{bucket}/{KEY}", f"{bucket}/copy")
    s3.delete_file(f"{bucket}/copy")
    s3.delete_dir_contents(bucket)
    with pytest.raises(FileNotFoundError):
        s3.open_input_file(f"{bucket}/large")


def test_minio_py(site, bucket):
    minio = pytest.importorskip("minio") if not paths.CI else __import__("minio")
    import io

    pool = urllib3.PoolManager(ca_certs=site.ca, cert_reqs="CERT_REQUIRED", timeout=30, retries=False)
    client = minio.Minio(endpoint=site.endpoint.split("//")[1], access_key=site.keys.id, secret_key=site.keys.secret, secure=True, region="us-east-1", http_client=pool)
    assert client.bucket_exists(bucket_name=bucket)
    client.put_object(bucket_name=bucket, object_name=KEY, data=io.BytesIO(SMALL), length=len(SMALL), metadata={"colour": "blue"})
    client.put_object(bucket_name=bucket, object_name="large", data=io.BytesIO(LARGE), length=-1, part_size=5 * MIB)
    assert client.get_object(bucket_name=bucket, object_name=KEY).read() == SMALL
    assert hashlib.sha256(client.get_object(bucket_name=bucket, object_name="large").read()).digest() == hashlib.sha256(LARGE).digest()
    assert client.get_object(bucket_name=bucket, object_name="large", offset=7, length=9).read() == LARGE[7:16]
    stat = client.stat_object(bucket_name=bucket, object_name=KEY)
    assert stat.metadata["x-amz-meta-colour"] == "blue"
    put, get = client.presigned_put_object(bucket_name=bucket, object_name="presigned"), client.presigned_get_object(bucket_name=bucket, object_name="presigned")
    try_presigned(site, json.dumps({"put": put, "get": get}))
    names = {entry.object_name for entry in client.list_objects(bucket_name=bucket, recursive=True)}
    assert names == {KEY, "large", "presigned"}
    from minio.deleteobjects import DeleteObject

    assert list(client.remove_objects(bucket_name=bucket, delete_object_list=[DeleteObject(name) for name in names])) == []
    assert not list(client.list_objects(bucket_name=bucket, recursive=True))


def test_s3cmd(site, bucket, tmp_path):
    host = site.endpoint.split("//")[1]
    config = tmp_path / "s3cfg"
    config.write_text(
        f"[default]\naccess_key = {site.keys.id}\nsecret_key = {site.keys.secret}\nhost_base = {host}\nhost_bucket = {host}\n"
        f"bucket_location = us-east-1\nuse_https = True\nca_certs_file = {site.ca}\nmultipart_chunk_size_mb = 5\n"
    )
    s3cmd = (program("s3cmd"), "-c", config, "--no-progress")
    for name, data in [("small ü+1", SMALL), ("large", LARGE)]:
        (tmp_path / name).write_bytes(data)
        run(site, *s3cmd, "put", tmp_path / name, f"s3://{bucket}/in/{name}")
        run(site, *s3cmd, "get", f"s3://{bucket}/in/{name}", tmp_path / f"{name}.back")
        assert (tmp_path / f"{name}.back").read_bytes() == data
    assert "in/large" in run(site, *s3cmd, "ls", f"s3://{bucket}/in/")
    assert str(len(LARGE)) in run(site, *s3cmd, "info", f"s3://{bucket}/in/large")
    # It presigns with Signature Version 2 alone, which is refused with the reason.
    address = run(site, *s3cmd, "signurl", f"s3://{bucket}/in/large", "+60").strip()
    answer = urllib3.PoolManager(ca_certs=site.ca, retries=False).request("GET", urllib.parse.urlunparse(urllib.parse.urlparse(address)._replace(scheme="https")))
    assert answer.status == 400 and b"AWS4-HMAC-SHA256" in answer.data
    run(site, *s3cmd, "del", "--recursive", "--force", f"s3://{bucket}/")
    assert run(site, *s3cmd, "ls", "--recursive", f"s3://{bucket}/") == ""


def test_rclone(site, bucket, tmp_path):
    config = tmp_path / "rclone.conf"
    # Left to itself this version asks for the list `private`, which buckets without lists refuse, here as on S3.
    config.write_text("[b]\ntype = s3\nprovider = Other\nenv_auth = true\nregion = us-east-1\nacl = bucket-owner-full-control\nendpoint = " + site.endpoint + "\nforce_path_style = true\n")
    # Debian's rclone stops at an AWS_CA_BUNDLE; it has an option of its own.
    bare = {"AWS_CA_BUNDLE": ""}
    rclone = (program("rclone"), "--config", config, "--ca-cert", site.ca, "--s3-no-check-bucket", "--s3-upload-cutoff", "6M", "--s3-chunk-size", "5M", "--retries", "1")
    there, back = tmp_path / "there", tmp_path / "back"
    for name, data in [("small ü+1.bin", SMALL), ("deep/er/large", LARGE), ("empty", b"")]:
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_bytes(data)
    run(site, *rclone, "copy", there, f"b:{bucket}/in", **bare)
    assert "0 differences found" in subprocess.run([*map(str, rclone), "check", str(there), f"b:{bucket}/in"], env=site.environment() | bare, capture_output=True, text=True, check=True, timeout=60).stderr
    run(site, *rclone, "copy", f"b:{bucket}/in", back, **bare)
    assert (back / "deep/er/large").read_bytes() == LARGE and (back / "small ü+1.bin").read_bytes() == SMALL
    assert sorted(run(site, *rclone, "lsf", "-R", "--files-only", f"b:{bucket}", **bare).split("\n")[:-1]) == ["in/deep/er/large", "in/empty", "in/small ü+1.bin"]
    address = run(site, *rclone, "link", f"b:{bucket}/in/deep/er/large", "--expire", "60s", **bare).strip()
    got = urllib3.PoolManager(ca_certs=site.ca, retries=False).request("GET", address)
    assert (got.status, got.data) == (200, LARGE)
    run(site, *rclone, "delete", f"b:{bucket}/in", **bare)
    assert run(site, *rclone, "lsf", "-R", "--files-only", f"b:{bucket}", **bare) == ""


def test_s5cmd(site, bucket, tmp_path):
    # It reads no AWS_CA_BUNDLE; the Go standard library reads SSL_CERT_FILE.
    s5cmd = (program("s5cmd"), "--endpoint-url", site.endpoint)
    trust = {"SSL_CERT_FILE": site.ca}
    for name, data in [("small ü+1.bin", SMALL), ("large", LARGE)]:
        (tmp_path / name).write_bytes(data)
        run(site, *s5cmd, "cp", "--part-size", "5", tmp_path / name, f"s3://{bucket}/in/{name}", **trust)
        run(site, *s5cmd, "cp", f"s3://{bucket}/in/{name}", tmp_path / f"{name}.back", **trust)
        assert (tmp_path / f"{name}.back").read_bytes() == data
    assert "large" in run(site, *s5cmd, "ls", f"s3://{bucket}/in/", **trust)
    run(site, *s5cmd, "mv", f"s3://{bucket}/in/large", f"s3://{bucket}/moved", **trust)
    run(site, *s5cmd, "rm", f"s3://{bucket}/*", **trust)
    assert "no object found" in subprocess.run([*map(str, s5cmd), "ls", f"s3://{bucket}/*"], env=site.environment() | trust, capture_output=True, text=True, check=False, timeout=60).stderr
