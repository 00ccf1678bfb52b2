use serde_json::json;

use super::*;
use crate::audit::cloudtrail::{Setting, records};
use crate::audit::event::tests::event;

fn record(over: Value) -> Record {
    records(&event(over), &Setting::default()).remove(0)
}

fn takes(selectors: &Value, record: &Record) -> bool {
    Selectors::parse(&selectors.to_string()).unwrap().takes(record)
}

fn write() -> Record {
    record(json!({ "operation": "PutObject", "method": "PUT" }))
}

fn management() -> Record {
    record(json!({ "operation": "PutBucketPolicy", "key": null }))
}

#[test]
fn classic_selectors_choose_by_reading_category_and_prefix() {
    let (read, write, management) = (record(json!({})), write(), management());
    let data = |values: &[&str]| json!({ "DataResources": [{ "Type": "AWS::S3::Object", "Values": values }] });
    assert!(takes(&data(&["arn:aws:s3"]), &read));
    assert!(takes(&data(&["arn:aws:s3:::"]), &read), "every ARN begins so");
    assert!(takes(&data(&["arn:aws:s3:::data/"]), &read));
    assert!(takes(&data(&["arn:aws:s3:::data"]), &read));
    assert!(takes(&data(&["arn:aws:s3:::data/a/"]), &read));
    assert!(takes(&data(&["arn:aws:s3:::other/", "arn:aws:s3:::data/a/b"]), &read));
    assert!(!takes(&data(&["arn:aws:s3:::data/b"]), &read));
    assert!(!takes(&data(&["arn:aws:s3:::dat"]), &read), "half of a bucket's name");
    assert!(!takes(&data(&[]), &read));
    assert!(!takes(&json!({}), &read), "data is asked for or not there");
    assert!(takes(&json!({}), &management));
    assert!(!takes(&json!({ "IncludeManagementEvents": false }), &management));
    assert!(!takes(&json!({ "ExcludeManagementEventSources": ["s3.amazonaws.com"] }), &management));
    assert!(takes(&json!({ "ExcludeManagementEventSources": ["kms.amazonaws.com"] }), &management));
    let only = |kind: &str| {
        let mut selector = data(&["arn:aws:s3"]);
        selector["ReadWriteType"] = kind.into();
        [takes(&selector, &read), takes(&selector, &write), takes(&selector, &management)]
    };
    assert_eq!(only("All"), [true, true, true]);
    assert_eq!(only("ReadOnly"), [true, false, false]);
    assert_eq!(only("WriteOnly"), [false, true, true]);
    let list = record(json!({ "operation": "ListObjectsV2", "key": null }));
    assert!(takes(&data(&["arn:aws:s3:::data/"]), &list));
    let head = record(json!({ "operation": "HeadBucket", "key": null }));
    assert!(takes(&data(&["arn:aws:s3:::data/"]), &head));
    assert!(!takes(&data(&["arn:aws:s3:::other/"]), &head));
}

/// One advanced selector for data with more fields.
fn advanced(fields: Value) -> Value {
    let mut all = vec![
        json!({ "Field": "eventCategory", "Equals": ["Data"] }),
        json!({ "Field": "resources.type", "Equals": ["AWS::S3::Object"] }),
    ];
    all.extend(fields.as_array().unwrap().iter().cloned());
    json!([{ "Name": "n", "FieldSelectors": all }])
}

