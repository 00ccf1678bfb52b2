"""Objects that the proxy seals before a real store: boto3 on one side, the store's own credentials on the other."""

import base64
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from support import keyring, proxy, site as sites
from support.check import refused
from support.data import MIB, some_bytes

pytestmark = [pytest.mark.proxy, pytest.mark.stores("minio", "radosgw")]

SEGMENT = 1 << 16
LENGTHS = [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT - 1, 2 * SEGMENT, 2 * SEGMENT + 1, 5 * MIB + 1]
KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": keyring.OTHER}


def sealed_length(plain: int) -> int:
    return 64 + plain + 16 * max(1, -(-plain // SEGMENT))


@pytest.fixture(scope="session")
def house(scratch, store):
    """A proxy that seals, over any store."""
    made = proxy.Bartizan(scratch / sites.fresh_name("sealed"), replace(store, sealed=True)).start()
    yield sites.Site.of_proxy(made)
    assert made.stop() == 0
    made.discard()


@pytest.fixture
def s3(house):
    return house.client()


@pytest.fixture
def behind(house):
    """The store itself."""
    return sites.Site.of_store(house.store).client(request_checksum_calculation="when_required", response_checksum_validation="when_required")


@pytest.fixture
def bucket(s3):
    name = sites.fresh_name()
    s3.create_bucket(Bucket=name)
    yield name
    sites.remove_bucket(s3, name)


def stored(behind, bucket, key):
    """What the store has: octets and metadata."""
    got = behind.get_object(Bucket=bucket, Key=key)
    return got["Body"].read(), got["Metadata"]


def shares(plain: bytes, octets: bytes, run: int = 16) -> bool:
    """Whether any run of plaintext stands in the octets."""
    runs = {octets[at : at + run] for at in range(len(octets) - run + 1)}
    return any(plain[at : at + run] in runs for at in range(len(plain) - run + 1))


@pytest.mark.parametrize("size", LENGTHS)
def test_every_length_comes_back_and_none_of_it_is_in_the_store(s3, behind, bucket, size):
    body = some_bytes(size, seed=size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, Metadata={"mine": "1"}, ContentType="text/x-test")
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"]) == ("aws:kms", keyring.DEFAULT)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == body
    assert (got["ContentLength"], got["ETag"], got["Metadata"], got["ContentType"]) == (size, put["ETag"], {"mine": "1"}, "text/x-test")
    assert (got["ServerSideEncryption"], got["SSEKMSKeyId"]) == ("aws:kms", keyring.DEFAULT)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentLength"], head["Metadata"], head["SSEKMSKeyId"]) == (size, {"mine": "1"}, keyring.DEFAULT)
    [entry] = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert (entry["Size"], entry["ETag"]) == (size, put["ETag"])
    octets, metadata = stored(behind, bucket, "k")
    assert len(octets) == sealed_length(size) and octets[:4] == b"S3HP"
    assert metadata["s3hp"] == "1;suite=1;seg=16" and metadata["mine"] == "1"
    # All of a small object, pieces of a large one.
    assert not shares(body[: 2 * SEGMENT], octets[: 2 * SEGMENT + 200]) and not shares(body[-500:], octets[-2000:])


@pytest.mark.stores("minio")  # the radosgw of these tests keeps its objects in memory
def test_it_is_unreadable_in_the_files_of_the_store(s3, house, bucket):
    marks = [f"plaintext mark {number:08d} of a sealed object".encode() for number in range(3)]
    s3.put_object(Bucket=bucket, Key="small", Body=marks[0])
    s3.put_object(Bucket=bucket, Key="large", Body=marks[1] * 200_000)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=marks[2] * 10)
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    files = {path: contents(path) for path in house.store.scratch.rglob("*") if path.is_file()}
    assert len(files) > 3
    for path, data in files.items():
        assert not any(mark[at : at + 16] in data for mark in marks for at in range(len(mark) - 15)), path
    assert any(b"S3HP" in data for data in files.values()), "the files were looked at"


def contents(path) -> bytes:
    """MinIO empties its trash meanwhile."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


@pytest.mark.parametrize("size", [1, 100, SEGMENT, 3 * SEGMENT + 17])
def test_ranges(s3, bucket, size):
    body = some_bytes(size, seed=7)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    edges = sorted({0, 1, size // 2, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, size - 1} & set(range(size)))
    ranges = [(f"bytes={a}-{b}", a, min(b, size - 1)) for a in edges for b in edges + [size + 5] if a <= b]
    ranges += [(f"bytes={a}-", a, size - 1) for a in edges]
    ranges += [(f"bytes=-{k}", max(0, size - k), size - 1) for k in (1, 5, SEGMENT, size, size + 1)]
    for asked, first, last in ranges:
        got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
        assert got["Body"].read() == body[first : last + 1], asked
        assert (got["ContentRange"], got["ContentLength"]) == (f"bytes {first}-{last}/{size}", last - first + 1), asked
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    head = s3.head_object(Bucket=bucket, Key="k", Range="bytes=0-0")
    assert (head["ContentLength"], head["ContentRange"]) == (1, f"bytes 0-0/{size}")
    for beyond in (f"bytes={size}-", f"bytes={size + 1}-{size + 2}", "bytes=-0"):
        answer = refused(s3.get_object, "InvalidRange", status=416, Bucket=bucket, Key="k", Range=beyond)
        assert answer["Error"]["ActualObjectSize"] == str(size)


def test_conditions_are_those_of_the_store(s3, bucket):
    tag = s3.put_object(Bucket=bucket, Key="k", Body=b"hello")["ETag"]
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=tag)["Body"].read() == b"hello"
    for extra in ({}, {"Range": "bytes=0-1"}):
        refused(s3.get_object, "PreconditionFailed", status=412, Bucket=bucket, Key="k", IfMatch='"other"', **extra)
        refused(s3.get_object, "304", status=304, Bucket=bucket, Key="k", IfNoneMatch=tag, **extra)
    refused(s3.put_object, "PreconditionFailed", status=412, Bucket=bucket, Key="k", Body=b"x", IfNoneMatch="*")
    refused(s3.get_object, "NoSuchKey", status=404, Bucket=bucket, Key="other")
    refused(s3.get_object, "NoSuchKey", status=404, Bucket=bucket, Key="other", Range="bytes=0-1")
    refused(s3.head_object, "404", status=404, Bucket=bucket, Key="other")


def put_parts(s3, bucket, key, parts, order=None, **more):
    """An upload of parts (number, data), sent in any order and at once."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **more)["UploadId"]

    def put(part):
        number, data = part
        return {"PartNumber": number, "ETag": s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=data)["ETag"]}

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(put, order or parts))
    return upload, sorted(done, key=lambda part: part["PartNumber"])


