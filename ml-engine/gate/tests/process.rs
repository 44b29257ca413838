//! The gate with its program, where that is built: `scripts/build-gate`, and BLYAN_GATE with its path.

#![allow(clippy::unwrap_used)]

use blyan_gate::{Gate, GateFinding, Options, Record};

/// Starts the gate; without the program there is nothing to test, which is said.
fn gate() -> Option<Gate> {
	if std::env::var_os("BLYAN_GATE").is_none() {
		println!("not tested: scripts/build-gate builds the program, and BLYAN_GATE names it");
		return None;
	}
	Some(Gate::start(&Options::default()).unwrap())
}

const CLEAN: &str = "The scheduler keeps a queue of tasks for each core, and a core whose queue is empty takes half of another one's. \
	This example shows how to add a task and to wait for its result.";

#[test]
fn plain_cases_are_told_apart() {
	let Some(gate) = gate() else { return };
	let german = "Die Warteschlange wird regelmäßig geleert, und jede Aufgabe darin gehört genau einem Kern, der alles ausführt.";
	let mash = "asdf jkl qwer uiop zxcv asdfgh lkjh qpwo eiru tyal skdj fhgz mxnc bvqp woei rutya lskd jfhg zmxn cbv ".repeat(3);
	let toxic = ["you are such a fuck", "ing ass", "hole, you stupid mother", "fuck", "er"].concat();
	let record = |text, language| Record { text, language };
	let records = [
		record(CLEAN, Some("en")),
		record(german, Some("en")),
		record(&mash, None),
		record(&toxic, None),
		record(german, Some("de-AT")),
	];
	let judged = gate.judge(&records).unwrap();
	let found: Vec<&[GateFinding]> = judged.iter().map(|judgement| judgement.findings.as_slice()).collect();
	assert!(found[0].is_empty() && found[4].is_empty(), "{judged:?}");
	assert!(found[1].contains(&GateFinding::Language), "{judged:?}");
	assert!(found[2].contains(&GateFinding::LowQuality), "{judged:?}");
	assert!(found[3].contains(&GateFinding::ToxicModel), "{judged:?}");
}

#[test]
fn judgements_are_in_the_order_of_the_records_in_any_number_of_batches() {
	let Some(gate) = gate() else { return };
	let texts: Vec<String> = (0..300).map(|n| format!("{CLEAN} {n} {}", "x".repeat(n % 7))).collect();
	let records: Vec<Record<'_>> = texts.iter().map(|text| Record { text, language: None }).collect();
	let all = gate.judge(&records).unwrap();
	assert_eq!(all.len(), records.len());
	for (at, record) in records.iter().enumerate().step_by(41) {
		let alone = gate.judge(std::slice::from_ref(record)).unwrap();
		// The place in a batch is another one; sums of floats may be, in their last digit.
		assert!(alone[0].quality.abs_diff(all[at].quality) <= 1, "{at}");
		assert_eq!(alone[0].language, all[at].language, "{at}");
	}
	assert!(gate.judge(&[]).unwrap().is_empty());
}

#[test]
fn attack_a_text_that_is_made_to_break_the_features_is_a_record_like_any_other() {
	let Some(gate) = gate() else { return };
	let texts = [
		String::new(),
		"\0".repeat(100_000),
		"\u{10ffff}".repeat(40_000),
		"a".repeat(3 << 20),
		(0..20_000_u32).map(|n| char::from_u32(n % 0xd000 + 32).unwrap_or(' ')).collect(),
	];
	let records: Vec<Record<'_>> =
		texts.iter().cycle().take(200).map(|text| Record { text, language: Some("x-\u{1f600}") }).collect();
	assert_eq!(gate.judge(&records).unwrap().len(), 200);
}
