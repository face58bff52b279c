//! The words of the page in each language. What `summary.json` says in words of its own (reasons, notes, formulas) stays as it is
//! there; where a kind of it is known, its Chinese name stands in front.

use crate::report::Language;

macro_rules! words {
    ($($word:ident: $english:literal, $chinese:literal;)*) => {
        /// Every word and sentence; `{gap}` is filled in.
        #[derive(Debug)]
        pub(super) struct Words {
            /// The language as HTML names it.
            pub(super) lang: &'static str,
            /// What names of `summary.json` are called; where one is not here, the text of the file stands for it.
            names: &'static [(&'static str, &'static str)],
            $(pub(super) $word: &'static str,)*
        }

        const ENGLISH: Words = Words { lang: "en", names: &[], $($word: $english,)* };
        const CHINESE: Words = Words { lang: "zh-CN", names: NAMES, $($word: $chinese,)* };

        #[cfg(test)]
        const PAIRS: &[(&str, &str)] = &[$(($english, $chinese),)*];
    };
}

words! {
    built_in: "the built-in target", "内置目标";
    headline: "{api} at {target} · {load} · measured {window} s · plugin {plugin} · {started}",
        "{target} 上的 {api} · {load} · 测量 {window} 秒 · 插件 {plugin} · {started}";
    open: "{rate} requests/s {process}, at most {n} concurrent", "{rate} 请求/秒（{process}），最大并发 {n}";
    scheduled: "a schedule, at most {n} concurrent", "按速率计划，最大并发 {n}";
    closed: "{n} concurrent", "并发 {n}";
    no_verdict: "No verdict", "没有判定";
    replay: "This is a replay: whether to believe the run was said when it was made.",
        "这是一次回放：结果是否可信，在当初测试时已有判定。";
    not_judged: "These numbers were made again from the records of a run, which do not say how the client fared.",
        "这些数字由测试的记录重新汇总得出，而记录中没有客户端的运行状况。";
    valid: "VALID", "有效";
    doubtful: "DOUBTFUL", "存疑";
    invalid: "INVALID", "无效";
    requests_per_s: "Requests", "请求";
    tokens_per_s: "Output tokens", "输出令牌";
    error_rate: "Error rate", "失败率";
    goodput: "Goodput", "达标请求 (Goodput)";
    per_second: "/s", "/秒";
    successful: "Successful", "成功";
    successful_of: "of {n}", "共 {n}";
    failed: "{n} failed", "失败 {n}";
    cancelled: "{n} cancelled", "取消 {n}";
    dropped: "{n} dropped", "丢弃 {n}";
    counted: "Successful requests of those scheduled. Scheduled = sent + dropped, sent = ok + failed + cancelled; warm-up requests are in none of these.",
        "计划请求中成功的请求。计划 = 发出 + 丢弃，发出 = 成功 + 失败 + 取消；预热请求不计入其中。";
    objectives: "Objectives", "服务目标";
    result: "result", "结果";
    met: "met", "达标";
    missed: "missed", "未达标";
    share_met: "share that met it", "达标比例";
    interval: "95 % interval", "95 % 置信区间";
    of: "of", "总数";
    worst: "worst", "最差";
    objectives_met: "{good} of {due} due requests met all of them; failed, dropped and cancelled ones are misses",
        "应发的 {due} 个请求中有 {good} 个满足全部目标；失败、丢弃和取消的请求计为未达标";
    failures: "Failures", "失败";
    none: "None.", "无。";
    kind: "kind", "类别";
    code: "code", "代码";
    count: "count", "数量";
    of_failures: "of all failures", "占全部失败";
    example: "an example", "示例";
    share_of_failures: "{share} % of all failures", "占全部失败的 {share} %";
    more_kinds: "and {n} more kinds", "另有 {n} 类";
    notes: "Notes", "说明";
    from_records: "the run was killed or has not ended: it has no summary.json, and these numbers are from the {n} requests in its records.jsonl",
        "测试被终止或尚未结束：没有 summary.json，这些数字来自 records.jsonl 中的 {n} 个请求";
    torn: "records.jsonl ends inside a line; the charts lack that request", "records.jsonl 的最后一行不完整；图表中没有该请求";
    disagree: "summary.json is of {a} requests with a first token, and records.jsonl holds {b}: the charts are of the latter",
        "summary.json 统计了 {a} 个有首个令牌的请求，而 records.jsonl 中有 {b} 个：图表依据后者";
    latencies: "Latencies and lengths", "延迟与长度";
    unit: "unit", "单位";
    few: "~ too few values for a 95 % interval (p50 needs 6, p90 36, p95 72, p99 368)",
        "~ 样本过少，没有 95 % 置信区间（p50 需 6 个，p90 需 36 个，p95 需 72 个，p99 需 368 个）";
    ttft_due: "TTFT from due", "TTFT（自应发时刻）";
    tokens_per_event: "Tokens/event", "令牌/事件";
    per_request: "Per request", "单请求";
    definitions: "Definitions", "定义";
    definition: "{title}: {formula}. Defined when {when}.", "{title}：{formula}。有定义的条件：{when}。";
    defined_when: "in {unit}, defined when {when}", "单位 {unit}；有定义的条件：{when}";
    plan: "Plan", "测试计划";
    program: "Program and machine", "程序与机器";
    client: "Client and answers", "客户端与应答";
    distribution: "Distribution", "分布";
    over_time: "Over time", "随时间变化";
    by_length: "Against the length of prompt and answer", "与输入、输出长度的关系";
    requests: "requests", "请求";
    gaps: "gaps", "间隔";
    share_below: "share below", "累计比例";
    spread_name: "Histogram and cumulative share of {metric}", "{metric} 的直方图与累计比例";
    course_name: "{metric} over time, and requests in flight", "{metric} 随时间的变化，以及进行中的请求";
    seconds: "s from the first request", "秒（自首个请求）";
    in_flight: "in flight", "进行中";
    requests_in_flight: "requests in flight", "进行中的请求";
    input_tokens: "input tokens", "输入令牌";
    output_tokens: "output tokens", "输出令牌";
    scatter_name: "{metric} of each request against its {length}", "每个请求的 {metric} 与其{length}";
    scatter: "{metric} against {length}", "{metric} 与{length}";
    lines: "lines: p50 and p95 of each step, within {error} %", "曲线：每步的 p50 与 p95，误差在 {error} % 以内";
    beyond: "{n} of {of} beyond the axis", "{of} 个中有 {n} 个超出坐标轴";
    foot: "Measured by llmperf {by}, page by llmperf {made}.", "由 llmperf {by} 测量，页面由 llmperf {made} 生成。";
}

/// Numbers, reasons and words of `summary.json` in Chinese.
const NAMES: &[(&str, &str)] = &[
    ("output_throughput", "总体输出吞吐量"),
    ("request_throughput", "请求处理速率"),
    ("goodput", "达标请求速率"),
    ("error_rate", "请求失败率"),
    ("ttft", "首个令牌生成时间"),
    ("ttft_due", "自应发时刻的首个令牌时间"),
    ("ttfo", "首个可见文本时间"),
    ("e2el", "端到端延迟"),
    ("e2el_due", "自应发时刻的端到端延迟"),
    ("schedule_lag", "发送滞后"),
    ("connect", "建立连接"),
    ("itl", "令牌间延迟"),
    ("tokens_per_event", "每事件令牌数"),
    ("tpot", "每输出令牌时间"),
    ("output_throughput_per_request", "单请求吞吐量"),
    ("isl", "输入长度"),
    ("osl", "输出长度"),
    ("requests", "请求"),
    ("gaps", "间隔"),
    ("nothing_measured", "没有请求成功"),
    ("plugin_gave_up", "插件反复失败"),
    ("plugin_faults", "插件出错"),
    ("errors", "失败请求"),
    ("cut_short", "测试被提前结束"),
    ("rate_not_met", "未达到请求速率"),
    ("dropped", "丢弃请求"),
    ("slots_idle", "并发槽空闲"),
    ("reactor_lag", "客户端读取滞后"),
    ("io_starved", "客户端缺少 CPU"),
    ("io_busy", "客户端过忙"),
    ("throttled", "容器 CPU 限额"),
    ("steal", "虚拟化占用 CPU"),
    ("open_files", "打开文件数"),
    ("local_ports", "本地端口"),
    ("decode_backlog", "解码积压"),
    ("records_stalled", "记录写入缓慢"),
    ("tokens_disagree", "令牌计数不一致"),
    ("not_steady", "未达到稳定状态"),
    ("few_samples", "样本过少"),
    ("beyond_calibration", "超出校准范围"),
    ("not_calibrated", "未校准"),
];

impl Words {
    pub(super) fn of(language: Language) -> &'static Words {
        match language {
            Language::English => &ENGLISH,
            Language::Chinese => &CHINESE,
        }
    }

    /// What a name of `summary.json` is called in this language, where it is not the file's own text.
    pub(super) fn name(&self, name: &str) -> Option<&'static str> {
        self.names.iter().find(|(known, _)| *known == name).map(|(_, called)| *called)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Aggregate, Metric};

    #[test]
    fn both_languages_have_the_same_gaps_and_no_markup() {
        let gaps = |text: &str| {
            let mut gaps: Vec<String> =
                text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0.to_owned())).collect();
            gaps.sort();
            gaps
        };
        for (english, chinese) in PAIRS {
            assert_eq!(gaps(english), gaps(chinese), "{english}");
            assert!(!english.is_empty() && english != chinese, "{english}");
            assert!(!format!("{english}{chinese}").contains(['<', '>', '&', '"']), "{english}");
        }
    }

    #[test]
    fn every_number_of_a_summary_has_a_chinese_name() {
        let metrics = Metric::ALL.map(|metric| metric.definition().name);
        let rates = Aggregate::ALL.map(|rate| rate.definition().name);
        for name in metrics.iter().chain(&rates) {
            assert!(CHINESE.name(name).is_some() && ENGLISH.name(name).is_none(), "{name}");
        }
    }
}
