//! Everything that decides, by name: what one generation of the policies folder compiles to.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::acl::{AccessLists, Acl, ObjectList, Ownership};
use super::arn;
use super::decision::Decision;
use super::explain::Explanation;
use super::layers::{AccessPoint, Layers};
use super::public::{self, Block, BlockLevels, Origin, PolicyOf};
use super::question::Question;
use super::shelf::{Policy, Shelf};
use crate::hash::QuickMap;
use crate::s3::name::split_behind_access_point;

/// What a generation is compiled from: documents by what they are attached to. Documents are shared, so a
/// policy of many principals is held once.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Users and roles, by ARN with path.
    pub identities: BTreeMap<String, Attachments>,
    /// Accounts, by number.
    pub accounts: BTreeMap<String, AccountRules>,
    /// Buckets, by name.
    pub buckets: BTreeMap<String, BucketRules>,
    /// Access points, by ARN.
    pub access_points: BTreeMap<String, AccessPointRules>,
    /// VPC endpoint policies, by endpoint id.
    pub endpoints: BTreeMap<String, Arc<Policy>>,
    /// Trust policies, by the ARN of the role. Requests to S3 never ask them: they are here for questions
    /// over everything.
    pub trusts: BTreeMap<String, Arc<Policy>>,
}

/// What is attached to a user or role.
#[derive(Clone, Debug, Default)]
pub struct Attachments {
    /// Its policies and those of its groups.
    pub policies: Vec<Arc<Policy>>,
    /// Its permissions boundary.
    pub boundary: Option<Arc<Policy>>,
}

/// What holds for an account.
#[derive(Clone, Debug, Default)]
pub struct AccountRules {
    /// Its canonical id, for canonical principals and lists.
    pub canonical_id: Option<String>,
    /// Service control policies: one set per level, from the root of the organization to the account. None
    /// for accounts outside of an organization and for its management account.
    pub service_control: Vec<Vec<Arc<Policy>>>,
    /// Resource control policies, in the same way.
    pub resource_control: Vec<Vec<Arc<Policy>>>,
    /// Block Public Access of its organization.
    pub organization_block: Option<Block>,
    /// Block Public Access of the account.
    pub block: Block,
}

/// What holds for a bucket.
#[derive(Clone, Debug)]
pub struct BucketRules {
    /// The account that owns it.
    pub owner: String,
    /// Its policy.
    pub policy: Option<Arc<Policy>>,
    /// Whoever set the policy has confirmed that it may lock everybody out: the root user obeys it, too.
    pub binds_root: bool,
    /// Its Block Public Access.
    pub block: Block,
    /// Who owns new objects.
    pub ownership: Ownership,
    /// Its access control list.
    pub acl: Option<Acl>,
}

/// What holds for an access point.
#[derive(Clone, Debug)]
pub struct AccessPointRules {
    /// The account that owns it.
    pub owner: String,
    /// The bucket it leads to.
    pub bucket: String,
    /// From where it is reached.
    pub origin: Origin,
    /// Its policy.
    pub policy: Option<Arc<Policy>>,
    /// Its Block Public Access.
    pub block: Block,
}

/// An access point that exists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AccessPointRef<'a> {
    /// The account that owns it.
    pub owner: &'a str,
    /// The bucket it leads to.
    pub bucket: &'a str,
    /// From where it is reached.
    pub origin: Origin,
}

/// Compiled sources. Immutable; a reload compiles another.
#[derive(Debug, Default)]
pub struct Generation {
    identities: QuickMap<String, Attached>,
    accounts: QuickMap<String, Account>,
    buckets: HashMap<String, Bucket>,
    access_points: HashMap<String, Point>,
    endpoints: HashMap<String, Arc<Shelf>>,
}

#[derive(Debug)]
struct Attached {
    policies: Arc<Shelf>,
    boundary: Option<Arc<Shelf>>,
}

#[derive(Debug)]
struct Account {
    canonical_id: Option<String>,
    service_control: Vec<Arc<Shelf>>,
    resource_control: Vec<Arc<Shelf>>,
    organization_block: Option<Block>,
    block: Block,
}

#[derive(Debug)]
struct Bucket {
    owner: String,
    policy: Option<Arc<Shelf>>,
    binds_root: bool,
    is_public: bool,
    block: Block,
    ownership: Ownership,
    acl: Option<Acl>,
}

#[derive(Debug)]
struct Point {
    owner: String,
    bucket: String,
    origin: Origin,
    policy: Option<Arc<Shelf>>,
    is_public: bool,
    block: Block,
}

/// What a request brings along that no generation knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Brought<'a> {
    /// The session policies of the credentials, compiled when these were made or first seen.
    pub session: Option<&'a Shelf>,
    /// The VPC endpoint that the request came through.
    pub endpoint: Option<&'a str>,
    /// The object acted on, where lists are in force and there is one.
    pub object: Option<ObjectList<'a>>,
}

