"""Sealed objects whose keys are in a key service: moto's, which has real keys and opens nothing under another context."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import boto3
import botocore.config
import pytest

from conftest import unavailable
from support import keyring, proxy, site as sites, stores
from support.check import refused
from support.data import MIB, some_bytes

pytestmark = [pytest.mark.proxy, pytest.mark.stores("minio", "radosgw")]

CREDENTIALS = {"access_key_id": "AKIAKEYSERVICE000001", "secret_access_key": "keyservicesecretkeyservicesecretkeyservi"}


@pytest.fixture(scope="module")
def moto(scratch):
    """A key service of our account."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_ACCOUNT_ID", keyring.ACCOUNT)
        try:
            started = stores.start("moto", scratch / sites.fresh_name("moto"))
        except stores.Unavailable as why:
            unavailable(why)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def kms(moto):
    once = botocore.config.Config(retries={"total_max_attempts": 1})
    return boto3.client("kms", endpoint_url=moto.endpoint, region_name=keyring.REGION, aws_access_key_id="a", aws_secret_access_key="b", config=once)


@pytest.fixture(scope="module")
def keys(kms):
    """The account's own key, and another one."""
    made = [kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2)]
    assert all(arn.startswith(keyring.arn("")) for arn in made), made
    return made


@pytest.fixture(scope="module")
def house(scratch, store, moto, keys):
    """A proxy that seals with keys that it has only the names of."""
    service = {"endpoint": moto.endpoint, "region": keyring.REGION, "credentials": CREDENTIALS}
    made = proxy.Bartizan(scratch / sites.fresh_name("kms"), replace(store, sealed=True), keys=service)
    named = [{"arn": keys[0], "aliases": ["alias/aws/s3"]}, {"arn": keys[1], "aliases": ["alias/other"]}]
    keyring.write(made.folder / "state" / "keyring.json", named)
    yield sites.Site.of_proxy(made.start())
    assert made.stop() == 0
    made.discard()


@pytest.fixture
def s3(house):
    return house.client(retries={"total_max_attempts": 1})


@pytest.fixture
def bucket(s3):
    name = sites.fresh_name()
    s3.create_bucket(Bucket=name)
    yield name
    sites.remove_bucket(s3, name)


def calls(house) -> dict:
    """Calls of the key service that were made, from the metrics."""
    status, text = house.proxy.admin("/metrics")
    assert status == 200
    lines = [line.split(" ") for line in text.splitlines() if line.startswith("bartizan_key_service_calls_total{")]
    return {name.split("{")[1].rstrip("}"): int(count) for name, count in lines}


def made(house, before: dict) -> dict:
    return {name: count - before.get(name, 0) for name, count in calls(house).items() if count != before.get(name, 0)}


@pytest.mark.parametrize("size", [0, 1, 65_537, 5 * MIB + 1])
def test_an_object_comes_back_and_lies_sealed(s3, house, bucket, keys, size):
    body, before = some_bytes(size, seed=size), calls(house)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, Metadata={"mine": "1"})
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"]) == ("aws:kms", keys[0])
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["Body"].read() == body, got["Metadata"], got["SSEKMSKeyId"]) == (True, {"mine": "1"}, keys[0])
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == size
    assert made(house, before) == {'call="GenerateDataKey",outcome="ok"': 1, 'call="Decrypt",outcome="ok"': 1}
    direct = sites.Site.of_store(house.store).client(request_checksum_calculation="when_required", response_checksum_validation="when_required")
    stored = direct.get_object(Bucket=bucket, Key="k")
    octets = stored["Body"].read()
    assert octets[:4] == b"S3HP" and (size < 100 or body[:50] not in octets)
    assert len(stored["Metadata"]["s3hp-dek"]) > 40


def test_ranges(s3, bucket):
    body = some_bytes(200_000, seed=3)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    for first, last in [(0, 0), (65_535, 65_536), (100_000, 199_999)]:
        assert s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={first}-{last}")["Body"].read() == body[first : last + 1]


