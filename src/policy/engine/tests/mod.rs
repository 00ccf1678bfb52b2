//! The engine beside its oracle, and what must hold whatever the documents say.

mod cases;
mod changes;
mod index;
mod oracle;
mod properties;
mod public;
mod rules;

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::context::Keys;
use super::super::read::{self, Kind};
use super::acl::{self, Acl, AclGrant, Grantee, ObjectList, Ownership, Permission};
use super::public::{Block, Origin};
use super::{
    AccessPointRules, Act, Attachments, Brought, BucketRules, Caller, Decision, Explanation, Generation, Policy,
    Question, Shelf, Sources,
};

/// A document, read as it would be from a file.
pub(super) fn policy(name: &str, document: &Value, kind: Kind) -> Arc<Policy> {
    let text = document.to_string();
    let reading = read::read(text.as_bytes(), kind).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    Policy::new(name, reading.document)
}

pub(super) fn shelf(name: &str, documents: &[Value], kind: Kind) -> Shelf {
    Shelf::new(documents.iter().map(|document| policy(name, document, kind)).collect())
}

/// What a case says, where a generation keeps it, beside things that concern others.
pub(super) struct World {
    generation: Generation,
    session: Option<Shelf>,
    object: Option<(String, Acl)>,
    keys: Keys,
    /// The bucket is known, so that its owner is not for the question to say.
    owned: bool,
}

const ENDPOINT: &str = "vpce-1";

impl World {
    fn new(case: &Value) -> Self {
        let policies = &case["policies"];
        let mut sources = Sources::default();
        Self::add_identity(&mut sources, case);
        Self::add_accounts(&mut sources, case);
        let owned = Self::add_bucket(&mut sources, case);
        Self::add_access_point(&mut sources, case);
        let one = |name: &str, kind| policies.get(name).map(|document| policy(name, document, kind));
        sources.endpoints.extend(one("vpcEndpoint", Kind::Resource).map(|policy| (ENDPOINT.to_owned(), policy)));
        sources.endpoints.insert("vpce-2".to_owned(), policy("other", &denying(true), Kind::Resource));
        let object = case["lists"]
            .get("object")
            .map(|object| (object["owner"].as_str().unwrap().to_owned(), list(&object["grants"])));
        Self {
            generation: Generation::new(sources),
            session: one("session", Kind::Identity).map(|policy| Shelf::new(vec![policy])),
            object,
            keys: keys(&case["request"]["context"]),
            owned,
        }
    }

    fn add_identity(sources: &mut Sources, case: &Value) {
        let policies = &case["policies"];
        if let Some(arn) = caller(&case["request"]["principal"]).identity() {
            let documents = policies["identity"].as_array().into_iter().flatten();
            let own = Attachments {
                policies: documents.map(|document| policy("identity", document, Kind::Identity)).collect(),
                boundary: policies.get("boundary").map(|document| policy("boundary", document, Kind::Identity)),
            };
            sources.identities.insert(arn.to_owned(), own);
        }
        let other = Attachments { policies: vec![policy("other", &denying(false), Kind::Identity)], boundary: None };
        sources.identities.insert("arn:aws:iam::111122223333:user/eve".to_owned(), other);
    }

    /// Service control policies bind callers, resource control policies what is owned: the others of an account
    /// play no part, and would forbid everything.
    fn add_accounts(sources: &mut Sources, case: &Value) {
        let levels = |name: &str, kind: fn() -> Kind| -> Vec<Vec<Arc<Policy>>> {
            let levels = case["policies"][name].as_array().into_iter().flatten();
            let level = |level: &Value| level.as_array().unwrap().iter().map(|one| policy(name, one, kind())).collect();
            levels.map(level).collect()
        };
        let no = |resource, kind| vec![vec![policy("other", &denying(resource), kind)]];
        let owner = case["request"]["resourceAccount"].as_str().unwrap();
        let account = caller(&case["request"]["principal"]).account();
        let block = &case["block"];
        for id in [cases::OWNER, cases::OTHER] {
            let rules = sources.accounts.entry(id.to_owned()).or_default();
            let (asks, owns) = (account == Some(id), owner == id);
            rules.canonical_id = case["request"].get("canonicalId").map(|_| cases::canonical_id(id));
            rules.service_control = if asks { levels("scp", || Kind::Identity) } else { no(false, Kind::Identity) };
            rules.resource_control =
                if owns { levels("rcp", || Kind::ResourceControl) } else { no(true, Kind::ResourceControl) };
            // What the account of a foreign access point restricts counts; no case says anything of it.
            let other = if case["request"]["accessPoint"]["account"] == id { Block::default() } else { Block::ALL };
            rules.organization_block = if owns { block.get("organization").map(settings) } else { Some(other) };
            rules.block = if owns { settings(&block["account"]) } else { other };
        }
    }

