"""Two accounts, their users and a role, buckets and every kind of policy: what the table of test_policies.py is asked of."""

import hashlib
import json
import uuid
from dataclasses import dataclass

import boto3
import botocore
import botocore.config
import botocore.exceptions
import urllib3

from . import paths, toml
from .proxy import ACCOUNT as MAIN
from .proxy import ADMIN, Bartizan, Keys
from .site import Site
from .stores import Store

OTHER = "444455556666"
ROLE = f"arn:aws:iam::{MAIN}:role/worker"
RUN = uuid.uuid4().hex[:12]

# Name: account, policies by name, boundary.
USERS = {
    "admin": (MAIN, ["everything"], None),
    "alice": (MAIN, ["alice"], None),
    "bob": (MAIN, ["bob"], None),
    "carol": (MAIN, ["all-of-shared"], "carols-boundary"),
    "ida": (MAIN, ["index-only"], None),
    "tess": (MAIN, ["tess"], None),
    "root": (MAIN, [], None),
    "eve": (OTHER, ["everything"], None),
    "eve-root": (OTHER, [], None),
}
# Sessions of the role; where there is one, with a policy that narrows it.
SESSIONS = {"worker": None, "narrowed": {"Action": ["s3:GetObject", "s3:PutObject"], "Resource": "shared/jobs/today/*"}}

# What lies in the buckets before anything is asked: an object's own key is its data.
FILLED = [
    "shared/alice/delete",
    "shared/alice/mixed",
    "shared/alice/read",
    "shared/alice/retag",
    "shared/bob/read",
    "shared/carol/read",
    "shared/inbox/read",
    "shared/jobs/delete",
    "shared/jobs/old/read",
    "shared/jobs/today/read",
    "shared/open/classified",
    "shared/open/read",
    "shared/public/read",
    "shared/secret/read",
    "shared/tagged/plain",
    "lent/read",
    "fenced/read",
    "eves/read",
]
TAGGED = {
    "shared/open/tagged": "owner=us",
    "shared/tagged/closed": "class=closed",
    "shared/tagged/open": "class=open",
}
# The buckets whose contents the table is about.
SEEN = ["shared", "lent", "fenced", "eves"]
# Unfinished uploads, with one part each.
UPLOADS = ["alice/abort", "alice/complete", "alice/parts", "inbox/parts", "jobs/today/parts"]


def name(short: str) -> str:
    """What a bucket of the table is called in this run."""
    return f"{short}-{RUN}"


def place(short: str) -> str:
    """The same for a bucket with a key behind it."""
    bucket, slash, key = short.partition("/")
    return name(bucket) + slash + key


def arns(*shorts: str) -> list[str]:
    return [f"arn:aws:s3:::{place(short)}" for short in shorts]


def allow(actions, *resources: str, **more) -> dict:
    return {"Effect": "Allow", "Action": actions, "Resource": arns(*resources)} | more


def deny(actions, *resources: str, **more) -> dict:
    return allow(actions, *resources, **more) | {"Effect": "Deny"}


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


EVERYONE, OTHERS = {"Principal": "*"}, {"Principal": {"AWS": OTHER}}
BLOCK = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
# Nobody but the root of the account gets at this bucket's policy again.
SHUT = {short: document(deny("s3:*", short, f"{short}/*", **EVERYONE)) for short in ("locked", "stuck")}

