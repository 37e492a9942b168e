//! The README's guarantees, each proved in a file named after it.

mod guarantee_1_wiring_is_proved_at_start_up;
mod guarantee_2_every_message_has_a_tenant;
mod guarantee_3_a_publisher_never_feels_its_handlers;
mod guarantee_4_order_and_concurrency_are_stated;
mod guarantee_5_idempotency_can_be_tested;
mod guarantee_6_back_pressure_without_deadlock;
mod guarantee_7_nothing_vanishes_at_start_or_stop;
mod guarantee_8_events_are_not_requests;
mod guarantee_9_payloads_stay_small;
mod support;
mod under_attack;
