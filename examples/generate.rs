//! Turns the references into source: `cargo run --example generate -- SPEC_DIR`.
//!
//! Reads `s3-operations.json`, `errors.json` and `s3-authorization.json` there, writes
//! `src/s3/operation/table.rs`, `src/s3/permission/`, `src/s3/code.rs`, the routing examples that the
//! tests replay, and `src/policy/action/table.rs`. What it writes is committed; the build reads nothing
//! outside the repository.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "a tool for developers stops at the first surprise"
)]

#[path = "generate/permission.rs"]
mod permission;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use serde_json::Value;

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("call: cargo run --example generate -- SPEC_DIR");
        return ExitCode::from(2);
    };
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(Path::new(&folder).join(name)).expect("the reference can be read");
        serde_json::from_str(&text).expect("the reference is JSON")
    };
    let (operations, errors) = (read("s3-operations.json"), read("errors.json"));
    let authorization = read("s3-authorization.json");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (name, text) in [
        ("s3/operation/table.rs", table(&operations)),
        ("s3/operation/examples.rs", examples(&operations)),
        ("s3/permission/keys.rs", permission::keys(&authorization)),
        ("s3/permission/table.rs", permission::table(&authorization, &operations)),
        ("s3/code.rs", codes(&errors)),
        ("policy/action/table.rs", actions(&authorization)),
    ] {
        let path = source.join(name);
        std::fs::write(&path, text).expect("the source can be written");
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("rustfmt.toml");
        let status =
            Command::new("rustfmt").args(["--edition", "2024", "--config-path"]).arg(config).arg(&path).status();
        assert!(status.is_ok_and(|status| status.success()), "rustfmt refused {name}");
    }
    ExitCode::SUCCESS
}

/// What is served of S3 Control under a name that S3 does not have; the public access block has the same one
/// in both.
const CONTROL: [&str; 11] = [
    "CreateAccessPoint",
    "DeleteAccessPoint",
    "DeleteAccessPointPolicy",
    "GetAccessPoint",
    "GetAccessPointPolicy",
    "GetAccessPointPolicyStatus",
    "ListAccessPoints",
    "ListTagsForResource",
    "PutAccessPointPolicy",
    "TagResource",
    "UntagResource",
];

/// The operations of S3 that have a wire form of their own, by name.
fn own_form(reference: &Value) -> BTreeMap<&str, &Value> {
    list(&reference["services"]["s3"], "operations")
        .filter(|operation| operation["same_wire_form_as"].is_null())
        .map(|operation| (text(operation, "name"), operation))
        .collect()
}

/// The operations that are told apart: those of S3, and some of S3 Control.
fn served(reference: &Value) -> BTreeMap<&str, &Value> {
    let control = list(&reference["services"]["s3control"], "operations")
        .map(|operation| (text(operation, "name"), operation))
        .filter(|(name, _)| CONTROL.contains(name));
    let mut found = own_form(reference);
    for (name, operation) in control {
        assert!(found.insert(name, operation).is_none(), "{name} is an operation of S3, too");
    }
    found
}

fn table(reference: &Value) -> String {
    let operations = served(reference);
    let keys: Vec<&str> = list(&reference["routing"], "subresource_keys").filter_map(Value::as_str).collect();
    let mut out =
        String::from("//! The operations of S3 and S3 Control. Made by `examples/generate.rs`; do not edit.\n\n");
    out += "use super::{BodyKind, Level, Spec};\n\n";
    out += "/// What a request asks for (spec/s3-operations.md 6), one variant per wire form.\n";
    out += "#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]\npub enum Operation {\n";
    for name in operations.keys() {
        let _ = writeln!(out, "/// `{name}`\n{name},");
    }
    let _ = writeln!(
        out,
        "}}\n\n/// Query names that select an operation.\npub(super) const SUBRESOURCES: &[&str] = &{keys:?};\n"
    );
    let _ = writeln!(
        out,
        "impl Operation {{\n/// Every operation, in the order of their names.\npub const ALL: [Self; {}] = [",
        operations.len()
    );
    for name in operations.keys() {
        let _ = writeln!(out, "Self::{name},");
    }
    out += "];\n}\n\n/// One row per operation, in the order of [`Operation::ALL`].\npub(super) static SPECS: &[Spec] = &[\n";
    for operation in operations.values() {
        out += &spec(operation, &keys);
    }
    out += "];\n";
    out
}

