use super::*;

const ACCOUNT: &str = "111122223333";

/// A policy in the words of spec/naming.md 5.
fn settings() -> Settings {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Settings {
        mode: Mode::Enforce,
        levels: vec![("1".to_owned(), Level::Private), ("2".to_owned(), Level::Public)],
        org_words: words(&["acme", "acmecorp", "fairholt", "bit"]),
        domains: words(&["acme.example"]),
        ..Settings::default()
    }
}

fn naming() -> Naming {
    Naming::new(settings(), [ACCOUNT])
}

fn asked(name: &str) -> Asked<'_> {
    Asked { name, account: ACCOUNT, region: "eu-west-1", ..Asked::default() }
}

fn rules(naming: &Naming, asked: &Asked<'_>) -> Vec<&'static str> {
    naming.judge(asked).iter().map(|finding| finding.rule.id()).collect()
}

/// Octets that look drawn, and are the same every time.
fn drawn(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
}

#[test]
fn a_name_costs_whoever_guesses_what_its_cheapest_pieces_cost() {
    let naming = naming();
    for (name, millibits, shown) in [
        ("acme-backup", 7_500, "7.5"),
        ("acme-prod-logs-2026", 18_500, "18.5"),
        ("acmecorp-111122223333-cloudtrail", 18_000, "18"),
        ("4cme-backups", 8_500, "8.5"),
        ("data-1-abcdef", 14_322, "14.3"),
        ("data-1-k7f2m9", 33_388, "33.4"),
        ("data-1-hq7xkm", 36_144, "36.1"),
        ("data-1-bx7mr4kd9w", 52_188, "52.2"),
        ("logs-1-w4x9tq2mzk7h", 60_210, "60.2"),
        ("finance-payroll-eu-west-1", 16_000, "16"),
        ("marketing-site-assets", 16_000, "16"),
        ("20261123-export", 17_500, "17.5"),
        ("ledger-1-2f9c41d07ab3e658", 70_742, "70.7"),
        ("zeta-2-velorimano", 35_122, "35.1"),
        ("backup-9f3", 16_844, "16.8"),
        ("data-1-aaaaaa", 14_322, "14.3"),
        ("www.acme.example", 23_400, "23.4"),
        ("data-1-7c9e6679-7425-40de-944b-e07fc1f90ae7", 132_784, "132.8"),
        ("notes-1-x8qv5rk2", 48_788, "48.8"),
        ("acme-111122223333-eu-west-1-an", 27_900, "27.9"),
        ("", 0, "0"),
        ("2026-11-23-export", 17_500, "17.5"),
        ("202611-export", 14_500, "14.5"),
    ] {
        let found = naming.estimate(name);
        assert_eq!((found, in_bits(found).as_str()), (millibits, shown), "{name}");
    }
}

/// Two names that break a rule, two that nearly do.
#[test]
fn each_rule_finds_what_breaks_it_and_nothing_else() {
    let naming = naming();
    for (rule, broken, fine) in [
        ("N-01", ["xn--abc", "Data"], ["x--abc", "data"]),
        ("N-01", ["data-s3alias", "192.168.1.1"], ["s3alias-data", "192.168.1"]),
        ("N-01", ["japan-an", "data-111122223333-eu-west-1-an"], ["japan", "an-data"]),
        ("N-10", ["logs-111122223333", "x1111.2222-3333y"], ["logs-111122223334", "x11112222.33-33"]),
        ("N-11", ["logs-999988887777", "x999988887777y"], ["logs-99998888777", "x9999888877776"]),
        ("N-12", ["ac.m-e-x7", "x4cm3y"], ["acm-x-e", "ac-mx-e"]),
        ("N-12", ["my-bit-x", "fa1rh0lt"], ["orbital", "b1t-x"]),
        ("N-13", ["s3cr3t-x", "x.keys"], ["secretary", "keystone-x"]),
        ("N-14", ["x-prod", "qa.x"], ["product", "x-latest"]),
        ("N-15", ["x-eu-west-1", "us-gov-east-1.x"], ["x-eu-west", "xeu-west-1"]),
        ("N-15", ["x-us-east-1a", "use1-az4-x"], ["x-us-east-12", "use1-azure"]),
        ("N-16", ["x-2026", "x-2026-11-26"], ["x-2052", "2026-x"]),
        ("N-16", ["backup-9f3-1", "x-202613-07"], ["data-1-bx7mr4kd9w-1", "x-1234567"]),
        ("N-17", ["data-1-hq7xkm", "zeta-2-velorimano"], ["data-1-hq7xkmz", "data-1-bx7mr4kd9w"]),
        ("N-18", ["acme-backup", "backupbit"], ["acme-zq7", "bitsbackup"]),
        ("N-18", ["bit.dev-eu.2027", "bitdata99"], ["bit-dev-logging", "bit.dev-eu.2031"]),
        ("N-19", ["a.b-c", "data.x7"], ["a-b-c", "data-x7"]),
        ("N-25", ["www.acme.example", "acme.example"], ["acme.example.x", "xacme.example"]),
    ] {
        for name in broken {
            assert!(rules(&naming, &asked(name)).contains(&rule), "{rule} {name}: {:?}", rules(&naming, &asked(name)));
        }
        for name in fine {
            assert!(!rules(&naming, &asked(name)).contains(&rule), "{rule} {name}");
        }
    }
}

#[test]
fn what_is_chosen_as_a_purpose_tells_nothing() {
    let purposes = vec!["finance".to_owned()];
    let naming = Naming::new(Settings { purposes, ..settings() }, [ACCOUNT]);
    assert_eq!(rules(&naming, &asked("finance-1-bx7mr4kd9w")), [""; 0]);
    assert_eq!(rules(&naming, &asked("payroll-1-bx7mr4kd9w")), ["N-13"]);
}

#[test]
fn a_pattern_is_the_organisations_own_scheme() {
    let with = |pattern: &str| {
        let pattern = Some(Pattern::parse(pattern).unwrap());
        let purposes = vec!["data".to_owned(), "logs".to_owned()];
        Naming::new(Settings { pattern, purposes, ..settings() }, [ACCOUNT])
    };
    let naming = with("{purpose}-{level}-{random}");
    assert_eq!(rules(&naming, &asked("data-1-bx7mr4kd9w")), [""; 0]);
    for name in [
        "media-1-bx7mr4kd9w",
        "data-3-bx7mr4kd9w",
        "data-bx7mr4kd9w",
        "data-1-bxqmrzkdhw",
        "data-1-bx7mr4",
        "data-1-bx7mr4kd9w-x",
        "data-1-bx7m-r4kd9w",
    ] {
        assert!(rules(&naming, &asked(name)).contains(&"N-20"), "{name}");
    }
    let naming = with("x{random}.{purpose}");
    assert!(!rules(&naming, &asked("x7k2bm9rq.logs")).contains(&"N-20"));
    assert_eq!(naming.level("x7k2bm9rq.logs"), None);
    for bad in
        ["", "data", "{purpose}", "{random}{level}", "{random}-{random}", "{random}-{other}", "A{random}", "{random"]
    {
        assert!(Pattern::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn a_digit_that_contradicts_the_settings_is_found() {
    let naming = naming();
    let public = |name| Asked { is_public: true, ..asked(name) };
    assert_eq!(rules(&naming, &public("data-1-bx7mr4kd9w")), ["N-21"]);
    assert_eq!(rules(&naming, &asked("data-1-bx7mr4kd9w")), [""; 0]);
    assert_eq!(rules(&naming, &public("data-2-bx7mr4kd9w")), [""; 0]);
    assert_eq!(rules(&naming, &public("data-x-bx7mr4kd9w")), [""; 0]);
    let silent = Naming::new(Settings { levels: Vec::new(), ..settings() }, [ACCOUNT]);
    assert_eq!(rules(&silent, &public("data-1-bx7mr4kd9w")), [""; 0]);
}

#[test]
fn the_namespace_is_a_choice() {
    let with = |namespace| Naming::new(Settings { namespace, ..settings() }, [ACCOUNT]);
    let own = Asked { account_regional: true, ..asked("data-111122223333-eu-west-1-an") };
    let global = asked("data-1-bx7mr4kd9w");
    assert_eq!(rules(&with(Namespace::Unguessable), &own), ["N-22", "N-10", "N-17", "N-15"]);
    assert_eq!(rules(&with(Namespace::AccountRegional), &own), [""; 0]);
    assert_eq!(rules(&with(Namespace::AccountRegional), &global), ["N-22"]);
    for asked in [own, global] {
        assert_eq!(rules(&with(Namespace::Either), &asked), [""; 0]);
    }
    // The header and the form belong together.
    assert_eq!(
        rules(&with(Namespace::Either), &Asked { account_regional: false, ..own }),
        ["N-01", "N-10", "N-17", "N-15"]
    );
    assert_eq!(rules::regional(own.name), Some(("data", ACCOUNT, "eu-west-1")));
    assert_eq!(rules::regional("111122223333-eu-west-1-an"), None);
}

#[test]
fn names_that_are_nearly_the_same_are_told_apart_from_others() {
    for other in ["reprots", "reportss", "eports", "report"] {
        assert_eq!(is_confusable("reports", other), other != "reprots", "{other}");
    }
    assert!(is_confusable("re-ports", "reports") && is_confusable("a-b-c-d", "abcd"));
    assert!(!is_confusable("reports", "reports") && !is_confusable("", "ab") && is_confusable("a", ""));
}

#[test]
fn the_first_of_several_is_the_one_that_the_order_names() {
    let naming = Naming::new(Settings { pattern: Pattern::parse(USUAL_PATTERN), ..settings() }, [ACCOUNT]);
    let all = Asked {
        account_regional: true,
        is_retired: true,
        is_confusable: true,
        ..asked("acme.secret.prod.111122223333.eu-west-1.999988887777-7")
    };
    assert_eq!(
        rules(&naming, &all),
        ["N-01", "N-22", "N-23", "N-10", "N-12", "N-13", "N-19", "N-20", "N-11", "N-14", "N-15", "N-16", "N-24"]
    );
    let tried = Asked { is_public: true, ..asked("acme.private") };
    assert_eq!(rules(&naming, &tried), ["N-12", "N-13", "N-18", "N-19", "N-20", "N-17"]);
    let judged = naming.judge(&asked("data-1-k7f2m9"));
    assert_eq!(judged.last().unwrap().message, "The name can be guessed: about 33.4 bits, 40 needed.");
    assert_eq!(naming.judge(&asked("x-acme-y"))[0].at, 2..6);
}

#[test]
fn a_name_of_the_list_is_asked_for_nothing_but_syntax() {
    let allow = vec!["acme-secrets".to_owned(), "UPPER".to_owned()];
    let naming = Naming::new(Settings { allow, ..settings() }, [ACCOUNT]);
    assert_eq!(rules(&naming, &asked("acme-secrets")), [""; 0]);
    assert_eq!(rules(&naming, &asked("UPPER")), ["N-01"]);
    assert!(rules(&naming, &asked("acme-secret")).contains(&"N-12"));
}

#[test]
fn ten_thousand_generated_names_break_no_rule() {
    let mut random = drawn(7);
    let naming = naming();
    let with = |namespace| Naming::new(Settings { namespace, min_bits: 90, ..settings() }, [ACCOUNT]);
    let others = [with(Namespace::AccountRegional), with(Namespace::Either)];
    let wish = Wish { purpose: "data", level: "1", account: ACCOUNT, region: "eu-west-1" };
    for round in 0..10_000 {
        let name = naming.generate(&wish, &mut random).unwrap();
        assert_eq!(rules(&naming, &asked(&name)), [""; 0], "{name}");
        assert_eq!((name.len(), naming.level(&name)), (17, Some(Level::Private)), "{name}");
        if round % 1000 == 0 {
            let own = others[0].generate(&wish, &mut random).unwrap();
            let judged = rules(&others[0], &Asked { account_regional: true, ..asked(&own) });
            assert_eq!(judged, [""; 0], "{own}");
            let long = others[1].generate(&wish, &mut random).unwrap();
            assert!(others[1].estimate(&long) >= 90_000, "{long}");
        }
    }
    for purpose in ["acme", "secret", "Data", "a.b", ""] {
        assert_eq!(naming.generate(&Wish { purpose, ..wish }, &mut random), None, "{purpose}");
    }
    assert_eq!(naming.generate(&wish, &mut [7, 8].into_iter()), None, "too little to be unguessable");
}

#[test]
fn a_better_name_keeps_the_purpose_where_it_may() {
    let instead = |naming: &Naming, name| naming.instead_of(&asked(name), &mut drawn(9)).unwrap();
    let begins = |naming: &Naming, name, with| {
        let better = instead(naming, name);
        assert!(better.starts_with(with), "{name}: {better}");
    };
    let free = naming();
    begins(&free, "logs-archive", "logs-1-");
    begins(&free, "media-2-x", "media-2-");
    begins(&free, "acme-backup", "data-1-");
    begins(&free, "secret", "data-1-");
    begins(&free, "prod.logs", "data-1-");
    let purposes = vec!["logs".to_owned(), "media".to_owned()];
    let bound = Naming::new(Settings { purposes, ..settings() }, [ACCOUNT]);
    begins(&bound, "media", "media-1-");
    begins(&bound, "things", "logs-1-");
}

#[test]
fn ten_thousand_names_of_scanners_are_all_found() {
    let org_words = vec!["bit".to_owned()];
    let naming = Naming::new(Settings { org_words, ..settings() }, [ACCOUNT]);
    let (mut count, mut known) = (0, 0);
    for name in naming.tried() {
        if count % 120 == 0 {
            assert!(rules(&naming, &asked(&name)).contains(&"N-18"), "{name}");
        }
        known += usize::from(matches!(&*name, "bit" | "bit-dev.eu" | "data.bit1" | "bitprodeu2027"));
        count += 1;
    }
    assert!(count > 1_200_000 - 1 && known >= 4, "{count} {known}");
}

#[test]
fn a_further_word_of_the_organisation_never_makes_a_name_harder() {
    let mut random = drawn(11);
    let letters: Vec<char> = "abcdeimorst0134579-.".chars().collect();
    let mut text = |length: usize| -> String {
        random.by_ref().take(length).map(|octet| letters[usize::from(octet) % letters.len()]).collect()
    };
    let naming = naming();
    for round in 0..500 {
        let (name, word) = (text(5 + round % 30), text(2 + round % 5));
        let word = if round % 2 == 0 { word } else { name.get(1..4).unwrap().to_owned() };
        let mut more = settings();
        more.org_words.push(word.clone());
        let (before, after) = (naming.estimate(&name), Naming::new(more, []).estimate(&name));
        assert!(after <= before, "{name} {word}: {before} {after}");
    }
}

#[test]
fn no_name_costs_more_than_its_length_allows() {
    let naming = naming();
    for name in ["é".repeat(200), "-".repeat(4000), "a".repeat(100_000), "日本".to_owned()] {
        assert!(naming.estimate(&name) <= 255 * 4_700, "{}", name.len());
        let _nothing_breaks = naming.judge(&asked(&name));
    }
}
