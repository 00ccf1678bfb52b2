//! Where a request is at home: in which region, whose its bucket is, through which VPC endpoint it came. For
//! the record; decisions ask the estate themselves.

use std::rc::Rc;
use std::sync::Arc;

use super::facts::{Connection, Facts};
use super::live::{Asked, Found, Live};
use crate::identity::{Kind, Principal};
use crate::s3::Operation;

/// What records say of it.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) region: Option<Box<str>>,
    pub(super) endpoint: Option<Box<str>>,
    /// None for a bucket that is about to be made, until it is known who makes it.
    pub(super) owner: Option<Owner>,
}

/// Whose a bucket is.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) account: Box<str>,
    pub(super) canonical_id: Box<str>,
}

/// The last one on a connection, and what it was found from: the next request is nearly always for the same
/// bucket.
#[derive(Debug)]
pub(super) struct LastHome {
    generation: u64,
    site: usize,
    bucket: Option<String>,
    home: Rc<Home>,
}

impl Live {
    /// Where a request is at home that has been addressed.
    pub(super) fn home(&self, connection: &Connection, found: &Found) -> Rc<Home> {
        let routed = match &found.asked {
            Asked::Store(Ok(routed)) => Some(routed),
            Asked::Store(Err(_)) | Asked::Tokens(_) => None,
        };
        let bucket = routed.and_then(|routed| routed.bucket.as_deref());
        if let (Some(bucket), Some(Operation::CreateBucket)) = (bucket, routed.map(|routed| routed.operation)) {
            let owner = self.estate.knows(bucket).then(|| self.whose(bucket));
            return Rc::new(self.home_of(connection, found.site, owner));
        }
        let mut last = connection.last.home.borrow_mut();
        if let Some(last) = &*last
            && (last.generation, last.site, last.bucket.as_deref()) == (self.number, found.site, bucket)
        {
            return Rc::clone(&last.home);
        }
        let owner = bucket.map(|bucket| self.whose(bucket));
        let home = Rc::new(self.home_of(connection, found.site, owner));
        let bucket = bucket.map(str::to_owned);
        *last = Some(LastHome { generation: self.number, site: found.site, bucket, home: Rc::clone(&home) });
        home
    }

    /// The same of a request that was not routed, by the bucket that it names.
    pub(super) fn home_of_named(&self, connection: &Connection, site: usize, bucket: Option<&str>) -> Home {
        self.home_of(connection, site, bucket.map(|bucket| self.whose(bucket)))
    }

    fn home_of(&self, connection: &Connection, site: usize, owner: Option<Owner>) -> Home {
        let region = self.site(connection.listener, site).ok().map(|site| site.address.region.as_str().into());
        Home { region, endpoint: self.endpoint(connection).map(Into::into), owner }
    }

    /// Whose the source of a copy is.
    pub(super) fn source_owner(&self, found: &Found) -> Option<Owner> {
        let Asked::Store(Ok(routed)) = &found.asked else { return None };
        routed.copy_source.as_ref().map(|source| self.whose(&source.bucket))
    }

    fn whose(&self, bucket: &str) -> Owner {
        self.owner_of(self.estate.owner(bucket))
    }

    /// An account, as an owner.
    fn owner_of(&self, account: &str) -> Owner {
        Owner { account: account.into(), canonical_id: self.estate.canonical_id(account).into() }
    }
}

impl Facts {
    /// Takes in where the request is at home.
    pub(super) fn found(&mut self, live: &Live, found: &Found) {
        self.home = Some(live.home(&self.connection, found));
        self.source_owner = live.source_owner(found);
    }

    /// Takes in who asks. A bucket that is about to be made will be theirs.
    pub(super) fn known(&mut self, live: &Live, who: &Arc<Principal>) {
        self.root = (who.kind == Kind::Root).then(|| live.estate.canonical_id(&who.account).into_owned());
        if let Some(home) = self.home.as_mut().and_then(Rc::get_mut)
            && home.owner.is_none()
            && !who.is_anonymous()
        {
            home.owner = Some(live.owner_of(&who.account));
        }
        self.who = Some(Arc::clone(who));
    }
}
