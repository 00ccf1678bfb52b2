"""What the tests talk to: the proxy in front of a store, or the store by itself."""

import pathlib
import subprocess
import uuid
from dataclasses import dataclass

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import urllib3

from . import paths
from .proxy import ADMIN, Bartizan, Keys
from .stores import ACCESS_KEY, SECRET_KEY, Store


@dataclass
class Site:
    """An endpoint, who may do everything there, and what stands behind it."""

    store: Store
    endpoint: str
    keys: Keys
    ca: str | None = None
    proxy: Bartizan | None = None

    @classmethod
    def of_store(cls, store: Store) -> "Site":
        return cls(store, store.endpoint, Keys(ACCESS_KEY, SECRET_KEY))

    @classmethod
    def of_proxy(cls, proxy: Bartizan) -> "Site":
        return cls(proxy.store, proxy.endpoint, ADMIN, proxy.ca, proxy)

    def environment(self, keys: Keys | None = None) -> dict[str, str]:
        """What `bartizan env` sets. `aws` 1.x and boto3 read AWS_DEFAULT_REGION, most other clients AWS_REGION."""
        keys = keys or self.keys
        ours = {"AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": keys.id, "AWS_SECRET_ACCESS_KEY": keys.secret}
        if self.ca:
            ours["AWS_CA_BUNDLE"] = self.ca
        return paths.clean_environment() | ours

    def client(self, keys: Keys | None = None, service: str = "s3", **config):
        """boto3 with its default settings, but for `config`."""
        keys = keys or self.keys
        session = boto3.session.Session(aws_access_key_id=keys.id, aws_secret_access_key=keys.secret, region_name="us-east-1")
        settings = botocore.config.Config(**config) if config else None
        return session.client(service, endpoint_url=self.endpoint, verify=self.ca, config=settings)

    def aws(self, *arguments, keys: Keys | None = None, status: int | None = 0, **environment: str) -> subprocess.CompletedProcess:
        """The stock `aws` command. `status` is what it must end with; None: anything but 0."""
        command = [paths.aws_command(), *map(str, arguments)]
        done = subprocess.run(command, env=self.environment(keys) | environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=240)
        fine = done.returncode == status if status is not None else done.returncode != 0
        assert fine, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done

    def signed(self, method: str, path: str, body: bytes = b"", headers: dict | None = None, region: str = "us-east-1") -> botocore.awsrequest.AWSRequest:
        """A request signed as S3 wants it, to be tampered with before it is sent."""
        request = botocore.awsrequest.AWSRequest(method=method, url=self.endpoint + path, data=body, headers=headers or {})
        request.headers["Host"] = self.endpoint.split("//")[1]
        botocore.auth.S3SigV4Auth(botocore.credentials.Credentials(self.keys.id, self.keys.secret), "s3", region).add_auth(request)
        return request

    def send(self, request: botocore.awsrequest.AWSRequest) -> urllib3.BaseHTTPResponse:
        """Sends it byte for byte as it stands, once."""
        pool = urllib3.PoolManager(ca_certs=self.ca, retries=False, timeout=30)
        return pool.urlopen(request.method, request.url, body=request.data or None, headers=dict(request.headers.items()), redirect=False)


def fresh_name(prefix: str = "bucket") -> str:
    """A bucket name nobody used."""
    return f"{prefix}-{uuid.uuid4().hex[:16]}"


def remove_bucket(s3, bucket: str) -> None:
    """Empties a bucket, versions and unfinished uploads included, and removes it."""
    for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for entry in page.get("Versions", []) + page.get("DeleteMarkers", []):
            s3.delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])
    s3.delete_bucket(Bucket=bucket)
