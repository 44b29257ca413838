//! Personal data: numbers whose check digits are right, and addresses.

use super::{
	check_digits::{cpf, iban, italian, luhn, mod_11_10, mod_11_2, nhs, remainder, spanish_letter, verhoeff},
	contact,
	scan::{Found, Scan},
};
use crate::Finding;

/// Adds the kinds of personal data in a text.
pub(super) fn find(text: &str, findings: &mut Vec<Finding>) {
	if text.contains('@') && contact::has_email(text.as_bytes()) {
		findings.push(Finding::Email);
	}
	if !text.bytes().any(|byte| byte.is_ascii_digit()) {
		return;
	}
	let scan = Scan::new(text);
	let mut index = 0;
	while index < scan.len() {
		let found = match scan.word(index).iter().any(u8::is_ascii_digit) {
			true => at(&scan, index),
			false => None,
		};
		index += found.map_or(1, |(finding, words)| {
			findings.push(finding);
			words
		});
	}
}

fn at(scan: &Scan, index: usize) -> Option<Found> {
	const RULES: [fn(&Scan, usize) -> Option<Found>; 13] = [
		bank_account,
		italian_code,
		chinese_resident,
		payment_number,
		french_nir,
		social_security,
		brazilian_cpf,
		german_tax_id,
		aadhaar,
		spanish_dni,
		nhs_number,
		contact::ip_address,
		contact::phone,
	];
	RULES.iter().find_map(|rule| rule(scan, index))
}

/// Lengths of IBANs by country (registry of SWIFT, release 98).
const IBAN_LENGTHS: &str =
	"AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 \
	EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 \
	IT27 JO30 KW30 KZ20 LB28 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MT31 NL18 NO15 PL28 PT25 \
	RO24 RS22 SA24 SE24 SI19 SK24 TR26";

fn bank_account(scan: &Scan, index: usize) -> Option<Found> {
	let first = scan.word(index);
	let (country, rest) = first.split_at_checked(2)?;
	if !rest.get(..2)?.iter().all(u8::is_ascii_digit) {
		return None;
	}
	let entry = IBAN_LENGTHS.split(' ').find(|entry| entry.as_bytes().starts_with(country))?;
	let length: usize = entry.get(2..)?.parse().ok()?;
	let mut account = first.to_vec();
	let mut last = index;
	// In groups of four, as people write it.
	while account.len() < length && scan.word(last).len() == 4 && scan.separator(last) == Some(b' ') {
		last += 1;
		account.extend_from_slice(scan.word(last));
	}
	let is_whole = account.len() == length && scan.is_alone(index, last);
	(is_whole && iban(&account)).then_some((Finding::Iban, last - index + 1))
}

fn italian_code(scan: &Scan, index: usize) -> Option<Found> {
	let word = scan.word(index);
	let shape = b"AAAAAA00A00A000A";
	let fits = word.len() == shape.len()
		&& word.iter().zip(shape).all(|(byte, kind)| match kind {
			b'A' => byte.is_ascii_uppercase(),
			_ => byte.is_ascii_digit(),
		});
	(fits && italian(word)).then_some((Finding::ItalianFiscalCode, 1))
}

