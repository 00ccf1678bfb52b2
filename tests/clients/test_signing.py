"""Ways to sign: random requests of botocore, signed chunks up to the store, Signature Version 4A."""

import base64
import hashlib
import hmac
import random
import zlib
from urllib.parse import quote

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from support.check import refused
from support.data import some_bytes
from support.site import fresh_name

pytestmark = pytest.mark.proxy

REFUSED = (b"SignatureDoesNotMatch", b"AuthorizationHeaderMalformed", b"AuthorizationQueryParametersError", b"headers present in the request which were not signed")


def random_request(dice: random.Random, site, bucket: str) -> botocore.awsrequest.AWSRequest:
    """A read of a key that is not there, odd in every way that a signature covers."""
    letters = "abcAZ09 ~/-._+!*'()@=:,;$&%#?\"<>[]{}|^`é日𝄞"
    key = "k" + "".join(dice.choice(letters) for _ in range(dice.randrange(1, 30))).replace("//", "/x") + "e"
    query = {"list-type": "2", "prefix": "".join(dice.choice(letters) for _ in range(dice.randrange(8))), "delimiter": dice.choice(["", "/", " ", "+"])}
    url = f"{site.endpoint}/{bucket}/{quote(key, safe='/~')}"
    if dice.random() < 0.5:
        url = f"{site.endpoint}/{bucket}"
    else:
        query = {"versionId": "null"} if dice.random() < 0.5 else {}
    headers = {"Host": site.endpoint.split("//")[1], "If-None-Match": dice.choice(['"a"', '  "a",   "b"  '])}
    if query:
        url += "?" + "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in query.items())
    return botocore.awsrequest.AWSRequest(method=dice.choice(["GET", "HEAD"]), url=url, headers=headers)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_botocore_signs_verifies(site, bucket, seed):
    dice = random.Random(seed)
    credentials = botocore.credentials.Credentials(site.keys.id, site.keys.secret)
    for _ in range(60):
        request = random_request(dice, site, bucket)
        presigned = dice.random() < 0.4
        if presigned:
            del request.headers["If-None-Match"]
            botocore.auth.S3SigV4QueryAuth(credentials, "s3", "us-east-1", expires=60).add_auth(request)
        else:
            botocore.auth.S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
        answer = site.send(request)
        # Names that a file store misreads, and versions that it has not, are refused for what they are.
        assert answer.status in (200, 304, 400, 404, 501), (request.url, answer.data)
        assert not any(word in answer.data for word in REFUSED), (request.url, answer.data)


class Chunks(botocore.auth.S3SigV4Auth):
    """Signs the head of an upload in signed chunks, and remembers what the chunks are signed with."""

    def __init__(self, keys, mode: str):
        super().__init__(botocore.credentials.Credentials(keys.id, keys.secret), "s3", "us-east-1")
        self.mode = mode

    def payload(self, request):
        return self.mode

    def signature(self, string_to_sign, request):
        self.context = request.context["timestamp"]
        self.seed = super().signature(string_to_sign, request)
        return self.seed

    def chunk(self, kind: str, previous: str, hashes: list[str]) -> str:
        day = self.context[:8]
        scope = f"{day}/us-east-1/s3/aws4_request"
        key = ("AWS4" + self.credentials.secret_key).encode()
        for part in (day, "us-east-1", "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        text = "\n".join([f"AWS4-HMAC-SHA256-{kind}", self.context, scope, previous, *hashes])
        return hmac.new(key, text.encode(), "sha256").hexdigest()


def in_chunks(site, path: str, data: bytes, size: int, trailer: bool):
    """An upload as MinIO's clients send it."""
    auth = Chunks(site.keys, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else ""))
    headers = {"Host": site.endpoint.split("//")[1], "x-amz-decoded-content-length": str(len(data))}
    if trailer:
        headers["x-amz-trailer"] = "x-amz-checksum-crc32"
    request = botocore.awsrequest.AWSRequest(method="PUT", url=site.endpoint + path, headers=headers)
    auth.add_auth(request)
    previous, body, empty = auth.seed, [], hashlib.sha256(b"").hexdigest()
    for start in [*range(0, len(data), size), len(data)]:
        chunk = data[start : start + size]
        previous = auth.chunk("PAYLOAD", previous, [empty, hashlib.sha256(chunk).hexdigest()])
        body += [f"{len(chunk):x};chunk-signature={previous}\r\n".encode(), chunk, b"\r\n" if chunk else b""]
    if trailer:
        field = "x-amz-checksum-crc32:" + base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
        signature = auth.chunk("TRAILER", previous, [hashlib.sha256(f"{field}\n".encode()).hexdigest()])
        body.append(f"{field}\r\nx-amz-trailer-signature:{signature}\r\n".encode())
    request.data = b"".join([*body, b"\r\n"])
    return request


@pytest.mark.parametrize("trailer", [False, True])
@pytest.mark.parametrize("size", [65_536, 8192, 1_500_000])
def test_signed_chunks_reach_the_store(site, s3, bucket, size, trailer):
    data = some_bytes(2_000_003, seed=size)
    request = in_chunks(site, f"/{bucket}/chunks", data, size, trailer)
    answer = site.send(request)
    assert answer.status == 200, answer.data
    assert s3.get_object(Bucket=bucket, Key="chunks")["Body"].read() == data
    bad = in_chunks(site, f"/{bucket}/chunks", data[::-1], size, trailer)
    at = len(bad.data) // 2
    bad.data = bad.data[:at] + bytes([bad.data[at] ^ 1]) + bad.data[at + 1 :]
    assert site.send(bad).status in (400, 403)
    assert s3.get_object(Bucket=bucket, Key="chunks")["Body"].read() == data, "a refused upload changed the object"


def test_signature_version_4a_is_taken_where_it_is_switched_on(make_proxy):
    pytest.importorskip("awscrt")
    own = make_proxy(signature={"algorithms": ["AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"]})
    s3, bucket = own.client(signature_version="s3v4a"), fresh_name()
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k a+b/ä", Body=b"kept")
    assert s3.get_object(Bucket=bucket, Key="k a+b/ä")["Body"].read() == b"kept"
    s3.delete_object(Bucket=bucket, Key="k a+b/ä")
    s3.delete_bucket(Bucket=bucket)


def test_signature_version_4a_is_refused_where_it_is_not(site, bucket):
    pytest.importorskip("awscrt")
    refused(site.client(signature_version="s3v4a").list_objects_v2, "InvalidArgument", status=400, Bucket=bucket)
