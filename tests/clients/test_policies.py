"""Who may what: callers of two accounts, every kind of operation and policy, and that what is denied changes nothing.

The table asks one thing a row, and the rows stand for themselves: what a row writes or removes is its own. Policies that
change while requests come are in test_policy_changes.py.
"""

import hashlib
from dataclasses import dataclass, field, replace

import pytest

from support import proxy, stores, world as worlds
from support.world import MAIN, OTHER, RUN, name, place

pytestmark = pytest.mark.proxy


@pytest.fixture(scope="module")
def world(store, scratch):
    try:
        proxy.require_binary()
    except stores.Unavailable as why:
        pytest.skip(str(why))
    made = worlds.World(scratch / f"world-{store.name}", store)
    yield made
    assert made.proxy.stop() == 0


# What comes of a request.


@dataclass(frozen=True)
class Outcome:
    """A status, a code, and the words behind it."""

    title: str
    status: int | None = None
    code: str | None = None
    # What the message says after the caller, the action and the resource; or the whole of it, where that is all.
    reason: str | None = None
    words: str | None = None
    # Of a list of deletions: what is deleted, and what is refused.
    deleted: frozenset = frozenset()
    kept: frozenset = frozenset()

    @property
    def changes_nothing(self) -> bool:
        return self is not ALLOWED and not self.deleted


ALLOWED = Outcome("allowed")
# Nothing but the two words: for the anonymous and for other accounts.
DENIED = Outcome("denied", 403, "AccessDenied", words="Access Denied")
GONE = Outcome("no such key", 404, "NoSuchKey")


def silent(action: str, kind: str = "identity-based policy") -> Outcome:
    """Denied, and told why: nothing of this kind allows it."""
    return Outcome(f"no {kind}", 403, "AccessDenied", reason=f"because no {kind} allows the {action} action")


def forbidden(kind: str = "a resource-based policy") -> Outcome:
    """Denied, and told why: something of this kind forbids it."""
    return Outcome(f"deny in {kind}", 403, "AccessDenied", reason=f"with an explicit deny in {kind}")


def refused(status: int, code: str, words: str | None = None) -> Outcome:
    """Not a question of permissions."""
    return Outcome(code, status, code, words=words)


def mixed(deleted: list[str], kept: list[str]) -> Outcome:
    """A list of deletions, each with an answer of its own."""
    return Outcome("mixed" if deleted else "none deleted", deleted=frozenset(deleted), kept=frozenset(kept))


@dataclass(frozen=True)
class Row:
    """Who asks for what, and what comes of it."""

    who: str
    operation: str
    on: str
    outcome: Outcome
    more: dict = field(default_factory=dict)
    # What an allowed answer shows.
    shows: object = None

    def __str__(self) -> str:
        told = [f"{key}={value}" for key, value in self.more.items() if isinstance(value, (str, int)) and key != "Policy"]
        if "Delete" in self.more:
            told = [entry["Key"] for entry in self.more["Delete"]["Objects"]]
        return " ".join([self.who, self.operation, self.on, *told, "->", self.outcome.title])

    def arguments(self, uploads: dict[str, str]) -> dict:
        """Those of boto3: short names of buckets spelt out, the upload of a key by its id."""
        bucket, _, key = self.on.partition("/")
        arguments = ({"Bucket": name(bucket)} if bucket else {}) | ({"Key": key} if key else {}) | self.more
        if "CopySource" in arguments:
            arguments["CopySource"] = place(arguments["CopySource"])
        if arguments.get("UploadId") is THE_UPLOAD:
            arguments["UploadId"] = uploads[key]
        return arguments

    def paths(self) -> list[str]:
        """What it is about, by short names."""
        listed = [f"{self.on}/{entry['Key']}" for entry in self.more.get("Delete", {}).get("Objects", [])]
        return [self.on, *listed, *([self.more["CopySource"]] if "CopySource" in self.more else [])]


def row(who: str, operation: str, on: str, outcome: Outcome, shows=None, **more) -> Row:
    return Row(who, operation, on, outcome, more, shows)


class Upload:
    def __repr__(self) -> str:
        return "the upload"


