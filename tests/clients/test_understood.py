"""boto3, default settings: what a store would ignore of a request is refused. These tests hold the profiles of stores
(docs/configuration.md) to the stores themselves."""

import datetime

import botocore.exceptions
import pytest
from boto3.s3.transfer import TransferConfig

from support.data import some_bytes

OTHER = '"ffffffffffffffffffffffffffffffff"'
LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)

KEPT = {
    "embedded": {"put", "complete", "copy", "copy-source", "part-copy-source", "delete"},
    "minio": {"put", "complete", "copy-source", "part-copy-source"},
    "radosgw": {"put", "copy-source", "part-copy-source"},
}
"""What the profiles promise; docs/configuration.md."""

KINDS = ["put", "put-none-match", "complete", "copy", "copy-source", "part-copy-source", "delete", "delete-size", "delete-time", "abort", "append"]


def put(s3, bucket: str, key: str, body: bytes = b"old") -> str:
    return s3.put_object(Bucket=bucket, Key=key, Body=body)["ETag"]


def upload(s3, bucket: str) -> tuple[str, list[dict]]:
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    tag = s3.upload_part(Bucket=bucket, Key="k", UploadId=begun, PartNumber=1, Body=b"new")["ETag"]
    return begun, [{"PartNumber": 1, "ETag": tag}]


def attempt(s3, bucket: str, kind: str, tag: str, source: str):
    """A write under a condition on what is there (`tag`) or what is copied (`source`)."""
    at = {"Bucket": bucket, "Key": "k"}
    of = {"CopySource": {"Bucket": bucket, "Key": "source"}}
    match kind:
        case "put":
            s3.put_object(**at, Body=b"new", IfMatch=tag)
        case "put-none-match":
            s3.put_object(**at, Body=b"new", IfNoneMatch=s3.head_object(**at)["ETag"])
        case "complete":
            begun, parts = upload(s3, bucket)
            s3.complete_multipart_upload(**at, UploadId=begun, MultipartUpload={"Parts": parts}, IfMatch=tag)
        case "copy":
            s3.copy_object(**at, **of, IfMatch=tag)
        case "copy-source":
            s3.copy_object(**at, **of, CopySourceIfMatch=source)
        case "part-copy-source":
            begun, _ = upload(s3, bucket)
            s3.upload_part_copy(**at, **of, UploadId=begun, PartNumber=2, CopySourceIfMatch=source)
        case "delete":
            s3.delete_object(**at, IfMatch=tag)
        case "delete-size":
            s3.delete_object(**at, IfMatchSize=999)
        case "delete-time":
            s3.delete_object(**at, IfMatchLastModifiedTime=LONG_AGO)
        case "append":
            s3.put_object(**at, Body=b"new", WriteOffsetBytes=99)
        case "abort":
            begun, _ = upload(s3, bucket)
            s3.abort_multipart_upload(**at, UploadId=begun, IfMatchInitiatedTime=LONG_AGO)


@pytest.mark.parametrize("kind", KINDS)
def test_a_condition_that_does_not_hold_stops_the_write(s3, bucket, store, kind):
    put(s3, bucket, "source", b"new")
    put(s3, bucket, "k")
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        attempt(s3, bucket, kind, OTHER, OTHER)
    expected = ("PreconditionFailed", 412) if kind in KEPT[store.name] else ("NotImplemented", 501)
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == expected, answer
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"old"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith(("put-", "delete-", "ab", "ap"))])
def test_a_condition_that_holds_lets_it_through_where_the_store_keeps_it(s3, bucket, store, kind):
    source = put(s3, bucket, "source", b"new")
    tag = put(s3, bucket, "k")
    if kind not in KEPT[store.name]:
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            attempt(s3, bucket, kind, tag, source)
        assert caught.value.response["Error"]["Code"] == "NotImplemented"
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"old"
        return
    attempt(s3, bucket, kind, tag, source)
    if kind == "delete":
        assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="k")
    elif kind != "part-copy-source":
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"


TAGS = [{"Key": "colour", "Value": "red"}]


def tag(s3, bucket: str, kind: str):
    at = {"Bucket": bucket, "Key": "k", "Tagging": "colour=red"}
    match kind:
        case "put":
            s3.put_object(**at, Body=b"new")
        case "multipart":
            begun = s3.create_multipart_upload(**at)["UploadId"]
            part = s3.upload_part(Bucket=bucket, Key="k", UploadId=begun, PartNumber=1, Body=b"new")["ETag"]
            parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
            s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=begun, MultipartUpload=parts)
        case "copy":
            s3.copy_object(**at, CopySource={"Bucket": bucket, "Key": "source"}, TaggingDirective="REPLACE")


@pytest.mark.parametrize("kind", ["put", "multipart", "copy"])
def test_tags_that_a_write_says_are_there_or_it_is_refused(s3, bucket, store, kind):
    put(s3, bucket, "source", b"new")
    if store.name == "radosgw" and kind != "put":
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            tag(s3, bucket, kind)
        assert caught.value.response["Error"]["Code"] == "NotImplemented"
        return
    tag(s3, bucket, kind)
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == TAGS


@pytest.mark.stores("minio", "radosgw")
@pytest.mark.parametrize("wanted", [{"Prefix": "logs/"}, {"Tag": TAGS[0]}, {"ObjectSizeGreaterThan": 1 << 40}], ids=lambda wanted: next(iter(wanted)))
def test_the_filter_of_a_lifecycle_rule_is_kept_or_it_is_refused(s3, bucket, store, wanted):
    rule = {"ID": "r", "Status": "Enabled", "Filter": wanted, "Expiration": {"Days": 365}}
    call = {"Bucket": bucket, "LifecycleConfiguration": {"Rules": [rule]}}
    if store.name == "radosgw" and "ObjectSizeGreaterThan" in wanted:
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            s3.put_bucket_lifecycle_configuration(**call)
        assert caught.value.response["Error"]["Code"] == "NotImplemented"
        return
    s3.put_bucket_lifecycle_configuration(**call)
    kept = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]["Filter"]
    assert kept == wanted


def test_a_managed_copy_in_parts_says_which_source_it_means_and_goes_through(s3, bucket):
    """boto3 and the aws command send x-amz-copy-source-if-match with every part."""
    body = some_bytes(11 << 20)
    s3.put_object(Bucket=bucket, Key="source", Body=body)
    parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    s3.copy({"Bucket": bucket, "Key": "source"}, bucket, "k", Config=parts)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body
    assert s3.head_object(Bucket=bucket, Key="k")["ETag"].endswith('-3"')
