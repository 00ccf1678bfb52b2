use std::sync::Arc;

use rcgen::{BasicConstraints, DnType, IsCa, Issuer, KeyUsagePurpose, SignatureAlgorithm};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};

use super::super::{self as certs, ensure};
use super::*;

const NOW: Seconds = Seconds(1_795_500_000);
const LATER: Seconds = Seconds(NOW.0 + 200 * 86_400);

fn made() -> (tempfile::TempDir, Files) {
    let dir = tempfile::tempdir().unwrap();
    ensure(dir.path(), NOW).unwrap();
    let files = Files::within(dir.path());
    (dir, files)
}

fn said(path: &Path) -> About {
    about(&chain(path).unwrap()[0]).unwrap()
}

#[test]
fn a_new_certificate_has_the_names_of_the_old_another_key_and_the_same_ca() {
    let (dir, files) = made();
    let (before, key) = (said(&files.certificate), std::fs::read(&files.key).unwrap());
    let after = renew(&files.certificate, &files.key, None, LATER).unwrap().about;
    assert_eq!((&after.names, &after.issuer), (&before.names, &before.issuer));
    assert!(after.not_after > before.not_after && after.fingerprint != before.fingerprint);
    assert_eq!(after, said(&files.certificate));
    assert!(std::fs::read(&files.key).unwrap() != key);
    assert!(load(&files.certificate, &files.key).is_ok());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&files.key), mode(&files.certificate)), (0o600, 0o644));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 4, "nothing else is left there");
}

#[test]
fn without_the_key_of_the_ca_nothing_is_touched() {
    let (_dir, files) = made();
    std::fs::remove_file(&files.authority_key).unwrap();
    let before = std::fs::read(&files.certificate).unwrap();
    let fault = renew(&files.certificate, &files.key, None, LATER).unwrap_err();
    assert!(matches!(fault, RenewFault::Foreign(..)) && fault.to_string().contains("ca.key`"), "{fault}");
    assert_eq!(std::fs::read(&files.certificate).unwrap(), before);
}

#[test]
fn a_certificate_of_another_issuer_is_left_alone_unless_its_ca_is_named() {
    let ((_ours, ours), (_others, others)) = (made(), made());
    for (from, to) in [(&others.certificate, &ours.certificate), (&others.key, &ours.key)] {
        std::fs::copy(from, to).unwrap();
    }
    let fault = renew(&ours.certificate, &ours.key, None, LATER).unwrap_err();
    assert!(fault.to_string().contains("and its issuer is `CN=Bartizan local CA "), "{fault}");
    let mint = Some((others.authority.as_path(), others.authority_key.as_path()));
    assert_eq!(renew(&ours.certificate, &ours.key, mint, LATER).unwrap().about.issuer, said(&others.authority).subject);
}

#[test]
fn a_ca_that_has_ended_makes_no_certificates() {
    let (_dir, files) = made();
    let fault = renew(&files.certificate, &files.key, None, Seconds(NOW.0 + 4000 * 86_400)).unwrap_err();
    assert!(matches!(fault, RenewFault::Ended(..)), "{fault}");
}

#[test]
fn what_a_crash_left_between_the_two_files_is_put_right() {
    let (_dir, files) = made();
    std::fs::write(&files.key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert!(load(&files.certificate, &files.key).is_err());
    renew(&files.certificate, &files.key, None, LATER).unwrap();
    assert!(load(&files.certificate, &files.key).is_ok());
}

#[test]
fn a_link_stays_and_what_it_names_is_replaced() {
    let (dir, files) = made();
    let real = dir.path().join("real.pem");
    std::fs::rename(&files.certificate, &real).unwrap();
    std::os::unix::fs::symlink("real.pem", &files.certificate).unwrap();
    let after = renew(&files.certificate, &files.key, None, LATER).unwrap().about;
    assert!(files.certificate.is_symlink());
    assert_eq!(said(&real), after);
}

/// What a CA of these tests says, which all have one name as those of `certs/make.sh` do.
fn authority_params(days: i64, path_length: u8) -> CertificateParams {
    let mut params = certs::params(NOW, days, "Bartizan private CA").unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Bartizan private CA {path_length}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

/// A folder with a CA of so many days, and a certificate under it.
fn site(
    kind: &'static SignatureAlgorithm,
    days: i64,
    change: impl Fn(&mut CertificateParams),
) -> (tempfile::TempDir, Files) {
    let dir = tempfile::tempdir().unwrap();
    let files = Files::within(dir.path());
    let (ca_key, key) = (KeyPair::generate_for(kind).unwrap(), KeyPair::generate().unwrap());
    let mut ca = authority_params(days, 0);
    change(&mut ca);
    std::fs::write(&files.authority, ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    std::fs::write(&files.authority_key, ca_key.serialize_pem()).unwrap();
    let mut leaf = leaf(NOW, "files.example.com", &["files.example.com"]).unwrap();
    // Some CAs leave it away.
    leaf.use_authority_key_identifier_extension = !ca.key_usages.contains(&KeyUsagePurpose::CrlSign);
    let issuer = Issuer::from_params(&ca, &ca_key);
    std::fs::write(&files.certificate, leaf.signed_by(&key, &issuer).unwrap().pem()).unwrap();
    certs::put(&files.key, 0o600, &key.serialize_pem()).unwrap();
    (dir, files)
}

/// Everything in a folder.
fn all(dir: &tempfile::TempDir) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = entries.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    all.sort();
    all
}

/// What a client says to a chain that trusts the one certificate.
fn verified(chain: &[CertificateDer<'_>], trusted: &CertificateDer<'_>, name: &str) -> Result<(), rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone().into_owned()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(LATER.0 as u64));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], now).map(drop)
}

