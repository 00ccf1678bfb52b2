//! Who there is in tests about more than one: two accounts, and what each of their users may do.

use super::Ask;

pub(super) const ROOT: &str = "AKIAROOTROOTROOT0001";
pub(super) const READER: &str = "AKIAREADERREADER0001";
pub(super) const STRANGER: &str = "AKIASTRANGERSTRANG01";

/// Beside it stands `policies/identities/reader.json`.
pub(super) const USERS: &str = r#"
[[account]]
id = "111122223333"
name = "main"

[[account]]
id = "444455556666"
name = "other"

[[user]]
arn = "arn:aws:iam::111122223333:root"
keys = [{ id = "AKIAROOTROOTROOT0001", secret = "testsecrettestsecrettestsecrettestsecret" }]

[[user]]
arn = "arn:aws:iam::111122223333:user/test"
policies = ["administrator"]
keys = [{ id = "AKIATESTTESTTEST0001", secret = "testsecrettestsecrettestsecrettestsecret" }]

[[user]]
arn = "arn:aws:iam::111122223333:user/nobody"
policies = []
keys = [{ id = "AKIANOBODYNOBODY0001", secret = "testsecrettestsecrettestsecrettestsecret" }]

[[user]]
arn = "arn:aws:iam::111122223333:user/reader"
policies = ["reader"]
keys = [{ id = "AKIAREADERREADER0001", secret = "testsecrettestsecrettestsecrettestsecret" }]

[[user]]
arn = "arn:aws:iam::444455556666:user/stranger"
policies = ["administrator"]
keys = [{ id = "AKIASTRANGERSTRANG01", secret = "testsecrettestsecrettestsecrettestsecret" }]
"#;

/// Reads everything in `bucket`, lists what begins with `public/`, deletes what begins with `mine/`.
pub(super) const READER_POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"},
  {"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::bucket/mine/*"},
  {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::bucket",
   "Condition": {"StringLike": {"s3:prefix": "public/*"}}}]}"#;

/// A request of whom a key is.
pub(super) fn by(key: &'static str, ask: Ask) -> Ask {
    Ask { key, ..ask }
}
