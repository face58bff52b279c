//! One connection: its requests in turn, each routed, judged and answered.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;

use super::ask::Ask;
use super::http::{self, Framing, Inbox, Method, NoRequest, Request};
use super::script::{Cut, Purpose, Script, Turn, rng_for};
use super::serve::Mock;
use super::socket;
use super::stream::{self, After, Player};
use super::truth::{End, TruthRow};
use super::voice::{Api, Facts, HTML, STRAY_JSON};
use super::words;
use crate::clock::{monotonic_ns, unix_seconds};
use crate::units::Span;

/// Serves the requests of connection number `conn` until one side closes it.
pub(super) async fn talk(socket: TcpStream, conn: u64, mock: Arc<Mock>) {
    let mut inbox = Inbox::default();
    loop {
        let request = match inbox.next(&socket).await {
            Ok(request) => request,
            Err(NoRequest::Gone) => return,
            Err(NoRequest::Refused { status, message }) => {
                let body = Api::Chat.error(status, message);
                // The client may be gone; there is nobody else to tell.
                let _ = send(&socket, status, JSON, &body, "", false).await;
                return;
            }
        };
        match answer(&socket, conn, request, &mock).await {
            Ok(After::Keep) => {}
            Ok(After::Close) | Err(_) => return,
        }
    }
}

const JSON: &str = "application/json";

async fn answer(socket: &TcpStream, conn: u64, request: Request, mock: &Mock) -> io::Result<After> {
    let keep_alive = request.keep_alive;
    let list = match (request.method, request.path.as_str()) {
        (Method::Get, "/health") => Some("{\"status\":\"ok\"}".to_owned()),
        (Method::Get, "/v1/models") => {
            let model = serde_json::Value::from(mock.config.model.as_deref().unwrap_or("mock"));
            let entry =
                format!("{{\"id\":{model},\"object\":\"model\",\"created\":0,\"owned_by\":\"llmperf\"}}");
            Some(format!("{{\"object\":\"list\",\"data\":[{entry}]}}"))
        }
        _ => None,
    };
    if let Some(body) = list {
        return send(socket, 200, JSON, &body, "", keep_alive).await;
    }
    let api = if request.path == "/v1/messages" { Api::Messages } else { Api::Chat };
    let mut exchange = Exchange::begin(mock, conn, api, &request);
    let result = match judge(mock, &request) {
        Ok(ask) => {
            let _turn = mock.turn(&mut exchange.row).await;
            perform(socket, mock, api, request, ask, &mut exchange.row).await
        }
        Err((status, message)) => {
            let body = api.error(status, &message);
            refuse(socket, &mut exchange.row, status, &body, "", keep_alive).await
        }
    };
    exchange.end(&result);
    result
}

/// Whether a request is one the APIs would take.
fn judge(mock: &Mock, request: &Request) -> Result<Ask, (u16, String)> {
    if !matches!(request.path.as_str(), "/v1/chat/completions" | "/v1/messages") {
        let known = "/v1/chat/completions, /v1/messages, /v1/models and /health";
        return Err((404, format!("unknown path {}: the mock serves {known}", request.path)));
    }
    if request.method != Method::Post {
        return Err((405, format!("{} takes POST", request.path)));
    }
    if mock.config.api_key.is_some() && mock.config.api_key != request.key {
        return Err((401, "incorrect API key provided".to_owned()));
    }
    let ask =
        Ask::parse(&request.body).map_err(|error| (400, format!("cannot read the request: {error}")))?;
    if !ask.stream && ask.max_tokens.is_some_and(|limit| limit > WHOLE_LIMIT) {
        return Err((400, format!("an answer that is not streamed has at most {WHOLE_LIMIT} tokens")));
    }
    Ok(ask)
}

/// The most tokens of an answer that is not streamed: it is held in memory whole.
const WHOLE_LIMIT: u64 = 1_000_000;

