//! What a request says of itself that was refused before that was acted on: which bucket and key, and whom it
//! is from. For its record; nothing is decided by it, and of requests that get further nobody asks.

use std::rc::Rc;

use super::early::Early;
use super::facts::Facts;
use super::live::Live;
use crate::s3::Head;
use crate::s3::address::{self, Resource};
use crate::s3::route::Through;
use crate::s3::uri::Query;
use crate::sigv4::{self, Claim};

/// What a request names that was not routed.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) bucket: String,
    pub(super) key: Option<String>,
    pub(super) version: Option<String>,
    pub(super) through: Option<Box<Through>>,
}

impl Named {
    fn of(resource: Resource, head: &Head<'_>) -> Option<Self> {
        let (bucket, key, through) = match resource {
            Resource::AccessPoint { through, bucket, key } => (bucket, key, Some(through)),
            Resource::Bucket { bucket, key } => (bucket, key, None),
            Resource::Control { .. } | Resource::Kms | Resource::Service | Resource::Sts => return None,
        };
        let query = Query::parse(head.query()).ok();
        let version = query.as_ref().and_then(|query| query.first(b"versionId"));
        let version = version.map(|version| String::from_utf8_lossy(version).into_owned());
        Some(Self { bucket, key, version, through })
    }
}

impl Live {
    /// What a request names, and the site that it was sent to.
    fn named(&self, listener: usize, head: &Head<'_>) -> Option<(usize, Option<Named>)> {
        let target = self.external(listener).map_or(head.target, |external| external.asked_target(head.target));
        let head = &Head { target, ..*head };
        let host = sigv4::host(head).ok()?;
        let mut sites = self.listeners.get(listener)?.iter().enumerate();
        sites.find_map(|(at, site)| {
            let resource = address::named(&site.address, host, head).ok()?;
            Some((at, resource.and_then(|resource| Named::of(resource, head))))
        })
    }
}

impl Facts {
    /// Takes in what the request names, where it cannot be routed.
    pub(super) fn name(&mut self, live: &Live) {
        self.hides_context = !live.hidden_context.is_empty();
        let Some((site, named)) = self.with_head(|head| live.named(self.connection.listener, head)) else { return };
        let bucket = named.as_ref().map(|named| named.bucket.as_str());
        self.home = Some(Rc::new(live.home_of_named(&self.connection, site, bucket)));
        self.named = named.map(Box::new);
    }

    /// Takes in whom the request says it is from, where nobody has verified that.
    pub(super) fn claim(&mut self) {
        if self.who.is_none() && self.claim.is_none() {
            self.claim = self.with_head(Claim::of_head);
        }
    }

    /// The same of a form, as far as it has been read.
    pub(super) fn claim_of(&mut self, early: &Early) {
        if let Early::Form(form) = early {
            self.claim = Claim::of_form(form.fields());
        }
    }
}
