//! What a finding says, in the form of Macie's (spec/detection.md 9.5), with `s3hp` as who says it, so that
//! nobody takes it for one of AWS's. No octet of the object is in it.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::Object;
use crate::detect::{Category, Detection, Kind, Place, Report, Severity, Status};
use crate::id::uuid;

/// What was seen in an object.
pub(super) struct Seen<'a> {
    pub(super) severity: Severity,
    pub(super) kind: Kind,
    pub(super) status: Status,
    pub(super) report: &'a Report,
}

/// One finding as one JSON object, in one line.
pub(super) fn document(object: &Object, seen: &Seen<'_>) -> String {
    let time = object.time.rfc3339();
    let place = match &object.part {
        Some((_, number)) => format!("part {number} of an upload to {}/{}", object.bucket, object.key),
        None => format!("{}/{}", object.bucket, object.key),
    };
    let what = seen.report.counts.iter().map(|(identifier, count)| format!("{identifier} ({count})"));
    json!({
        "schemaVersion": "1.0",
        "id": id(object),
        "accountId": object.account,
        "partition": "aws",
        "region": object.region,
        "type": seen.kind.as_str(),
        "category": "CLASSIFICATION",
        "severity": { "description": seen.severity.as_str(), "score": seen.severity.score() },
        "title": "The object holds sensitive content.",
        "description": format!("{place}: {}.", what.collect::<Vec<_>>().join(", ")),
        "count": 1,
        "archived": false,
        "sample": false,
        "createdAt": time,
        "updatedAt": time,
        "service": { "serviceName": "s3hp", "additionalInfo": { "evidence": [object.request] } },
        "classificationDetails": {
            "originType": "AUTOMATED_SENSITIVE_DATA_DISCOVERY",
            "result": result(object, seen),
        },
        "resourcesAffected": resources(object),
    })
    .to_string()
}

/// The same request gives the same id.
fn id(object: &Object) -> String {
    let hash = digest(&SHA256, format!("{}/content", object.request).as_bytes());
    uuid(8, hash.as_ref().first_chunk().copied().unwrap_or_default())
}

fn result(object: &Object, seen: &Seen<'_>) -> Value {
    let (code, reason) = seen.status.code();
    let report = seen.report;
    let mut categories: BTreeMap<Option<Category>, (u64, Vec<Value>)> = BTreeMap::new();
    for (identifier, count) in &report.counts {
        let (total, detections) = categories.entry(Category::of(identifier)).or_default();
        *total = total.saturating_add(*count);
        let places = report.detections.iter().filter(|detection| detection.identifier == *identifier);
        detections.push(json!({ "type": identifier, "count": count, "occurrences": occurrences(places) }));
    }
    let categories = categories.into_iter().map(|(category, (total, detections))| {
        json!({ "category": category.map(Category::as_str), "totalCount": total, "detections": detections })
    });
    let found: u64 = report.counts.values().sum();
    json!({
        "status": { "code": code, "reason": reason },
        "mimeType": object.content_type,
        "sizeClassified": report.scanned,
        "additionalOccurrences": found > report.detections.len() as u64,
        "sensitiveData": categories.collect::<Vec<_>>(),
        "customDataIdentifiers": { "totalCount": 0, "detections": [] },
    })
}

/// Where: octets of a text, cells of a table or values of a JSON document.
fn occurrences<'a>(detections: impl Iterator<Item = &'a Detection>) -> Value {
    let mut all = Map::new();
    for Detection { start, end, place, .. } in detections {
        let (list, one) = match place {
            Place::Text => ("offsetRanges", json!({ "start": start, "end": end })),
            Place::Cell { row, column, name } => {
                ("cells", json!({ "row": row, "column": column, "columnName": name, "start": start, "end": end }))
            }
            Place::Value { path, record } => {
                ("records", json!({ "recordIndex": record, "jsonPath": path, "start": start, "end": end }))
            }
        };
        if let Value::Array(list) = all.entry(list).or_insert_with(|| json!([])) {
            list.push(one);
        }
    }
    Value::Object(all)
}

fn resources(object: &Object) -> Value {
    let Object { bucket, key, .. } = object;
    let arn = format!("arn:aws:s3:::{bucket}");
    let name = key.rsplit('/').next().unwrap_or_default();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension).unwrap_or_default();
    let encryption =
        object.encryption.as_ref().map(|(kind, key)| json!({ "encryptionType": kind, "kmsMasterKeyId": key }));
    let part = object.part.as_ref().map(|(upload, number)| json!({ "uploadId": upload, "partNumber": number }));
    json!({
        "s3Bucket": { "arn": arn, "name": bucket, "owner": { "id": object.account } },
        "s3Object": {
            "bucketArn": arn,
            "key": key,
            "path": format!("{bucket}/{key}"),
            "extension": extension,
            "eTag": object.etag,
            "versionId": object.version,
            "size": object.size,
            "storageClass": object.storage_class,
            "serverSideEncryption": encryption,
            "part": part,
        },
    })
}
