//! Selectors of CloudTrail (spec/cloudtrail.md 8), classic and advanced: which records are handed on.
//!
//! The record of the proxy itself is never chosen from; selectors are for what leaves it.

use serde::Deserialize;
use serde_json::Value;

use super::cloudtrail::{Members, Node, Record};

/// The most octets of a document.
const LONGEST: usize = 256 * 1024;
/// The most selectors, and the most values of one.
const MOST: usize = 500;
/// Every object of every bucket.
const ALL: &str = "arn:aws:s3";
const OBJECT: &str = "AWS::S3::Object";

/// Selectors that were read.
#[derive(Clone, Debug)]
pub struct Selectors(Vec<Selector>);

/// Selectors that cannot be read, and why.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(String);

impl Unusable {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

#[derive(Clone, Debug)]
enum Selector {
    Advanced(Vec<FieldSelector>),
    Classic(Classic),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Classic {
    #[serde(default)]
    read_write_type: ReadWrite,
    #[serde(default = "yes")]
    include_management_events: bool,
    #[serde(default)]
    data_resources: Vec<DataResource>,
    #[serde(default)]
    exclude_management_event_sources: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
enum ReadWrite {
    #[default]
    All,
    ReadOnly,
    WriteOnly,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DataResource {
    r#type: String,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Advanced {
    #[serde(default, rename = "Name")]
    _name: Option<String>,
    field_selectors: Vec<FieldSelector>,
}

/// What one field must be.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FieldSelector {
    field: Field,
    #[serde(default)]
    equals: Vec<String>,
    #[serde(default)]
    starts_with: Vec<String>,
    #[serde(default)]
    ends_with: Vec<String>,
    #[serde(default)]
    not_equals: Vec<String>,
    #[serde(default)]
    not_starts_with: Vec<String>,
    #[serde(default)]
    not_ends_with: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
enum Field {
    #[serde(rename = "eventCategory")]
    EventCategory,
    #[serde(rename = "eventName")]
    EventName,
    #[serde(rename = "eventSource")]
    EventSource,
    #[serde(rename = "eventType")]
    EventType,
    #[serde(rename = "userIdentity.arn")]
    Principal,
    #[serde(rename = "readOnly")]
    ReadOnly,
    #[serde(rename = "resources.ARN")]
    ResourceArn,
    #[serde(rename = "resources.type")]
    ResourceType,
    #[serde(rename = "sessionCredentialFromConsole")]
    SessionCredentialFromConsole,
}

const fn yes() -> bool {
    true
}

impl Selectors {
    /// Reads a JSON document: a selector or a list of them, all classic or all advanced; or an object
    /// with such a list as `EventSelectors` or `AdvancedEventSelectors`, as the AWS command line has it.
    ///
    /// # Errors
    /// [`Unusable`]: no such document, longer than 256 KiB, more than 500 selectors or values of one, or a
    /// selector that lacks what it must have.
    pub fn parse(document: &str) -> Result<Self, Unusable> {
        if document.len() > LONGEST {
            return Err(Unusable::new(format!("selectors are longer than {LONGEST} octets")));
        }
        let value: Value = serde_json::from_str(document).map_err(|error| Unusable::new(error.to_string()))?;
        let inner = ["AdvancedEventSelectors", "EventSelectors"].into_iter().find_map(|name| value.get(name)).cloned();
        let list = match inner.unwrap_or(value) {
            Value::Array(list) => list,
            one => vec![one],
        };
        if list.is_empty() || list.len() > MOST {
            return Err(Unusable::new(format!("there must be 1 to {MOST} selectors")));
        }
        let advanced = list.iter().any(|one| one.get("FieldSelectors").is_some());
        let read = |(place, one): (usize, Value)| {
            let in_place = |why: &str| Unusable::new(format!("selector {}: {why}", place + 1));
            let read = if advanced { advanced_of(one) } else { classic_of(one) };
            read.map_err(|why| in_place(&why))
        };
        list.into_iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a record is handed on: any selector is enough.
    pub fn takes(&self, record: &Record) -> bool {
        self.0.iter().any(|selector| match selector {
            Selector::Advanced(fields) => takes_advanced(fields, record),
            Selector::Classic(classic) => classic.takes(record),
        })
    }
}

fn classic_of(value: Value) -> Result<Selector, String> {
    let classic: Classic = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if classic.data_resources.iter().map(|resource| resource.values.len()).sum::<usize>() > MOST {
        return Err(format!("there are more than {MOST} values"));
    }
    let odd = |value: &&String| *value != ALL && !value.starts_with("arn:aws:s3:::");
    for resource in classic.data_resources.iter().filter(|resource| resource.r#type == OBJECT) {
        if let Some(odd) = resource.values.iter().find(odd) {
            return Err(format!("`{odd}` is no ARN of a bucket, of objects or of all"));
        }
    }
    Ok(Selector::Classic(classic))
}

fn advanced_of(value: Value) -> Result<Selector, String> {
    let Advanced { field_selectors: fields, .. } = serde_json::from_value(value).map_err(|error| error.to_string())?;
    for field in &fields {
        let lists = field.lists();
        let values: usize = lists.iter().map(|list| list.len()).sum();
        if values == 0 {
            return Err(format!("{:?} is compared with nothing", field.field));
        }
        if values > MOST {
            return Err(format!("there are more than {MOST} values"));
        }
    }
    let only_equals = |wanted: Field| {
        let mut of = fields.iter().filter(|field| field.field == wanted);
        of.next().is_some_and(|field| field.lists().iter().skip(1).all(|list| list.is_empty())) && of.next().is_none()
    };
    if !only_equals(Field::EventCategory) {
        return Err("eventCategory must be there once, with Equals".to_owned());
    }
    let data = fields
        .iter()
        .any(|field| field.field == Field::EventCategory && field.equals.iter().any(|category| category == "Data"));
    if data && !only_equals(Field::ResourceType) {
        return Err("resources.type must be there once, with Equals, for data events".to_owned());
    }
    Ok(Selector::Advanced(fields))
}

impl Classic {
    fn takes(&self, record: &Record) -> bool {
        let reads = record.flag("readOnly") == Some(true);
        let wanted = match self.read_write_type {
            ReadWrite::All => true,
            ReadWrite::ReadOnly => reads,
            ReadWrite::WriteOnly => !reads,
        };
        if !wanted {
            return false;
        }
        if record.flag("managementEvent") == Some(true) {
            let source = record.text("eventSource").unwrap_or_default();
            return self.include_management_events
                && !self.exclude_management_event_sources.iter().any(|excluded| excluded == source);
        }
        self.data_resources.iter().any(|resource| resource.takes(record))
    }
}

impl DataResource {
    /// Whether one of the record's resources of this type begins with one of the values. A list, and a
    /// bucket that is asked for, is about the bucket's objects as a whole.
    fn takes(&self, record: &Record) -> bool {
        let mut found = resources(record).peekable();
        if self.r#type != OBJECT {
            let mut of_type = found.filter(|resource| resource.text("type") == Some(&self.r#type));
            return of_type.any(|resource| {
                let arn = resource.text("ARN").unwrap_or_default();
                self.values.is_empty() || self.values.iter().any(|value| arn.starts_with(value))
            });
        }
        let any = |arn: &str| self.values.iter().any(|value| *value == ALL || covers(value, arn));
        found.peek().is_some()
            && found.any(|resource| match resource.text("type") {
                Some(OBJECT) => any(resource.text("ARN").or(resource.text("ARNPrefix")).unwrap_or_default()),
                Some("AWS::S3::Bucket") if record.text("eventName") == Some("HeadBucket") => {
                    any(&format!("{}/", resource.text("ARN").unwrap_or_default()))
                }
                _ => false,
            })
    }
}

/// Whether a value of a classic selector covers an object: a bucket's name ends where the value's does.
fn covers(value: &str, arn: &str) -> bool {
    match value.split_once(":::") {
        // Without a bucket's name it stands for all of them, as the start of every ARN.
        Some((_, rest)) if !rest.is_empty() && !rest.contains('/') => {
            arn.strip_prefix(value).is_some_and(|key| key.is_empty() || key.starts_with('/'))
        }
        _ => arn.starts_with(value),
    }
}

fn resources(record: &Record) -> impl Iterator<Item = &Members> {
    match record.members().member("resources") {
        Some(Node::List(list)) => list.as_slice(),
        _ => &[],
    }
    .iter()
}

fn takes_advanced(fields: &[FieldSelector], record: &Record) -> bool {
    let types = fields.iter().find(|field| field.field == Field::ResourceType);
    fields.iter().all(|field| match field.field {
        Field::ResourceArn => {
            // Of the resources of that type; negations must hold for each.
            let of_type = resources(record)
                .filter(|resource| types.is_none_or(|types| types.holds(resource.text("type"))))
                .map(|resource| resource.text("ARN").or(resource.text("ARNPrefix")));
            let arns: Vec<_> = of_type.collect();
            field.any(&arns)
        }
        Field::ResourceType => {
            let types: Vec<_> = resources(record).map(|resource| resource.text("type")).collect();
            field.any(&types)
        }
        Field::ReadOnly => field.holds(record.flag("readOnly").map(|reads| if reads { "true" } else { "false" })),
        Field::EventCategory => field.holds(record.text("eventCategory")),
        Field::EventName => field.holds(record.text("eventName")),
        Field::EventSource => field.holds(record.text("eventSource")),
        Field::EventType => field.holds(record.text("eventType")),
        Field::SessionCredentialFromConsole => field.holds(record.text("sessionCredentialFromConsole")),
        Field::Principal => field.holds(match record.members().member("userIdentity") {
            Some(Node::Members(identity)) => identity.text("arn"),
            _ => None,
        }),
    })
}

impl FieldSelector {
    fn lists(&self) -> [&Vec<String>; 6] {
        [&self.equals, &self.starts_with, &self.ends_with, &self.not_equals, &self.not_starts_with, &self.not_ends_with]
    }

    /// Whether a value is as wanted. One that is not there equals nothing, so it is no match, and no
    /// mismatch either.
    fn holds(&self, value: Option<&str>) -> bool {
        self.wanted(value) && self.unwanted(value)
    }

    /// The same for several values: one must be as wanted, and none as unwanted.
    fn any(&self, values: &[Option<&str>]) -> bool {
        let wanted = match values {
            [] => self.wanted(None),
            values => values.iter().any(|value| self.wanted(*value)),
        };
        wanted && values.iter().all(|value| self.unwanted(*value))
    }

    fn wanted(&self, value: Option<&str>) -> bool {
        let among = |list: &[String], test: fn(&str, &str) -> bool| {
            value.is_some_and(|value| list.iter().any(|wanted| test(value, wanted)))
        };
        let none = self.equals.is_empty() && self.starts_with.is_empty() && self.ends_with.is_empty();
        none || among(&self.equals, |value, wanted| value == wanted)
            || among(&self.starts_with, |value, wanted| value.starts_with(wanted))
            || among(&self.ends_with, |value, wanted| value.ends_with(wanted))
    }

    fn unwanted(&self, value: Option<&str>) -> bool {
        let Some(value) = value else { return true };
        !self.not_equals.iter().any(|unwanted| value == unwanted)
            && !self.not_starts_with.iter().any(|unwanted| value.starts_with(unwanted))
            && !self.not_ends_with.iter().any(|unwanted| value.ends_with(unwanted))
    }
}

#[cfg(test)]
mod tests;
