//! From an address to who asks: the signature, or what stands for it in a form or a request to the token
//! service; and what the body must be.

use http::Method;

use super::{Addressed, Authenticated, Parsed, Payload};
use crate::access::Document;
use crate::body::Contract;
use crate::pipeline::document::duties;
use crate::pipeline::early::{self, Early};
use crate::pipeline::live::{Asked, Asker, Live, Site};
use crate::pipeline::refusal::Refusal;
use crate::pipeline::task::Task;
use crate::s3::address::is_about_access_points;
use crate::s3::payload::ChunkSignatures;
use crate::s3::route::Auth;
use crate::s3::uri::Query;
use crate::s3::{Code, Fault, Operation};
use crate::sigv4::{KeyCache, Rejection, Request};
use crate::time::Seconds;

impl<B> Addressed<B> {
    /// Verifies the signature; then tells what addressing kept; then fixes what the body must be.
    ///
    /// # Errors
    /// Whatever the order of spec/sigv4.md 13 finds first.
    #[allow(clippy::boxed_local, reason = "by pointer, as every stage")]
    pub fn authenticate(
        self: Box<Self>,
        live: &Live,
        cache: &KeyCache,
        now: Seconds,
    ) -> Result<Box<Authenticated<B>>, Refusal> {
        let Self { mut parsed, site: at, auth, asked, form_bucket, early } = *self;
        let site = match live.site(parsed.facts.connection.listener, at) {
            Ok(site) => site,
            Err(fault) => return Err(Refusal::new(fault, parsed.facts)),
        };
        let routed = match (asked, &early) {
            (Asked::Store(routed), _) => routed,
            (Asked::Tokens(Ok(())), Early::Whole(body)) => {
                return parsed.ask(live, (at, site), auth, &body.0, cache, now);
            }
            (Asked::Tokens(Err(fault)), _) => return Err(Refusal::new(*fault, parsed.facts)),
            (Asked::Tokens(Ok(())), _) => {
                return Err(Refusal::new(Fault::plain(Code::InternalError, "body-not-read"), parsed.facts));
            }
        };
        // Where it is not known what is asked, that is what is wrong.
        let streaming = routed.as_ref().map_or(true, |routed| routed.operation.spec().streaming);
        let tls = parsed.facts.connection.is_tls();
        let listener = parsed.facts.connection.listener;
        let verified = parsed.facts.with_head(|head| {
            live.as_signed(listener, site, head, |head| {
                let query = Query::parse(head.query()).map_err(Fault::from)?;
                let form = early.form(form_bucket.as_deref());
                let request = Request { head, query: &query, streaming_allowed: streaming, tls, body_hash: None, form };
                let (who, mut verified) = live.verify(site, auth, &request, cache, now)?;
                // What the body must be is read here, where the head is at hand, and told in its turn.
                let plain = routed.as_ref().ok().filter(|_| form.is_none());
                let contract = plain.map(|routed| {
                    let signatures = verified.take_chunks().map(|chunks| chunks as Box<dyn ChunkSignatures>);
                    Contract::new(verified.payload(), signatures, head, duties(routed)).map(Box::new)
                });
                Ok::<_, Box<Rejection>>((who, verified, contract))
            })
        });
        if live.external(listener).is_some() {
            parsed.facts.url = parsed.facts.with_head(|head| live.external_url(listener, site, head));
        }
        let (who, mut verified, contract) = match verified {
            Ok(verified) => verified,
            Err(rejection) => {
                parsed.facts.rejected(live, (site, &site.signature), &rejection, cache, now);
                return Err(Refusal::early(rejection.into_fault(), parsed.facts, Asked::Store(routed), &early));
            }
        };
        parsed.facts.known(live, &who);
        parsed.facts.signed = verified.signed();
        (parsed.facts.access_key, parsed.facts.signature) = verified.take_names();
        if verified.kind() == Auth::Header && !matches!(parsed.facts.head.method, Method::GET | Method::HEAD) {
            parsed.facts.signed_text = Some(verified.take_signed_text());
        }
        let form = match early {
            Early::Form(form) => Some((form_bucket, form)),
            Early::Nothing | Early::Whole(_) => None,
        };
        let routed = match (routed, &form) {
            (Ok(asked), Some((bucket, form))) => {
                match early::upload(&mut parsed.facts, &asked, bucket.as_deref(), form.fields(), site.rules) {
                    Ok(upload) => Ok(Box::new(upload)),
                    Err(fault) => return Err(Refusal::asked(fault, parsed.facts, Task::Store(asked))),
                }
            }
            // Nobody has read the form: nothing of it is known, so nothing of it may leave.
            (Ok(asked), None) if asked.operation == Operation::PostObject => {
                Err(Fault::plain(Code::InternalError, "form-not-read").into())
            }
            (routed, _) => routed,
        };
        let routed = match routed {
            Ok(routed) => routed,
            // Strangers could find out which access points there are; also by what is wrong with a form, which is
            // nobody's until it has been read.
            Err(fault) if who.is_anonymous() && (auth == Auth::Form || is_about_access_points(&fault)) => {
                return Err(Refusal::new(Fault::plain(Code::AccessDenied, "access-point-unsigned"), parsed.facts));
            }
            Err(fault) => return Err(Refusal::new(*fault, parsed.facts)),
        };
        let Parsed { facts, body } = parsed;
        let contract = match (&form, contract) {
            (Some((_, form)), _) => {
                facts.with_head(|head| early::file_contract(head, form, verified.file_length()).map(Box::new))
            }
            (None, Some(contract)) => contract,
            (None, None) => Err(Fault::plain(Code::InternalError, "no-contract")),
        };
        let contract = match contract {
            // A body that the operation has no place for is a fault of what is asked, not of the body.
            Err(fault) if fault.code() == Code::UnexpectedContent => {
                return Err(Refusal::asked(fault, facts, Task::Store(routed)));
            }
            contract => contract.map_err(Box::new),
        };
        let Some(body) = body else {
            let fault = Fault::plain(Code::InternalError, "body-spent");
            return Err(Refusal::asked(fault, facts, Task::Store(routed)));
        };
        let body = Payload::Unread(body, contract);
        Ok(Box::new(Authenticated { facts, site: at, task: Task::Store(routed), who, body, said: Document::None }))
    }
}

