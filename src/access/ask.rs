//! From a routed request to the list of what must be allowed.

use std::sync::Arc;

use http::HeaderName;

use super::document::{Document, MODES, ON_OFF};
use super::stored::{Needs, Stored};
use crate::s3::permission::{Check, Permission, State, Target, When};
use crate::s3::route::{CopySource, NOT_THROUGH, Routed, Through, no_cors};
use crate::s3::xml::DeleteEntry;
use crate::s3::{Code, Fault, Operation};

/// A request, as far as its checks depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: &'a str,
    /// What is asked.
    pub routed: &'a Routed,
    /// Its body, where [`Document::is_needed`] says so.
    pub document: &'a Document,
}

/// What must be allowed. Every one of them; with entries, every one without an entry, and for each entry
/// every one of its own.
#[derive(Clone, Debug)]
pub struct Asks {
    list: Vec<Ask>,
    needs: Needs,
}

/// One action on one resource.
#[derive(Clone, Debug)]
pub struct Ask {
    pub(super) check: &'static Check,
    resource: Arc<str>,
    behind: Option<Arc<str>>,
    pub(super) side: Side,
    pub(super) entry: Option<usize>,
    pub(super) spelling: Spelling,
    pub(super) prefix: Option<Arc<str>>,
    hinges_on: Option<State>,
}

/// Which of the two resources of a copy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// What is copied.
    Source,
    /// What the request is about.
    Target,
}

/// Which spelling of the copy's source a condition on `s3:x-amz-copy-source` sees.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Spelling {
    Canonical,
    Sent,
}

/// Whether a predicate holds, as far as is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Holds {
    No,
    Unknown(State),
    Yes,
}

/// A header that says one of a few words.
struct Words {
    name: &'static str,
    words: &'static [&'static str],
    /// Where conditions never compare it.
    any_case: bool,
    message: &'static str,
}

const WORDS: [Words; 8] = [
    Words {
        name: "x-amz-bypass-governance-retention",
        words: &["true", "false"],
        any_case: true,
        message: "This header is true or false.",
    },
    Words {
        name: "x-amz-bucket-object-lock-enabled",
        words: &["true", "false"],
        any_case: true,
        message: "This header is true or false.",
    },
    Words { name: "x-amz-object-lock-mode", words: &MODES, any_case: false, message: "Unknown wormMode directive." },
    Words {
        name: "x-amz-object-lock-legal-hold",
        words: &ON_OFF,
        any_case: false,
        message: "Legal Hold must be either of 'ON' or 'OFF'",
    },
    Words {
        name: "x-amz-object-lock-event-hold",
        words: &ON_OFF,
        any_case: false,
        message: "Event Hold must be either of 'ON' or 'OFF'",
    },
    Words {
        name: "x-amz-tagging-directive",
        words: &["COPY", "REPLACE"],
        any_case: true,
        message: "Unknown tagging directive.",
    },
    Words {
        name: "x-amz-metadata-directive",
        words: &["COPY", "REPLACE"],
        any_case: false,
        message: "Unknown metadata directive.",
    },
    Words {
        name: "x-amz-checksum-mode",
        words: &["ENABLED"],
        any_case: true,
        message: "The checksum mode is ENABLED or not said.",
    },
];