def test_parts_and_their_copies(s3, house, bucket, keys):
    parts = [some_bytes(5 * MIB, 1), some_bytes(5 * MIB, 2), some_bytes(17, 3)]
    s3.put_object(Bucket=bucket, Key="source", Body=parts[1])
    before = calls(house)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ServerSideEncryption="aws:kms", SSEKMSKeyId=keys[1])["UploadId"]
    to = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    tags = {1: s3.upload_part(**to, PartNumber=1, Body=parts[0])["ETag"], 3: s3.upload_part(**to, PartNumber=3, Body=parts[2])["ETag"]}
    tags[2] = s3.upload_part_copy(**to, PartNumber=2, CopySource={"Bucket": bucket, "Key": "source"})["CopyPartResult"]["ETag"]
    listed = [{"PartNumber": number, "ETag": tags[number]} for number in (1, 2, 3)]
    s3.complete_multipart_upload(**to, MultipartUpload={"Parts": listed})
    # One for the upload, one for each part, one for the source of the copy, one for the completion: n + 2, and the source.
    assert made(house, before) == {'call="GenerateDataKey",outcome="ok"': 1, 'call="Decrypt",outcome="ok"': 5}
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["Body"].read() == b"".join(parts), got["SSEKMSKeyId"]) == (True, keys[1])
    got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={5 * MIB - 10}-{5 * MIB + 9}")
    assert got["Body"].read() == parts[0][-10:] + parts[1][:10]


def test_copies(s3, house, bucket, keys):
    body = some_bytes(100_000, seed=4)
    s3.put_object(Bucket=bucket, Key="a", Body=body)
    before = calls(house)
    s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"})
    assert made(house, before) == {'call="Decrypt",outcome="ok"': 1, 'call="ReEncrypt",outcome="ok"': 1}
    before = calls(house)
    s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "a"}, ServerSideEncryption="aws:kms", SSEKMSKeyId=keys[1])
    assert made(house, before) == {'call="Decrypt",outcome="ok"': 1, 'call="GenerateDataKey",outcome="ok"': 1}
    for key, arn in [("a", keys[0]), ("b", keys[0]), ("c", keys[1])]:
        got = s3.get_object(Bucket=bucket, Key=key)
        assert (got["Body"].read() == body, got["SSEKMSKeyId"]) == (True, arn), key


def test_a_key_of_a_bucket_saves_calls(s3, house, bucket, keys):
    before = calls(house)
    said = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": keys[1], "BucketKeyEnabled": True}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: s3.put_object(Bucket=bucket, Key=f"k{number}", Body=str(number).encode(), **said), range(20)))
    for number in range(20):
        assert s3.get_object(Bucket=bucket, Key=f"k{number}")["Body"].read() == str(number).encode()
    assert made(house, before) == {'call="GenerateDataKey",outcome="ok"': 1}


def test_a_key_that_the_service_does_not_have_is_not_found(s3, house, bucket):
    nobody = keyring.arn("1234abcd-12ab-34cd-56ef-1234567890ab")
    put = {"Bucket": bucket, "Key": "k", "Body": b"x", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": nobody}
    answer = refused(s3.put_object, "KMS.NotFoundException", status=400, **put)
    assert answer["Error"]["Message"] == f"Key '{nobody}' does not exist"
    assert house.proxy.record(lambda record: record.get("reason") == "unknown-kms-key")


def test_a_key_that_the_keyring_does_not_name_is_used(s3, kms, bucket):
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=arn.rpartition("/")[2])
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (put["SSEKMSKeyId"], got["SSEKMSKeyId"], got["Body"].read()) == (arn, arn, b"x")


def test_what_was_wrapped_for_one_name_does_not_open_another(s3, house, bucket):
    direct = sites.Site.of_store(house.store).client(request_checksum_calculation="when_required", response_checksum_validation="when_required")
    s3.put_object(Bucket=bucket, Key="a", Body=b"of a")
    stored = direct.get_object(Bucket=bucket, Key="a")
    direct.put_object(Bucket=bucket, Key="b", Body=stored["Body"].read(), Metadata=stored["Metadata"])
    refused(s3.get_object, "InternalError", status=500, Bucket=bucket, Key="b")
    assert "SealBroken" in (house.proxy.folder / "stderr").read_text()


def test_no_secret_is_on_record(s3, house, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    told = json.dumps(house.proxy.journal()) + (house.proxy.folder / "stderr").read_text()
    assert CREDENTIALS["secret_access_key"] not in told
