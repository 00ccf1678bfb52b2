//! The quota of AWS KMS for symmetric cryptographic operations, by region, as AWS documents its defaults
//! in November 2026 (spec/kms-throttling.md 2). An account may have another; then `rate` says which.

const LARGE: (u32, [&str; 3]) = (100_000, ["us-east-1", "us-west-2", "eu-west-1"]);
const MIDDLE: (u32, [&str; 6]) =
    (20_000, ["us-east-2", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "eu-central-1", "eu-west-2"]);
const ELSEWHERE: u32 = 10_000;

/// Calls a second, for one account.
pub(super) fn symmetric(region: &str) -> u32 {
    if LARGE.1.contains(&region) {
        LARGE.0
    } else if MIDDLE.1.contains(&region) {
        MIDDLE.0
    } else {
        ELSEWHERE
    }
}
