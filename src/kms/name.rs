//! How keys are named: ids, ARNs, aliases (spec/encryption.md 5).

use super::fault::Unknown;

/// The longest name of a key that anybody may send, in octets.
const LONGEST: usize = 2048;
/// What the ARN of an alias and a bare alias have in front of the name.
const ALIAS: &str = "alias/";

/// The ARN of a key or of an alias, taken apart: `arn:aws:kms:REGION:ACCOUNT:key/ID`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Arn<'a> {
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    pub(super) resource: Resource<'a>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Resource<'a> {
    /// The id of a key.
    Key(&'a str),
    /// An alias, `alias/` in front.
    Alias(&'a str),
}

impl<'a> Arn<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (partition, rest) = text.strip_prefix("arn:")?.split_once(':')?;
        let (region, rest) = rest.strip_prefix("kms:")?.split_once(':')?;
        let (account, resource) = rest.split_once(':')?;
        let real = ["aws", "aws-cn", "aws-us-gov"].contains(&partition) && is_region(region) && is_account(account);
        let resource = match resource.strip_prefix("key/") {
            Some(id) => Resource::Key(Some(id).filter(|id| is_id(id))?),
            None => Resource::Alias(Some(resource).filter(|alias| is_alias(alias))?),
        };
        real.then_some(Self { region, account, resource })
    }
}

/// A key as a request names it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Name<'a> {
    Arn(Arn<'a>),
    Id(&'a str),
    Alias(&'a str),
}

impl<'a> Name<'a> {
    pub(super) fn parse(sent: &'a str) -> Option<Self> {
        if sent.len() > LONGEST {
            None
        } else if sent.starts_with("arn:") {
            Arn::parse(sent).map(Name::Arn)
        } else if sent.starts_with(ALIAS) {
            is_alias(sent).then_some(Name::Alias(sent))
        } else {
            is_id(sent).then_some(Name::Id(sent))
        }
    }
}

/// Whether an id has the form that KMS gives: a UUID, or `mrk-` and 32 hexadecimal digits.
pub(super) fn is_of_kms(id: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_hexdigit());
    match id.strip_prefix("mrk-") {
        Some(rest) => rest.len() == 32 && digits(rest),
        None => id.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && id.split('-').all(digits),
    }
}

/// `alias/NAME`, 256 characters at most.
pub(super) fn is_alias(text: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"/_-".contains(&octet);
    text.strip_prefix(ALIAS).is_some_and(|name| !name.is_empty() && name.bytes().all(fits)) && text.len() <= 256
}

/// What stands behind `key/`. Wider than what KMS gives, because stores have keys with names.
fn is_id(text: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"_-".contains(&octet);
    (1..=128).contains(&text.len()) && text.bytes().all(fits)
}

pub(super) fn is_region(text: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|octet| octet.is_ascii_digit())
}

/// The ARN of a key that nobody here knows and a store may have: of an ARN itself, of a bare id the one that it
/// would have in `region` and `account`.
///
/// # Errors
/// An alias, which only whoever keeps the key can follow (E-13); an ARN of another region (E-14).
pub fn elsewhere(sent: &str, region: &str, account: &str) -> Result<String, Unknown> {
    match Name::parse(sent) {
        Some(Name::Arn(found)) if found.region != region => {
            Err(Unknown::OtherRegion { region: found.region.to_owned() })
        }
        // Of another partition it would be another key, with the same name in the store.
        Some(Name::Arn(Arn { account, resource: Resource::Key(id), .. })) if arn(region, account, id) == sent => {
            Ok(sent.to_owned())
        }
        Some(Name::Id(id)) => Ok(arn(region, account, id)),
        _ => Err(Unknown::invalid(sent)),
    }
}

/// Region, account and id in the ARN of a key.
pub fn parts(arn: &str) -> Option<(&str, &str, &str)> {
    match Arn::parse(arn)? {
        Arn { region, account, resource: Resource::Key(id) } => Some((region, account, id)),
        Arn { .. } => None,
    }
}

/// The ARN of what a bare name names: of a key, or of an alias with `alias/` in front.
pub(super) fn arn(region: &str, account: &str, bare: &str) -> String {
    let partition = match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let kind = if bare.starts_with(ALIAS) { "" } else { "key/" };
    format!("arn:{partition}:kms:{region}:{account}:{kind}{bare}")
}