    /// Whether there is anything to know of the bucket.
    fn add_bucket(sources: &mut Sources, case: &Value) -> bool {
        let (request, lists) = (&case["request"], &case["lists"]);
        let arn = request.get("resource").or(request.get("bucketResource")).unwrap().as_str().unwrap();
        let name = arn.trim_start_matches("arn:aws:s3:::").split('/').next().unwrap();
        let document = case["policies"].get("resource").or(case["policies"].get("bucket"));
        let rules = BucketRules {
            owner: request["resourceAccount"].as_str().unwrap().to_owned(),
            policy: document.map(|document| policy("resource", document, Kind::Resource)),
            binds_root: false,
            block: settings(&case["block"]["bucket"]),
            ownership: match lists["ownership"].as_str() {
                Some("ObjectWriter") => Ownership::ObjectWriter,
                Some("BucketOwnerPreferred") => Ownership::BucketOwnerPreferred,
                _ => Ownership::BucketOwnerEnforced,
            },
            acl: lists.get("bucket").map(list),
        };
        let other = BucketRules {
            owner: "999999999999".to_owned(),
            policy: Some(policy("other", &denying(true), Kind::Resource)),
            block: Block::ALL,
            ..rules.clone()
        };
        sources.buckets.insert("acme-other".to_owned(), other);
        let owned = document.is_some() || lists.is_object() || case["block"].is_object();
        if owned {
            sources.buckets.insert(name.to_owned(), rules);
        }
        owned
    }

    fn add_access_point(sources: &mut Sources, case: &Value) {
        let Some(point) = case["request"].get("accessPoint") else { return };
        let text = |name: &str| point[name].as_str().unwrap().to_owned();
        let rules = AccessPointRules {
            owner: text("account"),
            bucket: "acme-data".to_owned(),
            origin: if point["origin"] == "VPC" { Origin::Vpc } else { Origin::Internet },
            policy: case["policies"].get("accessPoint").map(|one| policy("accessPoint", one, Kind::Resource)),
            block: settings(&case["block"]["accessPoint"]),
        };
        sources.access_points.insert(text("arn"), rules);
    }

    fn ask<T>(&self, case: &Value, ask: impl FnOnce(&Generation, &Question<'_>, &Brought<'_>) -> T) -> T {
        let request = &case["request"];
        let text = |name: &str| request.get(name).and_then(Value::as_str);
        let caller = caller(&request["principal"]);
        let owner = if self.owned { "999999999999" } else { text("resourceAccount").unwrap() };
        let question = Question {
            caller,
            canonical_id: caller.account().and_then(|account| self.generation.canonical_id(account)),
            action: Act::named(text("action").unwrap()),
            resource: text("resource").or(text("accessPointResource")).unwrap(),
            behind: text("bucketResource"),
            owner,
            context: &self.keys,
            consent: request["consent"] == true,
        };
        let brought = Brought {
            session: self.session.as_ref(),
            endpoint: case["policies"].get("vpcEndpoint").map(|_| ENDPOINT),
            object: self.object.as_ref().map(|(owner, acl)| ObjectList { owner, acl }),
        };
        ask(&self.generation, &question, &brought)
    }
}

/// A document that forbids everything to everybody.
fn denying(resource: bool) -> Value {
    let mut statement = json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*"});
    if resource {
        statement["Principal"] = json!("*");
    }
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

fn settings(level: &Value) -> Block {
    Block {
        ignore_public_acls: level["ignorePublicAcls"] == true,
        restrict_public_buckets: level["restrictPublicBuckets"] == true,
        ..Block::default()
    }
}

fn list(grants: &Value) -> Acl {
    let grant = |grant: &Value| AclGrant {
        grantee: match grant["grantee"].as_str().unwrap() {
            "AllUsers" => Grantee::Group(acl::ALL_USERS.to_owned()),
            "AuthenticatedUsers" => Grantee::Group(acl::AUTHENTICATED_USERS.to_owned()),
            "LogDelivery" => Grantee::Group("http://acs.amazonaws.com/groups/s3/LogDelivery".to_owned()),
            id => Grantee::Account(id.to_owned()),
        },
        permission: Permission::named(grant["permission"].as_str().unwrap()).unwrap(),
    };
    Acl { grants: grants.as_array().unwrap().iter().map(grant).collect() }
}

fn keys(context: &Value) -> Keys {
    let mut keys = Keys::default();
    for (key, value) in context.as_object().unwrap() {
        match value {
            Value::Array(values) => {
                keys.set_all(key, values.iter().map(|value| value.as_str().unwrap().to_owned()).collect());
            }
            value => keys.set(key, value.as_str().unwrap()),
        }
    }
    keys
}

fn caller(principal: &Value) -> Caller<'_> {
    let text = |name: &str| principal[name].as_str().unwrap();
    match text("type") {
        "Anonymous" => Caller::Anonymous,
        "Service" => Caller::Service { name: text("name") },
        "WebIdentity" => Caller::Web { provider: text("name") },
        "Root" => Caller::Root { account: text("account"), arn: text("arn") },
        "IamUser" => Caller::User { account: text("account"), arn: text("arn") },
        "AssumedRole" => Caller::Role { account: text("account"), arn: text("arn"), role: text("roleArn") },
        "FederatedUser" => Caller::Federated { account: text("account"), arn: text("arn"), parent: text("parentArn") },
        other => panic!("{other}"),
    }
}

/// Asks the question of a case.
pub(super) fn ask<T>(case: &Value, ask: impl FnOnce(&Generation, &Question<'_>, &Brought<'_>) -> T) -> T {
    World::new(case).ask(case, ask)
}

/// Decides a case.
pub(super) fn decide(case: &Value) -> Decision {
    ask(case, |generation, question, brought| generation.decide(question, brought))
}

/// Decides a case and says why.
pub(super) fn explain(case: &Value) -> Explanation {
    ask(case, |generation, question, brought| generation.explain(question, brought))
}
