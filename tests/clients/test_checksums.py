"""Both checksum settings of boto3 and every algorithm, in the header and in the trailer."""

import base64
import hashlib
import io
import zlib

import pytest

from support.check import refused
from support.data import some_bytes

ALGORITHMS = ["CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"]
BODY = some_bytes(200_000, seed=9)


class NoSeek(io.RawIOBase):
    """A body that can be read once: boto3 has to send its checksum in the trailer."""

    def __init__(self, data: bytes):
        self.inner = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, out) -> int:
        return self.inner.readinto(out)


@pytest.mark.parametrize("mode", ["when_supported", "when_required"])
def test_both_settings_of_the_client(site, bucket, mode):
    s3 = site.client(request_checksum_calculation=mode, response_checksum_validation=mode)
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == BODY
    s3.upload_fileobj(io.BytesIO(some_bytes(9_000_000)), bucket, "large")
    assert s3.get_object(Bucket=bucket, Key="large")["Body"].read() == some_bytes(9_000_000)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_algorithm_is_stored_and_said_back(s3, bucket, algorithm):
    member = f"Checksum{algorithm}"
    put = s3.put_object(Bucket=bucket, Key="k", Body=BODY, ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == BODY
    assert got[member] == put[member]
    if algorithm == "SHA256":
        assert got[member] == base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    if algorithm == "CRC32":
        assert got[member] == base64.b64encode(zlib.crc32(BODY).to_bytes(4, "big")).decode()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_algorithm_in_parts(s3, bucket, algorithm):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm)["UploadId"]
    member, parts, pieces = f"Checksum{algorithm}", [], [some_bytes(5 << 20, seed=1), b"the end"]
    for number, piece in enumerate(pieces, 1):
        sent = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=piece, ChecksumAlgorithm=algorithm)
        parts.append({"PartNumber": number, "ETag": sent["ETag"], member: sent[member]})
    done = s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    assert done[member]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"".join(pieces)


def test_a_wrong_checksum_is_refused_and_nothing_is_stored(s3, bucket):
    wrong = base64.b64encode(hashlib.sha256(b"something else").digest()).decode()
    refused(s3.put_object, "BadDigest", "XAmzContentChecksumMismatch", "InvalidRequest", status=400, Bucket=bucket, Key="k", Body=BODY, ChecksumSHA256=wrong)
    refused(s3.head_object, "404", status=404, Bucket=bucket, Key="k")


def test_a_wrong_md5_is_refused_and_nothing_is_stored(s3, bucket):
    wrong = base64.b64encode(hashlib.md5(b"something else").digest()).decode()
    refused(s3.put_object, "BadDigest", status=400, Bucket=bucket, Key="k", Body=BODY, ContentMD5=wrong)
    refused(s3.head_object, "404", status=404, Bucket=bucket, Key="k")


def test_the_etag_of_a_plain_object_is_its_md5(s3, bucket):
    assert s3.put_object(Bucket=bucket, Key="k", Body=BODY)["ETag"] == f'"{hashlib.md5(BODY).hexdigest()}"'
