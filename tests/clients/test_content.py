"""Uploads that are looked at for sensitive content: what boto3 and `aws` upload in their usual ways, before real
stores and sealed, and nothing of it is held up or told (docs/content.md)."""

import gzip
import json
from dataclasses import replace

import pytest
from boto3.s3.transfer import TransferConfig

from support import proxy, site as sites
from support.data import MIB

pytestmark = [pytest.mark.proxy]

# Invented, as are all that are found here.
NUMBER = "064-09-8688"
LOOK = {"content": {"sample": 1.0}}


def findings(site) -> list[dict]:
    """What was found, once the proxy has ended and looked at all that waited."""
    assert site.proxy.stop() == 0
    lines = (site.proxy.folder / "state" / "findings.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def counts(finding: dict) -> dict[str, int]:
    categories = finding["classificationDetails"]["result"]["sensitiveData"]
    return {one["type"]: one["count"] for category in categories for one in category["detections"]}


def test_what_sdks_upload_is_looked_at_and_never_shown(make_proxy):
    site, bucket = make_proxy(detect=LOOK), sites.fresh_name()
    s3 = site.client()
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="table.csv", Body=f"name,ssn\r\nWibke,{NUMBER}\r\n", ContentType="text/csv")
    s3.put_object(Bucket=bucket, Key="document.json", Body=json.dumps({"ssn": [NUMBER]}), ContentType="application/json")
    s3.put_object(Bucket=bucket, Key="log.gz", Body=gzip.compress(f"ssn {NUMBER}\n".encode()))
    s3.put_object(Bucket=bucket, Key="clean.txt", Body=b"nothing to see")
    parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    path = site.proxy.folder / "large.txt"
    path.write_bytes(b"." * 5 * MIB + f" ssn {NUMBER}\n".encode())
    s3.upload_file(str(path), bucket, "large.txt", Config=parts)
    assert s3.get_object(Bucket=bucket, Key="large.txt")["Body"].read() == path.read_bytes()
    found = {finding["resourcesAffected"]["s3Object"]["key"]: finding for finding in findings(site)}
    assert sorted(found) == ["document.json", "large.txt", "log.gz", "table.csv"]
    assert all(counts(finding) == {"USA_SOCIAL_SECURITY_NUMBER": 1} for finding in found.values()), found
    occurrences = lambda key: found[key]["classificationDetails"]["result"]["sensitiveData"][0]["detections"][0]["occurrences"]  # noqa: E731
    assert occurrences("table.csv") == {"cells": [{"row": 2, "column": 2, "columnName": "ssn", "start": 0, "end": 11}]}
    assert occurrences("document.json") == {"records": [{"recordIndex": 0, "jsonPath": "$.ssn[0]", "start": 0, "end": 11}]}
    assert found["large.txt"]["resourcesAffected"]["s3Object"]["part"]["partNumber"] == "2"
    told = json.dumps(list(found.values())) + json.dumps(site.proxy.journal()) + (site.proxy.folder / "stderr").read_text()
    assert NUMBER not in told


@pytest.mark.stores("minio")
def test_what_is_sealed_is_looked_at_before(scratch, store):
    made = proxy.Bartizan(scratch / sites.fresh_name("looked"), replace(store, sealed=True), detect=LOOK).start()
    site, bucket = sites.Site.of_proxy(made), sites.fresh_name()
    s3 = site.client()
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=f"ssn {NUMBER}")
    (found,) = findings(site)
    assert counts(found) == {"USA_SOCIAL_SECURITY_NUMBER": 1}
    assert found["resourcesAffected"]["s3Object"]["size"] == 15
    made.discard()
