//! Pieces of ARNs, as the index needs them: `arn:partition:service:region:account:path`.

use crate::s3::head::cut;

/// How the ARN of a bucket or object in the usual partition begins.
const BUCKET: &str = "arn:aws:s3:::";

/// What follows the fifth colon; nothing where there are fewer.
pub(super) fn path(arn: &str) -> &str {
    if let Some(path) = arn.strip_prefix(BUCKET) {
        return path;
    }
    // Looked for octet by octet: what stands before the path is short, and every question asks.
    let fifth = arn.bytes().enumerate().filter(|(_, octet)| *octet == b':').nth(4);
    fifth.and_then(|(at, _)| arn.get(at + 1..)).unwrap_or_default()
}

/// The account of an ARN, if it is one.
pub(super) fn account(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let account = parts.nth(4)?;
    parts.next().map(|_| account)
}

/// The partition of an ARN.
pub(super) fn partition(arn: &str) -> &str {
    arn.split(':').nth(1).unwrap_or_default()
}

/// What follows the service in an ARN of a bucket or object, in any partition.
pub(super) fn path_in_s3(arn: &str) -> Option<&str> {
    arn.strip_prefix(BUCKET).or_else(|| cut(arn.strip_prefix("arn:")?, b':')?.1.strip_prefix("s3:::"))
}

/// The part of a path before its first slash: the bucket, as a rule.
pub(super) fn component(path: &str) -> &str {
    cut(path, b'/').map_or(path, |(component, _)| component)
}

/// The literal beginning of the path of a resource pattern: up to its first wildcard or variable. Empty
/// where the pattern has no path of its own, so that nothing is left out.
pub(super) fn literal_path(pattern: &str) -> &str {
    let path = path(pattern);
    let head = pattern.strip_suffix(path).unwrap_or_default();
    if head.contains('$') {
        return "";
    }
    path.split(['*', '?', '$']).next().unwrap_or_default()
}

/// The first component of a pattern's path, if all of it is literal.
pub(super) fn whole_component<'a>(literal: &'a str, pattern: &str) -> Option<&'a str> {
    match literal.split_once('/') {
        Some((component, _)) => Some(component),
        // Without a slash the component is whole only if nothing follows.
        None if !literal.is_empty() && pattern.ends_with(literal) && path(pattern) == literal => Some(literal),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_filed_under_what_is_literal() {
        let filed = |pattern| {
            let literal = literal_path(pattern);
            (literal, whole_component(literal, pattern))
        };
        assert_eq!(filed("arn:aws:s3:::b"), ("b", Some("b")));
        assert_eq!(filed("arn:aws:s3:::b/*"), ("b/", Some("b")));
        assert_eq!(filed("arn:aws:s3:::b/k/${aws:username}/x"), ("b/k/", Some("b")));
        assert_eq!(filed("arn:aws:s3:::b*"), ("b", None));
        assert_eq!(filed("arn:aws:s3:::b?b"), ("b", None));
        assert_eq!(filed("arn:aws:s3:::*/b"), ("", None));
        assert_eq!(filed("arn:aws:s3:*"), ("", None));
        assert_eq!(filed("*"), ("", None));
        assert_eq!(filed("arn:aws:s3:${a:b}::b"), ("", None));
        assert_eq!(
            filed("arn:aws:s3:eu-west-1:111122223333:accesspoint/p/object/*"),
            ("accesspoint/p/object/", Some("accesspoint"))
        );
    }

    #[test]
    fn a_path_is_what_follows_the_fifth_colon() {
        assert_eq!(path("arn:aws:s3:::b/k:1"), "b/k:1");
        assert_eq!(path("arn:aws-cn:s3:::b/k"), "b/k");
        assert_eq!(path("arn:aws:s3:eu-west-1:111122223333:accesspoint/p"), "accesspoint/p");
        assert_eq!(path("arn:aws:s3::"), "");
        assert_eq!(path("*"), "");
        assert_eq!(path_in_s3("arn:aws:s3:::b/k:1"), Some("b/k:1"));
        assert_eq!(path_in_s3("arn:aws-cn:s3:::b"), Some("b"));
        for other in ["arn:aws:s3:eu-west-1:111122223333:accesspoint/p", "arn:aws:iam::1:user/u", "aws:s3:::b", "*"] {
            assert_eq!(path_in_s3(other), None, "{other}");
        }
    }

    #[test]
    fn an_account_is_the_fifth_field() {
        assert_eq!(account("arn:aws:iam::111122223333:user/a"), Some("111122223333"));
        assert_eq!(account("arn:aws:iam::111122223333"), None);
        assert_eq!(account("111122223333"), None);
    }
}
