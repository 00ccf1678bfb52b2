//! The tables of permissions: which checks an operation needs, and which condition keys each may see.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::{CONTROL, list, served, text};

/// Condition keys by their lower-case names, with the variants they become.
type Keys<'a> = BTreeMap<String, (String, &'a str, &'a Value)>;

pub fn keys(reference: &Value) -> String {
    let keys = all_keys(reference);
    let mut out = String::from("//! The condition keys of S3. Made by `examples/generate.rs`; do not edit.\n\n");
    out += "use super::{Keys, KeySpec};\n\n";
    out += "/// A condition key (spec/s3-authorization.md 4), in the order of the lower-case names.\n";
    out += "#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]\npub enum Key {\n";
    for (variant, name, _) in keys.values() {
        let _ = writeln!(out, "/// `{}`\n{variant},", shown(name));
    }
    let _ = writeln!(out, "}}\n\nimpl Key {{\n/// Every key.\npub const ALL: [Self; {}] = [", keys.len());
    for (variant, _, _) in keys.values() {
        let _ = writeln!(out, "Self::{variant},");
    }
    out += "];\n}\n\nimpl Keys {\n/// What every request may be asked, whatever the action.\npub const GLOBAL: Self = Self::of(&[";
    for (variant, name, key) in keys.values() {
        if is_global(name, key) {
            let _ = write!(out, "Key::{variant}, ");
        }
    }
    out += "]);\n}\n\n/// One row per key, in the order of [`Key::ALL`].\npub(super) static SPECS: &[KeySpec] = &[\n";
    for (_, name, key) in keys.values() {
        let (plain, tagged) = match name.split_once('/') {
            Some((plain, _)) => (plain, true),
            None => (*name, false),
        };
        let _ = writeln!(
            out,
            "KeySpec {{ name: {plain:?}, tagged: {tagged}, many: {} }},",
            key["multiValued"].as_bool().unwrap_or(false)
        );
    }
    out += "];\n";
    out
}

pub fn table(reference: &Value, operations: &Value) -> String {
    let mut sets = Sets { keys: all_keys(reference), reference, named: BTreeMap::new(), out: String::new() };
    let mut rows = String::new();
    // One row for every operation that the router knows; what the map leaves out has no checks.
    let nothing = Value::Null;
    let map = reference["operations"].as_object().expect("operations is an object");
    for name in served(operations).keys() {
        let of_control = CONTROL.contains(name).then(|| &reference["controlOperations"][name]);
        let operation = of_control.or_else(|| map.get(*name)).unwrap_or(&nothing);
        let _ = writeln!(rows, "// {name}\n{},", permission(&mut sets, name, operation));
    }
    let mut control = String::new();
    for (name, operation) in reference["controlOperations"].as_object().expect("controlOperations is an object") {
        let row = permission(&mut sets, &format!("Control{name}"), operation);
        let _ = writeln!(control, "({name:?}, {row}),");
    }
    let implied: Vec<String> = ["s3:ListBucket", "s3:ListBucketVersions"]
        .into_iter()
        .map(|action| {
            let name = constant("Implied", action);
            let listed = ["ListObjects", "ListObjectVersions"].into_iter().flat_map(|name| list(&map[name], "populates"));
            let populates: Vec<&str> = listed.filter_map(Value::as_str).collect();
            let keys = sets.named(&name, action, "bucket", &populates, &[]);
            format!("Check {{ action: {action:?}, target: Target::Bucket, when: When::Always, per_item: false, keys: {keys} }}")
        })
        .collect();
    let mut out = String::from(
        "//! Which permissions each operation needs. Made by `examples/generate.rs`; do not edit.\n\nuse super::{Check, Key, Keys, Permission, Shaping, State, Target, When};\n\n",
    );
    out += &sets.out;
    let _ = writeln!(
        out,
        "\n/// One row per operation, in the order of [`super::super::Operation::ALL`].\npub(super) static ROWS: &[Permission] = &[\n{rows}];"
    );
    let _ = writeln!(
        out,
        "\n/// The operations of S3 Control, in the order of their names.\npub(super) static CONTROL: &[(&str, Permission)] = &[\n{control}];"
    );
    let _ = writeln!(
        out,
        "\n/// What is asked before an absence is told: of a key, of a version.\npub(super) static IMPLIED: [Check; 2] = [{}];",
        implied.join(", ")
    );
    out
}

