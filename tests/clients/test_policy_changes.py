"""Policies that change while requests come: by requests, by files, by orders; and that no request pays for it."""

import json
import threading
import time

import boto3
import botocore
import botocore.config
import pytest

from support import site as sites
from support.check import refused
from support.proxy import ACCOUNT, NOBODY, READER, Bartizan

pytestmark = pytest.mark.proxy

NOBODY_ARN = f"arn:aws:iam::{ACCOUNT}:user/nobody"
# How long a changed file may take to be noticed, on a machine with other work.
PATIENCE = 20


@pytest.fixture(scope="module")
def own(store, scratch):
    """One proxy for all of these; each test has a bucket of its own in it."""
    made = Bartizan(scratch / sites.fresh_name("changes"), store)
    yield sites.Site.of_proxy(made.start())
    made.discard()


@pytest.fixture
def admin(own):
    return own.client(retries={"total_max_attempts": 1})


@pytest.fixture
def nobody(own):
    return own.client(NOBODY, retries={"total_max_attempts": 1})


@pytest.fixture
def anonymous(own):
    config = botocore.config.Config(signature_version=botocore.UNSIGNED, retries={"total_max_attempts": 1})
    return boto3.session.Session(region_name="us-east-1").client("s3", endpoint_url=own.endpoint, verify=own.ca, config=config)


@pytest.fixture
def filled(admin):
    name = sites.fresh_name()
    admin.create_bucket(Bucket=name)
    admin.put_object(Bucket=name, Key="k", Body=b"data")
    yield name
    admin.delete_bucket_policy(Bucket=name)
    sites.remove_bucket(admin, name)


