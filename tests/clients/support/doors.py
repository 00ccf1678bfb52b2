"""Buckets and the access points in front of them: what test_access_points.py is asked of."""

import hashlib
import json
import urllib.parse

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.exceptions
import urllib3

from . import names, paths, toml
from .proxy import ACCOUNT as MAIN
from .proxy import ADMIN, Bartizan, Keys
from .site import Site, fresh_name
from .stores import Store
from .world import BLOCK

OTHER = "444455556666"
FENCED = "777788889999"
VPC, ELSEWHERE = "vpc-0a1b2c3d", "vpc-0e1f2a3b"
ENDPOINT, NARROW = "vpce-0a1b2c3d", "vpce-0c1d2e3f"
TEAMS = ("red", "blue", "green")

# Name: account, policies.
USERS = {
    "admin": (MAIN, ["everything"]),
    "red": (MAIN, []),
    "blue": (MAIN, []),
    "green": (MAIN, []),
    # Whose policies know of buckets only.
    "bucketeer": (MAIN, ["buckets-only"]),
    "eve": (OTHER, ["everything"]),
    "hal": (OTHER, []),
    "vic": (FENCED, ["everything"]),
}


def keys_of(who: str) -> Keys:
    spelt = "".join(letter for letter in who.upper() if letter.isalpha())
    return ADMIN if who == "admin" else Keys(f"AKIADOORS{spelt:0<11}", f"{who}-secret-".ljust(40, "0"))


def user_arn(who: str) -> str:
    return f"arn:aws:iam::{USERS[who][0]}:user/{who}"


def arn(name: str, account: str = MAIN, region: str = "us-east-1") -> str:
    return f"arn:aws:s3:{region}:{account}:accesspoint/{name}"


def alias_of(name: str) -> str:
    """An alias as it may stand in a file."""
    return f"{name[:20]}-{hashlib.sha256(name.encode()).hexdigest()[:34]}-s3alias"


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def allow(actions, *resources: str, **more) -> dict:
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources)} | more


def deny(actions, *resources: str, **more) -> dict:
    return allow(actions, *resources, **more) | {"Effect": "Deny"}


EVERYONE = {"Principal": {"AWS": "*"}}
# What one who reads and writes in parts needs of an object.
OBJECT = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]


def whole(bucket: str) -> list[str]:
    return [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]


def delegation(bucket: str, account: str = MAIN) -> str:
    """The policy of a bucket that leaves everything to the access points of an account."""
    return document(allow("*", *whole(bucket), **EVERYONE, Condition={"StringEquals": {"s3:DataAccessPointAccount": account}}))


def team(name: str, prefix: str, *who: str, account: str = MAIN) -> str:
    """The policy of an access point that opens one prefix to some."""
    principal = {"Principal": {"AWS": [user_arn(one) for one in who]}}
    listing = allow("s3:ListBucket", arn(name, account), **principal, Condition={"StringLike": {"s3:prefix": f"{prefix}/*"}})
    return document(allow(OBJECT, f"{arn(name, account)}/object/{prefix}/*", **principal), listing)