/// Answers a good request as its script says.
async fn perform(
    socket: &TcpStream,
    mock: &Mock,
    api: Api,
    request: Request,
    ask: Ask,
    row: &mut TruthRow,
) -> io::Result<After> {
    let keep_alive = request.keep_alive;
    let chunked = request.chunked;
    let answer = mock.config.answers.as_ref().and_then(|answers| answers.pieces(&request.body));
    // A prompt is large, and the answer may take long.
    drop(request);
    row.prompt_bytes = ask.prompt_bytes;
    row.max_tokens = ask.max_tokens;
    let script = Script::new(&mock.config, api, &ask, answer, row.n);
    row.fault.clone_from(&script.fault);
    match script.turn {
        Turn::None | Turn::Cut { .. } => {}
        Turn::Status { code, retry_after } => {
            let body = api.error(code, "scripted fault of the mock");
            return refuse(socket, row, code, &body, &fault_headers(code, retry_after), keep_alive).await;
        }
        Turn::Html => return whole(socket, row, "text/html", HTML, &script, keep_alive).await,
        Turn::Json => return whole(socket, row, JSON, STRAY_JSON, &script, keep_alive).await,
        Turn::Empty => {
            let kind = if ask.stream { "text/event-stream; charset=utf-8" } else { JSON };
            return whole(socket, row, kind, "", &script, keep_alive).await;
        }
        Turn::Close => {
            row.end_ns = Some(monotonic_ns());
            row.end = End::Closed;
            return Ok(After::Close);
        }
    }
    let id = row.id.clone();
    let limit = if ask.stream { u64::MAX } else { WHOLE_LIMIT };
    let facts = Facts {
        id: &id,
        model: mock.config.model.as_deref().unwrap_or(&ask.model),
        created: unix_seconds(),
        prompt_tokens: script.prompt_tokens,
        tokens: script.tokens.min(limit),
        reasoning: script.reasoning.min(limit),
        cut_by_limit: script.cut_by_limit,
        usage: script.usage,
    };
    if ask.stream {
        let voice = api.voice(&facts);
        Player::new(socket, mock, (api, &script, &voice), chunked, row).play(keep_alive && chunked).await
    } else {
        at_once(socket, mock, api, &script, &facts, row, keep_alive).await
    }
}

/// The answer that is not streamed: due when a stream's last token would have been.
async fn at_once(
    socket: &TcpStream,
    mock: &Mock,
    api: Api,
    script: &Script,
    facts: &Facts<'_>,
    row: &mut TruthRow,
    keep_alive: bool,
) -> io::Result<After> {
    let mut rng = rng_for(mock.config.seed, row.n, Purpose::Tokens);
    let mut due = row.turn_ns.saturating_add(mock.config.ttft.sample(&mut rng).0);
    let Facts { tokens, reasoning, .. } = *facts;
    for _ in 1..tokens.div_ceil(script.tokens_per_event) {
        due = due.saturating_add(mock.config.itl.sample(&mut rng).0);
    }
    let mut say = |count: u64| {
        let words: Vec<&str> = (0..count).map(|_| words::draw(&mut rng)).collect();
        words.join(" ")
    };
    let reasoning = say(reasoning);
    let text = match &script.answer {
        Some(pieces) => pieces.iter().take((tokens - facts.reasoning) as usize).cloned().collect(),
        None => say(tokens - facts.reasoning),
    };
    stream::wait(socket, &mock.pacer, due).await?;
    let mut body = api.whole(facts, &reasoning, &text);
    let cut = match script.turn {
        Turn::Cut { kind, .. } => Some(kind),
        _ => None,
    };
    match cut {
        Some(Cut::ErrorEvent) => body = api.error(500, "the mock's scripted error"),
        Some(Cut::Malformed) => body.truncate(body.len() / 2),
        Some(Cut::Stall | Cut::Reset | Cut::Truncate) => {
            return break_whole(socket, script, row, &body, cut).await;
        }
        None => {
            let now = monotonic_ns();
            row.late_ns = now.saturating_sub(due);
            (row.first_token_ns, row.last_token_ns) = (Some(now), Some(now));
            row.token_ns.push(now);
            (row.tokens, row.events) = (tokens, 1);
        }
    }
    whole(socket, row, JSON, &body, script, keep_alive).await
}

