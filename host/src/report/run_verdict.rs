//! The verdict of one run among several: its word in a table, and what made it so below.

use serde_json::Value;

use super::inert;
use crate::metrics::{Validity, Verdict};

/// A reason quotes numbers only, and a file may hold anything.
const REASON_WIDTH: usize = 200;

/// The verdict of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunVerdict {
    pub validity: Validity,
    /// Those that made it so; none of a run that is valid.
    pub reasons: Vec<String>,
}

impl RunVerdict {
    /// Of a run that was judged.
    pub fn of(verdict: &Verdict) -> RunVerdict {
        let reasons = verdict.reasons.iter().filter(|(validity, _)| is_cause(*validity, verdict.validity));
        let reasons = reasons.map(|(_, reason)| reason.to_string()).collect();
        RunVerdict { validity: verdict.validity, reasons }
    }

    /// Of a saved run, by its `summary.json`; `None` where it was not judged.
    pub fn read(summary: &Value) -> Option<RunVerdict> {
        let validity = Validity::of_word(summary["verdict"]["level"].as_str()?)?;
        let reasons = summary["verdict"]["reasons"].as_array().into_iter().flatten();
        let level = |reason: &Value| reason["level"].as_str().and_then(Validity::of_word);
        let reasons = reasons.filter(|reason| level(reason).is_some_and(|level| is_cause(level, validity)));
        let message = |reason: &Value| Some(inert(reason["message"].as_str()?, REASON_WIDTH));
        Some(RunVerdict { validity, reasons: reasons.filter_map(message).collect() })
    }

    /// The gravest of several, as those of the steps of a search.
    pub fn gravest(verdicts: impl Iterator<Item = RunVerdict>) -> Option<RunVerdict> {
        verdicts.reduce(|gravest, next| if next.validity > gravest.validity { next } else { gravest })
    }

    /// Its word, which cannot be missed.
    pub fn word(&self) -> String {
        self.validity.word().to_uppercase()
    }

    /// It with what made it so; `None` of a run that is valid.
    pub fn explained(&self) -> Option<String> {
        let reasons = self.reasons.join("; ");
        (!reasons.is_empty()).then(|| format!("{}: {reasons}", self.word()))
    }
}

fn is_cause(reason: Validity, verdict: Validity) -> bool {
    reason == verdict && verdict != Validity::Valid
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metrics::Reason;

    #[test]
    fn what_made_a_run_invalid_is_said_and_remarks_are_not() {
        let reasons = vec![
            (Validity::Invalid, Reason::Errors { share: 0.5 }),
            (Validity::Doubtful, Reason::FewSamples { n: 3 }),
            (Validity::Valid, Reason::NotCalibrated),
        ];
        let verdict = Verdict { validity: Validity::Invalid, reasons };
        let saved = json!({"verdict": {"level": "invalid", "reasons": [
            {"level": "invalid", "message": Reason::Errors { share: 0.5 }.to_string()},
            {"level": "valid", "message": "a remark"}]}});
        for verdict in [RunVerdict::of(&verdict), RunVerdict::read(&saved).expect("a verdict")] {
            let line = verdict.explained().expect("a reason");
            assert!(line.starts_with("INVALID: "), "{line}");
            assert!(line.contains("50") && !line.contains("remark") && !line.contains("samples"), "{line}");
        }
        let valid =
            Verdict { validity: Validity::Valid, reasons: vec![(Validity::Valid, Reason::NotCalibrated)] };
        let valid = RunVerdict::of(&valid);
        assert_eq!((valid.word().as_str(), valid.explained()), ("VALID", None));
        assert_eq!(RunVerdict::read(&json!({})), None);
        let gravest = RunVerdict::gravest([valid, RunVerdict::of(&verdict)].into_iter());
        assert_eq!(gravest.map(|verdict| verdict.validity), Some(Validity::Invalid));
    }
}
