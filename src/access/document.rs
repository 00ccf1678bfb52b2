//! What a request's body says that a check or a condition needs (spec/README.md 2, exceptions). The body
//! has been verified before it is read here.

use super::point::{self, NewPoint};
use crate::s3::tags::Tags;
use crate::s3::xml::{self, CreateBucket, Delete, Element};
use crate::s3::{Fault, Operation};

/// A body, read; or nothing, where the operation's body says nothing that policy looks at.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Document {
    /// Of CreateAccessPoint.
    CreateAccessPoint(Box<NewPoint>),
    /// Of CreateBucket.
    CreateBucket(CreateBucket),
    /// Of DeleteObjects.
    Delete(Delete),
    /// Of PutBucketInventoryConfiguration: the optional fields it makes readable.
    Inventory(Vec<String>),
    /// Of PutObjectLegalHold: `ON` or `OFF`, as sent.
    LegalHold(String),
    /// Nothing to look at.
    #[default]
    None,
    /// Of PutBucketOwnershipControls: `BucketOwnerEnforced` or its like, as sent.
    Ownership(String),
    /// Of PutObjectRetention.
    Retention(Retention),
    /// Of PutObjectTagging.
    Tagging(Tags),
    /// Of TagResource.
    TagResource(Tags),
}

/// What a retention document says; nothing at all when retention is to be removed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Retention {
    /// `GOVERNANCE` or `COMPLIANCE`, as sent.
    pub mode: Option<String>,
    /// When it ends, as sent.
    pub until: Option<String>,
    /// `ON` or `OFF`, as sent.
    pub event_hold: Option<String>,
    /// How long protection lasts after the event, in days.
    pub hold_days: Option<u32>,
}

impl Document {
    /// Whether the operation's body has to be read and verified before its checks can be made. A form
    /// has been routed as the PutObject it stands for, with its fields for headers.
    pub fn is_needed(operation: Operation) -> bool {
        matches!(
            operation,
            Operation::CreateAccessPoint
                | Operation::CreateBucket
                | Operation::DeleteObjects
                | Operation::PutBucketInventoryConfiguration
                | Operation::PutBucketOwnershipControls
                | Operation::PutObjectLegalHold
                | Operation::PutObjectRetention
                | Operation::PutObjectTagging
                | Operation::TagResource
        )
    }

    /// Reads the body of an operation.
    ///
    /// # Errors
    /// `MalformedXML`
    pub fn read(operation: Operation, body: &[u8]) -> Result<Self, Fault> {
        Ok(match operation {
            Operation::CreateAccessPoint => Self::CreateAccessPoint(Box::new(NewPoint::parse(body)?)),
            Operation::CreateBucket => Self::CreateBucket(CreateBucket::parse(body)?),
            Operation::DeleteObjects => Self::Delete(Delete::parse(body)?),
            Operation::PutBucketInventoryConfiguration => Self::Inventory(inventory(body)?),
            Operation::PutBucketOwnershipControls => Self::Ownership(ownership(body)?),
            Operation::PutObjectLegalHold => {
                let root = Element::parse(body, "LegalHold")?;
                root.only(&["Status"])?;
                Self::LegalHold(one_of(&ON_OFF, word(&root, "Status")?)?.ok_or_else(xml::malformed)?)
            }
            Operation::PutObjectRetention => Self::Retention(Retention::parse(body)?),
            Operation::PutObjectTagging => Self::Tagging(xml::tags(body)?),
            Operation::TagResource => Self::TagResource(point::read_tags(body)?),
            _ => Self::None,
        })
    }

    /// The tags that the request puts on an object, if the body is where it says so.
    pub(super) fn object_tags(&self) -> Option<&Tags> {
        match self {
            Self::Tagging(tags) => Some(tags),
            _ => None,
        }
    }

    /// The tags that the request puts on a bucket or access point.
    pub(super) fn resource_tags(&self) -> Option<&Tags> {
        match self {
            Self::CreateAccessPoint(document) => Some(&document.tags).filter(|tags| !tags.is_empty()),
            Self::CreateBucket(document) => Some(&document.tags).filter(|tags| !tags.is_empty()),
            Self::TagResource(tags) => Some(tags),
            _ => None,
        }
    }

    /// Whether an element is there. Paths are those of the table of permissions.
    pub(super) fn has(&self, path: &str) -> bool {
        let tags = match self {
            Self::CreateAccessPoint(_) => "CreateAccessPointRequest/Tags/Tag",
            _ => "CreateBucketConfiguration/Tags/Tag",
        };
        path == tags && self.resource_tags().is_some()
    }
}

impl Retention {
    fn parse(body: &[u8]) -> Result<Self, Fault> {
        let root = Element::parse(body, "Retention")?;
        root.only(&["Mode", "RetainUntilDate", "EventHold", "EventHoldDuration"])?;
        let hold_days = match root.child("EventHoldDuration")? {
            None => None,
            Some(duration) => {
                duration.only(&["Days", "Years"])?;
                let number = |name| -> Result<Option<u32>, Fault> {
                    word(duration, name)?.map(|text| count(&text).ok_or_else(xml::malformed)).transpose()
                };
                match (number("Days")?, number("Years")?) {
                    (Some(days), None) => Some(days),
                    (None, Some(years)) => Some(years.checked_mul(DAYS_OF_A_YEAR).ok_or_else(xml::malformed)?),
                    _ => return Err(xml::malformed()),
                }
            }
        };
        Ok(Self {
            mode: one_of(&MODES, word(&root, "Mode")?)?,
            until: word(&root, "RetainUntilDate")?,
            event_hold: one_of(&ON_OFF, word(&root, "EventHold")?)?,
            hold_days,
        })
    }
}