def complete(s3, bucket, key, upload, parts):
    return s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


REGULAR = [(1, some_bytes(5 * MIB, 1)), (2, some_bytes(5 * MIB, 2)), (3, some_bytes(17, 3))]
IRREGULAR = [(2, some_bytes(5 * MIB + 1, 4)), (5, some_bytes(5 * MIB + 65_535, 5)), (9, some_bytes(100_000, 6))]


@pytest.mark.parametrize("plan", [REGULAR, IRREGULAR], ids=["regular", "irregular"])
def test_parts_out_of_order(s3, behind, bucket, plan):
    body = b"".join(data for _, data in plan)
    upload, parts = put_parts(s3, bucket, "k", plan, order=plan[::-1], Metadata={"a": "b"}, **KMS)
    listed = s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)
    assert [(part["PartNumber"], part["Size"]) for part in listed["Parts"]] == [(number, len(data)) for number, data in plan]
    assert listed["UploadId"] == upload
    done = complete(s3, bucket, "k", upload, parts)
    assert (done["ServerSideEncryption"], done["SSEKMSKeyId"]) == ("aws:kms", keyring.OTHER)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["ContentLength"], got["Metadata"], got["SSEKMSKeyId"]) == (len(body), {"a": "b"}, keyring.OTHER)
    assert got["Body"].read() == body
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ContentLength"] == len(body)
    [entry] = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert entry["Size"] == len(body)
    from_here = 0
    for place, (_, data) in enumerate(plan, start=1):
        got = s3.get_object(Bucket=bucket, Key="k", PartNumber=place)
        assert got["Body"].read() == data
        assert got["PartsCount"] == len(plan)
        assert got["ContentRange"] == f"bytes {from_here}-{from_here + len(data) - 1}/{len(body)}"
        from_here += len(data)
    edge = len(plan[0][1])
    for first, last in [(0, 0), (edge - 1, edge), (edge, edge), (edge - 70_000, edge + 70_000), (edge + 1, len(body) - 1), (len(body) - 1, len(body) - 1)]:
        got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={first}-{last}")
        assert got["Body"].read() == body[first : last + 1], (first, last)
    octets, _ = stored(behind, bucket, "k")
    assert len(octets) == sum(sealed_length(len(data)) for _, data in plan)
    for number, data in plan:
        assert not shares(data[:5000], octets[:6000]) and data[-100:] not in octets, number
    refused(s3.get_object, "InvalidPartNumber", status=416, Bucket=bucket, Key="k", PartNumber=4)