#[test]
fn a_new_certificate_of_an_intermediate_ca_keeps_the_rest_of_its_chain() {
    let (dir, files) = site(&rcgen::PKCS_ECDSA_P256_SHA256, 3000, |_| {});
    // The CA there gets a root above it, and what it has issued is served with it.
    let (root_key, root) = (KeyPair::generate().unwrap(), authority_params(3000, 1));
    let root_certificate = root.self_signed(&root_key).unwrap();
    let ca_key = KeyPair::from_pem(&std::fs::read_to_string(&files.authority_key).unwrap()).unwrap();
    let ca = authority_params(3000, 0).signed_by(&ca_key, &Issuer::from_params(&root, &root_key)).unwrap();
    std::fs::write(&files.authority, ca.pem()).unwrap();
    let served = std::fs::read_to_string(&files.certificate).unwrap();
    std::fs::write(&files.certificate, format!("{served}{}", ca.pem())).unwrap();
    verified(&chain(&files.certificate).unwrap(), root_certificate.der(), "files.example.com").unwrap();

    let after = renew(&files.certificate, &files.key, None, LATER).unwrap().about;
    let chain = chain(&files.certificate).unwrap();
    assert_eq!((chain.len(), &chain[1], about(&chain[0]).unwrap()), (2, ca.der(), after));
    verified(&chain, root_certificate.der(), "files.example.com").unwrap();
    verified(&chain[..1], root_certificate.der(), "files.example.com").unwrap_err();
    assert!(load(&files.certificate, &files.key).is_ok());
    drop(dir);
}

#[test]
fn another_ca_of_the_same_name_is_not_taken_and_nothing_is_written() {
    // With the identifier of its key on the certificate, and without.
    for usages in [vec![KeyUsagePurpose::KeyCertSign], vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign]] {
        let make = || site(&rcgen::PKCS_ECDSA_P256_SHA256, 3000, |ca| ca.key_usages.clone_from(&usages));
        let ((dir, files), (_other, others)) = (make(), make());
        std::fs::copy(&others.authority, &files.authority).unwrap();
        std::fs::copy(&others.authority_key, &files.authority_key).unwrap();
        let before = all(&dir);
        let fault = renew(&files.certificate, &files.key, None, LATER).unwrap_err();
        assert!(matches!(fault, RenewFault::Foreign(..)), "{fault}");
        assert!(fault.to_string().contains("has the name of its issuer, and another key"), "{fault}");
        assert!(fault.help().contains("put it beside"), "{}", fault.help());
        assert_eq!(all(&dir), before);
    }
}

#[test]
fn a_ca_that_gives_its_key_another_identifier_is_not_taken() {
    let (_dir, files) = site(&rcgen::PKCS_ECDSA_P256_SHA256, 3000, |_| {});
    // The right key, and so the right signature.
    let ca_key = KeyPair::from_pem(&std::fs::read_to_string(&files.authority_key).unwrap()).unwrap();
    let mut ca = authority_params(3000, 0);
    ca.key_identifier_method = rcgen::KeyIdMethod::PreSpecified(vec![7; 20]);
    std::fs::write(&files.authority, ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    let fault = renew(&files.certificate, &files.key, None, LATER).unwrap_err();
    assert!(fault.to_string().contains("did not issue it"), "{fault}");
}

#[test]
fn a_ca_of_each_kind_of_key_is_known_by_its_signature() {
    for kind in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let (_dir, files) = site(kind, 3000, |_| {});
        renew(&files.certificate, &files.key, None, LATER).unwrap();
        let trusted = chain(&files.authority).unwrap().remove(0);
        verified(&chain(&files.certificate).unwrap(), &trusted, "files.example.com").unwrap();
    }
}

