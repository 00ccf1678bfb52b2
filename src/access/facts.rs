//! What conditions may ask about besides the request's own text: who asks, how it came, whose the
//! resource is.

use std::net::IpAddr;

use crate::identity::Principal;
use crate::s3::tags::Tags;
use crate::time::{Millis, Seconds};

/// The one who asks.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// Who, with what its credentials say.
    pub principal: &'a Principal,
    /// The organization of the account.
    pub organization: Option<&'a Organization>,
}

/// An organization of accounts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Organization {
    /// `o-…`
    pub id: String,
    /// The one path of an account: `o-…/r-…/ou-…/`, with the slash at the end.
    pub paths: Vec<String>,
}

/// How the request is signed.
#[derive(Clone, Copy, Debug)]
pub struct Signature<'a> {
    /// Where the signature is.
    pub kind: crate::s3::route::Auth,
    /// `AWS4-HMAC-SHA256`
    pub algorithm: &'a str,
    /// The instant that was signed.
    pub signed: Option<Seconds>,
}

/// The way the request came.
#[derive(Clone, Copy, Debug)]
pub struct Channel<'a> {
    /// The version of TLS as conditions write it: `1.3`. None on plain HTTP.
    pub tls: Option<&'a str>,
    /// The client's address ([`origin::client`](super::origin::client)).
    pub address: IpAddr,
    /// The VPC endpoint that the listener stands for, or that a balancer named.
    pub endpoint: Option<Endpoint<'a>>,
}

/// A VPC endpoint; what is not known of it is absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Endpoint<'a> {
    /// `vpce-…`
    pub id: Option<&'a str>,
    /// `vpc-…`
    pub vpc: Option<&'a str>,
    /// `arn:aws:ec2:region:account:vpc/vpc-…`
    pub vpc_arn: Option<&'a str>,
    /// The account that owns it.
    pub account: Option<&'a str>,
    /// The organization of that account.
    pub organization: Option<&'a Organization>,
}

/// Whose a bucket is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Owner<'a> {
    /// The account that owns the bucket; through an access point, still the bucket.
    pub account: Option<&'a str>,
    /// The organization of that account.
    pub organization: Option<&'a Organization>,
    /// The bucket's tags, only while access by attributes is switched on for it.
    pub tags: Option<&'a Tags>,
    /// The access point that the request came through.
    pub access_point: Option<AccessPoint<'a>>,
}

/// An access point, as conditions see it.
#[derive(Clone, Copy, Debug)]
pub struct AccessPoint<'a> {
    /// Its ARN.
    pub arn: &'a str,
    /// The account that owns it.
    pub account: &'a str,
    /// `Internet` or `VPC`.
    pub network_origin: &'a str,
    /// Its tags.
    pub tags: Option<&'a Tags>,
}

/// Everything about one request but its operation.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Who asks.
    pub caller: Caller<'a>,
    /// How it is signed.
    pub signature: Signature<'a>,
    /// How it came.
    pub channel: Channel<'a>,
    /// The present.
    pub now: Millis,
    /// The region of the endpoint.
    pub region: &'a str,
    /// Whose the bucket is.
    pub target: Owner<'a>,
    /// Whose the bucket of the copy's source is.
    pub source: Owner<'a>,
    /// `x-amz-content-sha256`, as sent in a header.
    pub content_sha256: Option<&'a str>,
    /// `User-Agent`, as sent; conditions see what is not UTF-8 in it as U+FFFD.
    pub user_agent: Option<&'a [u8]>,
    /// `Referer`, likewise.
    pub referer: Option<&'a [u8]>,
    /// The ARN that the KMS key of the request resolves to, where keys are resolved before policy sees them
    /// (spec/encryption.md 5). None: conditions see what was sent.
    pub kms_key: Option<&'a str>,
}

/// The version as conditions write it, from the handshake's: `TLSv1.3` becomes `1.3`.
pub fn tls_version(negotiated: &str) -> Option<&str> {
    negotiated.strip_prefix("TLSv").filter(|version| matches!(*version, "1.0" | "1.1" | "1.2" | "1.3"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_tls_are_written_as_conditions_compare_them() {
        assert_eq!(tls_version("TLSv1.3"), Some("1.3"));
        assert_eq!(tls_version("TLSv1.2"), Some("1.2"));
        assert_eq!(tls_version("unknown"), None);
    }
}