def test_another_process_goes_on_with_an_upload_and_reads_what_it_does_not_remember(s3, house, make_house, bucket):
    upload, parts = put_parts(s3, bucket, "k", IRREGULAR[:1])
    other = make_house()
    keys = json.loads((house.proxy.folder / "state" / "keyring.json").read_text())["keys"]
    keyring.write(other.folder / "state" / "keyring.json", keys)
    other.start()
    there = sites.Site.of_proxy(other).client()
    for number, data in IRREGULAR[1:]:
        tag = there.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=data)["ETag"]
        parts.append({"PartNumber": number, "ETag": tag})
    complete(there, bucket, "k", upload, parts)
    body = b"".join(data for _, data in IRREGULAR)
    # This process has not completed it, and finds the parts by their headers.
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == len(body)
    first, last = 5 * MIB - 3, 5 * MIB + 70_000
    assert s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={first}-{last}")["Body"].read() == body[first : last + 1]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body
    assert other.stop() == 0


def test_an_upload_id_is_for_one_object_and_whole(s3, behind, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    store_id, ours = upload.split(".s3hp1.")
    octets = bytearray(base64.urlsafe_b64decode(ours + "=" * (-len(ours) % 4)))
    octets[-1] ^= 1
    flipped = store_id + ".s3hp1." + base64.urlsafe_b64encode(octets).decode().rstrip("=")
    for wrong in (store_id, flipped, upload[:-4]):
        refused(s3.upload_part, "NoSuchUpload", status=404, Bucket=bucket, Key="k", UploadId=wrong, PartNumber=1, Body=b"x")
    refused(s3.upload_part, "NoSuchUpload", status=404, Bucket=bucket, Key="other", UploadId=upload, PartNumber=1, Body=b"x")
    assert "Parts" not in behind.list_parts(Bucket=bucket, Key="k", UploadId=store_id)
    # Who lists uploads gets the store's ids, which is enough to abort.
    listed = s3.list_multipart_uploads(Bucket=bucket, Prefix="k")["Uploads"]
    assert [entry["UploadId"] for entry in listed] == [store_id]
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=store_id)


