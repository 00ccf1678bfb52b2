"""Uploads in parts, step by step."""

import pytest

from support.check import refused
from support.data import MIB, some_bytes


@pytest.fixture
def upload(s3, bucket):
    return s3.create_multipart_upload(Bucket=bucket, Key="dir/k", Metadata={"a": "b"}, ContentType="text/x-parts")["UploadId"]


def put_part(s3, bucket, upload, number, body):
    tag = s3.upload_part(Bucket=bucket, Key="dir/k", UploadId=upload, PartNumber=number, Body=body)["ETag"]
    return {"PartNumber": number, "ETag": tag}


def test_parts_come_together_in_order(s3, bucket, upload):
    one, two = some_bytes(5 * MIB, seed=1), some_bytes(100, seed=2)
    second = put_part(s3, bucket, upload, 7, two)
    first = put_part(s3, bucket, upload, 2, one)
    listed = s3.list_parts(Bucket=bucket, Key="dir/k", UploadId=upload)["Parts"]
    assert [(part["PartNumber"], part["Size"]) for part in listed] == [(2, 5 * MIB), (7, 100)]
    assert [entry["Key"] for entry in s3.list_multipart_uploads(Bucket=bucket, Prefix="dir/k")["Uploads"]] == ["dir/k"]
    s3.complete_multipart_upload(Bucket=bucket, Key="dir/k", UploadId=upload, MultipartUpload={"Parts": [first, second]})
    got = s3.get_object(Bucket=bucket, Key="dir/k")
    assert got["Body"].read() == one + two
    assert (got["Metadata"], got["ContentType"]) == ({"a": "b"}, "text/x-parts")
    assert got["ETag"].endswith('-2"')


def test_parts_copied_from_an_object(s3, bucket, upload):
    source = some_bytes(6 * MIB, seed=3)
    s3.put_object(Bucket=bucket, Key="the source +", Body=source)
    copy = {"Bucket": bucket, "Key": "the source +"}
    parts = []
    for number, asked in [(1, f"bytes=0-{5 * MIB - 1}"), (2, "bytes=100-199")]:
        answer = s3.upload_part_copy(Bucket=bucket, Key="dir/k", UploadId=upload, PartNumber=number, CopySource=copy, CopySourceRange=asked)
        parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="dir/k", UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="dir/k")["Body"].read() == source[: 5 * MIB] + source[100:200]


def test_an_aborted_upload_is_gone(s3, bucket, upload):
    put_part(s3, bucket, upload, 1, b"x")
    s3.abort_multipart_upload(Bucket=bucket, Key="dir/k", UploadId=upload)
    refused(s3.list_parts, "NoSuchUpload", status=404, Bucket=bucket, Key="dir/k", UploadId=upload)
    refused(s3.head_object, "404", status=404, Bucket=bucket, Key="dir/k")


def test_small_parts_are_refused(s3, bucket, upload):
    parts = [put_part(s3, bucket, upload, number, b"small") for number in (1, 2)]
    refused(s3.complete_multipart_upload, "EntityTooSmall", status=400, Bucket=bucket, Key="dir/k", UploadId=upload, MultipartUpload={"Parts": parts})


def test_a_wrong_part_is_refused(s3, bucket, upload):
    put_part(s3, bucket, upload, 1, b"one")
    wrong = [{"PartNumber": 1, "ETag": '"00000000000000000000000000000000"'}]
    refused(s3.complete_multipart_upload, "InvalidPart", status=400, Bucket=bucket, Key="dir/k", UploadId=upload, MultipartUpload={"Parts": wrong})


def test_one_part_can_be_read(s3, bucket, upload):
    one, two = some_bytes(5 * MIB, seed=4), some_bytes(321, seed=5)
    parts = [put_part(s3, bucket, upload, 1, one), put_part(s3, bucket, upload, 2, two)]
    s3.complete_multipart_upload(Bucket=bucket, Key="dir/k", UploadId=upload, MultipartUpload={"Parts": parts})
    got = s3.get_object(Bucket=bucket, Key="dir/k", PartNumber=2)
    same = got["Body"].read() == two  # a store that sends all of it: nobody wants to see the difference
    assert same
    assert (got["PartsCount"], got["ContentRange"]) == (2, f"bytes {5 * MIB}-{5 * MIB + 320}/{5 * MIB + 321}")
