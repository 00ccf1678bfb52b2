//! What this process answers itself, through the same door and on the same record as what a store answers.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use ring::rand::SystemRandom;

use super::live::Live;
use super::walk::Open;
use crate::identity::Principal;
use crate::s3::{Code, Fault};
use crate::sts::{Answered, Ask, Grantor};
use crate::time::Seconds;
use crate::upstream::{Reply, ReplyBody};

/// A request that is answered here. It was decided, admitted and recorded; nothing else makes one.
#[derive(Debug)]
pub struct Here {
    ask: Box<Ask>,
    who: Arc<Principal>,
    open: Box<Open>,
}

impl Here {
    pub(super) fn new(ask: Box<Ask>, who: Arc<Principal>, open: Box<Open>) -> Self {
        Self { ask, who, open }
    }

    /// Answers it; with the answer, or the fault, comes the record that must be closed.
    pub(super) fn answer(self, live: &Live, now: Seconds) -> (Box<Open>, Result<Reply, Fault>) {
        let Self { ask, who, mut open } = self;
        let answered = answer(&ask, &who, live, now, open.id().as_str());
        let reply = answered.map(|Answered { document, access_key }| {
            open.issued(access_key);
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
            let body = ReplyBody::Full(document);
            Reply { status: StatusCode::OK, headers, body, upstream_id: None, code: None }
        });
        (open, reply)
    }
}

fn answer(ask: &Ask, who: &Principal, live: &Live, now: Seconds, id: &str) -> Result<Answered, Fault> {
    let Some(tokens) = &live.tokens else { return Err(Fault::plain(Code::InternalError, "no-token-keys")) };
    let grantor = Grantor { directory: &live.directory, tokens, now, random: &SystemRandom::new() };
    grantor.answer(ask, who, id)
}