def test_sizes_of_parts_are_those_of_plaintext(s3, bucket):
    # Sealed it is longer than 5 MiB, which the store would take.
    small = some_bytes(5 * MIB - 100, 8)
    upload, parts = put_parts(s3, bucket, "k", [(1, small), (2, b"end")])
    refused(s3.complete_multipart_upload, "EntityTooSmall", status=400, Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    again = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=some_bytes(5 * MIB, 9))
    refused(s3.complete_multipart_upload, "InvalidPart", status=400, Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    parts[0]["ETag"] = again["ETag"]
    complete(s3, bucket, "k", upload, parts)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == some_bytes(5 * MIB, 9) + b"end"


def test_the_upload_manager_of_boto3(s3, house, bucket, scratch):
    body = some_bytes(20 * MIB + 5, 11)
    path = scratch / "upload"
    path.write_bytes(body)
    s3.upload_file(str(path), bucket, "k", ExtraArgs=KMS)
    s3.download_file(bucket, "k", str(path))
    assert path.read_bytes() == body
    house.aws("s3", "cp", path, f"s3://{bucket}/by-cli")
    house.aws("s3", "cp", f"s3://{bucket}/by-cli", path)
    assert path.read_bytes() == body
    listed = house.aws("s3", "ls", f"s3://{bucket}/").stdout
    assert sum(f" {len(body)} " in line for line in listed.splitlines()) == 2, listed


def test_copies(s3, behind, bucket, store):
    body = some_bytes(200_000, 12)
    s3.put_object(Bucket=bucket, Key="a", Body=body, Metadata={"m": "1"}, ContentType="text/x-a", Tagging="t=1&u=%2B")
    before, _ = stored(behind, bucket, "a")
    copied = s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"})
    assert (copied["ServerSideEncryption"], copied["SSEKMSKeyId"]) == ("aws:kms", keyring.DEFAULT)
    got = s3.get_object(Bucket=bucket, Key="b")
    assert (got["Body"].read(), got["Metadata"], got["ContentType"]) == (body, {"m": "1"}, "text/x-a")
    after, metadata = stored(behind, bucket, "b")
    # radosgw would drop the tags of a copy with a data key wrapped anew: what has tags is sealed again there.
    assert (after == before) == (store.name != "radosgw"), "the sealed octets were copied, the data key wrapped anew"
    assert metadata["s3hp-dek"] != stored(behind, bucket, "a")[1]["s3hp-dek"]
    assert s3.get_object_tagging(Bucket=bucket, Key="b") | {"ResponseMetadata": None} == s3.get_object_tagging(Bucket=bucket, Key="a") | {"ResponseMetadata": None}
    # Another key: sealed anew.
    s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "a"}, **KMS)
    assert stored(behind, bucket, "c")[0] != before
    got = s3.get_object(Bucket=bucket, Key="c")
    assert (got["Body"].read(), got["SSEKMSKeyId"], got["Metadata"]) == (body, keyring.OTHER, {"m": "1"})
    assert s3.get_object_tagging(Bucket=bucket, Key="c")["TagSet"] == [{"Key": "t", "Value": "1"}, {"Key": "u", "Value": "+"}]
    # New metadata.
    s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"}, MetadataDirective="REPLACE", Metadata={"n": "2"})
    assert s3.head_object(Bucket=bucket, Key="b")["Metadata"] == {"n": "2"}
    # Onto itself, another key.
    s3.copy_object(Bucket=bucket, Key="a", CopySource={"Bucket": bucket, "Key": "a"}, **KMS)
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == body
    tag = s3.head_object(Bucket=bucket, Key="b")["ETag"]
    refused(s3.copy_object, "PreconditionFailed", status=412, Bucket=bucket, Key="d", CopySource={"Bucket": bucket, "Key": "b"}, CopySourceIfNoneMatch=tag)
    refused(s3.copy_object, "NoSuchKey", status=404, Bucket=bucket, Key="d", CopySource={"Bucket": bucket, "Key": "nothing"})
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    for more in ({}, KMS):
        s3.copy_object(Bucket=bucket, Key="d", CopySource={"Bucket": bucket, "Key": "empty"}, **more)
        assert s3.get_object(Bucket=bucket, Key="d")["Body"].read() == b""


