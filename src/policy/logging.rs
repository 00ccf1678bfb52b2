//! Where the access log of a bucket goes, as a document: the XML of S3 and the JSON of AWS's tools, read
//! and written (spec/access-logs.md 9).

use super::json::{self, Json, Node};
use super::members::{members, missing, problem, text};
use super::problem::Problem;
use crate::s3::name::is_addressable_bucket;
use crate::s3::xml::{Element, S3_NAMESPACE, Writer, malformed};
use crate::s3::{Code, Fault};

/// The longest prefix, in octets: with date and account behind it a key has room for 1024.
const LONGEST_PREFIX: usize = 800;

/// The service that writes access logs, as policies and records call it.
pub const SERVICE: &str = "logging.s3.amazonaws.com";

/// Where the lines about a bucket go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BucketLogging {
    /// The bucket that they are written into.
    pub target: String,
    /// What the names of their files begin with; nothing is put behind it.
    pub prefix: String,
    /// What follows the prefix; none where nothing was said, which is [`KeyFormat::Simple`].
    pub format: Option<KeyFormat>,
}

/// What follows the prefix in the name of a file.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum KeyFormat {
    /// The time.
    #[default]
    Simple,
    /// Account, region, bucket and day, and then the time.
    Partitioned(DateSource),
}

/// Which day a name has.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum DateSource {
    /// That of the delivery.
    #[default]
    Delivery,
    /// That of the records; then all of a file are of one day.
    Event,
}

impl DateSource {
    /// As documents have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivery => "DeliveryTime",
            Self::Event => "EventTime",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Delivery, Self::Event].into_iter().find(|source| source.as_str() == name)
    }
}

impl BucketLogging {
    /// Reads the document of PutBucketLogging; none where it switches logging off.
    ///
    /// # Errors
    /// `MalformedXML`; `InvalidArgument` for grants, which no bucket takes here, and for a prefix that is
    /// too long for a key.
    pub fn parse(document: &[u8]) -> Result<Option<Self>, Fault> {
        let root = Element::parse(document, "BucketLoggingStatus")?;
        root.only(&["LoggingEnabled"])?;
        let Some(enabled) = root.child("LoggingEnabled")? else { return Ok(None) };
        enabled.only(&["TargetBucket", "TargetGrants", "TargetPrefix", "TargetObjectKeyFormat"])?;
        let target = enabled.text_of("TargetBucket")?.map(str::trim).filter(|name| !name.is_empty());
        let target = target.ok_or_else(malformed)?.to_owned();
        let prefix = enabled.text_of("TargetPrefix")?.ok_or_else(malformed)?.to_owned();
        let format = enabled.child("TargetObjectKeyFormat")?.map(read_format).transpose()?;
        let granted = enabled.child("TargetGrants")?.map(read_grants).transpose()?.unwrap_or_default();
        if granted {
            let message = "Target grants not allowed for bucket owner enforced buckets";
            return Err(Fault::new(Code::InvalidArgument, "logging-grants", message));
        }
        if prefix.len() > LONGEST_PREFIX {
            let message = format!("The target prefix is longer than {LONGEST_PREFIX} octets");
            return Err(Fault::argument("logging-prefix", message, "TargetPrefix", None));
        }
        Ok(Some(Self { target, prefix, format }))
    }

    /// The document of GetBucketLogging; empty where logging is off.
    pub fn write(logging: Option<&Self>) -> Vec<u8> {
        let mut out = Writer::document();
        out.open_in("BucketLoggingStatus", S3_NAMESPACE);
        if let Some(Self { target, prefix, format }) = logging {
            out.open("LoggingEnabled");
            out.element("TargetBucket", target);
            out.element("TargetPrefix", prefix);
            if let Some(format) = format {
                out.open("TargetObjectKeyFormat");
                match format {
                    KeyFormat::Simple => out.raw("<SimplePrefix></SimplePrefix>"),
                    KeyFormat::Partitioned(source) => {
                        out.open("PartitionedPrefix");
                        out.element("PartitionDateSource", source.as_str());
                        out.close("PartitionedPrefix");
                    }
                }
                out.close("TargetObjectKeyFormat");
            }
            out.close("LoggingEnabled");
        }
        out.close("BucketLoggingStatus");
        out.finish()
    }

