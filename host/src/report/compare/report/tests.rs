use super::*;
use crate::metrics::request::tests::record;
use crate::metrics::{Context, Estimates, Sample, Terms, TokenBasis, summarize};
use crate::report::compare::document::Block;
use crate::report::compare::{Facts, Traits};

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
        started: None,
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
        facts: Facts::default(),
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
        (4, "令牌间延迟 (ITL, 单位: 毫秒)"),
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
    assert!(text.contains("from 1B to 2B (10 → 30 ms; 95% interval +"), "{text}");
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
    runs[1].tool = Tool::LlmperfFiles;
    assert!(notes::notes(&runs, Language::English.words())[0].starts_with("Of a *_summary.json"));
    (runs[0].from_records, runs[0].torn) = (true, true);
    runs[1].tool = Tool::LegacyLlmperf;
    runs[1].sample = None;
    assert_eq!(notes::notes(&runs, Language::English.words()).len(), 7);
    assert_eq!(notes::notes(&runs, Language::Chinese.words()).len(), 7);
}

#[test]
fn the_report_ends_with_advice_in_both_languages() {
    let runs =
        [run("a:7b-q8_0", 20), run("a:7b-q4_K_M", 20), run("a:14b-q4_K_M", 30), run("a:70b-q4_K_M", 400)];
    let of = |language| {
        let all = report(&runs, language, 0).0;
        let headings = all.into_iter().filter_map(|block| match block {
            Block::Heading(level, text) => Some((level, text)),
            _ => None,
        });
        headings.collect::<Vec<_>>()
    };
    let chinese = of(Language::Chinese);
    let start = chinese.iter().position(|(_, text)| text == "部署建议").expect("the section");
    let found: Vec<(u8, &str)> =
        chinese[start..].iter().map(|(level, text)| (*level, text.as_str())).collect();
    let expected = [
        (2, "部署建议"),
        (3, "1. 场景匹配"),
        (4, "实时交互场景"),
        (4, "吞吐量场景"),
        (4, "平衡场景"),
        (4, "高质量输出场景"),
        (3, "2. 部署策略"),
        (4, "单一模型部署"),
        (4, "混合部署策略"),
        (2, "优化建议"),
        (3, "1. 并发控制"),
        (3, "2. 请求排队"),
        (3, "3. 超时控制"),
        (3, "4. 量化选择"),
    ];
    assert_eq!(found, expected);
    assert_eq!(of(Language::English).len(), chinese.len());
}

#[test]
fn every_piece_of_advice_has_a_rule_and_a_finding_and_no_gap_is_left_open() {
    let sweep = |concurrency, ttft| ComparedRun { concurrency: Some(concurrency), ..run("b:9b", ttft) };
    let open_loop = |rate| ComparedRun { request_rate: Some(rate), ..run("c:9b", 20) };
    let sets = [
        vec![],
        vec![run("a:7b", 20)],
        vec![run("a:7b-q8_0", 20), run("a:7b-q4_K_M", 40), run("a:14b", 30), run("a:70b", 400)],
        vec![run("x", 20), run("y", 20)],
        vec![sweep(1, 20), sweep(4, 20), sweep(8, 60), open_loop(2.0), open_loop(4.0)],
    ];
    for runs in sets {
        for language in [Language::English, Language::Chinese] {
            let advised = advised(&runs, language);
            assert_eq!(advised.items().count(), 10);
            for item in advised.items() {
                assert!(!item.rule.is_empty() && !item.says.is_empty(), "{item:?}");
                for sentence in item.says.iter().chain([&item.rule]).chain(&advised.ground) {
                    assert!(!sentence.contains(['{', '}']), "{sentence}");
                }
                assert!(item.decided || item.recommends.is_empty(), "{item:?}");
            }
        }
    }
}
