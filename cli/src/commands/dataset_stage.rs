//! `dataset status`: where a dataset stands, in words, and following it to the decision.

use crate::{
	args::DatasetName,
	client::Client,
	failure::{Failure, Kind, Outcome},
	output::Output,
	session::Session,
};
use blyan_primitives::{
	AuditReport, DatasetReason, DatasetRef, DatasetStage, DatasetTier, LicenceFinding, Millionths, MILLIONTHS,
};
use blyan_runtime_api::datasets::{AuditStep, DatasetAudit, DatasetInfo, VoteInfo};
use serde_json::{json, Value};
use std::time::{Duration, Instant};

/// Interval at which the node is asked.
const POLL: Duration = Duration::from_secs(2);

/// Shows where a dataset stands; follows it if asked to.
pub async fn run(session: &Session, name: DatasetName, follow: bool, timeout: u64) -> Outcome<()> {
	let client = session.connect().await?;
	let info = client.dataset(name).await?;
	if follow {
		return self::follow(&client, &session.output, info.dataset, Duration::from_secs(timeout)).await;
	}
	let audit = client.dataset_audit(info.dataset).await?;
	session.output.result(&value(&info, audit.as_ref()), text(&info, audit.as_ref()));
	Ok(())
}

/// Follows a dataset until it is decided, and prints each change once. A rejection is a failure of the command.
pub async fn follow(client: &Client, output: &Output, dataset: DatasetRef, timeout: Duration) -> Outcome<()> {
	let (started, name) = (Instant::now(), name(dataset));
	let spinner = output.spinner("waiting");
	let mut shown = String::new();
	loop {
		let found = client.find_dataset(dataset).await?;
		let info = found.ok_or_else(|| Failure::new(format!("dataset {name} was forgotten by the chain")))?;
		let audit = client.dataset_audit(dataset).await?;
		let now = line(&info, audit.as_ref());
		if now != shown {
			output.event("stage", value(&info, audit.as_ref()), &now);
			spinner.note(now.clone());
			shown = now;
		}
		if let Some(end) = end(&info) {
			return end;
		}
		if started.elapsed() > timeout {
			return Err(Failure::new(format!("dataset {name} is not decided after {} s", timeout.as_secs()))
				.next(format!(
					"it goes on without you; look again with: blyan dataset status {name} --follow"
				)));
		}
		tokio::time::sleep(POLL).await;
	}
}

/// The command's outcome, once a dataset is decided.
fn end(info: &DatasetInfo) -> Option<Outcome<()>> {
	let name = name(info.dataset);
	let refuse = |reason: DatasetReason, what: &str| {
		let failure =
			Failure::new(format!("dataset {name} {what}: {}", reason_words(reason))).kind(Kind::Refused);
		match info.appeal_until {
			Some(_) => failure
				.next(format!("repair it and offer it again, or appeal once: blyan dataset appeal {name}")),
			None => failure.next(next(reason)),
		}
	};
	match info.stage {
		DatasetStage::Pending | DatasetStage::Audit | DatasetStage::Vote => None,
		DatasetStage::Approved(_) => Some(Ok(())),
		DatasetStage::Rejected(reason) => Some(Err(refuse(reason, "is rejected"))),
		DatasetStage::Quarantined(_, reason) => Some(Err(refuse(reason, "is quarantined"))),
	}
}

/// A dataset's name on the command line.
pub fn name(dataset: DatasetRef) -> String {
	DatasetName { dataset: dataset.dataset, version: Some(dataset.version) }.to_string()
}

/// A reason in words.
pub fn reason_words(reason: DatasetReason) -> &'static str {
	match reason {
		DatasetReason::Copyright => {
			"copyright: a notice that forbids copying, or a licence that is unknown or forbids use"
		}
		DatasetReason::Quality => "quality: damaged, malformed or worthless, or not what its manifest says",
		DatasetReason::Safety => "safety: personal data, secrets, or toxic text",
		DatasetReason::Bias => "bias: one-sided about people",
		DatasetReason::Duplicate => "duplicate: nearly all of it is there twice, or elsewhere",
		DatasetReason::Withdrawn => "withdrawn, or its bytes were withheld",
		DatasetReason::AuditTimeout => "no quorum of auditors, or of voters, in time",
	}
}

/// The way on from a rejection that cannot be appealed.
fn next(reason: DatasetReason) -> &'static str {
	match reason {
		DatasetReason::Withdrawn | DatasetReason::AuditTimeout => "offer it again: blyan dataset offer DIR",
		_ => "make it again with today's filter: blyan dataset create PATH.. --out DIR",
	}
}