#[test]
fn a_new_certificate_does_not_outlive_its_ca_and_it_is_said_when_that_ends_soon() {
    for (days, warned) in [(229, true), (231, true), (300, false)] {
        let (_dir, files) = site(&rcgen::PKCS_ECDSA_P256_SHA256, days, |ca| {
            ca.not_after += Duration::from_secs(3 * 3600 + 7);
        });
        let renewed = renew(&files.certificate, &files.key, None, LATER).unwrap();
        assert_eq!((renewed.capped, renewed.about.not_after), (true, said(&files.authority).not_after));
        let notes = renewed.notes.to_string();
        assert_eq!(notes.contains("the CA ends in"), warned, "{days}: {notes}");
        assert!(!renewed.notes.has_errors());
    }
    let (_dir, files) = site(&rcgen::PKCS_ECDSA_P256_SHA256, 700, |_| {});
    let renewed = renew(&files.certificate, &files.key, None, LATER).unwrap();
    assert!(!renewed.capped && renewed.notes.is_empty());
}

#[test]
fn a_key_keeps_its_permissions_and_what_is_taken_from_everybody_is_said() {
    for (before, after, said) in [(0o640, 0o640, false), (0o600, 0o600, false), (0o644, 0o640, true)] {
        let (_dir, files) = made();
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(before)).unwrap();
        let notes = renew(&files.certificate, &files.key, None, LATER).unwrap().notes.to_string();
        assert_eq!(std::fs::metadata(&files.key).unwrap().permissions().mode() & 0o777, after, "{before:o}");
        assert_eq!(notes.contains("the old key had mode 0644, the new one has 0640"), said, "{notes}");
    }
}

#[test]
fn a_certificate_in_one_file_with_its_key_is_left_as_it_is() {
    let (dir, files) = made();
    let both = std::fs::read_to_string(&files.certificate).unwrap() + &std::fs::read_to_string(&files.key).unwrap();
    std::fs::write(&files.certificate, both).unwrap();
    let before = all(&dir);
    let fault = renew(&files.certificate, &files.certificate, None, LATER).unwrap_err();
    assert!(matches!(fault, RenewFault::Shared(..)), "{fault}");
    assert_eq!(all(&dir), before);
}

#[test]
fn the_key_of_a_ca_is_not_replaced_by_that_of_a_server() {
    let (dir, files) = made();
    std::fs::copy(&files.authority_key, &files.key).unwrap();
    let before = all(&dir);
    let fault = renew(&files.certificate, &files.authority_key, None, LATER).unwrap_err();
    assert!(matches!(fault, RenewFault::Shared(..)) && fault.to_string().contains("would be lost"), "{fault}");
    assert_eq!(all(&dir), before);
}

#[test]
fn a_failure_leaves_the_old_pair_in_place() {
    let (dir, files) = made();
    // The older certificate cannot be kept aside here.
    let blocked = dir.path().join(".server.pem.old");
    std::fs::create_dir(&blocked).unwrap();
    let before = [&files.certificate, &files.key].map(|path| std::fs::read(path).unwrap());
    let fault = renew(&files.certificate, &files.key, None, LATER).unwrap_err();
    assert!(matches!(fault, RenewFault::File(..)) && fault.nothing_changed(), "{fault}");
    assert_eq!([&files.certificate, &files.key].map(|path| std::fs::read(path).unwrap()), before);
    assert!(load(&files.certificate, &files.key).is_ok());
}

#[test]
fn a_pair_that_could_not_be_put_back_is_not_called_unchanged() {
    let path = |name: &str| PathBuf::from(name);
    let fault = || std::io::Error::from(std::io::ErrorKind::ReadOnlyFilesystem).into();
    let torn = Unplaced {
        path: path("server.pem"),
        fault: fault(),
        aside: vec![(path("server.key"), path(".server.key.old"))],
    };
    let torn = RenewFault::from(torn);
    assert!(!torn.nothing_changed() && torn.to_string().ends_with("`server.key` is now `.server.key.old`"), "{torn}");
    let whole = RenewFault::from(Unplaced { path: path("server.pem"), fault: fault(), aside: Vec::new() });
    assert!(whole.nothing_changed(), "{whole}");
}