/// The checks of a request.
///
/// A check that hangs on a state nobody has looked up is in the list all the same, and
/// [`Ask::hinges_on`] says so: where everything is allowed, nothing need be looked up; only a denial of
/// such a check is no answer yet.
///
/// # Errors
/// `NotImplemented` for an operation that has no checks: nobody may do what nothing guards.
/// `AccessForbidden` for a preflight, which policies are not asked about.
/// `InvalidArgument` when a header that decides comes on several lines.
pub fn checks(given: &Given<'_>, stored: &dyn Stored) -> Result<Asks, Fault> {
    let permission = given.permission()?;
    given.check_headers()?;
    given.check_words()?;
    if given.routed.through.is_some() && !permission.access_point {
        return Err(Fault::plain(Code::MethodNotAllowed, NOT_THROUGH));
    }
    let mut asks = Asks { list: Vec::with_capacity(permission.checks.len()), needs: Needs::NONE };
    match given.document {
        Document::Delete(delete) => {
            for (at, entry) in delete.entries.iter().enumerate() {
                let arn = given.object(&entry.key)?;
                asks.add(given, permission, Some((at, entry)), &arn, stored)?;
            }
        }
        // Its checks are made for each entry: without them there would be none.
        _ if given.routed.operation == Operation::DeleteObjects => {
            return Err(Fault::plain(Code::InternalError, "entries-not-read"));
        }
        _ => {
            let arn = given.target(permission)?;
            asks.add(given, permission, None, &arn, stored)?;
        }
    }
    if asks.list.is_empty() {
        return Err(Fault::plain(Code::InternalError, "nothing-asked"));
    }
    Ok(asks)
}

fn unguarded(operation: Operation) -> Fault {
    Fault::plain(Code::NotImplemented, "operation-unguarded").detail(operation.name())
}

