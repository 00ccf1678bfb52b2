//! The digests of a trail on their way into its bucket.

use std::sync::Arc;

use super::cursor::Cursor;
use super::names;
use super::out::compressed;
use super::settings::BucketTo;
use super::trail::Trail;
use super::world::{Object, Parcel, Put, Trouble, World};
use crate::audit::digest::{ALGORITHM, Hour, SigningKey, object_name, sign};
use crate::time::Seconds;

/// How long one digest is tried, in seconds.
const GIVE_UP: i64 = 7 * 86_400;

/// What is said in every digest of a trail.
pub(super) struct Digests {
    pub(super) key: Arc<SigningKey>,
    pub(super) to: BucketTo,
    pub(super) parcel: Parcel,
    /// The name of the trail.
    pub(super) trail: String,
    pub(super) account: String,
    pub(super) region: String,
    /// Since when it fails.
    pub(super) failing_since: Option<Seconds>,
}

impl Digests {
    /// Delivers the oldest digest that is due and says whether there was one; the cursor, which the caller
    /// stores, then stands behind it. While one is due, no file of its trail may be delivered: what is in a
    /// digest must be the same if it is delivered again.
    ///
    /// # Errors
    /// [`Trouble`]: it is not delivered.
    pub(super) async fn deliver_next<W: World>(&mut self, world: &W, cursor: &mut Cursor) -> Result<bool, Trouble> {
        let now = world.now().seconds();
        let trail = cursor.trail.get_or_insert_with(|| Trail::beginning(now));
        if let Some(stood) = trail.skip_long_pause(now) {
            let stood = stood.rfc3339();
            tracing::error!(
                trail = self.trail,
                stood,
                "a chain of digests stood still for more than a week and begins anew"
            );
        }
        let Some(end) = trail.due(now) else { return Ok(false) };
        match self.deliver(world, trail, &cursor.instance, end).await {
            Ok(()) => {
                self.failing_since = None;
                Ok(true)
            }
            Err(trouble) => {
                let since = *self.failing_since.get_or_insert(now);
                if now.0.saturating_sub(since.0) < GIVE_UP {
                    return Err(trouble);
                }
                tracing::error!(
                    trail = self.trail,
                    ?trouble,
                    "digests are given up after seven days; their chain begins anew"
                );
                *trail = Trail::beginning(now);
                self.failing_since = None;
                Ok(true)
            }
        }
    }

    async fn deliver<W: World>(
        &self,
        world: &W,
        trail: &mut Trail,
        instance: &str,
        end: Seconds,
    ) -> Result<(), Trouble> {
        let prefix = names::folder(&self.to.prefix).0;
        let name = object_name(prefix, &self.account, &self.region, &self.trail, &self.region, end);
        let hour = Hour {
            account: &self.account,
            start: Seconds(trail.hour),
            end,
            bucket: &self.to.bucket,
            object: &name,
            previous: trail.previous.as_ref(),
            logs: trail.files.clone(),
            proxy: Some(trail.note(instance)),
        };
        let signed = sign(hour, &self.key).map_err(|error| Trouble::later(error.to_string()))?;
        let object = Object {
            parcel: self.parcel.clone(),
            upstream: self.to.upstream,
            bucket: self.to.bucket.clone(),
            content_type: "application/json",
            metadata: vec![
                ("signature", signed.as_previous.signature.clone()),
                ("signature-algorithm", ALGORITHM.to_owned()),
            ],
            content: compressed(&signed.document)?,
            key: name,
        };
        // One that is there was made of the same, by a process that crashed behind it.
        let (Put::There | Put::Written) = world.put(object).await?;
        trail.closed(signed.as_previous);
        Ok(())
    }
}
