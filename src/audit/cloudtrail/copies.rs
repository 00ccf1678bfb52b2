//! Who gets a copy of a record, and what is different in it; and records that correct others
//! (spec/cloudtrail.md 1, 7).

use super::document::without_addresses;
use super::members::{Members, Node};
use super::record::{Record, owner, records};
use super::{Setting, identity};
use crate::audit::access_log::name;
use crate::audit::event::{Event, Which};

/// The accounts that get a copy: the requester's first, then that of the bucket's owner if it is another, and of
/// what is copied that of the source's owner. Where none is known, the proxy's own.
pub fn accounts(event: &Event, setting: &Setting) -> Vec<String> {
    let source = event.source().filter(|_| name(event).is_copy()).and_then(|source| source.bucket_account());
    let mut accounts: Vec<String> = Vec::with_capacity(3);
    for account in event.caller().account().into_iter().chain(owner(event)).chain(source) {
        if !account.is_empty() && accounts.iter().all(|known| known != account) {
            accounts.push(account.to_owned());
        }
    }
    if accounts.is_empty() {
        accounts.push(setting.account.clone());
    }
    accounts
}

/// The records as one of these accounts gets them; none for an account that is not among them.
///
/// Where several accounts get one, each copy has an id of its own and all share `sharedEventID`; owners of
/// buckets are told of a stranger's principal only its id and account, and no e-mail addresses.
pub fn records_for(event: &Event, setting: &Setting, account: &str) -> Vec<Record> {
    let accounts = accounts(event, setting);
    if !accounts.iter().any(|known| known == account) {
        return Vec::new();
    }
    let mut copies = records(event, setting);
    let several = accounts.len() > 1;
    let strange = several && event.caller().account() != Some(account);
    for Record(copy) in &mut copies {
        let own = copy.text("eventID").unwrap_or_default().to_owned();
        copy.set("recipientAccountId", account);
        if several {
            copy.set("eventID", event.event_id(Which::Account { account, of: &own }));
            if !copy.has("sharedEventID") {
                let shared = event.event_id(Which::SharedOf(&own));
                copy.insert_behind("recipientAccountId", "sharedEventID", shared);
            }
        }
        if strange {
            copy.set("userIdentity", identity::reduced(event));
            if let Some(Node::Members(parameters)) = copy.member_mut("requestParameters") {
                parameters.plain_mut().for_each(without_addresses);
            }
        }
    }
    copies
}

/// The record that corrects what was said of a request before, as when nobody knew how it ended; `None`
/// where both say the same.
pub fn addendum(before: &Event, now: &Event, setting: &Setting) -> Option<Record> {
    let first = |event: &Event| records(event, setting).into_iter().next();
    let (Record(was), Record(mut is)) = (first(before)?, first(now)?);
    let names = ["errorCode", "errorMessage", "responseElements", "additionalEventData", "eventTime"];
    let updated: Vec<_> = names.into_iter().filter(|name| was.member(name) != is.member(name)).collect();
    if updated.is_empty() {
        return None;
    }
    let mut addendum = Members::default();
    addendum.put("reason", "UPDATED_DATA");
    addendum.put("updatedFields", updated.join(","));
    addendum.maybe("originalRequestID", was.text("requestID"));
    addendum.maybe("originalEventID", was.text("eventID"));
    is.set("eventID", now.event_id(Which::Addendum));
    is.put("addendum", addendum);
    Some(Record(is))
}