impl Given<'_> {
    fn permission(&self) -> Result<&'static Permission, Fault> {
        let operation = self.routed.operation;
        if operation == Operation::OptionsObject {
            return Err(no_cors(self.routed));
        }
        // Operations of S3 Control have the names of others, and permissions of their own.
        let permission = match &self.routed.account {
            Some(_) => Permission::of_control(operation.name()).ok_or_else(|| unguarded(operation))?,
            None => operation.permission(),
        };
        if permission.checks.is_empty() || operation.spec().refused.is_some() {
            return Err(unguarded(operation));
        }
        if Document::is_needed(operation) && *self.document == Document::None {
            return Err(Fault::plain(Code::InternalError, "document-not-read").detail(operation.name()));
        }
        Ok(permission)
    }

    /// Headers that decide take one value: of two, one would be checked and the other one carried out.
    fn check_headers(&self) -> Result<(), Fault> {
        let headers = &self.routed.headers;
        if headers.len() == headers.keys_len() {
            return Ok(());
        }
        let decides = |name: &str| match name.strip_prefix("x-amz-") {
            Some(rest) => !rest.starts_with("meta-") && !rest.ends_with("object-attributes"),
            // Routing has made one list of these, so there are not two.
            None => matches!(name, "if-match" | "if-none-match"),
        };
        let several = |name: &&HeaderName| headers.get_all(*name).iter().nth(1).is_some();
        match headers.keys().filter(|name| decides(name.as_str())).find(several) {
            Some(name) => Err(Fault::argument("header-twice", "This header takes one value.", name.as_str(), None)),
            None => Ok(()),
        }
    }

    /// Headers that say one of a few words say nothing else: a store could read what is none of them as one
    /// that nobody was asked about.
    fn check_words(&self) -> Result<(), Fault> {
        let headers = &self.routed.headers;
        if headers.is_empty() {
            return Ok(());
        }
        for Words { name, words, any_case, message } in &WORDS {
            let Some(sent) = headers.get(*name) else { continue };
            let is = |word: &&str| match any_case {
                true => sent.as_bytes().eq_ignore_ascii_case(word.as_bytes()),
                false => sent.as_bytes() == word.as_bytes(),
            };
            if !words.iter().any(is) {
                let sent = String::from_utf8_lossy(sent.as_bytes()).into_owned();
                return Err(Fault::argument("header-word", *message, *name, Some(sent)));
            }
        }
        Ok(())
    }

    fn bucket(&self) -> Result<&str, Fault> {
        self.routed.bucket.as_deref().ok_or_else(|| Fault::plain(Code::InternalError, "no-bucket"))
    }

    fn key(&self) -> Result<&str, Fault> {
        self.routed.key.as_deref().ok_or_else(|| Fault::plain(Code::InternalError, "no-key"))
    }

    /// The resource of the request itself.
    fn target(&self, permission: &Permission) -> Result<Arn, Fault> {
        let is = |target| permission.checks.iter().any(|check| check.target == target);
        if is(Target::Object) {
            self.object(self.key()?)
        } else if is(Target::Bucket) {
            self.at_bucket()
        } else if is(Target::Accesspoint) || is(Target::Tagged) {
            let point = self.routed.point.as_ref();
            point
                .map(|point| Arn::plain(point.arn.clone()))
                .ok_or_else(|| Fault::plain(Code::InternalError, "no-point"))
        } else if self.routed.operation == Operation::ListBuckets {
            Ok(Arn::plain(["arn:", self.partition, ":s3:::*"].concat()))
        } else {
            Ok(Arn::plain("*".to_owned()))
        }
    }

    fn at_bucket(&self) -> Result<Arn, Fault> {
        let bucket = ["arn:", self.partition, ":s3:::", self.bucket()?].concat();
        Ok(Arn::of_bucket(bucket, self.routed.through.as_deref()))
    }

    fn object(&self, key: &str) -> Result<Arn, Fault> {
        let object = ["arn:", self.partition, ":s3:::", self.bucket()?, "/", key].concat();
        Ok(Arn::of_object(object, self.routed.through.as_deref(), key))
    }

    fn copy_source(&self) -> Result<&CopySource, Fault> {
        self.routed.copy_source.as_ref().ok_or_else(|| Fault::plain(Code::InternalError, "no-copy-source"))
    }

    fn source(&self) -> Option<Arn> {
        let source = self.routed.copy_source.as_ref()?;
        let object = format!("arn:{}:s3:::{}/{}", self.partition, source.bucket, source.key);
        Some(Arn::of_object(object, source.through.as_deref(), &source.key))
    }

    /// Whether a predicate holds for the request, or for one of its entries.
    fn holds(&self, when: &When, entry: Option<&DeleteEntry>, stored: &dyn Stored) -> Holds {
        let headers = &self.routed.headers;
        match when {
            When::Always => Holds::Yes,
            When::All(of) => self.several(of, Holds::No, entry, stored),
            When::Any(of) => self.several(of, Holds::Yes, entry, stored),
            When::Not(of) => match self.holds(of, entry, stored) {
                Holds::Yes => Holds::No,
                Holds::No => Holds::Yes,
                unknown @ Holds::Unknown(_) => unknown,
            },
            When::AnyHeader(names) => names.iter().any(|name| headers.contains_key(*name)).into(),
            When::Body(path) => self.document.has(path).into(),
            When::CopySourceVersion => {
                self.routed.copy_source.as_ref().is_some_and(|source| source.version.is_some()).into()
            }
            // A form is routed as the PutObject it stands for, and its fields are headers by then. Should one
            // come here all the same, it needs everything that a form can need.
            When::Form(_) => Holds::Yes,
            When::Header(name) => headers.contains_key(*name).into(),
            When::HeaderEquals { name, value, any_case } => {
                let says = |sent: &[u8]| match any_case {
                    true => sent.eq_ignore_ascii_case(value.as_bytes()),
                    false => sent == value.as_bytes(),
                };
                headers.get(*name).is_some_and(|sent| says(sent.as_bytes())).into()
            }
            When::Item("VersionId") => entry.is_some_and(|entry| entry.version.is_some()).into(),
            // No other element has a meaning here; the check is made rather than left out.
            When::Item(_) => Holds::Yes,
            When::Query(name) => self.routed.parameter(name).is_some_and(|value| !value.is_empty()).into(),
            When::State(state @ State::SourceHasTags) => match stored.source_has_tags() {
                Some(tags) => tags.into(),
                None => Holds::Unknown(*state),
            },
        }
    }
}

