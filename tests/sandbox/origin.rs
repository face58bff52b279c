//! A request goes to the provider, under its base path and with the host's own headers, or nowhere.

use crate::bound::{Elsewhere, alone, check_bounds, check_fault};
use crate::harness::{Mock, load};

#[test]
fn no_path_or_query_reaches_another_origin_or_leaves_the_base() {
    let _alone = alone();
    let elsewhere = Elsewhere::start();
    let evil = format!("127.0.0.1:{}", elsewhere.port());
    let mock = Mock::start(&[]);
    let one = |model: &str, segment: &str| {
        let option = format!("segment={}", segment.replace("EVIL", &evil));
        let outcome = load(&mock.base_url, model, &["-n", "1", "-c", "1", "--plugin-option", &option]);
        check_bounds(segment, &outcome);
        elsewhere.check_silent(segment);
        outcome.kinds().join(" ")
    };
    let encoded = [
        "//EVIL",
        "\\\\EVIL",
        "/\\EVIL",
        "http://EVIL",
        "HTTPS://EVIL",
        "http:chat",
        "//good@EVIL",
        "//１２７.0.0.1",
        "javascript:alert(1)",
        "data:,x",
        "file:///etc/passwd",
        ".evil.com",
        "@EVIL",
        ":1",
        "%2e%2e",
        "%2f",
        "a;b",
        "a?b",
        "a#b",
        "..%2f..",
        "x/../../../y",
        "..\\..",
    ];
    for segment in encoded {
        // Whatever it asks for, it is not there.
        assert_eq!(one("path", segment), "http_status", "{segment:?}");
    }
    for segment in ["", ".", "..", "a\tb", "a\nb", "a\rb", "a\u{85}b"] {
        assert_eq!(one("path", segment), "plugin_request", "{segment:?}");
    }
    for pair in ["a&b=c#d", "@EVIL", "\r\nHost: EVIL", "http://EVIL"] {
        assert_eq!(one("query", pair), "ok", "{pair:?}");
    }
    let paths = mock.paths();
    assert_eq!(paths.len(), encoded.len() + 4, "{paths:?}");
    for path in &paths[..encoded.len()] {
        let inside = path.strip_prefix("/v1/").and_then(|path| path.strip_suffix("/x")).expect(path);
        assert!(!inside.is_empty() && !inside.contains(['/', '\\', '?', '#']), "{path}");
        assert!(!matches!(inside, "." | ".." | "%2e%2e"), "{path}");
    }
    assert_eq!(paths[encoded.len()..], ["/v1/chat/completions"; 4]);
}

#[test]
fn what_would_join_a_base_without_a_path_stays_behind_it() {
    let _alone = alone();
    let elsewhere = Elsewhere::start();
    let mock = Mock::start(&[]);
    let base = mock.base_url.trim_end_matches("/v1").to_owned();
    let evil = format!("127.0.0.1:{}", elsewhere.port());
    let segments =
        ["@EVIL", ".evil.com", ":1", "//EVIL", "\\\\EVIL", "@127.0.0.1", "#@EVIL", "?@EVIL", "%40EVIL"];
    for segment in segments {
        let option = format!("segment={}", segment.replace("EVIL", &evil));
        let outcome = load(&base, "path", &["-n", "1", "--plugin-option", &option]);
        check_bounds(segment, &outcome);
        elsewhere.check_silent(segment);
        assert_eq!(outcome.kinds(), ["http_status"], "{segment}: {}", outcome.stderr);
    }
    let paths = mock.paths();
    assert_eq!(paths.len(), segments.len(), "{paths:?}");
    for path in paths {
        let segments: Vec<&str> = path.split('/').collect();
        assert!(matches!(segments[..], ["", one, "x"] if !one.is_empty()), "{path}");
        assert!(!path.contains(['\\', '?', '#']), "{path}");
    }
}

#[test]
fn headers_of_the_host_and_broken_ones_are_refused_by_name() {
    let _alone = alone();
    let (mock, elsewhere) = (Mock::start(&[]), Elsewhere::start());
    let evil = format!("127.0.0.1:{}", elsewhere.port());
    for (name, value, named) in [
        ("Host", "EVIL", "host"),
        ("X-Forwarded-Host\r\nHost", "EVIL", "header name"),
        ("Forwarded", "host=EVIL", "forwarded"),
        ("Proxy-Authorization", "x", "proxy-authorization"),
        ("Proxy-Connection", "keep-alive", "proxy-connection"),
        ("Upgrade", "h2c", "upgrade"),
        ("HTTP2-Settings", "x", "http2-settings"),
        ("Keep-Alive", "1", "keep-alive"),
        ("Expect", "100-continue", "expect"),
        ("Trailer", "x", "trailer"),
        ("TE", "trailers", "te"),
        ("Accept-Encoding", "gzip", "accept-encoding"),
        ("Api-Key", "x", "api-key"),
        ("X-Amz-Security-Token", "x", "x-amz-security-token"),
        (":authority", "EVIL", "header name"),
        ("Transfer-Encoding", "chunked", "transfer-encoding"),
        ("Content-Length", "0", "content-length"),
        ("Connection", "close", "connection"),
        ("Authorization", "Bearer x", "authorization"),
        ("X-Api-Key", "x", "x-api-key"),
        ("x-goog-api-key", "x", "x-goog-api-key"),
        ("Cookie", "a=b", "cookie"),
        ("x-fine", "a\r\nhost: evil", "x-fine"),
        ("x-fine", "a\nb", "x-fine"),
        ("x\r\nhost", "evil", "header name"),
        ("", "x", "header name"),
        ("x y", "x", "header name"),
    ] {
        let options =
            [format!("header-name={name}"), format!("header-value={}", value.replace("EVIL", &evil))];
        let [name_option, value_option] = options.each_ref().map(String::as_str);
        let args = ["-n", "1", "--plugin-option", name_option, "--plugin-option", value_option];
        let outcome = load(&mock.base_url, "header", &args);
        check_bounds(name, &outcome);
        assert_eq!(outcome.kinds(), ["plugin_request"], "{name:?}: {}", outcome.stderr);
        assert!(outcome.message().contains(named), "{name:?}: {}", outcome.message());
        elsewhere.check_silent(name);
    }
    check_fault(&mock, "nul-header", "plugin_request", "x-fine");
    assert_eq!(mock.paths(), [""; 0], "nothing was sent");
}
