"""Browser forms: boto3 makes them, a plain HTTP client sends them as a browser would."""

import base64
import re

import pytest
import urllib3

from support.check import refusal, refused
from support.data import some_bytes
from support.proxy import NOBODY


@pytest.fixture
def signer(site):
    """boto3 as it signs forms outside the oldest regions."""
    return site.client(signature_version="s3v4")


def send(site, post, body, filename="a b.bin", before=(), after=()):
    """Sends the form that `generate_presigned_post` gave, the file last but for what is `after` it."""
    fields = [*post["fields"].items(), *before, ("file", (filename, body, "application/octet-stream")), *after]
    pool = urllib3.PoolManager(ca_certs=site.ca, retries=False, timeout=30)
    return pool.request("POST", post["url"], fields=fields, redirect=False)


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 5_242_881])
def test_a_presigned_form_stores_its_file(site, s3, signer, bucket, size):
    body = some_bytes(size, seed=size)
    post = signer.generate_presigned_post(bucket, "up/${filename}")
    answer = send(site, post, body)
    assert answer.status == 204, answer.data
    got = s3.get_object(Bucket=bucket, Key="up/a b.bin")
    assert got["Body"].read() == body
    assert answer.headers["ETag"] == got["ETag"]


@pytest.mark.proxy
def test_what_a_form_says_of_its_object_is_kept(site, s3, signer, bucket):
    fields = {"Content-Type": "text/x-test", "Cache-Control": "no-store", "x-amz-meta-colour": "blue", "success_action_status": "201"}
    conditions = [{name: value} for name, value in fields.items()] + [["content-length-range", 1, 100]]
    answer = send(site, signer.generate_presigned_post(bucket, "k", Fields=fields, Conditions=conditions), b"data")
    assert answer.status == 201, answer.data
    document = answer.data.decode()
    assert f"<Bucket>{bucket}</Bucket><Key>k</Key>" in document, document
    assert re.search(r"<Location>https://[^<]+/k</Location>", document), document
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["ContentType"], got["CacheControl"], got["Metadata"]) == ("text/x-test", "no-store", {"colour": "blue"})


@pytest.mark.proxy
def test_a_form_sends_the_browser_on(site, signer, bucket):
    fields = {"success_action_redirect": "https://app.example/done"}
    post = signer.generate_presigned_post(bucket, "a b", Fields=fields, Conditions=[["starts-with", "$success_action_redirect", "https://app.example/"]])
    answer = send(site, post, b"data")
    etag = "%228d777f385d3dfec8815d20f7496026dc%22"
    assert (answer.status, answer.headers["Location"]) == (303, f"https://app.example/done?bucket={bucket}&key=a%20b&etag={etag}")


@pytest.mark.proxy
def test_a_form_that_breaks_its_policy_stores_nothing(site, s3, signer, bucket):
    limited = signer.generate_presigned_post(bucket, "k", Conditions=[["content-length-range", 2, 10]])
    refusal(send(site, limited, b"x" * 11), 400, "EntityTooLarge")
    refusal(send(site, limited, b"x"), 400, "EntityTooSmall")
    refusal(send(site, limited, b"x" * 1_000_000), 400, "EntityTooLarge")
    post = signer.generate_presigned_post(bucket, "k")
    refusal(send(site, post, b"data", before=[("acl", "public-read")]), 403, "AccessDenied")
    elsewhere = {"url": post["url"], "fields": post["fields"] | {"key": "other"}}
    refusal(send(site, elsewhere, b"data"), 403, "AccessDenied")
    over = signer.generate_presigned_post(bucket, "k", ExpiresIn=-10)
    refusal(send(site, over, b"data"), 403, "AccessDenied")
    wider = base64.b64encode(base64.b64decode(post["fields"]["policy"]).replace(b'"k"', b'"j"')).decode()
    altered = {"url": post["url"], "fields": post["fields"] | {"policy": wider, "key": "j"}}
    refusal(send(site, altered, b"data"), 403, "SignatureDoesNotMatch")
    unsigned = {"url": post["url"], "fields": {"key": "k"}}
    refusal(send(site, unsigned, b"data"), 403, "AccessDenied")
    nobody = site.client(NOBODY, signature_version="s3v4").generate_presigned_post(bucket, "k")
    refusal(send(site, nobody, b"data"), 403, "AccessDenied")
    for key in ("k", "j", "other"):
        refused(s3.get_object, "NoSuchKey", status=404, Bucket=bucket, Key=key)


@pytest.mark.proxy
def test_what_follows_the_file_means_nothing(site, s3, signer, bucket):
    post = signer.generate_presigned_post(bucket, "k")
    assert send(site, post, b"data", after=[("acl", "public-read"), ("key", "other")]).status == 204
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"
    refused(s3.get_object, "NoSuchKey", status=404, Bucket=bucket, Key="other")
    large = some_bytes(1_000_000, seed=1)
    assert send(site, post, large, after=[("submit", "Upload")]).status == 204
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == large
    # More than is read whole: its length is presumed, and what follows it proves that wrong.
    long = send(site, post, some_bytes(9_000_000, seed=1), after=[("submit", "Upload")])
    refusal(long, 400, "MalformedPOSTRequest")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == large, "of a long form nothing is stored"
