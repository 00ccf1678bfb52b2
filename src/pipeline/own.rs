//! Objects that the proxy itself puts into a bucket: the records that it delivers there.
//!
//! Nobody asks for them, so nobody is asked about. But what holds of every object of the bucket holds of
//! these: who owns it, how it is encrypted by default, and what the operator demands.

use super::encryption::{arn_of_key, headers_of};
use super::live::{Live, Site};
use crate::guard::encryption::{Asked, Wanted};
use crate::id::RequestId;
use crate::kms;
use crate::s3::encryption::{Encryption, Kind};
use crate::s3::{Code, Fault, Operation};
use crate::upstream::{Forward, Owners};

/// A PutObject of the proxy's own. Its headers say how it is encrypted, and nothing else.
///
/// # Errors
/// `InternalError`: there is no such store; what rules about encryption refuse; a KMS key that is not known.
pub fn own_put(live: &Live, store: usize, bucket: &str, key: &str, id: RequestId) -> Result<Forward, Fault> {
    let site = live.listeners.iter().flatten().find(|site| site.store == store);
    let site = site.ok_or_else(|| Fault::plain(Code::InternalError, "no-store"))?;
    let account = live.estate.owner(bucket);
    let mut out = Forward {
        bucket: Some(bucket.to_owned()),
        key: Some(key.to_owned()),
        owners: Owners { target: site.confirms_owners.then(|| account.to_owned()), source: None },
        ..Forward::own(Operation::PutObject, account, id)
    };
    headers_of(site, &encryption(live, site, bucket, key)?)?.write(&mut out.headers);
    Ok(out)
}

/// How the object is encrypted: as the bucket's default has it, said aloud.
fn encryption(live: &Live, site: &Site, bucket: &str, key: &str) -> Result<Encryption, Fault> {
    let default = live.estate.kept(bucket).and_then(|kept| kept.encryption.as_ref());
    let strongest = site.encryption.strongest;
    if strongest.is_none() && !site.encryption.seals {
        return Ok(Encryption::None); // it would not listen
    }
    let applied = default.and_then(|default| default.apply.as_ref());
    let kind = default.map_or(Kind::S3, |default| default.kind());
    let asked = Asked {
        kind: Some(kind),
        key: applied.and_then(|apply| apply.key.clone()),
        bucket_key: default.map(|default| default.bucket_key && kind.uses_kms()),
        ..Asked::default()
    };
    let rules = &live.guard;
    let demand = rules.encryption.demand(bucket, key, None);
    let account = live.estate.owner(bucket);
    let found = |named: Option<&str>| {
        let sent = named.unwrap_or(kms::DEFAULT_ALIAS);
        let found = arn_of_key(live, site, sent, account).map_err(|unknown| unknown.fault())?;
        demand.map_or(Ok(None), |demand| demand.check_key(&found))?;
        Ok::<_, Fault>(found)
    };
    let (wanted, _) = rules.encryption.settle(demand, &asked, default)?;
    let encryption = match wanted {
        Wanted::Kind { kind, key, bucket_key, .. } if kind.uses_kms() => {
            let key = found(key.as_deref())?;
            match kind {
                Kind::Dsse => Encryption::Dsse { key },
                Kind::Kms | Kind::S3 => Encryption::Kms { key, bucket_key },
            }
        }
        _ if site.encryption.seals => Encryption::Kms { key: found(None)?, bucket_key: false },
        _ => Encryption::S3,
    };
    if encryption.kind() > strongest {
        let message = "The store behind this endpoint does not encrypt as the bucket's default has it.";
        return Err(Fault::new(Code::NotImplemented, "store-does-not-encrypt", message));
    }
    rules.levels.check_write(bucket, key, encryption.key().map(AsRef::as_ref))?;
    Ok(encryption)
}
