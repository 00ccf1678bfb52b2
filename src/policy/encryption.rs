//! The default encryption of a bucket as a document: the XML of S3 and the JSON of AWS's tools, read and
//! written (spec/encryption.md 7).

use super::json::{self, Json, Node};
use super::members::{members, missing, problem, text};
use super::problem::Problem;
use crate::s3::encryption::Kind;
use crate::s3::xml::{Element, S3_NAMESPACE, Writer, malformed};
use crate::s3::{Code, Fault};

/// The longest name of a key that is read.
const LONGEST_KEY: usize = 2048;

/// How a bucket encrypts what says nothing, and what it does not take.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BucketDefault {
    /// How; none where only the blocked types were said.
    pub apply: Option<Apply>,
    /// Whether KMS is asked once for many objects.
    pub bucket_key: bool,
    /// Whether keys of clients are refused; none where nothing was said of them.
    pub blocks_customer_keys: Option<bool>,
}

/// A kind, and a key where one is named.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Apply {
    /// The kind.
    pub kind: Kind,
    /// The KMS key, as it was said; nobody checks it before it is used.
    pub key: Option<String>,
}

impl BucketDefault {
    /// Reads the document of PutBucketEncryption. `before` is what holds until now: a document that speaks
    /// of blocked types alone leaves the rest as it was.
    ///
    /// # Errors
    /// `MalformedXML`; `InvalidArgument` for a KMS key where none is used.
    pub fn parse(document: &[u8], before: Option<&Self>) -> Result<Self, Fault> {
        let root = Element::parse(document, "ServerSideEncryptionConfiguration")?;
        root.only(&["Rule"])?;
        let rule = root.child("Rule")?.ok_or_else(malformed)?;
        rule.only(&["ApplyServerSideEncryptionByDefault", "BlockedEncryptionTypes", "BucketKeyEnabled"])?;
        let apply = rule.child("ApplyServerSideEncryptionByDefault")?.map(read_apply).transpose()?;
        let bucket_key = rule.text_of("BucketKeyEnabled")?.map(|text| flag(text).ok_or_else(malformed)).transpose()?;
        let blocked = rule.child("BlockedEncryptionTypes")?.map(read_blocked).transpose()?;
        if apply.is_none() && bucket_key.is_none() && blocked.is_none() {
            return Err(malformed());
        }
        let only_blocked = apply.is_none() && bucket_key.is_none();
        let before = before.filter(|_| only_blocked);
        Ok(Self {
            apply: apply.or_else(|| before.and_then(|before| before.apply.clone())),
            bucket_key: bucket_key.unwrap_or_else(|| before.is_some_and(|before| before.bucket_key)),
            blocks_customer_keys: blocked,
        })
    }

    /// The document of GetBucketEncryption. Of a bucket that nothing was said about: SSE-S3, as S3 has it.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Writer::document();
        out.open_in("ServerSideEncryptionConfiguration", S3_NAMESPACE);
        out.open("Rule");
        out.open("ApplyServerSideEncryptionByDefault");
        out.element("SSEAlgorithm", self.kind().as_str());
        if let Some(key) = self.apply.as_ref().and_then(|apply| apply.key.as_deref()) {
            out.element("KMSMasterKeyID", key);
        }
        out.close("ApplyServerSideEncryptionByDefault");
        out.element("BucketKeyEnabled", if self.bucket_key { "true" } else { "false" });
        if let Some(blocks) = self.blocks_customer_keys {
            out.open("BlockedEncryptionTypes");
            out.element("EncryptionType", blocked_name(blocks));
            out.close("BlockedEncryptionTypes");
        }
        out.close("Rule");
        out.close("ServerSideEncryptionConfiguration");
        out.finish()
    }

    /// The kind of what says nothing.
    pub fn kind(&self) -> Kind {
        self.apply.as_ref().map_or(Kind::S3, |apply| apply.kind)
    }

    /// Reads the JSON form, as `aws s3api put-bucket-encryption` takes it.
    ///
    /// # Errors
    /// Everything that is wrong with it; never empty.
    pub fn parse_json(text: &str) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let node = json::parse(text, &mut problems).map_err(|problem| vec![problem])?;
        let read = read_json(&node);
        match read {
            Ok(default) if problems.is_empty() => Ok(default),
            Ok(_) => Err(problems),
            Err(problem) => {
                problems.push(problem);
                problems.sort_by_key(|problem| problem.span);
                Err(problems)
            }
        }
    }

    /// The JSON form.
    pub fn to_json(&self) -> String {
        let mut members = Vec::new();
        if let Some(Apply { kind, key }) = &self.apply {
            let key = key.as_ref().map(|key| format!(", \"KMSMasterKeyID\": {}", json_text(key))).unwrap_or_default();
            let apply = format!("{{ \"SSEAlgorithm\": \"{}\"{key} }}", kind.as_str());
            members.push(format!("      \"ApplyServerSideEncryptionByDefault\": {apply}"));
        }
        members.push(format!("      \"BucketKeyEnabled\": {}", self.bucket_key));
        if let Some(blocks) = self.blocks_customer_keys {
            let name = blocked_name(blocks);
            members.push(format!("      \"BlockedEncryptionTypes\": {{ \"EncryptionType\": [\"{name}\"] }}"));
        }
        format!("{{\n  \"Rules\": [\n    {{\n{}\n    }}\n  ]\n}}\n", members.join(",\n"))
    }
}

