"""The process is killed in the middle of uploads. What was acknowledged is there; what was not is told."""

import json
import random
import threading
import time

import botocore.exceptions
import pytest

from support.data import MIB, some_bytes

pytestmark = pytest.mark.proxy
ROUNDS = 4


class Uploader(threading.Thread):
    """Uploads without end until told to stop; remembers what was acknowledged and what was tried."""

    def __init__(self, site, bucket: str, number: int):
        super().__init__(daemon=True)
        self.s3 = site.client(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=20)
        self.bucket, self.number = bucket, number
        self.acknowledged: dict[str, bytes] = {}
        self.tried: dict[str, bytes] = {}
        self.over = threading.Event()

    def run(self) -> None:
        sizes = random.Random(self.number)
        count = 0
        while not self.over.is_set():
            count += 1
            size = sizes.choice([10, 3000, 70_000, MIB, 6 * MIB])
            key, body = f"{self.number}/{count}-{time.monotonic_ns()}", some_bytes(size, seed=self.number * 1000 + count)
            self.tried[key] = body
            try:
                self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                return
            self.acknowledged[key] = body


@pytest.mark.timeout(600)
def test_kill_during_uploads(make_proxy):
    own = make_proxy()
    own.client().create_bucket(Bucket="kill-test")
    acknowledged, tried = {}, {}
    for turn in range(ROUNDS):
        workers = [Uploader(own, "kill-test", turn * 10 + number) for number in range(4)]
        for worker in workers:
            worker.start()
        # Long enough that something was acknowledged; where in an upload it hits is left to chance.
        while not any(worker.acknowledged for worker in workers):
            assert any(worker.is_alive() for worker in workers), "no upload succeeded"
            time.sleep(0.05)
        time.sleep(random.uniform(0, 0.7))
        own.proxy.kill()
        for worker in workers:
            worker.over.set()
            worker.join(timeout=60)
            acknowledged |= worker.acknowledged
            tried |= worker.tried
        own.proxy.start()

    s3 = own.client()
    for key, body in acknowledged.items():
        assert s3.get_object(Bucket="kill-test", Key=key)["Body"].read() == body, f"{key} was acknowledged and is wrong"
    # What was not acknowledged is there as a whole or not at all.
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="kill-test"):
        for entry in page.get("Contents", []):
            assert s3.get_object(Bucket="kill-test", Key=entry["Key"])["Body"].read() == tried[entry["Key"]]

    records = own.proxy.journal()
    puts = {record["request_id"]: record for record in records if record.get("operation") == "PutObject"}
    ends = {record["request_id"]: record["outcome"] for record in records if "outcome" in record}
    assert set(acknowledged) <= {record["key"] for record in puts.values()}, "an acknowledged upload has no intent"
    # Every intent has an end, if only the one that the next start writes: nobody knows.
    assert set(puts) <= set(ends), "an intent without an end is not told"
    unknown = [puts[request]["key"] for request, outcome in ends.items() if outcome == "unknown" and request in puts]
    # The next start says each of them aloud, too.
    told = (own.proxy.folder / "stderr").read_text()
    assert all(request in told for request, outcome in ends.items() if outcome == "unknown" and request in puts), told[-4000:]
    assert set(unknown) <= set(tried)
    finished = {puts[request]["key"] for request, outcome in ends.items() if outcome == "completed" and request in puts}
    assert set(tried) & {record["key"] for record in puts.values()} == set(unknown) | finished | {puts[r]["key"] for r, o in ends.items() if o in ("client-gone", "upstream-failed") and r in puts}
    assert own.proxy.stop() == 0


def test_kill_leaves_nothing_that_hinders_the_next_start(make_proxy):
    own = make_proxy()
    own.client().create_bucket(Bucket="kill-test-2")
    for _ in range(5):
        own.proxy.kill()
        own.proxy.start()
        assert own.client().list_objects_v2(Bucket="kill-test-2")["KeyCount"] == 0


def test_the_journal_verifies_after_a_kill(make_proxy):
    own = make_proxy()
    own.client().create_bucket(Bucket="kill-test-3")
    own.client().put_object(Bucket="kill-test-3", Key="k", Body=b"x")
    own.proxy.kill()
    own.proxy.start()
    assert own.proxy.stop() == 0
    done = own.proxy.run("log", "verify")
    assert done.returncode == 0, done.stdout + done.stderr


class Requester(threading.Thread):
    """Small requests of all kinds without end; remembers the ids that were acknowledged."""

    def __init__(self, site, bucket: str, number: int):
        super().__init__(daemon=True)
        self.s3 = site.client(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=20)
        self.bucket, self.number = bucket, number
        self.written: dict[str, str] = {}
        self.over = threading.Event()

    def run(self) -> None:
        count = 0
        while not self.over.is_set():
            count += 1
            key = f"{self.number}/{count}"
            try:
                done = self.s3.put_object(Bucket=self.bucket, Key=key, Body=b"x" * (count % 5000))
                self.written[done["ResponseMetadata"]["RequestId"]] = key
                self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
                if count % 3 == 0:
                    done = self.s3.delete_object(Bucket=self.bucket, Key=key)
                    self.written[done["ResponseMetadata"]["RequestId"]] = key
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                return


