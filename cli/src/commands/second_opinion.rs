//! `receipts second-opinion`: other gateways are asked the question of a receipt, and their answers compared with it. No model is needed here.
//!
//! A gateway is sent the prompt, the settings and the seed, and not the answer: it cannot agree without computing. Answers that are equal to the
//! last token are no proof, since gateways may be one operator's: that is `audit replay`, with the model.

use crate::{
	failure::{Failure, Kind, Outcome},
	output,
	paying::{
		upstream::{self, Upstream},
		wire,
	},
	records::{self, Record},
	session::Session,
};
use axum::body::Bytes;
use blyan_open_model::GenerationRecord;
use hyper::{
	header::{HeaderMap, HeaderValue, CONTENT_TYPE},
	http::uri::PathAndQuery,
	Method,
};
use serde_json::{json, Value};
use std::{path::Path, time::Duration};

/// Time within which a gateway must have answered and shown its receipt: a whole answer is computed first.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1_800);
/// Characters of a gateway's reason that are shown.
const REASON_MAX: usize = 200;
/// One in the units of temperature and top-p.
const ONE_Q8: f64 = 256.0;

/// First place where two answers to one question differ.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Difference {
	/// Index of the token; the length of the shorter answer where one goes on behind the other's end.
	index: usize,
	/// Token of the receipt there.
	receipt: Option<u32>,
	/// Token of the gateway there.
	gateway: Option<u32>,
}

/// Opinion of one gateway about a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Opinion {
	/// The same answer, to the last token.
	Agrees,
	/// Another answer.
	Differs(Difference),
	/// No answer to this question, and why.
	None(String),
}

/// Asks gateways about every answer of a file.
pub async fn run(session: &Session, file: &Path, gateways: &[String]) -> Outcome<()> {
	let mut upstreams = Vec::new();
	for gateway in gateways {
		let upstream = Upstream::new(gateway)?;
		if upstream.is_open() {
			session
				.output
				.warn(format_args!("{gateway} is asked without TLS: others on the way can read the prompt"));
		}
		upstreams.push(upstream);
	}
	let records = generations(file)?;
	let (mut disputed, mut unknown) = (0, 0);
	for record in &records {
		let asked = upstreams.iter().map(|upstream| opinion(upstream, record));
		let opinions = futures::future::join_all(asked).await;
		let valid = verdict(&opinions);
		disputed += usize::from(valid == Some(false));
		unknown += usize::from(valid.is_none());
		report(session, gateways, &opinions, valid);
	}
	let next = "compute it yourself: blyan audit replay FILE --model-dir DIR";
	match (disputed, unknown) {
		(0, 0) => Ok(()),
		(0, unknown) => Err(Failure::new(format!(
			"{unknown} of {} answers are undecided: no gateway answered, or they differ among each other",
			records.len()
		))
		.kind(Kind::Undecided)
		.next(next)),
		(disputed, _) => {
			let message = format!("{disputed} of {} answers are none that others compute", records.len());
			Err(Failure::new(message).next(next))
		}
	}
}

/// Reads the answers of open models in a file.
fn generations(file: &Path) -> Outcome<Vec<GenerationRecord>> {
	let is_generation = |record| match record {
		Record::Generation(record) => Some(*record),
		_ => None,
	};
	let found: Vec<GenerationRecord> = records::read(file)?.into_iter().filter_map(is_generation).collect();
	if found.is_empty() {
		return Err(Failure::new(format!("{} holds no answer of an open model", file.display()))
			.kind(Kind::Undecided)
			.next("name a file as blyan chat --save or GET /v1/receipts/ID writes it"));
	}
	Ok(found)
}

/// True if all that answered agree, false if all differ; nothing if no gateway answered, or some agree and some do not.
fn verdict(opinions: &[Opinion]) -> Option<bool> {
	let agrees = opinions.contains(&Opinion::Agrees);
	let differs = opinions.iter().any(|opinion| matches!(opinion, Opinion::Differs(_)));
	(agrees != differs).then_some(agrees)
}

