use super::*;

fn catalog() -> Catalog {
    Catalog::bundled().expect("the bundled list")
}

/// A good provider of the plugin `parrot`, with this in its table too.
fn parrot(more: &str) -> String {
    let base = match more.contains("base_url") {
        true => "",
        false => "base_url = \"https://parrot.example/v1\"\n",
    };
    let name = if more.contains("name = ") && more.starts_with("name") { "" } else { "name = \"parrot\"\n" };
    let api = if more.contains("\napi = ") { "" } else { "api = \"parrot\"\n" };
    format!("[[provider]]\n{name}{api}{base}{more}")
}

#[track_caller]
fn good(more: &str) -> Vec<ProviderEntry> {
    catalog().judge_foreign("parrot", &parrot(more)).unwrap_or_else(|error| panic!("{more}: {error:#}"))
}

#[track_caller]
fn refused(more: &str, words: &[&str]) {
    let error = catalog().judge_foreign("parrot", &parrot(more)).map(|_| ()).expect_err(more);
    let error = format!("{error:#}");
    for word in words {
        assert!(error.contains(word), "{more}: {word:?} is not in {error:?}");
    }
}

#[test]
fn a_provider_of_its_own_is_accepted() {
    let entries = good(
        "aliases = [\"polly\"]\nbase_env = [\"PARROT_URL\"]\npath = \"/{PARROT_CAGE=a}/{model}\"\n\
         headers = { X-Cage = \"{PARROT_CAGE=}\" }\n\
         credential = [{ scheme = \"bearer\", env = [\"PARROT_API_KEY\"] }]",
    );
    assert_eq!(entries[0].open_variables().into_iter().collect::<Vec<_>>(), ["PARROT_CAGE", "PARROT_URL"]);
    good("credential = [{ scheme = \"header\", name = \"X-Api-Key\", env = [\"PARROT_API_KEY\"] }]");
    good("credential = [{ scheme = \"query\", name = \"key\", env = [\"PARROT_API_KEY\"] }]");
}

#[test]
fn names_of_others_are_refused() {
    for name in ["openai", "openai-chat", "text-completion-openai", "groq", "together_ai", "litellm", "mock"]
    {
        let named = format!("name = \"{name}\"\napi = \"parrot\"");
        refused(&named, &[name, "has the name of one that is known"]);
        refused(&format!("aliases = [\"{name}\"]"), &[name, "has the name of one that is known"]);
    }
    refused("name = \"../x\"\napi = \"parrot\"", &["\"../x\"", "letters"]);
    refused("name = \"\\u001b[31m\"\napi = \"parrot\"", &["letters"]);
    refused("litellm = [\"parrot/\"]", &["LiteLLM's"]);
    refused("bare = [\"gpt-\"]", &["LiteLLM's"]);
    refused(
        "\napi = \"parrot\"\naliases = [\"a\"]\n[[provider]]\nname = \"a\"\napi = \"parrot\"",
        &["two of its providers"],
    );
}

#[test]
fn it_speaks_its_plugins_api_only() {
    refused("\napi = \"openai-chat\"", &["it speaks openai-chat, and the plugin speaks parrot"]);
}

#[test]
fn a_base_url_says_where_it_leads() {
    for good_url in ["http://127.0.0.1:8000", "http://localhost/v1", "http://[::1]:1/", "https://a.b:8443/c"]
    {
        good(&format!("base_url = \"{good_url}\""));
    }
    for (url, word) in [
        ("http://parrot.example", "neither https nor http on this machine"),
        ("http://localhost.evil.com", "neither https"),
        ("http://10.0.0.1", "neither https"),
        ("ftp://parrot.example", "neither https"),
        ("parrot.example/v1", "cannot be read"),
        ("/v1", "cannot be read"),
        ("https://{PARROT_HOST}/v1", "has a variable"),
        ("https://{PARROT_HOST=a.b}/v1", "has a variable"),
        ("https://me:pw@parrot.example", "more than a host"),
        ("https://api.openai.com@parrot.example", "more than a host"),
        ("https://parrot.example?x=y", "more than a host"),
        ("https://parrot.example#x", "more than a host"),
    ] {
        refused(&format!("base_url = \"{url}\""), &["provider parrot is refused", word]);
    }
    let none = catalog().judge_foreign("parrot", "[[provider]]\nname = \"a\"\napi = \"parrot\"");
    assert!(format!("{:#}", none.expect_err("no URL")).contains("has no base_url"));
}

