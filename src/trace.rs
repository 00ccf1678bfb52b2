//! W3C Trace Context: what a client says of the trace that its request belongs to, and what a store is told.
//!
//! Strict and bounded: a `traceparent` that is not exactly what the recommendation describes is as good as
//! none, and a `tracestate` that is not is left out. Nothing is decided by either: whoever comes without a
//! signature may write them. Random numbers are arguments; nothing is sent or kept here.

use std::fmt;

/// Octets of a `traceparent` of version 00.
const PARENT: usize = 55;
/// The most octets of a `traceparent` of a version to come.
const LONGEST_PARENT: usize = 256;
/// The most octets of `tracestate`, its lines together.
const LONGEST_STATE: usize = 512;
/// The most members of `tracestate`.
const MOST_MEMBERS: usize = 32;
/// The most octets of a member's value.
const LONGEST_VALUE: usize = 256;
/// The flag that says that somebody records the trace.
const SAMPLED: u8 = 1;

/// The id of a trace: 16 octets, not all zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TraceId([u8; 16]);

/// The id of a span: 8 octets, not all zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SpanId([u8; 8]);

/// The trace that a request belongs to, and its own span in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trace {
    /// The trace.
    pub id: TraceId,
    /// The span of the request here: the parent of whatever the store does.
    pub span: SpanId,
    /// The span of whoever asks, if it said so.
    pub parent: Option<SpanId>,
    /// Whether somebody records the trace.
    pub sampled: bool,
    /// What travels along unread: at most 512 octets of printable ASCII.
    pub state: Option<String>,
}

/// What a client says of a trace.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// Something that cannot be used.
    Nonsense,
    /// This.
    Parent {
        /// The trace.
        id: TraceId,
        /// The client's span.
        parent: SpanId,
        /// Whether somebody records the trace.
        sampled: bool,
        /// What travels along unread.
        state: Option<String>,
    },
}

/// How much of all traces is exported, from none (0) to all (1). Taken by the trace's id, so that services
/// with the same part take the same traces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio(f64);

/// What is done with traces.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rules {
    /// Whether what clients say is taken in and handed on.
    pub propagate: bool,
    /// How much is exported, if anything is.
    pub export: Option<Ratio>,
}

impl Rules {
    /// The trace of a request: the client's, or one of its own where spans are exported or the client has said
    /// something that cannot be used. Where nobody traces there is none. `random` is drawn only for a trace.
    pub fn trace(self, said: impl FnOnce() -> Said, random: impl FnOnce() -> [u8; 24]) -> Option<Trace> {
        let said = if self.propagate { said() } else { Said::Nothing };
        if said == Said::Nothing && self.export.is_none() {
            return None;
        }
        let random = random();
        let (id, span) = random.split_at(16);
        let (id, span) = (TraceId::new(id.try_into().ok()?), SpanId::new(span.try_into().ok()?));
        Some(match said {
            Said::Parent { id, parent, sampled, state } => {
                Trace { id, span: span?, parent: Some(parent), sampled, state }
            }
            Said::Nothing | Said::Nonsense => {
                let id = id?;
                let sampled = self.export.is_some_and(|ratio| ratio.takes(id));
                Trace { id, span: span?, parent: None, sampled, state: None }
            }
        })
    }

    /// Whether the span of a request is exported: somebody records the trace, and it is in the part that is.
    pub fn exports(self, trace: &Trace) -> bool {
        trace.sampled && self.export.is_some_and(|ratio| ratio.takes(trace.id))
    }
}

impl Ratio {
    /// A part between 0 and 1.
    pub fn new(part: f64) -> Option<Self> {
        (0.0..=1.0).contains(&part).then_some(Self(part))
    }

    /// Whether a trace is in it.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are taken, which a float holds exactly")]
    fn takes(self, id: TraceId) -> bool {
        let [.., a, b, c, d, e, f, g, h] = id.0;
        let place = u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 11;
        (place as f64) < self.0 * (1_u64 << 53) as f64
    }
}

impl Said {
    /// Reads what the lines `traceparent` and `tracestate` say, each in the order received.
    pub fn read<'h>(mut parents: impl Iterator<Item = &'h [u8]>, states: impl Iterator<Item = &'h [u8]>) -> Self {
        let (first, second) = (parents.next(), parents.next());
        let Some(first) = first else { return Self::Nothing };
        match (parent(first), second) {
            (Some((id, parent, sampled)), None) => Self::Parent { id, parent, sampled, state: state(states) },
            _ => Self::Nonsense,
        }
    }
}