class Doors:
    """A proxy with four listeners over a store, access points in its folder, and everybody's clients."""

    def __init__(self, folder, store: Store):
        self.folder, self.store, self.proxy = folder, store, Bartizan(folder, store)
        self.ports = {"internet": self.proxy.port} | {way: paths.free_port() for way in ("vpc", "narrow", "elsewhere", "plain")}
        self.proxy.configure(listen=self.listeners())
        self.bucket, self.lent, self.open, self.inner, self.private = (fresh_name(short) for short in ("data", "lent", "open", "inner", "private"))
        self.points: dict[str, str] = {}
        self.write_folder(folder / "policies")
        self.proxy.start()
        self.site = Site.of_proxy(self.proxy)
        self.pool = urllib3.PoolManager(ca_certs=self.proxy.ca, retries=False, timeout=30)
        self.clients: dict = {}
        try:
            for bucket in (self.bucket, self.lent, self.open, self.inner, self.private):
                self.client("admin").create_bucket(Bucket=bucket)
        except BaseException:
            self.proxy.kill()
            raise

    def listeners(self) -> list[dict]:
        tls = {"certificate": "certs/server.pem", "key": "certs/server.key", "mint": {"ca": "certs/ca.pem", "key": "certs/ca.key"}}
        ways = {
            "internet": {"tls": tls},
            "vpc": {"tls": tls, "vpc": VPC, "vpc_endpoint": ENDPOINT},
            "narrow": {"tls": tls, "vpc": VPC, "vpc_endpoint": NARROW},
            "elsewhere": {"tls": tls, "vpc": ELSEWHERE},
            "plain": {},
        }
        return [{"address": f"127.0.0.1:{self.ports[way]}", "hosts": ["localhost", "s3.localhost"]} | table for way, table in ways.items()]

    def endpoint(self, way: str = "internet", host: str = "localhost") -> str:
        return f"{'http' if way == 'plain' else 'https'}://{host}:{self.ports[way]}"

    def write_folder(self, folder) -> None:
        """The policies and the access points, as files."""
        users = [{"arn": user_arn(who), "policies": policies, "keys": [{"id": keys_of(who).id, "secret": keys_of(who).secret}]} for who, (_, policies) in USERS.items()]
        accounts = [{"id": MAIN, "name": "main"}, {"id": OTHER, "name": "other"}, {"id": FENCED, "name": "fenced"}]
        files = {
            "credentials.toml": toml.dumps({"account": accounts, "user": users}),
            "identities/everything.json": document(allow("*", "*")),
            "identities/buckets-only.json": document(allow("s3:*", "arn:aws:s3:::*")),
            f"buckets/{self.bucket}/policy.json": delegation(self.bucket),
            f"buckets/{self.lent}/policy.json": delegation(self.lent, OTHER),
            f"buckets/{self.open}/policy.json": delegation(self.open),
            f"buckets/{self.open}/public-access-block.json": json.dumps(dict.fromkeys(BLOCK, False)),
            f"buckets/{self.inner}/policy.json": document(
                deny("s3:*", *whole(self.inner), **EVERYONE, Condition={"StringNotEquals": {"s3:AccessPointNetworkOrigin": "VPC"}}),
            ),
            f"endpoints/{ENDPOINT}.json": document(
                allow("s3:*", arn("inside"), f"{arn('inside')}/*", arn("inner-vpc"), f"{arn('inner-vpc')}/*", *whole(self.bucket), *whole(self.inner), **EVERYONE),
            ),
            # The bucket behind the door is missing.
            f"endpoints/{NARROW}.json": document(allow("s3:*", arn("inside"), f"{arn('inside')}/*", **EVERYONE)),
            "organization/vpc-only.json": document(
                deny("s3:CreateAccessPoint", "*", Condition={"StringNotEquals": {"s3:AccessPointNetworkOrigin": "VPC"}}),
                deny("s3:*", "*", Condition={"StringEquals": {"s3:AccessPointNetworkOrigin": "Internet"}}),
            ),
            "organization/organization.toml": toml.dumps({"id": "o-doorsorg01", "root": "r-ab12", "account": [{"id": FENCED, "service_control": ["FullAWSAccess", "vpc-only"]}]}),
        }
        public = allow(["s3:GetObject", "s3:PutObject"], "POINT/object/*", **EVERYONE)
        for name in TEAMS:
            files |= self.point(name, self.bucket, policy=team(name, name, name))
        files |= self.point("inside", self.bucket, policy=team("inside", "inside", "red"), vpc=VPC)
        files |= self.point("any", self.bucket)
        files |= self.point("lent", self.lent, account=OTHER, policy=team("lent", "q", "hal", "red", account=OTHER))
        files |= self.point("unlent", self.private, account=OTHER)
        for name, blocked in [("wide", False), ("shut", True)]:
            files |= self.point(name, self.open, policy=document(public).replace("POINT", arn(name)), block=dict.fromkeys(BLOCK, blocked))
        files |= self.point("inner-vpc", self.inner, vpc=VPC)
        files |= self.point("inner-net", self.inner)
        files |= self.point("fenced", self.lent, account=FENCED)
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)

    def point(self, name: str, bucket: str, account: str = MAIN, policy: str | None = None, vpc: str | None = None, block: dict | None = None) -> dict[str, str]:
        """The files of an access point."""
        self.points[name] = account
        what = {"Bucket": bucket, "BucketAccountId": MAIN, "Alias": alias_of(name), "CreationDate": "2026-03-02T10:20:30Z"}
        what |= {"VpcConfiguration": {"VpcId": vpc}} if vpc else {}
        what |= {"PublicAccessBlockConfiguration": block} if block else {}
        place = f"access-points/{account}/{name}"
        return {f"{place}.json": json.dumps(what, indent=2)} | ({f"{place}.policy.json": policy} if policy else {})

    def client(self, who: str, way: str = "internet", service: str = "s3", style: str = "path", proxy: Bartizan | None = None):
        """boto3 as somebody, through a listener. Style `wildcard`: in front of a host whose certificate covers every name."""
        known = (who, way, service, style, proxy)
        if known not in self.clients:
            key, unsigned = keys_of(who) if who in USERS else None, who == "anonymous"
            session = boto3.session.Session(key.id, key.secret, region_name="us-east-1") if key else boto3.session.Session(region_name="us-east-1")
            s3 = {"addressing_style": "path" if style == "path" else "virtual"}
            config = botocore.config.Config(signature_version=botocore.UNSIGNED if unsigned else "s3v4", s3=s3, retries={"total_max_attempts": 1})
            endpoint = self.endpoint(way, "s3.localhost" if style == "wildcard" else "localhost")
            self.clients[known] = session.client(service, endpoint_url=proxy.endpoint if proxy else endpoint, verify=self.proxy.ca, config=config)
        return self.clients[known]

    def control(self, who: str = "admin", **more):
        return self.client(who, service="s3control", **more)

    def environment(self, who: str = "admin", *labels: str) -> dict[str, str]:
        """What a program needs to come here: settings, and the names that it will ask for."""
        accounts = [MAIN, OTHER, FENCED]
        made = [f"{name}-{account}" for name, account in self.points.items()]
        file = self.folder / f"hosts-{len(list(self.folder.iterdir()))}"
        all_labels = [*accounts, *made, *map(alias_of, self.points), *labels]
        return self.site.environment(keys_of(who)) | names.hosts_file(file, *all_labels)

    def raw(self, method: str, path: str, who: str = "admin", body: bytes = b"", headers: dict | None = None, host: str = "localhost", way: str = "internet"):
        """A request of which every part is the test's own."""
        url = self.endpoint(way, host) + path
        # What S3 has to be signed with a colon escaped is sent as it was typed.
        signed = self.endpoint(way, host) + path.replace(":", "%3A")
        request = botocore.awsrequest.AWSRequest(method=method, url=signed, data=body, headers=headers or {})
        request.headers["Host"] = f"{host}:{self.ports[way]}"
        if who != "anonymous":
            credentials = botocore.credentials.Credentials(keys_of(who).id, keys_of(who).secret)
            botocore.auth.S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
        return self.pool.urlopen(method, url, body=body or None, headers=dict(request.headers.items()), redirect=False)

    def asked(self, method: str, path: str, who: str = "admin", body: str = "", account: str | None = MAIN, **more):
        """A request to S3 Control, as no client would send it."""
        headers = {"x-amz-account-id": account} if account is not None else {}
        return self.raw(method, f"/v20180820/{path}", who, body.encode(), headers, **more)


def escaped(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def files_of(proxy: Bartizan, name: str, account: str = MAIN) -> dict[str, str]:
    """What the folder holds of an access point."""
    folder = proxy.folder / "policies" / "access-points" / account
    return {path.name: path.read_text() for path in sorted(folder.glob(f"{name}.*"))}


def may(call, **arguments) -> bool:
    """Whether something is allowed. Any other refusal is a mistake."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as refused:
        assert refused.response["Error"]["Code"] in ("AccessDenied", "403"), refused
        return False
    return True
