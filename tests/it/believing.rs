//! What is believed of what providers say, and what is not: readings, answers and clocks.

mod clocks;
mod clocks_giving;
mod documented_yes;
mod doubt;
mod evidence;
mod failures;
mod forbidden;
mod observation;
mod outages;
mod partial_lists;
mod strange_answers;
mod targets_apart;
mod unanswered;
mod unanswered_whitelist;
