//! Better names (spec/naming.md 10).

use super::estimate::LETTER;
use super::rules::Severity;
use super::{Asked, Level, Namespace, Naming, Settings};

/// No vowels, nothing that looks like another: 4.75 bits each.
const LETTERS: &[u8; 27] = b"bcdfghjkmnpqrstvwxz23456789";
/// How long the random part is at least.
const RANDOM: usize = 10;
/// How often another random part of one length is drawn.
const TRIES: usize = 4;
/// The longest name of a bucket.
const LONGEST: usize = 63;

/// What a name is wanted for.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// `{purpose}`
    pub purpose: &'a str,
    /// `{level}`
    pub level: &'a str,
    /// The account that will make the bucket.
    pub account: &'a str,
    /// Where.
    pub region: &'a str,
}

impl Naming {
    /// A name that breaks no rule, with its random part drawn from `random`; none where purpose or level can
    /// have none, or the randomness ends too early. The random part is longer where the policy asks for it.
    pub fn generate(&self, wish: &Wish<'_>, random: &mut dyn Iterator<Item = u8>) -> Option<String> {
        // 243 is nine times 27: every letter is as likely as any other.
        let mut letters = random.filter(|octet| *octet < 243);
        let mut letter = || LETTERS.get(usize::from(letters.next()? % 27)).copied().map(char::from);
        let account_regional = self.settings.namespace == Namespace::AccountRegional;
        // What is shorter could not be hard enough, whatever is drawn.
        let fixed = self.estimate(&self.pattern.write(wish.purpose, wish.level, ""));
        let needed = self.settings.min_bits.saturating_mul(1000).saturating_sub(fixed) / LETTER;
        for length in RANDOM.max(usize::try_from(needed).unwrap_or(LONGEST))..LONGEST {
            for _ in 0..TRIES {
                let part: String = (0..length).map(|_| letter()).collect::<Option<_>>()?;
                let mut name = self.pattern.write(wish.purpose, wish.level, &part);
                if account_regional {
                    name = format!("{name}-{}-{}-an", wish.account, wish.region);
                }
                if name.len() > LONGEST {
                    return None;
                }
                let mixed = part.bytes().any(|octet| octet.is_ascii_digit())
                    && part.bytes().any(|octet| octet.is_ascii_lowercase());
                let asked = Asked {
                    name: &name,
                    account: wish.account,
                    region: wish.region,
                    account_regional,
                    ..Asked::default()
                };
                let fine = self.judge(&asked).iter().all(|finding| finding.rule.severity() == Severity::Warning);
                if mixed && fine {
                    return Some(name);
                }
            }
        }
        None
    }

    /// The key of the policy that does not know the purpose or the level of a wish, if one does not.
    pub fn refuses(&self, wish: &Wish<'_>) -> Option<&'static str> {
        let Settings { purposes, levels, .. } = &self.settings;
        let purpose = purposes.is_empty() || purposes.iter().any(|own| own == wish.purpose);
        let level = levels.is_empty() || levels.iter().any(|(own, _)| own == wish.level);
        match (purpose, level) {
            (false, _) => Some("purposes"),
            (true, false) => Some("levels"),
            (true, true) => None,
        }
    }

    /// A better name than one that was refused: of the same purpose and level if those may be, else of what the
    /// policy names first.
    pub fn instead_of(&self, refused: &Asked<'_>, random: &mut dyn Iterator<Item = u8>) -> Option<String> {
        let settings = &self.settings;
        let parts = self.pattern.read(super::rules::own_part(refused.name)).unwrap_or_default();
        let known = |digit: &&str| settings.levels.iter().any(|(own, _)| own == digit);
        let private = settings.levels.iter().find(|(_, level)| *level == Level::Private).or(settings.levels.first());
        let level = parts.level.filter(known).or(private.map(|(digit, _)| digit.as_str())).unwrap_or("1");
        let first = parts.purpose.or_else(|| refused.name.split(['-', '.']).next()).unwrap_or_default();
        let allowed =
            |purpose: &&str| settings.purposes.is_empty() || settings.purposes.iter().any(|own| own == purpose);
        let purposes = [first].into_iter().filter(allowed).chain(settings.purposes.iter().map(String::as_str));
        let mut purposes =
            purposes.chain(["data"].into_iter().filter(allowed)).filter(|purpose| self.may_begin(purpose));
        let wish = Wish { purpose: purposes.next()?, level, account: refused.account, region: refused.region };
        self.generate(&wish, random)
    }

    /// Whether a word may stand in a name that is shown as a good one: nothing is wrong with it by itself.
    fn may_begin(&self, purpose: &str) -> bool {
        let short = (1..=16).contains(&purpose.len());
        let plain = purpose.bytes().all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit());
        let asked = Asked { name: purpose, ..Asked::default() };
        let rules = [
            super::Rule::AccountId,
            super::Rule::AccountLike,
            super::Rule::OwnWord,
            super::Rule::Telling,
            super::Rule::Environment,
            super::Rule::Tried,
        ];
        short && plain && !rules.into_iter().any(|rule| self.breaks(rule, &asked).is_some())
    }
}
