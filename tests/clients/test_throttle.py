"""What SDKs make of a quota that is used up: how often they try, and how long they wait (spec/kms-throttling.md 6)."""

import shutil
import time

import botocore.exceptions
import pytest

from support import paths
from support import site as sites
from support.keyring import SHARED as KMS_KEY
from test_other_clients import program, run

pytestmark = [pytest.mark.proxy, pytest.mark.stores("embedded")]

KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KMS_KEY}
# One use, and none for as long as a test takes.
SPENT = {"kms": {"symmetric": {"rate": "1/1000s", "burst": 1}}}


@pytest.fixture
def spent(make_proxy):
    """A proxy whose quota is used up, and a bucket in it."""

    def make(rate: dict = SPENT, use: bool = True):
        site, bucket = make_proxy(rate=rate), sites.fresh_name()
        site.client().create_bucket(Bucket=bucket)
        if use:
            site.client().put_object(Bucket=bucket, Key="first", Body=b"data", **KMS)
        return site, bucket

    return make


def throttled(site) -> list[dict]:
    return [record for record in site.proxy.journal() if record.get("decision") == "throttle"]


@pytest.mark.parametrize(("mode", "attempts"), [("legacy", 5), ("standard", 3), ("adaptive", 3)])
def test_boto3_tries_as_often_as_its_mode_says_and_names_the_limit(spent, mode, attempts):
    site, bucket = spent()
    s3 = site.client(retries={"mode": mode})
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="k", Body=b"data", **KMS)
    answer = caught.value.response
    assert answer["Error"]["Code"] == "ThrottlingException", answer
    assert answer["Error"]["Message"] == "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
    records = throttled(site)
    assert len(records) == attempts, records
    assert {(record["error_code"], record["http_status"], record["kms_calls"]) for record in records} == {("ThrottlingException", 400, 1)}
    assert all(record["dimension"] == "rate.kms.symmetric" for record in records), records


@pytest.mark.parametrize(("surface", "code", "attempts"), [("prefixed", "KMS.ThrottlingException", 1), ("slowdown", "SlowDown", 3)])
def test_another_surface_is_retried_as_sdks_know_it(spent, surface, code, attempts):
    site, bucket = spent({"kms": SPENT["kms"] | {"surface": surface}})
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        site.client(retries={"mode": "standard"}).put_object(Bucket=bucket, Key="k", Body=b"data", **KMS)
    assert caught.value.response["Error"]["Code"] == code
    assert len(throttled(site)) == attempts


def test_a_head_is_retried_although_nobody_can_read_its_code(spent):
    site, bucket = spent()
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        site.client(retries={"mode": "standard"}).head_object(Bucket=bucket, Key="first", ChecksumMode="ENABLED")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert [record["error_code"] for record in throttled(site)] == ["ThrottlingException"] * 3


def test_an_sdk_that_waits_as_it_is_told_gets_through(spent):
    """One use a second: the second one is refused, waits what the answer says, and is done."""
    site, bucket = spent({"kms": {"symmetric": {"rate": 1, "burst": 1}}})
    began = time.monotonic()
    site.client(retries={"mode": "standard"}).put_object(Bucket=bucket, Key="k", Body=b"data", **KMS)
    assert time.monotonic() - began < 20
    assert len(throttled(site)) <= 2


def test_what_needs_no_key_goes_on(spent):
    site, bucket = spent()
    s3 = site.client(retries={"total_max_attempts": 1})
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", ServerSideEncryption="AES256")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"
    assert s3.head_object(Bucket=bucket, Key="first")["ServerSideEncryption"] == "aws:kms"
    s3.delete_object(Bucket=bucket, Key="first")
    assert throttled(site) == []


def test_the_sdk_for_javascript_tries_three_times(spent):
    modules = paths.CLIENTS / "js" / "node_modules"
    if not modules.is_dir():
        (pytest.fail if paths.CI else pytest.skip)("the SDK for JavaScript is not installed: .ci/clients.sh")
    script = modules.parent / "throttled.mjs"
    shutil.copy(paths.TOP / "tests" / "clients" / "js" / "throttled.mjs", script)
    site, bucket = spent()
    printed = run(site, program("node"), script, bucket, KMS_KEY, NODE_EXTRA_CA_CERTS=site.ca)
    assert printed.split() == ["ThrottlingException", "3"], printed
    assert len(throttled(site)) == 3


def test_the_sdk_for_rust_tries_three_times(spent):
    site, bucket = spent()
    printed = run(site, program("bartizan-client-test", paths.CLIENTS / "bin"), bucket, "throttled", KMS_KEY)
    assert "ThrottlingException" in printed, printed
    assert len(throttled(site)) == 3
