//! What this process answers itself, through the same door and on the same record as what a store answers.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use ring::rand::SystemRandom;

use super::live::Live;
use super::open::Open;
use super::settings::{Keeper, Setting, done, empty};
use crate::identity::Principal;
use crate::s3::{Code, Fault, Operation};
use crate::sts::{Answered, Ask, Grantor};
use crate::time::Seconds;
use crate::upstream::{Reply, ReplyBody};

/// A request that is answered here. It was decided, admitted and recorded; nothing else makes one.
#[derive(Debug)]
pub struct Here {
    what: What,
    open: Box<Open>,
}

#[derive(Debug)]
enum What {
    Tokens { ask: Box<Ask>, who: Arc<Principal> },
    Setting { setting: Setting, done: StatusCode },
}

impl Here {
    pub(super) fn tokens(ask: Box<Ask>, who: Arc<Principal>, open: Box<Open>) -> Self {
        Self { what: What::Tokens { ask, who }, open }
    }

    pub(super) fn setting(setting: Setting, operation: Operation, open: Box<Open>) -> Self {
        Self { what: What::Setting { setting, done: done(operation) }, open }
    }

    /// Waits, where that is rehearsed.
    pub(super) async fn wait(&self) {
        self.open.wait().await;
    }

    /// Answers it; with the answer, or the fault, comes the record that must be closed.
    pub(super) async fn answer(
        self,
        live: &Live,
        keeper: &dyn Keeper,
        now: Seconds,
    ) -> (Box<Open>, Result<Reply, Fault>) {
        let Self { what, mut open } = self;
        let reply = match what {
            What::Setting { setting: Setting::Told(reply), .. } => Ok(*reply),
            What::Setting { setting: Setting::Change(change), done } => {
                keeper.change(change).await.map(|()| empty(done))
            }
            What::Setting { setting: Setting::Answered(change, reply), .. } => {
                keeper.change(change).await.map(|()| *reply)
            }
            What::Tokens { ask, who } => tokens(&ask, &who, live, now, open.id().as_str()).map(|answered| {
                let Answered { document, access_key } = answered;
                open.issued(access_key);
                let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/xml"))]);
                let body = ReplyBody::Full(document);
                Reply { status: StatusCode::OK, headers, body, upstream_id: None, code: None, size: None }
            }),
        };
        (open, reply)
    }
}

fn tokens(ask: &Ask, who: &Principal, live: &Live, now: Seconds, id: &str) -> Result<Answered, Fault> {
    let Some(tokens) = &live.tokens else { return Err(Fault::plain(Code::InternalError, "no-token-keys")) };
    let grantor = Grantor { directory: &live.directory, tokens, now, random: &SystemRandom::new() };
    grantor.answer(ask, who, id)
}
