//! Who asked, as records say it (spec/cloudtrail.md 2).

use ring::digest;

use super::members::Members;
use crate::audit::event::{Event, second};

/// `userIdentity`
pub(super) fn identity(event: &Event) -> Members {
    let caller = event.caller();
    let mut out = Members::default();
    if caller.failed() {
        out.put("type", "Unknown");
        out.maybe("accessKeyId", event.text("access_key_id"));
        return out;
    }
    let kind = caller.kind().unwrap_or("IAMUser");
    if kind == "AWSService" {
        out.put("type", kind);
        out.maybe("invokedBy", caller.arn());
        return out;
    }
    if caller.is_anonymous() {
        out.put("type", "AWSAccount");
        out.put("principalId", "");
        out.put("accountId", "anonymous");
        return out;
    }
    out.put("type", kind);
    out.maybe("principalId", principal_id(event));
    out.maybe("arn", caller.arn());
    out.maybe("accountId", caller.account());
    out.maybe("accessKeyId", event.text("access_key_id"));
    let named = event.text("user_name");
    match kind {
        "IAMUser" => out.maybe("userName", named.or_else(|| caller.arn().map(last))),
        // Only an account with an alias has a name.
        "Root" => out.maybe("userName", named),
        "WebIdentityUser" => {
            out.maybe("userName", named.or_else(|| caller.arn().map(last)));
            out.maybe("identityProvider", event.text("web_provider"));
        }
        "AssumedRole" | "FederatedUser" => out.put("sessionContext", session(event, kind)),
        "IdentityCenterUser" => out.maybe("credentialId", event.text("credential_id")),
        _ => {}
    }
    out
}

/// What is left of it in the copy for the owner of the bucket, where that is another account (section 7). Of who
/// named nobody, or could not prove it, there is nothing to take away.
pub(super) fn reduced(event: &Event) -> Members {
    let caller = event.caller();
    if caller.failed() || caller.is_anonymous() {
        return identity(event);
    }
    let mut out = Members::default();
    out.put("type", "AWSAccount");
    out.maybe("principalId", principal_id(event));
    out.maybe("accountId", caller.account());
    out
}

/// `sessionContext`
fn session(event: &Event, kind: &str) -> Members {
    let mut out = Members::default();
    if kind == "AssumedRole" {
        out.maybe("sessionIssuer", issuer(event));
    }
    if let Some(provider) = event.text("web_provider") {
        let mut web = Members::default();
        web.put("federatedProvider", provider);
        out.put("webIdFederationData", web);
    }
    let mut attributes = Members::default();
    attributes.maybe("creationDate", event.instant("session_created").map(second));
    // A text, not a boolean. A second factor that nobody saw was none.
    attributes.put("mfaAuthenticated", if event.flag("mfa") { "true" } else { "false" });
    out.put("attributes", attributes);
    out.maybe("sourceIdentity", event.text("source_identity"));
    out
}

/// The role of a session. Where the record does not say which, it is told by the session's ARN, which
/// does not have its path.
fn issuer(event: &Event) -> Option<Members> {
    let session = event.caller().arn()?;
    let known = event.text("requester_issuer").map(str::to_owned);
    let arn = known.or_else(|| {
        let (head, rest) = session.split_once(":assumed-role/")?;
        let (role, _) = rest.split_once('/')?;
        Some(format!("{}:role/{role}", head.replacen(":sts:", ":iam:", 1)))
    })?;
    let id = principal_id(event)?;
    let mut out = Members::default();
    out.put("type", "Role");
    out.put("principalId", id.split_once(':').map_or(id.as_str(), |(role, _)| role));
    out.put("arn", arn.as_str());
    out.maybe("accountId", account_of(&arn).or_else(|| event.caller().account()));
    out.put("userName", last(&arn));
    Some(out)
}

/// The principal's id; where none is recorded one that is made of the ARN.
fn principal_id(event: &Event) -> Option<String> {
    if let Some(id) = event.text("principal_id") {
        return Some(id.to_owned());
    }
    let caller = event.caller();
    let arn = caller.arn()?;
    Some(match caller.kind() {
        Some("Root") => caller.account().unwrap_or_default().to_owned(),
        Some("FederatedUser") => format!("{}:{}", caller.account().unwrap_or_default(), last(arn)),
        Some("AssumedRole") => {
            // All sessions of a role share the role's id.
            let (role, session) = arn.rsplit_once('/').unwrap_or((arn, ""));
            let role = event.text("requester_issuer").unwrap_or(role);
            format!("{}:{session}", derived("AROA", role))
        }
        _ => derived("AIDA", arn),
    })
}

/// `AIDA`, `AROA` and 17 characters of base32 of the ARN's hash.
fn derived(prefix: &str, arn: &str) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = digest::digest(&digest::SHA256, arn.as_bytes());
    let mut id = prefix.to_owned();
    let (mut held, mut bits) = (0_u32, 0);
    let mut octets = hash.as_ref().iter();
    for _ in 0..17 {
        if bits < 5 {
            held = held << 8 | u32::from(*octets.next().unwrap_or(&0));
            bits += 8;
        }
        bits -= 5;
        let digit = usize::try_from(held >> bits & 31).unwrap_or(0);
        id.push(char::from(DIGITS.get(digit).copied().unwrap_or(b'A')));
    }
    id
}

/// The last part of an ARN's path.
fn last(arn: &str) -> &str {
    arn.rsplit(['/', ':']).next().unwrap_or(arn)
}

/// The account in an ARN.
pub(super) fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}