/// Shelves by the documents on them, so that equal ones are compiled once.
#[derive(Default)]
struct Compiler(HashMap<Vec<usize>, Arc<Shelf>>);

impl Compiler {
    fn shelf(&mut self, policies: &[Arc<Policy>]) -> Arc<Shelf> {
        let key = policies.iter().map(|policy| Arc::as_ptr(policy).addr()).collect();
        Arc::clone(self.0.entry(key).or_insert_with(|| Arc::new(Shelf::new(policies.to_vec()))))
    }

    fn one(&mut self, policy: Option<&Arc<Policy>>) -> Option<Arc<Shelf>> {
        policy.map(|policy| self.shelf(std::slice::from_ref(policy)))
    }

    fn levels(&mut self, levels: &[Vec<Arc<Policy>>]) -> Vec<Arc<Shelf>> {
        levels.iter().map(|level| self.shelf(level)).collect()
    }
}

impl Generation {
    /// Compiles. Cannot fail: the documents have been read.
    pub fn new(sources: Sources) -> Self {
        let mut compiler = Compiler::default();
        let identities = sources.identities.into_iter().map(|(arn, attached)| {
            let policies = compiler.shelf(&attached.policies);
            (arn, Attached { policies, boundary: compiler.one(attached.boundary.as_ref()) })
        });
        let identities = identities.collect();
        let accounts = sources.accounts.into_iter().map(|(id, rules)| {
            let service_control = compiler.levels(&rules.service_control);
            let resource_control = compiler.levels(&rules.resource_control);
            let AccountRules { canonical_id, organization_block, block, .. } = rules;
            (id, Account { canonical_id, service_control, resource_control, organization_block, block })
        });
        let accounts = accounts.collect();
        let buckets = sources.buckets.into_iter().map(|(name, rules)| {
            let policy = compiler.one(rules.policy.as_ref());
            let is_public = is_public(rules.policy.as_ref(), PolicyOf::Bucket);
            let BucketRules { owner, binds_root, block, ownership, acl, .. } = rules;
            (name, Bucket { owner, policy, binds_root, is_public, block, ownership, acl })
        });
        let buckets = buckets.collect();
        let points = sources.access_points.into_iter().map(|(arn, rules)| {
            let policy = compiler.one(rules.policy.as_ref());
            let is_public = is_public(rules.policy.as_ref(), PolicyOf::AccessPoint(rules.origin));
            let AccessPointRules { owner, bucket, origin, block, .. } = rules;
            (arn, Point { owner, bucket, origin, policy, is_public, block })
        });
        let access_points = points.collect();
        let endpoints = sources.endpoints.into_iter().map(|(id, policy)| (id, compiler.shelf(&[policy]))).collect();
        Self { identities, accounts, buckets, access_points, endpoints }
    }

    /// Decides a question. Total, like [`Layers::decide`].
    pub fn decide(&self, question: &Question<'_>, brought: &Brought<'_>) -> Decision {
        let (question, bucket) = self.settled(question);
        self.layers(&question, bucket, brought).decide(&question)
    }

    /// Decides a question and says why.
    pub fn explain(&self, question: &Question<'_>, brought: &Brought<'_>) -> Explanation {
        let (question, bucket) = self.settled(question);
        self.layers(&question, bucket, brought).explain(&question)
    }

