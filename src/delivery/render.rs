//! From an event to the records of one destination: which of them, in which form, and what is hidden.

use std::borrow::Cow;
use std::sync::Arc;

use super::hide::Hide;
use super::settings::{Format, Settings};
use crate::audit::selector::Selectors;
use crate::audit::{Event, access_log, cloudtrail};
use crate::time::Millis;

/// Which records a destination gets (spec/cloudtrail.md 8).
#[derive(Clone, Debug)]
pub struct Selection(Arc<Selectors>);

impl Selection {
    /// Reads a JSON document: classic or advanced selectors.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        Selectors::parse(text).map(|selectors| Self(Arc::new(selectors))).map_err(|error| error.to_string())
    }
}

/// How the events of a journal become the records of one destination.
pub(super) struct Rendering {
    pub(super) format: Format,
    pub(super) select: Option<Selection>,
    /// Whose copy; the full record where nobody is named.
    pub(super) account: Option<String>,
    /// The one bucket whose lines are wanted.
    pub(super) only: Option<Of>,
    /// The name of the destination, where it is a bucket: what is put there is on record in its turn.
    pub(super) parcel: Option<String>,
    pub(super) trail: cloudtrail::Setting,
    pub(super) hide: Option<Arc<Hide>>,
    pub(super) settings: Arc<Settings>,
}

/// A bucket, and the account that it is of.
pub(super) struct Of {
    pub(super) bucket: String,
    pub(super) account: String,
}

/// One record in its form.
pub(super) struct Piece {
    /// Whose log it belongs to; nobody's in forms that are not by bucket.
    pub(super) bucket: String,
    /// The account that owns that bucket, where it is known.
    pub(super) account: Option<String>,
    /// Its region, where it is known.
    pub(super) region: Option<String>,
    /// The time that the record shows.
    pub(super) time: Millis,
    /// With the end of its line.
    pub(super) text: Vec<u8>,
}

impl Rendering {
    /// The records of an event, in their order.
    pub(super) fn pieces(&self, event: &Event) -> Vec<Piece> {
        if !self.concerns(event) {
            return Vec::new();
        }
        let located = self.settings.located(event);
        let event = located.as_ref().unwrap_or(event);
        match self.format {
            Format::AccessLog if self.takes(event) => self.lines(event),
            Format::Json if self.takes(event) => {
                let text = self.hidden(event).to_json();
                text.lines().map(|line| plain(event.ended(), format!("{line}\n").into_bytes())).collect()
            }
            Format::CloudTrail => self.records(event),
            Format::AccessLog | Format::Json => Vec::new(),
        }
    }

    /// Most events are not of the one bucket that is logged. And what is delivered into buckets must come to
    /// an end: no destination there hears of its own deliveries, and none of those that tell of deliveries and
    /// of nothing else. So a request makes a delivery, that may make another, and that one makes none.
    fn concerns(&self, event: &Event) -> bool {
        if let (Some(sink), Some(delivery)) = (self.parcel.as_deref(), event.delivery())
            && (delivery.of_deliveries || delivery.sink == sink)
        {
            return false;
        }
        let Some(only) = self.only.as_ref().map(|of| of.bucket.as_str()) else { return true };
        event.bucket() == Some(only) || event.source().is_some_and(|source| source.bucket() == Some(only))
    }

    fn lines(&self, event: &Event) -> Vec<Piece> {
        let event = self.hidden(event);
        let lines = access_log::lines(&event, &access_log::Setting::default());
        // What was done to the bucket when it was another account's is not this one's business.
        let is_of = |line: &access_log::Line, of: &Of| {
            line.bucket == of.bucket && line.account.as_ref().is_none_or(|account| *account == of.account)
        };
        let wanted = lines.into_iter().filter(|line| self.only.as_ref().is_none_or(|of| is_of(line, of)));
        let piece = |line: access_log::Line| {
            let mut text = Vec::with_capacity(512);
            line.write(&mut text);
            Piece { bucket: line.bucket, account: line.account, region: line.region, time: event.received(), text }
        };
        wanted.map(piece).collect()
    }

    fn records(&self, event: &Event) -> Vec<Piece> {
        let records = |event: &Event| match &self.account {
            Some(account) => cloudtrail::records_for(event, &self.trail, account),
            None => cloudtrail::records(event, &self.trail),
        };
        // Selectors see the keys as they are.
        let taken = self.select.as_ref().map(|Selection(selectors)| {
            records(event).iter().map(|record| selectors.takes(record)).collect::<Vec<_>>()
        });
        let shown = records(&self.hidden(event));
        let is_taken = |at: usize| taken.as_ref().is_none_or(|taken| taken.get(at).copied().unwrap_or(true));
        let piece = |record: &cloudtrail::Record| {
            let mut text = Vec::with_capacity(2048);
            record.write(&mut text);
            plain(event.ended(), text)
        };
        shown.iter().enumerate().filter(|(at, _)| is_taken(*at)).map(|(_, record)| piece(record)).collect()
    }

    fn hidden<'e>(&self, event: &'e Event) -> Cow<'e, Event> {
        match &self.hide {
            Some(hide) => Cow::Owned(hide.event(event)),
            None => Cow::Borrowed(event),
        }
    }

    /// Whether an event is selected by any of its audit records.
    fn takes(&self, event: &Event) -> bool {
        let Some(Selection(selectors)) = &self.select else { return true };
        cloudtrail::records(event, &self.trail).iter().any(|record| selectors.takes(record))
    }
}

fn plain(time: Millis, text: Vec<u8>) -> Piece {
    Piece { bucket: String::new(), account: None, region: None, time, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::At;

    #[test]
    fn no_record_breaks_the_lines_of_whoever_reads_it_or_turns_its_text_around() {
        let members = serde_json::json!({
            "operation": "GetObject", "bucket_name": "b", "method": "GET", "target": "/b/k", "http_status": 200,
            "key": "a\u{2028}b\u{85}c\u{202e}d", "user_agent": "e\u{7f}f\u{2029}",
        });
        let event = Event::of(At::default(), Millis(0), members.as_object().unwrap().clone());
        for format in [Format::AccessLog, Format::CloudTrail, Format::Json] {
            let rendering = Rendering {
                format,
                select: None,
                account: None,
                only: None,
                parcel: None,
                trail: cloudtrail::Setting::default(),
                hide: None,
                settings: Arc::new(Settings::default()),
            };
            let pieces = rendering.pieces(&event);
            let text = std::str::from_utf8(&pieces[0].text).unwrap();
            let (line, end) = text.split_at(text.len() - 1);
            assert_eq!((pieces.len(), end), (1, "\n"), "{format:?}");
            assert!(line.bytes().all(|octet| (0x20..0x7F).contains(&octet)), "{format:?}: {line}");
        }
    }
}