/// Reads a `traceparent`. Of a version to come only the fields that this one has.
fn parent(text: &[u8]) -> Option<(TraceId, SpanId, bool)> {
    let (head, rest) = text.split_at_checked(PARENT)?;
    let &[v, ersion, b'-', ref fields @ ..] = head else { return None };
    let [version] = octets::<1>(&[v, ersion])?;
    let goes_on = rest.first() == Some(&b'-') && text.len() <= LONGEST_PARENT;
    match version {
        0xFF => return None,
        0 if !rest.is_empty() => return None,
        _ if !rest.is_empty() && !goes_on => return None,
        _ => {}
    }
    let (id, rest) = fields.split_at_checked(32)?;
    let (parent, flags) = rest.strip_prefix(b"-")?.split_at_checked(16)?;
    let [flags] = octets::<1>(flags.strip_prefix(b"-")?)?;
    Some((TraceId::new(octets(id)?)?, SpanId::new(octets(parent)?)?, flags & SAMPLED != 0))
}

/// Octets from lower-case hexadecimal digits, which is all that is allowed.
fn octets<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |octet: u8| match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    if pairs.len() != N {
        return None;
    }
    let mut out = [0; N];
    for (place, [high, low]) in out.iter_mut().zip(pairs) {
        *place = digit(*high)? << 4 | digit(*low)?;
    }
    Some(out)
}

/// Reads `tracestate`; none where any of it is not as described.
fn state<'h>(lines: impl Iterator<Item = &'h [u8]>) -> Option<String> {
    let mut all = String::new();
    let mut keys: Vec<&[u8]> = Vec::new();
    for line in lines {
        for member in line.split(|octet| *octet == b',') {
            let member = trim(member);
            if member.is_empty() {
                continue;
            }
            let equals = memchr::memchr(b'=', member)?;
            let (key, value) = (member.get(..equals)?, member.get(equals + 1..)?);
            if !is_key(key) || !is_value(value) || keys.contains(&key) || keys.len() == MOST_MEMBERS {
                return None;
            }
            keys.push(key);
            if !all.is_empty() {
                all.push(',');
            }
            all.push_str(std::str::from_utf8(member).ok()?);
            if all.len() > LONGEST_STATE {
                return None;
            }
        }
    }
    (!all.is_empty()).then_some(all)
}

fn trim(member: &[u8]) -> &[u8] {
    let is_space = |octet: &u8| matches!(octet, b' ' | b'\t');
    let from = member.iter().position(|octet| !is_space(octet)).unwrap_or(member.len());
    let to = member.iter().rposition(|octet| !is_space(octet)).map_or(from, |at| at + 1);
    member.get(from..to).unwrap_or_default()
}

/// `key`, or `tenant@system`.
fn is_key(key: &[u8]) -> bool {
    let of = |text: &[u8], longest: usize, digit_first: bool| {
        let first = text.first().is_some_and(|o| o.is_ascii_lowercase() || digit_first && o.is_ascii_digit());
        let fits = |o: &u8| o.is_ascii_lowercase() || o.is_ascii_digit() || matches!(o, b'_' | b'-' | b'*' | b'/');
        first && text.len() <= longest && text.iter().all(fits)
    };
    match memchr::memchr(b'@', key) {
        None => of(key, 256, true),
        Some(at) => {
            of(key.get(..at).unwrap_or_default(), 241, true) && of(key.get(at + 1..).unwrap_or_default(), 14, false)
        }
    }
}

fn is_value(value: &[u8]) -> bool {
    let fits = |o: &u8| matches!(o, 0x20..=0x7E) && !matches!(o, b',' | b'=');
    (1..=LONGEST_VALUE).contains(&value.len()) && value.iter().all(fits)
}

impl Trace {
    /// The `traceparent` for whoever is asked next: with this span as the parent.
    pub fn to_parent(&self) -> String {
        format!("00-{}-{}-0{}", self.id, self.span, u8::from(self.sampled))
    }
}

impl TraceId {
    fn new(octets: [u8; 16]) -> Option<Self> {
        (octets != [0; 16]).then_some(Self(octets))
    }

    /// As 32 digits.
    pub fn digits(self) -> [u8; 32] {
        digits(self.0)
    }
}

impl SpanId {
    fn new(octets: [u8; 8]) -> Option<Self> {
        (octets != [0; 8]).then_some(Self(octets))
    }

    /// As 16 digits.
    pub fn digits(self) -> [u8; 16] {
        digits(self.0)
    }
}

