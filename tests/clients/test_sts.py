"""Temporary credentials: what the token service hands out works until it ends, and nothing else does."""

import base64
import datetime
import hmac
import json
import subprocess
import time

import boto3
import botocore.exceptions
import pytest
import urllib3

from support import paths, site as sites, toml
from support.check import refused
from support.proxy import ACCOUNT, NOBODY, USERS, Keys

pytestmark = pytest.mark.proxy

ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
WEB_ROLE = f"arn:aws:iam::{ACCOUNT}:role/job"
ISSUER = "https://issuer.example/realm"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/issuer.example/realm"


def encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Provider:
    """An OpenID Connect provider's keys, made by openssl."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa.pem")
        self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ec.pem")

    def openssl(self, *arguments, data: bytes | None = None) -> bytes:
        return subprocess.run(["openssl", *arguments], cwd=self.folder, input=data, capture_output=True, check=True, timeout=60).stdout

    def jwks(self) -> str:
        modulus = bytes.fromhex(self.openssl("rsa", "-in", "rsa.pem", "-noout", "-modulus").decode().strip().removeprefix("Modulus="))
        # The last 64 octets of the public key's DER are the point.
        point = self.openssl("ec", "-in", "ec.pem", "-pubout", "-outform", "DER")[-64:]
        return json.dumps({"keys": [
            {"kty": "RSA", "kid": "rsa", "alg": "RS256", "use": "sig", "n": encode(modulus), "e": "AQAB"},
            {"kty": "EC", "kid": "ec", "alg": "ES256", "crv": "P-256", "x": encode(point[:32]), "y": encode(point[32:])},
        ]})

    def token(self, algorithm: str = "RS256", **claims) -> str:
        now = int(time.time())
        said = {"iss": ISSUER, "sub": "repo:team/app", "aud": "store", "iat": now, "exp": now + 600} | claims
        header = {"alg": algorithm, "kid": "ec" if algorithm == "ES256" else "rsa", "typ": "JWT"}
        message = f"{encode(json.dumps(header).encode())}.{encode(json.dumps(said).encode())}"
        return f"{message}.{encode(self.signature(algorithm, message.encode()))}"

    def signature(self, algorithm: str, message: bytes) -> bytes:
        if algorithm == "none":
            return b""
        if algorithm == "HS256":
            public = self.openssl("rsa", "-in", "rsa.pem", "-pubout")
            return hmac.digest(public, message, "sha256")
        key = "ec.pem" if algorithm == "ES256" else "rsa.pem"
        signed = self.openssl("dgst", "-sha256", "-sign", key, data=message)
        return fixed(signed) if algorithm == "ES256" else signed


def fixed(der: bytes) -> bytes:
    """The two numbers of a DER signature, 32 octets each."""
    numbers, at = [], 2
    for _ in range(2):
        length = der[at + 1]
        numbers.append(der[at + 2 : at + 2 + length].lstrip(b"\0").rjust(32, b"\0"))
        at += 2 + length
    return b"".join(numbers)


def allow(principal: dict, *actions: str, **condition) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": list(actions)} | ({"Condition": condition} if condition else {})
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def provider(scratch):
    return Provider(scratch / sites.fresh_name("provider"))


@pytest.fixture
def own(make_proxy, provider):
    """A proxy with a role for the administrator and one for web identities."""
    site = make_proxy()
    policies = site.proxy.folder / "policies"
    identities = policies / "identities"
    admin = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/admin"}
    (identities / "worker-trust.json").write_text(allow(admin, "sts:AssumeRole", "sts:TagSession", StringLikeIfExists={"sts:ExternalId": "unicorn"}))
    condition = {"StringEquals": {"issuer.example/realm:aud": "store"}, "StringLike": {"issuer.example/realm:sub": "repo:team/*"}}
    (identities / "job-trust.json").write_text(allow({"Federated": PROVIDER}, "sts:AssumeRoleWithWebIdentity", **condition))
    (policies / "jwks.json").write_text(provider.jwks())
    site.proxy.stop()
    users = [
        {"arn": f"arn:aws:iam::{ACCOUNT}:user/{name}", "policies": names, "keys": [{"id": key.id, "secret": key.secret}]}
        for name, (key, names) in USERS.items()
    ]
    roles = [
        {"arn": ROLE, "trust": "worker-trust", "policies": ["administrator"], "max_session": "2h"},
        {"arn": WEB_ROLE, "trust": "job-trust", "policies": ["administrator"]},
    ]
    oidc = [{"issuer": ISSUER, "audiences": ["store"], "keys_file": "jwks.json"}]
    (policies / "credentials.toml").write_text(toml.dumps({"account": [{"id": ACCOUNT, "name": "main"}], "user": users, "role": roles, "oidc": oidc}))
    site.proxy.start()
    return site


def with_session(site, credentials: dict, service: str = "s3"):
    session = boto3.session.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        region_name="us-east-1",
    )
    return session.client(service, endpoint_url=site.endpoint, verify=site.ca)


def assume(site, keys: Keys | None = None, **more) -> dict:
    return site.client(keys, "sts").assume_role(RoleArn=ROLE, RoleSessionName="ci-42", **more)


def works(site, credentials: dict) -> None:
    s3, name = with_session(site, credentials), sites.fresh_name()
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"data")
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"data"
    sites.remove_bucket(s3, name)


def test_a_role_is_assumed_and_used(own):
    answer = assume(own, DurationSeconds=900)
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/ci-42"
    left = answer["Credentials"]["Expiration"] - datetime.datetime.now(datetime.UTC)
    assert 840 < left.total_seconds() <= 900
    works(own, answer["Credentials"])
    identity = with_session(own, answer["Credentials"], "sts").get_caller_identity()
    assert (identity["Arn"], identity["Account"]) == (answer["AssumedRoleUser"]["Arn"], ACCOUNT)
    assert identity["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]


def test_a_url_presigned_with_a_session_works_and_a_tampered_one_does_not(own):
    credentials = assume(own)["Credentials"]
    s3, name = with_session(own, credentials), sites.fresh_name()
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"data")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "k"}, ExpiresIn=60)
    pool = urllib3.PoolManager(ca_certs=own.ca, retries=False, timeout=30)
    if "X-Amz-Security-Token" in url:
        assert pool.request("GET", url).data == b"data"
        token = url.split("X-Amz-Security-Token=")[1].split("&")[0]
        other = assume(own)["Credentials"]["SessionToken"]
        answer = pool.request("GET", url.replace(token, other))
        assert (answer.status, b"<Code>InvalidToken</Code>" in answer.data) == (400, True), answer.data
        answer = pool.request("GET", url.replace(f"&X-Amz-Security-Token={token}", "").replace(f"X-Amz-Security-Token={token}&", ""))
        assert (answer.status, b"<Code>InvalidAccessKeyId</Code>" in answer.data) == (403, True), answer.data
    else:
        pytest.fail(f"not a Version 4 URL: {url.split('?')[0]}")
    sites.remove_bucket(s3, name)


def test_a_tampered_or_foreign_token_is_refused(own):
    credentials = assume(own)["Credentials"]
    token = credentials["SessionToken"]
    for place in (0, 10, len(token) // 2, len(token) - 1):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        refused(with_session(own, credentials | {"SessionToken": changed}).list_buckets, "InvalidToken", status=400)
    admin = own.keys
    lasting = {"AccessKeyId": admin.id, "SecretAccessKey": admin.secret, "SessionToken": token}
    refused(with_session(own, lasting).list_buckets, "InvalidToken", status=400)
    refused(with_session(own, lasting, "sts").get_caller_identity, "InvalidClientTokenId", status=403)


def test_who_is_not_trusted_may_not_assume(own):
    sts = own.client(NOBODY, "sts")
    refused(sts.assume_role, "AccessDenied", status=403, RoleArn=ROLE, RoleSessionName="xx")
    refused(own.client(service="sts").assume_role, "AccessDenied", status=403, RoleArn=ROLE, RoleSessionName="xx", ExternalId="horse")
    refused(own.client(service="sts").assume_role, "AccessDenied", status=403, RoleArn=WEB_ROLE, RoleSessionName="xx")
    assume(own, ExternalId="unicorn")
    assert sts.get_caller_identity()["Arn"].endswith(":user/nobody")


def test_durations_stay_in_their_bounds(own):
    sts = own.client(service="sts")
    refused(sts.assume_role, "ValidationError", status=400, RoleArn=ROLE, RoleSessionName="xx", DurationSeconds=7201)
    session = with_session(own, assume(own, DurationSeconds=7200)["Credentials"], "sts")
    refused(session.get_session_token, "AccessDenied", status=403)


def test_a_user_opens_a_session_of_itself(own):
    credentials = own.client(service="sts").get_session_token(DurationSeconds=900)["Credentials"]
    works(own, credentials)
    assert with_session(own, credentials, "sts").get_caller_identity()["Arn"].endswith(":user/admin")


def test_a_session_policy_that_nobody_evaluates_leaves_nothing(own):
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})
    narrowed = with_session(own, assume(own, Policy=policy)["Credentials"])
    refused(narrowed.create_bucket, "AccessDenied", status=403, Bucket=sites.fresh_name())
    refused(own.client(service="sts").assume_role, "MalformedPolicyDocument", status=400, RoleArn=ROLE, RoleSessionName="xx", Policy="{}")


def web(site, token: str) -> dict:
    unsigned = botocore_unsigned(site)
    return unsigned.assume_role_with_web_identity(RoleArn=WEB_ROLE, RoleSessionName="job", WebIdentityToken=token)


def botocore_unsigned(site):
    return boto3.session.Session(region_name="us-east-1").client("sts", endpoint_url=site.endpoint, verify=site.ca)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_web_identity_becomes_a_session(own, provider, algorithm):
    answer = web(own, provider.token(algorithm))
    assert (answer["SubjectFromWebIdentityToken"], answer["Audience"], answer["Provider"]) == ("repo:team/app", "store", ISSUER)
    works(own, answer["Credentials"])


def test_web_identities_that_are_forged_over_or_for_others_are_refused(own, provider):
    now = int(time.time())

    def check(token: str, code: str) -> None:
        with pytest.raises(botocore.exceptions.ClientError) as refusal:
            web(own, token)
        assert refusal.value.response["Error"]["Code"] == code, token.split(".")[0]

    check(provider.token("none"), "InvalidIdentityToken")
    check(provider.token("HS256"), "InvalidIdentityToken")
    check(provider.token(iss="https://issuer.example"), "InvalidIdentityToken")
    check(provider.token(aud="stranger"), "InvalidIdentityToken")
    check(provider.token(nbf=now + 3600), "InvalidIdentityToken")
    check(provider.token(exp=now - 3600, iat=now - 7200), "ExpiredTokenException")
    check(provider.token(sub="repo:others/app"), "AccessDenied")
    head, payload, signature = provider.token().split(".")
    check(f"{head}.{payload}.{signature[:-8]}AAAAAAAA", "InvalidIdentityToken")


def test_the_command_assumes_a_role_by_its_profile(own, tmp_path):
    config = tmp_path / "config"
    config.write_text(f"[profile worker]\nrole_arn = {ROLE}\nsource_profile = admin\nendpoint_url = {own.endpoint}\nregion = us-east-1\n")
    shared = tmp_path / "credentials"
    shared.write_text(f"[admin]\naws_access_key_id = {own.keys.id}\naws_secret_access_key = {own.keys.secret}\n")
    files = {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(shared), "AWS_PROFILE": "worker"}
    environment = {name: value for name, value in own.environment().items() if not name.startswith("AWS_ACCESS") and not name.startswith("AWS_SECRET")}
    command = [paths.aws_command(), "sts", "get-caller-identity", "--query", "Arn", "--output", "text"]
    done = subprocess.run(command, env=environment | files, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120)
    assert ":assumed-role/worker/" in done.stdout, done.stderr


def test_no_secret_is_on_record_and_the_handed_out_key_is(own):
    credentials = assume(own)["Credentials"]
    with_session(own, credentials).list_buckets()
    own.proxy.stop()
    records = own.proxy.journal()
    text = json.dumps(records) + (own.proxy.folder / "stderr").read_text()
    assert credentials["SecretAccessKey"] not in text and credentials["SessionToken"] not in text
    assert any(record.get("issued_access_key_id") == credentials["AccessKeyId"] for record in records)
    assert any(record.get("role_arn") == ROLE for record in records)
