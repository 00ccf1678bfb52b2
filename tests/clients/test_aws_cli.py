"""The stock `aws` command, default settings, as a person would use it."""

import filecmp
import hashlib
import os
import subprocess

import pytest

from support.data import MIB, some_bytes
from support.site import fresh_name


def same_tree(left, right) -> bool:
    """Both folders hold the same files with the same bytes, all the way down."""
    compared = filecmp.dircmp(left, right)
    if compared.left_only or compared.right_only or compared.funny_files:
        return False
    _, different, unreadable = filecmp.cmpfiles(left, right, compared.common_files, shallow=False)
    return not different and not unreadable and all(same_tree(left / name, right / name) for name in compared.common_dirs)


def test_a_bucket_from_mb_to_rb(site, tmp_path):
    bucket = fresh_name()
    assert f"make_bucket: {bucket}" in site.aws("s3", "mb", f"s3://{bucket}").stdout
    assert bucket in site.aws("s3", "ls").stdout
    small = tmp_path / "small"
    small.write_bytes(some_bytes(1024, seed=1))
    site.aws("s3", "cp", small, f"s3://{bucket}/folder/small")
    assert "small" in site.aws("s3", "ls", f"s3://{bucket}/folder/").stdout
    site.aws("s3", "cp", f"s3://{bucket}/folder/small", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == small.read_bytes()
    assert "BucketNotEmpty" in site.aws("s3", "rb", f"s3://{bucket}", status=None).stderr
    site.aws("s3", "rm", "--recursive", f"s3://{bucket}/")
    assert site.aws("s3", "ls", f"s3://{bucket}/", "--recursive").stdout == ""
    site.aws("s3", "rb", f"s3://{bucket}")
    assert bucket not in site.aws("s3", "ls").stdout


def test_100_mib_in_parts_and_back(site, bucket, tmp_path):
    large = tmp_path / "large"
    large.write_bytes(some_bytes(100 * MIB, seed=2))
    site.aws("s3", "cp", large, f"s3://{bucket}/large")
    assert f"{100 * MIB} large" in site.aws("s3", "ls", f"s3://{bucket}/").stdout
    # Eight MiB a part is the command's own choice: more than one part shows in the entity tag.
    head = site.client().head_object(Bucket=bucket, Key="large")
    assert head["ETag"].strip('"').endswith("-13"), head["ETag"]
    site.aws("s3", "cp", f"s3://{bucket}/large", tmp_path / "back")
    assert filecmp.cmp(large, tmp_path / "back", shallow=False)


def test_a_folder_there_and_back(site, bucket, tmp_path):
    names = ["a.txt", "b/c.txt", "b/d/e f.txt", "b/d/100%+1.txt", "ü/ñ 漢字.txt", "b/(brackets) & 'quotes'.txt", "empty"]
    for number, name in enumerate(names):
        path = tmp_path / "there" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if name == "empty" else some_bytes(1000 + number, seed=number))
    site.aws("s3", "cp", "--recursive", tmp_path / "there", f"s3://{bucket}/in/")
    listed = site.aws("s3", "ls", "--recursive", f"s3://{bucket}/in/").stdout
    assert all(f"in/{name}" in listed for name in names), listed
    site.aws("s3", "cp", "--recursive", f"s3://{bucket}/in/", tmp_path / "back")
    assert same_tree(tmp_path / "there", tmp_path / "back")


def test_sync_sends_only_what_changed(site, bucket, tmp_path):
    for name in ("one", "two", "three"):
        (tmp_path / name).write_bytes(name.encode())
    assert site.aws("s3", "sync", tmp_path, f"s3://{bucket}/s/").stdout.count("upload:") == 3
    (tmp_path / "two").write_bytes(b"something longer")
    assert site.aws("s3", "sync", tmp_path, f"s3://{bucket}/s/").stdout.count("upload:") == 1
    (tmp_path / "one").unlink()
    assert "delete:" in site.aws("s3", "sync", "--delete", tmp_path, f"s3://{bucket}/s/").stdout


