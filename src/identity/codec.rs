//! The canonical octets of a session: one spelling for one session, every part bounded.

use std::collections::BTreeMap;

use super::{Federated, Session, SessionPolicies};
use crate::time::Seconds;

/// The most entries of a list; AWS allows fifty tags.
const MOST: usize = 64;

/// Writes parts one behind the other, each with its length in front.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn octet(&mut self, octet: u8) {
        self.0.push(octet);
    }

    /// `None` if the text is longer than a length can say.
    pub(super) fn text(&mut self, text: &str) -> Option<()> {
        let length = u16::try_from(text.len()).ok()?;
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
        Some(())
    }

    fn instant(&mut self, instant: Seconds) {
        self.0.extend_from_slice(&instant.0.to_be_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.octet(u8::from(flag));
    }

    fn maybe(&mut self, text: Option<&str>) -> Option<()> {
        self.flag(text.is_some());
        text.map_or(Some(()), |text| self.text(text))
    }

    fn count(&mut self, count: usize) -> Option<()> {
        self.octet(u8::try_from(count).ok().filter(|_| count <= MOST)?);
        Some(())
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads what [`Writer`] wrote, and nothing else.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn octet(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let length = u16::from_be_bytes(self.take(2)?.try_into().ok()?);
        String::from_utf8(self.take(usize::from(length))?.to_vec()).ok()
    }

    fn instant(&mut self) -> Option<Seconds> {
        Some(Seconds(i64::from_be_bytes(self.take(8)?.try_into().ok()?)))
    }

    fn flag(&mut self) -> Option<bool> {
        match self.octet()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn maybe(&mut self) -> Option<Option<String>> {
        Some(if self.flag()? { Some(self.text()?) } else { None })
    }

    fn count(&mut self) -> Option<usize> {
        self.octet().map(usize::from).filter(|count| *count <= MOST)
    }

    /// Nothing may be left.
    pub(super) fn finish(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

pub(super) fn write_session(session: &Session, out: &mut Writer) -> Option<()> {
    out.instant(session.issued);
    out.instant(session.expires);
    out.flag(session.mfa);
    out.maybe(session.policies.inline.as_deref())?;
    texts(&session.policies.arns, out)?;
    out.count(session.tags.len())?;
    for (key, value) in &session.tags {
        out.text(key)?;
        out.text(value)?;
    }
    texts(&session.transitive, out)?;
    out.maybe(session.source_identity.as_deref())?;
    out.flag(session.federated.is_some());
    if let Some(Federated { issuer, subject, audience }) = &session.federated {
        out.text(issuer)?;
        out.text(subject)?;
        out.text(audience)?;
    }
    Some(())
}

fn texts(list: &[String], out: &mut Writer) -> Option<()> {
    out.count(list.len())?;
    list.iter().try_for_each(|text| out.text(text))
}

pub(super) fn read_session(input: &mut Reader<'_>) -> Option<Session> {
    Some(Session {
        issued: input.instant()?,
        expires: input.instant()?,
        mfa: input.flag()?,
        policies: SessionPolicies { inline: input.maybe()?, arns: list(input)? },
        tags: tags(input)?,
        transitive: list(input)?,
        source_identity: input.maybe()?,
        federated: match input.flag()? {
            true => Some(Federated { issuer: input.text()?, subject: input.text()?, audience: input.text()? }),
            false => None,
        },
    })
}

fn list(input: &mut Reader<'_>) -> Option<Vec<String>> {
    (0..input.count()?).map(|_| input.text()).collect()
}

/// Tags in the order of their keys, each key once.
fn tags(input: &mut Reader<'_>) -> Option<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    for _ in 0..input.count()? {
        let (key, value) = (input.text()?, input.text()?);
        let in_order = tags.last_key_value().is_none_or(|(last, _): (&String, &String)| *last < key);
        if !in_order {
            return None;
        }
        tags.insert(key, value);
    }
    Some(tags)
}
