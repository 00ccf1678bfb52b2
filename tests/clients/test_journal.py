"""The journal after ordinary work: an intent and a completion for every request, and nothing secret."""

import json
import time

import pytest

from support.check import refused
from support.proxy import NOBODY

pytestmark = pytest.mark.proxy


@pytest.fixture
def own(make_proxy):
    return make_proxy()


@pytest.fixture
def work(own):
    """Some requests of every kind; gives the ids and operations that the answers carried."""
    s3, seen = own.client(), []
    s3.meta.events.register("after-call.s3.*", lambda parsed, model, **_: seen.append((parsed["ResponseMetadata"]["RequestId"], model.name)))
    s3.create_bucket(Bucket="journal-test")
    s3.put_object(Bucket="journal-test", Key="a key", Body=b"x")
    s3.get_object(Bucket="journal-test", Key="a key")["Body"].read()
    refused(s3.get_object, "NoSuchKey", Bucket="journal-test", Key="none")
    s3.list_objects_v2(Bucket="journal-test")
    s3.delete_object(Bucket="journal-test", Key="a key")
    s3.delete_bucket(Bucket="journal-test")
    return seen


def by_request(own) -> dict[str, dict]:
    """Everything the journal says of a request, under its id. A completion may come a moment after the answer."""
    for _ in range(50):
        found = {}
        for record in own.proxy.journal():
            found.setdefault(record["request_id"], {}).update(record)
        if all("outcome" in record for record in found.values()):
            break
        time.sleep(0.1)
    return found


def test_every_request_has_an_intent_and_a_completion(own, work):
    found = by_request(own)
    for request_id, operation in work:
        record = found[request_id]
        assert record["operation"] == operation
        assert record["decision"] == "allow"
        assert record["outcome"] == "completed", record
        assert record["http_status"] in (200, 204, 404)
        assert record["requester"].endswith(":user/admin")


def test_a_refusal_is_on_record_with_its_cause(own, work):
    own.client().create_bucket(Bucket="journal-kept")
    refused(own.client(NOBODY).get_object, "AccessDenied", Bucket="journal-kept", Key="a key")
    last = list(by_request(own).values())[-1]
    own.client().delete_bucket(Bucket="journal-kept")
    assert (last["decision"], last["outcome"], last["http_status"]) == ("deny", "refused", 403)
    assert last["requester"].endswith(":user/nobody") and last["error_code"] == "AccessDenied" and last["reason"]


def test_no_secret_is_on_record(own, work):
    address = own.client(signature_version="s3v4").generate_presigned_url("get_object", Params={"Bucket": "journal-test", "Key": "k"})
    own.send(own.signed("GET", address.removeprefix(own.endpoint)))
    text = json.dumps(own.proxy.journal())
    signature = address.split("X-Amz-Signature=")[1][:64]
    assert own.keys.secret not in text and signature not in text


def test_the_journal_verifies_after_a_clean_stop(own, work):
    assert own.proxy.stop() == 0
    done = own.proxy.run("log", "verify")
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_changed_byte_in_the_journal_is_found(own, work):
    assert own.proxy.stop() == 0
    segment = max((own.proxy.folder / "state" / "journal").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(segment.read_bytes())
    data[data.index(b"journal-test")] ^= 1
    segment.write_bytes(data)
    assert own.proxy.run("log", "verify").returncode == 1