fn spec(operation: &Value, keys: &[&str]) -> String {
    let required = operation["require"]["query"].as_object().expect("require.query is an object");
    let subresource = required.keys().find(|name| keys.contains(&name.as_str()));
    let selector = required.keys().find(|name| !keys.contains(&name.as_str()) && *name != "list-type");
    let level = match text(operation, "level") {
        "service" => "Service",
        "bucket" => "Bucket",
        "object" => "Object",
        _ => "Other",
    };
    let mut query: Vec<&str> = names(operation, "query").chain(names(operation, "query_literal")).collect();
    query.sort_unstable();
    query.dedup();
    let mut headers: Vec<&str> = names(operation, "headers").collect();
    headers.sort_unstable();
    let mut response_headers: Vec<&str> = list(&operation["response"], "headers").filter_map(Value::as_str).collect();
    response_headers.sort_unstable();
    let body = &operation["body"];
    let kind = match text(body, "kind") {
        "none" => "BodyKind::None".to_owned(),
        "xml" => format!("BodyKind::Xml {{ required: {} }}", body["required"]),
        "text" => "BodyKind::Text".to_owned(),
        "blob" => "BodyKind::Blob".to_owned(),
        _ => "BodyKind::Form".to_owned(),
    };
    let name = text(operation, "name");
    format!(
        "Spec {{ name: {name:?}, method: {:?}, level: Level::{level}, subresource: {subresource:?}, selector: {selector:?}, \
         query: &{query:?}, headers: &{headers:?}, metadata: {}, body: {kind}, checksum_required: {}, streaming: {}, \
         response_headers: &{response_headers:?}, refused: {:?} }},\n",
        text(operation, "method"),
        operation["header_prefix"].as_array().is_some_and(|prefixes| !prefixes.is_empty()),
        operation["checksum"]["required"] == true,
        matches!(name, "PutObject" | "UploadPart"),
        operation["proxy"]["reason"].as_str(),
    )
}

fn examples(reference: &Value) -> String {
    let mut out = String::from(
        "//! What a real client sends for each operation: name, method, target, headers. Made by\n//! `examples/generate.rs`; do not edit.\n\n",
    );
    out += "pub(crate) type Example = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);\n\n";
    out += "pub(crate) const EXAMPLES: &[Example] = &[\n";
    for (name, operation) in own_form(reference) {
        let Some(target) = operation["example"]["target"].as_str() else { continue };
        let mut headers: Vec<(&str, &str)> = operation["example"]["headers"]
            .as_object()
            .map(|headers| headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect())
            .unwrap_or_default();
        headers.sort_unstable();
        let _ = writeln!(out, "({name:?}, {:?}, {target:?}, &{headers:?}),", text(operation, "method"));
    }
    out += "];\n";
    out
}

/// What S3 says where the reference has a meaning alone.
const SAID: [(&str, &str); 2] = [
    (
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or \
         completed.",
    ),
    ("NoSuchVersion", "The specified version does not exist."),
];

fn codes(reference: &Value) -> String {
    let mut codes = BTreeMap::new();
    // S3 comes first: where another service shares a code, its own status is a matter of its envelope.
    let of =
        |api: &'static str| list(reference, "errors").filter(move |error| error["api"].as_str().unwrap_or("s3") == api);
    for error in of("s3").chain(of("sts")).chain(of("s3control")) {
        let message = error["message"].as_str().filter(|message| !message.is_empty() && !message.contains('…'));
        // A template says nothing without its values; the first sentence of the meaning does.
        let meaning = text(error, "meaning").split_inclusive(". ").next().unwrap_or_default().trim();
        let said = SAID.iter().find(|(code, _)| error["code"] == *code).map(|(_, said)| *said);
        let row = (error["status"].as_u64().unwrap_or(500), said.or(message).unwrap_or(meaning));
        codes.entry(variant(text(error, "code"))).or_insert((text(error, "code"), row));
    }
    let mut out = String::from(
        "//! The error codes of S3, S3 Control and STS with their status. Made by `examples/generate.rs`; do not edit.\n\n",
    );
    out += "/// A code that S3, S3 Control, STS or the store behind the proxy puts into an error document (spec/errors.md 7).\n";
    out += "#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]\n#[non_exhaustive]\npub enum Code {\n";
    for (variant, (code, _)) in &codes {
        let _ = writeln!(out, "/// `{code}`\n{variant},");
    }
    out += "}\n\nimpl Code {\n/// The text of the element `Code`.\npub const fn as_str(self) -> &'static str { match self {\n";
    for (variant, (code, _)) in &codes {
        let _ = writeln!(out, "Self::{variant} => {code:?},");
    }
    out += "} }\n\n/// The HTTP status that goes with the code.\npub const fn status(self) -> u16 { match self {\n";
    let mut by_status: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (variant, (_, (status, _))) in &codes {
        by_status.entry(*status).or_default().push(format!("Self::{variant}"));
    }
    for (status, variants) in by_status {
        let _ = writeln!(out, "{} => {status},", variants.join(" | "));
    }
    out += "} }\n\n/// The sentence S3 uses when nothing more precise is known. Never empty.\npub const fn message(self) -> &'static str { match self {\n";
    for (variant, (_, (_, message))) in &codes {
        let _ = writeln!(out, "Self::{variant} => {message:?},");
    }
    out += "} }\n}\n";
    out
}