/// Sets of keys, each written once under the name of its first user.
struct Sets<'a> {
    keys: Keys<'a>,
    reference: &'a Value,
    named: BTreeMap<Vec<String>, String>,
    out: String,
}

impl<'a> Sets<'a> {
    /// What the action or the type of its resource supports.
    fn supported(&self, action: &str, target: &str) -> Vec<&'a str> {
        let types: &[&str] = match target {
            "bucket" | "tagged" => &["bucket", "accesspoint"],
            "object" | "source" => &["object", "accesspointobject"],
            "accesspoint" => &["accesspoint"],
            _ => &[],
        };
        let of_action = &self.reference["actions"][action];
        assert!(of_action.is_object(), "{action} is not in the map");
        let of_type = types.iter().flat_map(|kind| list(&self.reference["resourceTypes"][*kind], "conditionKeys"));
        list(of_action, "conditionKeys").chain(of_type).filter_map(Value::as_str).collect()
    }

    /// Keys that the map says this very operation sets, though no action of it lists them: the key's own
    /// row is the more precise of the two, and a key that nobody sees would let its Deny pass.
    fn orphans<'p>(&self, operation: &Value, populates: &[&'p str]) -> Vec<&'p str> {
        let seen: Vec<&str> = list(operation, "checks")
            .flat_map(|check| self.supported(text(check, "action"), text(check, "target")))
            .collect();
        let of_operations = |key: &str| self.reference["conditionKeys"][key]["operations"].is_array();
        populates.iter().copied().filter(|key| of_operations(key) && !seen.contains(key)).collect()
    }

    /// What the request can say and the action or its resource supports, beside the global keys.
    fn named(&mut self, name: &str, action: &str, target: &str, populates: &[&str], orphans: &[&str]) -> String {
        let mut supported = self.supported(action, target);
        supported.extend(orphans);
        let variants: Vec<String> = self
            .keys
            .values()
            .filter(|(_, key, of)| populates.contains(key) && supported.contains(key) && !is_global(key, of))
            .map(|(variant, _, _)| variant.clone())
            .collect();
        if let Some(known) = self.named.get(&variants) {
            return known.clone();
        }
        let _ = writeln!(self.out, "const {name}: Keys = Keys::of(&[");
        for variant in &variants {
            let _ = writeln!(self.out, "Key::{variant},");
        }
        self.out += "]);\n";
        self.named.insert(variants, name.to_owned());
        name.to_owned()
    }
}

/// What [`Sets::orphans`] finds, by action, without what stands for the tag's key.
pub(super) fn orphans(reference: &Value) -> BTreeMap<&str, Vec<&str>> {
    let sets = Sets { keys: all_keys(reference), reference, named: BTreeMap::new(), out: String::new() };
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for operation in ["operations", "controlOperations"]
        .iter()
        .filter_map(|of| reference[*of].as_object())
        .flat_map(|of| of.values())
    {
        let populates: Vec<&str> = list(operation, "populates").filter_map(Value::as_str).collect();
        let orphans = sets.orphans(operation, &populates);
        for check in list(operation, "checks") {
            found.entry(text(check, "action")).or_default().extend(orphans.iter().map(|key| super::family(key)));
        }
    }
    found
}

