//! The words of advice.

mod en;
mod zh;

use serde::Serialize;

pub(super) use en::WORDS as ENGLISH;
pub(super) use zh::WORDS as CHINESE;

super::words! {
    AdviceWords:
    deployment optimisation advice_note ground left_out_unsound left_out_load left_out_model joined
    by_scenario balanced high_quality strategy one_model mix
    one_concurrency one_queueing one_time_out one_quantisation
    interactive_advice batch_advice balanced_advice quality_advice quality_checked one_model_rule mix_rule
    concurrency_rule queueing_rule time_out_rule quantisation_advice_rule
    recommended recommended_alike larger_open quality_unmeasured undecided
    missing_models missing_requests missing_best missing_bounds missing_bounds_open missing_sizes
    for_all balanced_only one_undecided resources
    both both_accuracy both_unmeasured both_loads one_for_both not_slower not_more_accurate mix_undecided
    saturates not_reached below_lowest saturation_unknown highest_within none_within no_sweep
    crowd no_crowd waiting_none waiting_bursts waiting_grows waiting_unknown no_open_loop
    time_out time_out_cut time_out_few time_out_none
    faster less_accurate mixed same quantisation_unknown accuracy_change no_pairs
    size accuracy_of time_out_column load_at_once load_rate offered achieved dropped lag
    best within beyond open no_number
}
