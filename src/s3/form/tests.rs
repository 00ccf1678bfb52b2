use super::*;

fn boundary_of(kind: &str) -> Option<String> {
    let lines: &[(&[u8], &[u8])] = &[(b"Content-Type", kind.as_bytes())];
    let head = Head { method: b"POST", target: b"/b", lines, authority: None };
    boundary(&head).ok().map(str::to_owned)
}

#[test]
fn a_boundary_is_read_in_its_legal_spellings() {
    for (kind, expected) in [
        ("multipart/form-data; boundary=abc", "abc"),
        ("multipart/form-data;boundary=abc", "abc"),
        ("Multipart/Form-Data; charset=utf-8; Boundary=\"a b:c\"", "a b:c"),
        ("multipart/form-data; boundary=--abc--", "--abc--"),
        (
            "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
            "----WebKitFormBoundary7MA4YWxkTrZu0gW",
        ),
    ] {
        assert_eq!(boundary_of(kind).as_deref(), Some(expected), "{kind}");
    }
}

#[test]
fn a_boundary_that_could_be_another_is_refused() {
    let long = format!("multipart/form-data; boundary={}", "a".repeat(71));
    for kind in [
        "multipart/form-data",
        "multipart/form-data;",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=\"a\r\nb\"",
        "multipart/form-data; boundary=\"a\\\"b\"",
        "multipart/form-data; boundary=\"a ",
        "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=\"a\"b",
        "multipart/form-data; boundary=a b",
        long.as_str(),
    ] {
        assert_eq!(boundary_of(kind), None, "{kind}");
    }
    let lines: &[(&[u8], &[u8])] =
        &[(b"content-type", b"multipart/form-data; boundary=a"), (b"content-type", b"multipart/form-data; boundary=b")];
    assert!(boundary(&Head { method: b"POST", target: b"/b", lines, authority: None }).is_err());
}

fn part(head: &str) -> Option<(String, FileName)> {
    Part::parse(head.as_bytes()).ok().map(|part| (part.name, part.file))
}

#[test]
fn heads_of_parts_are_read_as_browsers_write_them() {
    let plain = |name: &str| FileName::Plain(name.to_owned());
    for (head, name, file) in [
        ("Content-Disposition: form-data; name=\"key\"\r\n\r\n", "key", FileName::Absent),
        ("content-disposition:form-data;name=key\r\n\r\n", "key", FileName::Absent),
        ("Content-Type: text/plain\r\nContent-Disposition: form-data; name=\"Key\"\r\n\r\n", "Key", FileName::Absent),
        (
            "Content-Disposition: form-data; name=\"file\"; filename=\"C:\\dir\\a;b.txt\"\r\nContent-Length: 3\r\n\r\n",
            "file",
            plain("C:\\dir\\a;b.txt"),
        ),
        ("Content-Disposition: form-data; filename=\"日.txt\"; name=\"file\"\r\n\r\n", "file", plain("日.txt")),
        ("Content-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n", "file", plain("")),
        (
            "Content-Disposition: form-data; name=\"file\"; filename=\"a\"; filename*=UTF-8''b\r\n\r\n",
            "file",
            FileName::Unclear,
        ),
        (
            "Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: binary\r\n\r\n",
            "a",
            FileName::Absent,
        ),
    ] {
        assert_eq!(part(head), Some((name.to_owned(), file)), "{head}");
    }
}

#[test]
fn heads_of_parts_that_readers_take_differently_are_refused() {
    for head in [
        "\r\n\r\n",
        "Content-Type: text/plain\r\n\r\n",
        "Content-Disposition: form-data\r\n\r\n",
        "Content-Disposition: form-data; name=\"\"\r\n\r\n",
        "Content-Disposition: attachment; name=\"key\"\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\"; name*=UTF-8''b\r\n\r\n",
        "Content-Disposition: form-data; name=\"file\"; filename=\"a\"; filename=\"b\"\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\\\"; x=\"b\"\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\"b\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n",
        "Content-Disposition: form-data;\r\n name=\"a\"\r\n\r\n",
        "Content-Disposition : form-data; name=\"a\"\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\"\nContent-Type: x\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\"\rx\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\";\r\n\r\n",
    ] {
        assert_eq!(part(head), None, "{head}");
    }
    assert!(Part::parse(b"Content-Disposition: form-data; name=\"\xff\"\r\n\r\n").is_err());
}

fn fields(list: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in list {
        fields.push(name, (*value).to_owned()).unwrap();
    }
    fields
}

#[test]
fn a_field_that_comes_twice_is_refused_but_for_metadata() {
    let mut fields = fields(&[("Key", "a"), ("x-amz-meta-a", "1"), ("X-Amz-Meta-A", "2")]);
    assert_eq!(fields.get("x-amz-meta-a"), Some("1,2"));
    assert_eq!(fields.push("key", "b".to_owned()).unwrap_err().code(), Code::MalformedPOSTRequest);
}

#[test]
fn the_name_of_the_file_goes_everywhere_but_into_what_authenticates() {
    let mut fields = fields(&[("key", "u/${filename}-${filename}"), ("policy", "${filename}"), ("acl", "$filename")]);
    fields.name_file(&FileName::Plain("C:\\x/y\\a b.txt".to_owned())).unwrap();
    assert_eq!(fields.get("key"), Some("u/a b.txt-a b.txt"));
    assert_eq!((fields.get("policy"), fields.get("acl")), (Some("${filename}"), Some("$filename")));
}

#[test]
fn a_file_name_is_no_lever_for_memory() {
    let mut many = fields(&[("x-amz-meta-a", &PLACE.repeat(1000))]);
    let long = FileName::Plain("x".repeat(1000));
    assert_eq!(many.name_file(&long).unwrap_err().code(), Code::MaxPostPreDataLengthExceededError);
    let mut unclear = fields(&[("key", PLACE)]);
    assert!(unclear.name_file(&FileName::Unclear).is_err());
    assert!(fields(&[("key", "k")]).name_file(&FileName::Unclear).is_ok());
}

#[test]
fn no_value_of_a_form_shows() {
    let text = format!("{:?}", fields(&[("policy", "secret"), ("x-amz-security-token", "secret")]));
    assert!(text.contains("policy") && !text.contains("secret"), "{text}");
}
