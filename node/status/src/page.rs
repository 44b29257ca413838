//! The page for people: one document without scripts, which asks for itself again every few seconds.

use crate::{
	amount,
	html::Html,
	schema::{Head, Model, QueueEntry, Status, Verdict},
};
use base64::{engine::general_purpose::STANDARD, Engine as _};
use std::fmt::Display;

/// Its style sheet, the only one that [`content_security_policy`] lets a browser use.
const STYLE: &str = include_str!("page.css");

/// Permissions of a browser that shows the page: its own style, and nothing else.
pub fn content_security_policy() -> String {
	let style = STANDARD.encode(sp_crypto_hashing::sha2_256(STYLE.as_bytes()));
	format!(
		"default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action 'none'; \
		frame-ancestors 'none'"
	)
}

/// Renders the page.
pub fn render(status: &Status) -> String {
	let mut html = Html::default();
	html.markup(concat!(
		"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">",
		"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">",
		"<meta http-equiv=\"refresh\" content=\"6\"><link rel=\"icon\" href=\"data:,\"><title>",
	));
	html.text(&status.network.chain).markup(" · block ").text(status.block.number).markup("</title><style>");
	html.markup(STYLE).markup("</style></head><body><main><header><h1>").text(&status.network.chain);
	html.markup("</h1><span class=\"soft\">").text(&status.network.kind).markup(" · runtime ");
	html.text(status.network.spec_version).markup(" · node ").text(&status.node.release);
	html.markup("</span><code class=\"soft\">").text(short(status.network.genesis));
	html.markup("</code></header>\n");
	tiles(&mut html, status);
	models(&mut html, &status.models);
	queue(&mut html, &status.queue);
	verdicts(&mut html, &status.verdicts);
	terms(&mut html, status);
	projection(&mut html, status);
	html.markup("<footer>As of block <code>").text(short(status.block.hash)).markup(concat!(
		"</code>. The same as data: <a href=\"status.json\">status.json</a>; ",
		"for automated miners: <a href=\"llms.txt\">llms.txt</a>.</footer></main></body></html>\n",
	));
	html.finish()
}

/// The first and last digits of a hash.
fn short(hash: sp_core::H256) -> String {
	let digits = format!("{hash:?}");
	format!("{}…{}", &digits[..10], &digits[digits.len() - 4..])
}

/// The first digits of a hash.
fn brief(hash: sp_core::H256) -> String {
	format!("{hash:?}")[..10].into()
}

/// Time of day of a timestamp, UTC.
fn clock(time_ms: u64) -> String {
	let seconds = time_ms / 1_000;
	format!("{:02}:{:02}:{:02} UTC", seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60)
}

fn tile(html: &mut Html, label: &'static str, value: impl Display, note: impl Display) {
	html.markup("<div class=\"tile\"><span>").markup(label).markup("</span><b>").text(value);
	html.markup("</b><small>").text(note).markup("</small></div>");
}

fn tiles(html: &mut Html, status: &Status) {
	html.markup("<section class=\"tiles\">");
	let made = status.block.time_ms.map_or_else(|| "time unknown".into(), clock);
	tile(html, "Block", status.block.number, format_args!("{made}, final {}", status.block.finalised));
	let promoted: u64 = status.models.iter().map(|model| u64::from(model.generation)).sum();
	tile(html, "Generation", promoted, "experts promoted since genesis");
	tile(html, "Queue", status.queue.len(), "open submissions");
	let operators = status.operators;
	tile(html, "Operators", operators.eligible, format!("of {} may be drawn", operators.registered));
	let peers = status.node.peers.map_or_else(|| "–".into(), |peers| peers.to_string());
	let sync = match status.node.is_syncing {
		Some(true) => "catching up: this page shows the past",
		Some(false) => "in step",
		None => "",
	};
	tile(html, "Peers", peers, sync);
	let mean = status.projection.mean_miner_bly_per_hour;
	let mean = mean.map_or_else(|| "–".into(), |bly| format!("{bly:.2}"));
	let accepted = status.projection.window.as_ref().map_or(0, |window| window.accepted);
	tile(html, "Mean miner", mean, format_args!("BLY an hour before fees; acceptances seen: {accepted}"));
	html.markup("</section>\n");
}

