//! Numbers that are good, and the same with a digit changed. All are invented, or the examples of those who give
//! them out.

use super::Check;

fn check(check: Check, good: &[&str], bad: &[&str]) {
    for (texts, expected) in [(good, true), (bad, false)] {
        for text in texts {
            assert_eq!(check.holds(text.as_bytes(), 2026, &[]), expected, "{check:?} {text}");
        }
    }
}

#[test]
fn cards_have_a_scheme_a_length_and_a_check_digit() {
    let good = ["4000009631338061", "5200829478199499", "2221000000000009", "2720990000000007", "378282246310005"];
    check(Check::Card, &good, &["4000009631338062", "2220990000000002", "2721000000000004", "1234567812345670"]);
    check(
        Check::Card,
        &["36000000000008", "30500000000003", "6011000000000004", "6500000000000002"],
        &["0000000000000000"],
    );
    check(Check::Card, &[], &["4444444444444448", "40000096313380", ""]);
    let excluded: [Box<[u8]>; 1] = [super::digits(b"4000009631338061").to_vec().into()];
    assert!(!Check::Card.holds(b"4000 0096 3133 8061", 2026, &excluded));
    check(
        Check::Track,
        &["%B4000009631338061^DOE/JANE^29011010000?", ";4000009631338061=29121010000?"],
        &["%B4000009631338061^DOE/JANE^29131010000?", ";4000009631338062=2901101?", ";4000009631338061=290110?"],
    );
    check(Check::Expiry, &["01/00", "12/2046", "09-28", "12-46"], &["13/28", "00/28", "01/2047", "12/1999", "01/47"]);
}

#[test]
fn accounts_have_check_digits() {
    check(
        Check::Iban,
        &["GB82WEST12345698765432", "DE89370400440532013000", "NO9386011117947", "GB82 WEST 1234 5698 7654 32"],
        &["GB83WEST12345698765432", "GB28WEST12345698765432", "DE00370400440532013000"],
    );
    check(Check::Aba, &["021000021", "011401533", "800000006"], &["021000022", "131000029", "990000004"]);
}

#[test]
fn tokens_are_what_they_seem() {
    check(
        Check::Secret,
        &["b8oYsfroDrsehrD50AlpcZRzAQYUFAB1hgxTrAsW"],
        &[
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "1da831a7fd419a1d7e420ffe8ff0a752eb1cac6d",
            "aB1aB1aB1aB1aB1aB1aB1aB1aB1aB1aB1aB1aB1a",
        ],
    );
    check(Check::Akid, &["AKIAHRGHMMVKJ6D7RX7C"], &["AKIAIOSFODNN7EXAMPLE", "AKIAAAAAAAAAAAAAAAAB"]);
    check(
        Check::Jwt,
        &["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."],
        &[
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.",
            "eyJ0eXAiOiJKV1QifQ.eyJzdWIiOiIxIn0.c2ln",
            "eyJhbGciOjF9.eyJzdWIiOiIxIn0.c2ln",
            "eyJhb.eyJzd.c2ln",
        ],
    );
    check(Check::Basic, &["dXNlcjpwYXNz", "YTpi"], &["dXNlcg==", "OnBhc3M=", "dXNlcjpwYXNzCg==", "dXNlcjpwYXN"]);
}

#[test]
fn dates_are_real_and_of_the_living() {
    check(
        Check::Dob,
        &[
            "1990-05-06",
            "2000-2-29",
            "2026/12/31",
            "31.12.1999",
            "12/31/1999",
            "6 May 1990",
            "feb 29, 2000",
            "1 September 1970",
        ],
        &[
            "1899-05-06",
            "2027-01-01",
            "1900-02-29",
            "2001-2-29",
            "31.13.1999",
            "31/31/1999",
            "31 June 1990",
            "Feb 30, 2000",
            "0 May 1990",
        ],
    );
}

