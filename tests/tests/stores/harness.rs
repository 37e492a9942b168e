//! What the tests need of a store, and the list of the tests.

use std::sync::Arc;

use cqrs_core::log::{Store, Unit};

/// A store of which the tests can open several handles.
pub(crate) trait Harness: Sized {
    /// The transactions in which users write, if they can.
    type Transaction: Send + 'static;

    /// A new, empty store.
    async fn open() -> Self;

    /// The handle of the process that opened it.
    fn store(&self) -> Arc<dyn Store>;

    /// A second handle on the same data, as another process has it.
    async fn another(&self) -> Arc<dyn Store>;

    /// Opens the store again after a crash: everything in memory is gone. Handles from before may not work any more.
    async fn reopen(&mut self);

    /// Writes `note` into a table of the user, in the transaction of `unit`.
    async fn write(&self, unit: &mut dyn Unit, note: &str) {
        let _ = (unit, note);
        unreachable!("users cannot write in this store");
    }

    /// The notes of all transactions that have committed, in order.
    async fn notes(&self) -> Vec<String> {
        unreachable!("users cannot write in this store");
    }
}

macro_rules! tests {
    (#[$attribute:meta] $harness:ty, $($file:ident: $($test:ident),+;)+) => {
        $($(
            #[$attribute]
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let harness = <$harness as $crate::harness::Harness>::open().await;
                $crate::$file::$test(harness).await;
            }
        )+)+
    };
}

