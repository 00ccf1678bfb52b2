//! Nothing stored in the clear: what a write must say of encryption, what it gets where it says nothing,
//! and with which keys (spec/encryption.md 7.3, 9).
//!
//! Pure. What a key's name means, and who may use it, is decided by whoever asks.

mod asked;
mod levels;

pub use asked::{Asked, Channel, bad_context, check_kms};
pub use levels::{Level, Levels, Place, Use};

use crate::policy::encryption::BucketDefault;
use crate::policy::pattern::{Pattern, Variables, Wildcards};
use crate::s3::encryption::{Encryption, Kind};
use crate::s3::route::Through;
use crate::s3::{Code, Fault};

/// What the operator demands.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Everywhere where no rule says otherwise; none where nothing is demanded.
    pub everywhere: Option<Demand>,
    /// Of some buckets, prefixes, access points.
    pub rules: Vec<Rule>,
    /// Whether keys of clients are taken where neither a rule nor the bucket says so.
    pub customer_keys: bool,
    /// What `aws:kms` without a key means in a bucket whose default is a KMS key.
    pub without_key: WithoutKey,
    /// Conditions compare the ARN that a key's name stands for, not the name that was sent.
    pub literal_key_ids: bool,
}

/// Which key `aws:kms` means where none is named.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WithoutKey {
    /// `aws/s3` of the caller's account, as AWS documents it.
    #[default]
    AwsManaged,
    /// The bucket's, where its default has one.
    BucketDefault,
}

/// A demand, and where it holds.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The buckets.
    pub bucket: Glob,
    /// What keys begin with.
    pub prefix: String,
    /// The access points, by ARN; none for every way. A name alone could be anybody's.
    pub access_point: Option<Glob>,
    /// What is demanded there.
    pub demand: Demand,
}

/// A text with `*` and `?`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Glob {
    text: String,
    pattern: Pattern,
}

/// What writes must say.
#[derive(Clone, Debug, Default)]
pub struct Demand {
    /// This kind or a stronger one; none where any will do, also none.
    pub require: Option<Kind>,
    /// The KMS keys that may be used, by ARN; empty: any.
    pub keys: Vec<Glob>,
    /// What becomes of a write that says nothing.
    pub when_missing: WhenMissing,
    /// What becomes of one that says something else.
    pub when_wrong: WhenWrong,
    /// What is added; none: the default of the bucket.
    pub default: Option<BucketDefault>,
    /// Whether clients may bring keys; none: the bucket says it.
    pub customer_keys: Option<bool>,
}

/// What becomes of a write that says nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WhenMissing {
    /// The default is written into it.
    Add,
    /// It goes on as it is.
    Pass,
    /// It is refused.
    #[default]
    Refuse,
}

/// What becomes of a write that asks for something weaker, or another key.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WhenWrong {
    /// It goes on as it is.
    Pass,
    /// It is refused.
    #[default]
    Refuse,
}

/// What a rule that only watches has seen in a write that goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Seen {
    /// It says nothing of encryption.
    Missing,
    /// It asks for something weaker than is required, or for another key.
    Wrong,
}

impl Seen {
    /// As records and metrics have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "EncryptionMissing",
            Self::Wrong => "EncryptionWrong",
        }
    }
}

/// Where a decision about encryption comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum From {
    /// A rule added it.
    Added,
    /// The bucket's default.
    Default,
    /// The request said it.
    Request,
}

impl From {
    /// As records have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Default => "default",
            Self::Request => "request",
        }
    }
}

/// How something is to be encrypted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// With a key that the client brings.
    Customer,
    /// So.
    Kind {
        /// The kind.
        kind: Kind,
        /// The KMS key as somebody named it; none with one: `aws/s3`.
        key: Option<String>,
        /// Under a key of the bucket.
        bucket_key: bool,
        /// Who said so.
        from: From,
    },
    /// Nobody says how: as the store does by itself.
    Unsaid,
}

impl Rules {
    /// What holds for an object.
    pub fn demand(&self, bucket: &str, key: &str, through: Option<&Through>) -> Option<&Demand> {
        let holds = |rule: &&Rule| {
            let way = rule.access_point.as_ref();
            let way = way.is_none_or(|point| through.is_some_and(|through| point.matches(&through.arn)));
            way && rule.bucket.matches(bucket) && key.starts_with(&rule.prefix)
        };
        // One that names a way in is about less than one that does not.
        let weight = |rule: &&Rule| (rule.access_point.is_some(), rule.prefix.len(), rule.bucket.text.len());
        let best = self.rules.iter().rev().filter(holds).max_by_key(weight);
        best.map(|rule| &rule.demand).or(self.everywhere.as_ref())
    }

    /// Whether anything is demanded anywhere.
    pub fn has_any(&self) -> bool {
        self.everywhere.is_some() || !self.rules.is_empty()
    }

    /// How a write is to be encrypted, from what it says, what is demanded, and what the bucket does with
    /// what says nothing; and what a rule that only watches has seen.
    ///
    /// # Errors
    /// `AccessDenied`: it says nothing, something weaker, or brings a key that is not taken.
    pub fn settle(
        &self,
        demand: Option<&Demand>,
        asked: &Asked,
        bucket: Option<&BucketDefault>,
    ) -> Result<(Wanted, Option<Seen>), Fault> {
        if asked.customer {
            return match self.takes_customer_keys(demand, bucket) {
                true => Ok((Wanted::Customer, None)),
                false => Err(Fault::plain(Code::AccessDenied, "customer-key-blocked")
                    .detail("keys of clients (SSE-C) are not taken here: guard.encryption customer_keys")),
            };
        }
        if let Some(kind) = asked.kind {
            let seen = demand.map_or(Ok(None), |demand| demand.check_kind(kind))?;
            return Ok((self.as_asked(kind, asked, bucket), seen));
        }
        let Some(demand) = demand else { return Ok((by_default(bucket, asked), None)) };
        match demand.when_missing {
            WhenMissing::Refuse => Err(Fault::plain(Code::AccessDenied, "encryption-missing")
                .detail("the request says nothing of encryption (guard.encryption when_missing = \"refuse\")")),
            WhenMissing::Pass => Ok((by_default(bucket, asked), Some(Seen::Missing))),
            WhenMissing::Add => {
                let silent = BucketDefault::default();
                let default = demand.default.as_ref().or(bucket).unwrap_or(&silent);
                let seen = demand.check_kind(default.kind())?;
                Ok((of_default(default, asked, From::Added), seen))
            }
        }
    }

