//! `on_idle` work: looks at a model, and at what has become due.

use crate::{Challenges, Config, Ends, Event, Line, Pallet, Phase, Queued, WeightInfo};
use frame_support::{
	traits::Get,
	weights::{Weight, WeightMeter},
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::traits::Saturating;

/// Entries of each line that one block takes, at most.
const DUE_PER_BLOCK: u32 = 4;

impl<T: Config> Pallet<T> {
	/// Does as much as the weight allows.
	pub(crate) fn tick(remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		if meter.try_consume(T::WeightInfo::look_at_model()).is_err() {
			return meter.consumed();
		}
		Self::look_at_model();
		for line in Line::ALL {
			for _ in 0..DUE_PER_BLOCK {
				if !meter.can_consume(T::WeightInfo::due()) {
					return meter.consumed();
				}
				// Lines are looked at in the weight above.
				let Some(id) = Self::dequeue(line) else { break };
				meter.consume(T::WeightInfo::due());
				Self::on_due(line, id);
			}
		}
		meter.consumed()
	}

	/// Puts something at the end of a line.
	pub(crate) fn enqueue(line: Line, due: BlockNumberFor<T>, id: H256) {
		let (first, end) = Ends::<T>::get(line);
		Queued::<T>::insert(line, end, (due, id));
		Ends::<T>::insert(line, (first, end.saturating_add(1)));
	}

	/// Takes the first of a line, if it is due.
	fn dequeue(line: Line) -> Option<H256> {
		let (first, end) = Ends::<T>::get(line);
		let (_, id) = Queued::<T>::get(line, first).filter(|(due, _)| *due <= Self::now())?;
		Queued::<T>::remove(line, first);
		let first = first.saturating_add(1);
		if first == end {
			Ends::<T>::remove(line);
		} else {
			Ends::<T>::insert(line, (first, end));
		}
		Some(id)
	}

	/// Draws the consequences of time.
	pub(crate) fn on_due(line: Line, id: H256) {
		if line == Line::Root {
			return Self::forget_root(id);
		}
		let Some(record) = Challenges::<T>::get(id) else { return };
		let (operator, now) = (record.operator.clone(), Self::now());
		match (line, record.phase) {
			// The entry is an earlier challenge's of the same receipt, which was defended. The time of this one is not over.
			(Line::Defence, Phase::Open { until }) | (Line::Late, Phase::Silent { until }) if until > now => {
			}
			(Line::Defence, Phase::Open { .. }) if record.stated().is_current() => {
				Self::condemn_silence(id, record);
			}
			// What can be neither proven nor defended costs no one anything.
			(Line::Defence, Phase::Open { .. }) => {
				Self::close(id, &record);
				Self::deposit_event(Event::ChallengeVoid { receipt: id });
			}
			(Line::Late, Phase::Silent { .. }) | (Line::Dispute, Phase::Defended { games: 0, .. }) => {
				Self::close(id, &record);
				Self::deposit_event(Event::ChallengeClosed { receipt: id, operator });
			}
			// A game that began in time is open.
			(Line::Dispute, Phase::Defended { .. }) => {
				let due = now.saturating_add(T::DisputeWindow::get()).saturating_add(1u32.into());
				Self::enqueue(Line::Dispute, due, id);
			}
			// It has been defended since.
			_ => {}
		}
	}
}