/// Octets as lower-case hexadecimal digits, twice as many.
fn digits<const N: usize, const M: usize>(octets: [u8; N]) -> [u8; M] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
    let mut out = [b'0'; M];
    for ([high, low], octet) in out.as_chunks_mut::<2>().0.iter_mut().zip(octets) {
        (*high, *low) = (digit(octet >> 4), digit(octet & 15));
    }
    out
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const ALL: Rules = Rules { propagate: true, export: None };

    fn said(parents: &[&str], states: &[&str]) -> Said {
        Said::read(parents.iter().map(|text| text.as_bytes()), states.iter().map(|text| text.as_bytes()))
    }

    fn state_of(states: &[&str]) -> Option<String> {
        match said(&[GOOD], states) {
            Said::Parent { state, .. } => state,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_trace_goes_on_under_a_span_of_its_own() {
        let trace = ALL.trace(|| said(&[GOOD], &["vendor=a"]), || [7; 24]).unwrap();
        assert_eq!(trace.id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(trace.parent.unwrap().to_string(), "00f067aa0ba902b7");
        assert_eq!(trace.to_parent(), "00-4bf92f3577b34da6a3ce929d0e0e4736-0707070707070707-01");
        assert_eq!(trace.state.as_deref(), Some("vendor=a"));
    }

    #[test]
    fn what_is_not_exactly_a_traceparent_is_as_good_as_none() {
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\n",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
        ] {
            assert_eq!(said(&[bad], &["vendor=a"]), Said::Nonsense, "{bad:?}");
        }
        assert_eq!(said(&[GOOD, GOOD], &[]), Said::Nonsense, "two of them");
        assert_eq!(said(&[], &["vendor=a"]), Said::Nothing);
        let long = format!("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-{}", "x".repeat(1000));
        assert_eq!(said(&[&long], &[]), Said::Nonsense);
    }

    #[test]
    fn a_version_to_come_is_read_as_far_as_this_one_knows_it() {
        for good in ["cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-09", &GOOD.replacen("00", "01", 1)] {
            for good in [good.to_owned(), format!("{good}-what-ever")] {
                assert!(matches!(said(&[&good], &[]), Said::Parent { sampled: true, .. }), "{good}");
            }
        }
    }

    #[test]
    fn a_tracestate_travels_on_only_if_all_of_it_can_be_read() {
        assert_eq!(state_of(&["a=1 , b=2", "", "c@d=3"]).as_deref(), Some("a=1,b=2,c@d=3"));
        assert_eq!(state_of(&["0a_-*/=! ~"]).as_deref(), Some("0a_-*/=! ~"));
        let many: Vec<String> = (0..33).map(|n| format!("a{n}=1")).collect();
        assert!(state_of(&[&many[..32].join(",")]).is_some());
        let long = format!("a={}", "x".repeat(257));
        let longer = [format!("a={}", "x".repeat(250)), format!("b={}", "x".repeat(250)), "c=1234567".to_owned()];
        for bad in [
            "a",
            "=1",
            "a=",
            "A=1",
            "a=1,a=2",
            "a=1=2",
            "a=\u{1}",
            "a=ü",
            "a b=1",
            "@a=1",
            "a@=1",
            "a@0=1",
            "a@b@c=1",
            "a@abcdefghijklmno=1",
            &long,
            &longer.join(","),
            &many.join(","),
        ] {
            assert_eq!(state_of(&[bad]), None, "{bad}");
        }
        assert_eq!(state_of(&[]), None);
    }

    #[test]
    fn where_nobody_traces_there_is_no_trace() {
        let none = || -> [u8; 24] { panic!("nothing is drawn") };
        assert_eq!(ALL.trace(|| Said::Nothing, none), None);
        assert_eq!(Rules::default().trace(|| said(&[GOOD], &[]), none), None);
        let fresh = ALL.trace(|| Said::Nonsense, || [7; 24]).unwrap();
        assert_eq!((fresh.parent, fresh.sampled), (None, false));
    }

    #[test]
    fn so_much_is_exported_as_is_said_and_nothing_that_the_client_does_not_record() {
        let rules = |part| Rules { propagate: true, export: Ratio::new(part) };
        let of = |rules: Rules, seed: u8| {
            let mut random = [1; 24];
            random[8] = seed;
            rules.trace(|| Said::Nothing, || random).unwrap()
        };
        for (part, expected) in [(0.0, 0), (0.25, 64), (1.0, 256)] {
            let taken = (0..=255).filter(|seed| rules(part).exports(&of(rules(part), *seed))).count();
            assert_eq!(taken, expected, "{part}");
        }
        let quiet = rules(1.0).trace(|| said(&[&GOOD.replace("-01", "-00")], &[]), || [7; 24]).unwrap();
        assert!(!rules(1.0).exports(&quiet));
        for bad in [-0.1, 1.1, f64::NAN] {
            assert_eq!(Ratio::new(bad), None);
        }
    }

    proptest! {
        #[test]
        fn any_octets_make_a_trace_that_is_its_own_reading_or_none(
            parent in prop_oneof![Just(GOOD.to_owned()), "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", "\\PC{0,60}"],
            state in prop_oneof!["[a-z]{1,3}=[ -~]{0,20}(,[a-z]{1,3}=[ -~]{0,5}){0,3}", "\\PC{0,600}"],
        ) {
            if let Some(trace) = ALL.trace(|| said(&[&parent], &[&state]), || [7; 24]) && trace.parent.is_some() {
                let told = said(&[&trace.to_parent()], &[trace.state.as_deref().unwrap_or_default()]);
                let expected = Said::Parent { id: trace.id, parent: trace.span, sampled: trace.sampled, state: trace.state };
                prop_assert_eq!(told, expected);
            }
        }
    }
}