#[test]
fn every_operator_of_advanced_selectors_does_what_it_says() {
    let read = record(json!({}));
    let arn = "arn:aws:s3:::data/a/b.txt";
    for (fields, expected) in [
        (json!([]), true),
        (json!([{ "Field": "eventName", "Equals": ["PutObject", "GetObject"] }]), true),
        (json!([{ "Field": "eventName", "Equals": ["PutObject"] }]), false),
        (json!([{ "Field": "eventName", "Equals": ["PutObject"], "StartsWith": ["Get"] }]), true),
        (json!([{ "Field": "eventName", "EndsWith": ["Object"], "NotEquals": ["GetObject"] }]), false),
        (
            json!([{ "Field": "eventName", "NotEquals": ["PutObject"], "NotStartsWith": ["Put"], "NotEndsWith": ["Acl"] }]),
            true,
        ),
        (json!([{ "Field": "eventName", "NotStartsWith": ["Put", "Get"] }]), false),
        (json!([{ "Field": "eventName", "NotEndsWith": ["Object"] }]), false),
        (json!([{ "Field": "readOnly", "Equals": ["true"] }]), true),
        (json!([{ "Field": "readOnly", "Equals": ["false"] }]), false),
        (json!([{ "Field": "eventSource", "Equals": ["s3.amazonaws.com"] }]), true),
        (json!([{ "Field": "eventType", "NotEquals": ["AwsServiceEvent"] }]), true),
        (json!([{ "Field": "resources.ARN", "Equals": [arn] }]), true),
        (json!([{ "Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::data/"] }]), true),
        (json!([{ "Field": "resources.ARN", "Equals": ["arn:aws:s3:::data"] }]), false),
        (json!([{ "Field": "resources.ARN", "NotStartsWith": ["arn:aws:s3:::data/a"] }]), false),
        (json!([{ "Field": "userIdentity.arn", "EndsWith": ["/alice"] }]), true),
        (json!([{ "Field": "userIdentity.arn", "NotEquals": ["arn:aws:iam::111122223333:user/dev/alice"] }]), false),
        // What is not there matches nothing, and nothing is wrong with it.
        (json!([{ "Field": "sessionCredentialFromConsole", "Equals": ["true"] }]), false),
        (json!([{ "Field": "sessionCredentialFromConsole", "NotEquals": ["true"] }]), true),
        (
            json!([{ "Field": "readOnly", "Equals": ["true"] }, { "Field": "eventName", "Equals": ["PutObject"] }]),
            false,
        ),
    ] {
        assert_eq!(takes(&advanced(fields.clone()), &read), expected, "{fields}");
    }
    assert!(!takes(&advanced(json!([])), &management()));
    let other = json!([{ "FieldSelectors": [
        { "Field": "eventCategory", "Equals": ["Data"] },
        { "Field": "resources.type", "Equals": ["AWS::S3::AccessPoint"] },
    ] }]);
    assert!(!takes(&other, &read));
    let managed = json!({ "FieldSelectors": [{ "Field": "eventCategory", "Equals": ["Management"] }] });
    assert!(takes(&managed, &management()));
    assert!(!takes(&managed, &read));
}

#[test]
fn both_objects_of_a_copy_are_compared() {
    let copy = record(json!({
        "operation": "CopyObject", "source": { "bucket_name": "old", "key": "secret/x" },
    }));
    let starts = |operator: &str, value: &str| advanced(json!([{ "Field": "resources.ARN", operator: [value] }]));
    assert!(takes(&starts("StartsWith", "arn:aws:s3:::old/"), &copy));
    assert!(takes(&starts("StartsWith", "arn:aws:s3:::data/"), &copy));
    assert!(!takes(&starts("NotStartsWith", "arn:aws:s3:::old/"), &copy));
    assert!(takes(&starts("NotStartsWith", "arn:aws:s3:::new/"), &copy));
}

#[test]
fn records_of_each_deleted_key_can_be_left_out() {
    let selectors = Selectors::parse(
        &json!({ "AdvancedEventSelectors": [
            { "FieldSelectors": [
                { "Field": "eventCategory", "Equals": ["Data"] },
                { "Field": "resources.type", "Equals": ["AWS::S3::Object"] },
                { "Field": "eventName", "NotEquals": ["DeleteObject"] },
            ] },
            { "FieldSelectors": [
                { "Field": "eventCategory", "Equals": ["Data"] },
                { "Field": "resources.type", "Equals": ["AWS::S3::Object"] },
                { "Field": "eventName", "Equals": ["DeleteObject"] },
                { "Field": "eventType", "NotEquals": ["AwsServiceEvent"] },
            ] },
        ] })
        .to_string(),
    )
    .unwrap();
    let many = event(json!({ "operation": "DeleteObjects", "key": null, "deletions": [{ "key": "a" }] }));
    let taken: Vec<_> = records(&many, &Setting::default()).iter().map(|record| selectors.takes(record)).collect();
    assert_eq!(taken, [true, false]);
    assert!(selectors.takes(&record(json!({ "operation": "DeleteObject" }))));
}

#[test]
fn what_is_no_selector_is_refused_and_said_why() {
    for (document, why) in [
        ("[]", "1 to 500"),
        ("{", "EOF"),
        (r#"{"ReadWriteTypes":"All"}"#, "unknown field"),
        (r#"{"ReadWriteType":"Some"}"#, "unknown variant"),
        (r#"{"DataResources":[{"Type":"AWS::S3::Object","Values":["data"]}]}"#, "`data` is no ARN"),
        (r#"[{"FieldSelectors":[]}]"#, "eventCategory must be there once"),
        (r#"[{"FieldSelectors":[{"Field":"eventCategory","NotEquals":["Data"]}]}]"#, "eventCategory must be there"),
        (r#"[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]}]}]"#, "resources.type must be there"),
        (r#"[{"FieldSelectors":[{"Field":"eventCategory"}]}]"#, "compared with nothing"),
        (r#"[{"FieldSelectors":[{"Field":"eventVersion","Equals":["1"]}]}]"#, "unknown variant"),
        (r#"[{"FieldSelectors":[{"Field":"eventCategory","equals":["Data"]}]}]"#, "unknown field"),
    ] {
        let error = Selectors::parse(document).unwrap_err().to_string();
        assert!(error.contains(why), "{document}: {error}");
    }
    assert!(Selectors::parse(&" ".repeat(LONGEST + 1)).is_err());
}
