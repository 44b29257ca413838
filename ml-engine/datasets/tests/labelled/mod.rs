//! A labelled set for the search for personal data and secrets, drawn from a fixed generator: of each kind as many numbers that are
//! someone's as numbers that only look like it, and numbers of programs, books and logs.
//!
//! Check digits are computed here a second time, by code that the filter does not share; `tests/test_labels.py` of the Python package
//! holds the numbers against a third. Keys are put together from parts, so that no scanner takes this folder for a leak.

mod draw;
mod other;
mod people;
mod secrets;

use blyan_datasets::Finding;
use draw::Draw;

/// Cases of one kind and label.
pub const CASES: usize = 300;

/// A text with the kind that has to be found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
	/// Kind that the text has, or looks as if it had; none for numbers of any other kind.
	pub about: Option<Finding>,
	/// True if the text has it. Nothing else may be found in it.
	pub is_positive: bool,
	/// The number, address or key alone.
	pub value: String,
	/// The text.
	pub text: String,
}

/// Generator of one kind: takes the index of the case.
type Generator = fn(&mut Draw, usize) -> String;

/// Kinds, with what makes a case that is one and a case that is none.
const KINDS: [(Finding, Generator, Generator); 18] = [
	(Finding::Email, people::email, other::no_email),
	(Finding::Phone, people::phone, other::no_phone),
	(Finding::Iban, people::iban, other::no_iban),
	(Finding::PaymentNumber, people::payment, other::no_payment),
	(Finding::SocialSecurity, people::social_security, other::no_social_security),
	(Finding::GermanTaxId, people::german_tax_id, other::no_german_tax_id),
	(Finding::BrazilianCpf, people::cpf, other::no_cpf),
	(Finding::SpanishDni, people::dni, other::no_dni),
	(Finding::FrenchNir, people::nir, other::no_nir),
	(Finding::ItalianFiscalCode, people::fiscal_code, other::no_fiscal_code),
	(Finding::ChineseResident, people::resident, other::no_resident),
	(Finding::Aadhaar, people::aadhaar, other::no_aadhaar),
	(Finding::NhsNumber, people::nhs, other::no_nhs),
	(Finding::IpAddress, people::ip, other::no_ip),
	(Finding::ServiceKey, secrets::service_key, secrets::no_service_key),
	(Finding::PrivateKey, secrets::private_key, secrets::no_private_key),
	(Finding::SignedToken, secrets::signed_token, secrets::no_signed_token),
	(Finding::AssignedSecret, secrets::assigned, secrets::no_assigned),
];

/// Places in which numbers stand: prose, tables, source code, JSON. None has a word that names a kind.
const FRAMES: [&str; 10] = [
	"Please write to the office about {} before the end of the week.",
	"The old form still shows {}, which has to be changed.",
	"| reference | {} | checked by the desk on Monday |",
	"let entry = record(\"{}\", \"customer of the branch\");",
	"customer,{},active,since last summer",
	"{\"entry\": \"{}\", \"state\": \"open\", \"note\": \"seen twice\"}",
	"<td>{}</td><td>waits for an answer of the desk</td>",
	"# note: {}\nprint('one line of code that follows')",
	"Two of them came back:\n{}\nand one did not.",
	"He read it out slowly ({}), and she wrote it down.",
];
/// Places in which lines of a configuration stand.
const LINES: [&str; 3] = [
	"{}\n# a line of the configuration of a service, and another\n",
	"# the configuration of a service\nverbose = true\n{}\nretries = 3\n",
	"fn configure() {\n{}\n}\n",
];

/// All cases, the same each time.
pub fn cases() -> Vec<Case> {
	let mut draw = Draw::new(0x626c_7961_6e00_0001);
	let mut cases = Vec::new();
	for (kind, yes, no) in KINDS {
		let frames: &[&str] = if kind == Finding::AssignedSecret { &LINES } else { &FRAMES };
		for (is_positive, generate) in [(true, yes), (false, no)] {
			for index in 0..CASES {
				let value = generate(&mut draw, index);
				let text = frames[(index / 2) % frames.len()].replacen("{}", &value, 1);
				cases.push(Case { about: Some(kind), is_positive, value, text });
			}
		}
	}
	for index in 0..CASES {
		let value = other::number(&mut draw, index);
		let text = FRAMES[(index / 2) % FRAMES.len()].replacen("{}", &value, 1);
		cases.push(Case { about: None, is_positive: false, value, text });
	}
	cases
}
