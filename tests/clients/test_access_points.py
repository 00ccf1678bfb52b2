"""Access points: made and changed through S3 Control, and every client's requests through them, in front of every store."""

import json
import shutil
import subprocess
import threading
import time

import botocore.exceptions
import pytest

from support import doors as worlds
from support import names, paths, proxy, stores, toml
from support.check import refusal, refused
from support.data import MIB, some_bytes
from support.doors import ELSEWHERE, FENCED, MAIN, OTHER, TEAMS, VPC, alias_of, arn, escaped, may
from support.proxy import Bartizan
from support.site import fresh_name

pytestmark = pytest.mark.proxy

XMLNS = 'xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"'
DATA = b"behind the door"


def unavailable(why) -> None:
    (pytest.fail if paths.CI else pytest.skip)(str(why))


@pytest.fixture(scope="module", autouse=True)
def hosts():
    with names.below_localhost():
        yield


@pytest.fixture(scope="module")
def doors(store, scratch):
    try:
        proxy.require_binary()
    except stores.Unavailable as why:
        unavailable(why)
    made = worlds.Doors(scratch / f"doors-{store.name}", store)
    yield made
    assert made.proxy.stop() == 0


@pytest.fixture
def admin(doors):
    return doors.client("admin")


@pytest.fixture
def control(doors):
    return doors.control()


@pytest.fixture
def point(doors):
    """Makes access points that go with the test. Gives name and answer."""
    made = []

    def make(bucket: str | None = None, who: str = "admin", account: str = MAIN, name: str | None = None, **more) -> dict:
        name = name or fresh_name("door")[:20]
        made.append((name, who, account))
        answer = doors.control(who).create_access_point(AccountId=account, Name=name, Bucket=bucket or doors.bucket, **more)
        return {"name": name, "arn": answer["AccessPointArn"], "alias": answer["Alias"]}

    yield make
    for name, who, account in made:
        try:
            doors.control(who).delete_access_point(AccountId=account, Name=name)
        except botocore.exceptions.ClientError as gone:
            assert gone.response["Error"]["Code"] == "NoSuchAccessPoint", gone


@pytest.fixture
def program(doors):
    """Runs a program with the names it needs; gives how it ended."""

    def run(*command, who: str = "admin", labels=(), status: int | None = 0, **environment) -> subprocess.CompletedProcess:
        try:
            settings = doors.environment(who, *labels)
        except stores.Unavailable as why:
            unavailable(why)
        done = subprocess.run(list(map(str, command)), env=settings | environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=200)
        fine = done.returncode == status if status is not None else done.returncode != 0
        assert fine, f"{command} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return done

    return run


@pytest.fixture
def aws(program):
    def run(*arguments, **more):
        return program(paths.aws_command(), *arguments, **more)

    return run


@pytest.fixture
def s3control(doors, aws):
    """`aws s3control` as a person types it; gives what it answers."""

    def run(operation: str, *arguments, account: str = MAIN, **more):
        done = aws("s3control", operation, "--account-id", account, "--endpoint-url", doors.proxy.endpoint, *arguments, AWS_ENDPOINT_URL="", **more)
        return done.stderr if done.returncode else json.loads(done.stdout or "null")

    return run


# ---- S3 Control, with the stock command.


def test_made_shown_listed_and_gone(doors, s3control, tmp_path):
    name = fresh_name("made")[:20]
    made = s3control("create-access-point", "--name", name, "--bucket", doors.bucket)
    assert made["AccessPointArn"] == arn(name)
    assert made["Alias"].startswith(f"{name}-") and made["Alias"].endswith("-s3alias") and len(made["Alias"]) <= 63
    shown = s3control("get-access-point", "--name", name)
    assert (shown["Name"], shown["Bucket"], shown["BucketAccountId"], shown["NetworkOrigin"]) == (name, doors.bucket, MAIN, "Internet")
    assert (shown["AccessPointArn"], shown["Alias"]) == (made["AccessPointArn"], made["Alias"])
    assert set(shown["PublicAccessBlockConfiguration"].values()) == {True} and len(shown["PublicAccessBlockConfiguration"]) == 4
    assert "VpcConfiguration" not in shown and shown["CreationDate"].startswith("20")
    assert shown["Endpoints"] and all("amazonaws" not in host for host in shown["Endpoints"].values()), shown["Endpoints"]
    listed = s3control("list-access-points", "--bucket", doors.bucket)["AccessPointList"]
    assert [entry["Name"] for entry in listed] == sorted(entry["Name"] for entry in listed)
    entry = next(entry for entry in listed if entry["Name"] == name)
    assert (entry["Bucket"], entry["AccessPointArn"], entry["Alias"], entry["NetworkOrigin"]) == (doors.bucket, made["AccessPointArn"], made["Alias"], "Internet")
    assert json.loads(worlds.files_of(doors.proxy, name)[f"{name}.json"])["Alias"] == made["Alias"]
    # It leads somewhere at once.
    doors.client("admin").put_object(Bucket=made["AccessPointArn"], Key="at/once", Body=DATA)
    assert s3control("delete-access-point", "--name", name) is None
    assert "NoSuchAccessPoint" in s3control("get-access-point", "--name", name, status=None)
    assert "NoSuchAccessPoint" in s3control("delete-access-point", "--name", name, status=None)
    assert worlds.files_of(doors.proxy, name) == {}


def test_a_policy_put_shown_and_gone(doors, s3control, point):
    name = point()["name"]
    assert "NoSuchAccessPointPolicy" in s3control("get-access-point-policy", "--name", name, status=None)
    assert "NoSuchAccessPointPolicy" in s3control("get-access-point-policy-status", "--name", name, status=None)
    policy = worlds.team(name, "red", "red")
    assert s3control("put-access-point-policy", "--name", name, "--policy", policy) is None
    assert s3control("get-access-point-policy", "--name", name)["Policy"] == policy
    assert worlds.files_of(doors.proxy, name)[f"{name}.policy.json"] == policy
    assert s3control("get-access-point-policy-status", "--name", name)["PolicyStatus"] == {"IsPublic": False}
    assert s3control("delete-access-point-policy", "--name", name) is None
    assert s3control("delete-access-point-policy", "--name", name) is None
    assert "NoSuchAccessPointPolicy" in s3control("get-access-point-policy", "--name", name, status=None)
    # It goes with the access point, and does not come back with another one of the name.
    s3control("put-access-point-policy", "--name", name, "--policy", policy)
    s3control("delete-access-point", "--name", name)
    assert worlds.files_of(doors.proxy, name) == {}
    s3control("create-access-point", "--name", name, "--bucket", doors.bucket)
    assert "NoSuchAccessPointPolicy" in s3control("get-access-point-policy", "--name", name, status=None)


