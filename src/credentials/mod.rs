//! Keys that the proxy itself is given for a while, to sign towards stores and key services: where they come
//! from, what the answers say, and when the next ones are fetched.
//!
//! Invariants:
//! - nothing here knows a socket, a file, a clock or a random number; whoever fetches is in `gate`;
//! - keys whose answer does not say when they end are not taken, and none that have ended;
//! - no message shows anything of an answer but a code that cannot be a secret.

mod answer;
mod schedule;

use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

pub use answer::{Unusable, assumed, issued, metadata_token, refusal, role};
pub use schedule::{left, renewal};

use crate::s3::uri;
use crate::sigv4::Secret;

/// Where keys are asked for: a URL, in its parts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// `https`
    pub tls: bool,
    /// Name or address, IPv6 without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path and query.
    pub target: String,
}

/// Where keys come from.
#[derive(Debug)]
pub enum Source {
    /// What runs the container hands them out.
    Container {
        /// Where.
        place: Place,
        /// What shows that it is this container which asks.
        authorization: Option<Authorization>,
    },
    /// The metadata service of an EC2 instance; its `target` has no `/` at the end.
    Instance(Place),
    /// A token service gives them for a token of somebody else's.
    WebIdentity(Box<WebIdentity>),
}

/// The `Authorization` header towards what runs the container.
#[derive(Debug)]
pub enum Authorization {
    /// This.
    Value(Secret),
    /// What this file holds at the time.
    File(PathBuf),
}

/// A role that is assumed with a token from a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WebIdentity {
    /// The token service.
    pub service: Place,
    /// The file of the token, which is replaced from time to time.
    pub token_file: PathBuf,
    /// The role.
    pub role: String,
    /// What the session is called.
    pub session: String,
}

impl Source {
    /// What it is called in the log and in errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Container { .. } => "the container's credentials",
            Self::Instance(_) => "the instance's metadata",
            Self::WebIdentity(_) => "the web identity",
        }
    }

    /// Where it is asked.
    pub fn place(&self) -> &Place {
        match self {
            Self::Container { place, .. } | Self::Instance(place) => place,
            Self::WebIdentity(identity) => &identity.service,
        }
    }

    /// Whether both give the same keys, as two that one environment describes do.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Container { place, .. }, Self::Container { place: other, .. })
            | (Self::Instance(place), Self::Instance(other)) => place == other,
            (Self::WebIdentity(identity), Self::WebIdentity(other)) => identity == other,
            _ => false,
        }
    }
}

impl WebIdentity {
    /// The form of AssumeRoleWithWebIdentity.
    pub fn form(&self, token: &str) -> Zeroizing<Vec<u8>> {
        let fields = [("RoleArn", &*self.role), ("RoleSessionName", &*self.session), ("WebIdentityToken", token)];
        // Room for all of it from the start: a vector that grows leaves secrets behind.
        let longest = 64 + fields.iter().map(|(name, value)| name.len() + 2 + value.len() * 3).sum::<usize>();
        let mut form = Zeroizing::new(Vec::with_capacity(longest));
        form.extend_from_slice(b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15");
        for (name, value) in fields {
            form.extend_from_slice(b"&");
            form.extend_from_slice(name.as_bytes());
            form.extend_from_slice(b"=");
            uri::encode_into(value.as_bytes(), &mut form);
        }
        form
    }
}

/// Sources that are the same, as one: what of `known` gives the same keys.
pub fn shared<'s>(known: impl IntoIterator<Item = &'s Arc<Source>>, source: &Source) -> Option<usize> {
    known.into_iter().position(|known| known.is_same(source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(host: &str) -> WebIdentity {
        WebIdentity {
            service: Place { tls: true, host: host.to_owned(), port: 443, target: "/".to_owned() },
            token_file: "/token".into(),
            role: "arn:aws:iam::111122223333:role/proxy".to_owned(),
            session: "bartizan".to_owned(),
        }
    }

    #[test]
    fn the_form_of_a_web_identity_is_encoded() {
        let form = identity("sts").form("a.b-c=&+ ");
        assert_eq!(
            String::from_utf8(form.to_vec()).unwrap(),
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fproxy\
             &RoleSessionName=bartizan&WebIdentityToken=a.b-c%3D%26%2B%20"
        );
    }

    #[test]
    fn stores_with_one_source_share_its_keys() {
        let web = |host| Source::WebIdentity(Box::new(identity(host)));
        let instance = |target: &str| {
            let Source::WebIdentity(web) = web("a") else { panic!() };
            Source::Instance(Place { target: target.to_owned(), ..web.service })
        };
        let known = [Arc::new(web("a")), Arc::new(instance("")), Arc::new(web("b"))];
        assert_eq!(shared(&known, &web("b")), Some(2));
        assert_eq!(shared(&known, &instance("")), Some(1));
        assert_eq!(shared(&known, &instance("/other")), None);
        let place = known[0].place().clone();
        assert_eq!(shared(&known, &Source::Container { place, authorization: None }), None);
    }

    #[test]
    fn no_source_shows_its_secret() {
        let authorization = Some(Authorization::Value(Secret::new("hunter2".to_owned())));
        let source = Source::Container { place: identity("a").service, authorization };
        assert!(!format!("{source:?}").contains("hunter2"));
    }
}