IDENTITIES = {
    "everything": document({"Effect": "Allow", "Action": "*", "Resource": "*"}),
    "alice": document(
        allow("s3:*", "shared/alice/*"),
        allow("s3:ListBucket", "shared", Condition={"StringLike": {"s3:prefix": ["alice/*"]}}),
        allow(["s3:CreateBucket", "s3:DeleteBucket"], "made*", "doomed"),
        {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"},
    ),
    "bob": document(allow(["s3:Get*", "s3:List*"], "shared", "shared/*")),
    "all-of-shared": document(allow("s3:*", "shared", "shared/*")),
    "carols-boundary": document(allow(["s3:GetObject", "s3:PutObject"], "shared/carol/*")),
    "index-only": document(allow("s3:ListBucket", "shared")),
    "tess": document(
        allow(["s3:PutObject", "s3:PutObjectTagging"], "shared/tagged/*", Condition={"StringEquals": {"s3:RequestObjectTag/team": "red"}}),
        allow("s3:GetObject", "shared/tagged/*", Condition={"StringEquals": {"s3:ExistingObjectTag/class": "open"}}),
        allow("s3:PutObject", "shared/sealed/*"),
    ),
    "worker": document(allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], "shared/jobs/*")),
    "worker-trust": json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{MAIN}:user/admin"}, "Action": "sts:AssumeRole"}}),
}
BUCKETS = {
    "shared": document(
        allow("s3:GetObject", "shared/public/*", Sid="EveryoneReadsPublic", **EVERYONE),
        allow("s3:GetObject", "shared/open/*", Sid="OthersReadOpen", **OTHERS),
        allow("s3:PutObject", "shared/inbox/*", Sid="OthersFillInbox", **OTHERS),
        deny("s3:*", "shared/secret/*", Sid="SecretsAreTheAdministrators", **EVERYONE, Condition={"ArnNotEquals": {"aws:PrincipalArn": f"arn:aws:iam::{MAIN}:user/admin"}}),
        deny("s3:*", "shared", "shared/*", Sid="OverTlsOnly", **EVERYONE, Condition={"Bool": {"aws:SecureTransport": "false"}}),
        deny("s3:PutObject", "shared/sealed/*", Sid="SealedIsEncrypted", **EVERYONE, Condition={"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}),
    ),
    "lent": document(allow(["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:GetBucketPolicyStatus"], "lent", **OTHERS)),
    "fenced": document(allow("s3:GetObject", "fenced/*", **EVERYONE), allow("s3:GetObject", "fenced/*", **OTHERS)),
    "doomed": None,
}
# Of a bucket that is not there yet: what is written about it neither lets anybody make it nor keeps anybody from it.
PLANNED = document(allow("s3:*", "planned", Principal={"AWS": f"arn:aws:iam::{MAIN}:user/bob"}), deny("s3:*", "planned", **EVERYONE))
SERVICE_CONTROL = document(
    {"Effect": "Deny", "Action": "s3:PutBucketTagging", "Resource": "*"},
    deny("s3:GetObject", "shared/open/classified"),
)


def arn_of(who: str) -> str:
    """The name that a denial gives a caller."""
    if who in SESSIONS:
        return f"arn:aws:sts::{MAIN}:assumed-role/worker/{who}"
    account = USERS[who][0]
    return f"arn:aws:iam::{account}:root" if who.endswith("root") else f"arn:aws:iam::{account}:user/{who}"


def keys_of(who: str) -> Keys:
    """An access key of a user."""
    spelt = "".join(letter for letter in who.upper() if letter.isalpha())
    return ADMIN if who == "admin" else Keys(f"AKIATABLE{spelt:0<11}", f"{who}-secret-".ljust(40, "0"))


def write_folder(folder) -> None:
    """The policies, as files."""
    users = [
        {"arn": arn_of(who), "keys": [{"id": keys_of(who).id, "secret": keys_of(who).secret}]}
        | ({} if who.endswith("root") else {"policies": policies})
        | ({"boundary": boundary} if boundary else {})
        for who, (_, policies, boundary) in USERS.items()
    ]
    accounts = [{"id": MAIN, "name": "main"}, {"id": OTHER, "name": "other"}]
    role = {"arn": ROLE, "trust": "worker-trust", "policies": ["worker"]}
    files = {f"identities/{title}.json": text for title, text in IDENTITIES.items()}
    files["credentials.toml"] = toml.dumps({"account": accounts, "user": users, "role": [role]})
    for short, policy in [*BUCKETS.items(), ("planned", PLANNED)]:
        if policy:
            files[f"buckets/{name(short)}/policy.json"] = policy
    files[f"buckets/{name('shared')}/public-access-block.json"] = json.dumps(dict.fromkeys(BLOCK, False))
    files[f"buckets/{name('fenced')}/public-access-block.json"] = json.dumps(dict.fromkeys(BLOCK, True))
    files["organization/nothing-secret.json"] = SERVICE_CONTROL
    organization = {"id": "o-tableorg01", "root": "r-ab12", "account": [{"id": OTHER, "service_control": ["FullAWSAccess", "nothing-secret"]}]}
    files["organization/organization.toml"] = toml.dumps(organization)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


@dataclass(frozen=True)
class Answer:
    """What came of a request, however it was made."""

    status: int
    code: str | None = None
    message: str | None = None
    result: object = None


class World:
    """A proxy over a store, everybody's clients, and an eye on what the store holds."""

    def __init__(self, folder, store: Store):
        self.plain_port = paths.free_port()
        self.proxy = Bartizan(folder, store)
        tls = {"certificate": "certs/server.pem", "key": "certs/server.key"}
        addresses = [{"address": f"127.0.0.1:{self.proxy.port}", "hosts": ["localhost"], "tls": tls}, {"address": f"127.0.0.1:{self.plain_port}", "hosts": ["localhost"]}]
        self.proxy.configure(listen=addresses)
        write_folder(folder / "policies")
        self.proxy.start()
        self.site = Site.of_proxy(self.proxy)
        # Behind the proxy's back, where that can be; else as who may everything.
        self.behind = Site.of_store(store).client() if store.endpoint else None
        self.pool = urllib3.PoolManager(ca_certs=self.proxy.ca, retries=False, timeout=30)
        self.clients: dict = {}
        self.uploads: dict[str, str] = {}
        try:
            self.fill()
        except BaseException:
            self.proxy.kill()
            raise
        self.first = self.snapshot()

    def client(self, who: str):
        """boto3 as this caller; `who over http` comes through the listener without TLS."""
        if who not in self.clients:
            user, _, plain = who.partition(" over ")
            endpoint = f"http://localhost:{self.plain_port}" if plain else self.site.endpoint
            self.clients[who] = self.session(user).client("s3", endpoint_url=endpoint, verify=self.site.ca, config=self.config(user))
        return self.clients[who]

    @staticmethod
    def config(user: str) -> botocore.config.Config:
        signature = botocore.UNSIGNED if user == "anonymous" else "s3v4"
        # Once, so that a fault is seen.
        return botocore.config.Config(signature_version=signature, retries={"total_max_attempts": 1})

    def session(self, who: str) -> boto3.session.Session:
        if who not in SESSIONS:
            key = keys_of(who)
            return boto3.session.Session(aws_access_key_id=key.id, aws_secret_access_key=key.secret, region_name="us-east-1")
        narrower = SESSIONS[who]
        policy = {"Policy": document(allow(narrower["Action"], narrower["Resource"]))} if narrower else {}
        made = self.site.client(service="sts").assume_role(RoleArn=ROLE, RoleSessionName=who, **policy)["Credentials"]
        return boto3.session.Session(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"], "us-east-1")

    def eye(self, short: str):
        """Who sees everything in a bucket."""
        return self.behind or self.client("eve" if short == "eves" else "admin")

    def fill(self) -> None:
        admin, eve = self.client("admin"), self.client("eve")
        for short in [*BUCKETS, *SHUT]:
            admin.create_bucket(Bucket=name(short))
        eve.create_bucket(Bucket=name("eves"))
        for path in [*FILLED, *TAGGED]:
            short, _, key = path.partition("/")
            tags = {"Tagging": TAGGED[path]} if path in TAGGED else {}
            (eve if short == "eves" else admin).put_object(Bucket=name(short), Key=key, Body=path.encode(), **tags)
        for key in UPLOADS:
            target = {"Bucket": name("shared"), "Key": key, "UploadId": admin.create_multipart_upload(Bucket=name("shared"), Key=key)["UploadId"]}
            admin.upload_part(**target, PartNumber=1, Body=b"part")
            self.uploads[key] = target["UploadId"]
        for short, policy in SHUT.items():
            admin.put_bucket_policy(Bucket=name(short), Policy=policy)
        admin.put_bucket_tagging(Bucket=name("shared"), Tagging={"TagSet": [{"Key": "team", "Value": "all"}]})

    def snapshot(self) -> dict:
        """Everything that the store and the policies folder hold."""
        held = self.outline() | {short: self.contents(short) | self.settings(short) for short in SEEN}
        for short in SEEN:
            for key, _ in list(held[short]["versions"]):
                held[short]["of"][key] = self.details(short, key)
            for key, upload in list(held[short]["uploads"]):
                held[short]["uploads"][key, upload] = self.parts(short, key, upload)
        return held

    def glance(self, paths: list[str]) -> dict:
        """As much of a snapshot as lies in the buckets of these paths; of what the paths name, all."""
        held = self.outline()
        for path in paths:
            short, _, key = path.partition("/")
            if short not in SEEN:
                continue
            held[short] = held.get(short) or self.contents(short)
            if not key:
                held[short] |= self.settings(short)
            for there, upload in held[short]["uploads"]:
                if there == key:
                    held[short]["uploads"][key, upload] = self.parts(short, key, upload)
            if any(there == key for there, _ in held[short]["versions"]):
                held[short]["of"][key] = self.details(short, key)
        return held

    def outline(self) -> dict:
        """Which buckets there are, and the policies folder."""
        eyes = [self.behind] if self.behind else [self.client("admin"), self.client("eve")]
        buckets = {bucket["Name"] for eye in eyes for bucket in eye.list_buckets()["Buckets"]}
        folder = self.proxy.folder / "policies"
        files = (path for path in folder.rglob("*") if path.is_file())
        digests = {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
        return {"buckets": sorted(bucket for bucket in buckets if RUN in bucket), "policies": digests}

    def contents(self, short: str) -> dict:
        """Every version and upload of a bucket."""
        eye, bucket = self.eye(short), name(short)
        found: dict = {"versions": {}, "uploads": {}, "of": {}}
        for page in eye.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for entry in page.get("Versions", []) + page.get("DeleteMarkers", []):
                found["versions"][entry["Key"], entry["VersionId"]] = (entry.get("ETag"), entry.get("Size"), str(entry["LastModified"]))
        for upload in eye.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            found["uploads"][upload["Key"], upload["UploadId"]] = None
        return found

    def settings(self, short: str) -> dict:
        """What a bucket has beside its contents; what is kept by the proxy is in its folder."""
        eye, bucket = self.eye(short), {"Bucket": name(short)}
        found = {"tags": asked(eye.get_bucket_tagging, "TagSet", **bucket)}
        if self.behind:
            found |= {"policy": asked(eye.get_bucket_policy, "Policy", **bucket), "acl": eye.get_bucket_acl(**bucket)["Grants"]}
        return found

    def details(self, short: str, key: str) -> dict:
        """What a listing does not say of an object."""
        eye, one = self.eye(short), {"Bucket": name(short), "Key": key}
        found = {"tags": eye.get_object_tagging(**one)["TagSet"]}
        # Through the proxy nothing but the owner's full control is ever told.
        return found | ({"acl": eye.get_object_acl(**one)["Grants"]} if self.behind else {})

    def parts(self, short: str, key: str, upload: str) -> list:
        listed = self.eye(short).list_parts(Bucket=name(short), Key=key, UploadId=upload)
        return [(part["PartNumber"], part["ETag"]) for part in listed.get("Parts", [])]

    def ask(self, who: str, operation: str, arguments: dict) -> Answer:
        """Makes a request: a call of boto3, a URL that was presigned for one, or a browser's form."""
        client = self.client(who)
        kind, _, presigned = operation.partition(" ")
        if kind == "presigned":
            return self.send_presigned(client, presigned, arguments)
        if kind == "form":
            return self.send_form(client, who, arguments)
        try:
            result = getattr(client, operation)(**arguments)
        except botocore.exceptions.ClientError as refused:
            error = refused.response["Error"]
            return Answer(refused.response["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error.get("Message"))
        return Answer(result["ResponseMetadata"]["HTTPStatusCode"], result=result)

    def send_presigned(self, client, operation: str, arguments: dict) -> Answer:
        arguments = dict(arguments)
        body = arguments.pop("Body", None)
        url = client.generate_presigned_url(operation, Params=arguments, ExpiresIn=60)
        return told(self.pool.request("GET" if body is None else "PUT", url, body=body))

    def send_form(self, client, who: str, arguments: dict) -> Answer:
        if who == "anonymous":
            post = {"url": f"{self.site.endpoint}/{arguments['Bucket']}", "fields": {"key": arguments["Key"]}}
        else:
            post = client.generate_presigned_post(arguments["Bucket"], arguments["Key"])
        return told(self.pool.request("POST", post["url"], fields=[*post["fields"].items(), ("file", ("f", b"form", "text/plain"))]))


def told(answer) -> Answer:
    """A raw answer."""
    text = answer.data.decode()
    if answer.status < 400:
        return Answer(answer.status, result=text)

    def element(tag: str) -> str:
        return text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0].replace("&quot;", '"')

    return Answer(answer.status, element("Code"), element("Message"))


def asked(call, member: str, **arguments):
    """A setting, or the code that says that there is none."""
    try:
        return call(**arguments)[member]
    except botocore.exceptions.ClientError as absent:
        return absent.response["Error"]["Code"]


def changes(first: dict, now: dict) -> list[str]:
    """What of a snapshot is not as it was; `now` may be a glance."""
    found = [part for part in ("buckets", "policies") if first[part] != now[part]]
    for short in SEEN:
        for part, held in now.get(short, {}).items():
            before = first[short][part]
            if part in ("of", "uploads"):
                # A glance knows the inside of some of them.
                inside = {key: value for key, value in held.items() if value is not None}
                same = (part == "of" or before.keys() == held.keys()) and all(before.get(key) == value for key, value in inside.items())
            else:
                same = before == held
            found += [] if same else [f"{short}: {part}"]
    return found
