//! Nothing sent in the clear: the least version of TLS of a bucket (spec/encryption.md 10).

use super::encryption::Glob;
use crate::s3::{Code, Fault};

/// What is demanded of the way that requests come.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Every rule that is about a bucket holds for it.
    pub rules: Vec<Rule>,
}

/// A demand of some buckets.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The buckets.
    pub bucket: Glob,
    /// The least version, 12 for TLS 1.2.
    pub minimum: u8,
}

impl Rules {
    /// Whether a request about a bucket may come over this version of TLS; none: in the clear.
    ///
    /// # Errors
    /// `AccessDenied`
    pub fn check(&self, bucket: &str, version: Option<u8>) -> Result<(), Fault> {
        let least = self.rules.iter().filter(|rule| rule.bucket.matches(bucket)).map(|rule| rule.minimum).max();
        match (least, version) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(denied("tls-missing", "the bucket is reached over TLS only (guard.transport)")),
            (Some(least), Some(version)) if version < least => {
                Err(denied("tls-version", "the bucket demands a newer version of TLS (guard.transport)"))
            }
            _ => Ok(()),
        }
    }
}

fn denied(reason: &'static str, detail: &'static str) -> Fault {
    Fault::plain(Code::AccessDenied, reason).detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_rule_of_a_bucket_holds() {
        let rule = |bucket: &str, minimum| Rule { bucket: Glob::new(bucket), minimum };
        let rules = Rules { rules: vec![rule("pay-*", 13), rule("*", 12)] };
        let reason = |bucket, version| rules.check(bucket, version).map_err(|fault| fault.reason());
        assert_eq!(reason("pay-1", Some(13)), Ok(()));
        assert_eq!(reason("pay-1", Some(12)), Err("tls-version"));
        assert_eq!(reason("other", Some(12)), Ok(()));
        assert_eq!(reason("other", None), Err("tls-missing"));
        assert_eq!(Rules::default().check("other", None).map_err(|fault| fault.reason()), Ok(()));
    }
}