def statement(bucket: str, principal, effect: str = "Allow", **more) -> dict:
    return {"Effect": effect, "Principal": principal, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"} | more


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def to_nobody(bucket: str, **more) -> str:
    return document(statement(bucket, {"AWS": NOBODY_ARN}, **more))


def may_read(client, bucket: str) -> bool:
    try:
        return client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"
    except client.exceptions.ClientError as denied:
        assert denied.response["Error"]["Code"] == "AccessDenied", denied
        return False


def policy_file(own, bucket: str):
    return own.proxy.folder / "policies" / "buckets" / bucket / "policy.json"


def write(path, text: str) -> None:
    """As a careful deployment does it: whole, or not at all."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    fresh.replace(path)


def within_patience(true) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return False


def test_a_policy_set_by_a_request_decides_the_very_next_one(own, admin, nobody, filled):
    assert not may_read(nobody, filled)
    for _ in range(3):
        admin.put_bucket_policy(Bucket=filled, Policy=to_nobody(filled))
        # A connection of its own, to whichever worker it comes.
        assert may_read(nobody, filled) and may_read(own.client(NOBODY), filled)
        admin.delete_bucket_policy(Bucket=filled)
        assert not may_read(nobody, filled) and not may_read(own.client(NOBODY), filled)
    refused(admin.get_bucket_policy, "NoSuchBucketPolicy", status=404, Bucket=filled)


def test_a_policy_is_given_back_as_it_was_sent_and_stands_in_the_folder(own, admin, filled):
    text = json.dumps(json.loads(to_nobody(filled)), indent=3)
    admin.put_bucket_policy(Bucket=filled, Policy=text)
    assert admin.get_bucket_policy(Bucket=filled)["Policy"] == text
    assert policy_file(own, filled).read_text() == text
    assert admin.get_bucket_policy_status(Bucket=filled)["PolicyStatus"]["IsPublic"] is False


def test_a_prohibition_set_by_a_request_holds_for_whoever_set_it(admin, filled):
    admin.put_bucket_policy(Bucket=filled, Policy=document(statement(filled, "*", "Deny")))
    assert not may_read(admin, filled)
    admin.delete_bucket_policy(Bucket=filled)
    assert may_read(admin, filled)


MALFORMED = [
    ("[]", "Policies must be valid JSON and the first byte must be '{'"),
    ('{"Version": "2012-10-17", "Statement": [', "This policy contains invalid Json"),
    ('{"Version": "2012-10-17"}', "Missing required field Statement"),
    ('{"Version": "2012-10-17", "Statement": []}', "Could not parse the policy: Statement is empty!"),
    ('{"Version": "2012-10-18", "Statement": []}', "The policy must contain a valid version string"),
    ({"Effect": "allow"}, "Invalid effect: allow"),
    ({"Action": "s3:NotARealAction"}, "Policy has invalid action"),
    ({"Resource": "arn:aws:s3:::another-bucket/*"}, "Policy has invalid resource"),
    ({"Resource": "*"}, "Policy has invalid resource"),
    ({"Action": "s3:ListBucket"}, "Action does not apply to any resource(s) in statement"),
    ({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/no-such-user"}}, "Invalid principal in policy"),
    ({"Condition": {"StringEqual": {"aws:username": "a"}}}, "Invalid Condition type : StringEqual"),
    ({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/99"}}}, "Invalid IP address in Conditions"),
    ({"Conditions": {}}, "Unknown field Conditions"),
]


@pytest.mark.parametrize(("wrong", "words"), MALFORMED, ids=[words for _, words in MALFORMED])
def test_a_malformed_policy_is_refused_in_the_words_of_s3_and_changes_nothing(own, admin, nobody, filled, wrong, words):
    good = to_nobody(filled)
    admin.put_bucket_policy(Bucket=filled, Policy=good)
    text = wrong if isinstance(wrong, str) else document(statement(filled, {"AWS": NOBODY_ARN}, **wrong))
    answer = refused(admin.put_bucket_policy, "MalformedPolicy", status=400, Bucket=filled, Policy=text)
    assert answer["Error"]["Message"] == words
    assert admin.get_bucket_policy(Bucket=filled)["Policy"] == policy_file(own, filled).read_text() == good
    assert may_read(nobody, filled)


def test_a_new_bucket_is_not_made_public_until_its_block_is_gone(admin, anonymous, filled):
    assert set(admin.get_public_access_block(Bucket=filled)["PublicAccessBlockConfiguration"].values()) == {True}
    public = document(statement(filled, "*"))
    answer = refused(admin.put_bucket_policy, "AccessDenied", status=403, Bucket=filled, Policy=public)
    assert "prevented by the BlockPublicPolicy setting in S3 Block Public Access" in answer["Error"]["Message"]
    refused(admin.get_bucket_policy, "NoSuchBucketPolicy", status=404, Bucket=filled)
    assert not may_read(anonymous, filled)
    admin.delete_public_access_block(Bucket=filled)
    refused(admin.get_public_access_block, "NoSuchPublicAccessBlockConfiguration", status=404, Bucket=filled)
    assert not may_read(anonymous, filled), "without a block nothing is public yet"
    admin.put_bucket_policy(Bucket=filled, Policy=public)
    assert may_read(anonymous, filled)
    assert admin.get_bucket_policy_status(Bucket=filled)["PolicyStatus"]["IsPublic"] is True
    # Switched on again, it holds against the policy that is there.
    restricted = {"RestrictPublicBuckets": True}
    admin.put_public_access_block(Bucket=filled, PublicAccessBlockConfiguration=restricted)
    assert admin.get_public_access_block(Bucket=filled)["PublicAccessBlockConfiguration"]["RestrictPublicBuckets"] is True
    assert not may_read(anonymous, filled) and may_read(admin, filled)


def test_a_policy_written_to_disk_is_in_force_after_a_reload(own, nobody, filled):
    policy_file(own, filled).write_text(to_nobody(filled))
    done = own.proxy.run("reload")
    assert done.returncode == 0 and done.stdout.startswith("generation "), done
    assert may_read(nobody, filled)
    policy_file(own, filled).unlink()
    assert own.proxy.run("reload").returncode == 0
    assert not may_read(nobody, filled)


def test_a_policy_written_to_disk_is_in_force_by_itself(own, nobody, filled):
    write(policy_file(own, filled), to_nobody(filled))
    assert within_patience(lambda: may_read(nobody, filled)), "not noticed"
    identity = own.proxy.folder / "policies" / "identities" / "read-only.json"
    before = identity.read_text()
    policy_file(own, filled).unlink()
    assert within_patience(lambda: not may_read(nobody, filled)), "not noticed"
    # Edited where it stands, as an editor may do.
    reader = own.client(READER)
    assert may_read(reader, filled)
    identity.write_text(before.replace('"s3:Get*"', '"s3:GetBucketLocation"'))
    assert within_patience(lambda: not may_read(reader, filled)), "not noticed"
    identity.write_text(before)
    assert within_patience(lambda: may_read(reader, filled)), "not noticed"


def test_a_broken_policy_on_disk_changes_nothing(own, admin, nobody, filled):
    good = to_nobody(filled)
    admin.put_bucket_policy(Bucket=filled, Policy=good)
    write(policy_file(own, filled), good.replace('"Allow"', '"Deny"')[:-1])
    done = own.proxy.run("reload")
    assert done.returncode == 1 and "policy.json" in done.stderr and "what was in force stays" in done.stdout, done
    assert may_read(nobody, filled) and may_read(admin, filled)
    # Nor is another change taken over a folder that is not understood.
    refused(admin.put_public_access_block, "ServiceUnavailable", status=503, Bucket=filled, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    write(policy_file(own, filled), good)
    assert own.proxy.run("reload").returncode == 0
    admin.delete_bucket_policy(Bucket=filled)
    assert not may_read(nobody, filled)


def test_a_file_that_opens_more_than_before_wants_a_word(own, admin, anonymous, filled):
    admin.delete_public_access_block(Bucket=filled)
    write(policy_file(own, filled), document(statement(filled, "*")))
    done = own.proxy.run("reload")
    assert done.returncode == 1 and "--allow-widening" in done.stderr, done
    assert not may_read(anonymous, filled)
    assert own.proxy.run("reload", "--allow-widening").returncode == 0
    assert may_read(anonymous, filled)


def test_no_request_pays_for_reloads(own, nobody, admin, filled):
    """Four callers, each with a right that stands and one that nobody has, while policies change twenty times."""
    admin.put_bucket_policy(Bucket=filled, Policy=to_nobody(filled))
    identity = own.proxy.folder / "policies" / "identities" / "read-only.json"
    before, done, faults, counts = identity.read_text(), threading.Event(), [], []

    def work(number: int) -> None:
        client, count = own.client(NOBODY, retries={"total_max_attempts": 1}), 0
        try:
            while not done.is_set() or count < 50:
                assert client.get_object(Bucket=filled, Key="k")["Body"].read() == b"data"
                refused(client.put_object, "AccessDenied", status=403, Bucket=filled, Key=f"new-{number}", Body=b"x")
                count += 2
        except BaseException as fault:
            faults.append(fault)
        counts.append(count)

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    generations = []
    for turn in range(20):
        write(identity, before.replace("s3:List*", "s3:ListBucket*") if turn % 2 else before + "\n" * turn)
        reloaded = own.proxy.run("reload", "--json")
        generations.append(json.loads(reloaded.stdout)["generation"])
    done.set()
    for thread in threads:
        thread.join(timeout=60)
    write(identity, before)
    assert not faults, faults[0]
    assert sum(counts) >= 200, counts
    assert generations == sorted(set(generations)), generations
    assert [entry["Key"] for entry in admin.list_objects_v2(Bucket=filled)["Contents"]] == ["k"]
