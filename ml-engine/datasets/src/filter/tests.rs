//! The filter on labelled sets: numbers that look like people, numbers that are theirs, and texts of every kind.

use super::*;
use proptest::prelude::*;

fn findings(text: &str) -> Vec<Finding> {
	let mut findings = Vec::new();
	personal::find(text, &mut findings);
	findings.sort_unstable();
	findings.dedup();
	findings
}

/// Numbers of programs, books and parts, as wrong finds of other tools were reported, and more of their kind.
const NOT_PERSONAL: [&str; 44] = [
	"a constant of 2.3500000000000001E-3 in the table",
	"latitude 52.5702100309281 north",
	"account reference 0190074442 of the part",
	"longitude 106.0512973 east",
	"the server 10.0.12.134 answers on the inside",
	"release 1.2.3-rc.4 is out",
	"0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8",
	"ISBN 978-3-16-148410-0 and ISBN 9783161484100",
	"at 1700000000 and at 1700000000123 of Unix time",
	"part AC1234567890-12 and AC1234 from stock",
	"version 12.4.1.7 of the firmware",
	"from 3.14159265358979323846 to 2.71828182845904523536",
	"const PRIME: u64 = 11400714819323198485;",
	"let id = 4000000000000000;",
	"uuid 550e8400-e29b-41d4-a716-446655440000",
	"git@github.com:owner/project.git",
	"icon@2x.png and react@next.js",
	"getty@tty1.service is running",
	"#[derive(Debug)] @property def name(self)",
	"the address 192.168.178.1 of the router",
	"ip 8.8.8.8 resolves names",
	"from 203.0.113.7, an address of documentation",
	"order 123-45-6789-0 of the batch",
	"tracking number 000-12-3456",
	"666-12-3456 and 900-12-3456 were never given out",
	"DE89370400440532013001 has a wrong check digit",
	"DE8937040044053201300 is too short",
	"4111 1111 1111 1112 has a wrong check digit",
	"1111 1111 1111 1117 has no issuer",
	"12345678A has the wrong letter",
	"the years 1939-1945 and pages 100-200",
	"2023-11-30 12:34:56.789012",
	"11010519491231002Y is a part number",
	"86095742718 has a wrong check digit",
	"RSSMRA85T10A562T is wrong by a letter",
	"111.111.111-11 and 123.456.789-00",
	"x = 2125550123 * 3",
	"1 + 49 = 50 and +1 for that idea",
	"SHA-256 of 256-512-1024 blocks",
	"colour #4111111111111111",
	"/files/4111111111111111/view",
	"1234 5678 9012 of the register",
	"the chip intel 8088 05 12 34",
	"0x4111111111111111 as an integer",
];

/// Numbers of the right form with right check digits, from the documentation of those who give them out.
const PERSONAL: [(&str, Finding); 36] = [
	("pay to DE89370400440532013000 today", Finding::Iban),
	("IBAN: DE89 3704 0044 0532 0130 00", Finding::Iban),
	("account GB82 WEST 1234 5698 7654 32.", Finding::Iban),
	("FR1420041010050500013M02606", Finding::Iban),
	("number 4111 1111 1111 1111", Finding::PaymentNumber),
	("4111-1111-1111-1111 expires", Finding::PaymentNumber),
	("number 5500005555555559,", Finding::PaymentNumber),
	("3782 822463 10005 is a number", Finding::PaymentNumber),
	("6011111111111117 was charged", Finding::PaymentNumber),
	("let admin = \"user@example.com\";", Finding::Email),
	("Write to jane.doe+news@mail.example.org.", Finding::Email),
	("<o_brien-3@sub.example.co.uk>", Finding::Email),
	("call +49 30 901820 for help", Finding::Phone),
	("+442079460958", Finding::Phone),
	("(212) 555-0187 at night", Finding::Phone),
	("reach us at 415-555-2671", Finding::Phone),
	("Tel. 030 901820", Finding::Phone),
	("phone: 0171/2345678", Finding::Phone),
	("+1 650-253-0000", Finding::Phone),
	("SSN 536-22-8765", Finding::SocialSecurity),
	("Steuer-ID 86095742719", Finding::GermanTaxId),
	("86 095 742 719", Finding::GermanTaxId),
	("CPF 111.444.777-35", Finding::BrazilianCpf),
	("cpf: 11144477735", Finding::BrazilianCpf),
	("DNI 12345678Z", Finding::SpanishDni),
	("NIE X1234567L", Finding::SpanishDni),
	("2 55 08 14 168 025 38", Finding::FrenchNir),
	("255081416802538", Finding::FrenchNir),
	("codice fiscale RSSMRA85T10A562S", Finding::ItalianFiscalCode),
	("11010519491231002X", Finding::ChineseResident),
	("Aadhaar 2341 2341 2346", Finding::Aadhaar),
	("aadhaar no. 234123412346", Finding::Aadhaar),
	("NHS number 943 476 5919", Finding::NhsNumber),
	("NHS 9434765919", Finding::NhsNumber),
	("login from 91.198.174.192 failed", Finding::IpAddress),
	("client: 151.101.1.69", Finding::IpAddress),
];