THE_UPLOAD = Upload()
PART = {"UploadId": THE_UPLOAD, "PartNumber": 2}
ONE_PART = {"UploadId": THE_UPLOAD, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": hashlib.md5(b"part").hexdigest()}]}}
FULL, PUBLIC, PRIVATE = {"ACL": "bucket-owner-full-control"}, {"ACL": "public-read"}, {"ACL": "private"}
NO_LISTS = refused(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
ELSEWHERE = refused(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
TAKEN = refused(409, "BucketAlreadyExists")
OPEN_BLOCK = {"PublicAccessBlockConfiguration": dict.fromkeys(worlds.BLOCK, False)}


def tag_set(**tags: str) -> dict:
    return {"Tagging": {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}}


def owned_by(ownership: str) -> dict:
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": ownership}]}}


def keys(*listed: str) -> dict:
    return {"Delete": {"Objects": [{"Key": key} for key in listed]}}


def lists(*prefixes: str):
    """Keys are listed, and those below these prefixes alone."""
    return lambda result: result["Contents"] and all(entry["Key"].startswith(prefixes) for entry in result["Contents"])


def has_buckets(some: str, none: str):
    def shows(result) -> bool:
        names = [bucket["Name"] for bucket in result["Buckets"]]
        return name(some) in names and name(none) not in names

    return shows


def policy(short: str, principal="*") -> dict:
    return {"Policy": worlds.document(worlds.allow("s3:GetObject", f"{short}/*", Principal=principal))}


# fmt: off
OBJECTS = [
    row("alice", "put_object",            "shared/alice/put",      ALLOWED, Body=b"new"),
    row("alice", "get_object",            "shared/alice/read",     ALLOWED, lambda got: got["Body"].read() == b"shared/alice/read"),
    row("alice", "get_object",            "shared/alice/read",     ALLOWED, VersionId="null"),
    row("alice", "head_object",           "shared/alice/read",     ALLOWED),
    row("alice", "delete_object",         "shared/alice/delete",   ALLOWED),
    row("alice", "delete_object",         "shared/alice/none",     ALLOWED),
    row("alice", "get_object",            "shared/bob/read",       silent("s3:GetObject")),
    row("alice", "get_object",            "shared/bob/read",       silent("s3:GetObjectVersion"), VersionId="null"),
    row("alice", "head_object",           "shared/bob/read",       silent("s3:GetObject")),
    row("alice", "put_object",            "shared/bob/read",       silent("s3:PutObject"), Body=b"over"),
    row("alice", "put_object",            "shared/alice",          silent("s3:PutObject"), Body=b"beside"),
    row("alice", "delete_object",         "shared/bob/read",       silent("s3:DeleteObject")),
    row("alice", "delete_object",         "shared/bob/none",       silent("s3:DeleteObject")),
    row("alice", "get_object_tagging",    "shared/bob/read",       silent("s3:GetObjectTagging")),
    row("alice", "put_object",            "eves/alice",            DENIED, Body=b"new"),
    row("alice", "get_object",            "eves/read",             DENIED),
    row("bob",   "get_object",            "shared/bob/read",       ALLOWED),
    row("bob",   "get_object",            "shared/public/read",    ALLOWED),
    row("bob",   "put_object",            "shared/bob/read",       silent("s3:PutObject"), Body=b"over"),
    row("bob",   "put_object",            "shared/bob/new",        silent("s3:PutObject"), Body=b"new", Tagging="a=b"),
    row("bob",   "delete_object",         "shared/bob/read",       silent("s3:DeleteObject")),
    row("bob",   "delete_object",         "shared/bob/read",       silent("s3:DeleteObjectVersion"), VersionId="null"),
    row("bob",   "put_object_tagging",    "shared/bob/read",       silent("s3:PutObjectTagging"), **tag_set(a="b")),
    row("bob",   "delete_object_tagging", "shared/open/tagged",    silent("s3:DeleteObjectTagging")),
    row("bob",   "get_object_tagging",    "shared/open/tagged",    ALLOWED, lambda got: got["TagSet"] == [{"Key": "owner", "Value": "us"}]),
    row("alice", "put_object_tagging",    "shared/alice/retag",    ALLOWED, **tag_set(a="b")),
    row("alice", "delete_object_tagging", "shared/alice/retag",    ALLOWED),
    row("alice", "get_object",            "shared/alice/read",     ALLOWED, ExpectedBucketOwner=MAIN),
    row("alice", "get_object",            "shared/alice/read",     refused(403, "AccessDenied"), ExpectedBucketOwner=OTHER),
    row("alice", "put_object",            "shared/alice/owned",    refused(403, "AccessDenied"), ExpectedBucketOwner=OTHER, Body=b"new"),
]

FORBIDDEN = [
    row("admin", "get_object",            "shared/secret/read",    ALLOWED),
    row("bob",   "get_object",            "shared/secret/read",    forbidden()),
    row("bob",   "head_object",           "shared/secret/read",    forbidden()),
    row("bob",   "get_object",            "shared/secret/none",    forbidden()),
    row("bob",   "get_object_tagging",    "shared/secret/read",    forbidden()),
    row("root",  "get_object",            "shared/secret/read",    forbidden()),
    row("carol", "put_object",            "shared/secret/read",    forbidden(), Body=b"over"),
    row("eve",   "get_object",            "shared/secret/read",    DENIED),
    row("anonymous", "get_object",        "shared/secret/read",    DENIED),
]

ABSENT = [
    row("bob",   "get_object",            "shared/bob/none",       GONE),
    row("bob",   "head_object",           "shared/bob/none",       GONE),
    row("alice", "get_object",            "shared/alice/none",     GONE),
    row("alice", "get_object",            "shared/bob/none",       silent("s3:GetObject")),
    row("ida",   "get_object",            "shared/alice/none",     GONE),
    row("ida",   "get_object",            "shared/alice/read",     silent("s3:GetObject")),
    row("ida",   "get_object",            "shared/secret/none",    forbidden()),
    row("eve",   "get_object",            "shared/open/none",      DENIED),
    row("eve",   "head_object",           "shared/open/none",      DENIED),
    row("anonymous", "get_object",        "shared/public/none",    DENIED),
    row("alice", "copy_object",           "shared/alice/copy0",    GONE, CopySource="shared/alice/none"),
    row("admin", "get_object",            "nowhere/k",             refused(404, "NoSuchBucket")),
    row("bob",   "get_object",            "nowhere/k",             silent("s3:GetObject")),
    row("eve",   "get_object",            "nowhere/k",             DENIED),
    row("anonymous", "get_object",        "nowhere/k",             DENIED),
]

ANONYMOUS = [
    row("anonymous", "get_object",        "shared/public/read",    ALLOWED, lambda got: got["Body"].read() == b"shared/public/read"),
    row("anonymous", "head_object",       "shared/public/read",    ALLOWED),
    row("anonymous", "get_object",        "shared/public/read",    DENIED, VersionId="null"),
    row("anonymous", "get_object",        "shared/open/read",      DENIED),
    row("anonymous", "head_object",       "shared/open/read",      DENIED),
    row("anonymous", "put_object",        "shared/public/read",    DENIED, Body=b"over"),
    row("anonymous", "put_object",        "shared/inbox/anyone",   DENIED, Body=b"new"),
    row("anonymous", "delete_object",     "shared/public/read",    DENIED),
    row("anonymous", "get_object_tagging", "shared/public/read",   DENIED),
    row("anonymous", "put_object_acl",    "shared/public/read",    DENIED, **PUBLIC),
    row("anonymous", "list_objects_v2",   "shared",                DENIED, Prefix="public/"),
    row("anonymous", "list_buckets",      "",                      DENIED),
    row("anonymous", "head_bucket",       "shared",                DENIED),
    row("anonymous", "get_bucket_location", "shared",              DENIED),
    row("anonymous", "create_multipart_upload", "shared/public/big", DENIED),
    row("anonymous", "copy_object",       "shared/public/copy",    DENIED, CopySource="shared/public/read"),
    row("anonymous", "create_bucket",     "made-by-nobody",        DENIED),
    row("anonymous", "delete_objects",    "shared",                mixed([], ["public/read", "open/read"]), **keys("public/read", "open/read")),
]

OTHER_ACCOUNT = [
    row("eve",   "get_object",            "shared/open/read",      ALLOWED, lambda got: got["Body"].read() == b"shared/open/read"),
    row("eve",   "head_object",           "shared/open/read",      ALLOWED),
    row("eve",   "get_object",            "shared/public/read",    ALLOWED),
    row("eve",   "put_object",            "shared/inbox/eve",      ALLOWED, Body=b"new"),
    row("eve",   "put_object",            "shared/inbox/eves",     ALLOWED, Body=b"new", **FULL),
    row("eve",   "head_object",           "shared/open/tagged",    ALLOWED, lambda got: "TagCount" not in got),
    row("eve",   "get_object",            "shared/open/read",      DENIED, VersionId="null"),
    row("eve",   "get_object_attributes", "shared/open/read",      DENIED, ObjectAttributes=["ETag"]),
    row("eve",   "get_object_tagging",    "shared/open/tagged",    DENIED),
    row("eve",   "put_object",            "shared/open/read",      DENIED, Body=b"over"),
    row("eve",   "put_object",            "shared/inbox/tags",     DENIED, Body=b"new", Tagging="a=b"),
    row("eve",   "put_object",            "shared/inbox/list",     DENIED, Body=b"new", **PUBLIC),
    row("eve",   "get_object",            "shared/inbox/read",     DENIED),
    row("eve",   "delete_object",         "shared/inbox/read",     DENIED),
    row("eve",   "get_object",            "shared/alice/read",     DENIED),
    row("eve",   "list_objects_v2",       "shared",                DENIED, Prefix="open/"),
    row("eve",   "head_bucket",           "shared",                DENIED),
    row("eve",   "put_object",            "eves/put",              ALLOWED, Body=b"new"),
    row("eve",   "list_objects_v2",       "eves",                  ALLOWED, lists("read", "put", "copy")),
    row("eve-root", "get_object",         "shared/open/read",      ALLOWED),
    row("eve-root", "get_object",         "shared/alice/read",     DENIED),
    row("eve-root", "get_object",         "eves/read",             ALLOWED),
    row("admin", "get_object",            "eves/read",             DENIED),
    row("admin", "head_bucket",           "eves",                  DENIED),
    row("admin", "delete_object",         "eves/read",             DENIED),
    row("root",  "list_objects_v2",       "eves",                  DENIED),
    # The service control policy of her account: it binds its root, too, and what others would give.
    row("eve",      "put_bucket_tagging", "eves",                  forbidden("a service control policy"), **tag_set(a="b")),
    row("eve-root", "put_bucket_tagging", "eves",                  forbidden("a service control policy"), **tag_set(a="b")),
    row("eve",      "get_object",         "shared/open/classified", DENIED),
    row("eve-root", "get_object",         "shared/open/classified", DENIED),
    row("bob",      "get_object",         "shared/open/classified", ALLOWED),
]

LIMITED = [
    # A permissions boundary filters what the identity allows, and not what a bucket gives to everyone.
    row("carol", "get_object",            "shared/carol/read",     ALLOWED),
    row("carol", "put_object",            "shared/carol/put",      ALLOWED, Body=b"new"),
    row("carol", "get_object",            "shared/public/read",    ALLOWED),
    row("carol", "get_object",            "shared/bob/read",       silent("s3:GetObject", "permissions boundary")),
    row("carol", "delete_object",         "shared/carol/read",     silent("s3:DeleteObject", "permissions boundary")),
    row("carol", "list_objects_v2",       "shared",                silent("s3:ListBucket", "permissions boundary"), Prefix="carol/"),
    row("carol", "put_bucket_policy",     "shared",                silent("s3:PutBucketPolicy", "permissions boundary"), **policy("shared")),
    # A session policy filters what the role may.
    row("worker",   "get_object",         "shared/jobs/old/read",  ALLOWED),
    row("worker",   "delete_object",      "shared/jobs/delete",    ALLOWED),
    row("worker",   "get_object",         "shared/alice/read",     silent("s3:GetObject")),
    row("narrowed", "get_object",         "shared/jobs/today/read", ALLOWED),
    row("narrowed", "put_object",         "shared/jobs/today/put", ALLOWED, Body=b"new"),
    row("narrowed", "get_object",         "shared/public/read",    ALLOWED),
    row("narrowed", "get_object",         "shared/jobs/old/read",  silent("s3:GetObject", "session policy")),
    row("narrowed", "delete_object",      "shared/jobs/today/read", silent("s3:DeleteObject", "session policy")),
    row("narrowed", "abort_multipart_upload", "shared/jobs/today/parts", silent("s3:AbortMultipartUpload", "session policy"), UploadId=THE_UPLOAD),
    row("narrowed", "get_object",         "eves/read",             DENIED),
]

CONDITIONS = [
    # s3:prefix
    row("alice", "list_objects_v2",       "shared",                ALLOWED, lists("alice/"), Prefix="alice/"),
    row("alice", "list_objects",          "shared",                ALLOWED, lists("alice/"), Prefix="alice/"),
    row("alice", "list_objects_v2",       "shared",                silent("s3:ListBucket")),
    row("alice", "list_objects_v2",       "shared",                silent("s3:ListBucket"), Prefix=""),
    row("alice", "list_objects_v2",       "shared",                silent("s3:ListBucket"), Prefix="al"),
    row("alice", "list_objects",          "shared",                silent("s3:ListBucket"), Prefix="bob/"),
    row("alice", "list_object_versions",  "shared",                silent("s3:ListBucketVersions"), Prefix="alice/"),
    row("bob",   "list_objects_v2",       "shared",                ALLOWED),
    row("bob",   "list_object_versions",  "shared",                ALLOWED),
    # aws:SecureTransport
    row("bob over http",       "get_object",  "shared/bob/read",   forbidden()),
    row("bob over http",       "head_bucket", "shared",            forbidden()),
    row("alice over http",     "put_object",  "shared/alice/http", forbidden(), Body=b"new"),
    row("anonymous over http", "get_object",  "shared/public/read", DENIED),
    # The tags that an object has
    row("tess",  "get_object",            "shared/tagged/open",    ALLOWED),
    row("tess",  "get_object",            "shared/tagged/closed",  silent("s3:GetObject")),
    row("tess",  "head_object",           "shared/tagged/closed",  silent("s3:GetObject")),
    row("tess",  "get_object",            "shared/tagged/plain",   silent("s3:GetObject")),
    row("tess",  "get_object",            "shared/tagged/none",    silent("s3:GetObject")),
    row("tess",  "delete_object",         "shared/tagged/closed",  silent("s3:DeleteObject")),
    # The tags that a request brings
    row("tess",  "put_object",            "shared/tagged/red",     ALLOWED, Body=b"new", Tagging="team=red"),
    row("tess",  "put_object",            "shared/tagged/blue",    silent("s3:PutObject"), Body=b"new", Tagging="team=blue"),
    row("tess",  "put_object",            "shared/tagged/bare",    silent("s3:PutObject"), Body=b"new"),
    row("tess",  "put_object_tagging",    "shared/tagged/closed",  silent("s3:PutObjectTagging"), **tag_set(**{"class": "open"})),
    # The encryption that a request asks for
    row("tess",  "put_object",            "shared/sealed/k",       ALLOWED, Body=b"new", ServerSideEncryption="AES256"),
    row("tess",  "put_object",            "shared/sealed/k",       forbidden(), Body=b"new"),
    row("tess",  "put_object",            "shared/sealed/k",       forbidden(), Body=b"new", ServerSideEncryption="aws:kms"),
    row("tess",  "create_multipart_upload", "shared/sealed/k",     forbidden()),
]

COPIES = [
    row("alice", "copy_object",           "shared/alice/copy",     ALLOWED, CopySource="shared/alice/read"),
    row("alice", "copy_object",           "shared/alice/stolen",   silent("s3:GetObject"), CopySource="shared/bob/read"),
    row("alice", "copy_object",           "shared/alice/stolen",   forbidden(), CopySource="shared/secret/read"),
    row("alice", "copy_object",           "shared/bob/planted",    silent("s3:PutObject"), CopySource="shared/alice/read"),
    row("alice", "copy_object",           "shared/alice/stolen",   DENIED, CopySource="eves/read"),
    row("bob",   "copy_object",           "shared/bob/copy",       silent("s3:PutObject"), CopySource="shared/bob/read"),
    row("eve",   "copy_object",           "eves/copy",             ALLOWED, CopySource="shared/open/read"),
    row("eve",   "copy_object",           "eves/copy-public",      ALLOWED, CopySource="shared/public/read"),
    row("eve",   "copy_object",           "eves/stolen",           DENIED, CopySource="shared/alice/read"),
    row("eve",   "copy_object",           "shared/inbox/copy",     ALLOWED, CopySource="eves/read"),
    row("eve",   "copy_object",           "shared/open/planted",   DENIED, CopySource="eves/read"),
    # Tags come along, and whoever may not read them may not take them.
    row("eve",   "copy_object",           "eves/copy-tags",        DENIED, CopySource="shared/open/tagged"),
    row("eve",   "copy_object",           "eves/copy-no-tags",     ALLOWED, CopySource="shared/open/tagged", TaggingDirective="REPLACE"),
    row("alice", "copy_object",           "shared/alice/owned",    refused(403, "AccessDenied"), CopySource="shared/alice/read", ExpectedSourceBucketOwner=OTHER),
]

MULTIPART = [
    row("alice", "create_multipart_upload", "shared/alice/big",    ALLOWED),
    row("alice", "upload_part",           "shared/alice/parts",    ALLOWED, **PART, Body=b"part"),
    row("alice", "upload_part_copy",      "shared/alice/parts",    ALLOWED, **PART, CopySource="shared/alice/read"),
    row("alice", "upload_part_copy",      "shared/alice/parts",    silent("s3:GetObject"), **PART, CopySource="shared/bob/read"),
    row("alice", "upload_part_copy",      "shared/alice/parts",    forbidden(), **PART, CopySource="shared/secret/read"),
    row("alice", "list_parts",            "shared/alice/parts",    ALLOWED, UploadId=THE_UPLOAD),
    row("alice", "complete_multipart_upload", "shared/alice/complete", ALLOWED, **ONE_PART),
    row("alice", "abort_multipart_upload", "shared/alice/abort",   ALLOWED, UploadId=THE_UPLOAD),
    row("alice", "create_multipart_upload", "shared/bob/big",      silent("s3:PutObject")),
    row("alice", "list_multipart_uploads", "shared",               silent("s3:ListBucketMultipartUploads")),
    row("bob",   "list_multipart_uploads", "shared",               ALLOWED),
    row("bob",   "list_parts",            "shared/alice/parts",    ALLOWED, UploadId=THE_UPLOAD),
    row("bob",   "upload_part",           "shared/alice/parts",    silent("s3:PutObject"), **PART, Body=b"over"),
    row("bob",   "upload_part_copy",      "shared/alice/parts",    silent("s3:PutObject"), **PART, CopySource="shared/bob/read"),
    row("bob",   "complete_multipart_upload", "shared/alice/parts", silent("s3:PutObject"), **ONE_PART),
    row("bob",   "abort_multipart_upload", "shared/alice/parts",   silent("s3:AbortMultipartUpload"), UploadId=THE_UPLOAD),
    row("eve",   "upload_part",           "shared/inbox/parts",    ALLOWED, **PART, Body=b"part"),
    row("eve",   "upload_part_copy",      "shared/inbox/parts",    ALLOWED, **PART, CopySource="shared/open/read"),
    row("eve",   "upload_part_copy",      "shared/inbox/parts",    DENIED, **PART, CopySource="shared/alice/read"),
    row("eve",   "list_parts",            "shared/inbox/parts",    DENIED, UploadId=THE_UPLOAD),
    row("eve",   "abort_multipart_upload", "shared/inbox/parts",   DENIED, UploadId=THE_UPLOAD),
    row("anonymous", "upload_part",       "shared/inbox/parts",    DENIED, **PART, Body=b"over"),
]

DELETIONS = [
    row("alice", "delete_objects", "shared", mixed(["alice/mixed"], ["bob/read", "secret/read"]), **keys("bob/read", "alice/mixed", "secret/read")),
    row("bob",   "delete_objects", "shared", mixed([], ["bob/read", "alice/read"]), **keys("bob/read", "alice/read")),
    row("eve",   "delete_objects", "shared", mixed([], ["open/read", "inbox/read"]), **keys("open/read", "inbox/read")),
]

BUCKETS = [
    row("alice", "list_buckets",          "",                      ALLOWED, has_buckets("shared", "eves")),
    row("eve",   "list_buckets",          "",                      ALLOWED, has_buckets("eves", "shared")),
    row("bob",   "list_buckets",          "",                      silent("s3:ListAllMyBuckets")),
    row("bob",   "head_bucket",           "shared",                ALLOWED),
    row("alice", "head_bucket",           "shared",                silent("s3:ListBucket")),
    row("bob",   "get_bucket_location",   "shared",                ALLOWED),
    row("alice", "get_bucket_location",   "shared",                silent("s3:GetBucketLocation")),
    row("bob",   "get_bucket_tagging",    "shared",                ALLOWED),
    row("bob",   "put_bucket_tagging",    "shared",                silent("s3:PutBucketTagging"), **tag_set(a="b")),
    row("bob",   "delete_bucket_tagging", "shared",                silent("s3:PutBucketTagging")),
    row("eve",   "get_bucket_tagging",    "shared",                DENIED),
    row("admin", "put_bucket_tagging",    "fenced",                ALLOWED, **tag_set(a="b")),
    row("alice", "create_bucket",         "made-by-alice",         ALLOWED),
    row("alice", "create_bucket",         "made-private",          ALLOWED, **PRIVATE),
    row("alice", "create_bucket",         "made-public",           silent("s3:PutBucketAcl"), **PUBLIC),
    row("alice", "create_bucket",         "other",                 silent("s3:CreateBucket")),
    row("admin", "create_bucket",         "made-public",           refused(400, "InvalidBucketAclWithObjectOwnership"), **PUBLIC),
    row("bob",   "create_bucket",         "made-by-bob",           silent("s3:CreateBucket")),
    row("eve",   "create_bucket",         "made-by-eve",           ALLOWED),
    row("eve",   "create_bucket",         "shared",                TAKEN),
    row("admin", "create_bucket",         "eves",                  TAKEN),
    row("bob",   "create_bucket",         "planned",               silent("s3:CreateBucket")),
    row("admin", "create_bucket",         "planned",               ALLOWED),
    row("alice", "delete_bucket",         "doomed",                ALLOWED),
    row("alice", "delete_bucket",         "shared",                silent("s3:DeleteBucket")),
    row("admin", "delete_bucket",         "shared",                refused(409, "BucketNotEmpty")),
    row("eve",   "delete_bucket",         "shared",                DENIED),
    row("admin", "delete_bucket",         "eves",                  DENIED),
]

SETTINGS = [
    row("bob",   "get_bucket_policy",     "shared",                ALLOWED, lambda got: got["Policy"] == worlds.BUCKETS["shared"]),
    row("bob",   "get_bucket_policy_status", "shared",             ALLOWED, lambda got: got["PolicyStatus"] == {"IsPublic": True}),
    row("alice", "get_bucket_policy",     "shared",                silent("s3:GetBucketPolicy")),
    row("bob",   "put_bucket_policy",     "shared",                silent("s3:PutBucketPolicy"), **policy("shared")),
    row("bob",   "delete_bucket_policy",  "shared",                silent("s3:DeleteBucketPolicy")),
    row("anonymous", "get_bucket_policy", "shared",                DENIED),
    row("eve",   "get_bucket_policy",     "shared",                DENIED),
    row("eve",   "get_bucket_policy_status", "shared",             DENIED),
    row("eve",   "put_bucket_policy",     "shared",                DENIED, **policy("shared")),
    row("eve",   "delete_bucket_policy",  "shared",                DENIED),
    # Allowed to, but policies are managed from the bucket's own account alone.
    row("eve",   "get_bucket_policy",     "lent",                  ELSEWHERE),
    row("eve",   "put_bucket_policy",     "lent",                  ELSEWHERE, **policy("lent", {"AWS": OTHER})),
    row("eve",   "delete_bucket_policy",  "lent",                  ELSEWHERE),
    row("eve",   "get_bucket_policy_status", "lent",               ALLOWED, lambda got: got["PolicyStatus"] == {"IsPublic": False}),
    # A policy that shuts everybody out is undone by the root of the account.
    row("admin", "get_bucket_policy",     "locked",                forbidden()),
    row("admin", "delete_bucket_policy",  "locked",                forbidden()),
    row("root",  "list_objects_v2",       "locked",                forbidden()),
    row("root",  "get_bucket_policy",     "locked",                ALLOWED, lambda got: got["Policy"] == worlds.SHUT["locked"]),
    row("root",  "delete_bucket_policy",  "stuck",                 ALLOWED),
    # Block Public Access
    row("bob",   "get_public_access_block", "shared",              ALLOWED, lambda got: got["PublicAccessBlockConfiguration"] == OPEN_BLOCK["PublicAccessBlockConfiguration"]),
    row("bob",   "put_public_access_block", "shared",              silent("s3:PutBucketPublicAccessBlock"), **OPEN_BLOCK),
    row("bob",   "delete_public_access_block", "shared",           silent("s3:PutBucketPublicAccessBlock")),
    row("eve",   "get_public_access_block", "shared",              DENIED),
    row("eve",   "delete_public_access_block", "shared",           DENIED),
    row("admin", "get_object",            "fenced/read",           ALLOWED),
    row("anonymous", "get_object",        "fenced/read",           DENIED),
    row("eve",   "get_object",            "fenced/read",           DENIED),
    row("admin", "put_bucket_policy",     "fenced",                Outcome("BlockPublicPolicy", 403, "AccessDenied", reason="because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access."), **policy("fenced")),
    # Object Ownership
    row("bob",   "get_bucket_ownership_controls", "shared",        ALLOWED, lambda got: got["OwnershipControls"] == owned_by("BucketOwnerEnforced")["OwnershipControls"]),
    row("admin", "put_bucket_ownership_controls", "shared",        ALLOWED, **owned_by("BucketOwnerEnforced")),
    row("admin", "put_bucket_ownership_controls", "shared",        refused(501, "NotImplemented"), **owned_by("ObjectWriter")),
    row("admin", "delete_bucket_ownership_controls", "shared",     refused(501, "NotImplemented")),
    row("bob",   "put_bucket_ownership_controls", "shared",        silent("s3:PutBucketOwnershipControls"), **owned_by("ObjectWriter")),
    row("eve",   "get_bucket_ownership_controls", "shared",        DENIED),
]

LISTS = [
    row("bob",   "get_bucket_acl",        "shared",                ALLOWED, lambda got: [grant["Permission"] for grant in got["Grants"]] == ["FULL_CONTROL"]),
    row("bob",   "get_object_acl",        "shared/bob/read",       ALLOWED, lambda got: [grant["Grantee"]["ID"] for grant in got["Grants"]] == [got["Owner"]["ID"]]),
    row("eve",   "get_object_acl",        "shared/open/read",      DENIED),
    row("alice", "put_object",            "shared/alice/full",     ALLOWED, Body=b"new", **FULL),
    row("alice", "put_object",            "shared/alice/public",   NO_LISTS, Body=b"new", **PUBLIC),
    row("alice", "put_object",            "shared/alice/private",  NO_LISTS, Body=b"new", **PRIVATE),
    row("alice", "put_object",            "shared/alice/granted",  NO_LISTS, Body=b"new", GrantRead='uri="http://acs.amazonaws.com/groups/global/AllUsers"'),
    row("alice", "copy_object",           "shared/alice/public",   NO_LISTS, CopySource="shared/alice/read", **PUBLIC),
    row("alice", "create_multipart_upload", "shared/alice/public", NO_LISTS, **PUBLIC),
    row("alice", "put_object_acl",        "shared/alice/read",     ALLOWED, **FULL),
    row("alice", "put_object_acl",        "shared/alice/read",     NO_LISTS, **PUBLIC),
    row("alice", "put_object_acl",        "shared/alice/read",     NO_LISTS, **PRIVATE),
    row("bob",   "put_object_acl",        "shared/bob/read",       silent("s3:PutObjectAcl"), **PUBLIC),
    row("worker", "put_object",           "shared/jobs/public",    silent("s3:PutObjectAcl"), Body=b"new", **PUBLIC),
    row("admin", "put_bucket_acl",        "shared",                NO_LISTS, **PUBLIC),
    row("alice", "put_bucket_acl",        "shared",                silent("s3:PutBucketAcl"), **PUBLIC),
    row("eve",   "put_bucket_acl",        "shared",                DENIED, **FULL),
]

WITHOUT_HEADERS = [
    row("bob",      "presigned get_object", "shared/bob/read",     ALLOWED, lambda got: got == "shared/bob/read"),
    row("bob",      "presigned get_object", "shared/secret/read",  forbidden()),
    row("bob",      "presigned get_object", "shared/bob/none",     GONE),
    row("bob",      "presigned put_object", "shared/bob/url",      silent("s3:PutObject"), Body=b"new"),
    row("alice",    "presigned put_object", "shared/alice/url",    ALLOWED, Body=b"new"),
    row("narrowed", "presigned get_object", "shared/jobs/today/read", ALLOWED),
    row("narrowed", "presigned get_object", "shared/jobs/old/read", silent("s3:GetObject", "session policy")),
    row("eve",      "presigned get_object", "shared/open/read",    ALLOWED),
    row("eve",      "presigned get_object", "shared/alice/read",   DENIED),
    row("alice",    "form",                 "shared/alice/form",   ALLOWED),
    row("alice",    "form",                 "shared/bob/form",     silent("s3:PutObject")),
    row("bob",      "form",                 "shared/bob/form",     silent("s3:PutObject")),
    row("eve",      "form",                 "shared/inbox/form",   ALLOWED),
    row("eve",      "form",                 "shared/open/form",    DENIED),
    row("narrowed", "form",                 "shared/jobs/today/form", ALLOWED),
    row("narrowed", "form",                 "shared/jobs/old/form", silent("s3:PutObject", "session policy")),
    row("tess",     "form",                 "shared/sealed/form",  forbidden()),
    row("anonymous", "form",                "shared/inbox/form0",  DENIED),
]
# fmt: on

TABLE = [
    *OBJECTS, *FORBIDDEN, *ABSENT, *ANONYMOUS, *OTHER_ACCOUNT, *LIMITED, *CONDITIONS, *COPIES, *MULTIPART, *DELETIONS,
    *BUCKETS, *SETTINGS, *LISTS, *WITHOUT_HEADERS,
]
REFUSED = [row for row in TABLE if row.outcome.changes_nothing]
TAKEN_UP = [row for row in TABLE if not row.outcome.changes_nothing]


def test_the_table_is_as_long_as_promised_and_asks_nothing_twice():
    assert len(TABLE) >= 60 and len({str(row) for row in TABLE}) == len(TABLE)


# These come first, so that not one of them may have changed anything since the beginning.
@pytest.mark.parametrize("row", REFUSED, ids=str)
def test_what_is_refused_and_why(world, store, row):
    answer = world.ask(row.who, row.operation, row.arguments(world.uploads))
    if store.name == "embedded" and row.on.startswith("nowhere/"):
        # Of its own buckets the proxy has a list: one that is not there is no secret.
        check_refusal(replace(row, outcome=refused(404, "NoSuchBucket")), answer)
    elif row.outcome.kept:
        check_deletions(row, answer.result)
    else:
        check_refusal(row, answer)
    assert worlds.changes(world.first, world.glance(row.paths())) == [], "a refused request has changed something"


def test_all_refusals_together_have_changed_nothing(world):
    assert worlds.changes(world.first, world.snapshot()) == []


@pytest.mark.parametrize("row", TAKEN_UP, ids=str)
def test_what_is_allowed(world, row):
    before = world.contents("shared")["versions"] if row.outcome.deleted else {}
    answer = world.ask(row.who, row.operation, row.arguments(world.uploads))
    assert answer.code is None and answer.status < 300, answer
    assert row.shows is None or row.shows(answer.result), answer
    if row.outcome.deleted:
        check_deletions(row, answer.result)
        left = {place: kept for place, kept in before.items() if place[0] not in row.outcome.deleted}
        assert world.contents("shared")["versions"] == left, "what was refused is gone, or what was deleted is there"


def check_refusal(row, answer) -> None:
    expected = row.outcome
    assert answer.status == expected.status, answer
    if row.operation.startswith("head_"):
        # A HEAD has no document: boto3 makes a code of the status.
        assert answer.code == str(expected.status), answer
        return
    assert answer.code == expected.code, answer
    if expected.words:
        assert answer.message == expected.words, answer
    elif expected.reason:
        who = worlds.arn_of(row.who.partition(" over ")[0])
        begin, _, end = answer.message.partition(" on resource: ")
        assert begin.startswith(f"User: {who} is not authorized to perform: s3:"), answer
        assert end.startswith('"arn:aws:s3:::') and end.partition('" ')[2] == expected.reason, answer
    assert answer.message, answer


def check_deletions(row, result) -> None:
    assert {entry["Key"] for entry in result.get("Deleted", [])} == row.outcome.deleted
    errors = {entry["Key"]: entry for entry in result["Errors"]}
    assert set(errors) == row.outcome.kept and {entry["Code"] for entry in errors.values()} == {"AccessDenied"}
    at_home = row.who not in ("anonymous", "eve")
    assert all((entry["Message"] != "Access Denied") == at_home for entry in errors.values()), errors


def test_whoever_makes_a_bucket_owns_it_until_it_is_gone(world):
    mine, short = {"Bucket": name("made-in-turn")}, "made-in-turn"
    for owner, stranger in [("admin", "eve"), ("eve", "admin")]:
        world.client(owner).create_bucket(**mine)
        world.client(owner).put_object(**mine, Key="k", Body=b"mine")
        for operation, more in [("get_object", {"Key": "k"}), ("put_object", {"Key": "k", "Body": b"over"}), ("list_objects_v2", {}), ("delete_bucket", {})]:
            answer = world.ask(stranger, operation, mine | more)
            assert (answer.status, answer.code, answer.message) == (403, "AccessDenied", "Access Denied"), answer
        assert world.ask(stranger, "create_bucket", mine).code == "BucketAlreadyExists"
        assert world.client(owner).get_object(**mine, Key="k")["Body"].read() == b"mine"
        listed = [[bucket["Name"] for bucket in world.client(who).list_buckets()["Buckets"]] for who in (owner, stranger)]
        assert [name(short) in buckets for buckets in listed] == [True, False]
        world.client(owner).delete_object(**mine, Key="k")
        world.client(owner).delete_bucket(**mine)


def test_every_denial_is_on_record_with_its_reason(world):
    bob = world.client("bob")
    with pytest.raises(bob.exceptions.ClientError) as caught:
        bob.put_object(Bucket=name("shared"), Key=f"bob/{RUN}", Body=b"new")
    mine = caught.value.response["ResponseMetadata"]["RequestId"]
    records = [record for record in world.proxy.journal() if record.get("request_id") == mine]
    assert len(records) == 1, records
    assert (records[0]["decision"], records[0]["reason"], records[0]["requester"]) == ("deny", "silent-identity", worlds.arn_of("bob")), records


CHANGES = [
    ("put_object", "shared/open/read", {"Body": b"over"}),
    ("put_object", "shared/open/more", {"Body": b"new"}),
    ("put_object_tagging", "shared/open/read", tag_set(a="b")),
    ("delete_object", "shared/open/read", {}),
    ("upload_part", "shared/inbox/parts", {"UploadId": THE_UPLOAD, "PartNumber": 7, "Body": b"part"}),
    ("abort_multipart_upload", "shared/inbox/parts", {"UploadId": THE_UPLOAD}),
    ("put_bucket_tagging", "lent", tag_set(seen="yes")),
    ("put_bucket_policy", "lent", policy("lent", {"AWS": OTHER})),
    ("put_public_access_block", "fenced", OPEN_BLOCK),
    ("create_bucket", "made-to-be-seen", {}),
]


# Through the proxy, and behind its back; radosgw would be looked at as MinIO is, and takes five times as long.
@pytest.mark.stores("embedded", "minio")
def test_what_a_refusal_must_not_do_would_be_seen(world):
    """Each of these shows in the glance that follows a refusal, and all of them in a whole snapshot."""
    whole = world.snapshot()
    for operation, on, more in CHANGES:
        before, request = world.glance([on]), Row("admin", operation, on, ALLOWED, more)
        assert worlds.changes(before, world.glance([on])) == []
        assert world.ask("admin", operation, request.arguments(world.uploads)).status < 300, operation
        assert worlds.changes(before, world.glance([on])), f"{operation} is not seen"
    seen = worlds.changes(whole, world.snapshot())
    assert seen == ["buckets", "policies", "shared: versions", "shared: uploads", "shared: of", "lent: tags"]
