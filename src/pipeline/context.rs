//! The encryption context of a request: whether it is one for the object, and what of it is on record
//! (spec/encryption.md 6).

use super::judge::Case;
use crate::access::KeyAction;
use crate::guard::encryption::Asked;
use crate::s3::Fault;

impl Case<'_> {
    /// Puts the context on record, but for the values that the operator hides. Whoever is refused the key
    /// afterwards has said it too.
    pub(super) fn note_context(&self, asked: &Asked) {
        let Some(context) = asked.context.as_ref().filter(|context| !context.is_empty()) else { return };
        let hidden = &self.live.hidden_context;
        let shown = |(name, value): (&str, &str)| {
            let is_hidden = hidden.iter().any(|hidden| **hidden == *name);
            (name.into(), (!is_hidden).then(|| value.into()))
        };
        let _noted_before = self.facts.context.set(context.members().map(shown).collect());
    }

    /// Whether the context is one for this object. Told before anything else about keys.
    ///
    /// # Errors
    /// E-10
    pub(super) fn check_context(&self, asked: &Asked) -> Result<(), Fault> {
        asked.check_context(|| {
            let default = self.default_of_bucket();
            let bucket_key = asked.kind.is_some_and(|kind| asked.has_bucket_key(kind, default));
            self.object_arn(KeyAction::GenerateDataKey, bucket_key)
        })
    }
}