def test_an_object_of_parts_is_copied_as_one_and_by_ranges(s3, bucket):
    upload, parts = put_parts(s3, bucket, "k", IRREGULAR)
    complete(s3, bucket, "k", upload, parts)
    body = b"".join(data for _, data in IRREGULAR)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"})
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == body
    sizes = {entry["Key"]: entry["Size"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert sizes == {"k": len(body), "copy": len(body)}
    upload = s3.create_multipart_upload(Bucket=bucket, Key="put together", **KMS)["UploadId"]
    done, expected = [], b""
    for number, (first, last) in enumerate([(1000, 1000 + 5 * MIB), (5 * MIB, 5 * MIB + 9)], start=1):
        answer = s3.upload_part_copy(Bucket=bucket, Key="put together", UploadId=upload, PartNumber=number, CopySource={"Bucket": bucket, "Key": "k"}, CopySourceRange=f"bytes={first}-{last}")
        done.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
        expected += body[first : last + 1]
    refused(s3.upload_part_copy, "InvalidArgument", status=400, Bucket=bucket, Key="put together", UploadId=upload, PartNumber=3, CopySource={"Bucket": bucket, "Key": "k"}, CopySourceRange=f"bytes=0-{len(body)}")
    complete(s3, bucket, "put together", upload, done)
    assert s3.get_object(Bucket=bucket, Key="put together")["Body"].read() == expected


def test_what_is_told_of_an_object_is_about_plaintext(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm="CRC32")
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head["ChecksumCRC32"] == "NhCmhg==" and head["ChecksumType"] == "FULL_OBJECT"
    assert "ChecksumCRC32" not in s3.get_object(Bucket=bucket, Key="k", Range="bytes=0-1")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["ChecksumCRC32"] == "NhCmhg==" and got["Body"].read() == b"hello"
    for entry in s3.list_object_versions(Bucket=bucket)["Versions"] + s3.list_objects(Bucket=bucket)["Contents"]:
        assert entry["Size"] == 5 and "ChecksumAlgorithm" not in entry


def test_attributes_are_those_of_the_plaintext(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm="CRC32")
    told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ETag", "ObjectSize", "Checksum"])
    assert told["ObjectSize"] == 5 and "Checksum" not in told


def test_metadata_has_room_for_1400_octets_and_no_place_for_ours(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "v" * 1399})
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"a": "v" * 1399}
    refused(s3.put_object, "MetadataTooLarge", status=400, Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "v" * 1400})
    refused(s3.create_multipart_upload, "MetadataTooLarge", status=400, Bucket=bucket, Key="k", Metadata={"a": "v" * 1400})
    refused(s3.put_object, "InvalidArgument", status=400, Bucket=bucket, Key="k", Body=b"x", Metadata={"s3hp-dek": "mine"})