/// Actions and condition keys, both in the order of their names in lower case.
fn actions(reference: &Value) -> String {
    let member = |of: &str| -> BTreeMap<String, (&String, &Value)> {
        let rows = reference[of].as_object().expect("a table");
        rows.iter().map(|(name, row)| (name.to_lowercase(), (name, row))).collect()
    };
    let (rows, keys) = (member("actions"), member("conditionKeys"));
    let orphans = permission::orphans(reference);
    let mut out =
        String::from("//! The actions and condition keys of S3. Made by `examples/generate.rs`; do not edit.\n\n");
    out += "use super::{ActionRow, KeyRow, KeyType, ResourceKind};\n\n";
    let _ = writeln!(out, "/// How many actions there are.\npub(super) const COUNT: usize = {};\n", rows.len());
    out += "/// Every action, in the order of `folded`.\npub(super) static ACTIONS: [ActionRow; COUNT] = [\n";
    for (index, (folded, (name, row))) in rows.iter().enumerate() {
        let resources: Vec<&str> = list(row, "resources").filter_map(Value::as_str).collect();
        let mut kinds: Vec<&str> = resources.iter().map(|resource| resource_kind(resource)).collect();
        kinds.dedup();
        // An action carries its own keys, those of what it acts on, and those that an operation sets for it.
        let of_resources =
            resources.iter().flat_map(|resource| list(&reference["resourceTypes"][*resource], "conditionKeys"));
        let own = list(row, "conditionKeys").chain(of_resources).filter_map(key_name);
        let mut carried: Vec<&str> = own.chain(orphans.get(name.as_str()).into_iter().flatten().copied()).collect();
        carried.sort_unstable();
        carried.dedup();
        let _ = writeln!(
            out,
            "ActionRow {{ index: {index}, name: {name:?}, folded: {folded:?}, resources: &[{}], keys: &{carried:?} }},",
            kinds.join(", ")
        );
    }
    out += "];\n\n/// Every condition key, in the order of `folded`. A name with a slash at its end wants a tag's name behind it.\n";
    out += "pub(super) static KEYS: &[KeyRow] = &[\n";
    for (name, row) in keys.values() {
        let name = key_name(&Value::String((*name).clone())).map(str::to_owned).expect("a name");
        let kind = match text(row, "type") {
            "String" | "ArrayOfString" => "Text",
            "Numeric" => "Number",
            "Date" => "Date",
            "Bool" => "Bool",
            "ARN" => "Arn",
            "IPAddress" => "Address",
            other => panic!("a key of type {other}"),
        };
        let _ = writeln!(
            out,
            "KeyRow {{ name: {name:?}, folded: {:?}, kind: KeyType::{kind}, multi_valued: {} }},",
            name.to_lowercase(),
            row["multiValued"],
        );
    }
    out += "];\n";
    out
}

/// `s3:ExistingObjectTag/` for `s3:ExistingObjectTag/<key>`.
fn key_name(name: &Value) -> Option<&str> {
    name.as_str().map(family)
}

fn family(name: &str) -> &str {
    name.find('/').map_or(name, |slash| &name[..=slash])
}

fn resource_kind(name: &str) -> &'static str {
    match name {
        "bucket" => "ResourceKind::Bucket",
        "object" => "ResourceKind::Object",
        "accesspoint" => "ResourceKind::AccessPoint",
        "accesspointobject" => "ResourceKind::AccessPointObject",
        _ => "ResourceKind::Other",
    }
}

fn variant(code: &str) -> String {
    code.replace("KMS.KMS", "Kms").replace("KMS.", "Kms")
}

fn list<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    of[name].as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn names<'a>(of: &'a Value, member: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    list(of, member).map(|entry| text(entry, "name"))
}

fn text<'a>(of: &'a Value, member: &str) -> &'a str {
    of[member].as_str().unwrap_or_default()
}
