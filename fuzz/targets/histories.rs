//! Arbitrary histories of every machine, each compared with its oracle: the first byte says which machine,
//! the others are what is random in its history.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use resilient_histories::histories::{all, play};

/// The number of a history is part of the corpus: new ones come at the end.
const HISTORIES: [&str; 25] = [
    "delays_without_jitter_never_shrink_and_stay_between_base_and_cap",
    "jitter_keeps_to_the_bounds_of_its_rule",
    "decorrelated_delays_keep_to_base_cap_and_three_times_the_one_before",
    "every_decision_is_that_of_a_list_of_everything_that_happened",
    "a_late_look_never_grants_more_than_the_share",
    "the_map_does_what_a_list_does",
    "a_bulkhead_does_what_lists_of_calls_would_do",
    "a_breaker_decides_counts_and_reports_as_the_rules_say",
    "it_keeps_and_finds_what_a_list_searched_through_keeps_and_finds",
    "a_sliding_window_admits_when_every_window_has_room",
    "a_fixed_window_admits_when_the_window_has_room",
    "a_bucket_weighs_as_if_each_part_of_a_heavy_call_came_on_its_own",
    "a_leaky_bucket_keeps_a_distance_of_its_cost_behind_every_call",
    "a_call_is_admitted_when_every_interval_has_room_for_it",
    "other_settings_keep_the_bucket_as_full_as_it_was",
    "a_limit_admits_waits_and_counts_as_a_list_of_all_calls_would_say",
    "a_call_tries_again_as_a_list_of_its_delays_would_say",
    "a_retry_counts_and_a_budget_grants_as_a_list_of_all_calls_would_say",
    "timeouts_inside_each_other_end_when_a_list_of_all_ends_says",
    "a_window_of_calls_holds_exactly_the_newest",
    "a_window_of_time_holds_exactly_its_newest_buckets",
    "a_bucket_whose_settings_change_is_as_full_as_a_count_of_tokens_says",
    "the_delays_of_a_call_are_those_of_a_list_while_its_settings_change",
    "the_attempts_of_a_race_begin_and_end_as_a_list_of_them_says",
    "a_percentile_is_what_a_sorted_list_of_the_newest_calls_says",
];

fuzz_target!(
    init: {
        let mut listed = HISTORIES.to_vec();
        listed.sort_unstable();
        let mut known: Vec<&str> = all().collect();
        known.sort_unstable();
        assert_eq!(listed, known, "this list is not that of the core");
    },
    |bytes: &[u8]| -> Corpus {
        let Some((which, bytes)) = bytes.split_first() else {
            return Corpus::Reject;
        };
        let Some(name) = HISTORIES.get(usize::from(which % 32)) else {
            return Corpus::Reject;
        };
        play(name, bytes);
        Corpus::Keep
    }
);