fn models(html: &mut Html, models: &[Model]) {
	html.markup("<section><h2>Heads</h2>");
	for model in models {
		html.markup("<h3>").text(&model.name).markup(" <small>model ").text(model.id).markup(", version ");
		html.text(&model.version).markup(", generation ").text(model.generation);
		html.markup("</small></h3>");
		for layer in model.heads.chunk_by(|one, other| layer_of(one) == layer_of(other)) {
			heads(html, layer);
		}
	}
	html.markup("</section>\n");
}

/// Layer in the name of a slot.
fn layer_of(head: &Head) -> &str {
	head.slot.split('.').next().unwrap_or_default()
}

/// One layer.
fn heads(html: &mut Html, layer: &[Head]) {
	html.markup("<ul class=\"heads\">");
	for head in layer {
		html.markup(if head.version > 0 { "<li class=\"learned\" title=\"" } else { "<li title=\"" });
		html.text(format_args!("tensor root {:?}", head.tensor_root)).markup("\">").text(&head.slot);
		html.markup("<b>v").text(head.version).markup("</b><code>").text(brief(head.tensor_root));
		html.markup("</code></li>");
	}
	html.markup("</ul>");
}

fn queue(html: &mut Html, queue: &[QueueEntry]) {
	html.markup("<section><h2>Queue</h2>");
	if queue.is_empty() {
		html.markup("<p class=\"soft\">No submission is open.</p></section>\n");
		return;
	}
	html.markup("<table><tr><th>Place<th>Submission<th>Expert<th>Miner<th>Since block<th>Stage</tr>");
	for entry in queue {
		html.markup("<tr><td>").text(entry.place.map_or_else(|| "–".into(), |place| place.to_string()));
		html.markup("<td>").text(entry.submission).markup("<td>");
		expert(html, entry.model, &entry.slot);
		html.markup("<td><code>").text(&entry.miner).markup("</code><td>").text(entry.submitted_at);
		html.markup("<td><span class=\"waits\">").text(&entry.stage).markup("</span> <small>");
		html.text(&entry.detail);
		if let Some(until) = entry.until {
			html.markup(", until block ").text(until);
		}
		html.markup("</small></tr>");
	}
	html.markup("</table></section>\n");
}

fn expert(html: &mut Html, model: u32, slot: &str) {
	html.text(slot);
	if model != 0 {
		html.markup(" <small>of model ").text(model).markup("</small>");
	}
}

fn verdicts(html: &mut Html, verdicts: &[Verdict]) {
	html.markup("<section><h2>Recent verdicts</h2>");
	if verdicts.is_empty() {
		html.markup("<p class=\"soft\">Nothing has been judged yet.</p></section>\n");
		return;
	}
	html.markup("<table><tr><th>Submission<th>Expert<th>Block<th>Verdict<th></tr>");
	for verdict in verdicts {
		html.markup("<tr><td>").text(verdict.submission).markup("<td>");
		expert(html, verdict.model, &verdict.slot);
		html.markup("<td>").text(verdict.block).markup("<td><b class=\"").text(&verdict.outcome);
		html.markup("\">").text(verdict.reason.as_ref().unwrap_or(&verdict.outcome)).markup("</b><td>");
		html.text(&verdict.text);
		if verdict.is_refuted {
			html.markup(" <b class=\"rejected\">The score was proven wrong.</b>");
		} else if let Some(matures_at) = verdict.matures_at {
			html.markup(" <small>May be disputed until block ").text(matures_at);
			html.markup("; open disputes: ").text(verdict.disputes).markup(".</small>");
		}
		html.markup("</tr>");
	}
	html.markup("</table></section>\n");
}