fn permission(sets: &mut Sets<'_>, name: &str, operation: &Value) -> String {
    let populates: Vec<&str> = list(operation, "populates").filter_map(Value::as_str).collect();
    let orphans = sets.orphans(operation, &populates);
    let mut checks = String::new();
    for check in list(operation, "checks") {
        let (action, target) = (text(check, "action"), text(check, "target"));
        let keys = sets.named(&constant(name, action), action, target, &populates, &orphans);
        let _ = write!(
            checks,
            "Check {{ action: {action:?}, target: Target::{}, when: {}, per_item: {}, keys: {keys} }}, ",
            camel(target),
            when(&check["when"]),
            check["perItem"].as_bool().unwrap_or(false),
        );
    }
    let mut shaping = String::new();
    for shape in list(operation, "responseShaping") {
        let action = text(shape, "action");
        // The version's action supports what the other does; a difference would show here.
        let keys = sets.named(&constant(name, action), action, "object", &populates, &[]);
        let version = shape["versionAction"].as_str();
        let of_version = version.map(|action| sets.named(&constant(name, action), action, "object", &populates, &[]));
        let adds: Vec<&str> = list(shape, "adds").filter_map(Value::as_str).collect();
        let bare = |action: &str, keys: &str| {
            format!(
                "Check {{ action: {action:?}, target: Target::Object, when: When::Always, per_item: false, keys: {keys} }}"
            )
        };
        let of_version = version.zip(of_version).map(|(action, keys)| bare(action, &keys));
        let _ = write!(
            shaping,
            "Shaping {{ check: {}, version: {}, headers: &{adds:?} }}, ",
            bare(action, &keys),
            of_version.map_or("None".to_owned(), |check| format!("Some({check})")),
        );
    }
    format!(
        "Permission {{ checks: &[{checks}], shaping: &[{shaping}], access_point: {} }}",
        operation["accessPoint"].as_bool().unwrap_or(false)
    )
}

fn when(predicate: &Value) -> String {
    let Some(predicate) = predicate.as_object() else { return "When::Always".to_owned() };
    assert_eq!(predicate.len(), 1, "a predicate has one form: {predicate:?}");
    let (form, of) = predicate.iter().next().expect("one form");
    let several =
        |of: &Value| -> String { of.as_array().expect("a list").iter().map(|one| when(one) + ", ").collect() };
    match (form.as_str(), of) {
        ("header", Value::String(name)) => format!("When::Header({name:?})"),
        ("headerEquals", Value::Array(pair)) => {
            let (name, value) = (pair[0].as_str().expect("a name"), pair[1].as_str().expect("a value"));
            let any_case = matches!(value, "true" | "false") || name.ends_with("-directive");
            format!("When::HeaderEquals {{ name: {name:?}, value: {value:?}, any_case: {any_case} }}")
        }
        ("anyHeader", Value::Array(names)) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            format!("When::AnyHeader(&{names:?})")
        }
        ("query", Value::String(name)) => format!("When::Query({name:?})"),
        ("form", Value::String(name)) => format!("When::Form({name:?})"),
        ("body", Value::String(path)) => format!("When::Body({path:?})"),
        ("item", Value::String(name)) => format!("When::Item({name:?})"),
        ("copySource", Value::String(name)) if name == "versionId" => "When::CopySourceVersion".to_owned(),
        ("state", Value::String(name)) => format!("When::State(State::{})", camel(name)),
        ("not", of) => format!("When::Not(&{})", when(of)),
        ("all", of) => format!("When::All(&[{}])", several(of)),
        ("any", of) => format!("When::Any(&[{}])", several(of)),
        _ => panic!("an unknown predicate: {predicate:?}"),
    }
}

fn all_keys(reference: &Value) -> Keys<'_> {
    let keys = reference["conditionKeys"].as_object().expect("conditionKeys is an object");
    keys.iter()
        .map(|(name, key)| {
            let plain = name.split('/').next().unwrap_or_default();
            (plain.to_ascii_lowercase(), (camel(plain), name.as_str(), key))
        })
        .collect()
}

fn is_global(name: &str, key: &Value) -> bool {
    name.starts_with("aws:") && key["operations"] == "all"
}

/// `s3:x-amz-acl` becomes `S3XAmzAcl`.
fn camel(name: &str) -> String {
    name.split([':', '-'])
        .flat_map(|word| word.chars().enumerate().map(|(at, c)| if at == 0 { c.to_ascii_uppercase() } else { c }))
        .collect()
}

/// `CopyObject` and `s3:PutObjectAcl` become `COPY_OBJECT_PUT_OBJECT_ACL`.
fn constant(operation: &str, action: &str) -> String {
    let mut out = String::new();
    for c in format!("{operation}{}", action.trim_start_matches("s3:")).chars() {
        if c.is_ascii_uppercase() && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

fn shown(name: &str) -> String {
    name.replace("${TagKey}", "KEY").replace("<key>", "KEY")
}