def test_copy_and_move_inside_the_store(site, bucket, tmp_path):
    (tmp_path / "f").write_bytes(some_bytes(5000))
    site.aws("s3", "cp", tmp_path / "f", f"s3://{bucket}/first")
    site.aws("s3", "cp", f"s3://{bucket}/first", f"s3://{bucket}/second copy")
    site.aws("s3", "mv", f"s3://{bucket}/second copy", f"s3://{bucket}/third+copy")
    listed = site.aws("s3", "ls", f"s3://{bucket}/").stdout
    assert "first" in listed and "third+copy" in listed and "second" not in listed
    site.aws("s3", "cp", f"s3://{bucket}/third+copy", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "f").read_bytes()


def test_stdin_to_stdout(site, bucket):
    data = os.urandom(9 * MIB).hex()
    command = [*site.aws("--version").args[:1], "s3", "cp", "-", f"s3://{bucket}/piped"]
    subprocess.run(command, env=site.environment(), input=data, text=True, check=True, timeout=120)
    assert hashlib.sha256(site.aws("s3", "cp", f"s3://{bucket}/piped", "-").stdout.encode()).digest() == hashlib.sha256(data.encode()).digest()


@pytest.fixture
def version_4(tmp_path):
    """In regions as old as us-east-1 `aws` 1.x and boto3 presign with Signature Version 2 unless they are told otherwise."""
    config = tmp_path / "aws-config"
    config.write_text("[default]\ns3 =\n  signature_version = s3v4\n")
    return {"AWS_CONFIG_FILE": str(config)}


def curl(site, *arguments) -> subprocess.CompletedProcess:
    command = ["curl", "--silent", "--show-error", *(["--cacert", site.ca] if site.ca else []), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_a_presigned_address_works_in_curl(site, bucket, tmp_path, version_4):
    (tmp_path / "f").write_bytes(b"presigned")
    site.aws("s3", "cp", tmp_path / "f", f"s3://{bucket}/with space+plus%25.txt")
    address = site.aws("s3", "presign", f"s3://{bucket}/with space+plus%25.txt", "--expires-in", "60", **version_4).stdout.strip()
    assert "X-Amz-Signature=" in address
    done = curl(site, "--fail", address)
    assert (done.returncode, done.stdout) == (0, "presigned"), done.stderr
    altered = address.replace("with%20space", "with%20spice")
    assert altered != address
    assert "<Code>SignatureDoesNotMatch</Code>" in curl(site, altered).stdout


@pytest.mark.proxy
def test_a_presigned_address_of_version_2_is_refused_with_the_reason(site, bucket):
    address = site.aws("s3", "presign", f"s3://{bucket}/k").stdout.strip()
    if "AWSAccessKeyId=" not in address:
        pytest.skip("this `aws` presigns with version 4 by itself")
    answer = curl(site, address).stdout
    assert "<Code>InvalidRequest</Code>" in answer and "AWS4-HMAC-SHA256" in answer


def test_s3api_speaks_json(site, bucket, tmp_path):
    (tmp_path / "f").write_bytes(b"12345")
    put = site.aws("s3api", "put-object", "--bucket", bucket, "--key", "k", "--body", tmp_path / "f", "--metadata", "colour=blue", "--content-type", "text/plain")
    assert "ETag" in put.stdout
    head = site.aws("s3api", "head-object", "--bucket", bucket, "--key", "k").stdout
    assert '"colour": "blue"' in head and '"ContentLength": 5' in head and "text/plain" in head
    assert "404" in site.aws("s3api", "head-object", "--bucket", bucket, "--key", "none", status=None).stderr
    assert "NoSuchKey" in site.aws("s3api", "get-object", "--bucket", bucket, "--key", "none", tmp_path / "n", status=None).stderr