    /// The bucket that a question is about, and the question with the owner that is known here: who owns a
    /// bucket is not for the asker to say.
    fn settled<'q>(&'q self, question: &Question<'q>) -> (Question<'q>, Option<&'q Bucket>) {
        let bucket = self.buckets.get(bucket_of(question));
        let owner = bucket.map_or(question.owner, |bucket| &bucket.owner);
        (Question { owner, ..*question }, bucket)
    }

    /// The buckets that something is known of, in no order.
    pub fn buckets(&self) -> impl Iterator<Item = &str> {
        self.buckets.keys().map(String::as_str)
    }

    /// The account that owns a bucket, if that is known.
    pub fn owner(&self, bucket: &str) -> Option<&str> {
        self.buckets.get(bucket).map(|bucket| bucket.owner.as_str())
    }

    /// An access point, by its ARN.
    pub fn access_point(&self, arn: &str) -> Option<AccessPointRef<'_>> {
        let point = self.access_points.get(arn)?;
        Some(AccessPointRef { owner: &point.owner, bucket: &point.bucket, origin: point.origin })
    }

    /// The canonical id of an account, if it has one.
    pub fn canonical_id(&self, account: &str) -> Option<&str> {
        self.accounts.get(account)?.canonical_id.as_deref()
    }

    /// Whether a bucket's policy is public; none if the bucket has no policy.
    pub fn has_public_policy(&self, bucket: &str) -> Option<bool> {
        self.buckets.get(bucket).and_then(|bucket| bucket.policy.as_ref().map(|_| bucket.is_public))
    }

    /// Whether an access point's policy is public; none if it has no policy.
    pub fn has_public_point_policy(&self, arn: &str) -> Option<bool> {
        self.access_points.get(arn).and_then(|point| point.policy.as_ref().map(|_| point.is_public))
    }

    /// Block Public Access at every level that concerns a bucket, for writes to it.
    pub fn block_levels(&self, bucket: &str, owner: &str, access_point: Option<&str>) -> BlockLevels {
        let account = self.accounts.get(owner);
        BlockLevels {
            organization: account.and_then(|account| account.organization_block),
            account: account.map(|account| account.block).unwrap_or_default(),
            bucket: self.buckets.get(bucket).map(|bucket| bucket.block).unwrap_or_default(),
            access_point: access_point
                .and_then(|arn| self.access_points.get(arn))
                .map(|point| self.block_of(point, owner))
                .unwrap_or_default(),
        }
    }

    /// Block Public Access of an access point in front of an account's bucket. Where another account owns it,
    /// what that one has set holds for it, too (spec/access-points.md 7.3).
    fn block_of(&self, point: &Point, owner: &str) -> Block {
        let foreign = if point.owner == owner { None } else { self.accounts.get(&point.owner) };
        foreign
            .map_or(point.block, |account| point.block.or(Block::of_account(account.organization_block, account.block)))
    }

    /// The layers that take part in a question. A caller without policies of its own has an empty identity
    /// layer; a bucket, account or endpoint that nothing is known of adds none.
    fn layers<'a>(&'a self, question: &Question<'_>, bucket: Option<&'a Bucket>, brought: &Brought<'a>) -> Layers<'a> {
        let attached = question.caller.identity().and_then(|arn| self.identities.get(arn));
        let caller_account = question.caller.account().and_then(|account| self.accounts.get(account));
        let at_home = question.caller.is_of(question.owner);
        let owner = if at_home { caller_account } else { self.accounts.get(question.owner) };
        let point_arn = question.behind.map(|_| access_point_arn(question.resource));
        let point = point_arn.and_then(|arn| self.access_points.get(arn));
        let levels = BlockLevels {
            organization: owner.and_then(|account| account.organization_block),
            account: owner.map(|account| account.block).unwrap_or_default(),
            bucket: bucket.map(|bucket| bucket.block).unwrap_or_default(),
            access_point: point.map(|point| self.block_of(point, question.owner)).unwrap_or_default(),
        };
        let in_force = bucket.filter(|bucket| bucket.ownership != Ownership::BucketOwnerEnforced);
        Layers {
            service_control: caller_account.map(|account| account.service_control.as_slice()).unwrap_or_default(),
            resource_control: owner.map(|account| account.resource_control.as_slice()).unwrap_or_default(),
            endpoint: brought.endpoint.and_then(|id| self.endpoints.get(id)).map(|shelf| &**shelf),
            identity: attached.map(|attached| &*attached.policies),
            boundary: attached.and_then(|attached| attached.boundary.as_deref()),
            trust: None,
            session: brought.session,
            bucket: bucket
                .filter(|bucket| bucket.binds_root || !unlocks(question))
                .and_then(|bucket| bucket.policy.as_deref()),
            // An access point that nothing is known of grants nothing: nobody owns it.
            access_point: question.behind.map(|_| AccessPoint {
                owner: point.map(|point| point.owner.as_str()).unwrap_or_default(),
                policy: point.and_then(|point| point.policy.as_deref()),
            }),
            lists: in_force.map(|bucket| AccessLists {
                bucket: bucket.acl.as_ref(),
                object: brought.object,
                ignore_public: levels.effective().ignore_public_acls,
            }),
            restrict: levels
                .restrict(bucket.is_some_and(|bucket| bucket.is_public), point.is_some_and(|point| point.is_public)),
        }
    }
}

/// The bucket that a question is about; empty where it is about none. The ARN of an access point is not
/// that of a bucket called `accesspoint`. To make a bucket has no resource's side: what is written about
/// its name is about a bucket that is there (spec/policy-evaluation.md 5).
fn bucket_of<'q>(question: &Question<'q>) -> &'q str {
    if question.action.name() == "s3:CreateBucket" {
        return "";
    }
    arn::path_in_s3(question.behind.unwrap_or(question.resource)).map(arn::component).unwrap_or_default()
}

/// Whether the root user of a bucket's account manages its policy: that it may do whatever the policy says,
/// or nobody could take back one that forbids everything to everyone (spec/policy-evaluation.md 5). Not where
/// just that was confirmed (spec/policy-language.md 8).
fn unlocks(question: &Question<'_>) -> bool {
    const MANAGE: [&str; 3] = ["s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:PutBucketPolicy"];
    question.caller.is_root() && question.caller.is_of(question.owner) && MANAGE.contains(&question.action.name())
}

fn is_public(policy: Option<&Arc<Policy>>, of: PolicyOf) -> bool {
    policy.is_some_and(|policy| public::is_public(policy.document(), of))
}

/// The access point of an ARN of it or of an object behind it.
fn access_point_arn(resource: &str) -> &str {
    split_behind_access_point(resource).map_or(resource, |(point, _)| point)
}
