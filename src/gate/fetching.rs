//! One fetch of the proxy's own keys: the requests, and what of the machine goes into them. What the answers
//! say is read by `credentials`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::request::Builder;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{GateError, build};
use crate::control::files;
use crate::credentials::{self, Authorization, Place, Source, WebIdentity};
use crate::delivery::Trouble;
use crate::delivery::client::{self, Answer};
use crate::sigv4::OwnKeys;

/// How long a fetch may take, all its requests.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest file of a token.
const LONGEST_TOKEN: u64 = 32 << 10;
/// How long a token of the metadata service is good for, in seconds: for the two questions that follow.
const SESSION: &str = "300";

const METADATA_TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
const METADATA_TOKEN_LIFE: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

/// What asks one source.
pub(super) struct Fetcher {
    source: Arc<Source>,
    tls: Option<Arc<rustls::ClientConfig>>,
}

impl Fetcher {
    /// For one source.
    ///
    /// # Errors
    /// It is behind TLS, and nothing is known that it could be trusted by.
    pub(super) fn new(source: Arc<Source>) -> Result<Self, GateError> {
        let tls = source.place().tls.then(|| build::trust(None, "upstream.credentials")).transpose()?;
        Ok(Self { source, tls })
    }

    /// Asks for keys.
    ///
    /// # Errors
    /// Why there are none, without anything secret.
    pub(super) async fn fetch(&self) -> Result<OwnKeys, String> {
        let fetched = async {
            match &*self.source {
                Source::Container { place, authorization } => self.container(place, authorization.as_ref()).await,
                Source::Instance(place) => self.instance(place).await,
                Source::WebIdentity(identity) => self.web_identity(identity).await,
            }
        };
        let late = |_| Err(format!("no answer within {PATIENCE:?}"));
        timeout(PATIENCE, fetched).await.unwrap_or_else(late)
    }

    async fn container(&self, place: &Place, authorization: Option<&Authorization>) -> Result<OwnKeys, String> {
        let mut request = Request::get(&place.target).header(ACCEPT, "application/json");
        match authorization {
            None => {}
            Some(Authorization::Value(token)) => request = request.header(AUTHORIZATION, secret(token.expose())?),
            Some(Authorization::File(path)) => {
                request = request.header(AUTHORIZATION, secret(token(path).await?.trim_end())?);
            }
        }
        let body = good(self.send(place, request, Bytes::new()).await?)?;
        credentials::issued(&body).map_err(|problem| problem.to_string())
    }

    /// By version 2 of the service alone: version 1 answers whoever makes a server on this machine ask.
    async fn instance(&self, place: &Place) -> Result<OwnKeys, String> {
        let at = |path: &str| format!("{}{path}", place.target);
        let request = Request::put(at("/latest/api/token")).header(METADATA_TOKEN_LIFE, SESSION);
        let body = good(self.send(place, request, Bytes::new()).await?)?;
        let token = credentials::metadata_token(&body).ok_or("it answers something else than a token")?;
        let ask = async |path: &str| {
            let request = Request::get(at(path)).header(METADATA_TOKEN, secret(token.expose())?);
            self.send(place, request, Bytes::new()).await
        };
        let roles = ask(ROLES).await?;
        if roles.status == StatusCode::NOT_FOUND {
            return Err("the instance has no role".to_owned());
        }
        let roles = good(roles)?;
        let role = credentials::role(&roles).ok_or("it answers something else than the name of a role")?;
        let body = good(ask(&format!("{ROLES}{role}")).await?)?;
        credentials::issued(&body).map_err(|problem| problem.to_string())
    }

    async fn web_identity(&self, identity: &WebIdentity) -> Result<OwnKeys, String> {
        let token = token(&identity.token_file).await?;
        let form = Bytes::from_owner(identity.form(token.trim()));
        let request = Request::post(&identity.service.target).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let Answer { status, body } = self.send(&identity.service, request, form).await?;
        if status == StatusCode::OK {
            return credentials::assumed(&body).map_err(|problem| problem.to_string());
        }
        let code = credentials::refusal(&body).map(|code| format!(" ({code})")).unwrap_or_default();
        Err(format!("it answers {status}{code}"))
    }

    async fn send(&self, place: &Place, request: Builder, body: Bytes) -> Result<Answer, String> {
        let host = client::authority(&place.host, place.port);
        let sized = request.method_ref() == Some(&Method::PUT);
        let request = request.header(HOST, host).header(USER_AGENT, "bartizan");
        // Left to itself hyper says nothing about a body that is not there.
        let request = if sized { request.header(http::header::CONTENT_LENGTH, "0") } else { request };
        let request = request.body(Full::new(body)).map_err(|_| "the request cannot be written")?;
        let answer = client::ask((&place.host, place.port), self.tls.as_ref(), request).await;
        answer.map_err(|(Trouble::Later { why, .. } | Trouble::Rejected { why })| why.to_string())
    }
}

/// The body of an answer that is none but fine. What others say is not told: it may hold a secret.
fn good(Answer { status, body }: Answer) -> Result<Zeroizing<Vec<u8>>, String> {
    if status == StatusCode::OK { Ok(body) } else { Err(format!("it answers {status}")) }
}

/// What a file of a token holds now: it is replaced from time to time.
async fn token(path: &Path) -> Result<Zeroizing<String>, String> {
    let file = path.to_owned();
    let reading = move || {
        // To open a pipe is to wait for whoever writes into it.
        let is_odd = std::fs::metadata(&file).is_ok_and(|metadata| !metadata.is_file());
        (!is_odd).then(|| files::read_text(&file, LONGEST_TOKEN))
    };
    let read = tokio::task::spawn_blocking(reading).await.map_err(|_| "the token was not read")?;
    let read = read.ok_or_else(|| format!("the token file {} is no file", path.display()))?;
    let text = read.map_err(|fault| format!("the token file {} {fault}", path.display()))?;
    Ok(Zeroizing::new(text))
}

/// A header that is not shown.
fn secret(text: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(text).map_err(|_| "the token cannot stand in a header")?;
    value.set_sensitive(true);
    Ok(value)
}
