"""Nothing stored in the clear: unencrypted writes refused or made good, before stores that really encrypt."""

import io
import urllib.parse

import boto3
import pytest
import urllib3
from boto3.s3.transfer import TransferConfig

from support import site as sites
from support.check import refused
from support.data import some_bytes
from support.keyring import SHARED as KEY, arn
from support.proxy import READER, Bartizan
from support.stores import ACCESS_KEY, SECRET_KEY
from test_forms import send as send_form
from test_sealed import contents

pytestmark = pytest.mark.proxy

SSE, KEY_ID = "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"
REFUSING = {"encryption": {"require": ["aws:kms", "AES256"]}}
ADDING = {"encryption": {"require": ["aws:kms"], "when_missing": "add", "default": {"sse": "aws:kms", "key": KEY}}}


def closed(site: sites.Site):
    """A client that tries once."""
    return site.client(retries={"total_max_attempts": 1}, signature_version="s3v4")


@pytest.fixture(scope="module")
def plain(store, scratch):
    """A proxy without rules, to fill and to look with."""
    made = Bartizan(scratch / sites.fresh_name("plain"), store)
    yield sites.Site.of_proxy(made.start())
    made.discard()


@pytest.fixture
def own_bucket(make_proxy, store):
    """A proxy with rules, and a bucket in it."""

    def make(guard: dict, **tables):
        site = make_proxy(guard=guard, **tables)
        s3, name = closed(site), sites.fresh_name()
        s3.create_bucket(Bucket=name)
        return site, s3, name

    return make


def kms(store) -> dict:
    """What a boto3 call says of the one key."""
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KEY}


def stored(store, bucket: str, key: str) -> dict:
    """What the store itself says of an object."""
    direct = boto3.client("s3", endpoint_url=store.endpoint, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name="us-east-1")
    return direct.head_object(Bucket=bucket, Key=key)


def test_every_way_to_write_in_the_clear_is_refused(store, own_bucket, tmp_path):
    site, s3, bucket = own_bucket(REFUSING)
    s3.put_object(Bucket=bucket, Key="source", Body=b"data", **kms(store))
    answer = refused(s3.put_object, "AccessDenied", status=403, Bucket=bucket, Key="k", Body=b"data")
    assert answer["Error"]["Message"] == "Access Denied"
    refused(s3.copy_object, "AccessDenied", status=403, Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "source"})
    refused(s3.create_multipart_upload, "AccessDenied", status=403, Bucket=bucket, Key="k")
    answer = send_form(site, s3.generate_presigned_post(bucket, "k"), b"data")
    assert (answer.status, b"<Code>AccessDenied</Code>" in answer.data) == (403, True), answer.data
    url = urllib.parse.urlsplit(s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k"}))
    answer = send_presigned(site, url, b"data")
    assert answer.status == 403, answer.data
    file = tmp_path / "file"
    file.write_bytes(some_bytes(9 << 20))
    done = site.aws("s3", "cp", file, f"s3://{bucket}/k", status=None)
    assert "AccessDenied" in done.stderr, done.stderr
    site.aws("s3", "cp", file, f"s3://{bucket}/k", "--sse", "aws:kms", "--sse-kms-key-id", KEY)
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k", "source"]
    reasons = {record.get("reason") for record in site.proxy.journal()}
    assert "encryption-missing" in reasons, reasons


def send_presigned(site, url, body):
    pool = urllib3.PoolManager(ca_certs=site.ca, retries=False, timeout=30)
    return pool.request("PUT", urllib.parse.urlunsplit(url), body=body)


def test_every_way_to_write_in_the_clear_is_made_good(store, own_bucket):
    site, s3, bucket = own_bucket(ADDING)
    body = b"a line that must not lie on the disk as it is" * 3000
    answer = s3.put_object(Bucket=bucket, Key="put", Body=body)
    assert (answer["ServerSideEncryption"], answer["SSEKMSKeyId"]) == ("aws:kms", KEY)
    copy = {"Bucket": bucket, "Key": "copy", "CopySource": {"Bucket": bucket, "Key": "put"}}
    if store.name == "radosgw":
        # It copies what is encrypted by refusing to.
        refused(s3.copy_object, "NotImplemented", status=501, **copy)
        s3.put_object(Bucket=bucket, Key="copy", Body=body)
    else:
        s3.copy_object(**copy)
    assert send_form(site, s3.generate_presigned_post(bucket, "form"), body).status == 204
    big = some_bytes(11 << 20)
    s3.put_object(Bucket=bucket, Key="small", Body=b"")
    s3.upload_fileobj(io.BytesIO(big), bucket, "multipart", Config=TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20))
    for key, expected in [("put", body), ("copy", body), ("form", body), ("multipart", big), ("small", b"")]:
        got = s3.get_object(Bucket=bucket, Key=key)
        assert got["Body"].read() == expected, key
        assert (got["ServerSideEncryption"], got["SSEKMSKeyId"]) == ("aws:kms", KEY), key
        if store.endpoint:
            assert stored(store, bucket, key)["ServerSideEncryption"] == "aws:kms", key
    folders = {"minio": store.scratch and store.scratch / "data" / bucket, "embedded": site.proxy.folder / "state"}
    if store.name in folders:
        files = [contents(path) for path in folders[store.name].rglob("*") if path.is_file()]
        assert any(files) and not any(body[:45] in data for data in files)