fn term(html: &mut Html, label: &'static str, value: impl Display) {
	html.markup("<div><dt>").markup(label).markup("</dt><dd>").text(value).markup("</dd></div>");
}

fn terms(html: &mut Html, status: &Status) {
	let terms = &status.terms.terms;
	html.markup("<section><h2>Terms of a submission</h2><dl>");
	for model in &status.models {
		let fee = model.fee_now.as_ref().and_then(|fee| fee.parse().ok()).map(amount::show);
		let fee = fee.unwrap_or_else(|| format!("from {} on", amount::show(terms.fee)));
		term(html, "Fee now", format_args!("{fee} for model {}", model.id));
	}
	term(html, "Bond", format_args!("{}, returned unless the bytes are invalid", amount::show(terms.bond)));
	term(html, "Proof of work", format_args!("{} bits", terms.pow_bits));
	term(html, "Quota of a newcomer", format_args!("{} a day", terms.quota_left));
	term(
		html,
		"Commitment",
		format_args!("{} blocks before, {} held", terms.commit_age, amount::show(terms.commit_deposit)),
	);
	let delta = f64::from(terms.delta) / 65_536.0;
	term(
		html,
		"Required improvement",
		format_args!("{delta:.5} bits a predicted byte or token, beyond luck"),
	);
	html.markup("</dl></section>\n");
}

fn projection(html: &mut Html, status: &Status) {
	let projection = &status.projection;
	html.markup("<section><h2>Earnings</h2><dl>");
	if let Some(window) = &projection.window {
		term(html, "Observed", format_args!("blocks {} to {}", window.from_block, window.to_block));
		term(html, "Attempts accepted", format_args!("{} of {}", window.accepted, window.attempts));
		term(html, "Miners", window.miners);
		term(html, "Rewards", format_args!("{:.3} BLY", window.reward_bly));
	}
	html.markup("</dl>");
	if let Some(reason) = &projection.reason {
		html.markup("<p class=\"soft\">A miner's own projection is not here: ").text(reason).markup(".</p>");
	}
	html.markup("</section>\n");
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::facts::samples;

	#[test]
	fn text_from_the_chain_is_never_markup() {
		let page = render(&samples::facts().status());
		assert!(!page.contains("<script"), "the name of a model");
		assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;co&quot;"));
		assert!(!page.contains("Test <b>chain"), "the name of the chain");
		assert!(page.contains("Test &lt;b&gt;chain"));
	}

	#[test]
	fn the_page_asks_for_nothing_but_itself() {
		let page = render(&samples::facts().status());
		for word in ["//", "url(", "@import", "<script", "src=", " style="] {
			assert!(!page.contains(word), "{word}");
		}
		assert!(page.contains("http-equiv=\"refresh\""));
		assert!(STYLE.contains("prefers-color-scheme:dark"));
	}

	#[test]
	fn the_page_shows_what_the_record_holds() {
		let page = render(&samples::facts().status());
		for text in [
			"1 of 3 sealed",
			"until block 1050",
			"v3",
			"accepted as version 1",
			"a loss of 0.00999 bits/byte",
			"0.6328125 BLY for model 0",
			"16 bits",
			"May be disputed until block 1120",
			"08:00:00 UTC",
		] {
			assert!(page.contains(text), "{text}");
		}
	}

	/// Elements of this page that have no end tag.
	const OPEN_ENDED: [&str; 7] = ["!doctype", "meta", "link", "tr", "th", "td", "br"];

	#[test]
	fn every_element_is_closed_in_order() {
		let page = render(&samples::facts().status());
		let mut open: Vec<&str> = Vec::new();
		for tag in page.split('<').skip(1) {
			let (tag, _) = tag.split_once('>').unwrap();
			let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap();
			if OPEN_ENDED.contains(&name) {
				continue;
			}
			match tag.starts_with('/') {
				true => assert_eq!(open.pop(), Some(name), "{tag}"),
				false => open.push(name),
			}
		}
		assert!(open.is_empty(), "{open:?}");
	}
}