/// The modes of a retention.
pub(super) const MODES: [&str; 2] = ["GOVERNANCE", "COMPLIANCE"];
/// The states of a hold.
pub(super) const ON_OFF: [&str; 2] = ["ON", "OFF"];

/// What a year of an event hold counts (spec/worm.md 8).
pub(super) const DAYS_OF_A_YEAR: u32 = 365;

/// A number of digits alone.
pub(super) fn count(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The text of the only child of this name without the white space around it; stores read it so.
fn word(of: &Element, name: &str) -> Result<Option<String>, Fault> {
    Ok(of.text_of(name)?.map(|text| text.trim().to_owned()))
}

/// A word that some store reads in any letter case, and that conditions compare, is one that is known.
fn one_of(known: &[&str], text: Option<String>) -> Result<Option<String>, Fault> {
    if text.as_deref().is_none_or(|text| known.contains(&text)) { Ok(text) } else { Err(xml::malformed()) }
}

fn ownership(body: &[u8]) -> Result<String, Fault> {
    let root = Element::parse(body, "OwnershipControls")?;
    root.only(&["Rule"])?;
    let rule = root.child("Rule")?.ok_or_else(xml::malformed)?;
    rule.only(&["ObjectOwnership"])?;
    word(rule, "ObjectOwnership")?.ok_or_else(xml::malformed)
}

fn inventory(body: &[u8]) -> Result<Vec<String>, Fault> {
    let root = Element::parse(body, "InventoryConfiguration")?;
    let Some(fields) = root.child("OptionalFields")? else { return Ok(Vec::new()) };
    fields.only(&["Field"])?;
    Ok(fields.children.iter().map(|field| field.text.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::permission::{Key, When};

    #[test]
    fn retention_is_read_whole_or_refused() {
        let read = |body: &str| Document::read(Operation::PutObjectRetention, body.as_bytes());
        let whole =
            "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate></Retention>";
        let expected = Retention {
            mode: Some("GOVERNANCE".to_owned()),
            until: Some("2030-01-01T00:00:00Z".to_owned()),
            ..Retention::default()
        };
        assert_eq!(read(whole).unwrap(), Document::Retention(expected));
        assert_eq!(read("<Retention/>").unwrap(), Document::Retention(Retention::default()));
        let hold = "<Retention><Mode>GOVERNANCE</Mode><EventHold>ON</EventHold><EventHoldDuration><Years>2</Years></EventHoldDuration></Retention>";
        assert!(matches!(read(hold).unwrap(), Document::Retention(Retention { hold_days: Some(730), .. })));
        for bad in [
            "",
            "<Retention><Mode>GOVERNANCE</Mode><Mode>COMPLIANCE</Mode></Retention>",
            "<Retention><Other/></Retention>",
            "<Retention><Mode>governance</Mode></Retention>",
            "<Retention><Mode/></Retention>",
            "<Retention><Mode>GOVERNANCE</Mode><EventHold>on</EventHold></Retention>",
            "<Retention><EventHoldDuration/></Retention>",
            "<Retention><EventHoldDuration><Days>1</Days><Years>1</Years></EventHoldDuration></Retention>",
            "<Retention><EventHoldDuration><Days>+1</Days></EventHoldDuration></Retention>",
            "<Retention><EventHoldDuration><Years>99999999</Years></EventHoldDuration></Retention>",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn documents_say_what_conditions_look_at() {
        let read = |operation, body: &str| Document::read(operation, body.as_bytes()).unwrap();
        assert_eq!(
            read(Operation::PutObjectLegalHold, "<LegalHold><Status>ON</Status></LegalHold>"),
            Document::LegalHold("ON".to_owned())
        );
        assert_eq!(
            read(
                Operation::PutBucketOwnershipControls,
                "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>"
            ),
            Document::Ownership("ObjectWriter".to_owned())
        );
        assert_eq!(
            read(
                Operation::PutBucketInventoryConfiguration,
                "<InventoryConfiguration><Id>i</Id><OptionalFields><Field>Size</Field><Field>ETag</Field></OptionalFields></InventoryConfiguration>"
            ),
            Document::Inventory(vec!["Size".to_owned(), "ETag".to_owned()])
        );
        assert_eq!(read(Operation::GetObject, "anything"), Document::None);
        for bad in ["on", "", "ON OFF"] {
            let body = format!("<LegalHold><Status>{bad}</Status></LegalHold>");
            assert!(Document::read(Operation::PutObjectLegalHold, body.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_body_that_a_check_or_key_needs_is_read_first() {
        fn reads_body(when: &When) -> bool {
            match when {
                When::Body(_) | When::Item(_) => true,
                When::Not(of) => reads_body(of),
                When::All(of) | When::Any(of) => of.iter().any(reads_body),
                _ => false,
            }
        }
        let of_body = [
            (Operation::CreateBucket, Key::S3Locationconstraint),
            (Operation::PutBucketInventoryConfiguration, Key::S3InventoryAccessibleOptionalFields),
            (Operation::PutBucketOwnershipControls, Key::S3XAmzObjectOwnership),
            (Operation::PutObjectLegalHold, Key::S3ObjectLockLegalHold),
            (Operation::PutObjectRetention, Key::S3ObjectLockMode),
            (Operation::PutObjectTagging, Key::S3RequestObjectTag),
            (Operation::TagResource, Key::AwsRequestTag),
        ];
        for operation in Operation::ALL {
            let checks = operation.permission().checks;
            let implied = checks.iter().any(|check| check.per_item || reads_body(&check.when))
                || of_body.iter().any(|(of, key)| *of == operation && checks.iter().any(|check| check.sees(*key)));
            assert_eq!(Document::is_needed(operation), implied, "{}", operation.name());
        }
    }
}
