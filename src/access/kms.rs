//! The use of a KMS key on behalf of a request: what is asked, and what conditions see of it
//! (spec/encryption.md 4, 6, 11).

use std::cell::Cell;

use super::context::View;
use super::facts::{Caller, Owner};
use super::words::{BARE, may_know};
use crate::kms;
use crate::policy::context::{Context, Keys, Values};
use crate::policy::engine::{Act, Decision, Question};
use crate::s3::permission::Key;
use crate::s3::{Code, Fault};

/// What is done with a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyAction {
    /// `kms:Decrypt`
    Decrypt,
    /// `kms:GenerateDataKey`
    GenerateDataKey,
}

impl KeyAction {
    /// Its name in policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decrypt => "kms:Decrypt",
            Self::GenerateDataKey => "kms:GenerateDataKey",
        }
    }
}

/// One use of a key.
pub struct KeyUse<'a> {
    /// The key's ARN.
    pub key: &'a str,
    /// What is done with it.
    pub action: KeyAction,
    /// The ARN that S3 adds to the encryption context: of the object, or of its bucket with a bucket key.
    pub object: &'a str,
    /// The rest of the encryption context.
    pub context: &'a kms::Context,
    /// Whether that is all of it. Of what was written before only the store knows it.
    pub known: bool,
    /// The region of the endpoint.
    pub region: &'a str,
    /// The key's side says yes by name.
    pub consent: bool,
}

/// What conditions see of a use of a key: who asks and how it came as of the request itself, and the keys of
/// KMS. Nothing of S3's own.
pub struct KeyView<'a> {
    view: View<'a>,
    account: &'a str,
    keys: Keys,
    known: bool,
    wanted: Cell<bool>,
}

impl<'a> KeyView<'a> {
    /// None where the ARN is no key's: whose it is is not known, so nobody may use it.
    pub fn new(view: View<'a>, caller: &Caller<'_>, used: &KeyUse<'a>) -> Option<Self> {
        let (_, account, _) = kms::parts(used.key)?;
        let mut keys = Keys::default();
        keys.set("kms:ViaService", format!("s3.{}.amazonaws.com", used.region));
        keys.set("kms:CallerAccount", caller.principal.account.as_str());
        keys.set("aws:ResourceAccount", account);
        let mut names = Vec::new();
        for (name, value) in used.context.members().chain([(kms::S3_ARN, used.object)]) {
            keys.set(&format!("kms:EncryptionContext:{name}"), value);
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        keys.set_all("kms:EncryptionContextKeys", names);
        Some(Self { view, account, keys, known: used.known, wanted: Cell::new(false) })
    }

    /// Whether a condition has asked for what is not known.
    pub fn wanted_more(&self) -> bool {
        self.wanted.get()
    }

    /// The question.
    pub fn question<'q>(&'q self, caller: &Caller<'q>, used: &KeyUse<'q>) -> Question<'q> {
        Question {
            caller: caller.principal.as_caller(),
            canonical_id: None,
            action: Act::Other(used.action.name()),
            resource: used.key,
            behind: None,
            owner: self.account,
            context: self,
            consent: used.consent,
        }
    }
}

impl Context for KeyView<'_> {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        if !self.known && key.starts_with("kms:encryptioncontext") && key != "kms:encryptioncontext:aws:s3:arn" {
            self.wanted.set(true);
        }
        if let Some(known) = self.keys.values(key) {
            return Some(known);
        }
        // The tags and the organization that requests see are those of a bucket.
        if !key.starts_with("aws:") || key.starts_with("aws:resource") {
            return None;
        }
        let (key, tag) = Key::find(key)?;
        self.view.known(key, tag)
    }
}

/// The refusal of a use (E-18).
pub fn key_denied(caller: &Caller<'_>, used: &KeyUse<'_>, decision: &Decision) -> Fault {
    let owner = Owner { account: kms::parts(used.key).map(|(_, account, _)| account), ..Owner::default() };
    let told = match decision.message(&caller.principal.arn, used.action.name(), used.key) {
        // KMS writes the resource without quotes.
        Some(message) if may_know(caller, &owner, false) => {
            message.replace(&format!("\"{}\"", used.key), used.key).into()
        }
        _ => std::borrow::Cow::Borrowed(BARE),
    };
    let fault = Fault::new(Code::AccessDenied, "kms-key-denied", told);
    fault.detail(format!("{} on {}", used.action.name(), used.key))
}
