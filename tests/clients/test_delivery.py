"""Access logs of buckets and destinations of records, as boto3 sets and reads them."""

import json
import time

import pytest

from support.check import refused
from support.site import fresh_name

pytestmark = pytest.mark.proxy


def wait_for(found, seconds: float = 30):
    """What `found` gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.2)
    raise AssertionError("nothing was delivered")


@pytest.fixture
def own(make_proxy):
    return make_proxy(audit={"deliver_every": "2s"})


def test_the_access_log_of_a_bucket_arrives_in_its_target(own):
    s3, app, logs = own.client(), fresh_name(), fresh_name()
    for bucket in (app, logs):
        s3.create_bucket(Bucket=bucket)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=app)
    wanted = {
        "TargetBucket": logs,
        "TargetPrefix": "access/",
        "TargetObjectKeyFormat": {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}},
    }
    s3.put_bucket_logging(Bucket=app, BucketLoggingStatus={"LoggingEnabled": wanted})
    assert s3.get_bucket_logging(Bucket=app)["LoggingEnabled"] == wanted
    s3.put_object(Bucket=app, Key="a key", Body=b"data")
    s3.get_object(Bucket=app, Key="a key")["Body"].read()

    def lines():
        found = s3.list_objects_v2(Bucket=logs).get("Contents", [])
        texts = [s3.get_object(Bucket=logs, Key=each["Key"])["Body"].read().decode() for each in found]
        every = "".join(texts).splitlines()
        return every if any("REST.GET.OBJECT" in line for line in every) else None

    every = wait_for(lines)
    assert all(f" {app} [" in line for line in every), every
    assert any("REST.PUT.OBJECT a%2520key" in line for line in every), every
    for key in (each["Key"] for each in s3.list_objects_v2(Bucket=logs)["Contents"]):
        prefix, account, region, bucket, year, month, day, name = key.split("/")
        assert (prefix, region, bucket) == ("access", "us-east-1", app) and len(account) == 12
        assert name.startswith(f"{year}-{month}-{day}-00-00-00-")
    s3.put_bucket_logging(Bucket=app, BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=app)


def test_a_target_that_is_not_there_is_refused(own):
    s3, app = own.client(), fresh_name()
    s3.create_bucket(Bucket=app)
    status = {"LoggingEnabled": {"TargetBucket": fresh_name(), "TargetPrefix": ""}}
    refused(s3.put_bucket_logging, "InvalidTargetBucketForLogging", Bucket=app, BucketLoggingStatus=status)
    status["LoggingEnabled"]["TargetBucket"] = app
    refused(s3.put_bucket_logging, "InvalidTargetBucketForLogging", Bucket=app, BucketLoggingStatus=status)


def test_a_file_has_every_request_once(make_proxy, tmp_path):
    path = tmp_path / "requests.jsonl"
    own = make_proxy(audit={"sink": [{"name": "all", "format": "json", "file": str(path)}]})
    s3, bucket = own.client(), fresh_name()
    s3.create_bucket(Bucket=bucket)
    for number in range(20):
        s3.put_object(Bucket=bucket, Key=f"key-{number}", Body=b"x")

    def records():
        every = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return every if sum(each["operation"] == "REST.PUT.OBJECT" for each in every) == 20 else None

    every = wait_for(records)
    assert len({each["request_id"] for each in every}) == len(every)
