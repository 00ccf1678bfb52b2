//! x
/// Which records.
#[derive(Clone, Debug)]
pub struct Selection(String);
impl Selection {
    /// Reads.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim_start().starts_with('[') { Ok(Self(text.to_owned())) } else { Err("it is no list".to_owned()) }
    }
}