/// Sends half of a body whose whole length was announced, then stalls, resets or closes.
async fn break_whole(
    socket: &TcpStream,
    script: &Script,
    row: &mut TruthRow,
    body: &str,
    cut: Option<Cut>,
) -> io::Result<After> {
    let head = http::head(200, JSON, Framing::Length(body.len()), true, &request_id(row));
    let half = [head.as_bytes(), &body.as_bytes()[..body.len() / 2]].concat();
    row.status = Some(200);
    row.head_ns = Some(monotonic_ns());
    socket::write_all(socket, &half, script.split).await?;
    if cut == Some(Cut::Stall) {
        socket::gone(socket).await;
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    row.end_ns = Some(monotonic_ns());
    row.end = End::Closed;
    if cut == Some(Cut::Reset) {
        socket::reset_on_close(socket);
        row.end = End::Reset;
    }
    Ok(After::Close)
}

/// A whole body with status 200.
async fn whole(
    socket: &TcpStream,
    row: &mut TruthRow,
    content_type: &str,
    body: &str,
    script: &Script,
    keep_alive: bool,
) -> io::Result<After> {
    let head = http::head(200, content_type, Framing::Length(body.len()), keep_alive, &request_id(row));
    let now = monotonic_ns();
    row.status = Some(200);
    (row.head_ns, row.end_ns) = (Some(now), Some(now));
    socket::write_all(socket, (head + body).as_bytes(), script.split).await?;
    row.end = End::Complete;
    Ok(if keep_alive { After::Keep } else { After::Close })
}

/// An error answer, kept in the truth log.
async fn refuse(
    socket: &TcpStream,
    row: &mut TruthRow,
    status: u16,
    body: &str,
    headers: &str,
    keep_alive: bool,
) -> io::Result<After> {
    let now = monotonic_ns();
    row.status = Some(status);
    (row.head_ns, row.end_ns) = (Some(now), Some(now));
    let headers = request_id(row) + headers;
    let after = send(socket, status, JSON, body, &headers, keep_alive).await?;
    row.end = End::Complete;
    Ok(after)
}

async fn send(
    socket: &TcpStream,
    status: u16,
    content_type: &str,
    body: &str,
    headers: &str,
    keep_alive: bool,
) -> io::Result<After> {
    let head = http::head(status, content_type, Framing::Length(body.len()), keep_alive, headers);
    socket::write_all(socket, (head + body).as_bytes(), None).await?;
    Ok(if keep_alive { After::Keep } else { After::Close })
}

fn request_id(row: &TruthRow) -> String {
    format!("x-request-id: {}\r\n", row.id)
}

fn fault_headers(code: u16, retry_after: Option<Span>) -> String {
    let mut headers = String::new();
    if let Some(span) = retry_after {
        // The header knows whole seconds only; OpenAI sends the finer one beside it.
        let ms = span.0.div_ceil(1_000_000);
        headers = format!("retry-after: {}\r\nretry-after-ms: {ms}\r\n", ms.div_ceil(1000));
    }
    if (300..400).contains(&code) {
        headers += "location: /redirected\r\n";
    }
    headers
}

/// A request being answered. However that ends, its row reaches the truth log and the counts.
struct Exchange<'a> {
    mock: &'a Mock,
    row: TruthRow,
}

impl<'a> Exchange<'a> {
    fn begin(mock: &'a Mock, conn: u64, api: Api, request: &Request) -> Exchange<'a> {
        let n = mock.next_request();
        let row = TruthRow {
            id: api.id(n),
            n,
            conn,
            request_ns: request.read_ns,
            turn_ns: request.read_ns,
            head_ns: None,
            first_token_ns: None,
            last_token_ns: None,
            end_ns: None,
            token_ns: Vec::new(),
            tokens: 0,
            events: 0,
            late_ns: 0,
            status: None,
            fault: None,
            path: request.path.clone(),
            prompt_bytes: 0,
            max_tokens: None,
            auth: request.key.is_some(),
            end: End::Stopped,
        };
        Exchange { mock, row }
    }

    fn end(&mut self, result: &io::Result<After>) {
        if result.is_err() {
            self.row.end_ns = Some(monotonic_ns());
            self.row.end = End::ClientGone;
        }
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        self.mock.finish(&self.row);
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::mock::{Delay, MockConfig};

    #[tokio::test]
    async fn a_client_that_leaves_in_mid_answer_is_noticed() {
        async fn check(rule: &str, ttft: Span) {
            let now = Delay::Fixed(Span(0));
            let faults = vec![rule.parse().unwrap()];
            let config = MockConfig { ttft: Delay::Fixed(ttft), itl: now, faults, ..MockConfig::default() };
            let mock = Arc::new(Mock::new(config).unwrap());
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (server, _) = listener.accept().await.unwrap();
            let talk = tokio::spawn(talk(server, 1, Arc::clone(&mock)));
            let body = r#"{"model":"m","messages":[],"stream":true}"#;
            let request =
                format!("POST /v1/chat/completions HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            assert_eq!(client.try_write(request.as_bytes()).unwrap(), request.len());
            // The head tells that the answer has begun.
            assert!(socket::read(&client, &mut [0; 4096]).await.unwrap() > 0);
            drop(client);
            tokio::time::timeout(std::time::Duration::from_secs(30), talk).await.unwrap().unwrap();
            assert_eq!(mock.report(1).client_gone, 1, "{rule}");
        }
        check("stall", Span(0)).await;
        check("stall,after=0", Span(0)).await;
        check("endless", Span(0)).await;
        check("comments", Span::from_secs(3600)).await;
    }
}