    /// Reads the JSON form, as `aws s3api put-bucket-logging` takes it; none where logging is off.
    ///
    /// # Errors
    /// Everything that is wrong with it; never empty.
    pub fn parse_json(text: &str) -> Result<Option<Self>, Vec<Problem>> {
        let mut problems = Vec::new();
        let node = json::parse(text, &mut problems).map_err(|problem| vec![problem])?;
        match read_json(&node) {
            Ok(logging) if problems.is_empty() => Ok(logging),
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
        let format = match self.format {
            None => String::new(),
            Some(KeyFormat::Simple) => ",\n    \"TargetObjectKeyFormat\": { \"SimplePrefix\": {} }".to_owned(),
            Some(KeyFormat::Partitioned(source)) => format!(
                ",\n    \"TargetObjectKeyFormat\": {{ \"PartitionedPrefix\": {{ \"PartitionDateSource\": \"{}\" }} }}",
                source.as_str()
            ),
        };
        let [target, prefix] = [&self.target, &self.prefix].map(|text| serde_json::Value::from(text.as_str()));
        format!(
            "{{\n  \"LoggingEnabled\": {{\n    \"TargetBucket\": {target},\n    \"TargetPrefix\": {prefix}{format}\n  }}\n}}\n"
        )
    }
}

fn read_format(format: &Element) -> Result<KeyFormat, Fault> {
    format.only(&["PartitionedPrefix", "SimplePrefix"])?;
    match (format.child("SimplePrefix")?, format.child("PartitionedPrefix")?) {
        (Some(simple), None) => simple.only(&[]).map(|()| KeyFormat::Simple),
        (None, Some(partitioned)) => {
            partitioned.only(&["PartitionDateSource"])?;
            let source = partitioned.text_of("PartitionDateSource")?.map(str::trim);
            let source = source.map(|name| DateSource::named(name).ok_or_else(malformed)).transpose()?;
            Ok(KeyFormat::Partitioned(source.unwrap_or_default()))
        }
        _ => Err(malformed()),
    }
}

/// Whether something is granted.
fn read_grants(grants: &Element) -> Result<bool, Fault> {
    grants.only(&["Grant"])?;
    for grant in &grants.children {
        grant.only(&["Grantee", "Permission"])?;
        let permission = grant.text_of("Permission")?.map(str::trim);
        let known = matches!(permission, Some("FULL_CONTROL" | "READ" | "WRITE"));
        if !known || grant.child("Grantee")?.is_none() {
            return Err(malformed());
        }
    }
    Ok(!grants.children.is_empty())
}

fn read_json(root: &Node) -> Result<Option<BucketLogging>, Problem> {
    let [enabled] = members(root, ["LoggingEnabled"])?;
    let Some(enabled) = enabled else { return Ok(None) };
    let names = ["TargetBucket", "TargetPrefix", "TargetObjectKeyFormat", "TargetGrants"];
    let [target, prefix, format, grants] = members(enabled, names)?;
    if let Some(grants) = grants.filter(|grants| !matches!(&grants.json, Json::List(items) if items.is_empty())) {
        let help = "take it out, and let readers in with the policy of the target bucket";
        return Err(problem(grants.span, "`TargetGrants` needs access control lists, and there are none", help));
    }
    let target = target.ok_or_else(|| missing(enabled.span, "TargetBucket"))?;
    let Some(name) = text(target).filter(|name| is_addressable_bucket(name)) else {
        return Err(problem(target.span, "this is no name of a bucket", "write the name of the bucket for the logs"));
    };
    let prefix = prefix.ok_or_else(|| missing(enabled.span, "TargetPrefix"))?;
    let Some(begin) = text(prefix).filter(|text| text.len() <= LONGEST_PREFIX) else {
        let message = format!("`TargetPrefix` is a text of at most {LONGEST_PREFIX} octets");
        return Err(problem(prefix.span, &message, "write `\"\"` for none"));
    };
    let format = format.map(json_format).transpose()?;
    Ok(Some(BucketLogging { target: name.to_owned(), prefix: begin.to_owned(), format }))
}

fn json_format(node: &Node) -> Result<KeyFormat, Problem> {
    match members(node, ["SimplePrefix", "PartitionedPrefix"])? {
        [Some(simple), None] => members::<0>(simple, []).map(|_| KeyFormat::Simple),
        [None, Some(partitioned)] => {
            let [source] = members(partitioned, ["PartitionDateSource"])?;
            let Some(source) = source else { return Ok(KeyFormat::Partitioned(DateSource::default())) };
            let read = text(source).and_then(DateSource::named).map(KeyFormat::Partitioned);
            let help = "write \"EventTime\" or \"DeliveryTime\"";
            read.ok_or_else(|| problem(source.span, "this is no `PartitionDateSource`", help))
        }
        _ => {
            let help = "write `{ \"SimplePrefix\": {} }` or `{ \"PartitionedPrefix\": { … } }`";
            Err(problem(node.span, "the names of files have exactly one format", help))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(inner: &str) -> Result<Option<BucketLogging>, Fault> {
        let document = format!("<BucketLoggingStatus xmlns=\"{S3_NAMESPACE}\">{inner}</BucketLoggingStatus>");
        BucketLogging::parse(document.as_bytes())
    }

    fn enabled(inner: &str) -> String {
        format!(
            "<LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>app/</TargetPrefix>{inner}</LoggingEnabled>"
        )
    }

    fn formatted(inner: &str) -> String {
        enabled(&format!("<TargetObjectKeyFormat>{inner}</TargetObjectKeyFormat>"))
    }

    #[test]
    fn documents_are_refused_as_s3_refuses_them() {
        assert_eq!(parse("").unwrap(), None);
        assert!(parse(&enabled("")).is_ok());
        let grant = |permission: &str| {
            let grantee = "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"Group\"><URI>u</URI></Grantee>";
            enabled(&format!(
                "<TargetGrants><Grant>{grantee}<Permission>{permission}</Permission></Grant></TargetGrants>"
            ))
        };
        for bad in [
            "<LoggingEnabled/>".to_owned(),
            "<LoggingEnabled><TargetBucket>logs</TargetBucket></LoggingEnabled>".to_owned(),
            "<LoggingEnabled><TargetPrefix>a</TargetPrefix></LoggingEnabled>".to_owned(),
            "<LoggingEnabled><TargetBucket/><TargetPrefix>a</TargetPrefix></LoggingEnabled>".to_owned(),
            enabled("").repeat(2),
            formatted(""),
            formatted("<SimplePrefix/><PartitionedPrefix/>"),
            formatted("<SimplePrefix/><SimplePrefix/>"),
            formatted("<PartitionedPrefix><PartitionDateSource>Now</PartitionDateSource></PartitionedPrefix>"),
            formatted("<Other/>"),
            grant("WRITE_ACP"),
            enabled("<TargetGrants><Grant><Permission>READ</Permission></Grant></TargetGrants>"),
            enabled("<Unknown/>"),
            "<Unknown/>".to_owned(),
        ] {
            assert_eq!(parse(&bad).unwrap_err().code(), Code::MalformedXML, "{bad}");
        }
        let fault = parse(&grant("READ")).unwrap_err();
        let message = "Target grants not allowed for bucket owner enforced buckets";
        assert_eq!((fault.code(), fault.message()), (Code::InvalidArgument, message));
        assert!(parse(&enabled("<TargetGrants/>")).is_ok());
        let long = enabled("").replace("app/", &"a".repeat(LONGEST_PREFIX + 1));
        assert_eq!(parse(&long).unwrap_err().code(), Code::InvalidArgument);
    }

    #[test]
    fn what_is_written_is_read_again_in_both_forms() {
        for format in [
            None,
            Some(KeyFormat::Simple),
            Some(KeyFormat::Partitioned(DateSource::Delivery)),
            Some(KeyFormat::Partitioned(DateSource::Event)),
        ] {
            let logging = BucketLogging { target: "logs".to_owned(), prefix: "a\"<b>&".to_owned(), format };
            let again = BucketLogging::parse(&BucketLogging::write(Some(&logging))).unwrap();
            assert_eq!(again.as_ref(), Some(&logging));
            assert_eq!(BucketLogging::parse_json(&logging.to_json()).unwrap(), Some(logging));
        }
        assert_eq!(BucketLogging::parse(&BucketLogging::write(None)).unwrap(), None);
        assert_eq!(BucketLogging::parse_json("{}").unwrap(), None);
    }

    #[test]
    fn a_date_source_that_is_not_said_is_the_delivery() {
        let partitioned = Some(KeyFormat::Partitioned(DateSource::Delivery));
        let read = parse(&formatted("<PartitionedPrefix/>")).unwrap().unwrap();
        assert_eq!(read.format, partitioned);
        let text = "{\"LoggingEnabled\":{\"TargetBucket\":\"logs\",\"TargetPrefix\":\"\",\"TargetObjectKeyFormat\":{\"PartitionedPrefix\":{}}}}";
        assert_eq!(BucketLogging::parse_json(text).unwrap().unwrap().format, partitioned);
    }

    #[test]
    fn a_file_that_could_be_read_two_ways_is_refused() {
        for text in [
            "",
            "[]",
            "{\"LoggingEnabled\":{}}",
            "{\"LoggingEnabled\":{\"TargetBucket\":\"logs\"}}",
            "{\"LoggingEnabled\":{\"TargetBucket\":\"L\",\"TargetPrefix\":\"\"}}",
            "{\"LoggingEnabled\":{\"TargetBucket\":\"logs\",\"TargetPrefix\":\"\",\"TargetGrants\":[{}]}}",
            "{\"LoggingEnabled\":{\"TargetBucket\":\"logs\",\"TargetPrefix\":\"\",\"TargetObjectKeyFormat\":{}}}",
            "{\"LoggingEnabled\":{\"TargetBucket\":\"logs\",\"TargetBucket\":\"other\",\"TargetPrefix\":\"\"}}",
            "{\"Logging\":{}}",
        ] {
            assert!(BucketLogging::parse_json(text).is_err(), "{text}");
        }
    }
}