fn chinese_resident(scan: &Scan, index: usize) -> Option<Found> {
	let word = scan.word(index);
	let (last, body) = word.split_last()?;
	if word.len() != 18 || !body.iter().all(u8::is_ascii_digit) {
		return None;
	}
	let mut digits = values(body);
	digits.push(match last {
		b'0'..=b'9' => last - b'0',
		b'X' => 10,
		_ => return None,
	});
	let (year, month, day) = (number(&digits, 6, 4)?, number(&digits, 10, 2)?, number(&digits, 12, 2)?);
	let is_born = (1900..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
	let has_region = digits.first().is_some_and(|digit| (1..=8).contains(digit));
	let is_one = is_born && has_region && mod_11_2(&digits) && scan.is_alone(index, index);
	is_one.then_some((Finding::ChineseResident, 1))
}

/// Groups in which payment numbers are printed.
const PAYMENT_GROUPS: [&[usize]; 5] =
	[&[4, 4, 4, 4], &[4, 6, 5], &[4, 4, 4, 4, 3], &[4, 6, 4], &[4, 4, 4, 1]];

/// Words that announce a payment number.
const PAYMENT_WORDS: [&str; 8] = ["card", "cards", "credit", "debit", "visa", "mastercard", "amex", "pan"];

fn payment_number(scan: &Scan, index: usize) -> Option<Found> {
	// Of a row of five groups one may be the date that belongs to a payment number; a longer one is a table, if it does not say otherwise.
	let beside = if scan.is_named(index, &PAYMENT_WORDS) { usize::MAX } else { 1 };
	let grouped = PAYMENT_GROUPS.iter().find_map(|lengths| {
		let digits = scan.groups_beside(index, lengths, b" -", beside)?;
		is_issued(&digits).then_some((Finding::PaymentNumber, lengths.len()))
	});
	grouped.or_else(|| {
		let length = scan.word(index).len();
		let digits = (13..=19).contains(&length).then(|| scan.groups(index, &[length], b"")).flatten()?;
		is_issued(&digits).then_some((Finding::PaymentNumber, 1))
	})
}

/// Reports whether an issuer gives out numbers of this beginning and length, and the check digit is right.
fn is_issued(digits: &[u8]) -> bool {
	let begin = |length| number(digits, 0, length).unwrap_or_default();
	let (two, three, four) = (begin(2), begin(3), begin(4));
	let fits = match digits.len() {
		13 | 19 if digits.first() == Some(&4) => true,
		14 => matches!(two, 36 | 38 | 39) || (300..=305).contains(&three),
		15 => matches!(two, 34 | 37),
		16 => {
			digits.first() == Some(&4)
				|| (51..=55).contains(&two)
				|| (2221..=2720).contains(&four)
				|| four == 6011
				|| two == 65 || (644..=649).contains(&three)
				|| (3528..=3589).contains(&four)
				|| two == 62
		}
		17..=19 => two == 62,
		_ => false,
	};
	fits && luhn(digits)
}

fn french_nir(scan: &Scan, index: usize) -> Option<Found> {
	const GROUPS: [&[usize]; 2] = [&[1, 2, 2, 2, 3, 3, 2], &[15]];
	GROUPS.iter().find_map(|lengths| {
		let digits = scan.groups(index, lengths, b" ")?;
		let (sex, month) = (digits.first()?, number(&digits, 3, 2)?);
		let is_dated = (1..=12).contains(&month) || (20..=42).contains(&month) || month >= 50;
		let key = 97 - remainder(digits.get(..13)?, 97);
		let is_one = matches!(sex, 1 | 2) && is_dated && number(&digits, 13, 2)? == key;
		is_one.then_some((Finding::FrenchNir, lengths.len()))
	})
}

fn social_security(scan: &Scan, index: usize) -> Option<Found> {
	let digits = scan.groups(index, &[3, 2, 4], b"-")?;
	let (area, group, serial) = (number(&digits, 0, 3)?, number(&digits, 3, 2)?, number(&digits, 5, 4)?);
	// Numbers that were printed in advertisements, and are no one's.
	let is_void = matches!((area, group, serial), (78, 5, 1120) | (219, 9, 9999) | (123, 45, 6789));
	let is_given = !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0;
	(is_given && !is_void).then_some((Finding::SocialSecurity, 3))
}

fn brazilian_cpf(scan: &Scan, index: usize) -> Option<Found> {
	if let Some(digits) = scan.groups(index, &[11], b"") {
		return (scan.is_named(index, &["cpf"]) && cpf(&digits)).then_some((Finding::BrazilianCpf, 1));
	}
	let is_written = scan.separator(index) == Some(b'.')
		&& scan.separator(index + 1) == Some(b'.')
		&& scan.separator(index + 2) == Some(b'-')
		&& scan.is_alone(index, index + 3);
	let words: Vec<&[u8]> = (index..index + 4).map(|index| scan.word(index)).collect();
	let lengths: Vec<usize> = words.iter().map(|word| word.len()).collect();
	let all = words.concat();
	let is_cpf =
		is_written && lengths == [3, 3, 3, 2] && all.iter().all(u8::is_ascii_digit) && cpf(&values(&all));
	is_cpf.then_some((Finding::BrazilianCpf, 4))
}

fn german_tax_id(scan: &Scan, index: usize) -> Option<Found> {
	const GROUPS: [&[usize]; 2] = [&[11], &[2, 3, 3, 3]];
	GROUPS.iter().find_map(|lengths| {
		let digits = scan.groups(index, lengths, b" ")?;
		// Of the first ten digits exactly one comes twice or three times, the others once at most.
		let mut counts = [0_u8; 10];
		for digit in digits.get(..10)? {
			*counts.get_mut(usize::from(*digit))? += 1;
		}
		let repeated: Vec<u8> = counts.into_iter().filter(|count| *count > 1).collect();
		let is_spread = repeated.len() == 1 && repeated.iter().all(|count| *count <= 3);
		let is_one = is_spread && digits.first() != Some(&0) && mod_11_10(&digits);
		is_one.then_some((Finding::GermanTaxId, lengths.len()))
	})
}

fn aadhaar(scan: &Scan, index: usize) -> Option<Found> {
	let is_named = scan.is_named(index, &["aadhaar", "aadhar", "uidai", "uid"]);
	let beside = if is_named { usize::MAX } else { 0 };
	let grouped = scan.groups_beside(index, &[4, 4, 4], b" -", beside).map(|digits| (digits, 3));
	let named = || {
		let digits = scan.groups(index, &[12], b"")?;
		is_named.then_some((digits, 1))
	};
	let (digits, words) = grouped.or_else(named)?;
	let is_given = digits.first().is_some_and(|digit| *digit >= 2);
	// Three years side by side, of which every tenth group has the right check digit.
	let is_year = |start| number(&digits, start, 4).is_some_and(|year| (1900..=2100).contains(&year));
	let are_years = words == 3 && [0, 4, 8].into_iter().all(is_year);
	(is_given && !are_years && verhoeff(&digits)).then_some((Finding::Aadhaar, words))
}

fn spanish_dni(scan: &Scan, index: usize) -> Option<Found> {
	let word = scan.word(index);
	let (letter, body) = word.split_last()?;
	let foreign = body.first().and_then(|first| b"XYZ".iter().position(|letter| letter == first));
	let digits = match (foreign, body.len()) {
		(None, 8) => values(body),
		(Some(prefix), 8) => {
			let mut digits = vec![u8::try_from(prefix).ok()?];
			digits.extend(values(body.get(1..)?));
			digits
		}
		_ => return None,
	};
	let is_number = body.iter().skip(usize::from(foreign.is_some())).all(u8::is_ascii_digit);
	let is_one =
		is_number && spanish_letter(number(&digits, 0, 8)?) == Some(*letter) && scan.is_alone(index, index);
	is_one.then_some((Finding::SpanishDni, 1))
}

fn nhs_number(scan: &Scan, index: usize) -> Option<Found> {
	if !scan.is_named(index, &["nhs"]) {
		return None;
	}
	let grouped = scan.groups_beside(index, &[3, 3, 4], b" -", usize::MAX).map(|digits| (digits, 3));
	let (digits, words) = grouped.or_else(|| Some((scan.groups(index, &[10], b"")?, 1)))?;
	nhs(&digits).then_some((Finding::NhsNumber, words))
}

/// Digits as values; other bytes have none and count as zero.
fn values(digits: &[u8]) -> Vec<u8> {
	digits.iter().map(|byte| if byte.is_ascii_digit() { byte - b'0' } else { 0 }).collect()
}

/// The number of `length` digits from `start` on.
fn number(digits: &[u8], start: usize, length: usize) -> Option<u32> {
	let part = digits.get(start..start + length)?;
	Some(part.iter().fold(0, |number, digit| number * 10 + u32::from(*digit)))
}