def test_what_cannot_be_done_is_said(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    refused(s3.put_object, "NotImplemented", status=501, Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms:dsse")
    refused(s3.put_object, "NotImplemented", status=501, Bucket=bucket, Key="k", Body=b"x", SSECustomerAlgorithm="AES256", SSECustomerKey="0" * 32)
    refused(s3.get_object, "InvalidRequest", status=400, Bucket=bucket, Key="k", SSECustomerAlgorithm="AES256", SSECustomerKey="0" * 32)
    refused(s3.put_object, "KMS.NotFoundException", status=400, Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=keyring.arn("nobody"))


def test_a_body_that_is_not_what_was_signed_is_never_stored(house, behind, bucket):
    body = os.urandom(3 * MIB)
    request = house.signed("PUT", f"/{bucket}/k", body)
    request.data = body[:-1] + bytes([body[-1] ^ 1])
    answer = house.send(request)
    assert answer.status == 400 and b"XAmzContentSHA256Mismatch" in answer.data
    refused(behind.get_object, "NoSuchKey", status=404, Bucket=bucket, Key="k")


def rewritten(behind, bucket, key, octets=None, metadata=None):
    """Changes what the store has, with its own credentials."""
    old, told = stored(behind, bucket, key)
    behind.put_object(Bucket=bucket, Key=key, Body=old if octets is None else octets, Metadata=told if metadata is None else metadata)


def broken(s3, bucket, key, size):
    """What was altered must never come out as if it were whole."""
    for extra in ({}, {"Range": f"bytes=0-{size - 1}"}):
        try:
            got = s3.get_object(Bucket=bucket, Key=key, **extra)["Body"].read()
        except (ClientError, HTTPClientError) as refusal:
            assert any(word in str(refusal) for word in ("InternalError", "broken", "was closed")), refusal
            continue
        raise AssertionError(f"{len(got)} octets came out")


def test_an_altered_object_is_refused(house, behind, bucket):
    s3 = house.client(retries={"total_max_attempts": 1})
    size = 3 * SEGMENT + 100
    body = some_bytes(size, 13)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    octets, metadata = stored(behind, bucket, "k")
    sealed = SEGMENT + 16
    segments = [octets[64 + at * sealed : 64 + (at + 1) * sealed] for at in range(4)]
    attacks = {f"bit {at}": octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :] for at in (0, 4, 11, 20, 30, 50, 63, 64, 64 + sealed, len(octets) - 1)}
    attacks |= {f"cut at segment {at}": octets[: 64 + at * sealed] for at in range(4)}
    attacks |= {"cut": octets[:-1], "longer": octets + b"x", "twice": octets + octets, "empty": b""}
    attacks |= {"segments swapped": octets[:64] + segments[1] + segments[0] + segments[2] + segments[3]}
    attacks |= {"plaintext": body}
    for name, altered in attacks.items():
        rewritten(behind, bucket, "k", octets=altered, metadata=metadata)
        try:
            broken(s3, bucket, "k", size)
        except AssertionError as found:
            raise AssertionError(name) from found
    rewritten(behind, bucket, "k", octets=octets, metadata=metadata)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body
    assert "SealBroken" in (house.proxy.folder / "stderr").read_text()


def test_metadata_of_another_object_opens_nothing(house, behind, bucket):
    s3 = house.client(retries={"total_max_attempts": 1})
    for key in ("a", "b"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode() * 1000)
    (one, mine), (two, theirs) = stored(behind, bucket, "a"), stored(behind, bucket, "b")
    rewritten(behind, bucket, "a", metadata=theirs)
    refused(s3.get_object, "InternalError", status=500, Bucket=bucket, Key="a")
    rewritten(behind, bucket, "a", octets=two, metadata=theirs)
    refused(s3.get_object, "InternalError", status=500, Bucket=bucket, Key="a")
    rewritten(behind, bucket, "a", octets=two, metadata=mine)
    refused(s3.get_object, "InternalError", status=500, Bucket=bucket, Key="a")
    for name in ("s3hp", "s3hp-key", "s3hp-dek", "s3hp-id", "s3hp-commit"):
        rewritten(behind, bucket, "a", octets=one, metadata={key: value for key, value in mine.items() if key != name})
        refused(s3.get_object, "InternalError", status=500, Bucket=bucket, Key="a")
        rewritten(behind, bucket, "a", octets=one, metadata=mine | {name: theirs[name] if name != "s3hp" and name != "s3hp-key" else "x"})
        refused(s3.get_object, "InternalError", "AccessDenied", Bucket=bucket, Key="a")
    rewritten(behind, bucket, "a", octets=one, metadata=mine)
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"a" * 1000


def test_parts_in_another_order_are_refused(house, behind, bucket):
    s3 = house.client(retries={"total_max_attempts": 1})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    plan = [(1, some_bytes(5 * MIB, 1)), (2, some_bytes(5 * MIB, 2)), (3, some_bytes(5 * MIB, 3))]
    parts = [{"PartNumber": number, "ETag": s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=data)["ETag"]} for number, data in plan]
    complete(s3, bucket, "k", upload, parts)
    body = b"".join(data for _, data in plan)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body
    octets, metadata = stored(behind, bucket, "k")
    one = sealed_length(5 * MIB)
    pieces = [octets[at * one : (at + 1) * one] for at in range(3)]

    def put(*order):
        """The same pieces, uploaded anew behind the proxy's back."""
        upload = behind.create_multipart_upload(Bucket=bucket, Key="k", Metadata=metadata)["UploadId"]
        tags = [{"PartNumber": number, "ETag": behind.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=pieces[at])["ETag"]} for number, at in enumerate(order, start=1)]
        behind.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": tags})

    for order in [(1, 0, 2), (0, 2, 1), (0, 0, 1), (0, 1)]:
        put(*order)
        broken(s3, bucket, "k", len(body))
        refused(s3.get_object, "InternalError", Bucket=bucket, Key="k", Range="bytes=6000000-6000010")
        refused(s3.head_object, "500", Bucket=bucket, Key="k")
    put(0, 1, 2)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body