def kill_again_and_again(own, rounds: int) -> None:
    """Every acknowledged write has an intent, every intent one end, and the journal verifies, after each kill."""
    # Segments of the least size and roll by age, so that kills hit their ends too.
    own.proxy.configure(audit={"segment_size": "16MiB", "roll_after": "1m"})
    own.proxy.stop()
    own.proxy.start()
    own.client().create_bucket(Bucket="kill-journal")
    written: dict[str, str] = {}
    chance = random.Random(20261127)
    for turn in range(rounds):
        workers = [Requester(own, "kill-journal", turn * 10 + number) for number in range(3)]
        for worker in workers:
            worker.start()
        while not any(worker.written for worker in workers):
            assert any(worker.is_alive() for worker in workers), "no request succeeded"
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.4))
        own.proxy.kill()
        for worker in workers:
            worker.over.set()
            worker.join(timeout=60)
            written |= worker.written
        # As the kill left it, and as the next start goes on with it.
        verified(own)
        own.proxy.start()
        verified(own)
    assert own.proxy.stop() == 0
    found = verified(own)
    assert found["closed"] and found["signed_to"] == found["last"]
    intents, ends = {}, {}
    for record in own.proxy.journal():
        if "decision" in record:
            intents[record["request_id"]] = intents.get(record["request_id"], 0) + 1
        if "outcome" in record:
            ends[record["request_id"]] = ends.get(record["request_id"], 0) + 1
    assert set(written) <= set(intents), "an acknowledged write has no intent"
    assert set(intents) == set(ends), "an intent has no end, or an end no intent"
    assert set(intents.values()) == {1} and set(ends.values()) == {1}, "something is told twice"


def verified(own) -> dict:
    done = own.proxy.run("log", "verify", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)["journal"]


@pytest.mark.timeout(300)
def test_the_journal_holds_through_kills_under_load(make_proxy):
    kill_again_and_again(make_proxy(), 15)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_journal_holds_through_two_hundred_kills(make_proxy):
    kill_again_and_again(make_proxy(), 200)


def test_a_journal_cut_off_while_the_proxy_is_down_is_found_and_stays_found(make_proxy):
    own = make_proxy()
    own.client().create_bucket(Bucket="kill-cut")
    for nth in range(20):
        own.client().put_object(Bucket="kill-cut", Key=str(nth), Body=b"x")
    carried = own.proxy.run("keys", "journal", "list")
    (own.proxy.folder / "carried.json").write_text(carried.stdout)
    assert own.proxy.stop() == 0
    assert own.proxy.run("log", "verify", "--public-keys", "carried.json").returncode == 0
    segment = max((own.proxy.folder / "state" / "journal").glob("wal-*.seg"))
    with segment.open("r+b") as file:
        # Only the header stays.
        file.truncate(96)
    done = own.proxy.run("log", "verify", "--json", "--public-keys", "carried.json")
    assert done.returncode == 1
    finding = json.loads(done.stdout)["journal"]["findings"][0]
    assert finding["code"] == "cut", finding
    own.proxy.start()
    assert "records of the journal that were signed for are gone" in (own.proxy.folder / "stderr").read_text()
    own.client().put_object(Bucket="kill-cut", Key="after", Body=b"x")
    assert own.proxy.stop() == 0
    done = own.proxy.run("log", "verify", "--json")
    told = json.loads(done.stdout)["journal"]["findings"][0]
    assert (done.returncode, told["code"]) == (1, "loss")
    assert own.proxy.run("log", "verify", "--known-loss", str(told["record"])).returncode == 0


def test_the_journals_key_is_rotated_while_the_proxy_runs(make_proxy):
    own = make_proxy()
    own.client().create_bucket(Bucket="kill-rotate")
    (own.proxy.folder / "carried.json").write_text(own.proxy.run("keys", "journal", "list").stdout)
    rotated = own.proxy.run("keys", "journal", "rotate", "--json")
    assert rotated.returncode == 0, rotated.stderr
    new = json.loads(rotated.stdout)["id"]
    head = own.proxy.folder / "state" / "journal" / "head.json"
    for _ in range(100):
        if json.loads(head.read_text())["key"] == new:
            break
        time.sleep(0.1)
    own.client().put_object(Bucket="kill-rotate", Key="k", Body=b"x")
    assert own.proxy.stop() == 0
    done = own.proxy.run("log", "verify", "--public-keys", "carried.json")
    assert done.returncode == 0, done.stdout + done.stderr
