//! What one generation of the policies folder says, compiled: who owns what, who belongs where, and the
//! documents that decide.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use bytes::Bytes;

use super::facts::{AccessPoint as Seen, Organization, Owner};
use crate::identity::canonical_id;
use crate::policy::encryption::BucketDefault;
use crate::policy::engine::public::{Block, Origin};
use crate::policy::engine::{Generation, Sources};
use crate::policy::logging::BucketLogging;
use crate::s3::address::{AccessPoint, AccessPoints};
use crate::s3::route::Through;
use crate::s3::tags::Tags;
use crate::time::Seconds;

/// One generation of policies. Immutable; a reload makes another.
#[derive(Debug, Default)]
pub struct Estate {
    rules: Generation,
    /// The account that owns every bucket without settings.
    account: String,
    /// By account.
    organizations: HashMap<String, Organization>,
    /// By bucket.
    kept: HashMap<String, Kept>,
    /// Block Public Access of accounts, where it has been said.
    account_blocks: HashMap<String, Block>,
    /// By ARN, so that those of one account lie together, by name.
    access_points: BTreeMap<String, Point>,
}

/// What is kept of an access point (spec/access-points.md 1). Its policy decides as one of the
/// [`Generation`]'s.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Point {
    /// `arn:PARTITION:s3:REGION:ACCOUNT:accesspoint/NAME`
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The account that owns it.
    pub account: String,
    /// Its region.
    pub region: String,
    /// The bucket it leads to.
    pub bucket: String,
    /// The account that owned the bucket when the access point was made: to a bucket of another one it
    /// leads no more.
    pub bucket_account: String,
    /// The VPC that it is reached from; none for anywhere.
    pub vpc: Option<String>,
    /// Its Block Public Access.
    pub block: Block,
    /// Its alias.
    pub alias: String,
    /// When it was made.
    pub created: Seconds,
    /// Its tags.
    pub tags: Tags,
    /// Its policy, as it was written.
    pub policy: Option<Bytes>,
}

/// What is kept of a bucket for those who ask for it.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Its tags, with access by attributes.
    pub tags: Option<Tags>,
    /// Its policy, as it was written.
    pub policy: Option<Bytes>,
    /// Its Block Public Access, if it has been said.
    pub block: Option<Block>,
    /// How it encrypts what says nothing, if it has been said.
    pub encryption: Option<BucketDefault>,
    /// Where the lines about it go, if they go anywhere.
    pub logging: Option<BucketLogging>,
}

impl Point {
    /// What conditions see of it.
    pub fn seen(&self) -> Seen<'_> {
        let network_origin = Origin::of(self.vpc.as_deref()).name();
        Seen { arn: &self.arn, account: &self.account, network_origin, tags: Some(&self.tags) }
    }
}

impl Estate {
    /// Compiles the documents of a folder. `account` owns every bucket that nothing is said about;
    /// `organizations` says which accounts belong where.
    pub fn new(account: &str, sources: Sources, organizations: HashMap<String, Organization>) -> Self {
        Self { rules: Generation::new(sources), account: account.to_owned(), organizations, ..Self::default() }
    }

    /// Takes in what is kept of buckets and accounts besides what decides.
    #[must_use]
    pub fn with_kept(self, kept: HashMap<String, Kept>, account_blocks: HashMap<String, Block>) -> Self {
        Self { kept, account_blocks, ..self }
    }

    /// Takes in the access points.
    #[must_use]
    pub fn with_access_points(self, points: impl IntoIterator<Item = Point>) -> Self {
        let access_points = points.into_iter().map(|point| (point.arn.clone(), point)).collect();
        Self { access_points, ..self }
    }

    /// The access point of an ARN.
    pub fn access_point(&self, arn: &str) -> Option<&Point> {
        self.access_points.get(arn)
    }

    /// Every access point whose ARN begins so, in the order of their ARNs, from `first` on.
    pub fn access_points<'a>(&'a self, prefix: &'a str, first: &str) -> impl Iterator<Item = &'a Point> {
        let from = self.access_points.range::<str, _>((Bound::Included(first.max(prefix)), Bound::Unbounded));
        from.map(|(_, point)| point).take_while(move |point| point.arn.starts_with(prefix))
    }

    /// The access points, as addresses lead to them.
    pub fn addresses(&self) -> AccessPoints {
        let address = |point: &Point| AccessPoint {
            name: point.name.clone(),
            account: point.account.clone(),
            region: point.region.clone(),
            alias: point.alias.clone(),
            bucket: point.bucket.clone(),
        };
        self.access_points.values().map(address).collect()
    }

    /// What decides.
    pub fn rules(&self) -> &Generation {
        &self.rules
    }

    /// Whose a bucket is, and through which access point it is asked for.
    pub fn whose<'a>(&'a self, bucket: &str, through: Option<&Through>) -> Owner<'a> {
        let account = self.owner(bucket);
        Owner {
            account: Some(account),
            organization: self.organization(account),
            tags: self.tags(bucket),
            access_point: through.and_then(|through| self.access_point(&through.arn)).map(Point::seen),
        }
    }

    /// The account that owns a bucket.
    pub fn owner(&self, bucket: &str) -> &str {
        self.rules.owner(bucket).unwrap_or(&self.account)
    }

    /// Whether anything is said of a bucket.
    pub fn knows(&self, bucket: &str) -> bool {
        self.rules.owner(bucket).is_some()
    }

    /// The canonical id of an account, in lists and owners.
    pub fn canonical_id(&self, account: &str) -> Cow<'_, str> {
        match self.rules.canonical_id(account) {
            Some(id) => Cow::Borrowed(id),
            None => Cow::Owned(canonical_id(account)),
        }
    }

    /// What is kept of a bucket besides what decides.
    pub fn kept(&self, bucket: &str) -> Option<&Kept> {
        self.kept.get(bucket)
    }

    /// The buckets whose access log goes somewhere, in the order of their names.
    pub fn logged(&self) -> Vec<(&str, &BucketLogging)> {
        let logged = self.kept.iter().filter_map(|(bucket, kept)| Some((bucket.as_str(), kept.logging.as_ref()?)));
        let mut logged: Vec<_> = logged.collect();
        logged.sort_unstable_by_key(|(bucket, _)| *bucket);
        logged
    }

    /// Block Public Access of an account, if it has been said.
    pub fn account_block(&self, account: &str) -> Option<Block> {
        self.account_blocks.get(account).copied()
    }

    /// The tags of a bucket that conditions may see; none without access by attributes.
    pub fn tags(&self, bucket: &str) -> Option<&Tags> {
        self.kept(bucket)?.tags.as_ref()
    }

    /// The organization of an account, with the path of the account in it.
    pub fn organization(&self, account: &str) -> Option<&Organization> {
        self.organizations.get(account)
    }
}