impl Given<'_> {
    /// Walks predicates until one of them settles it: `No` for all of them, `Yes` for any.
    fn several(&self, of: &[When], settled: Holds, entry: Option<&DeleteEntry>, stored: &dyn Stored) -> Holds {
        let mut result = if settled == Holds::No { Holds::Yes } else { Holds::No };
        for one in of {
            match self.holds(one, entry, stored) {
                found if found == settled => return settled,
                unknown @ Holds::Unknown(_) => result = unknown,
                _ => {}
            }
        }
        result
    }
}

impl Asks {
    /// Adds what holds for the request or for one entry.
    fn add(
        &mut self,
        given: &Given<'_>,
        permission: &'static Permission,
        entry: Option<(usize, &DeleteEntry)>,
        arn: &Arn,
        stored: &dyn Stored,
    ) -> Result<(), Fault> {
        let source = given.source();
        for check in permission.checks.iter().filter(|check| check.per_item == entry.is_some()) {
            let hinges_on = match given.holds(&check.when, entry.map(|(_, entry)| entry), stored) {
                Holds::No => continue,
                Holds::Yes => None,
                Holds::Unknown(state) => {
                    self.needs = self.needs.and(state.needs());
                    Some(state)
                }
            };
            let (side, arn) = match check.target {
                Target::Source => {
                    (Side::Source, source.as_ref().ok_or_else(|| Fault::plain(Code::InternalError, "no-copy-source"))?)
                }
                _ => (Side::Target, arn),
            };
            let ask = Ask { entry: entry.map(|(at, _)| at), hinges_on, ..Ask::plain(check, side, arn) };
            if let Some(spelled) = given.spelled_otherwise(check) {
                self.list.push(Ask { spelling: spelled, ..ask.clone() });
            }
            self.list.push(ask);
        }
        Ok(())
    }

    /// What must be allowed.
    pub fn iter(&self) -> std::slice::Iter<'_, Ask> {
        self.list.iter()
    }

    /// What the list would change with.
    pub fn needs(&self) -> Needs {
        self.needs
    }
}

impl<'a> IntoIterator for &'a Asks {
    type Item = &'a Ask;
    type IntoIter = std::slice::Iter<'a, Ask>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Given<'_> {
    /// A condition on the source's text sees it as sent, as in AWS. A text in another spelling than the
    /// canonical one could slip past a Deny, so that the question is asked with both and both must be
    /// allowed (spec/s3-authorization.md 4.3).
    fn spelled_otherwise(&self, check: &Check) -> Option<Spelling> {
        let source = self.routed.copy_source.as_ref()?;
        let seen = check.sees(crate::s3::permission::Key::S3XAmzCopySource);
        (seen && source.sent != source.canonical()).then_some(Spelling::Canonical)
    }

    /// What must be allowed before the caller is told that a key or version is not there
    /// (spec/policy-evaluation.md 7): listing, with the key for a prefix.
    ///
    /// # Errors
    /// `InternalError` for a request that is about no object.
    pub fn before_absence(&self, side: Side, of_version: bool) -> Result<Ask, Fault> {
        let check = if of_version { Check::before_absent_version() } else { Check::before_absent_key() };
        let (arn, key) = match side {
            Side::Source => {
                let source = self.copy_source()?;
                let bucket = format!("arn:{}:s3:::{}", self.partition, source.bucket);
                (Arn::of_bucket(bucket, source.through.as_deref()), source.key.as_str())
            }
            Side::Target => (self.at_bucket()?, self.key()?),
        };
        Ok(Ask { prefix: Some(key.into()), ..Ask::plain(check, side, &arn) })
    }

    /// Whether the resource's side need not allow this ask: setting the ACL of a new object together with
    /// its data, where the caller's account will own the object (`writer_owns`, by the bucket's Object
    /// Ownership) or the ACL only gives the bucket's owner full control (spec/s3-authorization.md 6,
    /// acl-on-write). Denies still count.
    pub fn consents(&self, ask: &Ask, writer_owns: bool) -> bool {
        let creates = matches!(
            self.routed.operation,
            Operation::CopyObject | Operation::CreateMultipartUpload | Operation::PutObject
        );
        creates && ask.action() == "s3:PutObjectAcl" && (writer_owns || self.gives_owner_full_control())
    }

    fn gives_owner_full_control(&self) -> bool {
        let headers = &self.routed.headers;
        headers.get("x-amz-acl").is_some_and(|acl| acl.as_bytes() == b"bucket-owner-full-control")
            && !headers.keys().any(|name| name.as_str().starts_with("x-amz-grant-"))
    }

    /// Headers of the answer that need a permission of their own: where it is not given, they are left
    /// out. None of these denies the request.
    ///
    /// # Errors
    /// `InternalError` for a request that is about no object.
    pub fn shaping(&self) -> Result<Vec<(Ask, &'static [&'static str])>, Fault> {
        let permission = self.routed.operation.permission();
        if permission.shaping.is_empty() {
            return Ok(Vec::new());
        }
        let arn = self.target(permission)?;
        let version = self.routed.parameter("versionId").is_some();
        let asks = permission.shaping.iter().map(|shaping| {
            let check = shaping.version.as_ref().filter(|_| version).unwrap_or(&shaping.check);
            (Ask::plain(check, Side::Target, &arn), shaping.headers)
        });
        Ok(asks.collect())
    }
}

