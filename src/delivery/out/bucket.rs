//! Into a bucket: under S3's names for access logs, under CloudTrail's for a trail.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::whole;
use crate::audit::digest::{HASH, LogFile, hash};
use crate::delivery::cursor::Cursor;
use crate::delivery::load::{Body, FileKey, Load, Split};
use crate::delivery::names::{self, Of, Range};
use crate::delivery::settings::{BucketTo, Format};
use crate::delivery::world::{Object, Parcel, Trouble, World};
use crate::policy::logging::{DateSource, KeyFormat};
use crate::time::{Millis, Seconds};

/// What goes into a bucket, and how it is called there.
pub(in crate::delivery) struct BucketOut {
    pub(in crate::delivery) parcel: Parcel,
    pub(in crate::delivery) format: Format,
    pub(in crate::delivery) to: BucketTo,
    /// Whose trail it is; of access logs, who owns a bucket that nobody is known of.
    pub(in crate::delivery) account: String,
    /// The same of the region.
    pub(in crate::delivery) region: String,
}

/// A file of a trail that was delivered.
pub(in crate::delivery) struct Made(pub(in crate::delivery) LogFile);

impl BucketOut {
    pub(super) fn split(&self) -> Split {
        let by_bucket = self.format == Format::AccessLog;
        Split { by_bucket, by_day: by_bucket && self.to.layout == KeyFormat::Partitioned(DateSource::Event) }
    }

    pub(super) async fn deliver<W: World>(
        &self,
        world: &W,
        load: &Load,
        cursor: &Cursor,
    ) -> Result<Vec<Made>, Trouble> {
        let at = cursor.pending.map_or_else(|| world.now().seconds(), |pending| Seconds(pending.at));
        let mut made = Vec::new();
        for (key, body) in &load.files {
            let part = format!("{}/{}", key.bucket, key.day);
            let range = Range {
                sink: &self.parcel.sink,
                instance: &cursor.instance,
                first: load.first,
                last: load.last,
                part: &part,
                salt: cursor.pending.and_then(|pending| pending.salt),
            };
            let name = self.name(key, body, at, range);
            let (content, content_type) = whole(self.format, &body.text);
            let logged = (self.format == Format::CloudTrail).then(|| self.log_file(&name, &content, body));
            let content = if logged.is_some() { compressed(&content)? } else { content };
            let object = Object {
                parcel: Parcel { of_deliveries: !load.has_requests, ..self.parcel.clone() },
                upstream: self.to.upstream,
                bucket: self.to.bucket.clone(),
                key: name,
                content_type,
                metadata: Vec::new(),
                content,
            };
            world.put(object).await?;
            made.extend(logged.map(Made));
        }
        Ok(made)
    }

    fn name(&self, key: &FileKey, body: &Body, at: Seconds, range: Range<'_>) -> String {
        let prefix = &self.to.prefix;
        match self.format {
            Format::AccessLog => {
                let of = Of {
                    account: body.account.as_deref().unwrap_or(&self.account),
                    region: body.region.as_deref().unwrap_or(&self.region),
                    bucket: &key.bucket,
                    day: Seconds(key.day.saturating_mul(86_400)),
                };
                names::access_log(prefix, self.to.layout, of, at, &range.hexadecimal())
            }
            Format::CloudTrail => names::trail(prefix, &self.account, &self.region, at, &range.letters()),
            Format::Json => names::json(prefix, at, &range.hexadecimal()),
        }
    }

    fn log_file(&self, name: &str, content: &[u8], body: &Body) -> LogFile {
        let spell = |time: Option<Millis>| time.map(|time| time.seconds().rfc3339());
        LogFile {
            bucket: self.to.bucket.clone(),
            object: name.to_owned(),
            hash_value: hash(content),
            hash_algorithm: HASH.to_owned(),
            newest_event_time: spell(body.newest),
            oldest_event_time: spell(body.oldest),
        }
    }
}

/// gzip, the same of the same content.
pub(in crate::delivery) fn compressed(content: &[u8]) -> Result<Bytes, Trouble> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(content.len() / 8), Compression::default());
    encoder.write_all(content)?;
    Ok(encoder.finish()?.into())
}