/// All tests for one store, each with the attribute if there is one. A test that is missing here is dead code, and the
/// compiler says so.
macro_rules! suite {
    ($harness:ty) => {
        suite!(
            #[cfg(test)]
            $harness
        );
    };
    (#[$attribute:meta] $harness:ty) => {
        tests! { #[$attribute] $harness,
            append:
                append_gives_positions_in_order,
                an_empty_append_changes_nothing,
                a_large_append_goes_in_at_once,
                pages_of_any_size_read_the_same,
                a_reader_beside_many_appenders_misses_nothing,
                the_events_of_others_are_read_without_those_of_some_tenants,
                read_at_gives_what_is_there,
                the_range_is_what_the_log_has,
                a_position_after_the_end_is_an_error,
                an_event_says_when_it_was_appended,
                events_survive_a_crash;
            payloads:
                json_is_kept_byte_for_byte,
                a_payload_of_64_kib_is_kept,
                everything_about_an_event_is_kept,
                a_dead_letter_keeps_its_event_byte_for_byte;
            done_rows:
                an_entry_is_left_out_if_its_done_row_is_there,
                an_entry_is_left_out_if_its_lease_is_stale,
                an_entry_is_left_out_if_the_log_does_not_have_its_event,
                an_entry_writes_all_of_its_done_rows_or_none,
                a_done_row_counts_once_within_a_call,
                subscriptions_have_their_own_done_rows,
                of_many_owners_of_a_delivery_one_has_the_effect,
                done_rows_survive_a_crash,
                done_rows_up_to_the_checkpoint_are_forgotten,
                done_rows_are_kept_until_a_change_forgets_them,
                done_rows_of_parked_deliveries_are_kept,
                done_rows_of_other_shards_and_subscriptions_are_kept;
            handlers:
                every_handler_gets_every_event_in_order,
                what_a_handler_publishes_happens_once,
                what_a_handler_publishes_reaches_transient_handlers_and_streams,
                an_idle_application_has_handled_all_cascades,
                publish_and_wait_tells_every_outcome,
                publish_all_is_in_order_and_whole,
                a_failing_entity_that_fills_the_queue_holds_back_itself_alone,
                a_burst_of_many_publishers_reaches_a_hundred_handlers;
            detours:
                a_backlog_of_one_tenant_delays_no_other_tenant,
                a_backlog_from_before_the_start_delays_no_other_tenant,
                a_backlog_waits_across_a_restart_and_nothing_is_handled_twice;
            health:
                an_application_is_ready_while_its_store_answers,
                handlers_that_need_attention_are_in_the_health;
            versions:
                an_event_of_an_older_version_reaches_its_handler_in_the_current_form,
                an_event_that_cannot_be_upcast_is_a_dead_letter_with_the_reason,
                an_event_of_a_newer_version_waits_for_a_build_that_knows_it;
            scheduled:
                what_is_due_moves_in_the_order_of_its_times,
                without_scheduled_events_nothing_is_due,
                any_time_can_be_scheduled,
                everything_about_a_scheduled_event_is_kept,
                an_event_is_cancelled_while_it_is_scheduled,
                nodes_that_move_at_the_same_time_move_nothing_twice,
                a_reader_learns_of_what_was_moved,
                an_event_is_published_once_when_its_time_has_come,
                what_is_cancelled_is_never_published,
                a_time_that_has_passed_is_at_once,
                events_of_one_key_arrive_in_the_order_of_their_times,
                scheduled_events_survive_a_restart,
                a_test_moves_the_clock_to_the_time_of_a_scheduled_event,
                what_a_handler_schedules_is_by_the_clock_that_a_test_moved,
                a_node_publishes_what_another_one_has_scheduled,
                a_node_without_handlers_publishes_what_is_due,
                a_scheduled_event_keeps_its_context,
                what_publish_refuses_is_not_scheduled,
                what_a_handler_schedules_happens_once,
                scheduled_events_reach_transient_handlers_and_streams,
                scheduling_survives_a_store_that_is_away;
            starting_and_stopping:
                a_new_handler_gets_what_is_published_before_the_start,
                a_new_handler_starts_where_it_says,
                a_handler_that_is_far_behind_catches_up,
                what_was_published_before_a_restart_is_handled_after_it,
                a_clean_restart_handles_nothing_twice,
                a_failing_entity_holds_back_itself_alone_also_across_a_restart,
                a_parked_delivery_that_no_handler_wants_any_more_keeps_nothing_waiting,
                a_shutdown_waits_for_no_retry,
                an_application_that_is_dropped_frees_its_store_and_its_handlers;
            outages:
                a_node_that_could_not_renew_its_leases_goes_on_when_it_can,
                an_application_survives_a_store_that_is_away,
                a_publisher_is_refused_at_its_deadline_while_others_wait,
                a_handler_whose_events_the_store_refuses_fails,
                a_shutdown_ends_although_the_store_hangs,
                a_clean_restart_after_an_outage_handles_nothing_twice;
            lost_logs:
                a_save_on_the_way_skips_no_event_of_a_log_with_other_events,
                a_save_on_the_way_skips_no_event_of_a_log_that_ends_earlier,
                an_event_behind_which_this_node_appends_is_not_skipped,
                what_a_handler_publishes_for_a_lost_event_does_not_happen;
            nodes:
                two_nodes_share_the_events_and_one_takes_over_from_the_other,
                a_node_that_joins_a_busy_application_loses_nothing,
                a_node_that_gives_parked_deliveries_away_goes_on_with_the_rest,
                a_node_that_takes_shards_while_it_reads_old_events_loses_nothing,
                a_node_without_handlers_takes_no_shards,
                a_node_without_shards_is_idle,
                a_publisher_does_not_wait_for_handlers_on_another_node,
                a_stuck_handler_keeps_no_shard_from_other_nodes;
            operations:
                dead_letters_are_found_by_each_part_of_a_filter,
                a_dead_letter_is_redelivered_to_its_handler_alone,
                a_dead_letter_is_edited_and_redelivered,
                a_discarded_delivery_is_gone,
                a_parked_delivery_is_tried_at_once,
                a_pause_holds_on_all_nodes_and_after_a_restart,
                a_reset_handler_handles_again_what_follows,
                a_reset_goes_to_a_time_a_position_or_the_end,
                a_pruned_log_has_what_is_needed,
                a_forgotten_subscription_is_gone,
                what_an_operator_does_is_an_event_with_the_actor;
            operations_on_nodes:
                a_reset_from_another_node_fences_an_attempt_that_runs,
                a_discard_from_another_node_fences_an_attempt_that_runs,
                a_node_without_the_shard_redelivers,
                a_prune_beside_publishers_and_readers_removes_nothing_that_is_needed,
                a_filter_by_tenant_shows_nothing_of_other_tenants;
            blocking:
                a_dead_letter_blocks_its_key_across_a_restart,
                another_node_that_takes_over_blocks_the_key_until_an_operator_acts;
            policies:
                a_discarded_delivery_leaves_no_dead_letter_and_does_not_come_again,
                an_event_that_expires_while_its_handler_is_paused_is_not_attempted,
                an_event_that_expires_before_another_attempt_is_discarded;
            subscriptions:
                a_new_subscription_starts_now_or_at_the_beginning,
                a_subscription_keeps_its_start,
                a_subscription_that_is_not_wanted_is_still_listed,
                nodes_that_register_at_the_same_time_agree;
            wrong_handlers:
                a_renamed_handler_starts_anew_and_the_old_one_is_reported,
                a_handler_that_fails_for_every_event_opens_its_breaker,
                an_application_whose_store_is_away_fails_or_starts_later;
            leases:
                a_shard_has_one_owner,
                a_claim_takes_no_more_than_asked,
                nodes_that_claim_at_the_same_time_share,
                an_expired_node_loses_its_shards,
                a_beat_extends_the_life_of_a_node,
                a_beat_tells_who_lives_and_what_a_node_has,
                a_released_shard_is_free_at_once,
                a_lost_lease_is_not_released,
                a_node_that_leaves_frees_its_shards,
                tokens_rise_with_each_owner,
                tokens_rise_after_a_crash;
            progress:
                a_checkpoint_is_where_the_next_owner_begins,
                a_stale_change_is_refused_and_others_are_saved,
                nothing_of_a_stale_change_is_saved,
                nothing_is_saved_in_another_log,
                a_log_is_known_by_an_event_that_was_pruned,
                a_change_that_is_saved_twice_is_harmless,
                one_call_saves_for_many_shards_and_subscriptions,
                what_is_done_above_a_checkpoint_is_kept_with_it,
                shards_are_independent,
                progress_survives_a_crash;
            parked:
                parked_deliveries_come_back_in_order,
                another_attempt_changes_a_parked_delivery,
                an_unparked_delivery_is_gone,
                a_dead_delivery_leaves_with_its_event,
                a_dead_delivery_that_blocks_its_key_stays_parked,
                many_deliveries_are_parked_at_once;
            news:
                an_append_wakes_a_reader_of_the_same_handle,
                another_handle_learns_of_an_append_in_time;
        }
    };
}

