//! In whose words a refusal is told (spec/kms-throttling.md 5).

use super::dimension::Stage;
use super::limiter::Refusal;
use super::pace::Wait;
use crate::s3::{Code, Fault};

/// What KMS says; older SDKs show it with words of their own behind.
const MESSAGE: &str = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.";
/// Clients that come back for `SlowDown` alone, by what is in their `User-Agent`.
const NATIVE: [&str; 2] = ["CRTS3NativeClient", "mountpoint-s3-client"];
/// The reason of what no wait helps.
pub const NEVER: &str = "never-within-limit";

/// How clients are told that the key service would be asked too often.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Surface {
    /// 400 `ThrottlingException`, as KMS says it: every SDK comes back, but for the native client.
    #[default]
    Exception,
    /// 503 `SlowDown`, as S3 says of requests: every client comes back.
    SlowDown,
    /// `ThrottlingException`, and `SlowDown` to the native client.
    Auto,
    /// 400 `KMS.ThrottlingException`, as S3 may say it: no SDK comes back.
    Prefixed,
}

impl Surface {
    /// Every surface with its name.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("exception", Self::Exception),
        ("slowdown", Self::SlowDown),
        ("auto", Self::Auto),
        ("prefixed", Self::Prefixed),
    ];

    /// The code for a client.
    pub fn code(self, user_agent: Option<&str>) -> Code {
        let native = user_agent.is_some_and(|agent| NATIVE.iter().any(|name| agent.contains(name)));
        match self {
            Self::Auto if native => Code::SlowDown,
            Self::Exception | Self::Auto => Code::ThrottlingException,
            Self::SlowDown => Code::SlowDown,
            Self::Prefixed => Code::KmsThrottlingException,
        }
    }

    /// What a client is told. The limit is named to the operator alone.
    pub fn fault(self, refusal: &Refusal, user_agent: Option<&str>) -> Fault {
        let (code, reason) = match refusal.stage {
            Stage::Kms | Stage::KmsManagement => (self.code(user_agent), "over-quota"),
            Stage::Arrival | Stage::Request | Stage::Upload | Stage::Download => (refusal.code(), "over-rate"),
        };
        let reason = if refusal.wait == Wait::Never { NEVER } else { reason };
        let fault = match code {
            Code::SlowDown => Fault::plain(code, reason),
            _ => Fault::new(code, reason, MESSAGE),
        };
        let name = &refusal.dimension;
        match refusal.retry_after_ms() {
            Some(millis) => with_hints(fault, millis).detail(format!("over the limit `{name}`, for {millis} ms")),
            None => fault.detail(format!("more at once than the limit `{name}` ever allows")),
        }
    }
}

impl Surface {
    /// What a client is told when the store's own key service throttles, with a wait in milliseconds.
    pub fn passed_on(self, millis: u64, user_agent: Option<&str>) -> Fault {
        let code = self.code(user_agent);
        let fault = match code {
            Code::SlowDown => Fault::plain(code, "upstream-throttled"),
            _ => Fault::new(code, "upstream-throttled", MESSAGE),
        };
        with_hints(fault, millis)
    }
}

fn with_hints(fault: Fault, millis: u64) -> Fault {
    fault.header("retry-after", millis.div_ceil(1000).to_string()).header("x-amz-retry-after", millis.to_string())
}

/// Whether a code tells of the key service: without a document, as a HEAD is answered, a 400 would be taken
/// for good, so those are 503.
pub fn is_of_key_service(code: Code) -> bool {
    matches!(code, Code::ThrottlingException | Code::KmsThrottlingException)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(stage: Stage, wait: Wait) -> Refusal {
        Refusal { dimension: "tenants".into(), stage, wait }
    }

    #[test]
    fn each_surface_has_its_code_and_every_answer_both_hints() {
        const CRT: Option<&str> = Some("aws-sdk-cpp/1.11 CRTS3NativeClient/0.1.x platform/linux");
        const BOTO: Option<&str> = Some("Boto3/1.40 md/Botocore#1.44");
        let wait = refusal(Stage::Kms, Wait::Nanos(1_000_000_001));
        for (surface, agent, status, code, message) in [
            (Surface::Exception, BOTO, 400, "ThrottlingException", MESSAGE),
            (Surface::Exception, CRT, 400, "ThrottlingException", MESSAGE),
            (Surface::SlowDown, BOTO, 503, "SlowDown", "Please reduce your request rate."),
            (Surface::Auto, BOTO, 400, "ThrottlingException", MESSAGE),
            (Surface::Auto, None, 400, "ThrottlingException", MESSAGE),
            (Surface::Auto, CRT, 503, "SlowDown", "Please reduce your request rate."),
            (Surface::Auto, Some("mountpoint-s3-client/1.0"), 503, "SlowDown", "Please reduce your request rate."),
            (Surface::Prefixed, BOTO, 400, "KMS.ThrottlingException", MESSAGE),
        ] {
            let fault = surface.fault(&wait, agent);
            assert_eq!((fault.status(), fault.code().as_str(), fault.message()), (status, code, message));
            let hints = [("retry-after", "2".to_owned()), ("x-amz-retry-after", "1001".to_owned())];
            assert_eq!(fault.headers(), hints);
            assert!(fault.private_detail().unwrap().contains("`tenants`"));
        }
    }

    #[test]
    fn what_can_never_pass_is_not_to_be_tried_again() {
        for stage in [Stage::Kms, Stage::Request] {
            let fault = Surface::Exception.fault(&refusal(stage, Wait::Never), None);
            assert!(fault.headers().is_empty());
            assert_eq!(fault.reason(), NEVER);
        }
    }

    #[test]
    fn requests_are_slowed_down_in_every_surface() {
        for (_, surface) in Surface::NAMES {
            for stage in [Stage::Arrival, Stage::Request, Stage::Upload, Stage::Download] {
                assert_eq!(surface.fault(&refusal(stage, Wait::Nanos(1)), None).code(), Code::SlowDown);
            }
        }
    }
}
