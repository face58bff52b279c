//! An exchange as a recording has it: what is known of it as JSON, behind the length of that (u32); then the reads: how many,
//! for each the nanoseconds since the one before and its length, and their bytes. Numbers are varints.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{json, varint};
use crate::record::{
    Exchange, Failure, Framing, Head, Part, PreparedRequest, Reads, RequestInfo, Start, Trace, Transfer,
    Unsent,
};
use crate::units::Stamp;

#[derive(Serialize, Deserialize)]
struct PartWire {
    request: RequestInfo,
    framing: Vec<Framing>,
    head: HeadWire,
}

#[derive(Serialize, Deserialize)]
struct EndWire {
    request: RequestInfo,
    framing: Vec<Framing>,
    start: Start,
    sent: Stamp,
    connected: Option<Stamp>,
    headers: Option<Stamp>,
    head: Option<HeadWire>,
    end: Stamp,
    transfer: TransferWire,
}

#[derive(Serialize, Deserialize)]
struct UnsentWire {
    request: RequestInfo,
    start: Start,
    sent: Stamp,
    failure: Failure,
}

/// Values are bytes; each is the character of its number here, so that any of them can be said in JSON.
#[derive(Serialize, Deserialize)]
struct HeadWire {
    status: u16,
    headers: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TransferWire {
    Complete,
    Failed(Failure),
    Cancelled,
    Abandoned,
}

/// Appends an exchange.
pub(super) fn write(exchange: &Exchange, out: &mut Vec<u8>) {
    match exchange {
        Exchange::Part(part) => {
            let wire = PartWire {
                request: part.request.info,
                framing: part.request.framing.clone(),
                head: HeadWire::of(&part.head),
            };
            behind_length(out, &wire);
            write_reads(&part.reads, out);
        }
        Exchange::End(trace) => {
            let wire = EndWire {
                request: trace.request.info,
                framing: trace.request.framing.clone(),
                start: trace.start,
                sent: trace.sent,
                connected: trace.connected,
                headers: trace.head.as_ref().map(|(at, _)| *at),
                head: trace.head.as_ref().map(|(_, head)| HeadWire::of(head)),
                end: trace.end,
                transfer: TransferWire::of(&trace.transfer),
            };
            behind_length(out, &wire);
            write_reads(&trace.reads, out);
        }
        Exchange::Unsent(unsent) => {
            let Unsent { info: request, start, sent, failure } = unsent.clone();
            behind_length(out, &UnsentWire { request, start, sent, failure });
        }
    }
}

pub(super) fn read_part(mut content: &[u8]) -> Result<Exchange> {
    let wire: PartWire = before_rest(&mut content)?;
    Ok(Exchange::Part(Part {
        request: request(wire.request, wire.framing)?,
        head: Arc::new(wire.head.into_head()?),
        reads: read_reads(content)?,
        abandon: Arc::default(),
    }))
}

pub(super) fn read_end(mut content: &[u8]) -> Result<Exchange> {
    let wire: EndWire = before_rest(&mut content)?;
    let head = wire.head.map(HeadWire::into_head).transpose()?;
    Ok(Exchange::End(Box::new(Trace {
        request: request(wire.request, wire.framing)?,
        start: wire.start,
        sent: wire.sent,
        connected: wire.connected,
        head: wire.headers.zip(head.map(Arc::new)),
        reads: read_reads(content)?,
        end: wire.end,
        transfer: wire.transfer.into_transfer(),
    })))
}

pub(super) fn read_unsent(mut content: &[u8]) -> Result<Exchange> {
    let UnsentWire { request: info, start, sent, failure } = before_rest(&mut content)?;
    Ok(Exchange::Unsent(Unsent { info, start, sent, failure }))
}

fn behind_length(out: &mut Vec<u8>, wire: &impl Serialize) {
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    json(out, wire);
    let length = (out.len() - length_at - 4) as u32;
    out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
}

fn before_rest<T: DeserializeOwned>(content: &mut &[u8]) -> Result<T> {
    let cut = content.split_first_chunk::<4>().and_then(|(length, rest)| {
        let (json, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        *content = rest;
        Some(json)
    });
    serde_json::from_slice(cut.context("an item that ends early")?).context("an item that cannot be read")
}

fn write_reads(reads: &Reads, out: &mut Vec<u8>) {
    varint::write(out, reads.ends.len() as u64);
    let (mut at, mut start) = (Stamp::default(), 0);
    for &(arrival, end) in &reads.ends {
        // Wrapping, so that no stamp of any clock is lost, even one that steps back.
        varint::write(out, arrival.0.wrapping_sub(at.0));
        varint::write(out, (end - start) as u64);
        (at, start) = (arrival, end);
    }
    out.extend_from_slice(&reads.bytes);
}

fn read_reads(mut content: &[u8]) -> Result<Reads> {
    let early = || anyhow!("reads that end early");
    let count = varint::read(&mut content).ok_or_else(early)?;
    let (mut ends, mut at, mut length) = (Vec::new(), 0u64, 0usize);
    for _ in 0..count {
        at = at.wrapping_add(varint::read(&mut content).ok_or_else(early)?);
        let read = varint::read(&mut content).and_then(|read| usize::try_from(read).ok());
        length = read.and_then(|read| length.checked_add(read)).ok_or_else(early)?;
        ends.push((Stamp(at), length));
    }
    if content.len() != length {
        return Err(anyhow!("reads of another length than their bytes"));
    }
    Ok(Reads { bytes: content.to_vec(), ends })
}

/// What decoding needs of a request: which it was and how its response is cut. Where it went is not kept, and nothing is sent.
fn request(info: RequestInfo, framing: Vec<Framing>) -> Result<Arc<PreparedRequest>> {
    ensure!(!framing.is_empty(), "a request without a framing");
    let url = "http://recording.invalid".parse().expect("a URL");
    let (method, headers, body) = (Method::POST, HeaderMap::new(), Bytes::new());
    Ok(Arc::new(PreparedRequest { info, method, url, headers, body, framing }))
}

impl HeadWire {
    fn of(head: &Head) -> HeadWire {
        let text = |value: &HeaderValue| value.as_bytes().iter().copied().map(char::from).collect();
        let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
        HeadWire { status: head.status.as_u16(), headers: headers.collect() }
    }

    fn into_head(self) -> Result<Head> {
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        for (name, value) in self.headers {
            let bytes: Result<Vec<u8>, _> = value.chars().map(u8::try_from).collect();
            let value = bytes.ok().and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
            headers.append(HeaderName::try_from(name)?, value.context("a header that is none")?);
        }
        Ok(Head { status: StatusCode::from_u16(self.status)?, headers })
    }
}

impl TransferWire {
    fn of(transfer: &Transfer) -> TransferWire {
        match transfer.clone() {
            Transfer::Complete => TransferWire::Complete,
            Transfer::Failed(failure) => TransferWire::Failed(failure),
            Transfer::Cancelled => TransferWire::Cancelled,
            Transfer::Abandoned => TransferWire::Abandoned,
        }
    }

    fn into_transfer(self) -> Transfer {
        match self {
            TransferWire::Complete => Transfer::Complete,
            TransferWire::Failed(failure) => Transfer::Failed(failure),
            TransferWire::Cancelled => Transfer::Cancelled,
            TransferWire::Abandoned => Transfer::Abandoned,
        }
    }
}