/// All tests of the transactions in which users write.
macro_rules! suite_of_units {
    ($harness:ty) => {
        suite_of_units!(
            #[cfg(test)]
            $harness
        );
    };
    (#[$attribute:meta] $harness:ty) => {
        tests! { #[$attribute] $harness,
            units:
                the_effect_and_its_done_row_commit_together,
                what_a_unit_publishes_is_seen_after_its_commit,
                what_a_unit_published_comes_before_what_is_appended_later,
                a_dropped_unit_leaves_no_trace,
                of_two_units_with_the_same_done_row_one_commits,
                a_unit_and_an_append_have_one_effect,
                a_unit_with_a_stale_lease_is_refused,
                a_unit_is_refused_if_the_log_does_not_have_its_event,
                a_takeover_beside_an_open_unit_has_one_effect,
                a_reader_beside_units_and_appenders_misses_nothing,
                an_entity_is_read_in_the_order_of_its_commits;
            scheduled:
                what_a_unit_schedules_counts_after_its_commit;
            idempotency:
                a_second_request_gets_the_output_of_the_first_one,
                of_requests_at_the_same_time_one_is_executed,
                a_key_is_of_one_tenant_one_actor_and_one_command,
                a_key_with_other_content_is_refused,
                a_request_that_failed_can_be_sent_again,
                the_output_of_the_last_attempt_is_kept,
                a_client_that_left_at_the_commit_gets_the_output;
        }
    };
}