def test_block_public_access_of_an_account(doors, s3control, control):
    assert "NoSuchPublicAccessBlockConfiguration" in s3control("get-public-access-block", status=None)
    settings = "--public-access-block-configuration"
    assert s3control("put-public-access-block", settings, "RestrictPublicBuckets=true,BlockPublicPolicy=true") is None
    try:
        assert s3control("get-public-access-block")["PublicAccessBlockConfiguration"] == {"BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
        # It holds for access points of the account, whatever their own settings say.
        assert not may(doors.client("eve").get_object, Bucket=arn("wide"), Key="none")
        policy = worlds.document(worlds.allow("s3:GetObject", f"{arn('wide')}/object/*", **worlds.EVERYONE))
        refused(control.put_access_point_policy, "AccessDenied", status=403, AccountId=MAIN, Name="wide", Policy=policy)
    finally:
        assert s3control("delete-public-access-block") is None
    assert s3control("delete-public-access-block") is None
    assert "NoSuchPublicAccessBlockConfiguration" in s3control("get-public-access-block", status=None)
    refused(control.put_public_access_block, "InvalidRequest", status=400, AccountId=MAIN, PublicAccessBlockConfiguration={})


def test_tags_put_shown_and_taken_off(doors, s3control, control, point):
    made = point(Tags=[{"Key": "team", "Value": "red"}])
    resource = ["--resource-arn", made["arn"]]
    shown = lambda: {tag["Key"]: tag["Value"] for tag in s3control("list-tags-for-resource", *resource)["Tags"]}
    assert shown() == {"team": "red"}
    assert s3control("tag-resource", *resource, "--tags", "Key=stage,Value=test", "Key=team,Value=blue") is None
    assert shown() == {"team": "blue", "stage": "test"}
    assert s3control("untag-resource", *resource, "--tag-keys", "stage", "none") is None
    assert shown() == {"team": "blue"}
    for tags in ([{"Key": "aws:own", "Value": ""}], [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}], [{"Key": f"k{number}", "Value": ""} for number in range(50)]):
        refused(control.tag_resource, "InvalidTag", status=400, AccountId=MAIN, ResourceArn=made["arn"], Tags=tags)
    assert shown() == {"team": "blue"}
    refused(control.tag_resource, "NoSuchResource", status=404, AccountId=MAIN, ResourceArn=arn("no-such-door"), Tags=[{"Key": "a", "Value": "b"}])


def test_pages_give_every_access_point_once_in_order(doors, control, point, s3control):
    wanted = sorted([point()["name"] for _ in range(5)] + [name for name, account in doors.points.items() if account == MAIN])
    for size in (1, 3, 1000):
        found, token = [], {}
        while True:
            page = control.list_access_points(AccountId=MAIN, MaxResults=size, **token)
            found += [entry["Name"] for entry in page["AccessPointList"]]
            assert len(page["AccessPointList"]) <= size
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        assert found == wanted
    first = s3control("list-access-points", "--max-results", "2")
    assert [entry["Name"] for entry in first["AccessPointList"]] == wanted[:2]
    second = s3control("list-access-points", "--max-results", "2", "--next-token", first["NextToken"])
    assert [entry["Name"] for entry in second["AccessPointList"]] == wanted[2:4]
    # A token is of its listing.
    refused(control.list_access_points, "InvalidRequest", "InvalidArgument", "InvalidToken", status=400, AccountId=MAIN, Bucket=doors.open, NextToken=first["NextToken"])
    refused(control.list_access_points, "InvalidRequest", "InvalidArgument", "InvalidToken", status=400, AccountId=MAIN, NextToken="bm9uZQ==")
    of_open = [entry["Name"] for entry in control.list_access_points(AccountId=MAIN, Bucket=doors.open)["AccessPointList"]]
    assert of_open == ["shut", "wide"]
    theirs = doors.control("eve").list_access_points(AccountId=OTHER)["AccessPointList"]
    assert [entry["Name"] for entry in theirs] == ["lent", "unlent"]


@pytest.mark.parametrize(("sent", "kept"), [(None, [True] * 4), ({}, [False] * 4), ({"BlockPublicPolicy": True}, [False, False, True, False])], ids=["absent", "empty", "some"])
def test_block_public_access_is_as_it_was_made(doors, control, point, sent, kept):
    more = {} if sent is None else {"PublicAccessBlockConfiguration": sent}
    shown = control.get_access_point(AccountId=MAIN, Name=point(**more)["name"])["PublicAccessBlockConfiguration"]
    assert [shown[name] for name in worlds.BLOCK] == kept


def test_a_name_of_fifty_letters_has_an_alias_that_fits(doors, control, point, admin):
    made = point(name=fresh_name("long")[:21] + "-" + "x" * 28)
    assert len(made["name"]) == 50 and len(made["alias"]) <= 63 and made["alias"].startswith(made["name"][:20])
    admin.put_object(Bucket=made["alias"], Key="long", Body=DATA)
    # The host label of an ARN would be of 63 letters: exactly what fits.
    assert admin.get_object(Bucket=made["arn"], Key="long")["Body"].read() == DATA


# ---- Requests, by every form of the address.

FORMS = {
    "arn": (arn, "path"),
    "alias-in-path": (alias_of, "path"),
    "alias-as-host": (alias_of, "wildcard"),
    "host": (lambda name: f"{name}-{MAIN}", "virtual"),
}


def shown_as(form: str, name: str) -> str:
    """What the proxy sees of the name that a client used."""
    return alias_of(name) if "alias" in form else f"{name}-{MAIN}"


