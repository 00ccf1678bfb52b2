"""Listings: pages, delimiters, order, encodings."""

import pytest

KEYS = sorted(["a/1", "a/2", "a/b/3", "b", "c d/4", "c+d/5", "ü/6", "z&<>\"'/7", *[f"many/{number:03}" for number in range(25)]], key=str.encode)


@pytest.fixture
def filled(s3, bucket):
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_pages_give_every_key_once_in_order(s3, filled, operation, size):
    pages = s3.get_paginator(operation).paginate(Bucket=filled, PaginationConfig={"PageSize": size})
    seen = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    assert seen == KEYS


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_delimiter_groups(s3, filled, operation, size):
    pages = list(s3.get_paginator(operation).paginate(Bucket=filled, Delimiter="/", PaginationConfig={"PageSize": size}))
    groups = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    assert groups == ["a/", "c d/", "c+d/", "many/", "z&<>\"'/", "ü/"]
    assert keys == ["b"]
    assert all(len(page.get("CommonPrefixes", [])) + len(page.get("Contents", [])) <= size for page in pages)


def test_a_prefix_and_a_start(s3, filled):
    got = s3.list_objects_v2(Bucket=filled, Prefix="a/", Delimiter="/")
    assert [entry["Key"] for entry in got["Contents"]] == ["a/1", "a/2"]
    assert [entry["Prefix"] for entry in got["CommonPrefixes"]] == ["a/b/"]
    got = s3.list_objects_v2(Bucket=filled, Prefix="many/", StartAfter="many/022")
    assert [entry["Key"] for entry in got["Contents"]] == ["many/023", "many/024"]
    got = s3.list_objects(Bucket=filled, Prefix="many/", Marker="many/023")
    assert [entry["Key"] for entry in got["Contents"]] == ["many/024"]


def test_entries_say_size_and_tag(s3, filled):
    entry = s3.list_objects_v2(Bucket=filled, Prefix="b")["Contents"][0]
    assert (entry["Size"], entry["ETag"]) == (1, s3.head_object(Bucket=filled, Key="b")["ETag"])
    assert entry["StorageClass"] == "STANDARD"


def test_an_empty_listing(s3, bucket):
    got = s3.list_objects_v2(Bucket=bucket, Prefix="nothing/")
    assert (got["KeyCount"], got["IsTruncated"]) == (0, False)


def test_buckets_are_listed(s3, bucket):
    assert bucket in [entry["Name"] for entry in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] in (None, "us-east-1")
