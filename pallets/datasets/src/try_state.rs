//! Invariants of this pallet's storage, one function each.

use crate::{
	Agenda, AnnouncedBlobs, AuditKind, AuditRecordOf, Audits, BlobChunks, Blobs, Config, Datasets, Due,
	Electorates, FreshUntil, Manifests, NextDataset, NextElectorate, OpenCount, Pallet, RescanCount, Roots,
	SeatState, Series, UseCount, Uses, Voted,
};
use alloc::collections::{BTreeMap, BTreeSet};
use blyan_primitives::DatasetStage;
use blyan_runtime_api::datasets::AuditStep;
use frame_support::{ensure, traits::Get};
use sp_runtime::{traits::SaturatedConversion, TryRuntimeError};

impl<T: Config> Pallet<T> {
	/// Checks everything below.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_names()?;
		Self::check_agenda()?;
		Self::check_open()?;
		Self::check_roots()?;
		Self::check_blobs()?;
		Self::check_audits()?;
		Self::check_votes()?;
		Self::check_lineage()
	}

	/// Every dataset belongs to a series of its contributor.
	fn check_names() -> Result<(), TryRuntimeError> {
		let next = NextDataset::<T>::get();
		ensure!(Series::<T>::iter_keys().all(|dataset| dataset < next), "a number was not given out");
		for (name, record) in Datasets::<T>::iter() {
			let series = Series::<T>::get(name.dataset).ok_or("a dataset has no series")?;
			ensure!(name.version < series.versions, "a version was not given out");
			ensure!(record.creator == series.creator, "a version is another account's");
			ensure!(
				record.named <= record.blobs && record.named_bytes <= record.bytes,
				"more is named than was offered"
			);
		}
		Ok(())
	}

	/// The agenda and the moments of datasets agree, and everything that waits for a moment has one.
	fn check_agenda() -> Result<(), TryRuntimeError> {
		let mut listed = 0usize;
		for (moment, datasets) in Agenda::<T>::iter() {
			ensure!(!datasets.is_empty(), "an empty moment is kept");
			for dataset in datasets {
				listed = listed.saturating_add(1);
				ensure!(Due::<T>::get(dataset) == Some(moment), "the agenda and a dataset disagree");
			}
		}
		ensure!(listed == Due::<T>::iter_keys().count(), "a dataset's moment is not on the agenda");
		for (name, record) in Datasets::<T>::iter() {
			let waits = match record.stage {
				DatasetStage::Approved(_) => FreshUntil::<T>::contains_key(name),
				// One that taught an expert stays when its blobs are gone.
				DatasetStage::Rejected(_) => BlobChunks::<T>::get(name) > 0,
				_ => true,
			};
			ensure!(!waits || Due::<T>::contains_key(name), "a dataset waits for nothing");
		}
		Ok(())
	}

	/// As many datasets are open as are counted.
	fn check_open() -> Result<(), TryRuntimeError> {
		let is_open = |stage: DatasetStage| {
			matches!(stage, DatasetStage::Pending | DatasetStage::Audit | DatasetStage::Vote)
		};
		let open = Datasets::<T>::iter_values().filter(|record| is_open(record.stage)).count();
		ensure!(OpenCount::<T>::get() == open.saturated_into::<u32>(), "open datasets are miscounted");
		ensure!(OpenCount::<T>::get() <= T::MaxOpen::get(), "more datasets are open than there is room for");
		Ok(())
	}

	/// A root stands for a dataset that has it; no two datasets in use share one.
	fn check_roots() -> Result<(), TryRuntimeError> {
		for (root, name) in Roots::<T>::iter() {
			let record = Datasets::<T>::get(name).ok_or("a root stands for nothing")?;
			ensure!(record.root == root, "a root stands for another dataset");
		}
		for (name, record) in Datasets::<T>::iter() {
			let is_rejected = matches!(record.stage, DatasetStage::Rejected(_));
			ensure!(
				is_rejected || Roots::<T>::get(record.root) == Some(name),
				"a dataset's root is not taken"
			);
		}
		Ok(())
	}

	/// Announcements are those of the named blobs and of the manifests.
	fn check_blobs() -> Result<(), TryRuntimeError> {
		let mut counted = BTreeMap::new();
		for (name, _, blobs) in Blobs::<T>::iter() {
			ensure!(Datasets::<T>::contains_key(name), "blobs of no dataset are kept");
			for blob in blobs {
				let count: &mut u32 = counted.entry((blob.hash, blob.size)).or_default();
				*count = count.saturating_add(1);
			}
		}
		for (name, record) in Datasets::<T>::iter() {
			let is_gone = matches!(record.stage, DatasetStage::Rejected(_)) && !Due::<T>::contains_key(name);
			if !is_gone {
				let manifest = (record.manifest.hash, record.manifest.size);
				let count: &mut u32 = counted.entry(manifest).or_default();
				*count = count.saturating_add(1);
			}
		}
		let announced: BTreeMap<_, _> =
			AnnouncedBlobs::<T>::iter().map(|(hash, blob)| ((hash, blob.size), blob.datasets)).collect();
		ensure!(announced == counted, "announcements and named blobs disagree");
		Ok(())
	}

	/// Audits belong to datasets that are audited; no operator sits twice; nothing is opened too early.
	fn check_audits() -> Result<(), TryRuntimeError> {
		for (name, audit) in Audits::<T>::iter() {
			let record = Datasets::<T>::get(name).ok_or("an audit is about no dataset")?;
			let is_audited = match record.stage {
				DatasetStage::Approved(_) => audit.kind == AuditKind::Rescan,
				DatasetStage::Audit | DatasetStage::Quarantined(..) => audit.kind != AuditKind::Rescan,
				_ => false,
			};
			ensure!(is_audited, "an audit is about a dataset in another stage");
			let seated: BTreeSet<_> = audit.seats.iter().map(|seat| &seat.operator).collect();
			ensure!(seated.len() == audit.seats.len(), "an auditor sits twice");
			ensure!(!seated.contains(&record.creator), "a contributor audits itself");
			let is_revealed = |state: &SeatState| matches!(state, SeatState::Revealed(_));
			let is_early = audit.step != AuditStep::Revealing;
			ensure!(
				!(is_early && audit.seats.iter().any(|seat| is_revealed(&seat.state))),
				"a finding was opened while others are sealed"
			);
			ensure!(audit.seats.is_empty() == (audit.step == AuditStep::Appointed), "a committee is missing");
		}
		for (name, record) in Datasets::<T>::iter() {
			let has_audit = Audits::<T>::contains_key(name);
			ensure!(record.stage != DatasetStage::Audit || has_audit, "a dataset waits for no audit");
		}
		for name in FreshUntil::<T>::iter_keys() {
			let is_used = Datasets::<T>::get(name).is_some_and(|record| record.stage.is_approved());
			ensure!(is_used, "a dataset that is not in use waits for a rescan");
		}
		let is_rescan = |audit: &AuditRecordOf<T>| audit.kind == AuditKind::Rescan;
		let rescans = Audits::<T>::iter_values().filter(is_rescan).count();
		ensure!(RescanCount::<T>::get() == rescans.saturated_into::<u32>(), "rescans are miscounted");
		Ok(())
	}

	/// A vote counts as many votes as places have voted, on a list that is kept.
	fn check_votes() -> Result<(), TryRuntimeError> {
		let mut open = BTreeMap::new();
		for (name, record) in Datasets::<T>::iter() {
			let is_open = record.stage == DatasetStage::Vote;
			ensure!(
				is_open == Voted::<T>::contains_key(name),
				"votes of no vote are kept, or the other way round"
			);
			let Some(tally) = record.vote.filter(|_| is_open) else { continue };
			let list = Electorates::<T>::get(tally.electorate).ok_or("a vote has no electorate")?;
			ensure!(
				(list.root, list.voters.len()) == (tally.voter_root, tally.voters.saturated_into()),
				"a vote's electorate is another one"
			);
			let marked: u32 = Voted::<T>::get(name).iter().map(|byte| byte.count_ones()).sum();
			ensure!(marked == tally.votes(), "votes are miscounted");
			ensure!(tally.votes() <= tally.voters, "more have voted than there are");
			let votes: &mut u32 = open.entry(tally.electorate).or_default();
			*votes = votes.saturating_add(1);
		}
		for (number, list) in Electorates::<T>::iter() {
			let votes = open.get(&number).copied().unwrap_or(0);
			ensure!(list.votes == votes, "the votes of an electorate are miscounted");
			let is_newest = NextElectorate::<T>::get() == number.saturating_add(1);
			ensure!(votes > 0 || is_newest, "an electorate without votes is kept");
		}
		Ok(())
	}

	/// Manifests and uses agree, both ways.
	fn check_lineage() -> Result<(), TryRuntimeError> {
		let mut uses = BTreeSet::new();
		for (dataset, place, submission) in Uses::<T>::iter() {
			ensure!(place < UseCount::<T>::get(dataset), "a use is not counted");
			ensure!(uses.insert((dataset, submission)), "a use is listed twice");
		}
		let counted: u64 = UseCount::<T>::iter_values().map(u64::from).sum();
		ensure!(counted == uses.len().saturated_into::<u64>(), "uses are miscounted");
		let mut declared = BTreeSet::new();
		for (submission, manifest) in Manifests::<T>::iter() {
			ensure!(manifest.manifest.is_valid(), "a manifest is not valid");
			ensure!(manifest.hash == manifest.manifest.hash(), "a manifest has another hash");
			for one in &manifest.manifest.datasets {
				ensure!(
					Datasets::<T>::contains_key(one.dataset),
					"a dataset that taught an expert is forgotten"
				);
				declared.insert((one.dataset, submission));
			}
		}
		ensure!(declared == uses, "manifests and uses disagree");
		Ok(())
	}
}