#[test]
fn precision_and_recall_on_the_labelled_set_are_at_least_95_percent() {
	let wrong: Vec<_> = NOT_PERSONAL
		.iter()
		.map(|text| (text, findings(text)))
		.filter(|(_, found)| !found.is_empty())
		.collect();
	let missed: Vec<_> = PERSONAL
		.iter()
		.filter(|(text, finding)| findings(text) != [*finding])
		.map(|(text, _)| (text, findings(text)))
		.collect();
	let right = PERSONAL.len() - missed.len();
	assert!(right * 100 >= 95 * (right + wrong.len()), "precision: {wrong:?}");
	assert!(right * 100 >= 95 * PERSONAL.len(), "recall: {missed:?}");
	// And those that were reported against other tools are all right.
	let reported = NOT_PERSONAL.iter().take(10).filter(|text| !findings(text).is_empty()).count();
	assert_eq!(reported, 0, "{wrong:?}");
}

/// Findings of letters, logs and tables, which must not be lost to the rules that spare source code.
#[test]
fn what_looks_like_code_and_is_a_person_is_found() {
	for (text, finding) in [
		("ask jane.doe@gmail.com(office) or li.wang@163.com(home)", Finding::Email),
		("<a href=\"mailto:jane.doe@posteo.de\">write</a>", Finding::Email),
		("<a href=\"mailto://jane.doe@posteo.de\">write</a>", Finding::Email),
		("<a href=\"http://jane.doe@gmail.com\">write</a>", Finding::Email),
		("https://shop.example.org/?mail=jane.doe@gmail.com&step=2", Finding::Email),
		("sip:jane.doe@posteo.de", Finding::Email),
		("Tel. 030.90182012 in the morning", Finding::Phone),
		("Telefon 04821 12 34", Finding::Phone),
		("Tel. 0621 45 67", Finding::Phone),
		("Registrant Phone: +49.3090182012", Finding::Phone),
		("visa 4111 1111 1111 1111 0927 123", Finding::PaymentNumber),
		("J. Doe 4111 1111 1111 1111 2027", Finding::PaymentNumber),
		("Visa 4111 1111 1111 1111 5500 0055 5555 5559", Finding::PaymentNumber),
		("17,4111111111111111,2027-09,Doe", Finding::PaymentNumber),
		("17,4111-1111-1111-1111,0927,Doe", Finding::PaymentNumber),
		("| Doe | DE89 3704 0044 0532 0130 00 | 12.50 |", Finding::Iban),
		("Doe;DE89370400440532013000;12,50", Finding::Iban),
		("NHS number 943 476 5919 1985", Finding::NhsNumber),
		("Aadhaar 2341 2341 2346 1985", Finding::Aadhaar),
		("updated by client 91.198.174.192", Finding::IpAddress),
		("build failed, last login from 91.198.174.192", Finding::IpAddress),
	] {
		assert!(findings(text).contains(&finding), "{text}: {:?}", findings(text));
	}
	for text in [
		"q@k.transpose(0, 1) and x@w.to(device) and a@b.mm(c)",
		"ssh://deploy@build.firm24.de/app",
		"the client's version 12.4.1.7",
		"updated from 12.4.1.7",
		"a call of 05/11/2023",
		"the call took 0.5702100 seconds",
		"2341 4111 1111 1111 1111 2027 3050",
	] {
		assert!(findings(text).is_empty(), "{text}: {:?}", findings(text));
	}
}

#[test]
fn full_width_digits_are_digits() {
	let filter = Filter::new(Rules::default());
	let text =
		"A number to be read: \u{ff14}\u{ff11}\u{ff11}\u{ff11} 1111 1111 1111, as it is written there.";
	assert_eq!(filter.judge(text).findings, [Finding::PaymentNumber]);
}