const fn blocked_name(blocks: bool) -> &'static str {
    if blocks { "SSE-C" } else { "NONE" }
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn flag(text: &str) -> Option<bool> {
    match text.trim() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn read_apply(apply: &Element) -> Result<Apply, Fault> {
    apply.only(&["KMSMasterKeyID", "SSEAlgorithm"])?;
    let kind = apply.text_of("SSEAlgorithm")?.and_then(|name| Kind::named(name.trim())).ok_or_else(malformed)?;
    let key = apply.text_of("KMSMasterKeyID")?.map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
    if key.as_ref().is_some_and(|key| key.len() > LONGEST_KEY) {
        return Err(malformed());
    }
    match key {
        Some(_) if !kind.uses_kms() => Err(pointless_key()),
        key => Ok(Apply { kind, key }),
    }
}

const POINTLESS_KEY: &str =
    "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse";

fn pointless_key() -> Fault {
    let fault = Fault::new(Code::InvalidArgument, "default-key-without-kms", POINTLESS_KEY);
    fault.with("ArgumentName", "ApplyServerSideEncryptionByDefault")
}

fn read_blocked(blocked: &Element) -> Result<bool, Fault> {
    blocked.only(&["EncryptionType"])?;
    let types: Vec<&str> = blocked.children.iter().map(|kind| kind.text.trim()).collect();
    blocks(&types).ok_or_else(malformed)
}

/// Whether a list of blocked types holds the one there is.
fn blocks(types: &[&str]) -> Option<bool> {
    match types {
        ["SSE-C"] => Some(true),
        ["NONE"] => Some(false),
        _ => None,
    }
}

fn read_json(root: &Node) -> Result<BucketDefault, Problem> {
    let [rules] = members(root, ["Rules"])?;
    let rules = rules.ok_or_else(|| missing(root.span, "Rules"))?;
    let rule = match &rules.json {
        Json::List(items) if items.len() == 1 => items.first(),
        _ => None,
    };
    let Some(rule) = rule else {
        return Err(problem(rules.span, "`Rules` is a list of exactly one rule", "write `\"Rules\": [{ … }]`"));
    };
    let names = ["ApplyServerSideEncryptionByDefault", "BucketKeyEnabled", "BlockedEncryptionTypes"];
    let [apply, bucket_key, blocked] = members(rule, names)?;
    let bucket_key = match bucket_key.map(|node| (&node.json, node.span)) {
        None => false,
        Some((Json::Bool(value), _)) => *value,
        Some((_, span)) => return Err(problem(span, "`BucketKeyEnabled` is true or false", "write it without quotes")),
    };
    Ok(BucketDefault {
        apply: apply.map(json_apply).transpose()?,
        bucket_key,
        blocks_customer_keys: blocked.map(json_blocked).transpose()?,
    })
}

fn json_apply(node: &Node) -> Result<Apply, Problem> {
    let [algorithm, key] = members(node, ["SSEAlgorithm", "KMSMasterKeyID"])?;
    let algorithm = algorithm.ok_or_else(|| missing(node.span, "SSEAlgorithm"))?;
    let Some(kind) = text(algorithm).and_then(Kind::named) else {
        let help = "it is one of \"AES256\", \"aws:kms\", \"aws:kms:dsse\"";
        return Err(problem(algorithm.span, "this is no kind of encryption", help));
    };
    let Some(node) = key else { return Ok(Apply { kind, key: None }) };
    match text(node) {
        Some(_) if !kind.uses_kms() => Err(problem(node.span, POINTLESS_KEY, "leave it out")),
        Some(key) if !key.is_empty() && key.len() <= LONGEST_KEY => Ok(Apply { kind, key: Some(key.to_owned()) }),
        _ => Err(problem(node.span, "`KMSMasterKeyID` is the id, ARN or alias of a key", "write the key's ARN")),
    }
}

fn json_blocked(node: &Node) -> Result<bool, Problem> {
    let [types] = members(node, ["EncryptionType"])?;
    let types = types.ok_or_else(|| missing(node.span, "EncryptionType"))?;
    let names: Vec<&str> = match &types.json {
        Json::List(items) => items.iter().filter_map(text).collect(),
        _ => Vec::new(),
    };
    blocks(&names)
        .ok_or_else(|| problem(types.span, "this is no list of blocked types", "write [\"SSE-C\"] or [\"NONE\"]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(rule: &str) -> String {
        format!(
            "<ServerSideEncryptionConfiguration xmlns=\"{S3_NAMESPACE}\">{rule}</ServerSideEncryptionConfiguration>"
        )
    }

    fn parse(rule: &str) -> Result<BucketDefault, Code> {
        BucketDefault::parse(document(rule).as_bytes(), None).map_err(|fault| fault.code())
    }

    fn apply(inner: &str) -> String {
        format!("<Rule><ApplyServerSideEncryptionByDefault>{inner}</ApplyServerSideEncryptionByDefault></Rule>")
    }

    #[test]
    fn documents_are_refused_as_s3_refuses_them() {
        let aes = apply("<SSEAlgorithm>AES256</SSEAlgorithm>");
        assert!(parse(&aes).is_ok());
        for bad in [
            String::new(),
            aes.repeat(2),
            "<Rule/>".to_owned(),
            apply(""),
            apply("<SSEAlgorithm>SSE-C</SSEAlgorithm>"),
            apply("<SSEAlgorithm>aes256</SSEAlgorithm>"),
            "<Rule><BucketKeyEnabled>yes</BucketKeyEnabled></Rule>".to_owned(),
            "<Rule><BlockedEncryptionTypes><EncryptionType>SSE-S3</EncryptionType></BlockedEncryptionTypes></Rule>"
                .to_owned(),
        ] {
            assert_eq!(parse(&bad), Err(Code::MalformedXML), "{bad}");
        }
        let pointless = apply("<SSEAlgorithm>AES256</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>");
        let fault = BucketDefault::parse(document(&pointless).as_bytes(), None).unwrap_err();
        assert_eq!((fault.code(), fault.message()), (Code::InvalidArgument, POINTLESS_KEY));
        assert_eq!(fault.elements(), [("ArgumentName", "ApplyServerSideEncryptionByDefault".to_owned())]);
    }

    #[test]
    fn what_is_written_is_read_again_in_both_forms() {
        for kind in Kind::ALL {
            for (key, bucket_key, blocks) in
                [(None, false, None), (Some("a\"b"), true, Some(true)), (None, true, Some(false))]
            {
                let key = key.filter(|_| kind.uses_kms()).map(str::to_owned);
                let default =
                    BucketDefault { apply: Some(Apply { kind, key }), bucket_key, blocks_customer_keys: blocks };
                assert_eq!(BucketDefault::parse(&default.write(), None).unwrap(), default);
                assert_eq!(BucketDefault::parse_json(&default.to_json()).unwrap(), default);
            }
        }
    }

    #[test]
    fn blocked_types_alone_leave_the_rest_as_it_was() {
        let before = BucketDefault {
            apply: Some(Apply { kind: Kind::Kms, key: Some("k".to_owned()) }),
            bucket_key: true,
            blocks_customer_keys: None,
        };
        let rule =
            "<Rule><BlockedEncryptionTypes><EncryptionType>NONE</EncryptionType></BlockedEncryptionTypes></Rule>";
        let after = BucketDefault::parse(document(rule).as_bytes(), Some(&before)).unwrap();
        assert_eq!(after, BucketDefault { blocks_customer_keys: Some(false), ..before });
    }

    #[test]
    fn a_bucket_that_nothing_was_said_about_shows_what_s3_shows() {
        let text = String::from_utf8(BucketDefault::default().write()).unwrap();
        assert!(text.contains("<SSEAlgorithm>AES256</SSEAlgorithm>"), "{text}");
        assert!(text.contains("<BucketKeyEnabled>false</BucketKeyEnabled>"), "{text}");
    }

    #[test]
    fn a_file_that_could_be_read_two_ways_is_refused() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"Rules":[]}"#,
            r#"{"Rules":[{},{}]}"#,
            r#"{"Rules":[{"BucketKeyEnabled":"true"}]}"#,
            r#"{"Rules":[{"BucketKeyEnabled":true,"BucketKeyEnabled":false}]}"#,
            r#"{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256","KMSMasterKeyID":"k"}}]}"#,
            r#"{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"kms"}}]}"#,
            r#"{"Rules":[{"Unknown":1}]}"#,
        ] {
            assert!(BucketDefault::parse_json(text).is_err(), "{text}");
        }
        assert_eq!(BucketDefault::parse_json(r#"{"Rules":[{}]}"#).unwrap(), BucketDefault::default());
    }
}
