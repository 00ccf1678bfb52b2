//! What a number or a token must be beside its form: check digits, ranges, dates (spec/detection.md 9.3).

mod cards;
mod nations;
mod people;
#[cfg(test)]
mod tests;
mod tokens;

use smallvec::SmallVec;

/// The check of a detector.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Check {
    Aadhaar,
    Aba,
    Akid,
    Basic,
    Card,
    Cccd,
    Cf,
    Cnpj,
    Cpf,
    Dea,
    Dni,
    Dob,
    Email,
    Expiry,
    Iban,
    Itin,
    Jwt,
    Latlon,
    Nhs,
    Nie,
    Nino,
    Nir,
    None,
    Npi,
    Nric,
    Phone,
    Secret,
    Sin,
    Ssn,
    Steuer,
    Tfn,
    Track,
    Vin,
}

impl Check {
    /// By the name in the table.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "aadhaar" => Self::Aadhaar,
            "aba" => Self::Aba,
            "akid" => Self::Akid,
            "basic" => Self::Basic,
            "card" => Self::Card,
            "cccd" => Self::Cccd,
            "cf" => Self::Cf,
            "cnpj" => Self::Cnpj,
            "cpf" => Self::Cpf,
            "dea" => Self::Dea,
            "dni" => Self::Dni,
            "dob" => Self::Dob,
            "email" => Self::Email,
            "expiry" => Self::Expiry,
            "iban" => Self::Iban,
            "itin" => Self::Itin,
            "jwt" => Self::Jwt,
            "latlon" => Self::Latlon,
            "nhs" => Self::Nhs,
            "nie" => Self::Nie,
            "nino" => Self::Nino,
            "nir" => Self::Nir,
            "none" => Self::None,
            "npi" => Self::Npi,
            "nric" => Self::Nric,
            "phone" => Self::Phone,
            "secret" => Self::Secret,
            "sin" => Self::Sin,
            "ssn" => Self::Ssn,
            "steuer" => Self::Steuer,
            "tfn" => Self::Tfn,
            "track" => Self::Track,
            "vin" => Self::Vin,
            _ => return None,
        })
    }

    /// Whether what has the form is one; `year` is the present one.
    pub(super) fn holds(self, text: &[u8], year: u16, excluded: &[Box<[u8]>]) -> bool {
        let bare = bare(text);
        match self {
            Self::None => true,
            Self::Card => cards::card(&digits(&bare), excluded),
            Self::Track => cards::track(text, excluded),
            Self::Expiry => cards::expiry(text, year),
            Self::Iban => cards::iban(&bare),
            Self::Aba => cards::aba(&digits(&bare)),
            Self::Akid => tokens::access_key_id(text),
            Self::Basic => tokens::basic(text),
            Self::Jwt => tokens::json_web_token(text),
            Self::Secret => tokens::secret(text),
            Self::Email => people::email(text),
            Self::Dob => people::date_of_birth(text, year),
            Self::Latlon => people::place(text),
            Self::Phone => people::phone(text),
            Self::Vin => people::vehicle(&bare),
            Self::Aadhaar => nations::aadhaar(&digits(&bare)),
            Self::Cccd => nations::cccd(&digits(&bare), year),
            Self::Cf => nations::codice_fiscale(&bare),
            Self::Cnpj => nations::cnpj(&bare),
            Self::Cpf => nations::cpf(&digits(&bare)),
            Self::Dea => nations::dea(&digits(&bare)),
            Self::Dni => nations::dni(&bare),
            Self::Itin => nations::itin(&digits(&bare)),
            Self::Nhs => nations::nhs(&digits(&bare)),
            Self::Nie => nations::nie(&bare),
            Self::Nino => nations::nino(&bare),
            Self::Nir => nations::nir(&bare),
            Self::Npi => nations::npi(&digits(&bare)),
            Self::Nric => nations::nric(&bare),
            Self::Sin => nations::sin(&digits(&bare)),
            Self::Ssn => nations::ssn(&digits(&bare)),
            Self::Steuer => nations::steuer(&digits(&bare)),
            Self::Tfn => nations::tfn(&digits(&bare)),
        }
    }
}

type Octets = SmallVec<[u8; 64]>;

/// Without blanks and separators, in capitals.
fn bare(text: &[u8]) -> Octets {
    let kept = text.iter().filter(|octet| !matches!(octet, b' ' | b'.' | b'-' | b'/'));
    kept.map(u8::to_ascii_uppercase).collect()
}

/// The values of the digits.
pub(super) fn digits(text: &[u8]) -> Octets {
    text.iter().filter(|octet| octet.is_ascii_digit()).map(|digit| digit - b'0').collect()
}

/// The number that digits spell; nothing that is checked has more than 18.
fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0_u64, |sum, digit| sum.wrapping_mul(10).wrapping_add(u64::from(*digit)))
}

fn all_equal(values: &[u8]) -> bool {
    values.windows(2).all(|pair| matches!(pair, [one, other] if one == other))
}

/// How many different values there are.
fn kinds(values: &[u8]) -> usize {
    let mut seen = [false; 256];
    values.iter().for_each(|value| {
        if let Some(place) = seen.get_mut(usize::from(*value)) {
            *place = true;
        }
    });
    seen.iter().filter(|seen| **seen).count()
}

/// The sum of the digits, every second one from the right but one doubled, is a multiple of ten.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let doubled = u32::from(*digit) * if at % 2 == 1 { 2 } else { 1 };
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The sum of digits times weights.
fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}
