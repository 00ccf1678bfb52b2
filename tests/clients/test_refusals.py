"""What must not pass: wrong secrets, altered requests, callers without a right, names that stores misread."""

import datetime

import botocore.auth
import botocore.exceptions
import pytest

from support.check import refusal, refused
from support.proxy import NOBODY, READER, Keys


@pytest.fixture
def filled(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    yield bucket
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"kept", "a refused request changed the object"


def test_a_wrong_secret(site, filled):
    wrong = site.client(Keys(site.keys.id, "x" * 40))
    refused(wrong.get_object, "SignatureDoesNotMatch", status=403, Bucket=filled, Key="k")
    refused(wrong.put_object, "SignatureDoesNotMatch", status=403, Bucket=filled, Key="k", Body=b"changed")
    refused(wrong.delete_object, "SignatureDoesNotMatch", status=403, Bucket=filled, Key="k")


def test_the_command_says_why_a_wrong_secret_fails(site, filled):
    wrong = Keys(site.keys.id, "x" * 40)
    assert "SignatureDoesNotMatch" in site.aws("s3", "ls", f"s3://{filled}/", keys=wrong, status=None).stderr


def test_an_unknown_key(site, filled):
    stranger = site.client(Keys("AKIANOBODYKNOWSME001", "x" * 40))
    refused(stranger.get_object, "InvalidAccessKeyId", status=403, Bucket=filled, Key="k")


def test_no_signature_at_all(site, filled):
    request = site.signed("GET", f"/{filled}/k")
    del request.headers["Authorization"]
    refusal(site.send(request), 403, "AccessDenied")


def alter_body(request):
    request.data = b"changed"


def alter_path(request):
    request.url = request.url.replace("/k", "/other")


def alter_query(request):
    request.url += "?acl"


def alter_method(request):
    request.method = "DELETE"


def alter_signed_header(request):
    request.headers.replace_header("x-amz-meta-a", "2")


def alter_date(request):
    request.headers.replace_header("X-Amz-Date", (datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=1)).strftime("%Y%m%dT%H%M%SZ"))


def alter_signature(request):
    value = request.headers["Authorization"]
    request.headers.replace_header("Authorization", value[:-1] + ("0" if value[-1] != "0" else "1"))


ALTERATIONS = [alter_body, alter_path, alter_query, alter_method, alter_signed_header, alter_date, alter_signature]


@pytest.mark.parametrize("alter", ALTERATIONS, ids=lambda alter: alter.__name__)
def test_an_altered_request(site, filled, alter):
    request = site.signed("PUT", f"/{filled}/k", b"written", {"x-amz-meta-a": "1"})
    alter(request)
    refusal(site.send(request), 400 if alter is alter_body else 403, "SignatureDoesNotMatch", "XAmzContentSHA256Mismatch")


def test_the_same_request_unaltered_passes(site, bucket):
    """So that the refusals above are refused for what was altered."""
    request = site.signed("PUT", f"/{bucket}/k", b"written", {"x-amz-meta-a": "1"})
    assert site.send(request).status == 200


@pytest.mark.parametrize(("header", "value"), [("x-amz-acl", "public-read"), ("x-amz-meta-b", "2"), ("x-amz-copy-source", "/b/k"), ("x-amz-security-token", "t")])
def test_an_unsigned_header_that_means_something(site, s3, bucket, header, value):
    request = site.signed("PUT", f"/{bucket}/k", b"changed")
    request.headers[header] = value
    assert site.send(request).status in (400, 403)
    refused(s3.head_object, "404", status=404, Bucket=bucket, Key="k")


def test_an_old_request(site, filled, monkeypatch):
    an_hour_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_: an_hour_ago.replace(tzinfo=None))
    request = site.signed("GET", f"/{filled}/k")
    monkeypatch.undo()
    refusal(site.send(request), 403, "RequestTimeTooSkewed")


@pytest.mark.proxy
def test_a_wrong_region_in_the_scope(site, filled):
    refusal(site.send(site.signed("GET", f"/{filled}/k", region="eu-west-9")), 400, "AuthorizationHeaderMalformed")


@pytest.mark.proxy
@pytest.mark.parametrize("operation", ["get_object", "put_object", "delete_object", "list_objects_v2"])
def test_a_caller_without_a_right(site, filled, operation):
    key = {} if operation == "list_objects_v2" else {"Key": "k"}
    refused(getattr(site.client(NOBODY), operation), "AccessDenied", status=403, Bucket=filled, **key)


@pytest.mark.proxy
def test_a_reader_reads_and_nothing_else(site, filled):
    reader = site.client(READER)
    assert reader.get_object(Bucket=filled, Key="k")["Body"].read() == b"kept"
    assert [entry["Key"] for entry in reader.list_objects_v2(Bucket=filled)["Contents"]] == ["k"]
    refused(reader.put_object, "AccessDenied", status=403, Bucket=filled, Key="k", Body=b"changed")
    refused(reader.delete_object, "AccessDenied", status=403, Bucket=filled, Key="k")
    refused(reader.copy_object, "AccessDenied", status=403, Bucket=filled, Key="k2", CopySource=f"{filled}/k")
    refused(reader.create_multipart_upload, "AccessDenied", status=403, Bucket=filled, Key="k")
    refused(reader.put_bucket_policy, "AccessDenied", status=403, Bucket=filled, Policy='{"Version":"2012-10-17","Statement":[]}')
    answer = reader.delete_objects(Bucket=filled, Delete={"Objects": [{"Key": "k"}]})
    assert [error["Code"] for error in answer["Errors"]] == ["AccessDenied"]


@pytest.mark.proxy
def test_who_may_not_list_does_not_learn_what_exists(site, filled):
    codes = {refused(site.client(NOBODY).head_object, "403", Bucket=filled, Key=key)["ResponseMetadata"]["HTTPStatusCode"] for key in ("k", "none")}
    assert codes == {403}


@pytest.mark.proxy
@pytest.mark.parametrize("key", ["../other/k", "a/../k", "a/./k", "..", ".", "a//b", "/k", "a\x01b", "a\nb"], ids=lambda key: repr(key))
def test_keys_that_file_stores_misread(site, filled, key):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        site.client().put_object(Bucket=filled, Key=key, Body=b"x")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.proxy
def test_an_answer_carries_our_ids_and_name(site, filled):
    for path in (f"/{filled}/k", f"/{filled}/none"):
        answer = site.send(site.signed("GET", path))
        assert len(answer.headers["x-amz-request-id"]) == 16 and answer.headers["x-amz-request-id"].isalnum()
        assert answer.headers["x-amz-id-2"]
        assert answer.headers["server"] == "Bartizan"


@pytest.mark.proxy
def test_an_error_on_head_has_no_body(site, filled):
    answer = site.send(site.signed("HEAD", f"/{filled}/none"))
    assert (answer.status, answer.data) == (404, b"")
