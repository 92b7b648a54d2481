use super::*;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}

#[test]
fn a_write_comes_from_here_or_is_refused() {
    let host = "localhost:8088";
    for (pairs, secure, good) in [
        (&[("origin", "http://localhost:8088")][..], false, true),
        (&[("origin", "https://localhost:8088")], false, true),
        (&[("origin", "https://localhost:8088")], true, true),
        (&[("origin", "http://localhost:8088")], true, false),
        (&[("origin", "http://localhost")], false, false),
        (&[("origin", "http://localhost:8088.evil")], false, false),
        (&[("origin", "http://evil/localhost:8088")], false, false),
        (&[("origin", "null")], false, false),
        (&[("origin", "null"), ("sec-fetch-site", "same-origin")], false, false),
        (&[("sec-fetch-site", "same-origin")], false, true),
        (&[("sec-fetch-site", "same-site")], false, false),
        (&[("sec-fetch-site", "none")], false, false),
        (&[], false, false),
    ] {
        assert_eq!(from_here(&headers(pairs), host, secure), good, "{pairs:?} {secure}");
    }
}

#[test]
fn names_are_names_and_addresses_are_all_ours() {
    let hosts = Hosts::new(&["Console.example.org".to_owned()]).ok();
    let contain = |host: &str| hosts.as_ref().is_some_and(|hosts| hosts.contain(host));
    for host in ["localhost", "LOCALHOST:80", "10.1.2.3:80", "[fd00::1]", "console.example.org:1"] {
        assert!(contain(host), "{host}");
    }
    for host in
        ["", ":80", "[", "[::1", "evil", "localhost.", "10.1.2.3.nip.io", "xconsole.example.org"]
    {
        assert!(!contain(host), "{host}");
    }
    for odd in ["", "a b", "http://a", "a:80", "a/b"] {
        assert!(Hosts::new(&[odd.to_owned()]).is_err(), "{odd:?}");
    }
}