#[test]
fn every_reason_of_the_filter_has_its_text() {
	let filter = Filter::new(Rules::default());
	let key = format!("{}{}", "sk-a", "nt-Zq3vT9xKp2LmW8rYs6Bn4Hd7");
	let abuse = String::from_utf8(
		b"shpx lbh, lbh vqvbg"
			.iter()
			.map(|byte| match byte {
				b'a'..=b'z' => b'a' + (byte - b'a' + 13) % 26,
				byte => *byte,
			})
			.collect(),
	)
	.unwrap();
	for (text, wanted) in [
		("A text of some words, and nothing to object to.".to_string(), None),
		("// SPDX-License-Identifier: GPL-3.0-only\nfn main() {}".into(), Some(Reason::LicenceNotPermissive)),
		("// SPDX-License-Identifier: banana\nfn main() {}".into(), Some(Reason::LicenceUnknown)),
		("// Proprietary and confidential\nfn main() {}".into(), Some(Reason::Proprietary)),
		("# DO NOT EDIT, a program wrote this\nname = 1".into(), Some(Reason::Generated)),
		(format!("the key is {key} and it works"), Some(Reason::Secret)),
		("write to jane.doe@example.org about it".into(), Some(Reason::PersonalData)),
		(format!("so he said: {abuse}"), Some(Reason::Toxic)),
		("tiny".into(), Some(Reason::TooShort)),
	] {
		assert_eq!(filter.judge(&text).reason, wanted, "{text}");
	}
	let lenient = Filter::new(Rules { any_licence: true, keep_generated: true, ..Rules::default() });
	for text in [
		"// SPDX-License-Identifier: GPL-3.0-only\nfn main() {}",
		"# DO NOT EDIT, a program wrote this\nname = 1",
	] {
		assert_eq!(lenient.judge(text).reason, None, "{text}");
	}
	// What is not published may hold what must not be published; what says nothing still says nothing.
	let private = Filter::new(Rules { stays_here: true, ..Rules::default() });
	for text in [
		format!("the key is {key} and it works"),
		"write to jane.doe@example.org about it".into(),
		format!("so he said: {abuse}"),
	] {
		assert_eq!((private.judge(&text).reason, private.secrets(&text)), (None, vec![]), "{text}");
	}
	assert_eq!(private.judge("tiny").reason, Some(Reason::TooShort));
	let written = serde_json::to_value(Rules { stays_here: true, ..Rules::default() }).unwrap();
	assert_eq!(written, serde_json::to_value(Rules::default()).unwrap(), "no manifest says so");
}

/// Drawn numbers, as logs and tables have them: exact rates, from a fixed generator.
#[test]
fn drawn_numbers_are_rarely_people() {
	let mut state = 0x2545_f491_4f6c_dd1d_u64;
	let mut draw = || {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		state
	};
	let (mut found, count) = (0, 4_000);
	for _ in 0..count {
		let (a, b, c) = (draw(), draw(), draw());
		let text = format!(
			"row {} {:.6} {:x} {}-{} v{}.{}.{}",
			a % 100_000_000,
			(b % 1_000_000) as f64 / 997.0,
			c,
			a % 97,
			b % 1_013,
			a % 9,
			b % 20,
			c % 40
		);
		found += usize::from(!findings(&text).is_empty());
	}
	assert!(found * 1_000 <= count, "{found} of {count}");
}

/// Filters of the same rules; making one takes a tenth of a second.
static FILTERS: std::sync::LazyLock<[Filter; 2]> =
	std::sync::LazyLock::new(|| [(); 2].map(|()| Filter::new(Rules::default())));

proptest! {
	#[test]
	fn a_verdict_depends_on_the_text_alone(texts in prop::collection::vec("[ -~\u{e9}\n]{0,200}", 1..8)) {
		let forward: Vec<_> = texts.iter().map(|text| FILTERS[0].judge(text)).collect();
		let mut backward: Vec<_> = texts.iter().rev().map(|text| FILTERS[1].judge(text)).collect();
		backward.reverse();
		prop_assert_eq!(forward, backward);
	}

	#[test]
	fn any_text_is_judged_without_a_panic(text: String) {
		let verdict = FILTERS[0].judge(&text);
		prop_assert!(verdict.findings.is_sorted());
		Runs::of(&text).bands();
	}
}