impl<B> Parsed<B> {
    /// Verifies a request to the token service, whose body has been read.
    fn ask(
        mut self,
        live: &Live,
        (at, site): (usize, &Site),
        auth: Auth,
        body: &[u8],
        cache: &KeyCache,
        now: Seconds,
    ) -> Result<Box<Authenticated<B>>, Refusal> {
        let listener = self.facts.connection.listener;
        let verified = self.facts.with_head(|head| {
            live.as_signed(listener, site, head, |head| live.verify_tokens(site, auth, head, body, cache, now))
        });
        let Asker { who, verified, ask } = match verified {
            Ok(verified) => verified,
            Err(rejection) => {
                self.facts.rejected(live, (site, &site.tokens), &rejection, cache, now);
                // The token of a web identity names no key, but claims to be somebody.
                if matches!(rejection.fault().code(), Code::ExpiredTokenException | Code::InvalidIdentityToken) {
                    self.facts.claim();
                    self.facts.claim.get_or_insert_default();
                }
                return Err(Refusal::new(rejection.into_fault(), self.facts));
            }
        };
        self.facts.known(live, &who);
        (self.facts.access_key, self.facts.signature) =
            verified.map(|mut verified| verified.take_names()).unwrap_or_default();
        let (task, body, said) = (Task::Tokens(ask), Payload::Spent, Document::None);
        Ok(Box::new(Authenticated { facts: self.facts, site: at, task, who, body, said }))
    }
}