/// A tier in a word.
pub fn tier(tier: DatasetTier) -> &'static str {
	match tier {
		DatasetTier::Gold => "gold",
		DatasetTier::Silver => "silver",
		DatasetTier::Experimental => "experimental",
	}
}

/// A stage in a few words.
pub fn stage(stage: DatasetStage) -> String {
	match stage {
		DatasetStage::Pending => "pending".into(),
		DatasetStage::Audit => "audit".into(),
		DatasetStage::Vote => "vote".into(),
		DatasetStage::Approved(of) => tier(of).into(),
		DatasetStage::Rejected(reason) => {
			let words = reason_words(reason);
			format!("rejected: {}", words.split(':').next().unwrap_or(words))
		}
		DatasetStage::Quarantined(of, reason) => {
			let words = reason_words(reason);
			format!("quarantined ({}): {}", tier(of), words.split(':').next().unwrap_or(words))
		}
	}
}

/// Where a dataset stands, on one line.
fn line(info: &DatasetInfo, audit: Option<&DatasetAudit>) -> String {
	let detail = match (info.stage, audit, &info.vote) {
		(DatasetStage::Pending, ..) => {
			format!("; {} of {} blobs named", info.blobs_named, info.blobs)
		}
		(DatasetStage::Audit, Some(audit), _) => format!("; {}", audit_line(audit)),
		(DatasetStage::Vote, _, Some(vote)) => format!("; {}", vote_line(vote)),
		_ => String::new(),
	};
	format!("{:<10} dataset {}{detail}", stage(info.stage), name(info.dataset))
}

fn audit_line(audit: &DatasetAudit) -> String {
	let count = |of: fn(&blyan_runtime_api::datasets::AuditorSeat) -> bool| {
		audit.seats.iter().filter(|seat| of(seat)).count()
	};
	let again = match (audit.is_appeal, audit.round) {
		(true, _) => ", by other auditors after an appeal",
		(false, 0) => "",
		(false, 2..) => ", which confirm what a rescan found",
		(false, _) => ", drawn again",
	};
	match audit.step {
		AuditStep::Appointed => format!("auditors are drawn soon{again}"),
		AuditStep::Sealing | AuditStep::Revealing => format!(
			"of {} auditors {} sealed, {} revealed{again}",
			audit.seats.len(),
			count(|seat| seat.sealed),
			count(|seat| seat.revealed)
		),
	}
}

fn vote_line(vote: &VoteInfo) -> String {
	let extended = if vote.extended { ", extended" } else { "" };
	format!("{} yes, {} no of {} voters, {}{extended}", vote.yes, vote.no, vote.voters, stars(vote))
}

/// Mean of the stars, to a tenth.
fn stars(vote: &VoteInfo) -> String {
	match vote.stars.saturating_mul(10).checked_div(vote.rated) {
		None => "no stars".into(),
		Some(tenths) => format!("{}.{} stars", tenths / 10, tenths % 10),
	}
}