@pytest.fixture
def make_house(scratch, store):
    """More such proxies, with other tables."""
    made = []

    def make(**tables) -> proxy.Bartizan:
        made.append(proxy.Bartizan(scratch / sites.fresh_name("sealed"), replace(store, sealed=True), **tables))
        return made[-1]

    yield make
    for one in made:
        one.discard()


def test_objects_that_were_not_sealed(s3, behind, bucket, make_house, house):
    behind.put_object(Bucket=bucket, Key="foreign", Body=b"in the clear")
    behind.put_object(Bucket=bucket, Key="nothing", Body=b"")
    assert s3.get_object(Bucket=bucket, Key="foreign")["Body"].read() == b"in the clear"
    assert s3.get_object(Bucket=bucket, Key="foreign", Range="bytes=3-5")["Body"].read() == b"the"
    assert s3.get_object(Bucket=bucket, Key="nothing")["Body"].read() == b""
    refused(s3.get_object, "InvalidRange", status=416, Bucket=bucket, Key="nothing", Range="bytes=0-")
    assert s3.head_object(Bucket=bucket, Key="foreign")["ContentLength"] == 12
    # A copy of it is sealed.
    s3.copy_object(Bucket=bucket, Key="sealed", CopySource={"Bucket": bucket, "Key": "foreign"})
    assert s3.get_object(Bucket=bucket, Key="sealed")["Body"].read() == b"in the clear"
    assert stored(behind, bucket, "sealed")[0][:4] == b"S3HP"
    upstream = house.store.upstream()
    for tables in ({"upstream": upstream | {"sealed_foreign": "refuse"}}, {"upstream": upstream, "guard": {"encryption": {"require": ["aws:kms"], "when_missing": "add"}}}):
        strict = sites.Site.of_proxy(make_house(**tables).start()).client()
        refused(strict.get_object, "AccessDenied", status=403, Bucket=bucket, Key="foreign")
        refused(strict.get_object, "AccessDenied", status=403, Bucket=bucket, Key="foreign", Range="bytes=3-5")
        refused(strict.head_object, "403", status=403, Bucket=bucket, Key="foreign")
        refused(strict.copy_object, "AccessDenied", status=403, Bucket=bucket, Key="sealed", CopySource={"Bucket": bucket, "Key": "foreign"})


def test_keys_that_cannot_be_used(make_house, s3, bucket):
    made = make_house()
    ring = made.folder / "state" / "keyring.json"
    keys = keyring.usual()
    keyring.write(ring, keys)
    made.start()
    there = sites.Site.of_proxy(made).client()
    there.put_object(Bucket=bucket, Key="k", Body=b"hello", **KMS)

    def turn(change):
        made.stop()
        keyring.write(ring, change)
        made.start()

    for state, code in [("Disabled", "KMS.DisabledException"), ("PendingDeletion", "KMS.KMSInvalidStateException")]:
        turn([keys[0], keys[1] | {"state": state}])
        refused(there.get_object, code, status=400, Bucket=bucket, Key="k")
        refused(there.put_object, code, status=400, Bucket=bucket, Key="k", Body=b"x", **KMS)
        assert there.head_object(Bucket=bucket, Key="k")["ContentLength"] == 5, "the head of an object is not sealed"
    turn([keys[0]])
    refused(there.get_object, "KMS.NotFoundException", status=400, Bucket=bucket, Key="k")
    turn([keys[1]])
    refused(there.put_object, "KMS.NotFoundException", status=400, Bucket=bucket, Key="unsaid", Body=b"x")
    # A rotated key opens what its older version has wrapped.
    rotated = keys[1] | {"versions": keys[1]["versions"] + [keyring.key("new")["versions"][0] | {"id": 2}]}
    turn([keys[0], rotated])
    assert there.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"
    there.copy_object(Bucket=bucket, Key="k2", CopySource={"Bucket": bucket, "Key": "k"}, **KMS)
    assert there.get_object(Bucket=bucket, Key="k2")["Body"].read() == b"hello"
    # Another proxy with other material for the same ARN opens nothing.
    refused(s3.get_object, "InternalError", status=500, Bucket=bucket, Key="k")
    assert made.stop() == 0