def test_a_weaker_kind_and_another_key_are_refused(store, own_bucket):
    _, s3, bucket = own_bucket({"encryption": {"require": ["aws:kms"], "kms_keys": [KEY]}})
    refused(s3.put_object, "AccessDenied", status=403, Bucket=bucket, Key="k", Body=b"data", ServerSideEncryption="AES256")
    # The embedded store knows all of its keys, other stores may have more than we know.
    code, status = ("KMS.NotFoundException", 400) if store.name == "embedded" else ("AccessDenied", 403)
    refused(s3.put_object, code, status=status, Bucket=bucket, Key="k", Body=b"data", ServerSideEncryption="aws:kms", SSEKMSKeyId=KEY.replace("test", "other"))
    refused(s3.put_object, "InvalidEncryptionAlgorithmError", status=400, Bucket=bucket, Key="k", Body=b"data", ServerSideEncryption="aws:KMS")
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", ServerSideEncryption="aws:kms", SSEKMSKeyId="test-key")
    assert s3.head_object(Bucket=bucket, Key="k")["SSEKMSKeyId"] == KEY


def test_the_default_of_a_bucket_is_kept_here_and_obeyed(store, plain):
    s3, bucket = closed(plain), sites.fresh_name()
    s3.create_bucket(Bucket=bucket)
    unset = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    assert unset == {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]}
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"] == [rule]
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"data")["SSEKMSKeyId"] == KEY
    pointless = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256", "KMSMasterKeyID": KEY}}
    refused(s3.put_bucket_encryption, "InvalidArgument", status=400, Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [pointless]})
    refused(s3.put_bucket_encryption, "MalformedXML", status=400, Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule, rule]})
    s3.delete_bucket_encryption(Bucket=bucket)
    assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"] == unset
    s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    sites.remove_bucket(s3, bucket)


def test_a_reader_without_the_key_reads_nothing(store, plain):
    """The shipped reader may read everything of S3, and no key."""
    s3, bucket = closed(plain), sites.fresh_name()
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="open", Body=b"data")
    s3.put_object(Bucket=bucket, Key="locked", Body=b"data", **kms(store))
    reader = plain.client(READER, retries={"total_max_attempts": 1})
    assert reader.get_object(Bucket=bucket, Key="open")["Body"].read() == b"data"
    for ranged in ({}, {"Range": "bytes=0-0"}):
        answer = refused(reader.get_object, "AccessDenied", status=403, Bucket=bucket, Key="locked", **ranged)
        assert f"kms:Decrypt on resource: {KEY} because no identity-based policy allows" in answer["Error"]["Message"]
    assert reader.head_object(Bucket=bucket, Key="locked")["SSEKMSKeyId"] == KEY
    sites.remove_bucket(s3, bucket)


