//! `status`: the node, its chain, and what a miner can expect there.

use crate::{
	amount,
	args::StatusArgs,
	client,
	failure::Outcome,
	keys::{self, DEFAULT_KEY},
	names,
	output::{printable, table},
	session::Session,
};
use blyan_status::{projection::Projection, Status};
use sp_core::crypto::AccountId32;

/// Verdicts in the text; the JSON has all that the record holds.
const VERDICTS_SHOWN: usize = 5;

/// Shows the facts.
pub async fn run(session: &Session, args: StatusArgs) -> Outcome<()> {
	let account = match &args.account {
		Some(text) => Some(session.keys().resolve(text)?),
		// A key that is not there is not made: reading needs none.
		None => session.keys().resolve(DEFAULT_KEY).ok(),
	};
	let client = session.connect().await?;
	let machine = client::machine(&session.submissions(&client).all()?);
	let status = client.facts(account, machine).await?.status();
	session.output.result(&status, text(&status));
	Ok(())
}

/// The record for people.
fn text(status: &Status) -> String {
	let mut lines = node_lines(status);
	for model in &status.models {
		let fee = model.fee_now.as_ref().and_then(|fee| fee.parse().ok()).map(amount::show);
		lines.push(format!(
			"model      {} \"{}\" {}, generation {}, {} slots, fee now {}",
			model.id,
			printable(&model.name),
			model.version,
			model.generation,
			model.heads.len(),
			fee.unwrap_or_else(|| "unknown".into())
		));
		let learned = model.heads.iter().filter(|head| head.version > 0);
		let learned: Vec<String> = learned
			.map(|head| format!("{} v{} {}", head.slot, head.version, names::short_hash(&head.tensor_root)))
			.collect();
		if !learned.is_empty() {
			lines.push(format!("           improved since genesis: {}", learned.join(", ")));
		}
	}
	lines.extend(queue_lines(status));
	lines.extend(verdict_lines(status));
	lines.push(terms_line(status));
	lines.extend(projection_lines(&status.projection));
	lines.join("\n")
}

fn node_lines(status: &Status) -> Vec<String> {
	let (node, network, block) = (&status.node, &status.network, &status.block);
	let syncing = if node.is_syncing == Some(true) { ", catching up" } else { "" };
	let pace = block.seconds_per_block.map_or(String::new(), |seconds| format!(", one in {seconds:.1} s"));
	vec![
		format!("node       {} at {}", node.release, node.url.as_deref().unwrap_or_default()),
		format!(
			"chain      {} ({}), genesis {:?}, runtime {}",
			printable(&network.chain),
			network.kind,
			network.genesis,
			network.spec_version
		),
		format!("block      {} {}{pace}", block.number, names::short_hash(&block.hash)),
		format!("peers      {}{syncing}", node.peers.unwrap_or_default()),
		format!(
			"operators  {}, of which {} may be drawn",
			status.operators.registered, status.operators.eligible
		),
		format!("engine     {}", node.engine),
	]
}

fn queue_lines(status: &Status) -> Vec<String> {
	if status.queue.is_empty() {
		return vec!["queue      empty".into()];
	}
	let rows: Vec<Vec<String>> = status
		.queue
		.iter()
		.map(|entry| {
			vec![
				entry.place.map_or_else(|| "-".into(), |place| place.to_string()),
				entry.submission.to_string(),
				format!("{} of model {}", entry.slot, entry.model),
				names::short(&entry.miner),
				entry.stage.clone(),
				entry.detail.clone(),
			]
		})
		.collect();
	let table = table(&["place", "submission", "expert", "miner", "stage", ""], &rows);
	std::iter::once("queue".into()).chain(table.lines().map(|line| format!("  {line}"))).collect()
}

fn verdict_lines(status: &Status) -> Vec<String> {
	let latest = status.verdicts.iter().take(VERDICTS_SHOWN);
	let lines: Vec<String> = latest
		.map(|verdict| {
			let safety = match verdict.matures_at {
				_ if verdict.is_refuted => " (the score was proven wrong)".into(),
				Some(block) => format!(" (may be disputed until block {block})"),
				None => String::new(),
			};
			format!("  {} {} {}{safety}", verdict.submission, verdict.slot, verdict.text)
		})
		.collect();
	match lines.is_empty() {
		true => vec!["verdicts   none yet".into()],
		false => std::iter::once("verdicts".into()).chain(lines).collect(),
	}
}

fn terms_line(status: &Status) -> String {
	let terms = &status.terms.terms;
	let of = status
		.terms
		.account
		.as_ref()
		.map_or("a newcomer".into(), |account: &AccountId32| keys::address(account));
	format!(
		"terms      of {of}: bond {}, fee from {} on, {} bits of work, {} submissions left today ({} blocks), commitment {} blocks before",
		amount::show(terms.bond),
		amount::show(terms.fee),
		terms.pow_bits,
		terms.quota_left,
		terms.quota_renews_in,
		terms.commit_age
	)
}

fn projection_lines(projection: &Projection) -> Vec<String> {
	let mut lines = Vec::new();
	lines.push(match (projection.bly_per_hour, projection.low, projection.high, &projection.machine) {
		(Some(bly), Some(low), Some(high), Some(pace)) => format!(
			"projection {bly:.3} BLY an hour here ({low:.3} to {high:.3} by luck alone), at {:.1} attempts an hour{}",
			pace.attempts_per_hour,
			if pace.is_limited_by_quota { ", which the quota limits" } else { "" }
		),
		_ => format!("projection unknown: {}", projection.reason.as_deref().unwrap_or("no data")),
	});
	if let Some(window) = projection.window.as_ref().filter(|window| window.attempts > 0) {
		let mean = projection.mean_miner_bly_per_hour;
		let mean = mean.map_or(String::new(), |bly| format!(", {bly:.3} BLY an hour for each of them"));
		lines.push(format!("           {}{mean}", window.summary()));
	}
	lines
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_status::projection::{Pace, Window};

	#[test]
	fn a_projection_is_a_range_or_a_reason_and_never_a_bare_number() {
		let unknown = Projection { reason: Some("no submission was judged".into()), ..Projection::default() };
		assert_eq!(projection_lines(&unknown), ["projection unknown: no submission was judged"]);
		let pace = Pace {
			runs: 2,
			training_seconds: 60.0,
			waiting_seconds: None,
			attempts_per_hour: 0.8,
			is_limited_by_quota: true,
			relative_pace: None,
		};
		let window = Window { to_block: 127, attempts: 2, accepted: 1, miners: 1, ..Window::default() };
		let known = Projection {
			bly_per_hour: Some(62.1),
			low: Some(11.4),
			high: Some(112.8),
			window: Some(window),
			machine: Some(pace),
			..Projection::default()
		};
		let [projection, observed] = &projection_lines(&known)[..] else { panic!("two lines") };
		assert!(projection.contains("62.100 BLY an hour here (11.400 to 112.800"), "{projection}");
		assert!(projection.ends_with("which the quota limits"), "{projection}");
		assert!(observed.contains("blocks 0 to 127: 1 of 2 attempts accepted"), "{observed}");
	}

	#[test]
	fn names_of_others_do_not_move_the_cursor() {
		assert_eq!(printable("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
	}
}