fn report(session: &Session, gateways: &[String], opinions: &[Opinion], valid: Option<bool>) {
	let pairs = || gateways.iter().zip(opinions);
	let of =
		|is: fn(&Opinion) -> bool| pairs().filter(|(_, one)| is(one)).map(|(url, _)| url).collect::<Vec<_>>();
	let agree = of(|one| matches!(one, Opinion::Agrees));
	let differ = of(|one| matches!(one, Opinion::Differs(_)));
	let silent: Vec<Value> = pairs()
		.filter_map(|(url, one)| match one {
			Opinion::None(reason) => Some(json!({ "gateway": url, "reason": reason })),
			Opinion::Agrees | Opinion::Differs(_) => None,
		})
		.collect();
	let first = pairs().filter_map(|(_, one)| match one {
		Opinion::Differs(difference) => Some(difference),
		Opinion::Agrees | Opinion::None(_) => None,
	});
	let first = first.min_by_key(|difference| difference.index).map(
		|Difference { index, receipt, gateway }| json!({ "index": index, "receipt": receipt, "gateway": gateway }),
	);
	let value = json!({ "valid": valid, "agree": agree, "differ": differ, "silent": silent, "first_difference": first });
	let lines: Vec<String> = pairs().map(|(url, one)| line(url, one)).collect();
	session.output.event("second_opinion", value, lines.join("\n"));
}

fn line(url: &str, opinion: &Opinion) -> String {
	let token =
		|token: &Option<u32>| token.map_or_else(|| "no token".into(), |token| format!("token {token}"));
	match opinion {
		Opinion::Agrees => format!("agrees     {url}"),
		Opinion::Differs(Difference { index, receipt, gateway }) => format!(
			"differs    {url} at place {index}: {} in the receipt, {} there",
			token(receipt),
			token(gateway)
		),
		Opinion::None(reason) => format!("silent     {url}: {reason}"),
	}
}

/// Asks one gateway.
async fn opinion(upstream: &Upstream, record: &GenerationRecord) -> Opinion {
	opinion_within(ANSWER_TIMEOUT, upstream, record).await
}

/// Asks one gateway. One that begins an answer and never ends it must not keep the others' from being shown.
async fn opinion_within(limit: Duration, upstream: &Upstream, record: &GenerationRecord) -> Opinion {
	match tokio::time::timeout(limit, answer(upstream, record)).await {
		Ok(Ok(theirs)) => compare(record, &theirs),
		Ok(Err(reason)) => Opinion::None(printable(&reason)),
		Err(_) => Opinion::None(format!("its answer is not whole after {} s", limit.as_secs())),
	}
}

/// Returns the beginning of a text that a gateway chose, without what a terminal would obey.
fn printable(text: &str) -> String {
	output::printable(&text.chars().take(REASON_MAX).collect::<String>())
}