    fn takes_customer_keys(&self, demand: Option<&Demand>, bucket: Option<&BucketDefault>) -> bool {
        let said = demand.and_then(|demand| demand.customer_keys);
        let blocks = bucket.and_then(|bucket| bucket.blocks_customer_keys);
        // Their strength is not to be compared: where something is demanded, they are no answer to it.
        let demanded = demand.is_some_and(|demand| demand.require.is_some() || !demand.keys.is_empty());
        match (said, blocks) {
            (Some(false), _) | (_, Some(true)) => false,
            (Some(true), _) => true,
            (None, _) if demanded => false,
            (None, Some(false)) => true,
            (None, None) => self.customer_keys,
        }
    }

    fn as_asked(&self, kind: Kind, asked: &Asked, bucket: Option<&BucketDefault>) -> Wanted {
        let bucket = bucket.filter(|bucket| bucket.apply.is_some() && bucket.kind() == kind);
        let of_bucket = bucket.filter(|_| self.without_key == WithoutKey::BucketDefault);
        let of_bucket = of_bucket.and_then(|bucket| bucket.apply.as_ref()?.key.clone());
        Wanted::Kind {
            kind,
            key: asked.key.clone().or(of_bucket),
            bucket_key: asked.has_bucket_key(kind, bucket),
            from: From::Request,
        }
    }
}

impl Demand {
    /// Whether what is written in its sense must be encrypted in the end, as the store has to confirm. One that
    /// only watches, or asks for nothing, binds nobody.
    pub fn binds(&self) -> bool {
        self.when_missing == WhenMissing::Add || self.refuses_anything()
    }

    /// Whether it refuses anything.
    pub fn refuses_anything(&self) -> bool {
        let demands = self.require.is_some() || !self.keys.is_empty();
        self.when_missing == WhenMissing::Refuse || demands && self.when_wrong == WhenWrong::Refuse
    }

    /// Whether what was begun under another rule may be finished under this one; what is seen where it goes on
    /// although it should not be so.
    ///
    /// # Errors
    /// `AccessDenied`
    pub fn check_made(&self, encryption: &Encryption) -> Result<Option<Seen>, Fault> {
        let weaker = match (encryption.kind(), self.when_missing) {
            (Some(kind), _) => self.check_kind(kind)?,
            (None, WhenMissing::Pass) => return Ok(Some(Seen::Missing)),
            (None, WhenMissing::Add | WhenMissing::Refuse) => {
                return Err(
                    Fault::plain(Code::AccessDenied, "encryption-missing").detail("the upload is not encrypted")
                );
            }
        };
        Ok(weaker.or(encryption.key().map_or(Ok(None), |key| self.check_key(key))?))
    }

    /// Whether a kind is strong enough; what is seen where it is not and goes on.
    ///
    /// # Errors
    /// `AccessDenied`
    pub fn check_kind(&self, kind: Kind) -> Result<Option<Seen>, Fault> {
        let Some(required) = self.require.filter(|required| kind < *required) else { return Ok(None) };
        match self.when_wrong {
            WhenWrong::Pass => Ok(Some(Seen::Wrong)),
            WhenWrong::Refuse => {
                let detail = format!("{} is demanded here, and this is {}", required.as_str(), kind.as_str());
                Err(Fault::plain(Code::AccessDenied, "encryption-weaker").detail(detail))
            }
        }
    }

    /// Whether a KMS key may be used here; what is seen where it may not and goes on.
    ///
    /// # Errors
    /// `AccessDenied`
    pub fn check_key(&self, arn: &str) -> Result<Option<Seen>, Fault> {
        if self.keys.is_empty() || self.keys.iter().any(|key| key.matches(arn)) {
            return Ok(None);
        }
        match self.when_wrong {
            WhenWrong::Pass => Ok(Some(Seen::Wrong)),
            WhenWrong::Refuse => Err(Fault::plain(Code::AccessDenied, "encryption-key-not-allowed")
                .detail(format!("{arn} is none of the keys that may be used here (guard.encryption kms_keys)"))),
        }
    }
}

impl Glob {
    /// A text with `*` and `?`.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), pattern: Pattern::new(text, Wildcards::On, Variables::Off) }
    }

    /// Whether a whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        self.pattern.matches_plain(text)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn by_default(bucket: Option<&BucketDefault>, asked: &Asked) -> Wanted {
    match bucket.filter(|bucket| bucket.apply.is_some()) {
        Some(bucket) => of_default(bucket, asked, From::Default),
        None => Wanted::Unsaid,
    }
}

fn of_default(default: &BucketDefault, asked: &Asked, from: From) -> Wanted {
    let kind = default.kind();
    Wanted::Kind {
        kind,
        key: default.apply.as_ref().and_then(|apply| apply.key.clone()),
        bucket_key: kind == Kind::Kms && asked.bucket_key.unwrap_or(default.bucket_key),
        from,
    }
}

#[cfg(test)]
mod tests;