@pytest.mark.parametrize("form", FORMS)
def test_objects_through_every_form(doors, form):
    make, style = FORMS[form]
    s3, bucket, prefix = doors.client("admin", style=style), make("any"), f"forms/{form}"
    one = {"Bucket": bucket, "Key": f"{prefix}/with space+plus ü.bin"}
    s3.put_object(**one, Body=DATA, Metadata={"colour": "blue"}, ContentType="text/x-door")
    got = s3.get_object(**one)
    assert (got["Body"].read(), got["Metadata"], got["ContentType"]) == (DATA, {"colour": "blue"}, "text/x-door")
    assert s3.get_object(**one, Range="bytes=7-9")["Body"].read() == DATA[7:10]
    assert s3.head_object(**one)["ContentLength"] == len(DATA)
    # It is the bucket's own.
    assert doors.client("admin").get_object(Bucket=doors.bucket, Key=one["Key"])["Body"].read() == DATA
    s3.put_object_tagging(**one, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert s3.get_object_tagging(**one)["TagSet"] == [{"Key": "a", "Value": "b"}]
    s3.delete_object_tagging(**one)
    assert s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
    refused(s3.get_object, "NoSuchKey", status=404, Bucket=bucket, Key=f"{prefix}/none")
    for operation in ("list_objects", "list_objects_v2", "list_object_versions"):
        listed = getattr(s3, operation)(Bucket=bucket, Prefix=f"{prefix}/")
        assert listed["Name"] == shown_as(form, "any"), operation
        assert [entry["Key"] for entry in listed.get("Contents") or listed["Versions"]] == [one["Key"]]
    assert s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": one["Key"]}]})["Deleted"][0]["Key"] == one["Key"]
    refused(s3.get_object, "NoSuchKey", status=404, **one)


@pytest.mark.parametrize("form", FORMS)
def test_parts_through_every_form(doors, form):
    make, style = FORMS[form]
    s3, one = doors.client("admin", style=style), {"Bucket": make("any"), "Key": f"parts/{form}"}
    begun = s3.create_multipart_upload(**one)
    assert begun["Bucket"] == shown_as(form, "any")
    upload = {"UploadId": begun["UploadId"]}
    parts = [some_bytes(5 * MIB, seed=61), some_bytes(1000, seed=62)]
    sent = [{"PartNumber": number, "ETag": s3.upload_part(**one, **upload, PartNumber=number, Body=body)["ETag"]} for number, body in enumerate(parts, 1)]
    assert [part["PartNumber"] for part in s3.list_parts(**one, **upload)["Parts"]] == [1, 2]
    uploads = s3.list_multipart_uploads(Bucket=one["Bucket"], Prefix=one["Key"])
    assert uploads["Bucket"] == shown_as(form, "any") and [found["UploadId"] for found in uploads["Uploads"]] == [begun["UploadId"]]
    done = s3.complete_multipart_upload(**one, **upload, MultipartUpload={"Parts": sent})
    assert done["Bucket"] == shown_as(form, "any") and done["Key"] == one["Key"]
    assert shown_as(form, "any") in done["Location"] and doors.bucket not in done["Location"], done["Location"]
    assert s3.get_object(**one)["Body"].read() == b"".join(parts)
    left = s3.create_multipart_upload(**one)["UploadId"]
    copied = s3.upload_part_copy(**one, UploadId=left, PartNumber=1, CopySource={"Bucket": alias_of("any"), "Key": one["Key"]}, CopySourceRange="bytes=0-99")
    assert copied["CopyPartResult"]["ETag"]
    s3.abort_multipart_upload(**one, UploadId=left)
    assert not s3.list_multipart_uploads(Bucket=one["Bucket"], Prefix=one["Key"]).get("Uploads")
    s3.delete_object(**one)


# A name in front of the endpoint is no form of a copy's source: there it is a bucket like any other.
SOURCES = {"arn": arn, "alias": alias_of}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("form", FORMS)
def test_copies_through_every_form(doors, admin, form, source):
    make, style = FORMS[form]
    key = f"copies/{form}-{source} ü+"
    admin.put_object(Bucket=doors.bucket, Key=key, Body=DATA)
    s3 = doors.client("admin", style=style)
    s3.copy_object(Bucket=make("any"), Key=f"{key}/to", CopySource={"Bucket": SOURCES[source]("any"), "Key": key})
    assert admin.get_object(Bucket=doors.bucket, Key=f"{key}/to")["Body"].read() == DATA
    # To a bucket, and from one.
    admin.copy_object(Bucket=doors.bucket, Key=f"{key}/out", CopySource={"Bucket": SOURCES[source]("any"), "Key": key})
    s3.copy_object(Bucket=make("any"), Key=f"{key}/in", CopySource={"Bucket": doors.bucket, "Key": f"{key}/out"})
    assert admin.get_object(Bucket=doors.bucket, Key=f"{key}/in")["Body"].read() == DATA
    refused(s3.copy_object, "NoSuchKey", status=404, Bucket=make("any"), Key=f"{key}/no", CopySource={"Bucket": SOURCES[source]("any"), "Key": "copies/none"})


@pytest.mark.parametrize("form", FORMS)
def test_presigned_addresses_of_every_form(doors, form):
    make, style = FORMS[form]
    s3, one = doors.client("admin", style=style), {"Bucket": make("any"), "Key": f"presigned/{form} ü"}
    put = doors.pool.request("PUT", s3.generate_presigned_url("put_object", Params=one, ExpiresIn=60), body=DATA)
    assert put.status == 200, put.data
    got = doors.pool.request("GET", s3.generate_presigned_url("get_object", Params=one, ExpiresIn=60))
    assert (got.status, got.data) == (200, DATA)
    # Signed for one door, tried at another.
    moved = s3.generate_presigned_url("get_object", Params=one, ExpiresIn=60).replace(shown_as(form, "any"), shown_as(form, "red"))
    refusal(doors.pool.request("GET", moved), 403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("typed", ["arn:aws:s3:us-east-1:111122223333:accesspoint/any", "arn:aws:s3:us-east-1:111122223333:accesspoint:any"])
def test_an_arn_in_the_path(doors, typed):
    for spelt in (escaped(typed), typed):
        assert doors.raw("PUT", f"/{spelt}/typed/k", body=DATA).status == 200
        got = doors.raw("GET", f"/{spelt}/typed/k")
        assert (got.status, got.data) == (200, DATA)
        listed = doors.raw("GET", f"/{spelt}?list-type=2&prefix=typed")
        assert listed.status == 200 and f"<Name>{typed}</Name>" in listed.data.decode(), listed.data


def test_faults_do_not_name_the_bucket(doors):
    """The name of the bucket behind it is nobody's business who comes through a door."""
    for method, path, headers in [
        ("GET", "/none", {}),
        ("GET", "/read?uploadId=none", {}),
        ("GET", "/read?versionId=none", {}),
        ("GET", "/read", {"Range": "bytes=100-200"}),
        ("GET", "/read", {"If-Match": '"other"'}),
        ("PUT", "/copied", {"x-amz-copy-source": f"{alias_of('any')}/none"}),
    ]:
        assert doors.raw("PUT", f"/{doors.bucket}/read", body=DATA).status == 200
        answer = doors.raw(method, f"/{alias_of('any')}{path}", headers=headers)
        assert 400 <= answer.status < 500 and doors.bucket not in answer.data.decode(), (path, answer.data)


def test_the_journal_tells_which_door(doors, admin, point, control):
    key = f"journal/{fresh_name()}"
    admin.put_object(Bucket=arn("any"), Key=key, Body=DATA)
    record = next(record for record in doors.proxy.journal() if record.get("key") == key and "decision" in record)
    assert (record["access_point_arn"], record["bucket_name"]) == (arn("any"), doors.bucket), record
    # And who did what to which.
    made = point()
    control.put_access_point_policy(AccountId=MAIN, Name=made["name"], Policy=worlds.team(made["name"], "red", "red"))
    control.delete_access_point(AccountId=MAIN, Name=made["name"])
    records = [record for record in doors.proxy.journal() if record.get("access_point_arn") == made["arn"] and "decision" in record]
    assert [record["operation"] for record in records] == ["CreateAccessPoint", "PutAccessPointPolicy", "DeleteAccessPoint"]


# ---- The other clients.


@pytest.mark.parametrize("make", [arn, alias_of], ids=["arn", "alias"])
def test_the_aws_command(doors, aws, make, tmp_path):
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(DATA)
    large.write_bytes(some_bytes(9 * MIB, seed=63))
    place = f"s3://{make('any')}/cli-{make.__name__}"
    aws("s3", "cp", small, f"{place}/small")
    aws("s3", "cp", large, f"{place}/large")
    assert f"{9 * MIB} large" in aws("s3", "ls", f"{place}/").stdout
    aws("s3", "cp", f"{place}/large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    aws("s3", "cp", f"{place}/large", f"{place}/copied")
    aws("s3", "sync", place, tmp_path / "tree")
    assert {file.name for file in (tmp_path / "tree").iterdir()} == {"small", "large", "copied"}
    aws("s3", "mv", f"{place}/small", f"s3://{doors.bucket}/cli-moved")
    aws("s3", "rm", "--recursive", place)
    assert aws("s3", "ls", "--recursive", f"{place}/", status=None).stdout == ""
    head = aws("s3api", "head-object", "--bucket", make("any"), "--key", "cli-moved").stdout
    assert f'"ContentLength": {len(DATA)}' in head


@pytest.mark.parametrize("make", [arn, alias_of], ids=["arn", "alias"])
def test_the_sdk_for_javascript(doors, program, make):
    modules = paths.CLIENTS / "js" / "node_modules"
    if not modules.is_dir() or not shutil.which("node"):
        unavailable("the SDK for JavaScript is not installed: .ci/clients.sh")
    # Modules are looked up beside the program's real place.
    exercise = modules.parent / "exercise.mjs"
    shutil.copy(paths.TOP / "tests" / "clients" / "js" / "exercise.mjs", exercise)
    printed = program("node", exercise, make("any"), "host", *checksums(doors), NODE_EXTRA_CA_CERTS=doors.proxy.ca, **below(doors, make)).stdout
    try_presigned(doors, printed)


@pytest.mark.parametrize("make", [arn, alias_of], ids=["arn", "alias"])
def test_the_sdk_for_rust(doors, program, make):
    client = paths.CLIENTS / "bin" / "bartizan-client-test"
    if not client.exists():
        unavailable("the SDK for Rust is not built: .ci/clients.sh")
    try_presigned(doors, program(client, make("any"), "host", *checksums(doors), **below(doors, make)).stdout)


def below(doors, make) -> dict[str, str]:
    """The endpoint: aliases in front of a host have a certificate where a wildcard covers them."""
    return {"AWS_ENDPOINT_URL": doors.endpoint(host="s3.localhost")} if make is alias_of else {}


def checksums(doors) -> list[str]:
    """radosgw 16 keeps no checksums: there is nothing to compare."""
    return ["without-checksums"] if doors.store.name == "radosgw" else []


def try_presigned(doors, printed: str) -> None:
    addresses = json.loads(printed.strip().splitlines()[-1])
    put = doors.pool.request("PUT", addresses["put"], body=DATA, headers={"Content-Type": "text/x-js"} if "content-type" in addresses["put"] else {})
    assert put.status == 200, put.data
    assert doors.pool.request("GET", addresses["get"]).data == DATA
    # The exercises count what they find.
    for client in ("js", "rust"):
        doors.client("admin").delete_object(Bucket=doors.bucket, Key=f"{client}/presigned ü")


# ---- One bucket, three teams, three doors.


@pytest.fixture(scope="module")
def shared(doors):
    for team in (*TEAMS, "inside"):
        doors.client("admin").put_object(Bucket=doors.bucket, Key=f"{team}/read", Body=team.encode())
    return doors.bucket


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("team", TEAMS)
def test_a_team_gets_to_its_prefix_through_its_own_door_alone(doors, shared, team, form):
    make, style = FORMS[form]
    s3, own = doors.client(team, style=style), make(team)
    assert s3.get_object(Bucket=own, Key=f"{team}/read")["Body"].read() == team.encode()
    s3.put_object(Bucket=own, Key=f"{team}/{form}", Body=DATA)
    assert f"{team}/{form}" in [entry["Key"] for entry in s3.list_objects_v2(Bucket=own, Prefix=f"{team}/")["Contents"]]
    s3.delete_object(Bucket=own, Key=f"{team}/{form}")
    for others in [other for other in TEAMS if other != team]:
        for door, key in [(own, f"{others}/read"), (make(others), f"{others}/read"), (make(others), f"{team}/read")]:
            assert not may(s3.get_object, Bucket=door, Key=key), (door, key)
            assert not may(s3.put_object, Bucket=door, Key=f"{key}-new", Body=b"x"), (door, key)
            assert not may(s3.delete_object, Bucket=door, Key=key), (door, key)
            assert not may(s3.list_objects_v2, Bucket=door, Prefix=f"{others}/"), door
    for call in (s3.list_objects_v2, s3.head_bucket, s3.list_object_versions):
        assert not may(call, Bucket=own)
    # Directly there is nothing.
    direct = doors.client(team)
    assert not may(direct.get_object, Bucket=shared, Key=f"{team}/read")
    assert not may(direct.put_object, Bucket=shared, Key=f"{team}/direct", Body=b"x")
    assert not may(direct.list_objects_v2, Bucket=shared, Prefix=f"{team}/")
    assert not may(direct.delete_object, Bucket=shared, Key=f"{team}/read")
    for key in [f"{other}/read" for other in TEAMS]:
        assert doors.client("admin").get_object(Bucket=shared, Key=key)["Body"].read().decode() == key.split("/")[0]


def test_a_copy_needs_both_doors(doors, shared):
    red = doors.client("red")
    red.copy_object(Bucket=arn("red"), Key="red/copied", CopySource={"Bucket": arn("red"), "Key": "red/read"})
    for target, source in [
        ({"Bucket": arn("red"), "Key": "red/stolen"}, {"Bucket": arn("blue"), "Key": "blue/read"}),
        ({"Bucket": arn("red"), "Key": "red/stolen"}, {"Bucket": arn("red"), "Key": "blue/read"}),
        ({"Bucket": arn("red"), "Key": "red/stolen"}, {"Bucket": shared, "Key": "red/read"}),
        ({"Bucket": arn("red"), "Key": "red/stolen"}, {"Bucket": alias_of("blue"), "Key": "blue/read"}),
        ({"Bucket": arn("blue"), "Key": "blue/planted"}, {"Bucket": arn("red"), "Key": "red/read"}),
        ({"Bucket": shared, "Key": "red/planted"}, {"Bucket": arn("red"), "Key": "red/read"}),
    ]:
        assert not may(red.copy_object, **target, CopySource=source), (target, source)
    keys = [entry["Key"] for entry in doors.client("admin").list_objects_v2(Bucket=shared)["Contents"]]
    assert not [key for key in keys if "stolen" in key or "planted" in key]


def test_a_list_of_deletions_is_asked_about_one_by_one(doors, shared):
    admin = doors.client("admin")
    for key in ("red/mixed", "blue/mixed"):
        admin.put_object(Bucket=shared, Key=key, Body=DATA)
    answer = doors.client("red").delete_objects(Bucket=arn("red"), Delete={"Objects": [{"Key": "red/mixed"}, {"Key": "blue/mixed"}]})
    assert [entry["Key"] for entry in answer["Deleted"]] == ["red/mixed"]
    assert [(entry["Key"], entry["Code"]) for entry in answer["Errors"]] == [("blue/mixed", "AccessDenied")]
    assert admin.get_object(Bucket=shared, Key="blue/mixed")["Body"].read() == DATA


def test_policies_that_name_buckets_say_nothing_of_doors(doors, shared):
    assert may(doors.client("bucketeer").get_object, Bucket=shared, Key="red/read")
    # Not the door; and what the bucket delegates does not reach whom no door lets in.
    assert not may(doors.client("bucketeer").get_object, Bucket=arn("any"), Key="red/read")
    assert not may(doors.client("bucketeer").get_object, Bucket=arn("red"), Key="red/read")


# ---- Where requests come from.


def test_a_door_of_a_vpc_answers_inside_alone(doors, shared):
    for who in ("red", "admin"):
        inside = doors.client(who, "vpc")
        assert may(inside.get_object, Bucket=arn("inside"), Key="inside/read")
        assert may(inside.get_object, Bucket=alias_of("inside"), Key="inside/read")
        for way in ("internet", "elsewhere"):
            assert not may(doors.client(who, way).get_object, Bucket=arn("inside"), Key="inside/read"), way
            assert not may(doors.client(who, way).get_object, Bucket=alias_of("inside"), Key="inside/read"), way
            assert not may(doors.client(who, way).put_object, Bucket=arn("inside"), Key="inside/new", Body=b"x"), way
    # As the source of a copy, too.
    copy = {"Bucket": arn("any"), "Key": "inside/copied", "CopySource": {"Bucket": arn("inside"), "Key": "inside/read"}}
    assert not may(doors.client("admin").copy_object, **copy)


def test_a_policy_of_an_endpoint_names_doors_and_buckets(doors, shared):
    assert may(doors.client("red", "vpc").get_object, Bucket=arn("inside"), Key="inside/read")
    # Another door, and the bucket behind it by itself, which the policy names.
    assert not may(doors.client("admin", "vpc").get_object, Bucket=arn("any"), Key="red/read")
    assert may(doors.client("admin", "vpc").get_object, Bucket=shared, Key="red/read")
    # The same VPC through an endpoint whose policy leaves the bucket out.
    assert not may(doors.client("red", "narrow").get_object, Bucket=arn("inside"), Key="inside/read")
    assert not may(doors.client("admin", "narrow").get_object, Bucket=arn("inside"), Key="inside/read")


def test_a_bucket_that_demands_the_vpc(doors):
    inside = doors.client("admin", "vpc")
    inside.put_object(Bucket=arn("inner-vpc"), Key="k", Body=DATA)
    assert inside.get_object(Bucket=arn("inner-vpc"), Key="k")["Body"].read() == DATA
    for way, bucket in [("internet", arn("inner-net")), ("internet", doors.inner), ("vpc", doors.inner), ("internet", arn("inner-vpc"))]:
        assert not may(doors.client("admin", way).get_object, Bucket=bucket, Key="k"), (way, bucket)


def test_a_service_control_policy_that_demands_the_vpc(doors, point):
    vic = doors.control("vic")
    asked = {"AccountId": FENCED, "Bucket": doors.lent, "BucketAccountId": MAIN}
    refused(vic.create_access_point, "AccessDenied", status=403, Name="vics-wide", **asked)
    assert worlds.files_of(doors.proxy, "vics-wide", FENCED) == {}
    made = point(doors.lent, "vic", FENCED, BucketAccountId=MAIN, VpcConfiguration={"VpcId": VPC})
    shown = vic.get_access_point(AccountId=FENCED, Name=made["name"])
    assert (shown["NetworkOrigin"], shown["VpcConfiguration"]) == ("VPC", {"VpcId": VPC})
    assert may(doors.control("eve").create_access_point, AccountId=OTHER, Name="eves-wide", Bucket=doors.lent, BucketAccountId=MAIN)
    doors.control("eve").delete_access_point(AccountId=OTHER, Name="eves-wide")


def test_a_door_of_another_account(doors):
    lent, key = arn("lent", OTHER), "q/lent"
    doors.client("admin").put_object(Bucket=doors.lent, Key=key, Body=DATA)
    eve = doors.client("eve")
    assert eve.get_object(Bucket=lent, Key=key)["Body"].read() == DATA
    assert eve.get_object(Bucket=alias_of("lent"), Key=key)["Body"].read() == DATA
    assert not may(eve.get_object, Bucket=doors.lent, Key=key), "directly nothing is delegated"
    refused(doors.control("eve").create_access_point, "InvalidRequest", status=400, AccountId=OTHER, Name="mine", Bucket=doors.lent)
    # The door lets them in; their own policies, or those of the bucket, do not.
    assert not may(doors.client("hal").get_object, Bucket=lent, Key=key)
    assert not may(doors.client("red").get_object, Bucket=lent, Key=key)
    # Without the owner's word a door leads nowhere, nor does one of an account that the owner does not name.
    assert not may(eve.get_object, Bucket=arn("unlent", OTHER), Key=key)
    assert not may(doors.client("vic").get_object, Bucket=arn("fenced", FENCED), Key=key)
    # Nobody manages the doors of others.
    refused(doors.control("eve").get_access_point, "AccessDenied", status=403, AccountId=MAIN, Name="red")
    refused(doors.control("admin").delete_access_point, "AccessDenied", status=403, AccountId=OTHER, Name="lent")


def test_a_door_opened_to_everybody_and_a_shut_one(doors):
    eve, key = doors.client("eve"), "public/k"
    doors.client("admin").put_object(Bucket=doors.open, Key=key, Body=DATA)
    assert eve.get_object(Bucket=arn("wide"), Key=key)["Body"].read() == DATA
    assert not may(eve.get_object, Bucket=arn("shut"), Key=key), "RestrictPublicBuckets of the door"
    assert may(doors.client("admin").get_object, Bucket=arn("shut"), Key=key)
    refusal(doors.raw("GET", f"/{alias_of('wide')}/{key}", who="anonymous"), 403, "AccessDenied")


def test_a_public_policy_is_refused_where_it_is_blocked(doors, control, point):
    blocked, free = point(doors.open), point(doors.open, PublicAccessBlockConfiguration={})
    inside = point(doors.open, VpcConfiguration={"VpcId": VPC})

    def public(made: dict) -> dict:
        policy = worlds.document(worlds.allow("s3:GetObject", f"{made['arn']}/object/*", **worlds.EVERYONE))
        return {"AccountId": MAIN, "Name": made["name"], "Policy": policy}

    refused(control.put_access_point_policy, "AccessDenied", status=403, **public(blocked))
    control.put_access_point_policy(**public(free))
    control.put_access_point_policy(**public(inside))
    status = lambda made: control.get_access_point_policy_status(AccountId=MAIN, Name=made["name"])["PolicyStatus"]["IsPublic"]
    assert (status(free), status(inside)) == (True, False), "what only a VPC reaches is never public"
    of_bucket = point()
    refused(control.put_access_point_policy, "AccessDenied", status=403, **public(of_bucket))


# ---- Changes.


def test_a_change_decides_the_very_next_request(doors, control, point):
    made, red, reading = point(), doors.client("red"), {"Key": "red/read"}
    doors.client("admin").put_object(Bucket=doors.bucket, Key="red/read", Body=b"red")
    for _ in range(3):
        assert not may(red.get_object, Bucket=made["arn"], **reading)
        control.put_access_point_policy(AccountId=MAIN, Name=made["name"], Policy=worlds.team(made["name"], "red", "red"))
        assert may(red.get_object, Bucket=made["arn"], **reading) and may(red.get_object, Bucket=made["alias"], **reading)
        control.delete_access_point_policy(AccountId=MAIN, Name=made["name"])
    control.put_access_point_policy(AccountId=MAIN, Name=made["name"], Policy=worlds.team(made["name"], "red", "red"))
    assert may(red.get_object, Bucket=made["alias"], **reading)
    control.delete_access_point(AccountId=MAIN, Name=made["name"])
    refused(red.get_object, "NoSuchBucket", status=404, Bucket=made["alias"], **reading)
    answer = doors.raw("GET", f"/{escaped(made['arn'])}/red/read", who="red")
    refusal(answer, 404, "NoSuchAccessPoint")


def test_tags_decide(doors, control, point, admin):
    made = point(Tags=[{"Key": "stage", "Value": "test"}])
    statement = worlds.deny("s3:GetObject", f"{made['arn']}/object/*", **worlds.EVERYONE, Condition={"StringEquals": {"s3:AccessPointTag/stage": "closed"}})
    control.put_access_point_policy(AccountId=MAIN, Name=made["name"], Policy=worlds.document(statement))
    admin.put_object(Bucket=made["arn"], Key="tagged", Body=DATA)
    assert may(admin.get_object, Bucket=made["arn"], Key="tagged")
    control.tag_resource(AccountId=MAIN, ResourceArn=made["arn"], Tags=[{"Key": "stage", "Value": "closed"}])
    assert not may(admin.get_object, Bucket=made["arn"], Key="tagged")
    control.untag_resource(AccountId=MAIN, ResourceArn=made["arn"], TagKeys=["stage"])
    assert may(admin.get_object, Bucket=made["arn"], Key="tagged")


def test_a_file_is_an_access_point(doors, admin, control):
    name = fresh_name("filed")[:20]
    folder = doors.proxy.folder / "policies" / "access-points" / MAIN
    what = {"Bucket": doors.bucket, "BucketAccountId": MAIN, "CreationDate": "2026-03-02T10:20:30Z"}
    (folder / f"{name}.json").write_text(json.dumps(what))
    assert doors.proxy.run("reload").returncode == 0
    admin.put_object(Bucket=arn(name), Key="filed", Body=DATA)
    alias = control.get_access_point(AccountId=MAIN, Name=name)["Alias"]
    assert admin.get_object(Bucket=alias, Key="filed")["Body"].read() == DATA
    control.put_access_point_policy(AccountId=MAIN, Name=name, Policy=worlds.team(name, "filed", "red"))
    assert json.loads((folder / f"{name}.json").read_text())["Bucket"] == doors.bucket
    control.delete_access_point(AccountId=MAIN, Name=name)
    assert worlds.files_of(doors.proxy, name) == {}
    # What is not understood changes nothing.
    (folder / f"{name}.json").write_text(json.dumps(what | {"Buckte": "b"}))
    done = doors.proxy.run("reload")
    assert done.returncode == 1 and f"{name}.json" in done.stderr and "Buckte" in done.stderr, done
    (folder / f"{name}.json").unlink()
    assert doors.proxy.run("reload").returncode == 0


def test_a_bucket_of_somebody_else_does_not_inherit_doors(doors, point, admin):
    bucket = fresh_name("heir")
    admin.create_bucket(Bucket=bucket)
    made = point(bucket)
    assert may(admin.head_bucket, Bucket=made["alias"])
    admin.delete_bucket(Bucket=bucket)
    refused(admin.list_objects_v2, "NoSuchBucket", status=404, Bucket=made["alias"])
    eve = doors.client("eve")
    eve.create_bucket(Bucket=bucket)
    try:
        refused(admin.list_objects_v2, "NoSuchBucket", status=404, Bucket=made["alias"])
        refused(eve.list_objects_v2, "NoSuchBucket", status=404, Bucket=made["alias"])
    finally:
        eve.delete_bucket(Bucket=bucket)


@pytest.fixture(scope="module")
def replica(doors, scratch):
    """A second proxy with the same policies, in front of the same store."""
    store = doors.store
    made = Bartizan(scratch / f"replica-{store.name}", store)
    certs = doors.proxy.folder / "certs"
    tls = {"certificate": str(certs / "server.pem"), "key": str(certs / "server.key"), "mint": {"ca": str(certs / "ca.pem"), "key": str(certs / "ca.key")}}
    tables = {"policies": str(doors.proxy.folder / "policies"), "listen": [{"address": f"127.0.0.1:{made.port}", "hosts": ["localhost", "s3.localhost"], "tls": tls}]}
    if store.endpoint is None:
        # The embedded store belongs to one process: the other one reaches it through that.
        keys = worlds.keys_of("admin")
        credentials = {"access_key_id": keys.id, "secret_access_key": keys.secret}
        tables["upstream"] = {"kind": "s3", "endpoint": doors.proxy.endpoint, "region": "us-east-1", "addressing": "path", "profile": "strict", "credentials": credentials, "ca_file": doors.proxy.ca}
    made.configure(**tables)
    made.start()
    yield made
    assert made.stop() == 0


def within(seconds: float, true) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return False


# Within a second where nothing else is done; a machine with other work may take longer to write its files.
SOON = 1.0 if paths.CI else 3.0


def test_a_second_proxy_follows(doors, replica, control, point):
    doors.client("admin").put_object(Bucket=doors.bucket, Key="red/read", Body=b"red")
    made, there = point(), {"proxy": replica}
    red, reading = doors.client("red", **there), {"Key": "red/read"}

    def answers(code: str | None) -> bool:
        try:
            red.get_object(Bucket=made["alias"], **reading)
            return code is None
        except botocore.exceptions.ClientError as refused_there:
            return refused_there.response["Error"]["Code"] == code

    assert within(SOON, lambda: answers("AccessDenied")), "made"
    control.put_access_point_policy(AccountId=MAIN, Name=made["name"], Policy=worlds.team(made["name"], "red", "red"))
    assert within(SOON, lambda: answers(None)), "policy"
    control.delete_access_point_policy(AccountId=MAIN, Name=made["name"])
    assert within(SOON, lambda: answers("AccessDenied")), "policy gone"
    # And what is changed there is changed here.
    doors.control(**there).delete_access_point(AccountId=MAIN, Name=made["name"])
    assert within(SOON, lambda: answers("NoSuchBucket")), "gone"
    assert within(SOON, lambda: not worlds.files_of(doors.proxy, made["name"]))
    assert within(SOON, lambda: gone(control, made))
    refused(doors.client("admin").list_objects_v2, "NoSuchBucket", status=404, Bucket=made["alias"])


def gone(control, made: dict) -> bool:
    try:
        control.get_access_point(AccountId=MAIN, Name=made["name"])
        return False
    except botocore.exceptions.ClientError as absent:
        return absent.response["Error"]["Code"] == "NoSuchAccessPoint"


def acknowledged(call, **arguments) -> bool:
    """Whether a change was taken; a replica that is behind may say that it is not."""
    try:
        call(**arguments)
        return True
    except botocore.exceptions.ClientError as behind:
        assert behind.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 409, 503), behind
        return False


def test_a_replica_that_is_behind_overwrites_nothing(doors, replica, control, point):
    """Each change is made right after one through the other proxy, which has had no time to hear of it."""
    here, there = control, doors.control(proxy=replica)
    for turn in range(6):
        made = point()
        first, second = (here, there) if turn % 2 == 0 else (there, here)
        assert within(SOON, lambda: not gone(here, made) and not gone(there, made))
        expected = {}
        for number, client in enumerate([first, second, first, second]):
            if acknowledged(client.tag_resource, AccountId=MAIN, ResourceArn=made["arn"], Tags=[{"Key": f"k{number}", "Value": str(turn)}]):
                expected[f"k{number}"] = str(turn)
        kept = json.loads(worlds.files_of(doors.proxy, made["name"])[f"{made['name']}.json"]).get("Tags", [])
        assert {tag["Key"]: tag["Value"] for tag in kept} == expected
        # Gone is gone: no policy, no tag brings back a part of it.
        first.delete_access_point(AccountId=MAIN, Name=made["name"])
        policy = worlds.team(made["name"], "red", "red")
        assert not acknowledged(second.put_access_point_policy, AccountId=MAIN, Name=made["name"], Policy=policy)
        assert not acknowledged(second.tag_resource, AccountId=MAIN, ResourceArn=made["arn"], Tags=[{"Key": "late", "Value": ""}])
        assert worlds.files_of(doors.proxy, made["name"]) == {}
    assert doors.proxy.run("reload").returncode == 0 and replica.run("reload").returncode == 0


def at_once(*calls) -> None:
    """Makes all calls at the same moment, each in a thread of its own."""
    gate, faults = threading.Barrier(len(calls)), []

    def run(call) -> None:
        gate.wait()
        try:
            call()
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    if faults:
        raise faults[0]


def test_changes_through_two_proxies_at_once(doors, replica, control, point):
    """What was acknowledged is there, and what is left is a folder that both take."""
    here, there = control, doors.control(proxy=replica)
    made, expected = point(), {}
    assert within(SOON, lambda: not gone(there, made))

    def tag(client, key: str) -> None:
        if acknowledged(client.tag_resource, AccountId=MAIN, ResourceArn=made["arn"], Tags=[{"Key": key, "Value": "v"}]):
            expected[key] = "v"

    for turn in range(12):
        at_once(lambda: tag(here, f"here-{turn}"), lambda: tag(there, f"there-{turn}"))
    kept = json.loads(worlds.files_of(doors.proxy, made["name"])[f"{made['name']}.json"]).get("Tags", [])
    assert {tag["Key"]: tag["Value"] for tag in kept} == expected and expected
    for turn in range(12):
        short = point()
        assert within(SOON, lambda: not gone(there, short))
        policy, one = worlds.team(short["name"], "red", "red"), {"AccountId": MAIN, "Name": short["name"]}
        at_once(lambda: acknowledged(here.delete_access_point, **one), lambda: acknowledged(there.put_access_point_policy, **one, Policy=policy))
        left = set(worlds.files_of(doors.proxy, short["name"]))
        assert left in (set(), {f"{short['name']}.json"}, {f"{short['name']}.json", f"{short['name']}.policy.json"}), left
    for one in (doors.proxy, replica):
        done = one.run("reload")
        assert done.returncode == 0, done


def test_two_that_make_the_same_door_at_once(doors, replica):
    name, answers = fresh_name("raced")[:20], []
    clients = [doors.control(), doors.control(proxy=replica)]

    def make(client, bucket: str) -> None:
        try:
            answers.append(("made", bucket, client.create_access_point(AccountId=MAIN, Name=name, Bucket=bucket)["Alias"]))
        except botocore.exceptions.ClientError as second:
            answers.append((second.response["Error"]["Code"], bucket, None))

    threads = [threading.Thread(target=make, args=pair) for pair in zip(clients, [doors.bucket, doors.open])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    made = [answer for answer in answers if answer[0] == "made"]
    assert len(made) == 1 and {code for code, _, _ in answers} <= {"made", "AccessPointAlreadyOwnedByYou", "ServiceUnavailable", "OperationAborted"}, answers
    kept = json.loads(worlds.files_of(doors.proxy, name)[f"{name}.json"])
    assert (kept["Bucket"], kept["Alias"]) == made[0][1:]
    assert within(SOON, lambda: not gone(clients[0], {"name": name}))
    clients[0].delete_access_point(AccountId=MAIN, Name=name)


# ---- What is refused, and in which words.


def create(doors, name: str, body: str | None = None, **more):
    body = f"<CreateAccessPointRequest {XMLNS}><Bucket>{doors.bucket}</Bucket></CreateAccessPointRequest>" if body is None else body
    return doors.asked("PUT", f"accesspoint/{name}", body=body, **more)


BAD_NAMES = [("ab", "InvalidURI"), ("a" * 51, "InvalidURI"), ("a_b", "InvalidURI"), ("Abc", "InvalidURI"), ("-abc", "InvalidRequest"), ("a.b", "InvalidRequest"), ("abc-s3alias", "InvalidRequest"), ("abc-ext-s3alias", "InvalidRequest"), ("abc--xa-s3", "InvalidRequest"), ("xn--abc", "InvalidRequest")]


@pytest.mark.parametrize(("name", "code"), BAD_NAMES)
def test_a_bad_name(doors, name, code):
    body = refusal(create(doors, name), 400, code)
    assert "<ErrorResponse" in body
    words = "Couldn't parse the specified URI." if code == "InvalidURI" else "Your Amazon S3 AccessPoint name is invalid"
    assert words in body.replace("&apos;", "'").replace("&#39;", "'"), body
    assert (f"<URI>accesspoint/{name}</URI>" in body) == (code == "InvalidURI"), body


def body_of(*elements: str) -> str:
    return f"<CreateAccessPointRequest {XMLNS}>{''.join(elements)}</CreateAccessPointRequest>"


def test_a_bad_body(doors):
    bucket = f"<Bucket>{doors.bucket}</Bucket>"
    for body, code in [
        ("", "MissingRequestBodyError"),
        ("<CreateAccessPointRequest", "MalformedXML"),
        (body_of(), "MalformedXML"),
        (body_of(bucket, bucket), "MalformedXML"),
        (body_of(bucket, "<Unknown/>"), "MalformedXML"),
        (body_of(bucket, "<PublicAccessBlockConfiguration><BlockPublicAcls>maybe</BlockPublicAcls></PublicAccessBlockConfiguration>"), "MalformedXML"),
        (body_of(bucket, "<Tags><Tag><Key>a</Key></Tag></Tags>"), "MalformedXML"),
        (body_of(bucket, "<Tags><Tag><Key>aws:a</Key><Value></Value></Tag></Tags>"), "InvalidTag"),
        (body_of(f"<Bucket>{fresh_name('none')}</Bucket>"), "InvalidRequest"),
        (body_of(bucket, f"<BucketAccountId>{OTHER}</BucketAccountId>"), "InvalidRequest"),
    ]:
        answer = create(doors, "bad-body", body)
        assert answer.status == 400 and f"<Code>{code}</Code>" in answer.data.decode(), (body, answer.data)
    for member in ("<Scope><Permissions/></Scope>", "<VpcConfiguration><VpcId>not a vpc</VpcId></VpcConfiguration>"):
        answer = create(doors, "bad-body", body_of(bucket, member))
        assert answer.status in (400, 501), (member, answer.data)
    assert worlds.files_of(doors.proxy, "bad-body") == {}


def test_what_exists_is_not_made_again(doors, control, point, admin):
    made = point()
    refused(control.create_access_point, "AccessPointAlreadyOwnedByYou", status=409, AccountId=MAIN, Name=made["name"], Bucket=doors.bucket)
    refused(control.create_access_point, "AccessPointAlreadyOwnedByYou", status=409, AccountId=MAIN, Name=made["name"], Bucket=doors.open)
    # A door and a bucket of the same host name.
    answer = refused(admin.create_bucket, "InvalidBucketName", status=400, Bucket=f"{made['name']}-{MAIN}")
    assert answer["Error"]["Message"]
    refused(admin.create_bucket, "MethodNotAllowed", status=405, Bucket=made["alias"])
    taken = fresh_name("taken")[:20]
    admin.create_bucket(Bucket=f"{taken}-{MAIN}")
    refused(control.create_access_point, "InvalidRequest", status=400, AccountId=MAIN, Name=taken, Bucket=doors.bucket)
    admin.delete_bucket(Bucket=f"{taken}-{MAIN}")


BAD_POLICIES = [
    ("[]", "Policies must be valid JSON and the first byte must be '{'"),
    ({"Resource": "arn:aws:s3:::BUCKET/*"}, "Policy has invalid resource"),
    ({"Resource": "arn:aws:s3:us-east-1:111122223333:accesspoint/another/object/*"}, "Policy has invalid resource"),
    ({"Resource": "*"}, "Policy has invalid resource"),
    ({"Action": "s3:ListBucket"}, "Action does not apply to any resource(s) in statement"),
    ({"Principal": {"AWS": "arn:aws:iam::111122223333:user/no-such-user"}}, "Invalid principal in policy"),
]


@pytest.mark.parametrize(("wrong", "words"), BAD_POLICIES, ids=range(len(BAD_POLICIES)))
def test_a_bad_policy(doors, control, point, wrong, words):
    made = point()
    good = {"Effect": "Allow", "Principal": {"AWS": worlds.user_arn("red")}, "Action": "s3:GetObject", "Resource": f"{made['arn']}/object/*"}
    text = wrong if isinstance(wrong, str) else worlds.document(good | wrong).replace("BUCKET", doors.bucket)
    answer = refused(control.put_access_point_policy, "MalformedPolicy", status=400, AccountId=MAIN, Name=made["name"], Policy=text)
    assert answer["Error"]["Message"] == words
    assert f"{made['name']}.policy.json" not in worlds.files_of(doors.proxy, made["name"])


UNKNOWN = ["get_access_point", "delete_access_point", "get_access_point_policy", "delete_access_point_policy", "get_access_point_policy_status"]


@pytest.mark.parametrize("operation", UNKNOWN)
def test_an_unknown_door(doors, control, operation):
    answer = refused(getattr(control, operation), "NoSuchAccessPoint", status=404, AccountId=MAIN, Name="no-such-door")
    assert answer["Error"]["Message"] == "The specified accesspoint does not exist"
    # That of another account is just as unknown.
    refused(getattr(control, operation), "NoSuchAccessPoint", status=404, AccountId=MAIN, Name="lent")


def test_who_asks_about_an_account(doors):
    listing = "accesspoint?maxResults=1"
    assert doors.asked("GET", listing).status == 200
    assert doors.asked("GET", listing, host=f"{MAIN}.localhost").status == 200
    refusal(doors.asked("GET", listing, who="anonymous"), 403, "AccessDenied")
    refusal(doors.asked("GET", listing, who="eve"), 403, "AccessDenied")
    refusal(doors.asked("GET", listing, who="red"), 403, "AccessDenied")
    refusal(doors.asked("GET", listing, account=OTHER), 403, "AccessDenied")
    refusal(doors.asked("GET", listing, host=f"{OTHER}.localhost", account=MAIN), 400, "InvalidRequest")
    refusal(doors.asked("GET", listing, account="12"), 400, "InvalidRequest")
    refusal(doors.asked("PUT", "accesspoint/anonymous", who="anonymous", body=body_of(f"<Bucket>{doors.bucket}</Bucket>")), 403, "AccessDenied")
    assert worlds.files_of(doors.proxy, "anonymous") == {}
    # Below a base domain a request without the header is about a bucket of that name.
    refusal(doors.asked("GET", "accesspoint/any", account=None), 404, "NoSuchBucket")


def test_an_account_header_that_is_not_signed(doors):
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials

    url = f"https://localhost:{doors.ports['internet']}/v20180820/accesspoint"
    request = botocore.awsrequest.AWSRequest(method="GET", url=url)
    keys = worlds.keys_of("admin")
    botocore.auth.S3SigV4Auth(botocore.credentials.Credentials(keys.id, keys.secret), "s3", "us-east-1").add_auth(request)
    request.headers["x-amz-account-id"] = MAIN
    answer = doors.pool.request("GET", url, headers=dict(request.headers.items()))
    refusal(answer, 403, "AccessDenied", "SignatureDoesNotMatch")


def test_strangers_find_out_nothing(doors):
    """Whether a door exists is told to nobody who does not sign."""
    told = set()
    for name in ("any", "none", "inside"):
        for answer in (
            doors.raw("GET", f"/{alias_of(name)}/k", who="anonymous"),
            doors.raw("GET", f"/{alias_of(name)}?versioning", who="anonymous"),
            doors.raw("GET", f"/{alias_of(name)}?list-type=7", who="anonymous"),
            doors.raw("PUT", f"/{alias_of(name)}/k", who="anonymous", headers={"x-amz-acl": "none"}),
            doors.raw("PUT", f"/{doors.bucket}/k", who="anonymous", headers={"x-amz-copy-source": f"{alias_of(name)}/k"}),
            doors.raw("GET", f"/{escaped(arn(name))}/k", who="anonymous"),
            doors.raw("GET", "/k", who="anonymous", host=f"{alias_of(name)}.s3.localhost"),
        ):
            told.add((answer.status, refusal(answer, 403, "AccessDenied").partition("<Message>")[2].partition("</Message>")[0]))
    assert len(told) == 1, told


@pytest.mark.parametrize("who", ["admin", "red"])
def test_unknown_doors_through_every_form(doors, who):
    refusal(doors.raw("GET", f"/{alias_of('none')}/k", who=who), 404, "NoSuchBucket")
    refusal(doors.raw("GET", f"/{escaped(arn('none'))}/k", who=who), 404, "NoSuchAccessPoint")
    refusal(doors.raw("GET", f"/{escaped(arn('any', OTHER))}/k", who=who), 404, "NoSuchAccessPoint")
    refusal(doors.raw("GET", f"/{escaped(arn('any', region='eu-west-1'))}/k", who=who), 404, "NoSuchAccessPoint")
    for bad in (arn("any", "12"), arn("a_b"), arn("any").replace("arn:aws:", "arn:aws-cn:"), arn("any").replace(":s3:", ":ec2:"), "arn:aws:s3:::bucket", arn("any") + "%2Fmore"):
        refusal(doors.raw("GET", f"/{escaped(bad)}/k", who=who), 400, "InvalidBucketName")
    # In a host name it is a bucket that is not there.
    answer = doors.raw("GET", f"/none-{MAIN}/k", who="admin")
    refusal(answer, 404, "NoSuchBucket")


def test_no_certificate_for_a_name_that_leads_nowhere(doors):
    import urllib3.exceptions

    for label in (f"none-{MAIN}", "999999999999", f"red-{OTHER}"):
        with pytest.raises(urllib3.exceptions.SSLError):
            doors.raw("GET", "/k", host=f"{label}.localhost")


def test_sources_that_lead_nowhere(doors, admin):
    for source, status, code in [
        (f"{arn('none')}/object/k", 404, "NoSuchAccessPoint"),
        (f"{alias_of('none')}/k", 404, "NoSuchBucket"),
        (f"{arn('any', '12')}/object/k", 400, "InvalidArgument"),
        (f"{arn('any')}/k", 400, "InvalidArgument"),
        (f"{arn('any')}/object/", 400, "InvalidArgument"),
    ]:
        answer = doors.raw("PUT", f"/{doors.bucket}/copied", headers={"x-amz-copy-source": escaped(source)})
        assert answer.status == status and (f"<Code>{code}</Code>" in answer.data.decode() or status == 400), (source, answer.data)


NOT_TAKEN = {
    "get_bucket_versioning": {},
    "get_bucket_tagging": {},
    "get_bucket_encryption": {},
    "get_bucket_policy_status": {},
    "get_public_access_block": {},
    "get_bucket_ownership_controls": {},
    "delete_bucket_policy": {},
    "delete_public_access_block": {},
    "delete_bucket": {},
    "put_bucket_policy": {"Policy": worlds.document()},
    "put_public_access_block": {"PublicAccessBlockConfiguration": dict.fromkeys(worlds.BLOCK, False)},
    "put_bucket_versioning": {"VersioningConfiguration": {"Status": "Enabled"}},
    "put_bucket_tagging": {"Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}},
}


@pytest.mark.parametrize("operation", NOT_TAKEN)
@pytest.mark.parametrize("form", FORMS)
def test_what_is_asked_of_the_bucket_itself(doors, operation, form):
    make, style = FORMS[form]
    refused(getattr(doors.client("admin", style=style), operation), "MethodNotAllowed", status=405, Bucket=make("any"), **NOT_TAKEN[operation])


def test_a_form_is_not_taken(doors, admin):
    post = admin.generate_presigned_post(alias_of("any"), "form")
    answer = doors.pool.request("POST", post["url"], fields=[*post["fields"].items(), ("file", ("f", b"form", "text/plain"))])
    refusal(answer, 405, "MethodNotAllowed")
    refused(admin.get_object, "NoSuchKey", Bucket=doors.bucket, Key="form")


def test_the_policy_of_the_bucket_is_what_a_door_shows(doors, admin):
    assert admin.get_bucket_policy(Bucket=arn("any"))["Policy"] == worlds.delegation(doors.bucket)


def test_in_the_clear_there_are_no_doors(doors):
    assert doors.raw("PUT", f"/{doors.bucket}/clear", way="plain", body=DATA).status == 200
    for host, path in [("localhost", f"/{alias_of('any')}/clear"), ("localhost", f"/{escaped(arn('any'))}/clear"), (f"any-{MAIN}.localhost", "/clear"), (f"{alias_of('any')}.localhost", "/clear")]:
        refusal(doors.raw("GET", path, way="plain", host=host), 403, "AccessDenied")
        refusal(doors.raw("PUT", path, way="plain", host=host, body=b"over"), 403, "AccessDenied")
    answer = doors.raw("PUT", f"/{doors.bucket}/clear-copy", way="plain", headers={"x-amz-copy-source": f"{alias_of('any')}/clear"})
    refusal(answer, 403, "AccessDenied")
    assert doors.client("admin").get_object(Bucket=doors.bucket, Key="clear")["Body"].read() == DATA


FOREIGN = [
    "/arn:aws:s3::111122223333:accesspoint/mfzwi23gnjvgw.mrap/k",
    "/arn:aws:s3-object-lambda:us-east-1:111122223333:accesspoint/any/k",
    "/arn:aws:s3-outposts:us-east-1:111122223333:outpost/op-01234567890123456/accesspoint/any/k",
    "/arn:aws:s3express:us-east-1:111122223333:accesspoint/any/k",
    "/any--ol-s3/k",
    "/any--op-s3/k",
    "/any--use1-az4--x-s3/k",
    "/any--use1-az4--xa-s3/k",
    "/any--table-s3/k",
    "/mfzwi23gnjvgw.mrap/k",
]


@pytest.mark.parametrize("path", FOREIGN)
def test_doors_of_other_kinds(doors, path):
    refusal(doors.raw("GET", path), 501, "NotImplemented")
    head, _, key = path[1:].rpartition("/")
    if head.startswith("arn"):
        refusal(doors.raw("GET", f"/{escaped(head)}/{key}"), 501, "NotImplemented")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "accesspointforobjectlambda/any"),
        ("GET", "accesspointforobjectlambda"),
        ("POST", "async-requests/mrap/create"),
        ("GET", "mrap/instances"),
        ("PUT", "accesspoint/any/scope"),
        ("GET", "accesspoint/any/scope"),
        ("GET", "bucket"),
        ("GET", "jobs"),
    ],
)
def test_control_of_other_kinds(doors, method, path):
    refusal(doors.asked(method, path, body="<a/>" if method != "GET" else ""), 501, "NotImplemented")


def test_object_lambda_is_signed_for_another_service(doors, admin):
    refused(admin.get_object, "AuthorizationHeaderMalformed", "NotImplemented", "InvalidRequest", "NoSuchBucket", "SignatureDoesNotMatch", Bucket=f"arn:aws:s3-object-lambda:us-east-1:{MAIN}:accesspoint/any", Key="k")