#[test]
fn the_key_of_another_goes_to_that_ones_own_origin_only() {
    let with = |url: &str, scheme: &str| format!("base_url = \"{url}\"\ncredential = [{{ {scheme} }}]");
    let openai = "scheme = \"bearer\", env = [\"OPENAI_API_KEY\"]";
    refused(
        &with("https://parrot.example/v1", openai),
        &["would send OPENAI_API_KEY, which is the key of openai", "to https://parrot.example"],
    );
    refused(&with("https://api.openai.com:444/v1", openai), &["would send OPENAI_API_KEY"]);
    refused(&with("http://127.0.0.1:1/v1", openai), &["would send OPENAI_API_KEY"]);
    good(&with("https://api.openai.com/v2", openai));
    // An address from elsewhere would take the key along.
    let moved = format!("{}\nbase_env = [\"PARROT_URL\"]", with("https://api.openai.com/v2", openai));
    refused(&moved, &["would send OPENAI_API_KEY"]);
    good(&moved.replace("PARROT_URL", "OPENAI_API_BASE"));
    for variable in [
        "ANTHROPIC_AUTH_TOKEN",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
    ] {
        let scheme = format!("scheme = \"query\", name = \"k\", env = [\"{variable}\"]");
        refused(&with("https://parrot.example", &scheme), &[variable]);
    }
    for scheme in [
        "scheme = \"sigv4\", service = \"bedrock\"",
        "scheme = \"google\"",
        "scheme = \"watsonx-iam\", env = [\"X\"]",
    ] {
        refused(&with("https://parrot.example", scheme), &["another company's keys"]);
    }
    refused(&with("https://a.b", "scheme = \"bearer\", env = []"), &["names no environment variable"]);
    refused(
        &with("https://a.b", "scheme = \"bearer\", env = [\"A B\"]"),
        &["no name of an environment variable"],
    );
    refused(
        &with("https://a.b", "scheme = \"header\", name = \"Host\", env = [\"A\"]"),
        &["the connection's own"],
    );
    refused(&with("https://a.b", "scheme = \"header\", name = \"a b\", env = [\"A\"]"), &["no header name"]);
}

#[test]
fn no_secret_is_filled_into_a_text() {
    for variable in
        ["OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "DB_PASSWORD", "A|HF_TOKEN", "SOME_KEY=x"]
    {
        for place in [
            "path = \"/{VAR}\"",
            "query = { a = \"{VAR}\" }",
            "query = { \"{VAR}\" = \"a\" }",
            "headers = { x-a = \"b {VAR}\" }",
            "body = { a = \"{VAR}\" }",
            "body = { a = { b = [\"{VAR}\"] } }",
            "options = { a = \"{VAR}\" }",
            "model = \"x/{VAR}\"",
        ] {
            refused(&place.replace("VAR", variable), &["is the name of a credential"]);
        }
    }
    refused("base_env = [\"GROQ_API_KEY\"]", &["base_env", "GROQ_API_KEY is the name of a credential"]);
    refused("base_env = [\"MY_SECRET_URL\"]", &["base_env", "MY_SECRET_URL"]);
    refused("path = \"/{A\"", &["without a }"]);
}

#[test]
fn a_path_stays_below_and_headers_are_its_own() {
    refused("path = \"/a/../b\"", &["leaves the base URL"]);
    refused("path = \"/a?b\"", &["leaves the base URL"]);
    refused("headers = { Authorization = \"Bearer x\" }", &["authorization is the host's own"]);
    refused("headers = { Host = \"api.openai.com\" }", &["host is the host's own"]);
    refused("headers = { a = \"b\\r\\nhost: c\" }", &["no header can carry"]);
    refused("bse_url = \"https://a.b\"", &["cannot be read", "bse_url"]);
}

#[test]
fn a_variables_name_says_that_it_is_a_secret() {
    for name in [
        "PARROT_API_KEY",
        "parrot_key",
        "HF_TOKEN",
        "AWS_ACCESS_KEY_ID",
        "CLIENT_SECRET_FILE",
        "DB_PASSWORD",
        "PGPASSWORD",
        "MYAPIKEY",
        "GITHUB_PAT",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "KEY",
        "NPM_AUTH",
        "ACCESSTOKEN",
    ] {
        assert!(looks_secret(name), "{name}");
    }
    for name in ["PARROT_URL", "MAX_TOKENS", "TOKENIZER_FILE", "KEYBOARD", "AUTHOR", "PATH", "PARROT_REGION"]
    {
        assert!(!looks_secret(name), "{name}");
    }
}