/// Returns the record of the answer that a gateway gives to the question of another one.
async fn answer(upstream: &Upstream, record: &GenerationRecord) -> Result<GenerationRecord, String> {
	let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
	let path = PathAndQuery::from_static("/v1/completions");
	let body = Bytes::from(question(record).to_string());
	let response =
		upstream.send(Method::POST, &path, headers, body).await.map_err(|error| error.to_string())?;
	let status = response.status();
	let id = response.headers().get(wire::RECEIPT_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
	let body = upstream::read(response.into_body()).await.map_err(|error| error.to_string())?;
	if !status.is_success() {
		return Err(format!("{status}: {}", wire::words(&body)));
	}
	let id = id.ok_or("its answer names no receipt")?;
	let asked = upstream.get(&format!("/v1/receipts/{id}"), HeaderMap::new()).await;
	let (status, body) = asked.map_err(|error| error.to_string())?;
	if status != 200 {
		return Err(format!("it has no receipt of its answer ({status}): {}", wire::words(&body)));
	}
	let value = serde_json::from_slice(&body).map_err(|error| format!("its receipt is not JSON: {error}"))?;
	match Record::from_value(value).map_err(|failure| format!("its receipt: {}", failure.message))? {
		Record::Generation(theirs) => Ok(*theirs),
		_ => Err("its receipt is not about an answer of an open model".into()),
	}
}

/// Writes the request that has a record's answer. The model is named by its root, so that no other one answers.
fn question(record: &GenerationRecord) -> Value {
	let mut body = json!({
		"model": format!("0x{}", record.model_root),
		"prompt": record.prompt,
		// A string: numbers of JSON hold 53 bits.
		"seed": record.seed.to_string(),
		"temperature": f64::from(record.temperature_q8) / ONE_Q8,
		"top_p": f64::from(record.top_p_q8) / ONE_Q8,
		"max_tokens": record.max_tokens,
	});
	if let (Value::Object(fields), false) = (&mut body, record.stop.is_empty()) {
		fields.insert("stop".into(), json!(record.stop));
	}
	body
}

/// Compares answers to one question.
fn compare(ours: &GenerationRecord, theirs: &GenerationRecord) -> Opinion {
	fn asked(record: &GenerationRecord) -> (&str, &str, &[u32], u64, (u16, u16), usize, &[String], &[u32]) {
		(
			record.model_root.as_str(),
			record.tokenizer.as_str(),
			record.prompt.as_slice(),
			record.seed,
			(record.temperature_q8, record.top_p_q8),
			record.max_tokens,
			record.stop.as_slice(),
			record.ends.as_slice(),
		)
	}
	if asked(ours) != asked(theirs) {
		return Opinion::None(
			"it answered another question: model, prompt, settings or end tokens differ".into(),
		);
	}
	if theirs.is_cut_short() {
		return Opinion::None("it was ended before its answer was whole".into());
	}
	if ours.answer.is_empty() && ours.is_cut_short() {
		return Opinion::None("the receipt is of an answer that was ended before its first token".into());
	}
	let (ours_tokens, theirs_tokens) = (&ours.answer, &theirs.answer);
	let shorter = ours_tokens.len().min(theirs_tokens.len());
	let index =
		ours_tokens.iter().zip(theirs_tokens).position(|(one, other)| one != other).unwrap_or(shorter);
	let is_prefix = index == ours_tokens.len();
	let is_same = index == theirs_tokens.len() && ours.end == theirs.end;
	// One that its reader cut short is compared as far as it goes.
	if is_prefix && (is_same || ours.is_cut_short()) {
		return Opinion::Agrees;
	}
	let (receipt, gateway) = (ours_tokens.get(index).copied(), theirs_tokens.get(index).copied());
	Opinion::Differs(Difference { index, receipt, gateway })
}

#[cfg(test)]
mod tests {
	use super::*;
	use axum::{
		body::Body,
		http::StatusCode,
		routing::{get, post},
		Router,
	};
	use blyan_open_model::End;

	fn end(name: &str) -> End {
		End::try_from(name.to_owned()).unwrap()
	}

	fn record(answer: &[u32], name: &str) -> GenerationRecord {
		GenerationRecord {
			model_root: "ab".repeat(32),
			tokenizer: "cd".repeat(32),
			prompt: vec![1, 2, 3],
			answer: answer.to_vec(),
			seed: u64::MAX,
			temperature_q8: 128,
			top_p_q8: 256,
			max_tokens: 4,
			stop: Vec::new(),
			ends: vec![0],
			end: end(name),
			engine: "test".into(),
		}
	}

	/// A gateway whose receipts are all this one.
	async fn gateway(record: &GenerationRecord) -> Upstream {
		let mut value = serde_json::to_value(record).unwrap();
		value["format"] = json!("blyan/generation");
		value["version"] = json!(1);
		let receipt = value.to_string();
		let router = Router::new()
			.route("/v1/completions", post(|| async { ([(wire::RECEIPT_ID, "cmpl-7")], "{}") }))
			.route("/v1/receipts/cmpl-7", get(move || async move { receipt }));
		serve(router).await
	}

	async fn serve(router: Router) -> Upstream {
		let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
		let upstream = Upstream::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
		tokio::spawn(async move { axum::serve(listener, router).await });
		upstream
	}

	fn differs(index: usize, receipt: Option<u32>, gateway: Option<u32>) -> Opinion {
		Opinion::Differs(Difference { index, receipt, gateway })
	}

	#[test]
	fn answers_are_compared_to_the_last_token_and_to_their_end() {
		let ours = record(&[5, 6, 7, 8], "length");
		assert_eq!(compare(&ours, &ours), Opinion::Agrees);
		let of = |answer: &[u32], end| compare(&ours, &record(answer, end));
		assert_eq!(of(&[5, 9, 7, 8], "length"), differs(1, Some(6), Some(9)));
		assert_eq!(of(&[5, 6, 0], "end"), differs(2, Some(7), Some(0)));
		assert_eq!(of(&[5, 6, 7], "stop"), differs(3, Some(8), None));
		assert_eq!(of(&[5, 6, 7, 8], "end"), differs(4, None, None));
		assert!(matches!(of(&[5, 6], "cancelled"), Opinion::None(_)));
	}

	#[test]
	fn an_answer_that_was_cut_short_is_compared_as_far_as_it_goes() {
		let short = record(&[5, 6], "cancelled");
		assert_eq!(compare(&short, &record(&[5, 6, 7, 8], "length")), Opinion::Agrees);
		assert_eq!(compare(&short, &record(&[5, 7, 7, 8], "length")), differs(1, Some(6), Some(7)));
		assert_eq!(compare(&short, &record(&[5], "end")), differs(1, Some(6), None));
		// With nothing to compare every answer would agree.
		assert!(matches!(compare(&record(&[], "cancelled"), &record(&[5], "end")), Opinion::None(_)));
	}

	#[test]
	fn an_answer_to_another_question_is_no_opinion() {
		let ours = record(&[5], "length");
		for change in [
			|record: &mut GenerationRecord| record.seed = 7,
			|record: &mut GenerationRecord| record.prompt.push(4),
			|record: &mut GenerationRecord| record.model_root = "ef".repeat(32),
			|record: &mut GenerationRecord| record.ends = vec![9],
		] {
			let mut theirs = ours.clone();
			change(&mut theirs);
			assert!(matches!(compare(&ours, &theirs), Opinion::None(_)));
		}
	}

	#[test]
	fn the_question_is_exact_and_holds_no_answer() {
		let question = question(&record(&[5, 6], "length"));
		assert_eq!(question["seed"], u64::MAX.to_string());
		assert_eq!((&question["temperature"], &question["top_p"]), (&json!(0.5), &json!(1.0)));
		assert_eq!(question["prompt"], json!([1, 2, 3]));
		assert!(question.get("stop").is_none() && question.get("answer").is_none());
	}

	#[test]
	fn a_verdict_takes_gateways_of_one_mind() {
		let (agrees, differs, none) = (Opinion::Agrees, differs(0, None, None), Opinion::None("down".into()));
		assert_eq!(verdict(&[agrees.clone(), none.clone()]), Some(true));
		assert_eq!(verdict(&[differs.clone(), none.clone()]), Some(false));
		assert_eq!(verdict(&[agrees, differs]), None);
		assert_eq!(verdict(&[none]), None);
	}

	#[tokio::test]
	async fn gateways_agree_differ_or_say_why_not() {
		let ours = record(&[5, 6], "end");
		let honest = gateway(&ours).await;
		assert_eq!(opinion(&honest, &ours).await, Opinion::Agrees);
		let other = gateway(&record(&[5, 0], "end")).await;
		assert_eq!(opinion(&other, &ours).await, differs(1, Some(6), Some(0)));
		let refusal = json!({ "error": { "message": "a voucher is needed\u{1b}[2J" } }).to_string();
		let paid = Router::new().fallback(move || async move { (StatusCode::PAYMENT_REQUIRED, refusal) });
		let Opinion::None(reason) = opinion(&serve(paid).await, &ours).await else { panic!("it answered") };
		assert!(reason.contains("402") && reason.contains("a voucher is needed"), "{reason}");
		assert!(!reason.contains('\u{1b}'), "a terminal would obey it");
		let gone = Upstream::new("http://127.0.0.1:1").unwrap();
		assert!(matches!(opinion(&gone, &ours).await, Opinion::None(_)));
	}
	#[tokio::test]
	async fn a_gateway_that_never_ends_its_answer_is_silent() {
		let endless =
			|| async { Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>()) };
		let upstream = serve(Router::new().fallback(endless)).await;
		let asked = opinion_within(Duration::from_millis(200), &upstream, &record(&[5], "length")).await;
		let Opinion::None(reason) = asked else { panic!("it answered") };
		assert!(reason.contains("not whole"), "{reason}");
		assert_eq!(printable(&"a".repeat(REASON_MAX + 1)).len(), REASON_MAX);
	}
}