impl Ask {
    /// The ask of a request that was never sent. Which keys it sees is for whoever made it up.
    pub(super) fn imagined(resource: &str, behind: Option<&str>) -> Self {
        let arn = Arn { resource: resource.into(), behind: behind.map(Into::into) };
        Self::plain(Check::before_absent_key(), Side::Target, &arn)
    }

    fn plain(check: &'static Check, side: Side, arn: &Arn) -> Self {
        Self {
            check,
            resource: Arc::clone(&arn.resource),
            behind: arn.behind.clone(),
            side,
            entry: None,
            spelling: Spelling::Sent,
            prefix: None,
            hinges_on: None,
        }
    }

    /// `s3:GetObject`
    pub fn action(&self) -> &'static str {
        self.check.action
    }

    /// The ARN of what is acted on, or `*`; through an access point, the access point's.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Through an access point: the ARN of what is behind it.
    pub fn behind(&self) -> Option<&str> {
        self.behind.as_deref()
    }

    /// Which bucket's policy, owner and access control lists are asked.
    pub fn side(&self) -> Side {
        self.side
    }

    /// The entry of a list of deletions that this is about, by its place. A denial denies this entry.
    pub fn entry(&self) -> Option<usize> {
        self.entry
    }

    /// The state that decides whether this must be allowed at all. While it is not looked up, a denial is
    /// no answer yet.
    pub fn hinges_on(&self) -> Option<State> {
        self.hinges_on
    }
}

impl State {
    const fn needs(self) -> Needs {
        match self {
            Self::SourceHasTags => Needs::SOURCE_HAS_TAGS,
        }
    }
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// A resource as it is asked about, and what is behind it.
struct Arn {
    resource: Arc<str>,
    behind: Option<Arc<str>>,
}

impl Arn {
    fn plain(resource: String) -> Self {
        Self { resource: resource.into(), behind: None }
    }

    /// A bucket, or the access point in front of it.
    fn of_bucket(bucket: String, through: Option<&Through>) -> Self {
        match through {
            None => Self::plain(bucket),
            Some(point) => Self { resource: point.arn.as_str().into(), behind: Some(bucket.into()) },
        }
    }

    /// An object, or the same object through the access point in front of it.
    fn of_object(object: String, through: Option<&Through>, key: &str) -> Self {
        match through {
            None => Self::plain(object),
            Some(point) => Self { resource: format!("{}/object/{key}", point.arn).into(), behind: Some(object.into()) },
        }
    }
}