@pytest.mark.stores("minio", "radosgw")
def test_a_key_that_the_store_does_not_have_is_not_found(own_bucket):
    _, s3, bucket = own_bucket({"encryption": {"when_missing": "pass"}})
    for name, message in [
        ("nobody", "Invalid keyId 'nobody'"),
        ("1234abcd-12ab-34cd-56ef-1234567890ab", f"Key '{arn('1234abcd-12ab-34cd-56ef-1234567890ab')}' does not exist"),
    ]:
        said = {"Bucket": bucket, "Key": "k", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": arn(name)}
        for call, more in [(s3.put_object, {"Body": b"data"}), (s3.create_multipart_upload, {})]:
            answer = refused(call, "KMS.NotFoundException", status=400, **said, **more)
            assert answer["Error"]["Message"] == message
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.stores("embedded", "radosgw")
def test_keys_of_clients_reach_a_store_only_where_they_are_taken(store, own_bucket, plain):
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "0" * 32}
    closed_bucket = sites.fresh_name()
    s3 = closed(plain)
    s3.create_bucket(Bucket=closed_bucket)
    refused(s3.put_object, "AccessDenied", status=403, Bucket=closed_bucket, Key="k", Body=b"data", **key)
    site, s3, bucket = own_bucket({"encryption": {"customer_keys": "allow", "when_missing": "pass"}})
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", **key)
    assert s3.get_object(Bucket=bucket, Key="k", **key)["Body"].read() == b"data"
    s3.put_object(Bucket=bucket, Key="plain", Body=b"data")
    other = key | {"SSECustomerKey": "1" * 32}
    # The store knows how the object lies there; what it says is told in S3's words (E-30 to E-35).
    parameters = "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object."
    correct = "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key."
    for keys, code, status, message in [({}, "InvalidRequest", 400, parameters), (other, "AccessDenied", 403, correct)]:
        answer = refused(s3.get_object, code, status=status, Bucket=bucket, Key="k", **keys)
        assert answer["Error"]["Message"] == message
        refused(s3.head_object, str(status), status=status, Bucket=bucket, Key="k", **keys)
    answer = refused(s3.get_object, "InvalidRequest", status=400, Bucket=bucket, Key="plain", **key)
    assert answer["Error"]["Message"] == "The encryption parameters are not applicable to this object."
    refused(s3.head_object, "400", status=400, Bucket=bucket, Key="plain", **key)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", **key)["UploadId"]
    part = {"Bucket": bucket, "Key": "parts", "UploadId": upload, "PartNumber": 1, "Body": b"data"}
    answer = refused(s3.upload_part, "InvalidRequest", status=400, **part)
    assert answer["Error"]["Message"].startswith("The multipart upload initiate requested encryption."), answer
    answer = refused(s3.upload_part, "InvalidRequest", status=400, **part, **other)
    assert answer["Error"]["Message"] == "The provided encryption parameters did not match the ones used originally."
    s3.upload_part(**part, **key)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    answer = refused(s3.upload_part, "InvalidRequest", status=400, **part | {"UploadId": upload}, **key)
    assert answer["Error"]["Message"].startswith("The multipart upload initiate requested encryption."), answer
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", **key)["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"data", **key)["ETag"]
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
    assert s3.get_object(Bucket=bucket, Key="parts", **key)["Body"].read() == b"data"
    if store.name == "embedded":
        source = {"CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": "0" * 32}
        s3.copy_object(Bucket=bucket, Key="open", CopySource=f"{bucket}/k", **source)
        assert s3.get_object(Bucket=bucket, Key="open")["Body"].read() == b"data"
    text = "\n".join(str(record) for record in site.proxy.journal())
    assert "MDAwMDAw" not in text, "a key of a client is on record"


# MinIO takes keys of clients over TLS alone.
@pytest.mark.stores("embedded", "radosgw")
def test_a_clients_key_is_an_answer_to_a_rule_that_the_store_confirms(own_bucket):
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "0" * 32}
    _, s3, bucket = own_bucket({"encryption": {"require": ["AES256"], "customer_keys": "allow"}})
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", **key)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", **key)["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"data", **key)["ETag"]
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
    for name in ("k", "parts"):
        assert s3.get_object(Bucket=bucket, Key=name, **key)["Body"].read() == b"data"


def test_plain_http_is_not_a_way_to_a_bucket_with_a_floor(make_proxy, store):
    site = make_proxy(guard={"transport": {"rule": [{"bucket": "pay-*", "minimum": "1.3"}]}})
    s3 = closed(site)
    name = sites.fresh_name("pay")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"data")
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"data"
    sites.remove_bucket(s3, name)


@pytest.mark.stores("minio", "radosgw")
def test_a_rule_that_nobody_would_keep_is_refused_before_the_start(scratch, store):
    upstream = store.upstream() | {"encryption": "none"}
    made = Bartizan(scratch / sites.fresh_name("check"), store, guard=REFUSING, upstream=upstream)
    done = made.run("check")
    assert done.returncode == 1 and "does not encrypt so" in done.stderr, done.stderr
