use super::*;
use crate::metrics::request::tests::record;
use crate::metrics::{Context, Estimates, Sample, Terms, TokenBasis, summarize};
use crate::report::compare::Traits;
use crate::report::compare::document::Block;

/// A run of 40 requests, four at a time: the first token after `ttft` to `ttft + 38` ms, then 20 tokens every `ttft / 2` ms.
pub(in crate::report::compare) fn run(model: &str, ttft: u64) -> ComparedRun {
    let records: Vec<_> = (0..40u64)
        .map(|id| {
            let first = 2 + ttft + id * 7 % 39;
            record(id, &(0..20).map(|n| first + n * ttft / 2).collect::<Vec<_>>())
        })
        .collect();
    let summary = summarize(&records, Context::default());
    let sample = Sample::of_records(&records, TokenBasis::Local, &Terms::default());
    let rate = summary.output_throughput.expect("a rate");
    let rates = [(Aggregate::OutputThroughput, rate), (Aggregate::RequestThroughput, 4.0)]
        .map(|(rate, value)| (Quantity::Rate(rate), value));
    let traits = Traits::of_name(model);
    ComparedRun {
        label: traits.label(),
        model: model.to_owned(),
        traits,
        tool: Tool::Llmperf,
        path: "summary.json".into(),
        ok: 40,
        failed: 0,
        concurrency: Some(4),
        request_rate: None,
        verdict: Some("VALID".to_owned()),
        from_records: false,
        torn: false,
        distributions: summary.distributions.clone(),
        rates: rates.into(),
        objectives: vec![],
        estimates: Estimates::of(&sample, &rates, 0, ttft),
        sample: Some(sample),
    }
}

fn headings(language: Language) -> Vec<(u8, String)> {
    let runs =
        [run("gemma2:27b-instruct-q5_K_M", 90), run("gemma2:9b-instruct-q8_0", 30), run("llama3.1:8b", 20)];
    let blocks = report(&runs, language, 0).0;
    let heading = |block| match block {
        Block::Heading(level, text) => Some((level, text)),
        _ => None,
    };
    blocks.into_iter().filter_map(heading).collect()
}

#[test]
fn the_report_has_the_sections_of_the_one_that_was_written_by_hand() {
    let chinese = headings(Language::Chinese);
    let expected = [
        (2, "测试配置概览"),
        (2, "性能指标详细对比"),
        (3, "1. 响应速度指标"),
        (4, "首个令牌生成时间 (TTFT, 单位: 秒)"),
        (4, "令牌间延迟 (ITL, 单位: 秒)"),
        (4, "端到端延迟 (E2EL, 单位: 秒)"),
        (3, "2. 吞吐量指标"),
        (4, "单请求吞吐量 (tokens/秒)"),
        (4, "整体性能"),
        (3, "3. 输出特征"),
        (2, "性能分析"),
        (3, "1. 模型尺寸与性能关系分析"),
        (4, "Gemma2 系列规模效应（9B → 27B）"),
        (3, "2. 规模梯度效应"),
        (3, "3. 量化效果分析"),
    ];
    let found: Vec<(u8, &str)> =
        chinese.iter().skip(1).map(|(level, text)| (*level, text.as_str())).collect();
    assert_eq!(&found[..expected.len()], expected);
    let english: Vec<u8> = headings(Language::English).into_iter().map(|(level, _)| level).collect();
    assert_eq!(english, chinese.into_iter().map(|(level, _)| level).collect::<Vec<_>>());
}

#[test]
fn changes_are_said_with_their_interval_or_as_noise() {
    let runs = [run("a:1b", 20), run("a:2b", 60), run("b:1b", 20), run("b:3b", 20)];
    let text = format!("{:?}", report(&runs, Language::English, 0));
    assert!(text.contains("Time to first token (TTFT): up 10"), "{text}");
    assert!(text.contains("from 1B to 2B (0.0385 → 0.0785 s; 95% interval +"), "{text}");
    assert!(text.contains("no difference beyond the noise from 1B to 3B"), "{text}");
    assert!(text.contains("1 (shared)"), "{text}");
}

#[test]
fn notes_say_what_stands_between_the_runs_and_a_comparison() {
    let mut runs = [run("a:1b", 20), run("b:2b", 60)];
    assert_eq!(notes::notes(&runs, Language::English.words()), Vec::<String>::new());
    runs[0].concurrency = Some(9);
    runs[0].failed = 2;
    runs[0].verdict = Some("INVALID".to_owned());
    (runs[0].from_records, runs[0].torn) = (true, true);
    runs[1].tool = Tool::LegacyLlmperf;
    runs[1].sample = None;
    assert_eq!(notes::notes(&runs, Language::English.words()).len(), 7);
    assert_eq!(notes::notes(&runs, Language::Chinese.words()).len(), 7);
}