/// A share in percent, to a hundredth.
fn percent(share: Millionths) -> String {
	let hundredths = u64::from(share) * 10_000 / u64::from(MILLIONTHS);
	format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

/// Figures of an audit, a line each.
pub fn report_lines(report: &AuditReport) -> Vec<String> {
	let licence = match report.licence {
		LicenceFinding::Verified => "verified",
		LicenceFinding::Stated => "stated, not confirmed",
		LicenceFinding::Unknown => "unknown, or contradicted by the texts",
	};
	let languages: Vec<String> = report
		.languages
		.iter()
		.filter(|language| language.share > 0)
		.map(|language| format!("{} {}", String::from_utf8_lossy(&language.code), percent(language.share)))
		.collect();
	let mut lines = vec![
		format!("sample     {} records, {} bytes, by rules {}", report.records, report.bytes, report.rules),
		format!("licence    {licence}; {} notices that forbid copying", report.copyright_hits),
		format!("private    {} of the records", percent(report.pii)),
		format!("toxic      {}", percent(report.toxicity)),
		format!("duplicate  {}", percent(report.duplicate_rate)),
		format!("malformed  {}", percent(report.malformed)),
	];
	if !languages.is_empty() {
		lines.push(format!("languages  {}", languages.join(", ")));
	}
	lines
}

/// Where a dataset stands, in lines.
pub fn text(info: &DatasetInfo, audit: Option<&DatasetAudit>) -> String {
	let mut lines = vec![line(info, audit)];
	if let DatasetStage::Rejected(reason) | DatasetStage::Quarantined(_, reason) = info.stage {
		lines.push(format!("reason     {}", reason_words(reason)));
	}
	if let Some(report) = &info.report {
		lines.extend(report_lines(report));
	}
	if let (Some(vote), false) = (&info.vote, info.stage == DatasetStage::Vote) {
		lines.push(format!("vote       {}", vote_line(vote)));
	}
	if info.appeal_until.is_some() {
		lines.push(format!("appeal     once, with: blyan dataset appeal {}", name(info.dataset)));
	}
	lines.join("\n")
}

/// The same for programs.
pub fn value(info: &DatasetInfo, audit: Option<&DatasetAudit>) -> Value {
	json!({ "dataset": name(info.dataset), "stage": stage(info.stage), "info": info, "audit": audit })
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_primitives::BlobRef;
	use blyan_runtime_api::datasets::AuditorSeat;
	use sp_core::{crypto::AccountId32, H256};

	fn info(stage: DatasetStage) -> DatasetInfo {
		DatasetInfo {
			dataset: DatasetRef { dataset: 3, version: 1 },
			creator: AccountId32::new([7; 32]),
			licence: b"CC0-1.0".to_vec(),
			source: b"unstated".to_vec(),
			manifest: BlobRef { hash: H256([1; 32]), size: 900 },
			root: H256([2; 32]),
			records: 10,
			bytes: 5_000,
			blobs: 4,
			blobs_named: 2,
			offered_at: 12,
			stage,
			audit_window_end: None,
			report: None,
			vote: None,
			appeal_until: None,
			uses: 0,
		}
	}

	#[test]
	fn every_stage_is_a_line_and_only_decisions_are_ends() {
		let vote = VoteInfo {
			voters: 9,
			voter_root: H256([3; 32]),
			yes: 5,
			no: 1,
			stars: 21,
			rated: 5,
			until: 900,
			extended: true,
		};
		let seat = |sealed| AuditorSeat { operator: AccountId32::new([1; 32]), sealed, revealed: false };
		let audit = DatasetAudit {
			draw: H256([4; 32]),
			step: AuditStep::Sealing,
			until: 9,
			round: 1,
			is_appeal: false,
			seats: vec![seat(true), seat(false)],
		};
		let pending = info(DatasetStage::Pending);
		assert_eq!(line(&pending, None), "pending    dataset 3.1; 2 of 4 blobs named");
		let audited = info(DatasetStage::Audit);
		let wanted = "audit      dataset 3.1; of 2 auditors 1 sealed, 0 revealed, drawn again";
		assert_eq!(line(&audited, Some(&audit)), wanted);
		let voted = DatasetInfo { vote: Some(vote), ..info(DatasetStage::Vote) };
		assert_eq!(
			line(&voted, None),
			"vote       dataset 3.1; 5 yes, 1 no of 9 voters, 4.2 stars, extended"
		);
		assert!([&pending, &audited, &voted].into_iter().all(|info| end(info).is_none()));
		assert!(end(&info(DatasetStage::Approved(DatasetTier::Gold))).unwrap().is_ok());
	}

	#[test]
	fn a_rejection_names_its_reason_and_the_way_on() {
		for reason in DatasetReason::ALL {
			let rejected = info(DatasetStage::Rejected(reason));
			let failure = end(&rejected).unwrap().unwrap_err();
			assert_eq!(failure.kind, Kind::Refused);
			assert!(failure.message.contains("dataset 3.1 is rejected"), "{}", failure.message);
			let open = DatasetInfo { appeal_until: Some(7), ..rejected };
			let next = end(&open).unwrap().unwrap_err().next.unwrap();
			assert!(next.contains("blyan dataset appeal 3.1"), "{next}");
		}
		let quarantined = info(DatasetStage::Quarantined(DatasetTier::Silver, DatasetReason::Safety));
		assert_eq!(stage(quarantined.stage), "quarantined (silver): safety");
		assert!(text(&quarantined, None).contains("reason     safety: personal data"));
	}

	#[test]
	fn shares_are_percent_to_a_hundredth() {
		assert_eq!([0, 12_345, MILLIONTHS].map(percent), ["0.00 %", "1.23 %", "100.00 %"]);
	}
}
