"""boto3, default settings: objects, their names, metadata, tags, conditions, ranges."""

import datetime
import io

import pytest

from support.check import refused
from support.data import some_bytes

ODD_KEYS = [
    "plain",
    "with space",
    "plus+plus",
    "100%25",
    "a%2Fb",
    "semi;colon:and,comma",
    "question?mark=1&two",
    "hash#tag",
    "quote'and\"double",
    "brackets[1](2){3}<4>",
    "~tilde_under-dash.dot!star*",
    "at@dollar$caret^",
    "back\\slash",
    "ünïcödé/漢字/🗝.bin",
    "deep/" * 20 + "end",
    "trailing/",
    "k" * 1024,
]


@pytest.mark.parametrize("key", ODD_KEYS, ids=lambda key: key[:24].encode("unicode_escape").decode())
def test_odd_keys_come_back_as_sent(s3, bucket, key):
    body = b"" if key.endswith("/") else key.encode()
    s3.put_object(Bucket=bucket, Key=key, Body=body)
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body
    listed = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert listed == [key]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == body
    s3.delete_object(Bucket=bucket, Key=key)
    refused(s3.get_object, "NoSuchKey", status=404, Bucket=bucket, Key=key)


@pytest.mark.parametrize("size", [0, 1, 1023, 65_535, 65_536, 65_537, 1_048_576, 5_242_881])
def test_every_size_comes_back(s3, bucket, size):
    body = some_bytes(size, seed=size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == body
    assert (got["ContentLength"], got["ETag"]) == (size, put["ETag"])


def test_a_stream_that_cannot_be_rewound(s3, bucket):
    body = some_bytes(3_000_000)
    s3.upload_fileobj(io.BytesIO(body), bucket, "k")
    back = io.BytesIO()
    s3.download_fileobj(bucket, "k", back)
    assert back.getvalue() == body


def test_metadata_and_content_headers_come_back(s3, bucket):
    sent = {
        "CacheControl": "max-age=60, public",
        "ContentDisposition": 'attachment; filename="a b.txt"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de-CH",
        "ContentType": "text/plain; charset=utf-8",
    }
    metadata = {"plain": "value", "punctuation": "a=b; c:d, e+f/g (h) [i] {j} 'k' \"l\" ~!@#$%^&*", "inner-spaces": "one  two   three", "number": "42", "x-y.z": "name"}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata=metadata, **sent)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["Metadata"] == metadata
    assert {name: head[name] for name in sent} == sent


def test_blanks_at_the_ends_of_metadata_go(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"padded": "  a  b  "})
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"padded": "a  b"}


def test_an_underscore_in_a_metadata_name(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"under_score": "value"})
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"under_score": "value"}


def test_ranges(s3, bucket):
    body = some_bytes(100_000)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    for asked, start, end in [("bytes=0-0", 0, 1), ("bytes=10-99", 10, 100), ("bytes=99990-", 99_990, 100_000), ("bytes=-7", 99_993, 100_000), ("bytes=99999-200000", 99_999, 100_000)]:
        got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
        assert got["Body"].read() == body[start:end], asked
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert got["ContentRange"] == f"bytes {start}-{end - 1}/100000"
    refused(s3.get_object, "InvalidRange", status=416, Bucket=bucket, Key="k", Range="bytes=100000-")


def test_conditional_reads(s3, bucket):
    tag = s3.put_object(Bucket=bucket, Key="k", Body=b"one")["ETag"]
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=tag)["Body"].read() == b"one"
    assert s3.get_object(Bucket=bucket, Key="k", IfNoneMatch='"other"')["Body"].read() == b"one"
    refused(s3.get_object, "PreconditionFailed", status=412, Bucket=bucket, Key="k", IfMatch='"other"')
    refused(s3.get_object, "304", status=304, Bucket=bucket, Key="k", IfNoneMatch=tag)
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    refused(s3.get_object, "PreconditionFailed", status=412, Bucket=bucket, Key="k", IfUnmodifiedSince=later - datetime.timedelta(days=2))
    assert s3.head_object(Bucket=bucket, Key="k", IfUnmodifiedSince=later)["ETag"] == tag


def test_a_write_only_where_nothing_is(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"one", IfNoneMatch="*")
    refused(s3.put_object, "PreconditionFailed", status=412, Bucket=bucket, Key="k", Body=b"two", IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"one"


def test_a_write_only_over_what_was_read(s3, bucket):
    tag = s3.put_object(Bucket=bucket, Key="k", Body=b"one")["ETag"]
    refused(s3.put_object, "PreconditionFailed", status=412, Bucket=bucket, Key="k", Body=b"two", IfMatch='"ffffffffffffffffffffffffffffffff"')
    s3.put_object(Bucket=bucket, Key="k", Body=b"three", IfMatch=tag)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"three"


def test_tags(s3, bucket):
    tags = [{"Key": "colour", "Value": "blue green"}, {"Key": "a+b/c=d", "Value": "1@2.x_y-z:"}]
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="team=red&empty=")
    assert sorted(tag["Key"] for tag in s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]) == ["empty", "team"]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    found = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert sorted(found, key=str) == sorted(tags, key=str)
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 2
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []


def test_tags_with_letters_of_every_alphabet(s3, bucket):
    tags = [{"Key": "größe", "Value": "漢字 ñ"}]
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags


def test_copy_keeps_or_replaces_metadata(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"body", Metadata={"v": "1"}, ContentType="text/x-one")
    s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a")
    s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/a", Metadata={"v": "2"}, MetadataDirective="REPLACE", ContentType="text/x-two")
    kept, replaced = s3.head_object(Bucket=bucket, Key="b"), s3.head_object(Bucket=bucket, Key="c")
    assert (kept["Metadata"], kept["ContentType"]) == ({"v": "1"}, "text/x-one")
    assert (replaced["Metadata"], replaced["ContentType"]) == ({"v": "2"}, "text/x-two")


def test_delete_many_at_once(s3, bucket):
    keys = [f"d/{number} +%&<>ü" for number in range(30)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys] + [{"Key": "never was"}]})
    assert sorted(entry["Key"] for entry in answer["Deleted"]) == sorted([*keys, "never was"])
    assert "Errors" not in answer
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_quiet_delete_tells_only_errors(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}], "Quiet": True})
    assert "Deleted" not in answer and "Errors" not in answer


def test_versions(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"one")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"two")["VersionId"]
    assert first != second
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=first)["Body"].read() == b"one"
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"] is True
    refused(s3.get_object, "NoSuchKey", status=404, Bucket=bucket, Key="k")
    listed = s3.list_object_versions(Bucket=bucket)
    assert [entry["VersionId"] for entry in listed["Versions"]] == [second, first]
    assert [entry["VersionId"] for entry in listed["DeleteMarkers"]] == [marker["VersionId"]]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"two"


def test_object_attributes(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345", ChecksumAlgorithm="SHA256")
    found = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ETag", "ObjectSize", "Checksum", "StorageClass"])
    assert found["ObjectSize"] == 5 and found["Checksum"]["ChecksumSHA256"]


def test_encryption_is_said_back(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="AES256")
    assert s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"
