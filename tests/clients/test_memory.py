"""5 GiB through the proxy and back, and how much memory it took at the most."""

import hashlib
import os

import boto3.s3.transfer
import pytest

from support.data import MIB, Endless, digest

pytestmark = [pytest.mark.proxy, pytest.mark.slow, pytest.mark.timeout(1500)]
SIZE = int(os.environ.get("BARTIZAN_MEMORY_MIB", "5120")) * MIB
LIMIT = 64 * MIB


@pytest.fixture
def own(make_proxy, store):
    if store.name == "radosgw":
        pytest.skip("the test's radosgw keeps its objects in memory")
    site = make_proxy()
    site.client().create_bucket(Bucket="memory-test")
    yield site
    site.client().delete_object(Bucket="memory-test", Key="k")


class Sink:
    """Where a download goes: hashed and forgotten."""

    def __init__(self):
        self.found = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.found.update(data)
        return len(data)


@pytest.mark.parametrize("parts", ["default", "large"])
def test_5_gib_there_and_back_in_64_mib(own, parts):
    size = min(SIZE, 5 * 1024 * MIB)
    s3 = own.client()
    config = boto3.s3.transfer.TransferConfig() if parts == "default" else boto3.s3.transfer.TransferConfig(multipart_chunksize=1024 * MIB, multipart_threshold=1024 * MIB, max_concurrency=2)
    s3.upload_fileobj(Endless(size), "memory-test", "k", Config=config)
    assert s3.head_object(Bucket="memory-test", Key="k")["ContentLength"] == size
    sink = Sink()
    for data in s3.get_object(Bucket="memory-test", Key="k")["Body"].iter_chunks(MIB):
        sink.write(data)
    assert sink.found.hexdigest() == digest(Endless(size))
    most = own.proxy.memory("VmHWM")
    print(f"{size // MIB} MiB there and back ({parts} parts): VmHWM {most / MIB:.1f} MiB")
    assert most < LIMIT
