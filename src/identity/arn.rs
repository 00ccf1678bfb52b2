//! The ARNs of principals.

/// An IAM ARN of a principal: `arn:aws:iam::ACCOUNT:root`, `…:user/PATH/NAME`, `…:role/PATH/NAME`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: &'a str,
    /// Twelve digits.
    pub account: &'a str,
    /// What in the account.
    pub resource: Resource<'a>,
}

/// What a principal's ARN names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Resource<'a> {
    /// A role, by path and name.
    Role(&'a str),
    /// The account itself.
    Root,
    /// A user, by path and name.
    User(&'a str),
}

impl<'a> Arn<'a> {
    /// Reads an ARN; nothing else in front, behind or between.
    pub fn parse(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix("arn:")?;
        let (partition, rest) = rest.split_once(':')?;
        let rest = rest.strip_prefix("iam::")?;
        let (account, resource) = rest.split_once(':')?;
        let real = ["aws", "aws-cn", "aws-us-gov"].contains(&partition)
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit());
        let resource = match resource.split_once('/') {
            None if resource == "root" => Resource::Root,
            Some(("user", name)) => Resource::User(named(name)?),
            Some(("role", name)) => Resource::Role(named(name)?),
            _ => return None,
        };
        real.then_some(Self { partition, account, resource })
    }
}

impl<'a> Resource<'a> {
    /// The name without its path; empty for the root.
    pub fn name(self) -> &'a str {
        match self {
            Self::Role(path) | Self::User(path) => path.rsplit('/').next().unwrap_or_default(),
            Self::Root => "",
        }
    }
}

/// A path and a name: segments of IAM's characters, none empty, the last at most 64 long.
fn named(text: &str) -> Option<&str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    let segment = |segment: &str| !segment.is_empty() && segment.bytes().all(fits);
    let name = text.rsplit('/').next()?;
    (text.len() <= 576 && name.len() <= 64 && text.split('/').all(segment)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_arns_are_read() {
        let arn = Arn::parse("arn:aws:iam::111122223333:role/team/reader").unwrap();
        assert_eq!((arn.account, arn.resource.name()), ("111122223333", "reader"));
        assert_eq!(Arn::parse("arn:aws:iam::111122223333:root").unwrap().resource, Resource::Root);
        assert!(Arn::parse("arn:aws-cn:iam::111122223333:user/a.b@c").is_some());
    }

    #[test]
    fn what_only_looks_like_an_arn_is_refused() {
        for text in [
            "",
            "arn:aws:iam::111122223333:root/x",
            "arn:aws:iam::111122223333:user/",
            "arn:aws:iam::111122223333:user//a",
            "arn:aws:iam::111122223333:user/*",
            "arn:aws:iam::11112222333:user/a",
            "arn:aws:iam:us-east-1:111122223333:user/a",
            "arn:aws:sts::111122223333:user/a",
            "arn:xyz:iam::111122223333:user/a",
            "arn:aws:iam::111122223333:group/a",
            " arn:aws:iam::111122223333:user/a",
        ] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }
}