#[test]
fn telephones_have_a_country_and_its_length() {
    check(
        Check::Phone,
        &[
            "+1 202 555 0184",
            "(202) 555-0184",
            "202.555.0184",
            "+44 20 7946 0958",
            "+49 30 901820",
            "+84 912 345 678",
            "+6561234567",
        ],
        &[
            "+1 202 115 0184",
            "(211) 555-0184",
            "(102) 555-0184",
            "+44 0207946095",
            "+7 495 123 45 67",
            "+1 222 222 2222",
            "+65612345678",
        ],
    );
}

#[test]
fn addresses_places_and_vehicles() {
    check(
        Check::Email,
        &["a@example.com", "a.b+c%d@sub-domain.example.org"],
        &[".a@example.com", "a.@example.com", "a..b@example.com", "a@-x.com", "a@x-.com", "logo@2x.png", "a@x.JSON"],
    );
    assert!(!Check::Email.holds(format!("{}@example.com", "a".repeat(65)).as_bytes(), 2026, &[]));
    check(
        Check::Latlon,
        &["48.1372, 11.5756", "-33.8688 +151.2093", "90.0000,-180.0000"],
        &["90.1000, 11.5756", "48.1372, 180.0001", "0.0000, 0.0000"],
    );
    check(Check::Vin, &["1M8GDM9AXKP042788", "5GZCZ43D13S812715"], &["1M8GDM9A0KP042788", "11111111111111112"]);
}

#[test]
fn numbers_of_nations_have_their_check_digits() {
    check(
        Check::Ssn,
        &["064-09-8688", "899-99-9999"],
        &[
            "000-12-3456",
            "666-12-3456",
            "900-12-3456",
            "123-00-4567",
            "123-45-0000",
            "123-45-6789",
            "078-05-1120",
            "219-09-9999",
            "111-11-1111",
        ],
    );
    check(
        Check::Itin,
        &["912-70-1234", "900-50-0000", "999-99-9999"],
        &["912-49-1234", "912-66-1234", "912-89-1234", "912-93-1234", "812-70-1234"],
    );
    check(
        Check::Nino,
        &["AB123456C", "ab 12 34 56 c"],
        &["DB123456C", "AO123456C", "BG123456C", "ZZ123456C", "AF123456C"],
    );
    check(Check::Nhs, &["943 476 5919", "4010232137"], &["943 476 5918", "1111111111"]);
    check(Check::Sin, &["130692544"], &["046454286", "830692544", "130692545", "111111111"]);
    check(Check::Cpf, &["529.982.247-25", "11144477735"], &["529.982.247-26", "11111111111"]);
    check(Check::Cnpj, &["11.222.333/0001-81", "12ABC34501DE35"], &["11.222.333/0001-82", "12ABC34501DE36"]);
    check(Check::Dni, &["12345678Z", "12.345.678-z"], &["12345678A"]);
    check(Check::Nie, &["X1234567L", "Y1234567X", "z-1234567-r"], &["X1234567A", "A1234567L"]);
    check(
        Check::Nir,
        &["2 55 08 14 168 025 38", "1 85 05 2A 006 084 35"],
        &["2 55 08 14 168 025 39", "1 85 05 2B 006 084 35", "2 55 13 14 168 025 38", "2 55 08 00 168 025 38"],
    );
    check(
        Check::Steuer,
        &["86095742719", "47036892816", "65929970489"],
        &["86095742718", "06095742719", "12345678903"],
    );
    check(Check::Cf, &["RSSMRA85T10A562S", "rssmra85t10a562s"], &["RSSMRA85T10A562T"]);
    check(Check::Aadhaar, &["2341 2341 2346"], &["2341 2341 2347", "1341 2341 2346"]);
    check(Check::Dea, &["AB1234563", "F91234563"], &["AB1234564"]);
    check(Check::Npi, &["1234567893", "1245319599"], &["1234567890"]);
    check(Check::Tfn, &["123 456 782", "876 543 210", "37118629"], &["123 456 783", "37118628"]);
    check(Check::Nric, &["S1234567D", "T1234567J", "F1234567N", "G1234567X"], &["S1234567E", "G1234567D"]);
    check(
        Check::Cccd,
        &["001090123456", "096326000001"],
        &["003090123456", "097090123456", "001490123456", "001227123456"],
    );
}
