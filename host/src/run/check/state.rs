//! Whether a plugin keeps something from one response to the next: the same events must mean the same in an instance that has
//! decoded others, and beside others in the same instance.

use super::cost::Meter;
use super::decode::{Reading, Stream, joined};
use super::{Subject, fresh};
use crate::plugin::{Fault, Plugin};

pub(super) fn check(subject: &Subject<'_>, streams: &[Stream]) -> Result<String, Vec<String>> {
    if streams.is_empty() {
        return Err(vec!["no answer could be decoded without a fault".to_owned()]);
    }
    let plugin = subject.plugin;
    // Its costs are those of the checks before.
    let mut unused = Meter::default();
    let alone: Result<Vec<Reading>, Fault> =
        streams.iter().map(|stream| stream.decode_afresh(plugin, 1, &mut unused)).collect();
    let alone = alone.map_err(|fault| vec![fault.to_string()])?;
    let mut problems = one_after_the_other(plugin, streams, &alone, &mut unused);
    problems.extend(interleaved(plugin, streams, &alone).into_iter().flatten());
    if problems.is_empty() {
        let n = streams.len();
        Ok(format!(
            "{n} answers, twice over in one instance and in pairs of decoders at once: as in fresh instances"
        ))
    } else {
        Err(problems)
    }
}

fn one_after_the_other(
    plugin: &Plugin,
    streams: &[Stream],
    alone: &[Reading],
    unused: &mut Meter,
) -> Vec<String> {
    let mut session = match fresh(plugin) {
        Ok(session) => session,
        Err(fault) => return vec![fault.to_string()],
    };
    for _ in 0..2 {
        for (stream, alone) in streams.iter().zip(alone) {
            match stream.decode(&mut session, 1, unused) {
                Ok(reading) if reading == *alone => {}
                Ok(reading) => {
                    return vec![difference("in an instance that was used before", stream, &reading, alone)];
                }
                Err(fault) => {
                    return vec![format!("{}, in an instance that was used before: {fault}", stream.name)];
                }
            }
        }
    }
    vec![]
}

fn difference(where_: &str, stream: &Stream, reading: &Reading, alone: &Reading) -> String {
    let at = reading.iter().zip(alone).position(|(a, b)| a != b).unwrap_or(alone.len().min(reading.len()));
    format!(
        "{}, {where_}: piece {at} is {:?}, in a fresh one {:?}",
        stream.name,
        reading.get(at).map(|(_, piece)| piece),
        alone.get(at).map(|(_, piece)| piece)
    )
}

/// Two decoders in one instance, event by event in turns.
fn interleaved(plugin: &Plugin, streams: &[Stream], alone: &[Reading]) -> Vec<Option<String>> {
    let pairs = (0..streams.len()).map(|n| (n, (n + 1) % streams.len()));
    pairs
        .map(|(a, b)| {
            let where_ = format!("beside {} in one instance", streams[b].name);
            match read_together(plugin, &streams[a], &streams[b]) {
                Ok((reading, _)) if reading != alone[a] => {
                    Some(difference(&where_, &streams[a], &reading, &alone[a]))
                }
                Ok((_, reading)) if reading != alone[b] => {
                    Some(difference(&where_, &streams[b], &reading, &alone[b]))
                }
                Ok(_) => None,
                Err(fault) => Some(format!("{}, {where_}: {fault}", streams[a].name)),
            }
        })
        .collect()
}

fn read_together(plugin: &Plugin, a: &Stream, b: &Stream) -> Result<(Reading, Reading), Fault> {
    let mut session = fresh(plugin)?;
    let streams = [a, b];
    let decoders = [session.open(&a.task, &a.head)?, session.open(&b.task, &b.head)?];
    let batches = streams.map(|stream| stream.batches(1));
    let mut readings = [vec![], vec![]];
    for event in 0..batches.each_ref().map(Vec::len).into_iter().max().unwrap_or(0) {
        for which in 0..2 {
            if let Some(batch) = batches[which].get(event) {
                let deltas = session.push(decoders[which], batch)?;
                readings[which].extend(deltas.into_iter().map(|delta| (event, delta.piece)));
            }
        }
    }
    for which in 0..2 {
        let deltas = session.close(decoders[which], true)?;
        readings[which].extend(deltas.into_iter().map(|delta| (usize::MAX, delta.piece)));
    }
    let [a, b] = readings;
    Ok((joined(a), joined(b)))
}
