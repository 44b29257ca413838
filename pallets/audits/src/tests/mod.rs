//! Stories, one file a concern.

mod contests;
mod draws;
mod enrolment;
mod hidden;
mod honest;
mod invariants;
mod jobs;
mod messages;
mod mock;
mod rules;
mod settlement;
mod worker;

pub(crate) use mock::*;
